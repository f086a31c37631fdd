"""What a host says of the newest message or run of a thread, without reading the thread.

A host that ignores the order asked for would show the oldest as the newest. So nothing is believed that the times of a
page do not prove; whoever is told nothing reads the thread whole. It must not decide what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.api.host import Host
from migrate_cli.sources.ordering import time_of

SHOWN = 2
"""How many are asked for: two tell which way round a list stands, fewer are all that there are."""


class NewestFirst:
    """Asks one host for what is newest, and remembers of which lists it is proven that they begin with it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._proven: set[str] = set()

    async def of(self, path: str, what: str) -> list[JsonObject] | None:
        """Return the newest of a thread's `messages` or `runs`, empty where it has none; None where that is uncertain.

        Raises RefusedError, TemporaryError and AuthError, as any reading does.
        """
        body = await self._host.get(f"{path}/{what}", {"order": "desc", "limit": SHOWN})
        data = body.get("data")
        return data[:1] if isinstance(data, list) and self._begins_with_newest(data, what) else None

    def _begins_with_newest(self, data: Sequence[Any], what: str) -> bool:
        if not all(isinstance(entry, dict) for entry in data):
            return False
        if len(data) < SHOWN:
            return True
        first, last = time_of(data[0]), time_of(data[-1])
        if first is not None and last is not None and first != last:
            # One list the other way round is enough not to believe this host again.
            (self._proven.add if first > last else self._proven.discard)(what)
            return first > last
        return what in self._proven
