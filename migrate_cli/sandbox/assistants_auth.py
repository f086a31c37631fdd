"""Access to the source side: the host's base path, its headers and query, and tokens that expire. Pure ASGI.

A request that passes continues under `/v1`, so that everything behind knows one kind of path only. Requests for the
target side pass through unchanged.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.assistants_quirks import SourceQuirks
from migrate_cli.sandbox.auth import error_answer

_OWN = ("threads", "assistants")


@dataclass(slots=True)
class _TokenUse:
    """How long, and how often, a token has been used."""

    since: float
    requests: int = 0


class SourceAuthMiddleware:
    """Admits requests in the form that the host demands, and refuses others as the host would."""

    def __init__(self, app: ASGIApp, quirks: SourceQuirks, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._quirks = quirks
        self._clock = clock
        self._tokens: dict[str, _TokenUse] = {}
        pattern = re.escape(quirks.base).replace(re.escape("{project}"), "[^/]+")
        # The target side shares /v1, so only the source side's own paths may match there.
        below = rf"/(?:{'|'.join(_OWN)})(?:/.*)?" if quirks.base == "/v1" else "(?:/.*)?"
        self._path = re.compile(f"{pattern}({below})")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match = self._path.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        error = self._refusal(scope, headers)
        if error is not None:
            await error_answer(error)(scope, receive, send)
            return
        path = f"/v1{match.group(1)}"
        inner = {**scope, "path": path, "raw_path": path.encode(), "headers": self._inner_headers(scope, headers)}
        await self._app(inner, receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> ApiError | None:
        quirks = self._quirks
        if quirks.gone:
            return None
        if quirks.key_header and not headers.get("api-key"):
            return _unauthorized("Access denied due to missing subscription key: send it in the header 'api-key'.")
        if not quirks.key_header and self._expired(headers.get("authorization", "")):
            return _unauthorized("Access token is missing, invalid, or has expired.")
        if quirks.api_version and (refused := _version_refused(scope, quirks.api_versions)):
            return refused
        if quirks.beta_header and headers.get("openai-beta") != "assistants=v2":
            return bad_request(
                "You must provide the 'OpenAI-Beta' header to access the Assistants API, as 'assistants=v2'.",
                code="invalid_beta",
            )
        return None

    def _expired(self, token: str) -> bool:
        quirks, now = self._quirks, self._clock()
        if quirks.token_requests is None and quirks.token_seconds is None:
            return False
        life = self._tokens.setdefault(token, _TokenUse(now))
        life.requests += 1
        if quirks.token_requests is not None and life.requests > quirks.token_requests:
            return True
        return quirks.token_seconds is not None and now - life.since > quirks.token_seconds

    def _inner_headers(self, scope: Scope, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """The headers as `KeyMiddleware` expects them: a key in `api-key` becomes a bearer key."""
        if not self._quirks.key_header:
            return list(scope["headers"])
        kept = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"api-key")]
        return [*kept, (b"authorization", b"Bearer " + headers["api-key"].encode("latin-1"))]


def _version_refused(scope: Scope, taken: tuple[str, ...]) -> ApiError | None:
    """What a host says that wants a version of its API: one of those it takes, where it names any."""
    versions = parse_qs(scope["query_string"].decode("latin-1")).get("api-version")
    if not versions:
        return bad_request("Missing required query parameter: api-version.", code="MissingApiVersionParameter")
    if not taken or versions[0] in taken:
        return None
    return bad_request(
        f"API version not supported: {versions[0][:64]}. Supported versions: {', '.join(taken)}.",
        code="UnsupportedApiVersion",
    )


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, message, code="Unauthorized")
