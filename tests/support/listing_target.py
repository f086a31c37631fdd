"""A target that lists its conversations, as Foundry does, and what tests do to it behind the program's back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox

WRITES = ("create", "append", "update", "delete", "delete-item", "upload", "transcribe", "responses")


def item(text: str, role: str = "user") -> dict[str, Any]:
    """A message as the loader sends it."""
    part: dict[str, Any] = {"type": "input_text", "text": text}
    if role == "assistant":
        part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": role, "content": [part]}


class ListingTarget:
    """A running sandbox of the preset `foundry`."""

    def __init__(self, server: EmbeddedSandbox) -> None:
        self.server = server
        self.data = server.data
        self._client = httpx2.Client(base_url=server.base_url, headers={"Authorization": "Bearer any"})

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def create(self, thread: str | None, *texts: str, **more: str) -> str:
        """Make a conversation that names a thread, with these texts in turns, and return its id.

        Its metadata are those of the threads in `exports.py`, and `more`.
        """
        own = {} if thread is None else {"source_thread_id": thread, "source_created_at": "2023-11-14T22:13:20Z"}
        metadata = own | more
        made: str = self._client.post("/conversations", json={"metadata": metadata}).json()["id"]
        self.append(made, *texts)
        return made

    def append(self, conversation: str, *texts: str, first: int = 0) -> None:
        """Append texts; users and assistants take turns, `first` says whose the first one is."""
        roles = ("user", "assistant")
        items = [item(text, roles[number % 2]) for number, text in enumerate(texts, first)]
        for start in range(0, len(items), 20):
            answer = self._client.post(
                f"/conversations/{conversation}/items", json={"items": items[start : start + 20]}
            )
            assert answer.status_code == 200, answer.text

    def delete(self, conversation: str) -> None:
        """Delete a conversation; its items stay, as everywhere."""
        assert self._client.delete(f"/conversations/{conversation}").status_code == 200

    def misbehave(self, *rules: str) -> None:
        """Follow these rules from now on, and no others."""
        url = f"{self.server.control_url}/faults"
        answer = self._client.post(url, json={"rules": list(rules)}, headers=CONTROL_HEADERS)
        assert answer.status_code == 200, answer.text

    def requests(self, *endpoints: str) -> int:
        """How many requests these endpoints have had."""
        counts = self._client.get(f"{self.server.control_url}/stats").json()["requests"]
        return sum(int(counts.get(name, 0)) for name in endpoints)

    def writes(self) -> int:
        """How many requests have changed something, or might have."""
        return self.requests(*WRITES)


@contextmanager
def listing_target(data: Path, files: FileIdCheck = FileIdCheck.ANY) -> Iterator[ListingTarget]:
    """Serve one."""
    options = SandboxOptions(files, preset=TargetPreset.FOUNDRY)
    with EmbeddedSandbox(data, options) as server:
        target = ListingTarget(server)
        try:
            yield target
        finally:
            target.close()
