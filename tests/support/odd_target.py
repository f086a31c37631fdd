"""A sandbox with one odd habit, written by the test: a function that may change a request or the answer to it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox import server
from migrate_cli.sandbox.app import Sandbox
from migrate_cli.sandbox.fault_exchange import CapturedResponse, InterceptedRequest
from migrate_cli.sandbox.options import SandboxOptions
from starlette.types import Receive, Scope, Send


class Call:
    """One request to the target, as a habit sees it."""

    def __init__(self, request: InterceptedRequest, body: bytes) -> None:
        self._request = request
        scope = request.scope
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix("/v1")
        self.query: str = scope["query_string"].decode()
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.body: Any = json.loads(body) if body else None

    @property
    def appends(self) -> bool:
        """Whether it appends items to a conversation."""
        return self.method == "POST" and self.path.endswith("/items")

    @property
    def lists(self) -> bool:
        """Whether it lists the items of a conversation."""
        return self.method == "GET" and self.path.endswith("/items")

    async def forward(self, body: Any = None, query: str | None = None) -> CapturedResponse:
        """What the sandbox answers, to another body or query if given."""
        sent = None if body is None else json.dumps(body).encode()
        return await self._request.perform(sent, None if query is None else query.encode())


Habit = Callable[[Call], Awaitable[CapturedResponse]]


def answer(status: int, body: Any) -> CapturedResponse:
    """An answer in JSON."""
    return CapturedResponse(status, [(b"content-type", b"application/json")], json.dumps(body).encode())


def refusal(message: str = "This target does not do that.", status: int = 400) -> CapturedResponse:
    """An error in the shape of the API."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return answer(status, {"error": error})


def changed(given: CapturedResponse, **fields: Any) -> CapturedResponse:
    """The same answer with other fields."""
    return answer(given.status, {**json.loads(given.body), **fields})


@contextmanager
def odd_target(
    data: Path, habit: Habit, monkeypatch: pytest.MonkeyPatch, options: SandboxOptions | None = None
) -> Iterator[server.EmbeddedSandbox]:
    """Serve a sandbox whose every request goes through the habit."""

    class Odd(Sandbox):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            request = InterceptedRequest(super().__call__, scope, receive, send)
            await request.answer(await habit(Call(request, await request.body())))

    with monkeypatch.context() as patch:
        patch.setattr(server, "Sandbox", Odd)
        running = server.EmbeddedSandbox(data, options).start()
    try:
        yield running
    finally:
        running.stop()
