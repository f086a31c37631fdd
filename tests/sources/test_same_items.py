"""The same threads through every kind of source give the same items, wherever the source carries the same facts."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from migrate_cli.commands.snapshot import snapshot
from migrate_cli.report.progress import progress_view
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.secrets import forget_secrets
from migrate_cli.settings.model import load_settings
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.sql.database import open_database
from migrate_cli.sources.sql.source import RowQuery, SqlSource

from support.exports import message, thread_id
from support.hosts import KEY, RunningHost, digests, host, read
from support.postgres import cluster, folder_of_programs
from support.rich_exports import rich_thread

COUNT = int(os.environ.get("SAME_ITEMS_THREADS", "50"))
"""How many threads; a person may ask for more."""
PROGRAMS = folder_of_programs()

Digests = dict[str, list[bytes]]


def threads() -> list[dict[str, Any]]:
    """Threads of many lengths: most of plain text, some with images, attachments and metadata, some with tools."""
    random = Random(7)
    found = []
    for number in range(1, COUNT + 1):
        if number % 5 == 0:
            found.append(rich_thread(number, random))
            continue
        name = thread_id(number)
        messages = [
            message(
                name,
                place,
                f"{place} {random.choice(['ja', 'nein', '„äöü“ 🏮', 'two' + chr(10) + 'lines, and a comma'])}",
                assistant_id="asst_1" if place % 2 else None,
                run_id=f"run_{number}" if place % 2 else None,
            )
            for place in range(random.choice([1, 2, 5, 20, 21, 45]))
        ]
        if number % 3 == 0:
            _enrich(messages, number)
        facts = {"id": name, "object": "thread", "created_at": 1_700_000_000 + number, "metadata": {"n": str(number)}}
        found.append({"thread": facts, "messages": messages, "runs": [], "run_steps": []})
    return found


def _enrich(messages: list[dict[str, Any]], number: int) -> None:
    first = messages[0]
    first["content"].append({"type": "image_file", "image_file": {"file_id": f"file-image{number}", "detail": "low"}})
    first["attachments"] = [{"file_id": f"file-doc{number}", "tools": [{"type": "file_search"}]}]
    first["metadata"] = {"origin": "web"}


def plain(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The threads that a table of texts can carry."""
    return [entry for number, entry in enumerate(found, 1) if number % 3 and number % 5]


