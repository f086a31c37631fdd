"""One request as the fault layer handles it: its body, the inner application's answer, and ways to answer otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from migrate_cli.sandbox.connection import transport_of


@dataclass(slots=True)
class CapturedResponse:
    """A whole answer of the inner application."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class InterceptedRequest:
    """A request on its way, and the connection that it came on."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._receive = receive
        self._body: bytes | None = None
        self.scope = scope
        self.send = send

    async def body(self) -> bytes:
        """The request's whole body; it can be asked for more than once. Raises ClientDisconnect if it never came."""
        if self._body is None:
            chunks, more = [], True
            while more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks.append(message.get("body", b""))
                more = bool(message.get("more_body", False))
            self._body = b"".join(chunks)
        return self._body

    async def serve(self) -> None:
        """Let the inner application answer as usual."""
        if self._body is None:
            await self._app(self.scope, self._receive, self.send)
        else:
            await self._app(self.scope, _replay(self._body, self._receive), self.send)

    async def perform(self, body: bytes | None = None, query: bytes | None = None) -> CapturedResponse:
        """Let the inner application do its work (on another body or query, if given), and keep its answer."""
        answer = CapturedResponse()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message.get("headers", ()))
            else:
                answer.body += message.get("body", b"")

        scope = self.scope if query is None else {**self.scope, "query_string": query}
        await self._app(scope, _replay(await self.body() if body is None else body, _never), keep)
        return answer

    async def run(self, send: Send) -> None:
        """Let the inner application answer as usual, to somebody else than the client."""
        await self._app(self.scope, _replay(await self.body(), _never), send)

    async def break_off(self) -> None:
        """Send what waits, then break the connection in the middle of the answer."""
        transport = transport_of(self.scope)
        if transport is None:
            raise ConnectionResetError
        transport.abort_after_sending()
        await self.gone()

    async def answer(self, answer: CapturedResponse) -> None:
        """Send an answer, with the length that its body has."""
        headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    async def answer_half(self, answer: CapturedResponse) -> None:
        """Send the head and half of the body of an answer, then break the connection."""
        await self.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        half = answer.body[: len(answer.body) // 2]
        await self.send({"type": "http.response.body", "body": half, "more_body": True})
        await self.break_off()

    async def reset(self) -> None:
        """Break the connection off, so that the client sees a reset."""
        transport = transport_of(self.scope)
        if transport is None:
            raise ConnectionResetError
        transport.reset()
        await self.gone()

    async def gone(self) -> None:
        """Return once the client is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def first_of(*waits: Coroutine[Any, Any, object], seconds: float | None = None) -> int | None:
    """Wait until one of the coroutines ends and return its place, or None after so many seconds; give up the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return next((place for place, task in enumerate(tasks) if task.done()), None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _replay(body: bytes, then: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await then()

    return receive


async def _never() -> Message:
    """Work that is carried out whoever listens never hears of the client again."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}
