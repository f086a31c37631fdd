"""Tables of the user's own: the same threads as from any export, whatever the columns, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.bounds import Bounds, bounds, set_bounds
from migrate_cli.errors import AuthError, MigrateError, SourceError, TemporaryError, UsageError
from migrate_cli.model import Message, Thread, Unreadable
from migrate_cli.secrets import forget_secrets, scrub
from migrate_cli.sources import spool
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.sql.database import open_database
from migrate_cli.sources.sql.source import RowQuery, SqlSource

from support.postgres import PASSWORD, cluster, folder_of_programs

from .test_conformance import EVERY, LONG, START, THREADS, TIED, expected, flat  # noqa: TID252 - the same threads

PROGRAMS = folder_of_programs()


@dataclass(frozen=True)
class Shop:
    """A database to read from, and a way to fill it as its owner would."""

    url: str
    types: dict[str, str] = field(default_factory=dict)

    def run(self, statement: str, rows: Any = ((),)) -> None:
        with closing(open_database(self.url, writable=True)) as database:
            marks = database.marks(len(next(iter(rows), ())))
            database.run(statement.format(*marks, marks=", ".join(marks)), rows)

    def source(self, **rows: Any) -> SqlSource:
        return SqlSource(self.url, RowQuery(**rows))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of the module's own."""
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with cluster(PROGRAMS) as url:
        yield url
    forget_secrets()


@pytest.fixture
def sqlite(tmp_path: Path) -> Shop:
    path = tmp_path / "app.db"
    sqlite3.connect(path).close()
    return Shop(f"sqlite:///{path}", {"json": "TEXT", "time": "TEXT", "uuid": "TEXT"})


