"""The set of names of which memory holds few."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.sources.disk_set import DiskSet

ODD = ["", "thread_1", "thread_1 ", "THREAD_1", "thr\0ead", "thread_\ud83d", "naïve", "x" * 10_000]


@pytest.mark.parametrize("few", [0, 3, len(ODD) - 1, len(ODD), 100])
def test_each_name_is_new_once(few: int) -> None:
    names = DiskSet(few)

    assert [names.add(name) for name in [*ODD, *ODD]] == [True] * len(ODD) + [False] * len(ODD)
    assert all(name in names for name in ODD)
    assert "thread_2" not in names


@pytest.mark.parametrize("few", [0, 1])
def test_a_set_is_empty_until_something_is_put_in(few: int) -> None:
    names = DiskSet(few)
    assert not names
    assert "" not in names
    names.add("")
    assert names


def test_nothing_lies_in_the_temporary_folder_under_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    names = DiskSet()
    for number in range(100_000):
        names.add(f"thread_{number:024}")

    assert list(tmp_path.iterdir()) == []


def test_many_names_take_no_more_memory_of_python_than_some() -> None:
    peaks = []
    for count in (20_000, 100_000):
        names = DiskSet()
        tracemalloc.start()
        try:
            for number in range(count):
                names.add(f"thread_{number:024}")
            peaks.append(tracemalloc.get_traced_memory())
        finally:
            tracemalloc.stop()

    assert peaks[1][1] < 3_000_000
    assert all(left < 100_000 for left, _ in peaks)


def test_a_temporary_folder_that_takes_no_more_is_told_in_a_sentence() -> None:
    names = DiskSet(few=0)
    names.add("thread_0")
    database: Any = names._db
    database.execute("PRAGMA max_page_count = 3")

    with pytest.raises(SourceError, match="Free some space in it"):
        for number in range(10_000):
            names.add(f"thread_{number:024}")
