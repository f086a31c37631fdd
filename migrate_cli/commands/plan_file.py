"""The file of `plan --save`, with which `apply --plan` refuses changes and `plan --against` compares.

It must hold hashes, names and counts only, never text of a message. Drafts are hashed as source and settings alone make
them, without asking a target for files, so that two plans of one source agree wherever they were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrate_cli.commands.choosing import NotSelected
from migrate_cli.commands.context import setup_of
from migrate_cli.commands.files import RunFiles
from migrate_cli.disk import output
from migrate_cli.disk.input import text_of
from migrate_cli.errors import UsageError
from migrate_cli.files.fact_cache import no_record
from migrate_cli.model import Draft, JsonObject, Thread, Unreadable
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.setup import SEEN, upgraded
from migrate_cli.version import __version__

VERSION = 1
"""The version of the file's form; it changes when an older program would misread the file."""
MARK = "migrate_cli_plan"
"""The key that holds the version, and by which a file is known for a plan."""
LISTED = 1000
"""Longest list of thread ids in a comparison."""
NAMED = 3
"""How many threads a refusal names."""


@dataclass(slots=True)
class PlanRecord:
    """What was planned: the setup, what each thread would become, and what was found."""

    setup: dict[str, str]
    """Source, target and conversion, as the state file records them."""
    threads: dict[str, str] = field(default_factory=dict)
    """Thread id → hash of its draft; empty for a thread with nothing to send."""
    findings: dict[str, int] = field(default_factory=dict)
    """Code → count, of findings and of what could not be read."""

    def as_dict(self) -> JsonObject:
        """The file's one object."""
        return {
            MARK: VERSION,
            "program": __version__,
            "setup": self.setup,
            "findings": self.findings,
            "threads": self.threads,
        }


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """How a plan differs from an earlier one; thread ids sorted, settings as sentences."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    settings: list[str]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone or self.settings)


def recording(
    settings: Settings, source: Source, entries: Iterator[Thread | Unreadable], plan: PlanRecord
) -> Iterator[Thread | Unreadable]:
    """Pass the entries of a source on, and note in the plan what each thread would become."""
    resolver = RunFiles(settings, source, None, check=False, recorded=no_record).resolver
    for entry in entries:
        if isinstance(entry, Thread):
            draft = resolver.at_once(entry)
            plan.threads[entry.id] = draft.digest if isinstance(draft, Draft) and not draft.skip_reason else ""
        yield entry


def planned_setup(settings: Settings, source: Source) -> dict[str, str]:
    """Return the setup that a plan keeps. Where an export lies is not a part of it: the threads say which one it is."""
    return _without_place(setup_of(settings, source, sandbox=False))


def _without_place(setup: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in setup.items() if key != SEEN}


def refuse_changes(path: Path, settings: Settings, source: Source, selection: Selection, *, sandbox: bool) -> None:
    """Convert everything wanted once, and raise UsageError `plan-changed` where it is not what was planned.

    A rehearsal has another target than the plan; that is no change. The selection may be a part of the plan.
    """
    planned = read_plan(path)
    now = PlanRecord(planned_setup(settings, source))
    not_selected = NotSelected(source, selection, planned.threads)
    for _ in recording(settings, source, source.threads(selection), now):
        pass
    found = difference(planned, now, selection, not_selected, with_target=not sandbox)
    if found:
        raise UsageError(
            f"{_told(found)}; nothing was sent. Plan again: migrate-cli plan --save {path}", code="plan-changed"
        )


def difference(
    planned: PlanRecord, now: PlanRecord, selection: Selection, not_selected: NotSelected, *, with_target: bool = True
) -> PlanDifference:
    """Return what has changed since the plan. Threads that the selection leaves out now are not called gone."""
    gone = (
        one
        for one in planned.threads.keys() - now.threads.keys() - not_selected.ids
        if selection.limit is None and selection.wants(one)
    )
    return PlanDifference(
        sorted(now.threads.keys() - planned.threads.keys()),
        sorted(one for one, digest in now.threads.items() if planned.threads.get(one, digest) != digest),
        sorted(gone),
        [
            f"{name} was {_shown(planned.setup.get(name))} and is {_shown(now.setup.get(name))}"
            for name in sorted(planned.setup.keys() | now.setup.keys())
            if planned.setup.get(name) != now.setup.get(name) and (with_target or not name.startswith("target."))
        ],
    )


def against(
    path: Path, planned: PlanRecord, now: PlanRecord, selection: Selection, not_selected: NotSelected
) -> JsonObject:
    """Return `data["against"]`: what is new since an earlier plan."""
    found = difference(planned, now, selection, not_selected)
    lists = {"new": found.new, "changed": found.changed, "gone": found.gone}
    return {
        "file": str(path),
        "threads": {name: len(ids) for name, ids in lists.items()},
        "thread_ids": {name: ids[:LISTED] for name, ids in lists.items()},
        "codes": {
            "new": sorted(now.findings.keys() - planned.findings.keys()),
            "gone": sorted(planned.findings.keys() - now.findings.keys()),
        },
        "settings": found.settings,
    }


def read_plan(path: Path) -> PlanRecord:
    """Read a plan. Raises UsageError for a file that cannot be read, is no plan, or is one of another version."""
    try:
        value = json.loads(text_of(path, "utf-8"))
    except OSError as error:
        raise UsageError(
            f"the plan {path} cannot be read ({error.strerror or error}); make one with plan --save"
        ) from error
    except (ValueError, RecursionError):
        value = None
    version = value.get(MARK) if isinstance(value, dict) else None
    if version is None:
        raise UsageError(f"{path} is not a plan; create one with: migrate-cli plan --save {path}")
    if version != VERSION:
        raise UsageError(
            f"{path} is a plan of version {version}, and this program reads version {VERSION}; "
            f"plan again: migrate-cli plan --save {path}"
        )
    parts = [value.get(name) for name in ("setup", "threads", "findings")]
    if not all(isinstance(part, dict) for part in parts):
        raise UsageError(f"the plan {path} is damaged; plan again: migrate-cli plan --save {path}")
    setup, threads, findings = parts
    return PlanRecord(_without_place(upgraded(setup)), threads, findings)


def check_place(path: Path) -> None:
    """Raise UsageError before any work when `save_plan` would fail for a reason that can be seen now."""
    why = output.obstacle(path)
    if why is not None:
        raise _unwritable(path, why)


def save_plan(path: Path, plan: PlanRecord) -> None:
    """Write a plan where a path leads. Raises UsageError when it cannot be written."""
    try:
        output.write(path, json.dumps(plan.as_dict(), separators=(",", ":"), sort_keys=True))
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unwritable(path: Path, why: str) -> UsageError:
    return UsageError(f"the plan {path} cannot be saved ({why}); change --save")


def findings_of(codes: Mapping[str, int], unreadable: list[JsonObject]) -> dict[str, int]:
    """Return how often each code was met, with those of what could not be read."""
    met = dict(codes)
    for entry in unreadable:
        code = str(entry["code"])
        met[code] = met.get(code, 0) + 1
    return met


def _told(found: PlanDifference) -> str:
    kinds = (("changed", found.changed), ("new", found.new), ("gone", found.gone))
    parts = [*found.settings, *(f"{len(ids):,} {kind}: {_first(ids)}" for kind, ids in kinds if ids)]
    what = "source and settings" if found.settings and len(parts) > len(found.settings) else None
    what = what or ("settings" if found.settings else "source")
    return f"{what} changed since the plan was saved ({'; '.join(parts)})"


def _first(ids: list[str]) -> str:
    return ", ".join(ids[:NAMED]) + (" …" if len(ids) > NAMED else "")


def _shown(value: str | None) -> str:
    return value or "not set"
