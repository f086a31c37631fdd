"""Exports made for tests: threads as files, with texts that are easy to find again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def thread_id(number: int) -> str:
    """Return an id in the source's form."""
    return f"thread_{number:024d}"


def message(thread: str, number: int, text: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one message as the API gives it; users and assistants take turns."""
    return {
        "id": f"msg_{thread[-6:]}{number:018d}",
        "object": "thread.message",
        "created_at": 1_700_000_000 + (number + 2) // 3,
        "thread_id": thread,
        "role": "user" if number % 2 == 0 else "assistant",
        "content": [{"type": "text", "text": {"value": text or f"{thread} {number}", "annotations": []}}],
        "attachments": [],
        "metadata": {},
        **more,
    }


def thread(number: int, messages: int, **more: Any) -> dict[str, Any]:
    """Return one thread as a file holds it."""
    own_id = thread_id(number)
    return {
        "thread": {"id": own_id, "object": "thread", "created_at": 1_700_000_000, "metadata": {}},
        "messages": [message(own_id, place) for place in range(messages)],
        "runs": [],
        "run_steps": [],
        **more,
    }


def write_export(folder: Path, sizes: list[int]) -> Path:
    """Write one thread file for each size; thread numbers start at 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes, 1):
        (folder / f"{thread_id(number)}.json").write_text(json.dumps(thread(number, size)), encoding="utf-8")
    return folder


def texts_of(export: Path, own_id: str) -> list[str]:
    """Return the texts of a thread in the export, oldest first."""
    data = json.loads((export / f"{own_id}.json").read_text(encoding="utf-8"))
    return [entry["content"][0]["text"]["value"] for entry in data["messages"]]
