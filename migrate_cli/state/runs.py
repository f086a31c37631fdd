"""The runs that worked on a state file, and the setup that all of them must share.

A run is recorded when it begins and when it ends. It must not decide what a run does next: it answers what the earlier
ones left.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from migrate_cli.errors import SetupMismatch
from migrate_cli.model import READER, JsonObject
from migrate_cli.secrets import scrub_all
from migrate_cli.state import setup as setups
from migrate_cli.state.id_list import fact_line
from migrate_cli.state.queries import OPEN_PILOT
from migrate_cli.state.session import StatePart
from migrate_cli.state.statements import RESTORED, SETUP, as_json
from migrate_cli.state.writer import PendingWrite
from migrate_cli.version import __version__

_NEW_RUN = "INSERT INTO run (id, command, version, started_at, options) VALUES (?, ?, ?, ?, ?)"
_END_RUN = "UPDATE run SET ended_at = ?, status = ?, exit_code = ?, result = ? WHERE id = ?"
_DROP_LOOSE_FINDINGS = "DELETE FROM thread_finding WHERE thread IS NULL"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SHARD = "shard"
"""In the table `setup` of a file that is of one shard only: which, such as `3/8`. A file of the whole stays so, also
when a run takes a part of it: all that was loaded is known there."""


class RecordedRuns(StatePart):
    """Records runs and the setup, and answers what earlier runs left undone."""

    def check_setup(
        self, setup: Mapping[str, str], recognise: Callable[[Mapping[str, str]], None] = lambda _: None
    ) -> None:
        """Record the setup the first time; raise SetupMismatch, naming each field that differs, ever after.

        A field that the file does not have is one that the version which made it did not know: it is recorded now.
        `recognise` is given what is recorded, once all fields agree, and may refuse: nothing is recorded before.
        """
        stored = self._setup()
        known, setup = setups.upgraded(stored), setups.upgraded(setup)
        if refusal := setups.refusal(self._session.path, known, setup):
            raise SetupMismatch(refusal)
        recognise(known)
        # Before the first threads, a file may know its target alone.
        now = {key: value for key, value in setup.items() if not (setups.SOURCE in known and key == SHARD)}
        fresh = [(key, value) for key, value in {**known, **now}.items() if stored.get(key) != value]
        if fresh:
            self._session.note(setup_written(fresh))

    def recovering(self) -> bool:
        """Whether `recover` has not finish, or the file knows no threads but those that it has written.

        What its list of ids has brought back counts as that: runs do not are in it.
        """
        sql = """
            SELECT NOT EXISTS (SELECT 1 FROM thread)
              OR NOT EXISTS (SELECT 1 FROM run WHERE command NOT IN ('recover', 'assistants'))"""
        return setups.is_half_recovered(self._setup()) or bool(self._session.ask(sql)[0][0])

    def needs_list(self) -> bool:
        """Whether only the target tells what is still to be recovered: there was no list of ids to begin with."""
        known = self._setup().get(setups.RECOVERY)
        return known == setups.FROM_TARGET or not self._session.ask("SELECT EXISTS (SELECT 1 FROM thread)")[0][0]

    def _setup(self) -> dict[str, str]:
        return dict(self._session.ask("SELECT key, value FROM setup"))

    def recovered(self) -> None:
        """Record that `recover` finished, so that the file knows all that was loaded."""
        self._session.note(setup_written([(setups.RECOVERY, setups.FINISHED)]))

    def check_target(self, target: Mapping[str, str]) -> None:
        """Record the target, where nothing else is asked of the setup; raise SetupMismatch if another is recorded."""
        stored = dict(self._session.ask("SELECT key, value FROM setup"))
        if refusal := setups.refusal_of_target(self._session.path, stored, target):
            raise SetupMismatch(refusal)
        fresh = [(key, value) for key, value in target.items() if key not in stored]
        if fresh:
            self._session.note(setup_written(fresh))

    def target_setup(self) -> dict[str, str]:
        """Return what the file records of the target; empty when nothing was ever loaded."""
        return dict(self._session.ask("SELECT key, value FROM setup WHERE key LIKE 'target.%'"))

    def start_run(self, command: str, options: JsonObject) -> str:
        """Record that a command began; return its id, which sorts by time. What is noted from now on belongs to it."""
        run_id = new_run_id(self._session.now())
        self._session.note(
            run_begun(run_id, command, __version__, {**options, "reader": READER}, self._session.seconds())
        )
        self._session.run_id = run_id
        return run_id

    def finish_run(self, run_id: str, envelope: JsonObject) -> None:
        """Record the result of a run (`Result.envelope()`), so that it can be reported again."""
        self._session.note(run_ended(run_id, envelope, self._session.seconds()))

    def pilot_due(self, threads: int) -> bool:
        """Whether the next run begins with a pilot of so many threads: no pilot of this migration was passed yet.

        Until so many are loaded, none was. After that, runs have one only where the last was not come through.
        """
        sql = "SELECT count(*) FROM (SELECT 1 FROM thread WHERE state IN ('loaded', 'verified', 'differs') LIMIT ?)"
        if self._session.ask(sql, threads)[0][0] < threads:
            return True
        return bool(self._session.ask(OPEN_PILOT))

    def broken_off(self) -> tuple[int, str] | None:
        """Return key and id of the first of the runs of `apply` that ended early since one finished; or None.

        Ask before a new run is started.
        """
        sql = """
            SELECT key, id FROM run WHERE command = 'apply' AND key > coalesce(
              (SELECT max(key) FROM run WHERE command = 'apply' AND exit_code IN (0, 3)), 0) ORDER BY key LIMIT 1"""
        rows = self._session.ask(sql)
        return (rows[0][0], rows[0][1]) if rows else None

    def done_since(self, thread_id: str, first_run: int) -> JsonObject | None:
        """Return what is known of a thread that runs from this key on have loaded or skipped, or None.

        Keys: `thread_id`, `state`, `conversation_id`, `messages`, `items`, `reason`, `code`, `detail` and `findings`,
        rows of message_id, code and detail. The thread counts as asked about. One that only the list of ids knows as
        loaded is not returned: the commit that its run was killed in held the digests of its items, so that it must be
        read again.
        """
        sql = """
            SELECT key, id, state, conversation_id, coalesce(messages, 0), position, reason,
              error_code, error_detail, findings FROM thread
            WHERE id = ? AND state IN ('loaded', 'verified', 'differs', 'skipped') AND run >= ? AND reason IS NOT ?"""
        rows = self._session.ask(sql, thread_id, first_run, RESTORED)
        if not rows:
            return None
        ((key, *values),) = rows
        self._session.asked.add(key)
        names = ("thread_id", "state", "conversation_id", "messages", "items", "reason", "code", "detail", "findings")
        row = dict(zip(names, values, strict=True))
        found = "SELECT message_id, code, detail FROM thread_finding WHERE thread = ?"
        return row | {"findings": self._session.ask(found, key) if row["findings"] else []}

    def unasked(self) -> Iterator[str]:
        """Yield the ids of threads that earlier runs loaded and that nobody has asked about (`progress_of`) in this."""
        sql = """
            SELECT key, id FROM thread WHERE state IN ('loaded', 'verified', 'differs')
              AND run IS NOT (SELECT key FROM run WHERE id = ?) ORDER BY key"""
        return (
            thread_id
            for key, thread_id in self._session.query(sql, self._session.run_id)
            if key not in self._session.asked
        )


def new_run_id(now: float) -> str:
    """Return a run's id: a time to the second for people, then milliseconds and chance in four letters.

    Ids sort by time, and those of one process differ.
    """
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    tail = int(now * 1000) % 1000 << 10 | secrets.randbelow(1 << 10)
    letters = "".join(_ALPHABET[tail >> shift & 31] for shift in (15, 10, 5, 0))
    return f"{moment}-{letters}"


def setup_written(facts: Iterable[tuple[str, str]]) -> list[PendingWrite]:
    """Fields of the setup that were not recorded yet."""
    return [PendingWrite(SETUP, [row], line=fact_line("setup", row)) for row in facts]


def run_begun(run_id: str, command: str, version: str, options: JsonObject, now: int) -> list[PendingWrite]:
    """A run began; what the last `apply` found outside of threads is found again by the next."""
    notes = [PendingWrite(_NEW_RUN, [(run_id, command, version, now, as_json(options))])]
    return [*notes, PendingWrite(_DROP_LOOSE_FINDINGS, [()])] if command == "apply" else notes


def run_ended(run_id: str, envelope: JsonObject, now: int) -> list[PendingWrite]:
    """A run ended, with the result that its command printed."""
    row = (now, envelope.get("status", "failed"), envelope.get("exit_code"), as_json(scrub_all(envelope)), run_id)
    return [PendingWrite(_END_RUN, [row])]
