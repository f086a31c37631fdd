"""Foundry's projects: `/api/projects/{project}/openai/v1/…` is the API, and beside it are its agents. Pure ASGI.

A request below `openai/v1` continues under `/v1`, one for agents under `/project`; both remember the project, so that
endpoints know what only a project takes. Classic agents answer at the same address and are left to the source side.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_KEY = "foundry_project"
_PATH = re.compile(r"/api/projects/([^/]+)(?:/openai(/v1/.*)|(/agents(?:/.*)?))")
BASE = "/api/projects/{project}"
"""Where a project answers, behind host and port."""


class ProjectMiddleware:
    """Recognises requests to a project."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is not None:
            path = match[2] or f"/project{match[3]}"
            scope = {**scope, "path": path, "raw_path": path.encode(), _KEY: match[1]}
        await self._app(scope, receive, send)


def project_of(request: Request) -> str | None:
    """The project that a request came to; None where it came to an address without one."""
    found: str | None = request.scope.get(_KEY)
    return found
