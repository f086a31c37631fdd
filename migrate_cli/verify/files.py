"""The deep mode: ask the target for each file that a conversation names, once, and compare its size. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from migrate_cli.http.endpoint import segment
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.model import JsonObject
from migrate_cli.verify.outcome import Difference, Outcome, Verdict

SizeOf = Callable[[str], int | None]
"""How many bytes a file should have, by its id at the target; None if it is not known."""


class FileReads(Protocol):
    """What the check needs of a client."""

    async def read(self, path: str) -> Applied | Refused:
        """GET, with retries."""


class FileCheck:
    """Remembers each answer, so that a file that many messages share is asked for once in a run."""

    def __init__(self, client: FileReads, size_of: SizeOf) -> None:
        self._client = client
        self._size_of = size_of
        self._answers: dict[str, asyncio.Task[tuple[Outcome, str, str]]] = {}

    async def __call__(self, items: list[JsonObject], verdict: Verdict) -> None:
        """Check every file that these items name."""
        for item in items:
            for file_id, field in files_in(item):
                task = self._answers.get(file_id)
                if task is None:
                    task = self._answers[file_id] = asyncio.create_task(self._ask(file_id))
                outcome, code, detail = await asyncio.shield(task)
                verdict.files[outcome] += 1
                if outcome is not Outcome.SAME:
                    verdict.differences.append(
                        Difference(outcome, code, detail, item_id=str(item.get("id")), field=field)
                    )

    async def _ask(self, file_id: str) -> tuple[Outcome, str, str]:
        answer = await self._client.read(f"/files/{segment(file_id)}")
        if isinstance(answer, Refused):
            if answer.status == 404:
                return Outcome.MISSING, "missing-file", f"file {file_id} is not at the target"
            return Outcome.UNREADABLE, answer.code, f"file {file_id} cannot be read ({answer.status}): {answer.message}"
        size, expected = answer.body.get("bytes"), self._size_of(file_id)
        if answer.body.get("status") == "error":
            return Outcome.DIFFERENT, "file-in-error", f"the target could not process file {file_id}"
        if expected is not None and isinstance(size, int) and size != expected:
            return Outcome.DIFFERENT, "changed-file", f"file {file_id} has {size:,} bytes, not {expected:,}"
        return Outcome.SAME, "", ""


def files_in(item: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the ids of the files that an item's parts name, each with its field."""
    for name in ("content", "output"):
        parts: Any = item.get(name)
        for place, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict) and part.get("type") in ("input_file", "input_image"):
                file_id = part.get("file_id")
                if isinstance(file_id, str):
                    yield file_id, f"{name}[{place}].file_id"
