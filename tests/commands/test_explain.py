"""`plan --explain FILE` shows what becomes of the fields of the first records, and no value of any."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from support.exports import message, thread_id

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

ID = thread_id(1)


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def became(explained: dict[str, Any], record: int = 0) -> dict[str, str]:
    return {one["field"]: one["became"] for one in explained["records"][record]["fields"]}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    raws = [message(ID, 0, feedback="secret praise"), message(ID, 1)]
    write(folder / "a.json", {"exported": "x", "threads": [{"id": ID, "title": "Trains", "messages": raws}]})
    (folder / "b.csv").write_text("chat_id,sender,body,mood\nc1,human,secret words,good\n")
    return folder


def test_each_field_of_a_file_is_shown_with_its_form_and_what_becomes_of_it(cli: Cli, export: Path) -> None:
    outcome = cli("plan", "--explain", export / "a.json", "-o", "json")
    assert outcome.code == 0
    explained = outcome.json["data"]["explained"]
    assert (explained["shape"], explained["frame"]) == ("thread-array", ["exported"])
    assert [record["kind"] for record in explained["records"]] == ["thread", "message", "message"]
    assert became(explained)["title"].startswith("left out")
    assert became(explained, 1)["created_at"] == "the time"
    assert became(explained, 1)["metadata"] == "nothing: it is empty"
    forms = {one["field"]: one["form"] for one in explained["records"][1]["fields"]}
    assert (forms["created_at"], forms["feedback"]) == ("0000000000", "aaaaaa aaaaaa")


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "junit"])
def test_no_form_of_it_shows_a_value(cli: Cli, export: Path, form: str) -> None:
    for name in ("a.json", "b.csv"):
        said = cli("plan", "--explain", export / name, "-o", form).out
        assert said
        assert all(word not in said for word in ("secret", "Trains", ID))


def test_a_file_inside_a_folder_or_an_archive_is_found_by_its_name(cli: Cli, export: Path, tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(export / "b.csv", "inner/b.csv")
    for source, name in ((export, "b.csv"), (packed, "inner/b.csv"), (packed, "b.csv")):
        explained = cli("plan", source, "--explain", name, "-o", "json").json["data"]["explained"]
        assert explained["shape"] == "flat-csv"
        assert became(explained) == {
            "chat_id": "the thread's id", "sender": "the role", "body": "the parts", "mood": "metadata",
        }  # fmt: skip


def test_a_table_of_a_database_is_explained(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (thread_id, role, body, position, mood)")
        db.execute("INSERT INTO notes VALUES ('t', 'user', 'secret', 1, 'good')")
    db.close()
    outcome = cli("plan", path, "--explain", "notes", "-o", "json")
    explained = outcome.json["data"]["explained"]
    assert became(explained)["position"] == "the order"
    assert became(explained)["mood"] == "metadata"
    assert "secret" not in outcome.out


def test_a_recording_is_explained_by_what_its_answers_hold(cli: Cli, tmp_path: Path) -> None:
    page = {"object": "list", "data": [message(ID, 0)], "has_more": False}
    entry = {"RequestUri": f"https://a.example/v1/threads/{ID}/messages", "ResponseBody": json.dumps(page)}
    explained = cli("plan", "--explain", write(tmp_path / "r.json", {"Entries": [entry]}), "-o", "json")
    assert became(explained.json["data"]["explained"])["role"] == "the role"


def test_a_name_that_the_source_does_not_have_is_refused_with_the_closest(cli: Cli, export: Path) -> None:
    outcome = cli("plan", export, "--explain", "a.jsn")
    assert outcome.code == 2
    assert "no file a.jsn" in outcome.err and "a.json" in outcome.err


def test_a_file_that_cannot_be_read_is_refused_with_why(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('[{"id": ')
    outcome = cli("plan", "--explain", path)
    assert outcome.code == 2
    assert "broken.json" in outcome.err and len(outcome.err.strip().splitlines()) <= 3
