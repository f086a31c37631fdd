"""What each event of a migration writes: pure functions from facts to notes for the writer. No I/O, no state.

A thread's row is made by whatever names the thread first, so no statement depends on another having come before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from migrate_cli.model import Aside, Draft, Finding, Item, JsonObject, Progress, Unreadable
from migrate_cli.secrets import scrub, scrub_all
from migrate_cli.state.item_ids import packed
from migrate_cli.state.lines import FactLine, IdLine, Line
from migrate_cli.state.writer import PendingWrite


def _sql(text: str) -> str:
    """Spell out `<key>` and `<run>`: the integer keys of the thread and the run whose ids are bound there."""
    thread, run = "(SELECT key FROM thread WHERE id = ?)", "(SELECT key FROM run WHERE id = ?)"
    return text.replace("<key>", thread).replace("<run>", run)


_NEW_RUN = "INSERT INTO run (id, command, version, started_at, options) VALUES (?, ?, ?, ?, ?)"
_END_RUN = "UPDATE run SET ended_at = ?, status = ?, exit_code = ?, result = ? WHERE id = ?"
_SETUP = "INSERT OR REPLACE INTO setup VALUES (?, ?)"

_BEGIN = _sql("""
INSERT INTO thread (id, state, conversation_id, position, items, messages, ambiguous, attempts, digest,
  last_message_id, source_created_at, findings, run, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, findings = excluded.findings, items = excluded.items,
  messages = excluded.messages, ambiguous = excluded.ambiguous, attempts = excluded.attempts,
  digest = excluded.digest, reason = NULL, last_message_id = excluded.last_message_id,
  source_created_at = excluded.source_created_at,
  error_code = NULL, error_detail = NULL, run = excluded.run, updated_at = excluded.updated_at""")
_CONVERSATION = _sql("""
INSERT INTO thread (id, state, conversation_id, ambiguous, attempts, digest, run, updated_at)
VALUES (?, 'loading', ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loading', conversation_id = excluded.conversation_id, position = 0,
  ambiguous = excluded.ambiguous, attempts = excluded.attempts, updated_at = excluded.updated_at""")
_ITEM = (
    "INSERT OR REPLACE INTO item SELECT key, column1, column2, column3, column4, column5, column6 FROM thread, (VALUES "
)
_DROP_ITEMS = _sql("DELETE FROM item WHERE thread = <key> AND idx >= ?")
_POSITION = "UPDATE thread SET position = ?, ambiguous = ?, attempts = ?, updated_at = ? WHERE id = ?"
_AMBIGUITY = "UPDATE thread SET ambiguous = ?, attempts = ?, reason = ?, updated_at = ? WHERE id = ?"
_OUTCOME = _sql("""
INSERT INTO thread
  (id, state, conversation_id, position, ambiguous, attempts, error_code, error_detail, run, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, position = excluded.position, ambiguous = excluded.ambiguous,
  attempts = excluded.attempts, error_code = excluded.error_code, error_detail = excluded.error_detail,
  run = coalesce(excluded.run, run), updated_at = excluded.updated_at""")
_STATE = _sql("""
INSERT INTO thread (id, state, error_code, error_detail, run, updated_at) VALUES (?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, error_code = excluded.error_code,
  error_detail = excluded.error_detail, updated_at = excluded.updated_at""")
_SKIP = _sql("""
INSERT INTO thread
  (id, state, reason, items, messages, digest, last_message_id, source_created_at, findings, run, updated_at)
VALUES (?, 'skipped', ?, ?, ?, ?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = 'skipped', reason = excluded.reason, findings = excluded.findings,
  items = excluded.items, messages = excluded.messages, digest = excluded.digest,
  last_message_id = excluded.last_message_id, source_created_at = excluded.source_created_at,
  error_code = NULL, error_detail = NULL, run = excluded.run, updated_at = excluded.updated_at""")
_SET_ASIDE = """
UPDATE thread SET state = 'skipped', reason = ?, error_code = ?, error_detail = NULL, updated_at = ? WHERE id = ?"""
_FORGET = """
UPDATE thread SET state = 'pending', conversation_id = NULL, position = 0, ambiguous = 0, reason = NULL,
  error_code = NULL, error_detail = NULL, updated_at = ? WHERE id = ?"""
_TAKE_UP = """
INSERT INTO thread (id, state, conversation_id, ambiguous, updated_at) VALUES (?, 'loading', ?, 1, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loading', conversation_id = excluded.conversation_id, position = 0,
  ambiguous = 1, reason = NULL, updated_at = excluded.updated_at WHERE conversation_id IS NOT excluded.conversation_id
"""
RESTORED = "restored"
"""The reason of a thread that is loaded, as the list of ids says, and whose items' ids are to be learned again."""
_TAKE_UP_LOADED = """
INSERT INTO thread (id, state, conversation_id, items, digest, reason, ambiguous, updated_at)
VALUES (?, 'loaded', ?, ?, ?, 'restored', 1, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loaded', items = excluded.items, digest = excluded.digest, reason = 'restored',
  position = iif(conversation_id IS excluded.conversation_id, position, 0), conversation_id = excluded.conversation_id,
  ambiguous = 1, error_code = NULL, error_detail = NULL, updated_at = excluded.updated_at
WHERE NOT (state IN ('loaded', 'verified', 'differs') AND conversation_id IS excluded.conversation_id
  AND position = excluded.items)"""
_UNSETTLE = """
UPDATE thread SET ambiguous = max(ambiguous, 1), updated_at = ?
WHERE state IN ('loading', 'failed') AND conversation_id IS NOT NULL"""
_FORGET_ONE = _FORGET + " AND conversation_id = ?"

_ENSURE = _sql("""
INSERT INTO thread (id, state, run, updated_at) VALUES (?, 'pending', <run>, ?) ON CONFLICT (id) DO NOTHING""")
_DROP_FINDINGS = _sql("DELETE FROM thread_finding WHERE thread = <key>")
_FINDING = _sql("INSERT INTO thread_finding VALUES (<key>, ?, ?, ?, ?, <run>)")
_COUNT_FINDINGS = """
UPDATE thread SET findings = (SELECT count(*) FROM thread_finding WHERE thread = thread.key) WHERE id = ?"""
_DROP_LOOSE_FINDINGS = "DELETE FROM thread_finding WHERE thread IS NULL"
_DROP_ASIDE = _sql("DELETE FROM aside WHERE thread = <key>")
_ASIDE = _sql("INSERT INTO aside VALUES (<key>, ?, ?, ?)")
_REFUSED = _sql("INSERT OR REPLACE INTO refused_item VALUES (<key>, ?, ?, ?, ?)")
_DROP_REFUSED = _sql("DELETE FROM refused_item WHERE thread = <key>")
_ABANDON = "INSERT OR IGNORE INTO abandoned VALUES (?, ?, ?, NULL)"
_ABANDONED_GONE = "UPDATE abandoned SET deleted_at = ? WHERE conversation_id = ?"
_ADOPTED = _sql("""
UPDATE thread SET state = 'loaded', position = ?, ambiguous = 0, reason = NULL, error_code = NULL, error_detail = NULL,
  run = <run>, updated_at = ? WHERE id = ?""")
_UNREADABLE = _sql("INSERT INTO unreadable VALUES (<run>, ?, ?, ?, ?)")
_ORPHAN = "INSERT INTO orphan VALUES (?, ?, ?, ?)"
_FILE_COLUMNS = (
    "source_file_id", "target_file_id", "kind", "bytes", "sha256", "status", "detail", "filename", "media_type",
    "transcript", "lost_uploads", "lost_as", "updated_at",
)  # fmt: skip
_FILE = f"INSERT OR REPLACE INTO file ({', '.join(_FILE_COLUMNS)}) VALUES ({', '.join('?' * len(_FILE_COLUMNS))})"  # noqa: S608
_SCRATCH = _sql("INSERT OR REPLACE INTO scratch VALUES (?, ?, <run>, ?)")
_SCRATCH_GONE = "DELETE FROM scratch WHERE conversation_id = ?"
_CHAIN = "INSERT OR REPLACE INTO chain VALUES (?, ?, ?)"
_REPLAY = _sql("INSERT INTO replay VALUES (<run>, ?, ?, ?, ?, ?, ?, ?, ?)")


def _doubts(progress: Progress) -> int:
    """How many sends had an unclear answer; what stands in the column `ambiguous`."""
    return max(progress.unclear, int(progress.ambiguous))


@lru_cache(maxsize=16)
def stamp(now: int) -> str:
    """Unix seconds as ISO 8601, UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def setup(facts: Iterable[tuple[str, str]]) -> list[PendingWrite]:
    """Fields of the setup that were not recorded yet."""
    return [PendingWrite(_SETUP, [row], line=_fact("setup", row)) for row in facts]


def new_run(run_id: str, command: str, version: str, options: JsonObject, now: int) -> list[PendingWrite]:
    """A run began; what the last `apply` found outside of threads is found anew by the next."""
    notes = [PendingWrite(_NEW_RUN, [(run_id, command, version, now, _json(options))])]
    return [*notes, PendingWrite(_DROP_LOOSE_FINDINGS, [()])] if command == "apply" else notes


def end_run(run_id: str, envelope: JsonObject, now: int) -> list[PendingWrite]:
    """A run ended, with the result that its command printed."""
    row = (now, envelope.get("status", "failed"), envelope.get("exit_code"), _json(scrub_all(envelope)), run_id)
    return [PendingWrite(_END_RUN, [row])]


def begin(progress: Progress, draft: Draft, run: str | None, now: int, *, again: bool = False) -> list[PendingWrite]:
    """A thread's load began, or (`again`) goes on after another attempt at its start."""
    state = "creating" if progress.conversation_id is None else "loading"
    row = (
        progress.thread_id, state, progress.conversation_id, progress.position, len(draft.items), draft.messages,
        _doubts(progress), progress.attempts, draft.digest, draft.last_message_id, draft.created_at,
        len(draft.findings), run, now,
    )  # fmt: skip
    return [PendingWrite(_BEGIN, [row]), *_of_draft(draft, run, first=progress.unheard and not again)]


def conversation(progress: Progress, run: str | None, now: int) -> list[PendingWrite]:
    """A conversation was made for a thread; rows of an earlier conversation no longer count."""
    conversation_id = str(progress.conversation_id)
    row = (progress.thread_id, conversation_id, _doubts(progress), progress.attempts, progress.digest, run, now)
    line = IdLine(progress.thread_id, conversation_id, stamp(now))
    made = PendingWrite(_CONVERSATION, [row], line=line, vital=True)
    return [made] if progress.unheard else [made, PendingWrite(_DROP_ITEMS, [(progress.thread_id, 0)])]


def items(progress: Progress, start: int, sent: Sequence[Item], ids: Sequence[str], now: int) -> list[PendingWrite]:
    """Items are in the conversation."""
    row: list[Any] = []
    for index, item, item_id in zip(range(start, start + len(sent)), sent, ids, strict=True):
        kind = None if item.kind == "message" else item.kind
        row += (index, item.message_id, packed(item_id), kind, item.created_at, item.digest)
    position = (progress.position, _doubts(progress), progress.attempts, now, progress.thread_id)
    # One statement for all rows: each step of SQLite lets go of Python's lock, and taking it again is what costs.
    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(sent))
    insert = [PendingWrite(f"{_ITEM}{values}) WHERE id = ?", [(*row, progress.thread_id)])] if sent else []
    return [*insert, PendingWrite(_POSITION, [position])]


def drop_items(progress: Progress, now: int) -> list[PendingWrite]:
    """Only the items before the position are still in the conversation."""
    position = (progress.position, _doubts(progress), progress.attempts, now, progress.thread_id)
    return [PendingWrite(_DROP_ITEMS, [(progress.thread_id, progress.position)]), PendingWrite(_POSITION, [position])]


def ambiguity(progress: Progress, reason: str, now: int) -> list[PendingWrite]:
    """An answer was unclear."""
    return [PendingWrite(_AMBIGUITY, [(_doubts(progress), progress.attempts, reason, now, progress.thread_id)])]


def outcome(
    progress: Progress, state: str, problem: tuple[str | None, str | None], run: str | None, now: int
) -> list[PendingWrite]:
    """A thread's load ended for now."""
    row = (
        progress.thread_id, state, progress.conversation_id, progress.position, _doubts(progress),
        progress.attempts, *problem, run, now,
    )  # fmt: skip
    return [
        PendingWrite(
            _OUTCOME,
            [row],
            line=_reached(
                progress.thread_id, progress.conversation_id, state, progress.position, now, digest=progress.digest
            ),
        )
    ]


def state(
    thread_id: str, name: str, problem: tuple[str | None, str | None], run: str | None, now: int
) -> list[PendingWrite]:
    """A thread reached a state outside of its load."""
    return [PendingWrite(_STATE, [(thread_id, name, *problem, run, now)])]


def set_aside(thread_id: str, code: str, now: int) -> list[PendingWrite]:
    """A person leaves a thread out."""
    return [PendingWrite(_SET_ASIDE, [(code, code, now, thread_id)])]


def undone(thread_id: str, conversation_id: str, now: int) -> list[PendingWrite]:
    """A conversation was deleted again."""
    line = _reached(thread_id, conversation_id, "undone", 0, now)
    state = PendingWrite(_STATE, [(thread_id, "undone", None, None, None, now)], line=line)
    return [state, PendingWrite(_DROP_REFUSED, [(thread_id,)])]


def skip(draft: Draft, reason: str, run: str | None, now: int) -> list[PendingWrite]:
    """A thread has nothing to load."""
    row = (
        draft.thread_id, reason, len(draft.items), draft.messages, draft.digest, draft.last_message_id,
        draft.created_at, len(draft.findings), run, now,
    )  # fmt: skip
    return [PendingWrite(_SKIP, [row]), *_of_draft(draft, run)]


def forget(thread_id: str, now: int, conversation_id: str | None = None) -> list[PendingWrite]:
    """A thread starts anew, without the conversation that it had, if it had one."""
    line = None if conversation_id is None else IdLine(thread_id, conversation_id, stamp(now), "forgotten", 0)
    return [PendingWrite(_FORGET, [(now, thread_id)], line=line), PendingWrite(_DROP_ITEMS, [(thread_id, 0)])]


def refused_item(thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> list[PendingWrite]:
    """The target refused an item, and a note will stand in its place."""
    row = (thread_id, place, message_id, code, detail)
    return [PendingWrite(_REFUSED, [row], line=_fact("refused_item", row))]


def abandon(thread_id: str, conversation_id: str, now: int) -> list[PendingWrite]:
    """A conversation is given up, and its thread starts anew, refused items included."""
    line = _fact("abandoned", (conversation_id, thread_id, now, None))
    given_up = PendingWrite(_ABANDON, [(conversation_id, thread_id, now)], line=line, vital=True)
    return [given_up, PendingWrite(_DROP_REFUSED, [(thread_id,)]), *forget(thread_id, now, conversation_id)]


def abandoned_gone(conversation_id: str, now: int) -> list[PendingWrite]:
    """A conversation that was given up is deleted."""
    line = FactLine("abandoned", {"conversation_id": conversation_id, "deleted_at": now}, gone=True)
    return [PendingWrite(_ABANDONED_GONE, [(now, conversation_id)], line=line)]


def adopted(
    thread_id: str, conversation_id: str, rows: Sequence[tuple[str | None, str, str, bytes]], run: str | None, now: int
) -> list[PendingWrite]:
    """What stands in a conversation is the truth from now on: message_id, item_id, kind and digest of each item."""
    notes = [PendingWrite(_DROP_ITEMS, [(thread_id, 0)])]
    for index, (message_id, item_id, kind, digest) in enumerate(rows):
        row = (index, message_id, packed(item_id), None if kind == "message" else kind, None, digest, thread_id)
        notes.append(PendingWrite(f"{_ITEM}(?, ?, ?, ?, ?, ?)) WHERE id = ?", [row]))
    line = _reached(thread_id, conversation_id, "loaded", len(rows), now)
    return [*notes, PendingWrite(_ADOPTED, [(len(rows), run, now, thread_id)], line=line)]


def take_up(line: Line, now: int) -> list[PendingWrite]:
    """A line of the list of ids that the state file has missed: the target must be asked what is in there."""
    if isinstance(line, FactLine):
        return _take_up_fact(line)
    thread_id, conversation_id = line.thread_id, line.conversation_id
    if line.state == "undone":
        return [
            PendingWrite(_STATE, [(thread_id, "undone", None, None, None, now)]),
            PendingWrite(_DROP_REFUSED, [(thread_id,)]),
        ]
    if line.state == "forgotten":
        forgotten = PendingWrite(_FORGET_ONE, [(now, thread_id, conversation_id)])
        return [forgotten, PendingWrite(_DROP_ITEMS, [(thread_id, 0)]), PendingWrite(_DROP_REFUSED, [(thread_id,)])]
    made = PendingWrite(_TAKE_UP, [(thread_id, conversation_id, now)], vital=True)
    if line.state != "loaded" or line.digest is None or line.items is None:
        return [made]
    return [made, PendingWrite(_TAKE_UP_LOADED, [(thread_id, conversation_id, line.items, line.digest, now)])]


_FACTS: dict[str, tuple[tuple[str, ...], str]] = {
    "setup": (("key", "value"), _SETUP),
    "file": (_FILE_COLUMNS, _FILE),
    "scratch": (("conversation_id", "target", "made_at"), "INSERT OR REPLACE INTO scratch VALUES (?, ?, NULL, ?)"),
    "abandoned": (
        ("conversation_id", "thread_id", "at", "deleted_at"),
        "INSERT OR REPLACE INTO abandoned VALUES (?, ?, ?, ?)",
    ),
    "refused_item": (("thread_id", "idx", "message_id", "code", "detail"), _REFUSED),
}
"""Of each table whose rows stand in the list: the columns, and what writes a row."""
_FACTS_GONE = {
    "scratch": (("conversation_id",), _SCRATCH_GONE),
    "abandoned": (("deleted_at", "conversation_id"), _ABANDONED_GONE),
}


def _take_up_fact(line: FactLine) -> list[PendingWrite]:
    known = (_FACTS_GONE if line.gone else _FACTS).get(line.table)
    if known is None:
        return []
    columns, sql = known
    return [PendingWrite(sql, [tuple(line.row.get(column) for column in columns)])]


def _fact(table: str, row: Sequence[Any]) -> FactLine:
    return FactLine(table, dict(zip(_FACTS[table][0], row, strict=True)))


_KNOWN_THREADS = """
SELECT id, conversation_id, state, position, digest, reason, items, updated_at FROM thread
WHERE conversation_id IS NOT NULL ORDER BY key"""
_KNOWN_FACTS = {
    "setup": "SELECT key, value FROM setup",
    "file": f"SELECT {', '.join(_FILE_COLUMNS)} FROM file",  # noqa: S608 - columns
    "scratch": "SELECT conversation_id, target, made_at FROM scratch",
    "abandoned": "SELECT conversation_id, thread_id, at, deleted_at FROM abandoned",
    "refused_item": """SELECT thread.id, idx, message_id, code, detail FROM refused_item
        JOIN thread ON thread.key = refused_item.thread""",
}


def known_lines(ask: Callable[[str], Iterable[Sequence[Any]]]) -> Iterator[Line]:
    """Yield the lines that say all that a state file knows, as its list of ids would; `ask` runs a question."""
    for thread_id, conversation_id, reached, position, digest, reason, count, at in ask(_KNOWN_THREADS):
        yield IdLine(thread_id, conversation_id, stamp(at))
        end = {"verified": "loaded", "differs": "loaded"}.get(reached, reached)
        if end in ("loaded", "undone"):
            items = count if reason == RESTORED else position
            yield IdLine(thread_id, conversation_id, stamp(at), end, items, digest if end == "loaded" else None)
    for table, sql in _KNOWN_FACTS.items():
        for row in ask(sql):
            yield _fact(table, row)


def unsettle(now: int) -> list[PendingWrite]:
    """The file may be older than what was sent: no thread that was under way counts as left at rest."""
    return [PendingWrite(_UNSETTLE, [(now,)])]


def findings(
    thread_id: str | None, found: Iterable[Finding], run: str | None, now: int, *, replace: bool
) -> list[PendingWrite]:
    """Findings of a thread (or of the source as a whole, with None)."""
    rows = _finding_rows(thread_id, found, run)
    if thread_id is None:
        return [PendingWrite(_FINDING, rows)] if rows else []
    notes = [PendingWrite(_ENSURE, [(thread_id, run, now)])]
    if replace:
        notes.append(PendingWrite(_DROP_FINDINGS, [(thread_id,)]))
    return [*notes, PendingWrite(_FINDING, rows), PendingWrite(_COUNT_FINDINGS, [(thread_id,)])]


def aside(thread_id: str, facts: Iterable[Aside], run: str | None, now: int) -> list[PendingWrite]:
    """What the target has no room for; replaces what was there."""
    ensure = [PendingWrite(_ENSURE, [(thread_id, run, now)])]
    return [*ensure, PendingWrite(_DROP_ASIDE, [(thread_id,)]), PendingWrite(_ASIDE, _aside_rows(thread_id, facts))]


def unreadable(entry: Unreadable, run: str | None) -> list[PendingWrite]:
    """Something in the source could not be read."""
    return [
        PendingWrite(_UNREADABLE, [(run, entry.thread_id, scrub(str(entry.origin)), entry.code, scrub(entry.detail))])
    ]


def orphan(thread_id: str, reason: str, request_id: str | None, now: int) -> list[PendingWrite]:
    """A conversation may have been made whose id was lost."""
    return [PendingWrite(_ORPHAN, [(thread_id, now, reason, request_id)])]


def file(row: Sequence[Any], now: int) -> list[PendingWrite]:
    """What is known of a file, in the order of the statement's columns."""
    return [PendingWrite(_FILE, [(*row, now)], line=_fact("file", (*row, now)))]


def replay(run: str, row: Sequence[Any]) -> list[PendingWrite]:
    """The result of one replayed case, in the order of the view `replay_result` after `run_id`."""
    return [PendingWrite(_REPLAY, [(run, *row)])]


def scratch(conversation_id: str, target: str, run: str | None, now: int) -> list[PendingWrite]:
    """A scratch conversation was made; it must be deleted again, whatever happens."""
    line = _fact("scratch", (conversation_id, target, now))
    return [PendingWrite(_SCRATCH, [(conversation_id, target, run, now)], line=line, vital=True)]


def scratch_gone(conversation_id: str) -> list[PendingWrite]:
    """A scratch conversation was deleted."""
    line = FactLine("scratch", {"conversation_id": conversation_id}, gone=True)
    return [PendingWrite(_SCRATCH_GONE, [(conversation_id,)], line=line)]


def chain(conversation_id: str, response_id: str, now: int) -> list[PendingWrite]:
    """The last response of a conversation that goes on as a chain of responses."""
    return [PendingWrite(_CHAIN, [(conversation_id, response_id, now)])]


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
    return [(thread_id, fact.message_id, fact.name, _json(fact.value)) for fact in facts]


def _reached(
    thread_id: str, conversation_id: str | None, state: str, items: int, now: int, *, digest: str | None = None
) -> IdLine | None:
    if conversation_id is None or state not in ("loaded", "undone"):
        return None
    return IdLine(thread_id, conversation_id, stamp(now), state, items, digest if state == "loaded" else None)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
