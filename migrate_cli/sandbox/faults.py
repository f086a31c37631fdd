"""The middleware that injects faults, between authentication and the endpoints. Pure ASGI.

`fault_plan.py` decides what goes wrong and `fault_actions.py` carries it out; this layer joins the two, enforces the
rate limit, and keeps the statistics.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from migrate_cli.sandbox.api_error import reworded
from migrate_cli.sandbox.auth import error_answer
from migrate_cli.sandbox.fault_actions import ACTIONS
from migrate_cli.sandbox.fault_exchange import InterceptedRequest, first_of
from migrate_cli.sandbox.fault_plan import FaultKind, FaultPlan, FaultSelector, endpoint_of
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.rate_limit import TokenBucket, rate_limited


class FaultMiddleware:
    """Passes every request on, with or without a fault. The plan can change while the server runs."""

    def __init__(self, app: ASGIApp, options: SandboxOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._latency = options.latency_ms / 1000
        self._selector = FaultSelector(options.faults)
        self._clock = clock
        self._bucket: TokenBucket | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self.arrivals: dict[str, tuple[int, int]] = {}
        self._land = asyncio.Event()
        self.closing = asyncio.Event()
        self.on_down: Callable[[float], Awaitable[None]] | None = None
        """Takes the server down; set by the server."""

    @property
    def plan(self) -> FaultPlan:
        """The plan in force."""
        return self._selector.plan

    def change(self, plan: FaultPlan) -> None:
        """Follow another plan from the next request on; its counts start over."""
        self._selector = FaultSelector(plan)

    def stats(self) -> dict[str, Any]:
        """What was asked, answered and done wrong so far; `late` counts commits that are still to come."""
        return {
            "requests": dict(sorted(self._requests.items())),
            "statuses": dict(sorted(self._statuses.items())),
            "faults": dict(sorted(self._struck.items())),
            "late": len(self._tasks),
        }

    async def close(self) -> None:
        """End all waiting: hanging requests are reset, late commits never happen."""
        self.closing.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def later(self, work: Awaitable[object]) -> None:
        """Continue this work in the background while the request ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def landing(self, seconds: float) -> None:
        """Wait for the time of a late commit: so many seconds, or until `land`."""
        await first_of(asyncio.sleep(seconds), self._land.wait())

    async def land(self) -> int:
        """Let all late commits happen now, and return how many there were."""
        tasks = list(self._tasks)
        self._land.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._land.clear()
        return len(tasks)

    async def go_down(self, seconds: float) -> None:
        """Break all connections and refuse new ones for a while."""
        if self.on_down is not None:
            await self.on_down(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = endpoint_of(scope["method"], scope["path"])
        self._requests[endpoint] += 1
        form = self._selector.form_of_errors(endpoint, scope["method"], scope["path"])
        counting = self._counting(send if form is None else _reworded(send, form))
        request = InterceptedRequest(self._app, scope, receive, counting)
        with contextlib.suppress(ClientDisconnect):
            if not self._selector.plan.rules and not self._latency:
                await request.serve()
            elif not await self._over_limit(endpoint, request, receive):
                await self._carry_out(endpoint, request)

    async def _carry_out(self, endpoint: str, request: InterceptedRequest) -> None:
        method, path = request.scope["method"], request.scope["path"]
        body = await request.body() if self._selector.needs_body(endpoint, method, path) else b""
        decision = self._selector.decide(endpoint, method, body, path)
        if self._latency or decision.delay:
            # A request that has arrived is carried out, also when its client has given up meanwhile.
            await request.body()
            await asyncio.sleep(self._latency + decision.delay)
        self._struck.update(f"{endpoint}:{kind}" for kind in decision.delays)
        if decision.rule is None:
            await request.serve()
            return
        self._struck[f"{endpoint}:{decision.rule.kind}"] += 1
        await ACTIONS[decision.rule.kind](request, decision.rule, self)

    async def _over_limit(self, endpoint: str, request: InterceptedRequest, receive: Receive) -> bool:
        rule = self._selector.limit(endpoint, request.scope["method"], request.scope["path"])
        if rule is None:
            return False
        limit, burst, now = rule.number("limit") or 1.0, rule.number("burst"), self._clock()
        if self._bucket is None:
            self._bucket = TokenBucket(limit, burst, now)
        else:
            self._bucket.change(limit, burst, now)
        wait = self._bucket.take(now)
        headers = self._bucket.headers()
        if wait:
            self._struck[f"{endpoint}:{FaultKind.LIMIT}"] += 1
            await error_answer(rate_limited(wait, headers))(request.scope, receive, request.send)
            return True
        request.send = _with_headers(request.send, headers)
        return False

    def _counting(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._statuses[str(message["status"])] += 1
            await send(message)

        return counted


def _reworded(send: Send, form: str) -> Send:
    """Rewrite error bodies. They are small, so they are buffered whole."""
    head: list[Message] = []
    parts: list[bytes] = []

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            head.append(message)
            return
        if not head:
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = reworded(b"".join(parts), form)
        headers = [pair for pair in head[0].get("headers", ()) if pair[0].lower() != b"content-length"]
        await send({**head[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return sent


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *pairs]}
        await send(message)

    return sent
