"""The schema of the state file, as named steps that are applied in order and recorded in the file itself.

A new table, column or view is a new step `m00N_…`; a step that was released is never edited. The views are public:
people join against them, so their columns may grow at the end but never change. Nothing here reads or writes rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from migrate_cli.state import identity
from migrate_cli.state.item_ids import SHOWN, packed

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x6D696772
"""`migr`, in the file's header: tells a state file from any other SQLite database."""

_SET = "migrate-cli"

_M001 = """
CREATE TABLE setup (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE run (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, command TEXT NOT NULL, version TEXT NOT NULL,
  started_at INTEGER NOT NULL, ended_at INTEGER, status TEXT NOT NULL DEFAULT 'running', exit_code INTEGER,
  options TEXT NOT NULL, result TEXT
);

CREATE TABLE thread (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, conversation_id TEXT,
  position INTEGER NOT NULL DEFAULT 0, items INTEGER, messages INTEGER, findings INTEGER NOT NULL DEFAULT 0,
  ambiguous INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, error_code TEXT,
  error_detail TEXT, digest TEXT, last_message_id TEXT, source_created_at REAL, run INTEGER REFERENCES run(key),
  updated_at INTEGER NOT NULL
);

-- `kind` is NULL for the usual one, `message`: a byte saved a million times.
CREATE TABLE item (
  thread INTEGER NOT NULL, idx INTEGER NOT NULL, message_id TEXT, item_id TEXT NOT NULL, kind TEXT,
  source_created_at REAL, digest BLOB NOT NULL, PRIMARY KEY (thread, idx)
) WITHOUT ROWID;
-- People join their own tables by the old message id. New ids are looked up by a scan: a second index of such width
-- would cost more than it gives. The condition keeps SQLite from walking the index when all rows are wanted.
CREATE INDEX item_by_message ON item (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE thread_finding (
  thread INTEGER REFERENCES thread(key), message_id TEXT, code TEXT NOT NULL, severity TEXT NOT NULL,
  detail TEXT NOT NULL, run INTEGER REFERENCES run(key)
);
CREATE INDEX thread_finding_by_thread ON thread_finding (thread);
CREATE INDEX thread_finding_by_code ON thread_finding (code, severity);

CREATE TABLE unreadable (
  run INTEGER REFERENCES run(key), thread_id TEXT, origin TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX unreadable_by_run ON unreadable (run);

CREATE TABLE orphan (thread_id TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, request_id TEXT);

CREATE TABLE aside (thread INTEGER NOT NULL REFERENCES thread(key), message_id TEXT, name TEXT NOT NULL,
  value TEXT NOT NULL);
CREATE INDEX aside_by_thread ON aside (thread);

CREATE TABLE file (
  source_file_id TEXT PRIMARY KEY, target_file_id TEXT, kind TEXT, bytes INTEGER, sha256 TEXT,
  status TEXT NOT NULL, detail TEXT, updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE replay (
  run INTEGER NOT NULL REFERENCES run(key), case_id TEXT NOT NULL, conversation_id TEXT, status TEXT NOT NULL,
  ttft_ms REAL, total_ms REAL, input_tokens INTEGER, output_tokens INTEGER, detail TEXT
);
CREATE INDEX replay_by_run ON replay (run);
"""

_M001_VIEWS = {
    "thread_map": """
        SELECT thread.id AS thread_id, thread.conversation_id, thread.state, thread.messages,
          thread.position AS items, thread.findings, run.id AS run_id,
          strftime('%Y-%m-%dT%H:%M:%SZ', thread.updated_at, 'unixepoch') AS updated_at
        FROM thread LEFT JOIN run ON run.key = thread.run""",
    "message_map": """
        SELECT thread.id AS thread_id, item.message_id, item.idx AS position, thread.conversation_id, item.item_id,
          coalesce(item.kind, 'message') AS kind, item.source_created_at
        FROM item JOIN thread ON thread.key = item.thread""",
    "file_map": "SELECT source_file_id, target_file_id, kind, bytes, sha256, status FROM file",
    "finding": """
        SELECT thread.id AS thread_id, thread_finding.message_id, thread_finding.code, thread_finding.severity,
          thread_finding.detail
        FROM thread_finding LEFT JOIN thread ON thread.key = thread_finding.thread""",
    "replay_result": """
        SELECT run.id AS run_id, replay.case_id, replay.conversation_id, replay.status, replay.ttft_ms,
          replay.total_ms, replay.input_tokens, replay.output_tokens, replay.detail
        FROM replay JOIN run ON run.key = replay.run""",
}


