"""`map export --to-sql`: the new ids in the user's own table, as a dry run first, and never over other values."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.commands import map_to_sql
from migrate_cli.model import Progress
from migrate_cli.secrets import forget_secrets
from migrate_cli.sources.sql.database import open_database
from migrate_cli.state.store import StateStore

from support.postgres import PASSWORD, cluster, folder_of_programs
from support.threads import message, thread

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

PROGRAMS = folder_of_programs()


def remember(path: Path, threads: dict[str, str]) -> None:
    """Write a state file in which these threads ended so."""
    from migrate_cli.convert.options import ConvertOptions
    from migrate_cli.convert.thread import convert_thread

    store = StateStore.open(path)
    for name, state in threads.items():
        progress = Progress(name, state="loading", conversation_id=f"conv_{name}")
        store.journal.begin(progress, convert_thread(thread(message("hi"), id=name), ConvertOptions()))
        store.journal.conversation(progress)
        store.journal.outcome(progress, state)
    store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with cluster(PROGRAMS) as url:
        yield url
    forget_secrets()


Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        sqlite3.connect(tmp_path / "app.db").close()
        return f"sqlite:///{tmp_path / 'app.db'}"
    found: str = request.getfixturevalue("server")
    with closing(open_database(found, writable=True)) as database:
        database.run("DROP SCHEMA public CASCADE")
        database.run("CREATE SCHEMA public")
    return found


@pytest.fixture
def chats(url: str, tmp_path: Path) -> Callable[[], list[tuple[Any, ...]]]:
    """A table of chats, and a state file that knows most of them; the function reads the table."""
    with closing(open_database(url, writable=True)) as database:
        database.run("CREATE TABLE chats (id INTEGER, thread_id TEXT, conversation_id TEXT)")
        rows = [
            (1, "t1", None),
            (2, "t2", ""),
            (3, "t2", None),
            (4, "t3", "conv_t3"),
            (5, "t4", "older"),
            (6, "t9", None),
        ]
        database.run(f"INSERT INTO chats VALUES ({', '.join(database.marks(3))})", [*rows, (7, None, None)])
    loaded = dict.fromkeys(["t1", "t2", "t3", "t4", "gone"], "loaded")
    remember(tmp_path / "migration.db", {**loaded, "doubt": "in_doubt"})

    def table() -> list[tuple[Any, ...]]:
        with closing(open_database(url)) as database:
            return list(database.rows("SELECT id, thread_id, conversation_id FROM chats ORDER BY id"))

    return table


def run(cli: Cli, url: str, *more: str) -> dict[str, Any]:
    return cli("map", "export", "--to-sql", "--url", url, "--table", "chats", *more, "--output", "json").json


def test_a_dry_run_counts_and_changes_nothing(cli: Cli, url: str, chats: Any) -> None:
    before = chats()
    result = run(cli, url)

    assert chats() == before
    assert result["data"]["dry_run"] is True
    assert result["data"]["rows"] == {"to_write": 3, "up_to_date": 1, "other_value_kept": 1, "without_conversation": 1}
    assert result["data"]["threads"] == {
        "in_the_mapping": 5,
        "found_in_the_table": 4,
        "not_in_the_table": 1,
        "not_loaded": 1,
    }
    assert result["data"]["threads_not_in_the_table"] == ["gone"]


def test_with_yes_empty_values_are_filled_and_others_kept(cli: Cli, url: str, chats: Any) -> None:
    result = run(cli, url, "--yes")

    assert chats() == [
        (1, "t1", "conv_t1"),
        (2, "t2", "conv_t2"),
        (3, "t2", "conv_t2"),
        (4, "t3", "conv_t3"),
        (5, "t4", "older"),
        (6, "t9", None),
        (7, None, None),
    ]
    assert result["exit_code"] == 3
    assert [(error["code"], error["thread_id"]) for error in result["errors"]] == [("other-value-kept", "t4")]
    assert result["data"]["rows"]["written"] == 3


def test_a_second_run_has_nothing_to_write(cli: Cli, url: str, chats: Any) -> None:
    run(cli, url, "--yes")
    assert run(cli, url, "--yes")["data"]["rows"]["written"] == 0


def test_other_values_are_replaced_only_when_that_is_asked_for(cli: Cli, url: str, chats: Any) -> None:
    result = run(cli, url, "--yes", "--overwrite")

    assert result["exit_code"] == 0
    assert chats()[4] == (5, "t4", "conv_t4")


def test_a_column_is_added_only_when_that_is_asked_for(cli: Cli, url: str, chats: Any) -> None:
    named = ("--conversation-column", "moved_to")
    refused = run(cli, url, *named, "--yes")
    assert refused["exit_code"] == 2
    assert "--add-column" in refused["errors"][0]["message"]
    dry = run(cli, url, *named, "--add-column")
    assert (dry["data"]["column_added"], dry["data"]["rows"]["to_write"]) == (True, 5)
    assert len(chats()[0]) == 3
    run(cli, url, *named, "--add-column", "--yes")

    with closing(open_database(url)) as database:
        moved = list(database.rows("SELECT id, moved_to FROM chats WHERE moved_to IS NOT NULL ORDER BY id"))
    assert moved == [(1, "conv_t1"), (2, "conv_t2"), (3, "conv_t2"), (4, "conv_t3"), (5, "conv_t4")]


def test_many_threads_are_written_in_batches(cli: Cli, url: str, chats: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_to_sql, "BATCH", 2)
    assert run(cli, url, "--yes")["data"]["rows"]["written"] == 3
    assert chats()[2] == (3, "t2", "conv_t2")


def test_threads_whose_ids_are_numbers_are_found(cli: Cli, url: str, tmp_path: Path) -> None:
    with closing(open_database(url, writable=True)) as database:
        database.run("CREATE TABLE chats (thread INTEGER, conversation_id TEXT)")
        database.run("INSERT INTO chats VALUES (7, NULL)")
    remember(tmp_path / "migration.db", {"7": "verified", "thread_text": "loaded"})
    run(cli, url, "--yes")

    with closing(open_database(url)) as database:
        assert list(database.rows("SELECT * FROM chats")) == [(7, "conv_7")]


def test_the_printed_statements_do_the_same(cli: Cli, url: str, chats: Any) -> None:
    printed = cli("map", "export", "--print-sql", "--table", "chats").out
    assert printed.splitlines()[0] == "BEGIN;"
    assert "conv_doubt" not in printed
    with closing(open_database(url, writable=True)) as database:
        for statement in printed.splitlines():
            if statement.startswith("UPDATE"):
                database.run(database.embed(statement))
    assert [row[2] for row in chats()] == ["conv_t1", "conv_t2", "conv_t2", "conv_t3", "older", None, None]


def test_printed_names_and_ids_are_quoted(cli: Cli, tmp_path: Path) -> None:
    remember(tmp_path / "migration.db", {"it's": "loaded"})
    printed = cli("map", "export", "--print-sql", "--table", 'app.odd"s', "--thread-column", "t", "--add-column").out

    assert printed.startswith('ALTER TABLE "app"."odd""s" ADD COLUMN "conversation_id" VARCHAR(255);')
    assert "SET \"conversation_id\" = 'conv_it''s' WHERE \"t\" = 'it''s' AND" in printed


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--thread-column", "chat"), "no column chat; it has id, thread_id"),
        (("--thread-column", "conversation_id"), "the old ids are kept"),
        (("--table", "absent"), "absent"),
    ],
)
def test_what_is_not_there_is_one_sentence(cli: Cli, url: str, chats: Any, more: tuple[str, ...], words: str) -> None:
    outcome = cli("map", "export", "--to-sql", "--url", url, "--table", "chats", *more)

    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


def test_without_a_table_or_a_database_it_says_how_to_name_one(cli: Cli) -> None:
    assert "--table" in cli("map", "export", "--to-sql", "--url", "sqlite:///a.db").err
    assert "SOURCE_DATABASE_URL" in cli("map", "export", "--to-sql", "--table", "chats").err


def test_the_database_can_be_the_one_that_the_threads_came_from(
    cli: Cli, url: str, chats: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCE_DATABASE_URL", url)
    (tmp_path / "migration.yaml").write_text("source: {kind: sql, table: chats, columns: {thread_id: thread_id}}\n")
    outcome = cli("map", "export", "--to-sql", "--yes")

    assert "3 rows of chats got their conversation id" in " ".join(outcome.out.split())
    assert PASSWORD not in outcome.out + outcome.err
