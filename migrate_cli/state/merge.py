"""Merges the state files of shards into one: all of them or none, with conflicts refused and totals checked.

One transaction in the destination, so that a merge that is killed has done nothing, and may simply be run again; what
was merged before is known and stays. Of the inputs nothing changes but an older schema.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, StateError
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.state import identity, opening
from migrate_cli.state.backup import StateCopies
from migrate_cli.state.id_list import known_lines
from migrate_cli.state.lock import StateLock
from migrate_cli.state.merge_inputs import (
    COMMAND,
    MergeInput,
    Shards,
    distinct,
    joined_shards,
    lock_and_open,
    same_setup,
)
from migrate_cli.state.merge_rows import STATE, MergeConflict, RowMerger
from migrate_cli.state.runs import SHARD, new_run_id, run_begun, run_ended, setup_written
from migrate_cli.state.setup import as_option
from migrate_cli.state.store import StateStore
from migrate_cli.version import __version__

_AT_ONCE = 1000
_NAMED = 3
"""How many threads a refusal names."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge."""

    into: Path
    inputs: tuple[Path, ...]
    """The files that were read, each once."""
    run_id: str
    """The run under which the destination remembers it."""
    counts: dict[str, int]
    """What the destination holds now: threads, messages, items, findings, runs, replay_results …"""
    before: dict[str, int]
    """The same before the merge."""
    offered: dict[str, int]
    """What all inputs together hold, threads that are in several of them counted as often."""
    states: dict[str, int]
    """The destination's threads by state."""
    shared: int
    """Threads that stood in more than one file, the destination included."""
    setup: dict[str, str]
    """What all files were made with: source, target, conversion."""
    missing: tuple[str, ...] = ()
    """Shards that are in none of the files, such as `3/8`."""

    def result(self) -> Result:
        """The result of the command, as the destination remembers it too; exit 3 where shards are missing."""
        sums = [
            {"what": name.replace("_", " "), "before": self.before[name], "inputs": self.offered[name], "merged": count}
            for name, count in self.counts.items()
        ]
        files = "1 state file is" if len(self.inputs) == 1 else f"{len(self.inputs)} state files are"
        data: JsonObject = {
            "message": f"{files} merged into {self.into}: {counted(self.counts['threads'], 'thread')} with "
            f"{counted(self.counts['items'], 'item')}, and the sums agree.",
            "state": str(self.into),
            "threads_in_several": self.shared,
            "states": self.states,
            "sums": sums,
            "inputs": [str(path) for path in self.inputs],
        }
        if not self.missing:
            return Result("merge", data, run_id=self.run_id)
        data["missing"] = list(self.missing)
        lacking = ", ".join(self.missing)
        told = f"{self.into} lacks shard {lacking}; merge that too before you run apply or verify with this file"
        return Result("merge", data, ExitCode.PARTIAL, self.run_id, [Problem("shards-missing", told)])


def merge(inputs: Sequence[Path], into: Path, *, any_source: bool = False) -> Merged:
    """Join state files into one, which is made where it is not there. The destination may stand among the inputs.

    With `any_source` the files may name different places of the source; the destination's, or the first one's, stays.

    Raises UsageError for files that are not there, StateLocked for one that a run is writing, StateForeign,
    StateDamaged, SetupMismatch with field and values, and StateError `merge-conflict` for threads that have two
    conversations. Whatever it raises, the destination is as it was.
    """
    opening.check_place(into, create=True)
    paths = distinct(inputs, into)
    with ExitStack() as stack:
        parts = [lock_and_open(path, stack) for path in paths]
        same_setup(parts, any_source=any_source)
        joined_shards(parts)
        # Opened as any command opens it: for a newer schema, and for ids that only the list beside it knows.
        StateStore.open(into, command=COMMAND).close()
        stack.callback(StateLock(into, COMMAND).release)
        return _Merge(into, parts, any_source=any_source).run()


