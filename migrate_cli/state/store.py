"""The only writer of the state file: the journal that loading writes to, and what resuming asks it.

What is noted here is in memory until the next group commit (`writer.py`); `durable` waits for that. Questions are
answered from the file, so they do not see what was noted and not yet committed. Keys and message text never come here.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrate_cli.errors import SetupMismatch
from migrate_cli.model import READER, Aside, Draft, Finding, Item, JsonObject, Progress, Unreadable
from migrate_cli.state import identity, opening, restoring, statements
from migrate_cli.state import setup as setups
from migrate_cli.state.backup import SecondCopy
from migrate_cli.state.disk_reserve import Ballast
from migrate_cli.state.item_ids import unpacked
from migrate_cli.state.lock import StateLock
from migrate_cli.state.marks import Marks
from migrate_cli.state.reader import OPEN_PILOT
from migrate_cli.state.writer import Note, Pace, Writer, execute, storable
from migrate_cli.version import __version__

_log = logging.getLogger(__name__)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SHARD = "shard"
"""In the table `setup` of a file that is of one shard only: which, such as `3/8`. A file of the whole stays so, also
when a run takes a part of it: all that was loaded is known there."""


MARKS = (1 << 23) - 1
"""As a bit mask; the marks of a million threads take one megabyte."""


class StateStore:
    """The state file, open for writing. Implements `load.interface.Journal`; make it with `StateStore.open`."""

    def __init__(self, path: Path, lock: StateLock, now: Callable[[], float], pace: Pace) -> None:
        plan, self.restored = restoring.prepare(path)
        """What was made again from the copies, if the file was lost or older than they."""
        self.path = path
        self.run_id: str | None = None
        """The run that what is noted now belongs to."""
        self._lock = lock
        self._now = now
        self._ballast = Ballast(path)
        self._db = opening.connect(path)
        try:
            self._ballast.take()
            session = identity.new_session(self._db, plan.state)
            self._copy = SecondCopy(path)
            self._compare_copies(session, older=plan.older)
            self._reading = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._reading.execute("PRAGMA query_only = 1")
        except (OSError, sqlite3.Error) as error:
            self._ballast.release()
            self._db.close()
            raise opening.translate(error, path) from error
        except BaseException:
            self._ballast.release()
            self._db.close()
            raise
        self._writer = Writer(self._db, path, self._copy, self._ballast, pace, session)
        self._asked = Marks()
        self._readers: dict[int | None, int | None] = {}
        self._noted: Marks | None = None
        """The threads that have been noted, for a file that had none: it need not be asked about any other."""
        if not self._ask("SELECT 1 FROM thread LIMIT 1"):
            self._noted = Marks()
        self._file_copies = bool(self._ask("SELECT 1 FROM file_copy LIMIT 1"))

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        command: str | None = None,
        now: Callable[[], float] = time.time,
        pace: Pace | None = None,
    ) -> StateStore:
        """Lock, check and open the state file, making it (mode 0600) when `create` allows.

        `command` is what other processes are told is running. Raises UsageError when it must exist and does not,
        StateLocked, StateDamaged, StateForeign, or StateError for a place that cannot hold one.
        """
        path = Path(path)
        opening.check_place(path, create=create)
        lock = StateLock(path, command or "migrate-cli " + " ".join(sys.argv[1:2]))
        try:
            store = cls(path, lock, now, pace or Pace())
        except BaseException:
            lock.release()
            raise
        if store.restored is not None:
            _log.info(store.restored.told)
        return store

    @property
    def commits(self) -> int:
        """Commits since it was opened."""
        return self._writer.commits

    # ---- runs and setup

    def check_setup(
        self, setup: Mapping[str, str], recognise: Callable[[Mapping[str, str]], None] = lambda _: None
    ) -> None:
        """Record the setup the first time; raise SetupMismatch, naming each field that differs, ever after.

        A field that the file does not have is one that the version which made it did not know: it is recorded now.
        `recognise` is given what is recorded, once all fields agree, and may refuse: nothing is recorded before.
        """
        stored = dict(self._ask("SELECT key, value FROM setup"))
        known, setup = setups.upgraded(stored), setups.upgraded(setup)
        if refusal := setups.refusal(self.path, known, setup):
            raise SetupMismatch(refusal)
        recognise(known)
        now = {key: value for key, value in setup.items() if not (known and key == SHARD)}
        fresh = [(key, value) for key, value in {**known, **now}.items() if stored.get(key) != value]
        if fresh:
            self._note(statements.setup(fresh))

    def start_run(self, command: str, options: JsonObject) -> str:
        """Record that a command began; return its id, which sorts by time. What is noted from now on belongs to it."""
        run_id = new_run_id(self._now())
        self._note(statements.new_run(run_id, command, __version__, {**options, "reader": READER}, self._seconds()))
        self.run_id = run_id
        return run_id

    def finish_run(self, run_id: str, envelope: JsonObject) -> None:
        """Record the result of a run (`Result.envelope()`), so that it can be reported again."""
        self._note(statements.end_run(run_id, envelope, self._seconds()))

    # ---- the journal

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the load starts, with the draft's digest and counts, its findings and what goes aside."""
        again = progress.thread_id in self._writer.in_flight
        self._writer.in_flight.add(progress.thread_id)
        self._note(statements.begin(progress, draft, self.run_id, self._seconds(), again=again), of=progress.thread_id)

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""
        self._note(statements.orphan(thread_id, reason, request_id, self._seconds()))

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""
        self._note(statements.conversation(progress, self.run_id, self._seconds()), of=progress.thread_id)

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""
        self._note(statements.items(progress, start, items, ids, self._seconds()))

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""
        self._note(statements.ambiguity(progress, reason, self._seconds()))

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now."""
        self._writer.in_flight.discard(progress.thread_id)
        self._note(
            statements.outcome(progress, state, (code, detail), self.run_id, self._seconds()), of=progress.thread_id
        )

    async def durable(self) -> None:
        """Return once everything noted so far is on disk. Raises StateError when the disk takes no more."""
        await self._writer.durable()

    # ---- beside the load

    def skip(self, draft: Draft, reason: str) -> None:
        """Note that the thread has nothing to load, and why."""
        self._note(statements.skip(draft, reason, self.run_id, self._seconds()), of=draft.thread_id)

    def findings(self, thread_id: str | None, findings: Iterable[Finding], *, replace: bool = True) -> None:
        """Note the findings of a thread, in place of those it had or (`replace=False`) beside them.

        With None they belong to the source as a whole, and the next `apply` starts without them.
        """
        self._note(
            statements.findings(thread_id, findings, self.run_id, self._seconds(), replace=replace), of=thread_id
        )

    def aside(self, thread_id: str, facts: Iterable[Aside]) -> None:
        """Note what the target has no room for, in place of what was noted before."""
        self._note(statements.aside(thread_id, facts, self.run_id, self._seconds()), of=thread_id)

    def unreadable(self, entry: Unreadable) -> None:
        """Note something in the source that could not be read in this run."""
        self._note(statements.unreadable(entry, self.run_id))

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note a state that was reached outside of loading: `verified`, `differs`, `skipped`, `in_doubt` …"""
        self._note(statements.state(thread_id, state, (code, detail), self.run_id, self._seconds()), of=thread_id)

    def undone(self, thread_id: str, conversation_id: str) -> None:
        """Note that the conversation was deleted; its rows stay, as the record of what was."""
        self._note(statements.undone(thread_id, conversation_id, self._seconds()), of=thread_id)

    def truncate(self, progress: Progress) -> None:
        """Note that only the items before `progress.position` are still in the conversation."""
        self._note(statements.drop_items(progress, self._seconds()))

    def forget(self, thread_id: str) -> None:
        """Let the thread start anew, as if it had never been loaded."""
        self._note(statements.forget(thread_id, self._seconds()))

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note that a note will stand for the item at this place; must be durable before the note is sent."""
        self._note(statements.refused_item(thread_id, place, message_id, code, detail))

    def abandon(self, thread_id: str, conversation_id: str) -> None:
        """Give the conversation up and let the thread start anew; `undo` can still delete what was given up."""
        self._note(statements.abandon(thread_id, conversation_id, self._seconds()))

    def abandoned_gone(self, conversation_id: str) -> None:
        """Note that a conversation that was given up is deleted."""
        self._note(statements.abandoned_gone(conversation_id, self._seconds()))

    def set_aside(self, thread_id: str, code: str) -> None:
        """Note that a person leaves the thread out, under this code."""
        self._note(statements.set_aside(thread_id, code, self._seconds()))

    def adopt(self, thread_id: str, conversation_id: str, rows: Sequence[tuple[str | None, str, str, bytes]]) -> None:
        """Take what stands in the conversation for the truth: message_id, item_id, kind and digest of each item."""
        self._note(statements.adopted(thread_id, conversation_id, rows, self.run_id, self._seconds()))

    def file(
        self,
        source_file_id: str,
        target_file_id: str | None,
        status: str,
        *,
        kind: str | None = None,
        bytes: int | None = None,
        sha256: str | None = None,
        detail: str | None = None,
        filename: str | None = None,
        media_type: str | None = None,
        transcript: str | None = None,
        lost_uploads: int = 0,
        lost_as: str | None = None,
    ) -> None:
        """Note what became of a file; `transcript` is only given where the user asked for transcripts."""
        known = (target_file_id, kind, bytes, sha256, status, detail, filename, media_type, transcript)
        row = (source_file_id, *known, lost_uploads, lost_as)
        self._note(statements.file(row, self._seconds()))

    def replay_result(
        self,
        case_id: str,
        status: str,
        *,
        conversation_id: str | None = None,
        ttft_ms: float | None = None,
        total_ms: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        detail: str | None = None,
    ) -> None:
        """Note the result of one replayed case of the current run."""
        if self.run_id is None:
            raise ValueError("a replay result belongs to a run: call start_run first")
        row = (case_id, conversation_id, status, ttft_ms, total_ms, input_tokens, output_tokens, detail)
        self._note(statements.replay(self.run_id, row))

    def scratch(self, conversation_id: str, target: str) -> None:
        """Note a scratch conversation of a replay at a target; must be durable before data is sent there."""
        self._note(statements.scratch(conversation_id, target, self.run_id, self._seconds()))

    def scratch_gone(self, conversation_id: str) -> None:
        """Note that a scratch conversation was deleted."""
        self._note(statements.scratch_gone(conversation_id))

    def chain(self, conversation_id: str, response_id: str) -> None:
        """Note the last response of a conversation that goes on as a chain of responses."""
        self._note(statements.chain(conversation_id, response_id, self._seconds()))

    # ---- questions

    def progress_of(self, thread_id: str) -> Progress | None:
        """Return where the thread's load stands, or None when nothing was ever noted about it."""
        if self._noted is not None and _mark(thread_id) not in self._noted:
            return None
        row = self.thread_row(thread_id)
        if row is None:
            return None
        self._asked.add(row["key"])
        anchor = self.item_at(thread_id, row["position"] - 1)
        return Progress(
            thread_id=thread_id,
            state=row["state"],
            conversation_id=row["conversation_id"],
            position=row["position"],
            anchor=anchor,
            ambiguous=bool(row["ambiguous"]),
            unclear=row["ambiguous"],
            touched_at=row["updated_at"],
            attempts=row["attempts"],
            digest=row["digest"] or "",
            reader=self.reader_of(row["run"]),
            code=row["error_code"],
            detail=row["error_detail"],
            restored=row["items"] if row["state"] == "loaded" and row["reason"] == statements.RESTORED else 0,
        )

    def thread_row(self, thread_id: str) -> dict[str, Any] | None:
        """Return all columns of the table `thread`, or None."""
        cursor = self._query("SELECT * FROM thread WHERE id = ?", thread_id)
        return next(_named(cursor), None)

    def thread_rows(self, thread_id: str, most: int) -> list[dict[str, Any]]:
        """Return all columns of a thread and of those whose rows were made next, `most` in all; none if it is unknown.

        Each question to the file costs far more than each row.
        """
        sql = "SELECT * FROM thread WHERE key >= (SELECT key FROM thread WHERE id = ?) ORDER BY key LIMIT ?"
        return list(_named(self._query(sql, thread_id, most)))

    def a_thread(self) -> str | None:
        """Return the id of the thread that was noted first, as an example."""
        rows = self._ask("SELECT id FROM thread ORDER BY key LIMIT 1")
        return rows[0][0] if rows else None

    def reader_of(self, run: int | None) -> int | None:
        """Return the generation of reading (`READER`) that a run worked with; None where nobody noted it."""
        if run not in self._readers:
            rows = self._ask("SELECT json_extract(options, '$.reader') FROM run WHERE key = ?", run)
            self._readers[run] = rows[0][0] if rows else None
        return self._readers[run]

    def pilot_due(self, threads: int) -> bool:
        """Whether the next run begins with a pilot of so many threads: no pilot of this migration was passed yet.

        Until so many are loaded, none was. After that, runs have one only where the last was not come through.
        """
        sql = "SELECT count(*) FROM (SELECT 1 FROM thread WHERE state IN ('loaded', 'verified', 'differs') LIMIT ?)"
        if self._ask(sql, threads)[0][0] < threads:
            return True
        return bool(self._ask(OPEN_PILOT))

    def broken_off(self) -> tuple[int, str] | None:
        """Return key and id of the first of the runs of `apply` that ended early since one came to its end; or None.

        Ask before a new run is started.
        """
        sql = """
            SELECT key, id FROM run WHERE command = 'apply' AND key > coalesce(
              (SELECT max(key) FROM run WHERE command = 'apply' AND exit_code IN (0, 3)), 0) ORDER BY key LIMIT 1"""
        rows = self._ask(sql)
        return (rows[0][0], rows[0][1]) if rows else None

    def done_since(self, thread_id: str, first_run: int) -> JsonObject | None:
        """Return what is known of a thread that runs from this key on have loaded or skipped, or None.

        Keys: `thread_id`, `state`, `conversation_id`, `messages`, `items`, `reason`, `code`, `detail` and `findings`,
        rows of message_id, code and detail. The thread counts as asked about.
        """
        sql = """
            SELECT key, id, state, conversation_id, coalesce(messages, 0), position, reason,
              error_code, error_detail, findings FROM thread
            WHERE id = ? AND state IN ('loaded', 'verified', 'differs', 'skipped') AND run >= ?"""
        rows = self._ask(sql, thread_id, first_run)
        if not rows:
            return None
        ((key, *values),) = rows
        self._asked.add(key)
        names = ("thread_id", "state", "conversation_id", "messages", "items", "reason", "code", "detail", "findings")
        row = dict(zip(names, values, strict=True))
        found = "SELECT message_id, code, detail FROM thread_finding WHERE thread = ?"
        return row | {"findings": self._ask(found, key) if row["findings"] else []}

    def recorded_digests(self, thread_id: str) -> list[bytes]:
        """Return the digests of the items that are loaded, in order."""
        return [row[0] for row in self._ask(_OF_THREAD.format("digest"), thread_id)]

    def recorded_items(self, thread_id: str) -> list[Item]:
        """Return the items that are loaded, in order, known by their digests alone: their bodies are empty."""
        rows = self._ask(_OF_THREAD.format("digest, coalesce(kind, 'message'), message_id"), thread_id)
        return [Item(b"", digest, kind, message_id) for digest, kind, message_id in rows]

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids of the items that are loaded, in order."""
        return [unpacked(row[0]) for row in self._ask(_OF_THREAD.format("item_id"), thread_id)]

    def item_at(self, thread_id: str, position: int) -> str | None:
        """Return the id of the item at a position (0-based), or None."""
        sql = "SELECT item_id FROM item WHERE idx = ? AND thread = (SELECT key FROM thread WHERE id = ?)"
        rows = self._ask(sql, position, thread_id)
        return unpacked(rows[0][0]) if rows else None

    def refused_items(self) -> dict[str, dict[int, tuple[str, str]]]:
        """Return code and detail of all refused items that notes stand for, by thread and place; there are few."""
        found: dict[str, dict[int, tuple[str, str]]] = {}
        sql = "SELECT thread.id, idx, code, detail FROM refused_item JOIN thread ON thread.key = refused_item.thread"
        for thread_id, place, code, detail in self._query(sql):
            found.setdefault(thread_id, {})[place] = (code, detail)
        return found

    def unasked(self) -> Iterator[str]:
        """Yield the ids of threads that earlier runs loaded and that nobody has asked about (`progress_of`) in this."""
        sql = """
            SELECT key, id FROM thread WHERE state IN ('loaded', 'verified', 'differs')
              AND run IS NOT (SELECT key FROM run WHERE id = ?) ORDER BY key"""
        return (thread_id for key, thread_id in self._query(sql, self.run_id) if key not in self._asked)

    def file_row(self, source_file_id: str) -> dict[str, Any] | None:
        """Return what became of a file: all columns of the table `file`, or None."""
        cursor = self._query("SELECT * FROM file WHERE source_file_id = ?", source_file_id)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))

    def own_file_row(self, thread_id: str, source_file_id: str) -> dict[str, Any] | None:
        """Return what the shard that loaded a thread knew of a file, where a merge found several answers; or None."""
        if not self._file_copies:
            return None
        sql = """SELECT file_copy.* FROM file_copy JOIN thread ON thread.origin = file_copy.origin
            WHERE thread.id = ? AND source_file_id = ?"""
        cursor = self._query(sql, thread_id, source_file_id)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))

    def lost_files(self) -> list[Mapping[str, Any]]:
        """Return the rows of files with uploads whose answer was lost."""
        cursor = self._query("SELECT * FROM file WHERE lost_uploads > 0 ORDER BY source_file_id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def knows_file(self, target_file_id: str) -> bool:
        """Whether any row names this file, as the target's or as the source's."""
        sql = """SELECT 1 FROM file WHERE target_file_id = ?1 OR source_file_id = ?1
            UNION ALL SELECT 1 FROM file_copy WHERE target_file_id = ?1 LIMIT 1"""
        return bool(self._ask(sql, target_file_id))

    def scratches(self, target: str) -> list[str]:
        """Return the scratch conversations that are still at a target, oldest first."""
        sql = "SELECT conversation_id FROM scratch WHERE target = ? ORDER BY made_at, conversation_id"
        return [row[0] for row in self._ask(sql, target)]

    def last_response(self, conversation_id: str) -> str | None:
        """Return the last response of a conversation that goes on as a chain of responses, or None."""
        rows = self._ask("SELECT response_id FROM chain WHERE conversation_id = ?", conversation_id)
        return rows[0][0] if rows else None

    def target_setup(self) -> dict[str, str]:
        """Return what the file records of the target; empty when nothing was ever loaded."""
        return dict(self._ask("SELECT key, value FROM setup WHERE key LIKE 'target.%'"))

    # ---- the end

    def flush(self) -> None:
        """Write what was noted; blocks. For code outside an event loop; inside, await `durable`."""
        self._writer.flush()

    def backup_now(self) -> None:
        """Write what was noted, and a fresh backup; blocks."""
        self._writer.backup()

    async def aclose(self) -> None:
        """Write what was noted, back up, unlock. Raises the failure that stopped writing, if one did."""
        import asyncio  # noqa: PLC0415 - only asynchronous callers pay for it

        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """The same as `aclose`, blocking; may be repeated."""
        if self._lock.released:
            return
        try:
            self._writer.close()
        finally:
            self._copy.close()
            self._reading.close()
            self._db.close()
            self._ballast.release()
            self._lock.release()

    # ---- inside

    def _note(self, notes: list[Note], of: str | None = None) -> None:
        """Take notes; `of` is the thread that has a row after them, if it had none before."""
        if self._noted is not None and of is not None:
            self._noted.add(_mark(of))
        self._writer.note(notes)

    def _seconds(self) -> int:
        return int(self._now())

    def _query(self, sql: str, *values: Any) -> sqlite3.Cursor:
        try:
            try:
                return self._reading.execute(sql, values)
            except UnicodeEncodeError:
                return self._reading.execute(sql, [storable(value) for value in values])
        except sqlite3.Error as error:
            raise opening.translate(error, self.path) from error

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._query(sql, *values).fetchall()

    def _compare_copies(self, here: identity.Identity, *, older: bool) -> None:
        """Take up what the list of ids knows and the file does not; write the list anew where it knows less.

        All in one transaction: a file that has taken up a part must not count as one that has taken up the whole.
        """
        copy, db = self._copy, self._db
        numbered = copy.listed is not None and copy.listed.state is not None
        taken = here.line
        # The size was recorded of a list without numbers only before the file had any.
        size = 0 if here.line and not numbered else here.size
        db.execute("BEGIN IMMEDIATE")
        try:
            if copy.listed is not None and (copy.line > here.line or (not numbered and copy.size >= size)):
                for line, number in copy.lines_after(here.line, size):
                    for note in statements.take_up(line, self._seconds()):
                        execute(db, note)
                    taken = max(taken, number or 0)
            for note in statements.unsettle(self._seconds()) if older else ():
                execute(db, note)
            if taken != copy.line or not numbered or here.unlisted:
                taken = max(taken, copy.line) + 1
                copy.rewrite(here.state, taken, statements.known_lines(db.execute))
            identity.open_session(db, replace(here, line=taken, size=copy.size, unlisted=False))
            db.execute("COMMIT")
            identity.settle_log(db)
        except BaseException:
            db.rollback()
            raise


_OF_THREAD = """
SELECT item.{} FROM item JOIN thread ON thread.key = item.thread
WHERE thread.id = ? AND idx < thread.position ORDER BY idx"""


def _mark(thread_id: str) -> int:
    """A number for a thread that others may share: who has none of those marked was surely not noted."""
    return hash(thread_id) & MARKS


def _named(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    """Yield the rows that a question found, with the names of their columns."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def new_run_id(now: float) -> str:
    """Return a run's id: a time to the second for people, then milliseconds and chance in four letters.

    Ids sort by time, and those of one process differ.
    """
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    tail = int(now * 1000) % 1000 << 10 | secrets.randbelow(1 << 10)
    letters = "".join(_ALPHABET[tail >> shift & 31] for shift in (15, 10, 5, 0))
    return f"{moment}-{letters}"
