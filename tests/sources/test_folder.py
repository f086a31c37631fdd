"""The order in which files are read, and that it does not depend on how many there are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sources.export import folder
from migrate_cli.sources.export.folder import entries, order

NAMES = [
    "1.json", "2.json", "010.json", "10.json", "a1.json", "a2.json", "a10.json", "a10b.json", "b.json", "page-2.json",
    "page-10.json", "é.json", "٣.json",
]  # fmt: skip


def names_in(path: Path) -> list[str]:
    return [os.fsdecode(entry.name) for entry in entries(path)]


def test_numbers_stand_by_their_value_and_before_letters() -> None:
    shuffled = sorted(["page-10", "page-9", "page", "page-1a", "12", "page-1", "a"])
    assert sorted(shuffled, key=order) == ["12", "a", "page", "page-1", "page-1a", "page-9", "page-10"]


def test_a_large_folder_is_read_in_the_order_of_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / ".hidden").touch()
    small = names_in(tmp_path)
    monkeypatch.setattr(folder, "HELD", 3)

    assert names_in(tmp_path) == small
    assert sorted(small) == sorted([*NAMES, "below"])


def test_a_name_that_is_no_text_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    monkeypatch.setattr(folder, "HELD", 1)
    message = {"id": "msg_1", "role": "user", "content": [{"type": "text", "text": {"value": "hi", "annotations": []}}]}
    odd = os.fsencode(tmp_path) + b"/odd-\xff.json"
    try:
        with open(odd, "w", encoding="utf-8") as file:  # noqa: PTH123 - a Path takes no bytes
            json.dump({"id": "thread_1", "messages": [message]}, file)
    except OSError:
        pytest.skip("this file system takes text only")
    (tmp_path / "plain.json").write_text(json.dumps({"id": "thread_2", "messages": [message]}))

    assert read(tmp_path).ids == ["thread_1", "thread_2"]
