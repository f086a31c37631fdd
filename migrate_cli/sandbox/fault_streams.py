"""Carries out the faults of streams: each lets some events pass, then breaks one thing.

Events can be told apart because the endpoint sends each one as its own ASGI message. Responses that are not streams
pass through unharmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.types import Message

from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.fault_exchange import InterceptedRequest, first_of
from migrate_cli.sandbox.fault_plan import FaultKind, FaultRule

Change = Callable[[int, Message], Awaitable[list[Message] | None]]
"""Given an event's number from 1 on and its message, returns what is sent in its place, or None to stop the work."""


class ServerState(Protocol):
    """What these faults need to know of the server."""

    closing: asyncio.Event
    """Set when the server stops: nothing may wait any longer."""


async def _through(request: InterceptedRequest, change: Change) -> bool:
    """Let the application answer through `change`; return whether that stopped it in the middle."""
    stopped, numbers = asyncio.Event(), _EventCounter()

    async def send(message: Message) -> None:
        number = numbers.of(message)
        sent = [message] if number is None else await change(number, message)
        if sent is None:
            stopped.set()
            await asyncio.Event().wait()
        for each in sent or ():
            await request.send(each)

    return await first_of(request.run(send), stopped.wait()) == 1


class _EventCounter:
    """Counts the events of one answer, its end included."""

    def __init__(self) -> None:
        self._streams = False
        self._count = 0

    def of(self, message: Message) -> int | None:
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
            self._streams = any(kind.startswith(b"text/event-stream") for kind in kinds)
            return None
        self._count += 1
        return self._count if self._streams else None


def _stop_after(rule: FaultRule) -> Change:
    after = int(rule.number("after") or 0)

    async def change(number: int, message: Message) -> list[Message] | None:
        return [message] if number <= after else None

    return change


async def _cut(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    if await _through(request, _stop_after(rule)):
        await request.break_off()


async def _cut_after(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    after, lost = int(rule.number("after") or 0), False

    async def change(number: int, message: Message) -> list[Message]:
        nonlocal lost
        lost = lost or number > after
        return [] if lost else [message]

    await _through(request, change)
    if lost:
        await request.break_off()


async def _end(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    if await _through(request, _stop_after(rule)):
        await request.send({"type": "http.response.body", "body": b""})


async def _error(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    if await _through(request, _stop_after(rule)):
        number = int(rule.number("after") or 0)
        event = {
            "type": "error",
            "sequence_number": number,
            "code": "server_error",
            "message": "The server had an error while processing your request. Sorry about that!",
            "param": None,
        }
        await request.send({"type": "http.response.body", "body": b"event: error\ndata: " + encode(event) + b"\n\n"})


async def _stall(request: InterceptedRequest, rule: FaultRule, server: ServerState) -> None:
    after = int(rule.number("after") or 0)

    async def change(number: int, message: Message) -> list[Message] | None:
        if number == after + 1:
            ended = await first_of(request.gone(), server.closing.wait(), seconds=rule.number("seconds"))
            return [message] if ended is None else None
        return [message]

    if await _through(request, change):
        await request.reset()


async def _garbage(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    after = int(rule.number("after") or 0)

    async def change(number: int, message: Message) -> list[Message]:
        body = message.get("body", b"")
        if number == after + 1 and body:
            message = {**message, "body": body[: len(body) * 2 // 3].rstrip() + b"\n\n"}
        return [message]

    await _through(request, change)


async def _shuffle(request: InterceptedRequest, rule: FaultRule, _: ServerState) -> None:
    after = int(rule.number("after") or 0)
    held: list[Message] = []

    async def change(number: int, message: Message) -> list[Message]:
        if number == after + 1 and message.get("more_body"):
            held.append(message)
            return []
        if not held:
            return [message]
        late = held.pop()
        return [message, late] if message.get("more_body") else [late, message]

    await _through(request, change)


STREAM_ACTIONS: Mapping[FaultKind, Callable[[InterceptedRequest, FaultRule, ServerState], Awaitable[None]]] = {
    FaultKind.STREAM_CUT: _cut,
    FaultKind.STREAM_CUT_AFTER: _cut_after,
    FaultKind.STREAM_END: _end,
    FaultKind.STREAM_STALL: _stall,
    FaultKind.STREAM_GARBAGE: _garbage,
    FaultKind.STREAM_SHUFFLE: _shuffle,
    FaultKind.STREAM_ERROR: _error,
}
