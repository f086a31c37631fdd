"""A pool of workers over one queue: each takes an entry, handles it, and takes the next, until the run drains.

A failure that concerns the whole run lets every other worker finish what it is doing, and only then ends the run. The
pool must not know what the entries are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from migrate_cli.errors import MigrateError

T = TypeVar("T")
Take = Callable[[], Awaitable[T | None]]
"""Returns the next entry, None after the last."""


class WorkerPool:
    """Runs `workers` at a time. Setting `drain` lets them finish, for `grace` seconds at most (None: forever)."""

    def __init__(self, workers: int, drain: asyncio.Event, *, grace: float | None = None) -> None:
        self._workers, self._drain, self._grace = workers, drain, grace
        self.failure: MigrateError | None = None
        """The first failure that a worker met."""

    async def run(
        self,
        take: Callable[[], Awaitable[object]],
        handle: Callable[[Any], Awaitable[object]],
        *,
        workers: int | None = None,
    ) -> None:
        """Return when all workers have come to rest. `take` returns the next entry, None after the last.

        One worker at a time is inside it. (`handle` takes what `take` returns; mypy cannot infer the type of a union.)

        A MigrateError that `handle` raises drains the run and is kept in `failure`. Everything else is raised here, as
        is whatever `take` raises.
        """
        taking = asyncio.Lock()

        async def work() -> None:
            while not self._drain.is_set():
                async with taking:
                    # Who waited for the lock may have waited until the run drained.
                    entry = None if self._drain.is_set() else await take()
                if entry is None:
                    return
                await self._guarded(handle(entry))

        tasks = [asyncio.create_task(work()) for _ in range(workers or self._workers)]
        ended = asyncio.gather(*tasks, return_exceptions=True)
        drained = asyncio.create_task(self._drain.wait())
        try:
            either: set[asyncio.Future[Any]] = {ended, drained}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await asyncio.wait({ended}, timeout=self._grace)
        finally:
            drained.cancel()
            for task in tasks:
                task.cancel()
            # Also when this call was cancelled: what workers do at their end, such as a clean-up, comes before its end.
            results = await ended
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _guarded(self, step: Awaitable[object]) -> None:
        try:
            await step
        except MigrateError as error:
            self.failure = self.failure or error
            self._drain.set()
        except BaseException:
            self._drain.set()
            raise

    def raise_failure(self) -> None:
        """Raise what ended the run, if anything did."""
        if self.failure is not None:
            raise self.failure


def each_of(entries: Iterator[T]) -> Take[T]:
    """Take from a plain iterator, which never waits."""

    async def take() -> T | None:
        return next(entries, None)

    return take
