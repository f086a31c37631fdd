"""What `map export` writes: exact for programs, harmless in a spreadsheet or a terminal."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

CELLS = {
    "=HYPERLINK(1)": "'=HYPERLINK(1)",
    "+1": "'+1",
    "-2": "'-2",
    "@x": "'@x",
    "a\x1b[31mb": "a\\x1b[31mb",
    "a\nb": "a\\x0ab",
    "a\u202eb": "a\\u202eb",
    "plain": "plain",
    "a=b": "a=b",
    "é": "é",
}


@pytest.fixture
def loaded(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> Cli:
    """Threads of these ids, migrated."""
    messages = [{"id": "msg_1", "role": "user", "content": "x"}]
    threads = [{"id": identifier, "messages": messages} for identifier in CELLS]
    (tmp_path / "export.json").write_text(json.dumps(threads))
    assert cli("apply", tmp_path / "export.json").code == 0
    return cli


def ids(text: str) -> list[str]:
    return sorted(row["thread_id"] for row in csv.DictReader(io.StringIO(text, newline="")))


def test_cells_that_a_spreadsheet_or_a_terminal_would_obey_are_made_harmless(loaded: Cli) -> None:
    assert ids(loaded("map", "export", "--format", "csv").out) == sorted(CELLS.values())


def test_raw_leaves_them_as_they_are(loaded: Cli) -> None:
    assert ids(loaded("map", "export", "--format", "csv", "--raw").out) == sorted(CELLS)


def test_forms_for_programs_stay_exact(loaded: Cli) -> None:
    rows = json.loads(loaded("map", "export", "--format", "json").out)
    lines = [json.loads(line) for line in loaded("map", "export", "--format", "jsonl").out.splitlines()]
    with sqlite3.connect(":memory:") as database:
        database.executescript(loaded("map", "export", "--format", "sql").out)
        stored = [{"thread_id": one} for (one,) in database.execute("SELECT thread_id FROM thread_map")]
    database.close()
    for found in (rows, lines, stored):
        assert sorted(row["thread_id"] for row in found) == sorted(CELLS)
