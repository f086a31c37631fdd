"""The page on a format of one's own works as written, and a guess at a map, pasted into the settings, reads a file."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

PAGE = Path(__file__).parents[2] / "docs" / "own-format.md"
BLOCK = re.compile(r"<!-- example: (\S+) -->\n\n```\w+\n(.*?)```", re.DOTALL)


def room(key: str) -> dict[str, Any]:
    entries = [
        {"kind": "join", "ts": 1_720_000_000},
        {"kind": "msg", "ts": 1_720_000_001, "uid": f"{key}1", "data": {"role": "Human", "body": "When do you open?"}},
        {"kind": "msg", "ts": 1_720_000_005, "uid": f"{key}2", "data": {"role": "AI", "body": "We open at nine."}},
    ]
    return {"room": {"key": key}, "log": {"entries": entries}}


def rows(**names: str) -> list[dict[str, Any]]:
    said = [("s1", "human", "When do you open?"), ("s1", "bot", "We open at nine."), ("s2", "human", "And then?")]
    return [
        {
            names["thread"]: thread,
            "payload": {names["role"]: role, names["text"]: text},
            "when": f"2024-07-01T10:00:0{at}Z",
        }
        for at, (thread, role, text) in enumerate(said)
    ]


UNKNOWN: dict[str, tuple[str, str, int, int]] = {
    "nested lists": ("x.json", json.dumps({"export": {"rooms": [room("a"), room("b")]}}), 2, 4),
    "rows": ("x.json", json.dumps(rows(thread="session", role="who", text="says")), 2, 3),
    "lines of rows": ("x.jsonl", "\n".join(map(json.dumps, rows(thread="session", role="who", text="says"))), 2, 3),
    "lines of threads": ("x.jsonl", "\n".join(json.dumps(room(key)) for key in "ab"), 2, 4),
    "names that are ids": (
        "x.json",
        json.dumps({"rooms": {f"room_A{number}1111": {"log": room("r")["log"]} for number in range(3)}}),
        3,
        6,
    ),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_guess_pasted_into_the_settings_reads_the_file(kind: str, cli: Cli, tmp_path: Path) -> None:
    name, text, threads, messages = UNKNOWN[kind]
    (tmp_path / name).write_text(text, "utf-8")
    refused = cli("plan", name)
    assert refused.code == 2

    lines = refused.err.splitlines()
    start = lines.index("A map to start from, guessed, for migration.yaml:") + 1
    (tmp_path / "migration.yaml").write_text("\n".join(lines[start:]), "utf-8")
    outcome = cli("plan", name, "--output", "json")

    assert outcome.json["data"]["threads"]["pending"] == threads
    assert outcome.json["data"]["messages"]["items"] == messages


TABLES: dict[str, str] = {
    "words that are known": "Fall;Wer;Wann;Inhalt\n{id};user;2024-07-01 10:00:00;When do you open?\n"
    "{id};assistant;2024-07-01 10:00:05;We open at nine.\n",
    "no word that is known": "Fall;Wer;Inhalt\n{id};ich;When do you open, please?\n{id};er;We open at nine.\n"
    "{id};ich;Thank you very much.\n",
    "names of columns with blanks": '"The room","Who, then","Said, here"\n"{id}",user,"Hello, you"\n',
    "one column is known": "thread_id,wer,was\n{id},human,Hello there\n{id},bot,And you there\n",
}


def pasted(told: str) -> str:
    """The settings that a refusal prints, as they are pasted into a file."""
    lines = told.splitlines()
    start = next(place for place, line in enumerate(lines) if line.endswith("guessed, for migration.yaml:"))
    rest = lines[start + 1 :]
    ends = (place for place, line in enumerate(rest) if not line.strip())
    return "\n".join(rest[: next(ends, None)])


@pytest.mark.parametrize("kind", TABLES)
def test_columns_that_are_guessed_and_pasted_read_the_table(kind: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "chat.csv").write_text(TABLES[kind].format(id=thread_id(7)), "utf-8")
    refused = cli("plan", "chat.csv")
    assert refused.code == 2
    assert thread_id(7) not in refused.err

    (tmp_path / "migration.yaml").write_text(pasted(refused.err), "utf-8")
    data = cli("plan", "chat.csv", "--output", "json").json["data"]
    assert data["threads"]["pending"] == 1
    assert data["messages"]["items"] == TABLES[kind].count("{id}")


@pytest.mark.parametrize("kind", TABLES)
def test_columns_that_are_guessed_read_the_table_beside_everything_else(kind: str, cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    (export / "chat.csv").write_text(TABLES[kind].format(id=thread_id(7)), "utf-8")
    (export / "flat.csv").write_text(f"thread_id,role,text\n{thread_id(8)},user,Hello\n", "utf-8")
    refused = cli("plan", export, "-v")
    assert refused.code == 3

    (tmp_path / "migration.yaml").write_text(pasted(refused.out), "utf-8")
    outcome = cli("plan", export, "--output", "json")
    assert (outcome.code, outcome.json["data"]["threads"]["pending"]) == (0, 4)


def test_a_table_that_names_no_thread_is_told_what_is_missing_and_no_setting_that_would_not_do(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "chat.csv").write_text("role,Inhalt\nuser,When do you open?\nassistant,We open at nine.\n", "utf-8")
    (tmp_path / "migration.yaml").write_text("source: {columns: {text: Inhalt}}", "utf-8")
    refused = cli("plan", "chat.csv")
    assert refused.code == 2
    assert "do not show thread_id" in refused.err
    assert "add a column with its id" in refused.err
    assert "guessed" not in refused.err


def test_a_file_without_anything_like_messages_has_no_guess(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"name": "my-package", "version": 1, "tags": [{"a": 1}]}), "utf-8")
    refused = cli("plan", "x.json")

    assert refused.code == 2
    assert "there is no map to start from" in refused.err


def test_a_refusal_shows_no_value(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"export": {"rooms": [room("very-secret-room")]}}), "utf-8")
    for form in ("text", "json", "markdown"):
        refused = cli("plan", "x.json", "--output", form)
        told = refused.out + refused.err
        assert not any(value in told for value in ("very-secret", "When do", "nine", "1720000"))


def test_every_form_of_report_shows_the_outline_of_a_file_in_a_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "x.json").write_text(json.dumps({"export": {"rooms": [room("a")]}}), "utf-8")
    for form in ("text", "markdown", "html", "json"):
        outcome = cli("plan", "export", "--output", form)
        assert outcome.code == 2
        assert "rooms: list of 1: object" in outcome.out
        assert "log.entries[?data.role]" in outcome.out


def test_the_example_of_the_page_reads_as_it_says(cli: Cli, tmp_path: Path) -> None:
    for name, text in BLOCK.findall(PAGE.read_text("utf-8")):
        (tmp_path / name).write_text(text, "utf-8")
    outcome = cli("plan", "--output", "json", "--with-content")
    data = outcome.json["data"]

    assert outcome.code == 0
    assert data["threads"]["pending"] == 1
    assert data["messages"] == {"read": 2, "items": 2}
    told = json.dumps(data["finding_list"])
    assert "room.title" in told
    assert "log.entries[]" in told
    assert cli("apply", "--target", "sandbox").code == 0
    assert cli("verify", "--target", "sandbox").code == 0


def test_the_databases_of_the_page_are_read(cli: Cli, tmp_path: Path) -> None:
    text = next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "sqlite" in one)
    assert yaml.safe_load(text)["source"]["kind"] == "sql"
    (tmp_path / "migration.yaml").write_text(text, "utf-8")
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.execute("CREATE TABLE log (payload TEXT)")
        for who, what in (("user", "When?"), ("assistant", "At nine.")):
            payload = json.dumps({"room": "r1", "who": who, "what": what})
            connection.execute("INSERT INTO log VALUES (?)", (payload,))
        connection.commit()
    data = cli("plan", "--output", "json").json["data"]

    assert (data["threads"]["pending"], data["messages"]["items"]) == (1, 2)
