"""What commands need before they begin: source, selection, target, loader policy. It must not run a stage."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from migrate_cli.disk.input import read_named
from migrate_cli.errors import MigrateError, NothingReadable, SetupMismatch, SourceError, UsageError
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.settings.model import Settings
from migrate_cli.sources.api.ids import fault_of, no_ids
from migrate_cli.sources.choice import Choice
from migrate_cli.sources.export.inputs import is_database
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.shard_numbers import shard_from_environment
from migrate_cli.state import setup as setups
from migrate_cli.state.opening import check_place
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX, of_rehearsal
from migrate_cli.state.setup import EXPORT, SEEN
from migrate_cli.target.endpoint import V1, endpoint_of

LOOKED_THROUGH = 1000
"""Unreadable entries in a row that are looked through for a first thread; after that, reading them is the work."""


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Where a command writes, and how the state file remembers it."""

    endpoint: Endpoint
    sandbox: bool
    data: Path | None = None
    """The sandbox's data file."""

    def as_dict(self) -> dict[str, object]:
        """The target, as reports show it."""
        shown: dict[str, object] = {"base_url": self.endpoint.base_url, "sandbox": self.sandbox}
        return shown | ({"data": str(self.data)} if self.data else {})


def open_configured(settings: Settings) -> Source:
    """Open the source that the settings name. Raises SourceError or UsageError."""
    source = settings.source
    if source.kind == "sql" or (source.kind == "export" and source.path is not None and is_database(source.path)):
        from migrate_cli.commands.sql_source import open_sql  # noqa: PLC0415 - exports need no database

        return open_sql(settings)
    if source.map.paths and (source.kind not in ("export", "snapshot") or (source.path is None and source.base_url)):
        raise UsageError("source.map describes files and databases, but the source is neither; remove it")
    if source.kind not in ("export", "api", "snapshot"):
        from migrate_cli.sources.plugins import open_plugin  # noqa: PLC0415 - looks through all installed packages

        return open_plugin(source.kind, source.options)
    if source.kind == "api" or (source.path is None and source.base_url is not None):
        from migrate_cli.commands.api_source import open_api  # noqa: PLC0415 - exports need no client

        return open_api(settings)
    if source.path is None:
        raise UsageError(
            "no source is named; give the path of an export or the URL of a host (`migrate-cli plan ./export`), "
            "or set source.path in migration.yaml"
        )
    from migrate_cli.sources.export.open import open_source  # noqa: PLC0415 - status and map need no source

    return open_source(
        str(source.path),
        format=source.format,
        columns=source.columns,
        roles=source.roles,
        order=source.order,
        join=source.join,
        paths=source.map.paths,
        time_format=source.time_format,
    )


def with_known_source(settings: Settings, name_it: str = "name it, or set source.path") -> Settings:
    """Return the settings with the source that the state file knows, if they name none and it knows one.

    Raises UsageError where it is not where it was last seen; `name_it` is the way on.
    """
    source = settings.source
    if source.kind != "export" or source.path is not None or source.base_url is not None:
        return settings
    if not settings.state.is_file():
        return settings
    with StateReader(settings.state) as reader:
        known = _known_source(reader.setup())
    path = known.get("path")
    if path is not None and not path.exists():
        raise UsageError(f"the export was last seen at {path}, but is no longer there; {name_it}", code="no-source")
    return settings.model_copy(update={"source": source.model_copy(update=known)})


def _known_source(setup: dict[str, str]) -> dict[str, Any]:
    """Return the source that a setup names, as settings."""
    if (seen := setup.get(SEEN)) is not None:
        return {"path": Path(seen)}
    if database := setups.database_of(setup):
        return {"path": Path(database[0]), "table": database[1]}
    address = setups.host_of(setup)
    return {"kind": "api", "base_url": address} if address else {}


def selection_of(
    threads: list[str], threads_from: str | None, limit: int | None, shard: str | None, choice: Choice | None = None
) -> Selection:
    """Return the selection that `--thread`, `--threads-from`, `--limit` and `--shard` describe, with a choice beside.

    Raises UsageError.
    """
    named = [(f"value {number} of --thread", thread_id) for number, thread_id in enumerate(threads, 1)]
    if threads_from is not None:
        listed = list(_read_ids(threads_from))
        if not listed:
            raise no_ids(threads_from)
        named += listed
    if limit is not None and limit < 1:
        raise UsageError(f"--limit takes a number of at least 1, not {limit}")
    chosen = frozenset(thread_id for _, thread_id in named) if threads or threads_from is not None else None
    doubtful = {place: thread_id for place, thread_id in named if fault_of(thread_id) is not None}
    part = None if shard is None else shard_from_environment(shard, os.environ)
    return Selection(chosen, limit, part, doubtful, choice or Choice())


def begun(source: Source, selection: Selection) -> Iterator[Thread | Unreadable]:
    """Begin to read a source that does not wait for a network, so that a wrong one is refused before any work.

    Of a host, only the list of ids is read. Raises SourceError where nothing can be read, UsageError.
    """
    check_list(source)
    entries = source.threads(selection)
    if source.live:
        return entries
    met: list[Thread | Unreadable] = []
    for entry in entries:
        met.append(entry)
        if isinstance(entry, Thread) or len(met) >= LOOKED_THROUGH:
            return chain(met, entries)
    first = next((entry for entry in met if isinstance(entry, Unreadable)), None)
    if first is not None and selection.thread_ids is None and selection.shard is None:
        more = (
            f" {len(met) - 1:,} more of its entries cannot be read; `migrate-cli plan` lists them." if met[1:] else ""
        )
        refusal = NothingReadable if source.recognised() else SourceError
        told = f"the source holds no thread that can be read: {first.sentence}{more}"
        raise refusal(told, shown=first.shown)
    return iter(met)


