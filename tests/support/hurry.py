"""Lets the program wait for nothing: pauses between attempts take no time, while timeouts stay as long as they are."""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
from typing import Any

import pytest
from migrate_cli.work.clock import WallClock

LONGEST = 0.01


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut each sleep short: those of the load, and each `asyncio.sleep` under whatever name a module holds it."""
    call_later = BaseEventLoop.call_later
    ends_a_sleep = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # what a sleep waits for

    def sooner(self: BaseEventLoop, delay: float, callback: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return call_later(self, min(delay, LONGEST) if callback is ends_a_sleep else delay, callback, *args, **more)

    sleep = WallClock.sleep

    async def short(self: WallClock, seconds: float) -> None:
        await sleep(self, min(seconds, LONGEST))

    monkeypatch.setattr(BaseEventLoop, "call_later", sooner)
    monkeypatch.setattr(WallClock, "sleep", short)