def without_runs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The threads that messages alone can carry."""
    return [entry for entry in found if entry["messages"] and not entry["runs"]]


def only(reference: Digests, found: list[dict[str, Any]]) -> Digests:
    """What the reference says of these threads."""
    return {entry["thread"]["id"]: reference[entry["thread"]["id"]] for entry in found}


@pytest.fixture(scope="module")
def source_threads() -> list[dict[str, Any]]:
    return threads()


@pytest.fixture
def export(tmp_path: Path, source_threads: list[dict[str, Any]]) -> Path:
    """The reference: a folder with a file for each thread."""
    folder = tmp_path / "export"
    folder.mkdir()
    for entry in source_threads:
        (folder / f"{entry['thread']['id']}.json").write_text(json.dumps(entry), encoding="utf-8")
    return folder


@pytest.fixture
def reference(export: Path) -> Digests:
    return items_of(open_source(str(export)))


def items_of(source: Source) -> Digests:
    """All digests of all threads; everything must be readable."""
    found, unreadable = read(source)
    assert unreadable == []
    # Threads of all lengths are made: some as long as a page of a list, some within one second.
    expected = {"thread-may-be-incomplete", "order-unknown"}
    assert [one for thread in found.values() for one in thread.findings if one.code not in expected] == []
    return digests(found)


def without_facts(found: Digests) -> Digests:
    """The items alone, without what the thread itself says (its time and metadata)."""
    return {name: hashes[1:] for name, hashes in found.items()}


def test_json_lines_give_the_same_items(tmp_path: Path, source_threads: Any, reference: Digests) -> None:
    carried = without_runs(source_threads)
    lines = [json.dumps(one) + "\n" for entry in carried for one in entry["messages"]]
    (tmp_path / "messages.jsonl").write_text("".join(lines), encoding="utf-8")

    found = items_of(open_source(str(tmp_path / "messages.jsonl")))
    assert without_facts(found) == without_facts(only(reference, carried))


def test_lines_of_whole_threads_give_the_same_items(tmp_path: Path, source_threads: Any, reference: Digests) -> None:
    (tmp_path / "threads.jsonl").write_text("".join(json.dumps(one) + "\n" for one in source_threads), encoding="utf-8")

    assert items_of(open_source(str(tmp_path / "threads.jsonl"))) == reference


def test_csv_gives_the_same_items_for_threads_of_text(tmp_path: Path, source_threads: Any, reference: Digests) -> None:
    carried = plain(source_threads)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["thread_id", "message_id", "role", "text", "created_at", "assistant_id", "run_id"])
        for entry in carried:
            writer.writerows(flat(one) for one in entry["messages"])

    found = items_of(open_source(str(tmp_path / "rows.csv")))
    assert without_facts(found) == without_facts(only(reference, carried))


def flat(one: dict[str, Any]) -> list[Any]:
    text = one["content"][0]["text"]["value"]
    named = (one[name] for name in ("created_at", "assistant_id", "run_id"))
    return [one["thread_id"], one["id"], one["role"], text, *named]


COLUMNS = (
    "place INTEGER, thread_id TEXT, id TEXT, role TEXT, content TEXT, created_at INTEGER, assistant_id TEXT, "
    "run_id TEXT, attachments TEXT, metadata TEXT, thread_created_at INTEGER, thread_metadata TEXT"
)


def fill(url: str, source_threads: list[dict[str, Any]]) -> SqlSource:
    """Write all messages into one table, shuffled, and open it."""
    rows = [
        (
            place, one["thread_id"], one["id"], one["role"], json.dumps(one["content"]), one["created_at"],
            one["assistant_id"], one["run_id"], json.dumps(one["attachments"]), json.dumps(one["metadata"]),
            entry["thread"]["created_at"], json.dumps(entry["thread"]["metadata"]),
        )
        for entry in source_threads
        for place, one in enumerate(entry["messages"])
    ]  # fmt: skip
    Random(3).shuffle(rows)
    with closing(open_database(url, writable=True)) as database:
        database.run(f"CREATE TABLE messages ({COLUMNS})")
        database.run(f"INSERT INTO messages VALUES ({', '.join(database.marks(12))})", rows)
    return SqlSource(url, RowQuery(columns={"order": "place"}))


def test_an_sqlite_table_gives_the_same_items(tmp_path: Path, source_threads: Any, reference: Digests) -> None:
    sqlite3.connect(tmp_path / "app.db").close()

    carried = without_runs(source_threads)
    found = items_of(fill(f"sqlite:///{tmp_path / 'app.db'}", carried))
    assert found == only(reference, carried)


@pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed")
def test_a_postgresql_table_gives_the_same_items(source_threads: Any, reference: Digests) -> None:
    assert PROGRAMS is not None
    with cluster(PROGRAMS) as url:
        assert items_of(fill(url, without_runs(source_threads))) == only(reference, without_runs(source_threads))
    forget_secrets()


@pytest.fixture
def foundry(tmp_path: Path, export: Path) -> Iterator[RunningHost]:
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        yield running


def test_a_live_host_gives_the_same_items(foundry: RunningHost, tmp_path: Path, reference: Digests) -> None:
    assert items_of(foundry.source(discover=True, id_list=tmp_path / "ids")) == reference


@pytest.fixture
def quiet_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    flags = {"source.kind": "api", "source.preset": "foundry", "source.discover": True}
    return lambda url: load_settings(None, {**flags, "source.base_url": url})


def test_a_snapshot_of_it_gives_the_same_items(
    foundry: RunningHost, tmp_path: Path, reference: Digests, quiet_settings: Callable[[str], Any]
) -> None:
    view = progress_view("none", False, True)
    assert snapshot(quiet_settings(foundry.url), Selection(), tmp_path / "snap", view=view).exit_code == 0
    assert items_of(open_source(str(tmp_path / "snap"))) == reference
    forget_secrets()
