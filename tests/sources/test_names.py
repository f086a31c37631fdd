"""The set of names that memory does not hold."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.sources.names import Names

ODD = ["", "thread_1", "thread_1 ", "THREAD_1", "thr\0ead", "thread_\ud83d", "naïve", "x" * 10_000]


def test_each_name_is_new_once() -> None:
    names = Names()

    assert [names.add(name) for name in [*ODD, *ODD]] == [True] * len(ODD) + [False] * len(ODD)
    assert all(name in names for name in ODD)
    assert "thread_2" not in names


def test_a_set_is_empty_until_something_is_put_in() -> None:
    names = Names()
    assert not names
    names.add("")
    assert names


def test_nothing_lies_in_the_temporary_folder_under_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    names = Names()
    for number in range(100_000):
        names.add(f"thread_{number:024}")

    assert list(tmp_path.iterdir()) == []


def test_many_names_take_no_memory_of_python() -> None:
    names = Names()
    tracemalloc.start()
    try:
        for number in range(50_000):
            names.add(f"thread_{number:024}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100_000


def test_a_temporary_folder_that_takes_no_more_is_told_in_a_sentence() -> None:
    names = Names()
    database: Any = names._db
    database.execute("PRAGMA max_page_count = 3")

    with pytest.raises(SourceError, match="Make room in it"):
        for number in range(10_000):
            names.add(f"thread_{number:024}")
