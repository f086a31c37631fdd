"""The state files that a merge joins: each locked, opened, checked, and compared with the setup of the others.

Nothing here writes a row. Each refusal names the file, the field, and what to do.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from migrate_cli.errors import SetupMismatch, UsageError
from migrate_cli.state import identity, migrations, opening
from migrate_cli.state.backup import look_at_list
from migrate_cli.state.lock import StateLock
from migrate_cli.state.reader import StateReader
from migrate_cli.state.runs import SHARD
from migrate_cli.state.setup import RECOVERY, SEEN, SOURCE, half_recovered, is_half_recovered, upgraded
from migrate_cli.state.store import StateStore

_ONE_MIGRATION = "merge only what one migration wrote"
COMMAND = "migrate-cli merge"
"""What other processes are told is running."""
_MARK = re.compile(r"(\d+(?:\+\d+)*)/(\d+)")


@dataclass(frozen=True, slots=True)
class Shards:
    """Which parts of a source a state file is of: numbers from 1 to `of`."""

    numbers: frozenset[int]
    of: int

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read what a state file records, such as `3/8` or, of a merge that is not complete, `1+3/8`."""
        found = _MARK.fullmatch(text or "")
        return cls(frozenset(map(int, found[1].split("+"))), int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{'+'.join(map(str, sorted(self.numbers)))}/{self.of}"

    @property
    def missing(self) -> list[str]:
        """The shards that are not in it, such as `2/8`."""
        return [f"{number}/{self.of}" for number in range(1, self.of + 1) if number not in self.numbers]


@dataclass(frozen=True, slots=True)
class MergeInput:
    """One state file that takes part, open."""

    path: Path
    connection: sqlite3.Connection
    setup: dict[str, str]
    """What it records of source, target and conversion, without its shard."""
    shards: Shards | None
    """None for a file that is not of some shards only."""

    @classmethod
    def of(cls, path: Path, connection: sqlite3.Connection) -> Self:
        """Read the setup of an open file."""
        setup = upgraded(dict(connection.execute("SELECT key, value FROM setup")))
        if is_half_recovered(setup):
            raise SetupMismatch(half_recovered(path))
        setup.pop(RECOVERY, None)
        return cls(path, connection, setup, Shards.parse(setup.pop(SHARD, None)))


def distinct(inputs: Sequence[Path], into: Path) -> list[Path]:
    """Return the files to read, each once and without the destination. Raises UsageError for missing ones or none."""
    found: dict[Path, Path] = {}
    for path in inputs:
        if not path.is_file():
            raise opening.missing(path)
        found.setdefault(path.resolve(), path)
    found.pop(into.resolve(), None)
    if not found:
        raise UsageError("there is nothing to merge: name the state files of the shards, such as migration-*of4.db")
    return list(found.values())


def lock_and_open(path: Path, stack: ExitStack) -> MergeInput:
    """Lock, check and open one file until the stack closes.

    Raises StateLocked for a file that a run is writing, StateForeign or StateDamaged.
    """
    # In a folder that may not be written nobody can write the state file either.
    if os.access(path.parent, os.W_OK) and os.access(path, os.W_OK):
        _take_up(path)
        stack.callback(StateLock(path, COMMAND).release)
    reader = stack.enter_context(StateReader(path))
    verdict = reader.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise opening.damaged(path, " ".join(str(verdict).split()))
    # All questions are answered from one moment.
    reader.connection.execute("BEGIN")
    return MergeInput.of(path, reader.connection)


def same_setup(parts: Sequence[MergeInput], *, any_source: bool = False) -> dict[str, str]:
    """Return the setup that all parts share. Raises SetupMismatch with the field and both values.

    A field that a file does not have is one that the version which made it did not know. With `any_source` the source
    is that of the first file which has one. Where an export was seen last is not compared.
    """
    known: dict[str, tuple[str, Path]] = {}
    for part in parts:
        for key, value in sorted(part.setup.items()):
            first, path = known.setdefault(key, (value, part.path))
            if first != value and key != SEEN and not (any_source and key == SOURCE):
                advice = "if it is the same source in two places, add --any-source" if key == SOURCE else _ONE_MIGRATION
                raise SetupMismatch(
                    f"The state files have different settings: {key} is {first or 'not set'} in {path} and "
                    f"{value or 'not set'} in {part.path}; {advice}."
                )
    return {key: value for key, (value, _) in known.items()}


def joined_shards(parts: Iterable[MergeInput]) -> Shards | None:
    """Return the shards that all parts hold together; None when they are the whole. Raises SetupMismatch."""
    numbers: set[int] = set()
    first: tuple[Shards, Path] | None = None
    whole = False
    for part in parts:
        if part.shards is None:
            whole = whole or bool(part.setup)
            continue
        first = first or (part.shards, part.path)
        if part.shards.of != first[0].of:
            raise SetupMismatch(
                f"The state files belong to different divisions: {first[1]} is shard {first[0]} and {part.path} "
                "is shard "
                f"{part.shards}; merge the shards of each division separately first."
            )
        numbers |= part.shards.numbers
    if whole or first is None or len(numbers) == first[0].of:
        return None
    return Shards(frozenset(numbers), first[0].of)


def _take_up(path: Path) -> None:
    """Let a file take the newest schema and what only its list of ids knows, as with any command that writes it."""
    opening.check_is_ours(path)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as conn:
            (version,) = conn.execute("PRAGMA user_version").fetchone()
            here = identity.read(conn)
    except sqlite3.Error:
        return  # the reader says what is wrong with it
    listed = look_at_list(opening.map_path(path))
    behind = listed is not None and (listed.line > here.line or listed.size > here.size)
    if version < len(migrations.STEPS) or here.open or behind:
        StateStore.open(path, create=False, command=COMMAND).close()
