"""One request as the fault layer sees it: its body, the application's response, and ways to answer differently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from migrate_cli.sandbox.connection import transport_of


@dataclass(slots=True)
class CapturedResponse:
    """A complete response of the application, held back."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class InterceptedRequest:
    """A request between the server and the application, and the connection that it came on."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._receive = receive
        self._body: bytes | None = None
        self.scope = scope
        self.send = send

    async def body(self) -> bytes:
        """The whole request body, as often as wanted. Raises ClientDisconnect if the client left before it was sent."""
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
        """Let the application answer as usual."""
        if self._body is None:
            await self._app(self.scope, self._receive, self.send)
        else:
            await self._app(self.scope, _replay(self._body, self._receive), self.send)

    async def perform(self, body: bytes | None = None, query: bytes | None = None) -> CapturedResponse:
        """Run the application (on another body or query, if given), and return its response unsent."""
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
        """Run the application, with its response going to `send` instead of the client."""
        await self._app(self.scope, _replay(await self.body(), _never), send)

    async def break_off(self) -> None:
        """Flush, then break the connection in the middle of the response."""
        transport = transport_of(self.scope)
        if transport is None:
            raise ConnectionResetError
        transport.abort_after_sending()
        await self.gone()

    async def answer(self, answer: CapturedResponse) -> None:
        """Send a response, with the content length that its body has."""
        headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    async def answer_in_pieces(self, answer: CapturedResponse) -> Callable[[bytes], Awaitable[None]]:
        """Send the head of a response; returns what sends a piece of its body."""
        headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        left = len(answer.body)

        async def send(piece: bytes) -> None:
            nonlocal left
            left -= len(piece)
            await self.send({"type": "http.response.body", "body": piece, "more_body": left > 0})

        return send

    async def answer_half(self, answer: CapturedResponse) -> None:
        """Send the headers and half of the body, then break the connection."""
        await self.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        half = answer.body[: len(answer.body) // 2]
        await self.send({"type": "http.response.body", "body": half, "more_body": True})
        await self.break_off()

    async def reset(self) -> None:
        """Reset the connection."""
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
    """A `receive` that never reports a disconnect, so that the work is finished even if the client has left."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}
