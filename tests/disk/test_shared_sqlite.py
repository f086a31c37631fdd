"""Threads that share a database never read each other's rows."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import migrate_cli
from migrate_cli.disk.shared_sqlite import connect_shared

ROWS, READS = 1_000, 20_000
PACKAGE = Path(migrate_cli.__file__).parent


def test_two_threads_that_ask_the_same_get_their_own_rows(tmp_path: Path) -> None:
    db = connect_shared(tmp_path / "shared.db")
    db.execute("CREATE TABLE number (id INTEGER PRIMARY KEY, value)")
    db.executemany("INSERT INTO number VALUES (?, ?)", ((each, each) for each in range(ROWS)))
    wrong: list[object] = []

    def ask(first: int) -> None:
        for count in range(READS):
            wanted = (first + 7 * count) % ROWS
            try:
                row = db.execute("SELECT value FROM number WHERE id = ?", (wanted,)).fetchone()
            except Exception as error:
                wrong.append(error)
                return
            if row != (wanted,):
                wrong.append((wanted, row))

    threads = [threading.Thread(target=ask, args=(first,)) for first in (1, 2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    db.close()
    assert wrong == []


def test_no_other_connection_is_handed_to_threads_but_the_writers() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "check_same_thread"
    }
    assert found == {"disk/shared_sqlite.py", "state/opening.py"}
