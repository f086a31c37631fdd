"""The outermost middleware: loopback only, request ids, API keys, and one writer per conversation. Pure ASGI."""

from __future__ import annotations

import hmac
import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from migrate_cli.sandbox import ids
from migrate_cli.sandbox.api_error import ApiError, conversation_locked
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer

CONTROL_PREFIX = "/_sandbox/"
"""Paths of the sandbox itself: no key, no faults."""

_LOOPBACK = re.compile(rb"(?i)(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
_PREFIX = "/v1/conversations/"
_RESPONSES = "/v1/responses"


class LoopbackMiddleware:
    """Refuses requests whose `Host` is not a loopback name.

    This stops DNS rebinding: a web page whose own name resolves to 127.0.0.1 still sends that name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] != "http" or (len(hosts) == 1 and _LOOPBACK.fullmatch(hosts[0])):
            await self._app(scope, receive, send)
        else:
            error = ApiError(403, "The sandbox answers to 127.0.0.1 and localhost only.", code="host_not_allowed")
            await error_answer(error)(scope, receive, send)


class KeyMiddleware:
    """Adds `x-request-id` to every response, and refuses requests without an acceptable key."""

    def __init__(self, app: ASGIApp, options: SandboxOptions) -> None:
        self._app = app
        self._key = options.api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = ids.request_id().encode()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    (b"openai-version", b"2020-10-01"),
                ]
            await send(message)

        if scope["type"] == "http" and not scope["path"].startswith(CONTROL_PREFIX):
            error = self._refusal(scope)
            if error is not None:
                await error_answer(error)(scope, receive, stamped)
                return
        await self._app(scope, receive, stamped)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = dict(scope["headers"])
        # Azure sends the key in a header of its own.
        scheme, _, key = headers.get(b"authorization", b"bearer " + headers.get(b"api-key", b"")).partition(b" ")
        key = key.strip()
        if scheme.lower() != b"bearer" or not key:
            return _unauthorized("You didn't provide an API key: send it as 'Authorization: Bearer YOUR_KEY'.")
        if self._key is not None:
            accepted = hmac.compare_digest(key, self._key.encode())
        else:
            accepted = key != b"wrong" and not key.startswith(b"sk-wrong")
        return None if accepted else _unauthorized("Incorrect API key provided.")


class ConversationLocks:
    """Refuses a write to a conversation while another write, or a response in it, is in progress."""

    def __init__(self, app: ASGIApp, options: SandboxOptions) -> None:
        self._app = app
        self._most = options.max_body_bytes
        self._busy: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        conversation = _written(scope)
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == _RESPONSES:
            conversation, receive = await self._conversation_in(receive)
        if conversation is None:
            await self._app(scope, receive, send)
        elif conversation in self._busy:
            await error_answer(conversation_locked())(scope, receive, send)
        else:
            self._busy.add(conversation)
            try:
                await self._app(scope, receive, send)
            finally:
                self._busy.discard(conversation)

    async def _conversation_in(self, receive: Receive) -> tuple[str | None, Receive]:
        """The conversation that a body names, and a `receive` that replays the body: ASGI lets it be read only once."""
        kept: list[Message] = []
        body = b""
        while len(body) <= self._most:
            kept.append(message := await receive())
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            named = json.loads(body)["conversation"] if b'"conversation"' in body else None
            named = named["id"] if isinstance(named, dict) else named
        except (ValueError, KeyError, TypeError, RecursionError):
            named = None

        async def again() -> Message:
            return kept.pop(0) if kept else await receive()

        return named if isinstance(named, str) else None, again


def error_answer(error: ApiError) -> ASGIApp:
    """The answer that shows an error."""
    return json_answer(error.body(), error.status, error.headers)


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, message, code="invalid_api_key")


def _written(scope: Scope) -> str | None:
    """The id of the conversation that a request would modify."""
    if scope["type"] != "http" or scope["method"] == "GET" or not scope["path"].startswith(_PREFIX):
        return None
    identifier: str = scope["path"][len(_PREFIX) :].partition("/")[0]
    return identifier or None
