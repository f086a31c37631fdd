"""Waits for the workers of a run: to their end, or for a while after the run was told to end, and then cuts them off.

It must not know what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any


async def at_rest(workers: Sequence[asyncio.Task[None]], drain: asyncio.Event, grace: float) -> None:
    """Return when all have ended; cut them off `grace` seconds after `drain` was set. Raises what one has raised."""
    ended = asyncio.gather(*workers, return_exceptions=True)
    drained = asyncio.create_task(drain.wait())
    either: set[asyncio.Future[Any]] = {ended, drained}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    drained.cancel()
    if not ended.done():
        await asyncio.wait({ended}, timeout=grace)
        for worker in workers:
            worker.cancel()
    for result in await ended:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