class _Merge:
    """One merge into a destination that is locked."""

    def __init__(self, into: Path, parts: list[MergeInput], *, any_source: bool) -> None:
        self._into, self._parts, self._any_source = into, parts, any_source
        self._conn = sqlite3.connect(into, isolation_level=None)
        self._run_id = new_run_id(time.time())

    def run(self) -> Merged:
        """Join, check, commit; then bring the copies next to the file up to date."""
        conn, empty = self._conn, False
        try:
            opening.tune(conn, self._into)
            session = identity.new_session(conn, None)
            empty = not conn.execute("SELECT 1 FROM run UNION ALL SELECT 1 FROM setup LIMIT 1").fetchone()
            conn.execute("BEGIN IMMEDIATE")
            identity.open_session(conn, session)
            conn.execute("COMMIT")
            identity.settle_log(conn)
            conn.execute("BEGIN IMMEDIATE")
            merged = self._join()
            came = conn.execute("SELECT 1 FROM temp.came LIMIT 1").fetchone() is not None
            if came:
                # From the commit on, the file knows more than its copies, and they say so.
                identity.note_line(conn, session.line + 1, session.size)
                identity.leave_behind(opening.backup_path(self._into), session)
            conn.execute("COMMIT")
            empty = False
            self._copies(session.state, session.line + 1, came=came)
        except (sqlite3.Error, OSError) as error:
            raise opening.translate(error, self._into) from error
        finally:
            conn.close()
            if empty:
                _remove(self._into)
        return merged

    def _join(self) -> Merged:
        all_parts = [MergeInput.of(self._into, self._conn), *self._parts]
        setup, shards = same_setup(all_parts, any_source=self._any_source), joined_shards(all_parts)
        joiner = RowMerger(self._conn)
        for number, part in enumerate(self._parts):
            conflicts = joiner.join(part.connection, number)
            if conflicts:
                raise self._conflict(part, conflicts)
        wrong = joiner.differences()
        if wrong:
            raise StateError(
                f"The merge was cancelled, because the sums do not agree ({'; '.join(wrong)}); nothing was changed. "
                "That is a bug: please report it.",
                code="merge-sums",
            )
        merged = self._merged(joiner, setup, shards)
        self._record(merged, shards)
        joiner.finish(self._run_id)
        return merged

    def _merged(self, joiner: RowMerger, setup: dict[str, str], shards: Shards | None) -> Merged:
        states = {name: count for name, count in sorted(joiner.expected.items()) if name.startswith(STATE) and count}
        return Merged(
            into=self._into,
            inputs=tuple(part.path for part in self._parts),
            run_id=self._run_id,
            counts=_plain(joiner.expected),
            before=_plain(joiner.before),
            offered=_plain(joiner.offered),
            states={name.removeprefix(STATE): count for name, count in states.items()},
            shared=joiner.shared,
            setup=setup,
            missing=() if shards is None else tuple(shards.missing),
        )

    def _record(self, merged: Merged, shards: Shards | None) -> None:
        """Note the merge as a run of the file, with its result, and the setup."""
        now = int(time.time())
        setup = merged.setup | ({} if shards is None else {SHARD: str(shards)})
        options: JsonObject = {"inputs": [str(part.path) for part in self._parts]}
        self._conn.execute("DELETE FROM setup WHERE key = ?", (SHARD,))
        for note in (
            *run_begun(self._run_id, "merge", __version__, options, now),
            *run_ended(self._run_id, merged.result().envelope(), now),
            *setup_written(setup.items()),
        ):
            self._conn.executemany(note.sql, note.rows)

    def _copies(self, state: str, line: int, *, came: bool) -> None:
        """Write the list of ids next to the file again, if there are new ones, then renew the backup."""
        copy = StateCopies(self._into)
        try:
            if came:
                copy.rewrite(state, line, known_lines(self._conn.execute))
                identity.note_line(self._conn, line, copy.size)
            identity.close_session(self._conn)
            copy.backup(self._conn)
        finally:
            copy.close()

    def _conflict(self, part: MergeInput, conflicts: list[MergeConflict]) -> StateError:
        first = conflicts[0]
        there = self._into if first.file is None else self._parts[first.file].path
        more = ", ".join(one.thread_id for one in conflicts[1:_NAMED])
        count = "1000 or more" if len(conflicts) >= _AT_ONCE else str(len(conflicts))
        others = f" ({count} threads in all, {more} among them)" if more else ""
        return StateError(
            f"The thread {first.thread_id} has two conversations, {first.known} in {there} and {first.offered} in "
            f"{part.path}{others}, so nothing was merged; decide which one stays, undo the other "
            f"(`migrate-cli undo --thread {shlex.quote(first.thread_id)}{as_option(part.path)}`), then merge again.",
            code="merge-conflict",
        )


def _plain(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if not name.startswith(STATE)}


def _remove(path: Path) -> None:
    """Leave nothing of a destination that was made for a merge which came to nothing."""
    beside = ("-wal", "-shm", ".bak", ".bak.new", ".map.jsonl", ".ballast")
    for one in (path, *(path.with_name(path.name + ending) for ending in beside)):
        one.unlink(missing_ok=True)
