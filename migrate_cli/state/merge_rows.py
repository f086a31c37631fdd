"""Merges the rows of one state file into another: which row of a thread wins, and what goes with it.

Everything streams from one open file into the transaction of the other, so that memory does not grow with either. It
opens no files and commits nothing.

Of two rows of one thread the later one wins where both name one conversation, and the one that has a conversation where
only one has. Two conversations of one thread are a conflict: somebody must say which one stays.

Each shard has uploaded files for itself, and its threads name its own uploads. The destination's own row of a file
stays; if another file differs, its row is kept separately under an origin, and its threads carry that origin. So no
id of an upload is lost, and every thread is converted again as it was loaded.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass

from migrate_cli.state.statements import FILE_COLUMNS, STORE_COLUMNS

LOST_RACE = "another shard continued this thread while its conversation was being created"
"""The reason of the possible orphan that a row leaves which was creating a conversation, and lost."""

_OLDER = ("creating", "pending", "loading", "skipped", "failed", "loaded", "verified", "differs", "in_doubt", "undone")
"""States by how much they have to say, for two rows of one second."""


def _rank(column: str) -> str:
    return f"CASE {column} " + " ".join(f"WHEN '{name}' THEN {n}" for n, name in enumerate(_OLDER)) + " ELSE -1 END"


_TEMPORARY = """
CREATE TEMP TABLE offered (
  old INTEGER PRIMARY KEY, id TEXT NOT NULL, conversation_id TEXT, state TEXT NOT NULL, stub INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, position INTEGER NOT NULL, messages INTEGER, items INTEGER NOT NULL,
  findings INTEGER NOT NULL, asides INTEGER NOT NULL, refused_items INTEGER NOT NULL);