@pytest.fixture
def postgres(server: str) -> Shop:
    shop = Shop(server, {"json": "JSONB", "time": "TIMESTAMPTZ", "uuid": "UUID"})
    shop.run("DROP SCHEMA public CASCADE")
    shop.run("CREATE SCHEMA public")
    return shop


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Each database in turn."""
    found: Shop = request.getfixturevalue(request.param)
    return found


@dataclass
class Reading:
    threads: list[Thread]
    unreadable: list[Unreadable]

    def messages(self, thread_id: str) -> list[Message]:
        return list(next(thread for thread in self.threads if thread.id == thread_id).messages)

    def findings(self) -> list[str]:
        return [finding.code for thread in self.threads for finding in thread.findings]


def read(source: SqlSource, selection: Selection = Selection()) -> Reading:  # noqa: B008 - a frozen value
    found = list(source.threads(selection))
    threads = [entry for entry in found if isinstance(entry, Thread)]
    return Reading(threads, [entry for entry in found if isinstance(entry, Unreadable)])


def fill(shop: Shop, table: str = "messages") -> None:
    """Write the three threads of the conformance suite, all mixed, as an application would."""
    shop.run(
        f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, thread_id TEXT, assistant_id TEXT, message_id TEXT, "
        f"role TEXT, text TEXT, created_at {shop.types['time']}, run_id TEXT)"
    )
    turns = [messages[n] for n in range(45) for messages in THREADS.values() if n < len(messages)]
    rows = [
        (place, *[value if name != "created_at" else iso(value) for name, value in flat(message).items()])
        for place, message in enumerate(turns)
    ]
    shop.run(f"INSERT INTO {table} VALUES ({{marks}})", rows)


def iso(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()


COLUMNS = {"order": "number"}


def test_the_reference_threads_are_read_as_from_any_export(shop: Shop) -> None:
    fill(shop)
    reading = read(shop.source(columns=COLUMNS))

    assert reading.unreadable == []
    assert {thread.id: list(thread.messages) for thread in reading.threads} == expected()
    assert reading.findings() == []


def test_a_query_is_read_like_a_table(shop: Shop) -> None:
    fill(shop, "log")
    query = "SELECT number AS n, thread_id AS \"t\", role, text, message_id, created_at FROM log WHERE role <> ':none';"
    reading = read(shop.source(select=query, columns={"order": "n", "thread_id": "t"}))

    assert {thread.id: [message.id for message in thread.messages] for thread in reading.threads} == {
        name: [message["id"] for message in messages] for name, messages in THREADS.items()
    }


def test_threads_can_be_chosen_limited_and_sharded(shop: Shop) -> None:
    fill(shop)
    source = shop.source(columns=COLUMNS)

    chosen = read(source, Selection(thread_ids=frozenset({TIED, "thread_absent"})))
    assert [thread.id for thread in chosen.threads] == [TIED]
    assert list(chosen.threads[0].messages) == expected()[TIED]
    assert len(read(source, Selection(limit=2)).threads) == 2
    shards = [[thread.id for thread in read(source, Selection(shard=(n, 3))).threads] for n in (1, 2, 3)]
    assert sorted(one for shard in shards for one in shard) == sorted(THREADS)


def test_it_can_be_read_twice_in_the_same_order(shop: Shop) -> None:
    fill(shop)
    source = shop.source(columns=COLUMNS)

    assert [thread.id for thread in read(source).threads] == [thread.id for thread in read(source).threads]


@pytest.mark.parametrize("kind", ["INTEGER", "uuid"])
def test_threads_with_ids_of_other_types_are_found_by_their_text(shop: Shop, kind: str) -> None:
    ids: list[Any] = [7, 8] if kind == "INTEGER" else [f"00000000-0000-4000-8000-00000000000{n}" for n in (7, 8)]
    shop.run(f"CREATE TABLE messages (thread {shop.types.get(kind, kind)}, id INTEGER, role TEXT, body TEXT)")
    shop.run("INSERT INTO messages VALUES ({marks})", [(one, n, "user", "hi") for n, one in enumerate(ids * 2)])
    source = shop.source()

    assert [thread.id for thread in read(source).threads] == [str(one) for one in ids]
    assert [t.id for t in read(source, Selection(thread_ids=frozenset({str(ids[1])}))).threads] == [str(ids[1])]
    assert read(source, Selection(thread_ids=frozenset({"thread_abc"}))).threads == []


def test_content_may_be_parts_in_a_json_column(shop: Shop) -> None:
    parts = [{"type": "text", "text": {"value": "hi", "annotations": []}}, {"type": "image_url", "image_url": {}}]
    shop.run(f"CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, content {shop.types['json']})")
    shop.run("INSERT INTO messages VALUES ({marks})", [("t", 1, "user", json.dumps(parts))])
    (message,) = read(shop.source()).messages("t")

    assert list(message.content) == parts


def test_text_that_looks_like_json_stays_text_where_the_column_is_named_as_text(sqlite: Shop) -> None:
    written = '[{"type": "text", "text": "code in a question"}]'
    sqlite.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, content TEXT)")
    sqlite.run("INSERT INTO messages VALUES ({marks})", [("t", 1, "user", written), ("t", 2, "user", "[1] see")])
    named = read(sqlite.source(columns={"text": "content"})).messages("t")
    recognised = read(sqlite.source()).messages("t")

    assert [message.content[0]["text"]["value"] for message in named] == [written, "[1] see"]
    assert recognised[0].content[0]["text"]["value"] == "code in a question"
    assert recognised[1].content[0]["text"]["value"] == "[1] see"


def test_roles_are_mapped_and_an_unknown_one_stays_to_be_told(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role, text TEXT)")
    rows = [("t", n, role, "x") for n, role in enumerate(["kunde", "BOT", 1, "moderator", "human", None])]
    sqlite.run("INSERT INTO messages VALUES ({marks})", rows)
    messages = read(sqlite.source(roles={"Kunde": "user", "bot": "assistant", "1": "system"})).messages("t")

    assert [message.role for message in messages] == ["user", "assistant", "system", "moderator", "user", None]


def test_no_column_is_lost(sqlite: Shop) -> None:
    sqlite.run(
        "CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, text TEXT, metadata TEXT, attachments TEXT, "
        "status TEXT, thread_metadata TEXT, thread_created_at INTEGER, rating INTEGER)"
    )
    attached = json.dumps([{"file_id": "file-a", "tools": [{"type": "file_search"}]}])
    row = ("t", 1, "user", "hi", '{"a": "b"}', attached, "delivered", '{"team": "north"}', START, 5)
    sqlite.run("INSERT INTO messages VALUES ({marks})", [row])
    (thread,) = read(sqlite.source()).threads
    (message,) = thread.messages

    assert message.metadata == {"a": "b", "rating": "5", "status": "delivered"}
    assert [(one.file_id, one.tools) for one in message.attachments] == [("file-a", ("file_search",))]
    assert (thread.metadata, thread.created_at) == ({"team": "north"}, START)


def test_the_order_column_wins_over_times(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE messages (thread_id TEXT, id TEXT, role TEXT, text TEXT, created_at INTEGER, position INTEGER)"
    )
    rows = [("t", f"m{n}", "user", "x", 100 - n, n) for n in (2, 0, 1)]
    shop.run("INSERT INTO messages VALUES ({marks})", rows)
    reading = read(shop.source())

    assert [message.id for message in reading.messages("t")] == ["m0", "m1", "m2"]
    assert reading.findings() == ["order-not-chronological"]


def test_ties_without_a_column_that_counts_are_told(postgres: Shop) -> None:
    postgres.run("CREATE TABLE messages (thread_id TEXT, id TEXT, role TEXT, text TEXT, created_at INTEGER)")
    postgres.run("INSERT INTO messages VALUES ({marks})", [("t", one, "user", "x", 5) for one in "cab"])
    reading = read(postgres.source())

    assert [message.id for message in reading.messages("t")] == ["a", "b", "c"]
    assert reading.findings() == ["order-unknown"]
    (finding,) = reading.threads[0].findings
    assert "source.columns.order" in finding.detail


def test_a_counting_id_settles_ties(postgres: Shop) -> None:
    postgres.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, text TEXT, created_at INTEGER)")
    postgres.run("INSERT INTO messages VALUES ({marks})", [("t", n, "user", "x", 5) for n in (10, 9, 11)])
    reading = read(postgres.source())

    assert [message.id for message in reading.messages("t")] == ["9", "10", "11"]
    assert reading.findings() == []


def test_in_a_file_the_order_of_insertion_settles_ties(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT, id TEXT, role TEXT, text TEXT, created_at INTEGER)")
    sqlite.run("INSERT INTO messages VALUES ({marks})", [("t", one, "user", "x", 5) for one in "cab"])
    reading = read(sqlite.source())

    assert [message.id for message in reading.messages("t")] == ["c", "a", "b"]
    assert reading.findings() == []


def test_a_view_has_no_order_of_insertion(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE log (thread_id TEXT, id TEXT, role TEXT, text TEXT)")
    sqlite.run("INSERT INTO log VALUES ({marks})", [("t", one, "user", "x") for one in "cab"])
    sqlite.run("CREATE VIEW messages AS SELECT * FROM log")

    assert read(sqlite.source(table="messages")).findings() == ["order-unknown"]


def test_rows_without_a_thread_are_counted_and_the_rest_goes_on(shop: Shop) -> None:
    shop.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, text TEXT)")
    shop.run(
        "INSERT INTO messages VALUES ({marks})", [("t", 1, "user", "x"), (None, 2, "user", "y"), ("", 3, "user", "z")]
    )
    reading = read(shop.source())

    assert [thread.id for thread in reading.threads] == ["t"]
    (problem,) = reading.unreadable
    assert problem.code == "rows-without-thread"
    assert problem.detail.startswith("2 rows have no value")


def test_a_message_that_a_join_repeats_is_read_once(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, text TEXT)")
    sqlite.run(
        "INSERT INTO messages VALUES ({marks})", [("t", 1, "user", "x"), ("t", 1, "user", "x"), ("t", 2, "user", "y")]
    )
    reading = read(sqlite.source())

    assert [message.id for message in reading.messages("t")] == ["1", "2"]
    assert reading.findings() == ["duplicate-message"]


def test_threads_that_the_database_cannot_tell_apart_are_told(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT COLLATE NOCASE, id INTEGER, role TEXT, text TEXT)")
    rows = [(one, n, "user", "x") for n, one in enumerate(["tA", "ta", "tA"])]
    sqlite.run("INSERT INTO messages VALUES ({marks})", rows)
    reading = read(sqlite.source())

    assert [thread.id for thread in reading.threads] == ["tA", "ta"]
    assert [problem.code for problem in reading.unreadable] == ["thread-rows-apart"]


def test_a_long_thread_is_not_held_and_can_be_read_twice(sqlite: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LONG", 10)
    fill(sqlite)
    thread = next(thread for thread in read(sqlite.source(columns=COLUMNS)).threads if thread.id == LONG)

    assert not isinstance(thread.messages, tuple)
    assert list(thread.messages) == list(thread.messages) == expected()[LONG]


def test_the_one_table_that_looks_like_messages_is_found(shop: Shop) -> None:
    shop.run("CREATE TABLE users (id INTEGER, name TEXT)")
    fill(shop, "chat_log")

    assert shop.source(columns=COLUMNS).identity.endswith("#chat_log")


def test_when_several_tables_look_like_messages_they_are_listed(sqlite: Shop) -> None:
    fill(sqlite, "first")
    fill(sqlite, "second")
    with pytest.raises(UsageError, match=r"first, second.*source\.table"):
        sqlite.source()


def test_a_query_without_a_thread_column_says_how_to_name_one(shop: Shop) -> None:
    fill(shop)
    with pytest.raises(SourceError, match=r"no column for thread_id.*source\.columns"):
        shop.source(select="SELECT role, text, number AS no FROM messages")


def test_a_column_that_is_not_there_is_named_with_those_that_are(sqlite: Shop) -> None:
    fill(sqlite)
    with pytest.raises(SourceError, match=r"no column wer.*It has number, thread_id"):
        sqlite.source(columns={"role": "wer"})
    with pytest.raises(SourceError, match="did you mean role"):
        sqlite.source(columns={"rolle": "role"})


def test_reading_cannot_write(shop: Shop) -> None:
    fill(shop)
    with closing(open_database(shop.url)) as database, pytest.raises(SourceError, match="refuses"):
        database.run("DELETE FROM messages")
    with pytest.raises(SourceError):
        shop.source(select="DELETE FROM messages RETURNING *")
    assert len(read(shop.source(columns=COLUMNS)).threads) == len(THREADS)


def test_names_are_quoted(shop: Shop) -> None:
    table, column = 'odd "table"; DROP', 'the: "thread"'
    with closing(open_database(shop.url, writable=True)) as database:
        quoted, thread = database.quote(table), database.quote(column)
        database.run(f"CREATE TABLE {quoted} ({thread} TEXT, id INTEGER, role TEXT, text TEXT)")
        database.run(f"INSERT INTO {quoted} VALUES ({', '.join(database.marks(4))})", [("t", 1, "user", "hi")])

    assert [t.id for t in read(shop.source(table=table, columns={"thread_id": column})).threads] == ["t"]


def test_a_table_in_a_schema_is_named_with_it(postgres: Shop) -> None:
    postgres.run("CREATE SCHEMA app")
    fill(postgres, "app.messages")

    assert len(read(postgres.source(table="app.messages", columns=COLUMNS)).threads) == len(THREADS)


def test_the_password_is_in_no_identity_and_no_sentence(postgres: Shop) -> None:
    fill(postgres)
    source = postgres.source()
    assert PASSWORD not in source.identity
    assert "owner" not in source.identity
    wrong = postgres.url.replace("correct", "wrong")
    with pytest.raises(AuthError) as refused:
        SqlSource(wrong, RowQuery())
    assert "wrong" not in str(refused.value)
    assert PASSWORD not in scrub(f"{PASSWORD} {postgres.url}")


def test_a_server_that_is_away_is_worth_another_try() -> None:
    with pytest.raises(TemporaryError, match="cannot be reached"):
        SqlSource("postgresql+psycopg://me@127.0.0.1:1/app", RowQuery())


def test_a_line_that_breaks_while_rows_come_is_worth_another_try(postgres: Shop) -> None:
    postgres.run("CREATE TABLE messages (thread_id INTEGER, id INTEGER, role TEXT, text TEXT)")
    postgres.run("INSERT INTO messages SELECT n, n, 'user', repeat('x', 2000) FROM generate_series(1, 20000) AS n")
    threads = postgres.source().threads(Selection())
    next(threads)
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    with pytest.raises(TemporaryError, match="try again later"):
        list(threads)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///absent.db", "There is no database file"),
        ("sqlite://", "names no file"),
        ("nosuch://host/app", "knows no database nosuch"),
        ("mysql+pymysql://host/app", "driver for mysql.pymysql is not installed"),
        ("postgresql+psycopg://host:port/app", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_sentence(url: str, words: str) -> None:
    with pytest.raises(MigrateError, match=words):
        SqlSource(url, RowQuery())


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("thread_id,role,text\n" * 100)
    with pytest.raises(SourceError, match="is not an SQLite database"):
        SqlSource(f"sqlite:///{tmp_path / 'app.db'}", RowQuery())


def test_bytes_that_are_no_text_are_read_and_told_later(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, text TEXT)")
    sqlite.run("INSERT INTO messages VALUES ({marks})", [("t", 1, "user", "hi")])
    sqlite.run("UPDATE messages SET text = CAST(x'68ff69' AS TEXT)")
    (message,) = read(sqlite.source()).messages("t")

    assert message.content[0]["text"]["value"] == "h\udcffi"


def test_nothing_but_the_standard_library_is_needed_for_a_file(sqlite: Shop) -> None:
    import subprocess
    import sys

    fill(sqlite)
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from migrate_cli.sources.sql.source import RowQuery, SqlSource\n"
        "from migrate_cli.sources.interface import Selection\n"
        f"print(len(list(SqlSource({sqlite.url!r}, RowQuery()).threads(Selection()))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(len(THREADS)), done.stderr


def test_all_messages_of_the_suite_are_in_the_table(sqlite: Shop) -> None:
    fill(sqlite)
    reading = read(sqlite.source(columns=COLUMNS))
    assert sum(len(list(thread.messages)) for thread in reading.threads) == len(EVERY)
    assert sqlite.source(columns=COLUMNS).expected() == len(THREADS)


def test_a_row_that_is_too_long_is_told_with_the_setting_that_raises_the_bound(sqlite: Shop) -> None:
    sqlite.run("CREATE TABLE messages (thread_id TEXT, role TEXT, text TEXT)")
    sqlite.run("INSERT INTO messages VALUES ('a', 'user', printf('%.*c', 2000000, 'x'))")
    before = bounds()
    set_bounds(Bounds(string_bytes=1 << 20))
    try:
        with pytest.raises(SourceError, match=r"a row of more than 1,048,576 bytes; limits\.string_bytes"):
            list(sqlite.source().threads(Selection()))
    finally:
        set_bounds(before)


def test_a_column_of_json_that_is_nested_too_deeply_is_told(postgres: Shop) -> None:
    postgres.run("CREATE TABLE messages (thread_id TEXT, role TEXT, text JSONB)")
    postgres.run(f"INSERT INTO messages VALUES ('a', 'user', '{'[' * 300 + ']' * 300}')")
    with pytest.raises(SourceError, match=r"the column text JSON nested more than 200 levels deep; limits\.json_depth"):
        list(postgres.source().threads(Selection()))
