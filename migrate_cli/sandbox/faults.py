"""The one place where the sandbox misbehaves on purpose, between the gate and the endpoints. Pure ASGI."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from migrate_cli.sandbox.options import SandboxOptions


class Faults:
    """Delays every request by the set latency before it is served."""

    def __init__(self, app: ASGIApp, options: SandboxOptions) -> None:
        self._app = app
        self._latency = options.latency_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._latency:
            await asyncio.sleep(self._latency)
        await self._app(scope, receive, send)
