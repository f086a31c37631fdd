"""The journal of the state file: what a load notes while it runs.

What is noted is in memory until the next group commit (`writer.py`); `durable` waits for that. It must not be given
keys or message text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate_cli.model import Aside, Draft, Finding, Item, Progress, Unreadable
from migrate_cli.secrets import scrub
from migrate_cli.state.id_list import fact_line, reached_line
from migrate_cli.state.item_ids import packed
from migrate_cli.state.lines import IdLine
from migrate_cli.state.statements import DROP_ITEMS, ITEM, POSITION, REFUSED, as_json, doubts, stamp, with_keys
from migrate_cli.state.threads import RecordedThreads
from migrate_cli.state.writer import PendingWrite

_BEGIN = with_keys("""
INSERT INTO thread (id, state, conversation_id, position, items, messages, ambiguous, attempts, digest,
  last_message_id, source_created_at, findings, run, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, findings = excluded.findings, items = excluded.items,
  messages = excluded.messages, ambiguous = excluded.ambiguous, attempts = excluded.attempts,
  digest = excluded.digest, reason = NULL, last_message_id = excluded.last_message_id,
  source_created_at = excluded.source_created_at,
  error_code = NULL, error_detail = NULL, run = excluded.run, updated_at = excluded.updated_at""")
_CONVERSATION = with_keys("""
INSERT INTO thread (id, state, conversation_id, ambiguous, attempts, digest, run, updated_at)
VALUES (?, 'loading', ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loading', conversation_id = excluded.conversation_id, position = 0,
  ambiguous = excluded.ambiguous, attempts = excluded.attempts, updated_at = excluded.updated_at""")
_AMBIGUITY = "UPDATE thread SET ambiguous = ?, attempts = ?, reason = ?, updated_at = ? WHERE id = ?"
_OUTCOME = with_keys("""
INSERT INTO thread
  (id, state, conversation_id, position, ambiguous, attempts, error_code, error_detail, run, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, position = excluded.position, ambiguous = excluded.ambiguous,
  attempts = excluded.attempts, error_code = excluded.error_code, error_detail = excluded.error_detail,
  run = coalesce(excluded.run, run), updated_at = excluded.updated_at""")
_SKIP = with_keys("""
INSERT INTO thread
  (id, state, reason, items, messages, digest, last_message_id, source_created_at, findings, run, updated_at)
VALUES (?, 'skipped', ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = 'skipped', reason = excluded.reason, findings = excluded.findings,
  items = excluded.items, messages = excluded.messages, digest = excluded.digest,
  last_message_id = excluded.last_message_id, source_created_at = excluded.source_created_at,
  error_code = NULL, error_detail = NULL, run = excluded.run, updated_at = excluded.updated_at""")
_ENSURE = with_keys("""
INSERT INTO thread (id, state, run, updated_at) VALUES (?, 'pending', <run>, ?) ON CONFLICT (id) DO NOTHING""")
_DROP_FINDINGS = with_keys("DELETE FROM thread_finding WHERE thread = <key>")
_FINDING = with_keys("INSERT INTO thread_finding VALUES (<key>, ?, ?, ?, ?, <run>)")
_COUNT_FINDINGS = """
UPDATE thread SET findings = (SELECT count(*) FROM thread_finding WHERE thread = thread.key) WHERE id = ?"""
_DROP_ASIDE = with_keys("DELETE FROM aside WHERE thread = <key>")
_ASIDE = with_keys("INSERT INTO aside VALUES (<key>, ?, ?, ?)")
_UNREADABLE = with_keys("INSERT INTO unreadable VALUES (<run>, ?, ?, ?, ?)")
_ORPHAN = "INSERT INTO orphan VALUES (?, ?, ?, ?)"


class LoadJournal(RecordedThreads):
    """Notes what happens to each thread; implements `load.interface.Journal`."""

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the load starts, with the draft's digest and counts, its findings and what goes aside."""
        session, thread_id = self._session, progress.thread_id
        again = thread_id in session.writer.in_flight
        session.writer.in_flight.add(thread_id)
        state = "creating" if progress.conversation_id is None else "loading"
        row = (
            thread_id, state, progress.conversation_id, progress.position, len(draft.items), draft.messages,
            doubts(progress), progress.attempts, draft.digest, draft.last_message_id, draft.created_at,
            len(draft.findings), session.run_id, session.seconds(),
        )  # fmt: skip
        of_draft = _of_draft(draft, session.run_id, first=progress.unheard and not again)
        session.note([PendingWrite(_BEGIN, [row]), *of_draft], of=thread_id)

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""
        row = (thread_id, self._session.seconds(), reason, request_id)
        self._session.note([PendingWrite(_ORPHAN, [row])])

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""
        thread_id, conversation_id, now = progress.thread_id, str(progress.conversation_id), self._session.seconds()
        row = (
            thread_id, conversation_id, doubts(progress), progress.attempts, progress.digest, self._session.run_id, now,
        )  # fmt: skip
        line = IdLine(thread_id, conversation_id, stamp(now))
        made = PendingWrite(_CONVERSATION, [row], line=line, vital=True)
        # Rows of an earlier conversation no longer count.
        dropped = [] if progress.unheard else [PendingWrite(DROP_ITEMS, [(thread_id, 0)])]
        self._session.note([made, *dropped], of=thread_id)

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""
        row: list[Any] = []
        for index, item, item_id in zip(range(start, start + len(items)), items, ids, strict=True):
            kind = None if item.kind == "message" else item.kind
            row += (index, item.message_id, packed(item_id), kind, item.created_at, item.digest)
        position = (
            progress.position, doubts(progress), progress.attempts, self._session.seconds(), progress.thread_id,
        )  # fmt: skip
        # One statement for many rows: each step of SQLite lets go of Python's lock, and taking it again is what costs.
        inserts = [_inserted(row[first : first + _VALUES], progress.thread_id) for first in range(0, len(row), _VALUES)]
        self._session.note([*inserts, PendingWrite(POSITION, [position])])

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""
        row = (doubts(progress), progress.attempts, reason, self._session.seconds(), progress.thread_id)
        self._session.note([PendingWrite(_AMBIGUITY, [row])])

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now."""
        session, thread_id, conversation_id = self._session, progress.thread_id, progress.conversation_id
        session.writer.in_flight.discard(thread_id)
        now = session.seconds()
        row = (
            thread_id, state, conversation_id, progress.position, doubts(progress), progress.attempts, code, detail,
            session.run_id, now,
        )  # fmt: skip
        line = reached_line(thread_id, conversation_id, state, progress.position, now, digest=progress.digest)
        session.note([PendingWrite(_OUTCOME, [row], line=line)], of=thread_id)

    def skip(self, draft: Draft, reason: str) -> None:
        """Note that the thread has nothing to load, and why."""
        session = self._session
        row = (
            draft.thread_id, reason, len(draft.items), draft.messages, draft.digest, draft.last_message_id,
            draft.created_at, len(draft.findings), session.run_id, session.seconds(),
        )  # fmt: skip
        session.note([PendingWrite(_SKIP, [row]), *_of_draft(draft, session.run_id)], of=draft.thread_id)

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note that a note will stand for the item at this place; must be durable before the note is sent."""
        row = (thread_id, place, message_id, code, detail)
        self._session.note([PendingWrite(REFUSED, [row], line=fact_line("refused_item", row))])

    def findings(self, thread_id: str | None, findings: Iterable[Finding], *, replace: bool = True) -> None:
        """Note the findings of a thread, in place of those it had or (`replace=False`) beside them.

        With None they belong to the source as a whole, and the next `apply` starts without them.
        """
        rows = _finding_rows(thread_id, findings, self._session.run_id)
        if thread_id is None:
            self._session.note([PendingWrite(_FINDING, rows)] if rows else [])
            return
        dropped = [PendingWrite(_DROP_FINDINGS, [(thread_id,)])] if replace else []
        counted = PendingWrite(_COUNT_FINDINGS, [(thread_id,)])
        self._session.note([self._ensured(thread_id), *dropped, PendingWrite(_FINDING, rows), counted], of=thread_id)

    def aside(self, thread_id: str, facts: Iterable[Aside]) -> None:
        """Note what the target has no room for, in place of what was noted before."""
        dropped, kept = PendingWrite(_DROP_ASIDE, [(thread_id,)]), PendingWrite(_ASIDE, _aside_rows(thread_id, facts))
        self._session.note([self._ensured(thread_id), dropped, kept], of=thread_id)

    def unreadable(self, entry: Unreadable) -> None:
        """Note something in the source that could not be read in this run."""
        row = (self._session.run_id, entry.thread_id, scrub(str(entry.origin)), entry.code, scrub(entry.detail))
        self._session.note([PendingWrite(_UNREADABLE, [row])])

    def _ensured(self, thread_id: str) -> PendingWrite:
        """What gives the thread a row, if it has none yet."""
        return PendingWrite(_ENSURE, [(thread_id, *self._session.run_and_time())])


_COLUMNS = 6
_VALUES = 500 * _COLUMNS
"""Values in one statement. A batch has fewer; a conversation that is learned again may have more than SQLite takes."""


def _inserted(values: list[Any], thread_id: str) -> PendingWrite:
    rows = ", ".join(["(?, ?, ?, ?, ?, ?)"] * (len(values) // _COLUMNS))
    return PendingWrite(f"{ITEM}{rows}) WHERE id = ?", [(*values, thread_id)])


def _of_draft(draft: Draft, run: str | None, *, first: bool = False) -> list[PendingWrite]:
    """A draft's findings and asides, in place of those of an earlier attempt; the thread's row is there already."""
    thread_id = draft.thread_id
    notes = [] if first else [PendingWrite(_DROP_FINDINGS, [(thread_id,)]), PendingWrite(_DROP_ASIDE, [(thread_id,)])]
    if draft.findings:
        notes.append(PendingWrite(_FINDING, _finding_rows(thread_id, draft.findings, run)))
    if draft.aside:
        notes.append(PendingWrite(_ASIDE, _aside_rows(thread_id, draft.aside)))
    return notes


def _finding_rows(thread_id: str | None, found: Iterable[Finding], run: str | None) -> list[tuple[Any, ...]]:
    return [(thread_id, one.message_id, one.code, str(one.severity), scrub(one.detail), run) for one in found]


def _aside_rows(thread_id: str, facts: Iterable[Aside]) -> list[tuple[Any, ...]]:
    return [(thread_id, fact.message_id, fact.name, as_json(fact.value)) for fact in facts]