def check_list(source: Source) -> None:
    """Have a host's list of ids read, before anything else is done. Raises UsageError where it has none to give."""
    if source.kind == "api":
        source.expected()


def expected_of(source: Source, selection: Selection) -> int | None:
    """How many threads of the source a command is going to meet, if that is cheap to know; else None."""
    if selection.shard is not None or selection.choice:
        return None
    if selection.thread_ids is not None:
        known: int | None = len(selection.thread_ids)
    else:
        known = source.expected()
    return known if known is None or selection.limit is None else min(known, selection.limit)


def policy_of(settings: Settings, host: str = "the target") -> LoadPolicy:
    """The section `load`, as the loader takes it; `host` is how sentences name the target."""
    load = settings.load
    return LoadPolicy(
        host=host,
        patience=load.patience,
        workers=load.workers,
        settle=load.settle,
        late=load.late,
        connect_patience=load.connect_patience,
        batch_items=load.batch_items,
        batch_bytes=load.batch_bytes,
        pilot=load.pilot,
        max_errors=load.max_errors,
        on_refused=load.on_refused,
        timeout=load.timeout,
    )


@contextmanager
def target_of(settings: Settings, *, sandbox: bool) -> Iterator[TargetChoice]:
    """Yield the target: the configured one, or a sandbox that keeps its data next to the state file.

    Raises UsageError when nothing could authenticate, naming the ways on.
    """
    if sandbox:
        check_place(settings.state, create=True)
        _refuse_migration(settings.state)
        from migrate_cli.sandbox.options import SandboxOptions, TargetPreset  # noqa: PLC0415 - a real run needs no server
        from migrate_cli.sandbox.server import EmbeddedSandbox  # noqa: PLC0415 - the same

        data = settings.state.with_name(settings.state.name + ".sandbox")
        foundry = settings.target.preset == "foundry"
        preset = TargetPreset.FOUNDRY if foundry else TargetPreset.OPENAI
        with EmbeddedSandbox(data, SandboxOptions(preset=preset)) as server:
            # A rehearsal for a Foundry project is one at a project, whose answers differ.
            base_url = server.project_url("rehearsal") + V1 if foundry else server.base_url
            yield TargetChoice(
                Endpoint(base_url, "sandbox-key", timeout=settings.load.timeout, patience=settings.load.patience),
                True,
                data,
            )
        return
    yield TargetChoice(endpoint_of(settings), False)


def _refuse_migration(state: Path) -> None:
    """Refuse the state file of a migration before a sandbox leaves its data beside it. Raises SetupMismatch."""
    known: dict[str, str] = {}
    if state.is_file():
        # What is wrong with the file itself, whoever opens it to write tells better.
        with suppress(MigrateError), StateReader(state) as reader:
            known = reader.setup()
    where = "target.base_url"
    if where in known and (refusal := setups.refusal(state, known, {**known, where: SANDBOX})):
        raise SetupMismatch(refusal)


def rehearsing(settings: Settings, *, sandbox: bool = True) -> Settings:
    """Return the settings with the state file of the rehearsal, unless one was named for this very invocation."""
    if not sandbox or settings.where("state").startswith("option"):
        return settings
    return settings.model_copy(update={"state": of_rehearsal(settings.state)})


def named_source(settings: Settings) -> JsonObject:
    """Return the source, its format and `discover`, as the command line gave them, so that advice can give them too.

    The keys are `source_argument`, `format_argument` and `discover`.
    """
    found: JsonObject = {}
    source = settings.source
    if source.path is not None and settings.where("source.path").startswith("option"):
        found["source_argument"] = str(source.path)
    elif source.base_url is not None and settings.where("source.base_url").startswith("option"):
        found["source_argument"] = source.base_url
    elif source.url is not None and settings.where("source.url").startswith("option"):
        found["source_argument"] = source.url
    if settings.where("source.format").startswith("option"):
        found["format_argument"] = source.format
    if source.discover and settings.where("source.discover").startswith("option"):
        found["discover"] = True
    return found


def setup_of(settings: Settings, source: Source, *, sandbox: bool) -> dict[str, str]:
    """Return what the state file records of this setup, and compares before anything is written."""
    setup = settings.setup(EXPORT if source.known_by_content else source.identity)
    if source.known_by_content:
        setup[SEEN] = source.identity
    return setup | target_setup(settings, sandbox=sandbox)


def target_setup(settings: Settings, *, sandbox: bool) -> dict[str, str]:
    """Return what the state file records of the target alone."""
    if sandbox:
        return {"target.base_url": SANDBOX, "target.organization": "", "target.project": ""}
    return {name: value for name, value in settings.setup("").items() if name.startswith(setups.TARGET)}


def _read_ids(name: str) -> Iterator[tuple[str, str]]:
    """Yield the ids that a file names, each with its place. Raises UsageError where it cannot be read."""
    try:
        text = sys.stdin.read() if name == "-" else _text_of(read_named(Path(name)))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"the thread ids in {name} cannot be read ({why}); check --threads-from") from error
    shown = "standard input" if name == "-" else name
    for number, line in enumerate(text.splitlines(), 1):
        thread_id = line.split("#", 1)[0].strip().strip('",')
        if thread_id:
            yield f"line {number} of {shown}", thread_id


def _text_of(data: bytes) -> str:
    """Return the text of a file of ids. Raises UnicodeDecodeError for one in another encoding.

    A few bytes that are no text spoil one id, which the source will not have; NULs mean that nothing can be read.
    """
    return data.decode("utf-8-sig", "strict" if b"\x00" in data or data[:2] in _UTF16_MARKS else "replace")


_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
