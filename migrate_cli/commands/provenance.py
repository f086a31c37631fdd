"""The provenance of a result, so that a report can serve as evidence: when, with which command, settings and version.

The settings of a run are recorded when it begins, so that a report that is made later says the same.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from migrate_cli.errors import MigrateError
from migrate_cli.model import JsonObject, Provenance, Result
from migrate_cli.secrets import scrub
from migrate_cli.settings.model import Settings
from migrate_cli.settings.shown import settings_digest, settings_rows
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.version import __version__

MADE = "made"
"""The option of a recorded run that holds what `made_by` returns."""


def made_by(settings: Settings) -> JsonObject:
    """Return `{command_line, source, settings_digest, settings: [{setting, value, from}]}`, with secrets masked.

    `settings` are those that differ from the default. `command_line` is None in an application.
    """
    rows = settings_rows(settings)
    line = settings.command_line
    return {
        "command_line": None if line is None else scrub(line),
        "source": _source(settings),
        "settings_digest": settings_digest(rows),
        "settings": [{name: row[name] for name in ("setting", "value", "from")} for row in rows if row["changed"]],
    }


def provenance_of(settings: Settings, result: Result, began: float) -> Provenance:
    """Return how a result came about that a command has just made; it began at `began`, in Unix seconds.

    Of a run that is recorded, the record says it: a report that is made later will say the same.
    """
    if result.run_id is not None:
        with suppress(MigrateError), StateReader(settings.state) as reader:
            run = reader.runs.one(result.run_id)
            if run is not None and run["ended_at"] is not None:
                return provenance_recorded(run, reader.setup())
    target = _target(result.data) or settings.target.base_url
    return _provenance(made_by(settings), target, __version__, began, time.time())


def of_moment(began: float) -> Provenance:
    """Return what is known of a result for which no settings were read: when, and by which version."""
    return _provenance({}, None, __version__, began, time.time())


def provenance_recorded(run: JsonObject, setup: JsonObject) -> Provenance:
    """Return how the result of a recorded run came about; of runs of earlier versions less is known."""
    made = run["options"].get(MADE)
    data = (run.get("result") or {}).get("data") or {}
    target = _target(data) or setup.get("target.base_url")
    return _provenance(
        made if isinstance(made, dict) else {}, target, run["version"], run["started_at"], run["ended_at"]
    )


def _provenance(
    made: JsonObject, target: str | None, version: str, began: float | str | None, ended: float | str | None
) -> Provenance:
    return Provenance(
        version=version,
        started_at=_moment(began),
        ended_at=_moment(ended),
        command_line=made.get("command_line"),
        source=made.get("source"),
        target=target,
        settings_digest=made.get("settings_digest"),
        settings=tuple(made.get("settings") or ()),
    )


def _moment(value: float | str | None) -> str | None:
    """A moment as `2026-11-30T18:20:00Z`; the state file's are texts already."""
    if not isinstance(value, int | float):
        return value
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(settings: Settings) -> str | None:
    source = settings.source
    named = {"export": source.path, "api": source.base_url, "sql": source.url}.get(source.kind)
    return None if named is None else scrub(str(named))


def _target(data: JsonObject) -> str | None:
    """The target that a result names itself."""
    if data.get("rehearsal") is True:
        return SANDBOX
    target = data.get("target")
    if not isinstance(target, dict):
        return None
    return SANDBOX if target.get("sandbox") else target.get("base_url")