def m001_first_schema(db: Database) -> None:
    """Tables for setup, runs, threads, items, findings, files and replays, and the public views."""
    for statement in _M001.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
    for name, select in _M001_VIEWS.items():
        db.create_view(name, select)
    db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def m002_facts_of_files(db: Database) -> None:
    """What is known of a file beside its ids, so that a thread becomes the same draft on every run."""
    for column in _M002:
        db.conn.execute(f"ALTER TABLE file ADD COLUMN {column}")


_M002 = ("filename TEXT", "media_type TEXT", "transcript TEXT", "lost_uploads INTEGER NOT NULL DEFAULT 0")
"""`transcript` is the one place for what somebody said: only where `audio.transcribe` is on. `lost_uploads` counts
uploads whose answer was lost: there may be a copy of the file at the target that nothing names."""


def m003_replay_leftovers(db: Database) -> None:
    """What a replay has to remember: scratch conversations that are still there, and where chains of responses end."""
    for statement in _M003:
        db.conn.execute(statement)


_M003 = (
    "CREATE TABLE scratch (conversation_id TEXT PRIMARY KEY, target TEXT NOT NULL, run INTEGER REFERENCES run(key), "
    "made_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE chain (conversation_id TEXT PRIMARY KEY, response_id TEXT NOT NULL, updated_at INTEGER NOT NULL) "
    "WITHOUT ROWID",
)
"""A row of `scratch` is written before anything is sent there, and goes once the conversation is deleted. `chain` holds
the last response of each conversation that `replay --mode chain` continued."""

_M004 = (
    # Items that the target refused and that a note stands for; written before the note is sent.
    "CREATE TABLE refused_item (thread INTEGER NOT NULL REFERENCES thread(key), idx INTEGER NOT NULL, "
    "message_id TEXT, code TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (thread, idx)) WITHOUT ROWID",
    # Conversations that a person gave up for a fresh start; they are the thread's no more, but ours to delete.
    "CREATE TABLE abandoned (conversation_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, at INTEGER NOT NULL, "
    "deleted_at INTEGER) WITHOUT ROWID",
)


def m004_refused_and_abandoned(db: Database) -> None:
    """Refused items that became notes, and conversations that were given up."""
    for statement in _M004:
        db.conn.execute(statement)


_FILE_MAP = "SELECT source_file_id, target_file_id, kind, bytes, sha256, status FROM {}"
_M005 = (
    # What other shards knew of files that this table's own rows know otherwise: each shard uploads for itself, and its
    # threads name its upload. `origin` stands for the shard; NULL in `thread` means the rows of `file`.
    "CREATE TABLE file_copy (origin INTEGER NOT NULL, source_file_id TEXT NOT NULL, target_file_id TEXT, kind TEXT, "
    "bytes INTEGER, sha256 TEXT, status TEXT NOT NULL, detail TEXT, updated_at INTEGER NOT NULL, filename TEXT, "
    "media_type TEXT, transcript TEXT, lost_uploads INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (origin, source_file_id)) "
    "WITHOUT ROWID",
    "ALTER TABLE thread ADD COLUMN origin INTEGER",
)


def m005_files_of_shards(db: Database) -> None:
    """Room for what several shards know of one file, once their state files are merged."""
    for statement in _M005:
        db.conn.execute(statement)
    db.create_view("file_map", f"{_FILE_MAP.format('file')} UNION {_FILE_MAP.format('file_copy')}", replace=True)


