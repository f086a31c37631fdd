"""What holds the threads of a document never makes one thread of several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def test_lists_under_several_names_that_say_of_no_thread_are_several_threads(tmp_path: Path, read: Any) -> None:
    rooms = {f"room-{name}": {"log": said(f"hi {name}", "ho"), "open": True} for name in "abc"}
    (tmp_path / "x.json").write_text(json.dumps({"rooms": rooms}), "utf-8")
    reading = read(tmp_path / "x.json")

    assert sorted(reading.ids) == ["room-a", "room-b", "room-c"]
    assert all(len(reading.messages(thread_id)) == 2 for thread_id in reading.ids)
