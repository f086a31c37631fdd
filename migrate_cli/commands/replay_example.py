"""`migrate-cli replay --init`: writes an example suite for the conversations of the state file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from migrate_cli.commands.context import open_configured, with_known_source
from migrate_cli.convert.text import counted
from migrate_cli.disk.output import open_for_writing
from migrate_cli.errors import MigrateError, UsageError
from migrate_cli.model import JsonObject, Result
from migrate_cli.replay.example import example
from migrate_cli.report.document import state_option
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX


def write_example(settings: Settings, path: Path) -> Result:
    """`replay --init`: write an example suite. Raises UsageError when the file is there already."""
    threads: list[str] = []
    rehearsed = False
    if settings.state.is_file():
        with StateReader(settings.state) as reader:
            rehearsed = reader.setup().get("target.base_url") == SANDBOX
            threads = [str(row["thread_id"]) for row in reader.threads.listed("loaded", "verified", limit=3)]
    found = _configurations(settings)
    options = (" --target sandbox" if rehearsed else "") + state_option(
        {"state": str(settings.state), "rehearsal": rehearsed}
    )
    text = example(f"{shlex.quote(path.name)}{options}", threads, found)
    try:
        with os.fdopen(open_for_writing(path, os.O_EXCL, mode=0o644), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        run = f"migrate-cli replay {shlex.quote(str(path))}{options}"
        raise UsageError(f"{path} already exists; name another file, or delete it; `{run}` runs it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    return Result(
        "replay",
        {
            "message": _written(path, len(threads), len(found)),
            "written": str(path),
            "threads": len(threads),
            "assistants": len(found),
            "next": [
                f"Edit what {path} asks and expects; its comments and docs/replay.md explain how",
                f"Run it: migrate-cli replay {shlex.quote(str(path))}{options}",
            ],
        },
    )


def _configurations(settings: Settings) -> list[JsonObject]:
    """The setups of the source's assistants; none where only the state file knows the source, and it cannot be read."""
    source = settings.source
    if source.kind != "export" or source.path is not None or source.base_url is not None:
        return _read_configurations(settings)
    try:
        known = with_known_source(settings)
        return [] if known.source == source else _read_configurations(known)
    except MigrateError:
        return []


def _read_configurations(settings: Settings) -> list[JsonObject]:
    from migrate_cli.replay.baseline import configurations  # noqa: PLC0415 - only for examples and baselines

    source = open_configured(settings)
    for _ in source.threads(Selection(limit=3)):
        pass  # some sources only meet their assistants while they read threads
    presets = {"source": settings.source.preset, "target": settings.target.preset}
    return list(configurations(source.assistants(), **presets).values())


def _written(path: Path, threads: int, assistants: int) -> str:
    cases = f"{counted(threads, 'case')} on migrated threads" if threads else "one case without a conversation"
    setup = "the setup of an assistant of the source" if assistants else "a setup to be filled in"
    return f"{path} is written, an example suite: {cases}, and {setup}."