_M006_VIEW = f"""
SELECT thread.id AS thread_id, item.message_id, item.idx AS position, thread.conversation_id, {SHOWN} AS item_id,
  coalesce(item.kind, 'message') AS kind, item.source_created_at
FROM item JOIN thread ON thread.key = item.thread"""  # noqa: S608 - a constant is inserted


def m006_short_ids_of_items(db: Database) -> None:
    """Ids of items as bytes where they are digits, and a view that shows them as they are."""
    db.conn.create_function("packed", 1, packed, deterministic=True)
    db.conn.execute("UPDATE item SET item_id = packed(item_id)")
    db.create_view("message_map", _M006_VIEW, replace=True)


def m007_what_lost_uploads_sent(db: Database) -> None:
    """When uploads with lost answers went out and what they sent, so that a copy at the target is known again."""
    for table in ("file", "file_copy"):
        db.conn.execute(f"ALTER TABLE {table} ADD COLUMN lost_as TEXT")


def m008_identity(db: Database) -> None:
    """Which state this is and how much it knows (`identity.py`); the size of the list of ids moves there."""
    was = identity.read(db.conn)
    db.conn.execute("CREATE TABLE identity (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    rows = [("state", was.state), ("map_bytes", str(was.size))]
    db.conn.executemany("INSERT INTO identity VALUES (?, ?)", rows)
    db.conn.execute("DELETE FROM setup WHERE key = 'map_bytes'")


_CHILD_THREAD = """
SELECT parent.id AS thread_id, aside.message_id, json_extract(aside.value, '$.call_id') AS call_id,
  json_extract(aside.value, '$.thread_id') AS child_thread_id, child.conversation_id AS child_conversation_id
FROM aside JOIN thread AS parent ON parent.key = aside.thread
  LEFT JOIN thread AS child ON child.id = json_extract(aside.value, '$.thread_id')
WHERE aside.name = 'child_thread'"""


def m009_child_threads(db: Database) -> None:
    """A public view of the threads that connected agents worked in, beside the threads that called them."""
    db.create_view("child_thread", _CHILD_THREAD)


_M010 = (
    # Which version of an agent an assistant became. A row is there before the request goes out, without a version.
    "CREATE TABLE agent (assistant_id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, version TEXT, "
    "status TEXT NOT NULL, updated_at INTEGER NOT NULL, run INTEGER REFERENCES run(key), "
    "PRIMARY KEY (assistant_id, name, digest)) WITHOUT ROWID",
)
_M010_VIEW = """
SELECT agent.assistant_id, agent.name || ':' || agent.version AS agent, agent.name, agent.version,
  iif(agent.status = 'made' AND EXISTS (
    SELECT 1 FROM agent AS later WHERE later.assistant_id = agent.assistant_id AND later.status = 'made'
      AND (later.updated_at, length(later.version), later.version)
        > (agent.updated_at, length(agent.version), agent.version)), 'replaced', agent.status) AS status,
  run.id AS run_id, strftime('%Y-%m-%dT%H:%M:%SZ', agent.updated_at, 'unixepoch') AS updated_at
FROM agent LEFT JOIN run ON run.key = agent.run"""


def m010_agents(db: Database) -> None:
    """Agents that were made at the target, and the view that shows them."""
    for statement in _M010:
        db.conn.execute(statement)
    db.create_view("agent_map", _M010_VIEW)


_M011 = (
    # Conversations in which a case runs itself: a row goes once the case has left no call without an answer there.
    "CREATE TABLE in_place (conversation_id TEXT PRIMARY KEY, target TEXT NOT NULL, run INTEGER REFERENCES run(key), "
    "anchor TEXT, at INTEGER NOT NULL) WITHOUT ROWID",
    # Scratch conversations whose create has not been answered: a killed replay may have left them, empty.
    "CREATE TABLE scratch_begun (token TEXT PRIMARY KEY, target TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
    "ALTER TABLE replay ADD COLUMN last_response_id TEXT",
)
_M011_VIEWS = {
    "response_chain": """
        SELECT run.id AS run_id, replay.case_id, replay.conversation_id, replay.last_response_id
        FROM replay JOIN run ON run.key = replay.run WHERE replay.last_response_id IS NOT NULL""",
    "thread_map": _M001_VIEWS["thread_map"].replace(
        "AS updated_at\n", "AS updated_at, chain.response_id AS last_response_id\n"
    )
    + " LEFT JOIN chain ON chain.conversation_id = thread.conversation_id",
}


def m011_chains_and_cases_in_place(db: Database) -> None:
    """Where chains of responses end, and the conversations that a case runs in itself."""
    for statement in _M011:
        db.conn.execute(statement)
    for name, select in _M011_VIEWS.items():
        db.create_view(name, select, replace=True)


_M012 = (
    # One row for each vector store of the source; `lost_creates` counts requests to make it whose answer was lost.
    "CREATE TABLE vector_store (source_store_id TEXT PRIMARY KEY, target_store_id TEXT, name TEXT NOT NULL, "
    "status TEXT NOT NULL, detail TEXT, lost_creates INTEGER NOT NULL DEFAULT 0, lost_at REAL NOT NULL DEFAULT 0, "
    "updated_at INTEGER NOT NULL, run INTEGER REFERENCES run(key)) WITHOUT ROWID",
    "CREATE TABLE vector_store_file (source_store_id TEXT NOT NULL, source_file_id TEXT NOT NULL, target_file_id TEXT, "
    "status TEXT NOT NULL, detail TEXT, updated_at INTEGER NOT NULL, PRIMARY KEY (source_store_id, source_file_id)) "
    "WITHOUT ROWID",
)
_VECTOR_STORE_MAP = """
SELECT source_store_id, target_store_id, name, status,
  (SELECT count(*) FROM vector_store_file AS f WHERE f.source_store_id = s.source_store_id) AS files,
  (SELECT count(*) FROM vector_store_file AS f WHERE f.source_store_id = s.source_store_id AND f.status = 'completed')
    AS completed,
  (SELECT count(*) FROM vector_store_file AS f WHERE f.source_store_id = s.source_store_id
    AND f.status IN ('failed', 'cancelled', 'lacking')) AS failed
FROM vector_store AS s"""


def m012_vector_stores(db: Database) -> None:
    """Vector stores that are rebuilt at the target, the files in them, and the public view of both."""
    for statement in _M012:
        db.conn.execute(statement)
    db.create_view("vector_store_map", _VECTOR_STORE_MAP)


STEPS: tuple[Callable[[Database], None], ...] = (
    m001_first_schema,
    m002_facts_of_files,
    m003_replay_leftovers,
    m004_refused_and_abandoned,
    m005_files_of_shards,
    m006_short_ids_of_items,
    m007_what_lost_uploads_sent,
    m008_identity,
    m009_child_threads,
    m010_agents,
    m011_chains_and_cases_in_place,
    m012_vector_stores,
)
"""All steps, oldest first."""

STEP_NAMES = tuple(step.__name__ for step in STEPS)


def registry() -> Migrations:
    """Return the steps as sqlite-utils knows them; the file records which of them it has."""
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415 - costs a quarter of a second, and readers need none

    migrations = Migrations(_SET)
    for step in STEPS:
        migrations()(step)
    return migrations


def catch_up(conn: sqlite3.Connection) -> None:
    """Bring the file to the newest schema, if it is not there yet."""
    if conn.execute("PRAGMA user_version").fetchone()[0] == len(STEPS):
        return
    from sqlite_utils import Database  # noqa: PLC0415 - costs a tenth of a second, and most files need none

    migrate(Database(conn, execute_plugins=False))


def migrate(db: Database) -> None:
    """Bring the file to the newest schema, each step in one transaction with its record; may be repeated."""
    registry().apply(db)
    db.conn.execute(f"PRAGMA user_version = {len(STEPS)}")
