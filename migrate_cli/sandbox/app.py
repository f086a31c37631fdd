"""The sandbox put together: routes, errors in the real shape, and the layers around them. Serves nothing by itself."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.conversations import ConversationEndpoints
from migrate_cli.sandbox.faults import Faults
from migrate_cli.sandbox.files import FileEndpoints
from migrate_cli.sandbox.gate import Gate, WriterLocks
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer
from migrate_cli.sandbox.store import Store


def build_app(store: Store, options: SandboxOptions) -> ASGIApp:
    """The whole application over an open store: gate, writer locks, misbehaviour, endpoints."""
    routes = [*ConversationEndpoints(store, options).routes(), *FileEndpoints(store, options).routes()]
    api = Starlette(routes=routes, exception_handlers={ApiError: _api_error, HTTPException: _http_error})
    api.router.redirect_slashes = False
    return Gate(WriterLocks(Faults(api, options)), options)


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - Starlette hands over what the table above says
    return json_answer(error.body(), error.status, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
    else:
        message = f"Invalid URL ({request.method} {request.url.path})"
    return json_answer(ApiError(status, message).body(), status)