CREATE TEMP TABLE given_up (conversation_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE decided (
  old INTEGER PRIMARY KEY, new INTEGER NOT NULL, held INTEGER NOT NULL, verdict TEXT NOT NULL,
  raced INTEGER NOT NULL);
CREATE TEMP TABLE runs (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, fresh INTEGER NOT NULL);
CREATE TEMP TABLE origins (old INTEGER PRIMARY KEY, new INTEGER);
CREATE TEMP TABLE possible (thread_id TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, request_id TEXT);
CREATE TEMP TABLE came (key INTEGER PRIMARY KEY, file INTEGER NOT NULL);
CREATE TEMP TABLE unread (thread_id TEXT, origin TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL);
"""
"""`came` says of each thread from which file its row is, `unread` gathers what the last runs could not read."""
_PER_FILE = ("offered", "given_up", "decided", "runs", "origins", "possible")

_OFFERED = """
SELECT key, id, conversation_id, state, state = 'loading' AND run IS NULL AND position = 0, updated_at, position,
  messages,
  (SELECT count(*) FROM item WHERE item.thread = thread.key),
  (SELECT count(*) FROM thread_finding WHERE thread_finding.thread = thread.key),
  (SELECT count(*) FROM aside WHERE aside.thread = thread.key),
  (SELECT count(*) FROM refused_item WHERE refused_item.thread = thread.key)
FROM thread ORDER BY key"""
# A stub is a conversation that only the list of ids remembered: it knows less than any row of the same conversation.
_DECIDE = f"""
INSERT INTO temp.decided
SELECT old, coalesce(held, old + :above), held IS NOT NULL,
  CASE
    WHEN held IS NULL THEN 'new'
    WHEN one THEN CASE WHEN stub <> its_stub THEN iif(stub, 'keep', 'take') ELSE iif(later, 'take', 'keep') END
    WHEN live AND its_live THEN 'conflict'
    WHEN live THEN 'take'
    WHEN its_live THEN 'keep'
    ELSE iif(later, 'take', 'keep')
  END,
  creating
FROM (
  SELECT o.old, o.stub, d.key AS held, d.conversation_id IS NOT NULL AND d.conversation_id = o.conversation_id AS one,
    d.state = 'loading' AND d.run IS NULL AND d.position = 0 AS its_stub,
    o.conversation_id IS NOT NULL AND o.state <> 'undone' AND NOT EXISTS
      (SELECT 1 FROM main.abandoned WHERE abandoned.conversation_id = o.conversation_id) AS live,
    d.conversation_id IS NOT NULL AND d.state <> 'undone' AND NOT EXISTS
      (SELECT 1 FROM temp.given_up WHERE given_up.conversation_id = d.conversation_id) AS its_live,
    (o.updated_at, {_rank("o.state")}, o.position) > (d.updated_at, {_rank("d.state")}, d.position) AS later,
    CASE WHEN d.key IS NULL OR (o.state = d.state AND o.updated_at = d.updated_at) THEN 0
      ELSE (o.state = 'creating') + 2 * (d.state = 'creating') END AS creating
  FROM temp.offered AS o LEFT JOIN main.thread AS d ON d.id = o.id
) ORDER BY old"""  # noqa: S608 - constants
# Where the row that won comes of the one that lost, its own file has counted the doubt when it went on.
_RACES_LOST = f"""
INSERT INTO temp.possible
SELECT o.id, o.updated_at, '{LOST_RACE}', NULL FROM temp.decided JOIN temp.offered AS o USING (old)
WHERE verdict = 'keep' AND raced & 1
  AND NOT EXISTS (SELECT 1 FROM main.orphan WHERE orphan.thread_id = o.id AND orphan.at >= o.updated_at)"""  # noqa: S608 - constants
_RACES_WON = f"""
INSERT INTO temp.possible
SELECT d.id, d.updated_at, '{LOST_RACE}', NULL FROM temp.decided JOIN main.thread AS d ON d.key = decided.new
WHERE verdict = 'take' AND raced & 2
  AND NOT EXISTS (SELECT 1 FROM temp.possible AS p WHERE p.thread_id = d.id AND p.at >= d.updated_at)"""  # noqa: S608 - constants
_CONFLICTS = """
SELECT o.id, d.conversation_id, o.conversation_id, (SELECT file FROM temp.came WHERE came.key = d.key)
FROM temp.decided JOIN temp.offered AS o USING (old) JOIN main.thread AS d ON d.key = decided.new
WHERE verdict = 'conflict' ORDER BY old LIMIT ?"""
_KEPT_ROWS = "SELECT new FROM temp.decided WHERE verdict = 'take'"
# Orphans have no key: of several alike there must be as many as the file with the most of them has.
_STANDS = "target_store_id IS NOT NULL OR status = 'undone'"
"""Of a vector store: whether its row says where it stands, or that it was taken back."""
_ORPHANS = """
INSERT INTO main.orphan SELECT s.thread_id, s.at, s.reason, s.request_id FROM (
  SELECT *, row_number() OVER (PARTITION BY thread_id, at, reason, request_id) AS n FROM temp.possible) AS s
LEFT JOIN (SELECT thread_id, at, reason, request_id, count(*) AS n FROM main.orphan GROUP BY 1, 2, 3, 4) AS held
  ON held.thread_id = s.thread_id AND held.at = s.at AND held.reason = s.reason AND held.request_id IS s.request_id
WHERE s.n > coalesce(held.n, 0)"""
_CHILDREN = ("item", "thread_finding", "aside", "refused_item")
_BY_MESSAGE = "item_by_message"
_WORTH = 5
"""Ids of messages come in no order, so that making their index again is quicker than growing it by a fifth."""
_OF_RUNS = ("unreadable", "replay")
_UNREAD = """
SELECT thread_id, origin, code, detail FROM unreadable
WHERE run = (SELECT max(key) FROM run WHERE command IN ('apply', 'merge'))"""

_FILE_ROW = ", ".join(FILE_COLUMNS)
# When two rows of one file were written does not make them differ.
_FILES_ALIKE = " AND ".join(f"f.{name} IS p.{name}" for name in FILE_COLUMNS[1:-1])
# What the threads of one origin go by: the rows that stand aside for it, and the file's own where there is none.
_FILES_IN_EFFECT = f"""
SELECT {_FILE_ROW} FROM file_copy WHERE origin = ?1
UNION ALL
SELECT {_FILE_ROW} FROM file WHERE NOT EXISTS
  (SELECT 1 FROM file_copy AS c WHERE c.origin = ?1 AND c.source_file_id = file.source_file_id)"""  # noqa: S608
_FILE_FACTS = ", ".join(FILE_COLUMNS[:-1])


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A thread that has two conversations."""

    thread_id: str
    known: str
    """The conversation that is there already."""
    offered: str
    file: int | None
    """The number of the file that `known` is from; None for the destination itself."""


class RowMerger:
    """Puts one file after the other into a destination that has an open transaction."""

    def __init__(self, into: sqlite3.Connection) -> None:
        self._into = into
        self._index: str | None = None
        """How the index of messages was made, while it is not there."""
        self._columns: dict[str, list[str]] = {}
        self.expected = Counter[str]()
        """What the destination must hold, told from counts alone."""
        self.offered: Counter[str] = Counter()
        """What all files hold together."""
        self.shared = 0
        """Threads that stood in more than one file."""
        for found in (tally(into), tally_runs(into)):
            self.expected.update(found)
        self.before = self.expected.copy()
        for statement in _TEMPORARY.split(";\n"):
            if statement.strip():
                into.execute(statement)
        into.execute(f"INSERT INTO temp.unread {_UNREAD}")

    def join(self, source: sqlite3.Connection, number: int) -> list[MergeConflict]:
        """Put the rows of one open file into the destination; return conflicts, upon which nothing was put there."""
        for table in _PER_FILE:
            self._into.execute(f"DELETE FROM temp.{table}")  # noqa: S608 - a constant
        self._decide(source)
        conflicts = [MergeConflict(*row) for row in self._into.execute(_CONFLICTS, (1000,))]
        if conflicts:
            return conflicts
        added = self._foretell(source)
        self._runs(source)
        _join_files(self._into, source)
        if added["threads"]:
            self._without_index(added["items"])
            self._threads(source)
            for table in _CHILDREN:
                self._children(source, table)
        self._into.execute(_RACES_LOST)
        self._beside(source)
        self._into.execute(
            "INSERT OR REPLACE INTO temp.came SELECT new, ? FROM temp.decided WHERE verdict IN ('new', 'take')",
            (number,),
        )
        return []

    # ---- threads, and what hangs on them

    def _decide(self, source: sqlite3.Connection) -> None:
        into = self._into
        into.executemany(
            "INSERT INTO temp.offered VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", source.execute(_OFFERED)
        )
        into.executemany(
            "INSERT INTO temp.given_up VALUES (?)", source.execute("SELECT conversation_id FROM abandoned")
        )
        orphans = source.execute("SELECT thread_id, at, reason, request_id FROM orphan")
        into.executemany("INSERT INTO temp.possible VALUES (?, ?, ?, ?)", orphans)
        (above,) = into.execute("SELECT coalesce(max(key), 0) FROM main.thread").fetchone()
        into.execute(_DECIDE, {"above": above})

    def _foretell(self, source: sqlite3.Connection) -> Counter[str]:
        """Count what this file adds and what it replaces, before a row is written; return what it adds."""
        for found in (tally(source), tally_runs(source)):
            self.offered.update(found)
        into = self._into
        (shared,) = into.execute("SELECT count(*) FROM temp.decided WHERE held").fetchone()
        self.shared += shared
        sums = "count(*), sum(coalesce(messages, 0)), sum(items), sum(findings), sum(asides), sum(refused_items)"
        writes = "FROM temp.offered JOIN temp.decided USING (old) WHERE verdict IN ('new', 'take')"
        added = Counter[str]()
        for name, count in zip(_SUMS, into.execute(f"SELECT {sums} {writes}").fetchone(), strict=True):
            added[name] = count or 0
        for state, count in into.execute(f"SELECT state, count(*) {writes} GROUP BY state"):
            added[STATE + state] = count
        self.expected.update(added)
        self.expected.subtract(tally(into, f"IN ({_KEPT_ROWS})"))
        return added

    def _without_index(self, added: int) -> None:
        """Take the index of messages away where it is quicker to make it again."""
        (held,) = self._into.execute("SELECT count(*) FROM main.item").fetchone()
        if self._index is None and added * _WORTH > held:
            row = self._into.execute("SELECT sql FROM main.sqlite_master WHERE name = ?", (_BY_MESSAGE,)).fetchone()
            self._index = str(row[0])
            self._into.execute(f"DROP INDEX main.{_BY_MESSAGE}")

    def finish(self, run_id: str) -> None:
        """Make the index again, and note under the run of the merge what the last runs of all files could not read."""
        if self._index is not None:
            self._into.execute(self._index)
        self._into.execute(
            "INSERT INTO main.unreadable SELECT DISTINCT (SELECT key FROM run WHERE id = ?), "
            "thread_id, origin, code, detail FROM temp.unread",
            (run_id,),
        )

    def _threads(self, source: sqlite3.Connection) -> None:
        into = self._into
        into.execute(_RACES_WON)
        for table in _CHILDREN:
            into.execute(f"DELETE FROM main.{table} WHERE thread IN ({_KEPT_ROWS})")  # noqa: S608 - constants
        into.execute(f"DELETE FROM main.thread WHERE key IN ({_KEPT_ROWS})")  # noqa: S608 - constants
        columns = self._others("thread", "key", "run", "origin")
        into.executemany(
            f"INSERT INTO main.thread (key, run, origin, {', '.join(columns)}) SELECT new, "  # noqa: S608 - columns
            "(SELECT new FROM temp.runs WHERE old = ?2), "
            "(SELECT new FROM temp.origins WHERE old = coalesce(?3, 0)), "
            f"{_marks(4, len(columns))} FROM temp.decided WHERE old = ?1 AND verdict IN ('new', 'take')",
            source.execute(f"SELECT key, run, origin, {', '.join(columns)} FROM thread ORDER BY key"),  # noqa: S608
        )

    def _children(self, source: sqlite3.Connection, table: str) -> None:
        columns = self._others(table, "thread", "run")
        run = ["run"] if "run" in self._all_columns(table) else []
        names = ", ".join([*columns, *run])
        mapped = f", (SELECT new FROM temp.runs WHERE old = ?{len(columns) + 2})" if run else ""  # noqa: S608 - a number
        values = _marks(2, len(columns)) + mapped
        self._into.executemany(
            f"INSERT INTO main.{table} (thread, {names}) SELECT new, {values} FROM temp.decided "  # noqa: S608 - columns
            "WHERE old = ?1 AND verdict IN ('new', 'take')",
            source.execute(f"SELECT thread, {names} FROM {table} WHERE thread IS NOT NULL ORDER BY thread"),  # noqa: S608
        )

    # ---- what belongs to runs, or to nothing

    def _runs(self, source: sqlite3.Connection) -> None:
        """Take over runs, each once. Two runs of one id are told apart by what else is known of them."""
        columns = self._others("run", "key", "id")
        names = ", ".join(columns)
        alike = " AND ".join(f"{name} IS ?" for name in columns)
        for key, run_id, *values in source.execute(f"SELECT key, id, {names} FROM run ORDER BY key"):  # noqa: S608
            known = self._into.execute(
                f"SELECT key FROM main.run WHERE (id = ? OR id GLOB ?) AND {alike}",  # noqa: S608 - columns
                (run_id, f"{run_id}-*", *values),
            ).fetchone()
            new = known[0] if known else self._new_run(run_id, names, values)
            self._into.execute("INSERT INTO temp.runs VALUES (?, ?, ?)", (key, new, known is None))
            if known is None:
                self.expected.update(tally_runs(source, "= ?", key))

    def _new_run(self, run_id: str, names: str, values: list[object]) -> int:
        fresh, number = run_id, 1
        while self._into.execute("SELECT 1 FROM main.run WHERE id = ?", (fresh,)).fetchone():
            number += 1
            fresh = f"{run_id}-{number}"
        marks = ", ".join("?" * (len(values) + 1))
        cursor = self._into.execute(f"INSERT INTO main.run (id, {names}) VALUES ({marks})", (fresh, *values))  # noqa: S608
        return int(cursor.lastrowid or 0)

    def _beside(self, source: sqlite3.Connection) -> None:
        into = self._into
        for table in _OF_RUNS:
            columns = self._others(table, "run")
            into.executemany(
                f"INSERT INTO main.{table} (run, {', '.join(columns)}) SELECT new, "  # noqa: S608 - columns
                f"{_marks(2, len(columns))} FROM temp.runs WHERE old = ?1 AND fresh",
                source.execute(f"SELECT run, {', '.join(columns)} FROM {table} ORDER BY rowid"),  # noqa: S608
            )
        into.executemany(
            "INSERT INTO temp.unread SELECT ?2, ?3, ?4, ?5 FROM temp.runs WHERE old = ?1 AND fresh",
            source.execute(_UNREAD.replace("SELECT", "SELECT run,", 1)),
        )
        self._loose_findings(source)
        self._agents(source)
        self._stores(source)
        into.execute(_ORPHANS)
        into.executemany(
            """INSERT INTO main.abandoned VALUES (?, ?, ?, ?) ON CONFLICT (conversation_id) DO UPDATE
            SET deleted_at = coalesce(deleted_at, excluded.deleted_at)""",
            source.execute("SELECT conversation_id, thread_id, at, deleted_at FROM abandoned"),
        )
        into.executemany(
            """INSERT OR IGNORE INTO main.scratch (conversation_id, target, run, made_at)
            SELECT ?1, ?2, new, ?4 FROM temp.runs WHERE old = ?3 AND fresh""",
            source.execute("SELECT conversation_id, target, run, made_at FROM scratch"),
        )
        into.executemany(
            "INSERT OR IGNORE INTO main.scratch_begun VALUES (?, ?, ?)",
            source.execute("SELECT token, target, at FROM scratch_begun"),
        )
        into.executemany(
            """INSERT OR IGNORE INTO main.in_place (conversation_id, target, run, anchor, at)
            SELECT ?1, ?2, new, ?4, ?5 FROM temp.runs WHERE old = ?3 AND fresh""",
            source.execute("SELECT conversation_id, target, run, anchor, at FROM in_place"),
        )
        into.executemany(
            """INSERT INTO main.chain VALUES (?, ?, ?) ON CONFLICT (conversation_id) DO UPDATE
            SET response_id = excluded.response_id, updated_at = excluded.updated_at
            WHERE excluded.updated_at > chain.updated_at""",
            source.execute("SELECT conversation_id, response_id, updated_at FROM chain"),
        )

    def _agents(self, source: sqlite3.Connection) -> None:
        """Take over agents; of one that two files know, the later row stays."""
        columns = self._others("agent", "run")
        self._into.executemany(
            f"""INSERT INTO main.agent ({", ".join(columns)}, run)
            SELECT {_marks(2, len(columns))}, (SELECT new FROM temp.runs WHERE old = ?1) WHERE true
            ON CONFLICT (assistant_id, name, digest) DO UPDATE SET version = excluded.version, status = excluded.status,
              updated_at = excluded.updated_at, run = excluded.run WHERE excluded.updated_at > agent.updated_at""",  # noqa: S608
            source.execute(f"SELECT run, {', '.join(columns)} FROM agent"),  # noqa: S608 - columns
        )

    def _loose_findings(self, source: sqlite3.Connection) -> None:
        """What was found in the source as a whole, every shard has found; it is said once."""
        columns = self._others("thread_finding", "thread", "run")
        alike = " AND ".join(f"{name} IS ?{n}" for n, name in enumerate(columns, 2))
        self._into.executemany(
            f"INSERT INTO main.thread_finding (run, {', '.join(columns)}) SELECT "  # noqa: S608 - columns
            f"(SELECT new FROM temp.runs WHERE old = ?1), {_marks(2, len(columns))} "
            f"WHERE NOT EXISTS (SELECT 1 FROM main.thread_finding WHERE thread IS NULL AND {alike})",
            source.execute(f"SELECT run, {', '.join(columns)} FROM thread_finding WHERE thread IS NULL"),  # noqa: S608
        )

    def _stores(self, source: sqlite3.Connection) -> None:
        """Take over vector stores: a row that names one at the target, or that it was undone, wins, then the later."""
        into, names = self._into, ", ".join(STORE_COLUMNS)
        for run, *row in source.execute(f"SELECT run, {names} FROM vector_store"):  # noqa: S608 - columns
            store_id, at = row[0], row[-1]
            sql = f"SELECT {_STANDS}, updated_at FROM main.vector_store WHERE source_store_id = ?"  # noqa: S608 - a constant
            known = into.execute(sql, (store_id,)).fetchone()
            (stands,) = source.execute(f"SELECT {_STANDS} FROM vector_store WHERE source_store_id = ?", (store_id,))  # noqa: S608
            if known is not None and known >= (*stands, at):
                continue
            into.execute(
                f"INSERT OR REPLACE INTO main.vector_store ({names}, run) "  # noqa: S608 - columns
                f"VALUES ({_marks(1, len(row))}, (SELECT new FROM temp.runs WHERE old = ?{len(row) + 1}))",
                (*row, run),
            )
            into.execute("DELETE FROM main.vector_store_file WHERE source_store_id = ?", (store_id,))
            files = source.execute("SELECT * FROM vector_store_file WHERE source_store_id = ?", (store_id,))
            into.executemany("INSERT INTO main.vector_store_file VALUES (?, ?, ?, ?, ?, ?)", files)

    def differences(self) -> list[str]:
        """Count the destination and return each sum that is not as it was foretold, as a few words."""
        found = tally(self._into)
        found.update(tally_runs(self._into))
        return [
            f"{name}: {found[name]:,} instead of {self.expected[name]:,}"
            for name in sorted(found.keys() | self.expected.keys())
            if found[name] != self.expected[name]
        ]

    # ---- columns

    def _all_columns(self, table: str) -> list[str]:
        if table not in self._columns:
            self._columns[table] = [row[1] for row in self._into.execute(f"PRAGMA main.table_info({table})")]
        return self._columns[table]

    def _others(self, table: str, *but: str) -> list[str]:
        """The columns that are taken as they are, also those of schemas to come."""
        return [name for name in self._all_columns(table) if name not in but]


def _join_files(into: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """Put the rows of files into the destination, and fill `origins`: what each origin of the file is called there."""
    into.execute("CREATE TEMP TABLE IF NOT EXISTS aside_file AS SELECT * FROM main.file WHERE 0")
    origins = [row[0] for row in source.execute("SELECT DISTINCT origin FROM file_copy ORDER BY origin")]
    for origin in (0, *origins):
        into.execute("DELETE FROM temp.aside_file")
        marks = ", ".join("?" * len(FILE_COLUMNS))
        into.executemany(
            f"INSERT INTO temp.aside_file ({_FILE_ROW}) VALUES ({marks})",  # noqa: S608 - columns
            source.execute(_FILES_IN_EFFECT, (origin,)),
        )
        if origin == 0:
            into.execute(f"INSERT OR IGNORE INTO main.file ({_FILE_ROW}) SELECT {_FILE_ROW} FROM temp.aside_file")  # noqa: S608
        into.execute(
            f"""DELETE FROM temp.aside_file AS f WHERE EXISTS
            (SELECT 1 FROM main.file AS p WHERE p.source_file_id = f.source_file_id AND {_FILES_ALIKE})"""  # noqa: S608
        )
        into.execute("INSERT INTO temp.origins VALUES (?, ?)", (origin, _origin_of_files(into)))


def _origin_of_files(into: sqlite3.Connection) -> int | None:
    """The origin under which exactly the rows at hand stand aside; made where there is none yet. None for no rows."""
    if into.execute("SELECT 1 FROM temp.aside_file LIMIT 1").fetchone() is None:
        return None
    known = [row[0] for row in into.execute("SELECT DISTINCT origin FROM main.file_copy ORDER BY origin")]
    at_hand = f"SELECT {_FILE_FACTS} FROM temp.aside_file"  # noqa: S608 - columns
    for origin in known:
        there = f"SELECT {_FILE_FACTS} FROM main.file_copy WHERE origin = {origin:d}"  # noqa: S608 - a number
        differ = f"SELECT 1 FROM ({at_hand} EXCEPT {there}) UNION ALL SELECT 1 FROM ({there} EXCEPT {at_hand}) LIMIT 1"  # noqa: S608
        if into.execute(differ).fetchone() is None:
            return int(origin)
    fresh = max(known, default=0) + 1
    into.execute(
        f"INSERT INTO main.file_copy (origin, {_FILE_ROW}) SELECT {fresh:d}, {_FILE_ROW} FROM temp.aside_file"  # noqa: S608
    )
    return fresh


STATE = "state "
"""Begins the name of a count of threads in one state."""
_SUMS = ("threads", "messages", "items", "findings", "asides", "refused_items")


def tally(conn: sqlite3.Connection, some: str = "IS NOT NULL") -> Counter[str]:
    """Count the threads of a file and what hangs on them: `_SUMS`, and `STATE` with each state."""
    threads, messages = conn.execute(
        f"SELECT count(*), coalesce(sum(messages), 0) FROM main.thread WHERE key {some}"  # noqa: S608 - constants
    ).fetchone()
    found = Counter({"threads": threads, "messages": messages})
    for name, table in (("items", "item"), ("findings", "thread_finding"), ("asides", "aside")):
        found[name] = conn.execute(f"SELECT count(*) FROM main.{table} WHERE thread {some}").fetchone()[0]  # noqa: S608
    found["refused_items"] = conn.execute(f"SELECT count(*) FROM main.refused_item WHERE thread {some}").fetchone()[0]  # noqa: S608
    for state, count in conn.execute(f"SELECT state, count(*) FROM main.thread WHERE key {some} GROUP BY state"):  # noqa: S608
        found[STATE + state] = count
    return found


def tally_runs(conn: sqlite3.Connection, some: str = "IS NOT NULL", *values: int) -> Counter[str]:
    """Count the runs of a file, or some of them, and what belongs to them alone."""
    found = Counter[str]()
    for name, table, column in (
        ("runs", "run", "key"),
        ("replay_results", "replay", "run"),
        ("unreadable", "unreadable", "run"),
    ):
        sql = f"SELECT count(*) FROM main.{table} WHERE {column} {some}"  # noqa: S608 - constants
        found[name] = conn.execute(sql, values).fetchone()[0]
    return found


def _marks(first: int, count: int) -> str:
    return ", ".join(f"?{number}" for number in range(first, first + count))
