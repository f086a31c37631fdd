"""Tables of the user's own, on the command line: planned, migrated, resumed, and the password nowhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets
from migrate_cli.sources.sql.database import open_database

from support.postgres import PASSWORD, cluster, folder_of_programs

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures

PROGRAMS = folder_of_programs()
CHATS = {f"chat_{number}": [f"{number} says {place}" for place in range(number * 7 % 30 + 1)] for number in range(20)}


def fill(url: str) -> None:
    rows = [
        (name, place, "customer" if place % 2 == 0 else "bot", text)
        for name, texts in CHATS.items()
        for place, text in enumerate(texts)
    ]
    with closing(open_database(url, writable=True)) as database:
        database.run("CREATE TABLE chat_log (chat TEXT, seq INTEGER, speaker TEXT, body TEXT)")
        database.run(f"INSERT INTO chat_log VALUES ({', '.join(database.marks(4))})", rows)


@pytest.fixture
def app_db(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    sqlite3.connect(path).close()
    fill(f"sqlite:///{path}")
    return path


COLUMNS = "columns: {thread_id: chat}, roles: {customer: user, bot: assistant}"


def test_a_database_file_is_recognised_and_its_table_found(cli: Cli, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.execute("CREATE TABLE messages (thread_id TEXT, id INTEGER, role TEXT, content TEXT)")
        database.execute("INSERT INTO messages VALUES ('t', 1, 'user', 'hi')")
        database.commit()
    data = cli("plan", "app.db", "--output", "json").json["data"]

    assert data["threads"]["total"] == 1
    assert data["shapes"] == [{"shape": "sql-rows", "files": 1, "example": f"sqlite:{tmp_path / 'app.db'}#messages"}]
    assert cli("plan", "sqlite:///app.db").code == 0


def test_a_database_that_fits_nowhere_says_what_to_name(cli: Cli, app_db: Path) -> None:
    outcome = cli("plan", "app.db")

    assert outcome.code == 2
    assert "(chat_log); name it with source.table" in outcome.err


def test_threads_of_a_table_are_migrated_once(cli: Cli, app_db: Path, tmp_path: Path, target: EmbeddedSandbox) -> None:
    (tmp_path / "migration.yaml").write_text(f"source: {{kind: sql, path: app.db, table: chat_log, {COLUMNS}}}\n")
    assert cli("apply", "--limit", "7").code == 0
    assert cli("apply").code == 0
    again = cli("apply", "--output", "json").json

    assert again["data"]["writes"] == 0
    assert conversations(target.data) == CHATS
    assert cli("verify").code == 0


def test_a_role_that_is_not_mapped_is_a_finding(cli: Cli, app_db: Path, tmp_path: Path) -> None:
    settings = f"source: {{kind: sql, path: app.db, table: chat_log, {COLUMNS}}}\n".replace("customer:", "client:")
    with closing(sqlite3.connect(app_db)) as database:
        database.execute("INSERT INTO chat_log VALUES ('chat_0', 99, 'moderator', 'hush')")
        database.commit()
    (tmp_path / "migration.yaml").write_text(settings)
    findings = cli("plan", "--output", "json").json["data"]["findings"]

    assert findings["role-unknown"] == 1
    assert "source.roles" in cli("plan", "-v").out


def test_a_query_without_a_thread_column_says_which_it_has_and_how_to_name_one(
    cli: Cli, app_db: Path, tmp_path: Path
) -> None:
    (tmp_path / "migration.yaml").write_text(
        "source: {kind: sql, path: app.db, select: 'SELECT speaker, body FROM chat_log', "
        "columns: {role: speaker, text: body}}\n"
    )
    outcome = cli("apply", "--target", "sandbox")

    assert outcome.code == 2
    assert "no column for thread_id" in outcome.err and "It has speaker, body" in outcome.err
    assert "source.columns: {thread_id: COLUMN}" in outcome.err
    assert not (tmp_path / "migration.db").exists()


@pytest.fixture
def server() -> Iterator[str]:
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with cluster(PROGRAMS) as url:
        fill(url)
        yield url
    forget_secrets()


def test_a_password_reaches_no_file_and_no_screen(
    cli: Cli, server: str, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATABASE_URL", server)
    (tmp_path / "migration.yaml").write_text(f"source: {{kind: sql, table: chat_log, {COLUMNS}}}\n")
    outcomes = [cli("apply", "-vv"), cli("doctor"), cli("status", "--output", "json")]
    monkeypatch.setenv("SOURCE_DATABASE_URL", server.replace("correct", "incorrect"))
    refused = cli("plan", "-vv")

    assert conversations(target.data) == CHATS
    assert (outcomes[0].code, refused.code) == (0, 6)
    for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), PASSWORD.replace("correct", "incorrect")):
        assert not any(secret in outcome.out + outcome.err for outcome in [*outcomes, refused])
        written = [path for path in tmp_path.iterdir() if path.is_file()]
        assert not any(secret.encode() in path.read_bytes() for path in written)


def test_a_password_in_a_url_on_the_command_line_or_in_a_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", "postgresql://me:hunter22@127.0.0.1/app")
    (tmp_path / "migration.yaml").write_text("source: {kind: sql, url: 'postgresql://me:hunter22@127.0.0.1/app'}\n")
    other = cli("plan")

    assert (outcome.code, other.code) == (2, 2)
    assert "source.url_env" in outcome.err
    assert "hunter22" not in outcome.err + other.err


def test_without_a_database_it_says_where_to_name_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_SOURCE__KIND", "sql")
    assert "set source.url, or put its URL into the variable SOURCE_DATABASE_URL" in cli("plan").err


def test_a_database_that_the_state_file_knows_need_not_be_named_again(cli: Cli, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        for table in ("messages", "notes"):
            database.execute(f"CREATE TABLE {table} (thread_id TEXT, id INTEGER, role TEXT, content TEXT)")
        database.execute("INSERT INTO notes VALUES ('t', 1, 'user', 'hi')")
        database.commit()
    (tmp_path / "migration.yaml").write_text("source: {path: app.db, table: notes}")
    assert cli("apply", "--target", "sandbox").code == 0
    (tmp_path / "migration.yaml").unlink()
    verified = cli("verify", "--target", "sandbox", "--output", "json").json
    assert (verified["exit_code"], verified["data"]["threads"]["verified"]) == (0, 1)
    (tmp_path / "app.db").unlink()
    gone = cli("verify", "--target", "sandbox")
    assert gone.code == 2
    assert "is no longer there" in gone.err
