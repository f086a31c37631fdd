"""Assembles the sandbox: routes, error handlers, and the middleware around them. It must not serve anything itself."""

from __future__ import annotations

import sqlite3

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from migrate_cli.sandbox.agents.endpoints import AgentEndpoints
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.assistants_auth import SourceAuthMiddleware
from migrate_cli.sandbox.assistants_endpoints import AssistantsEndpoints
from migrate_cli.sandbox.assistants_store import AssistantsStore
from migrate_cli.sandbox.auth import CONTROL_PREFIX, ConversationLocks, KeyMiddleware, LoopbackMiddleware
from migrate_cli.sandbox.control import ControlEndpoints
from migrate_cli.sandbox.conversations import ConversationEndpoints
from migrate_cli.sandbox.embeddings import EmbeddingEndpoints
from migrate_cli.sandbox.faults import FaultMiddleware
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.files import FileEndpoints
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.project import ProjectMiddleware
from migrate_cli.sandbox.requests import json_answer
from migrate_cli.sandbox.responses.endpoints import ResponseEndpoints
from migrate_cli.sandbox.store import Store
from migrate_cli.sandbox.transcriptions import TranscriptionEndpoints
from migrate_cli.sandbox.vector_store_table import VectorStoreTable
from migrate_cli.sandbox.vector_stores import VectorStoreEndpoints


class Sandbox:
    """The whole application over an open store: authentication, writer locks, faults, endpoints."""

    def __init__(self, store: Store, options: SandboxOptions) -> None:
        files, stores = FileStore(store.connection), VectorStoreTable(store.connection)
        routes = [
            *ConversationEndpoints(store, options).routes(),
            *FileEndpoints(files, options).routes(),
            *VectorStoreEndpoints(stores, files, options).routes(),
            *TranscriptionEndpoints().routes(),
            *EmbeddingEndpoints(options).routes(),
            *ResponseEndpoints(store, stores, options).routes(),
            *AgentEndpoints(store, options).routes(),
        ]
        if options.source is not None:
            routes += AssistantsEndpoints(AssistantsStore(store.connection), options.source).routes()
        self.faults = FaultMiddleware(_application(routes), options)
        self._api = ConversationLocks(self.faults, options)
        self._control = _application(ControlEndpoints(self.faults).routes())
        gate = KeyMiddleware(self._dispatch, options)
        inner = gate if options.source is None else SourceAuthMiddleware(gate, options.source)
        self._front = LoopbackMiddleware(ProjectMiddleware(inner))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._front(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = self._control if scope["path"].startswith(CONTROL_PREFIX) else self._api
        await inner(scope, receive, send)


def _application(routes: list[Route]) -> Starlette:
    handlers = {ApiError: _api_error, HTTPException: _http_error, sqlite3.Error: _store_error}
    application = Starlette(routes=routes, exception_handlers=handlers)
    application.router.redirect_slashes = False
    return application


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - Starlette hands over what the table above says
    return json_answer(error.body(), error.status, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = error.status_code
    if status == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
    else:
        message = f"Invalid URL ({request.method} {request.url.path})"
    return json_answer(ApiError(status, message).body(), status)


async def _store_error(_: Request, error: Exception) -> Response:
    message = f"The sandbox's data file refused the work: {error}"
    return json_answer(ApiError(500, message, kind="server_error").body(), 500)
