"""The only module that imports `openai`, and only when a client is made (the import costs more than a second).

It sends one request and says what is known afterwards (`replies.py`). Writes are sent exactly once: the SDK's own
retries are off, because it repeats a POST whose answer was lost, and no idempotency key protects it. Reads are
retried here. Authentication, headers, base URL, organisation and timeouts are the official client's; bodies are raw
bytes, since typed answers cost two thirds of the time of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from migrate_cli import __version__
from migrate_cli.errors import AuthError, TemporaryError
from migrate_cli.pacing import Pacer, Sign
from migrate_cli.replies import Ambiguous, Applied, NotApplied, Refused, Reply, error_of, of_error, of_success
from migrate_cli.secrets import register_secret

if TYPE_CHECKING:
    import openai

READ_ATTEMPTS = 8
LONGEST_BACKOFF = 30.0
SLOWEST_UPLOAD = 250_000
"""Bytes a second that a line is given credit for."""


@dataclass(slots=True)
class Traffic:
    """What was sent so far, for reports. `writes` are POST and DELETE requests."""

    sent: int = 0
    writes: int = 0
    retried: int = 0
    ambiguous: int = 0
    throttled: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts, as reports show them."""
        return {"sent": self.sent, "retried": self.retried, "ambiguous": self.ambiguous}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to call. `api_key` is registered as a secret before anything can log it."""

    base_url: str
    api_key: str = field(repr=False)
    organization: str | None = None
    project: str | None = None
    timeout: float = 60.0
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """A body as multipart form data: fields and one file, which is read from disk as it goes out."""

    fields: Mapping[str, str]
    file: BinaryIO
    filename: str
    media_type: str = "application/octet-stream"
    bytes: int = 0

    def options(self, timeout: float) -> dict[str, Any]:
        """How the official client is asked for it; large files get the time that a slow line needs."""
        return {"headers": {"Content-Type": "multipart/form-data"}, "timeout": timeout + self.bytes / SLOWEST_UPLOAD}


class ApiClient:
    """One host, called through the official client with raw bodies, paced. Use as an async context manager."""

    def __init__(
        self, endpoint: Endpoint, pacer: Pacer, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        register_secret(endpoint.api_key)
        self.endpoint = endpoint
        self.traffic = Traffic()
        self.pacer = pacer
        self._sleep = sleep
        self._client: openai.AsyncOpenAI | None = None

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def write(
        self, method: str, path: str, content: bytes | Form | None = None, query: Mapping[str, Any] | None = None
    ) -> Reply:
        """Send one POST or DELETE, once. Raises AuthError on a bad key, TemporaryError on a spent quota."""
        self.traffic.writes += 1
        reply = await self._send(method, path, content, query or {})
        if isinstance(reply, Ambiguous):
            self.traffic.ambiguous += 1
        return reply

    async def read(self, path: str, query: Mapping[str, Any] | None = None) -> Applied | Refused:
        """GET with retries. Raises TemporaryError when the host stays unreachable or unwell, AuthError on a bad key."""
        from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential  # noqa: PLC0415 - only where used

        def unclear(reply: Reply) -> bool:
            return isinstance(reply, NotApplied | Ambiguous)

        async def once() -> Reply:
            return await self._send("GET", path, None, query or {})

        def count(_state: object) -> None:
            self.traffic.retried += 1

        retrying = AsyncRetrying(
            retry=retry_if_result(unclear),
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=LONGEST_BACKOFF),
            sleep=self._sleep,
            before_sleep=count,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        reply: Reply = await retrying(once)
        if isinstance(reply, NotApplied | Ambiguous):
            raise TemporaryError(
                f"{self.endpoint.base_url} did not answer after {READ_ATTEMPTS} tries ({reply.reason}); "
                "nothing is lost, run the same command again later"
            )
        return reply

    async def _send(self, method: str, path: str, content: bytes | Form | None, query: Mapping[str, Any]) -> Reply:
        async with self.pacer.slot() as began:
            self.traffic.sent += 1
            reply, sign, wait = await self._exchange(method, path, content, query)
            self.pacer.report(sign, began=began, wait=wait)
        if sign is Sign.THROTTLED:
            self.traffic.throttled += 1
        return reply

    async def _exchange(
        self, method: str, path: str, content: bytes | Form | None, query: Mapping[str, Any]
    ) -> tuple[Reply, Sign, float | None]:
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
        import openai  # noqa: PLC0415 - costs more than a second

        client = self._client or self._connect()
        options: Any = {"params": {**self.endpoint.query, **query}}
        try:
            if method == "GET":
                response = await client.get(path, cast_to=httpx2.Response, options=options)
            elif isinstance(content, Form):
                options |= content.options(self.endpoint.timeout)
                file = {"file": (content.filename, content.file, content.media_type)}
                response = await client.post(
                    path, body=dict(content.fields), files=file, cast_to=httpx2.Response, options=options
                )
            elif method == "POST":
                options["headers"] = {"Content-Type": "application/json"}
                response = await client.post(path, content=content, cast_to=httpx2.Response, options=options)
            else:
                response = await client.delete(path, cast_to=httpx2.Response, options=options)
            reply = of_success(response.content, response.headers.get("x-request-id"))
        except openai.APIStatusError as error:
            return self._refusal(error.status_code, error.response.headers, error.response.content)
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
            return _transport_failure(error), Sign.TROUBLE, None
        return reply, Sign.FINE if isinstance(reply, Applied) else Sign.TROUBLE, None

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> tuple[Reply, Sign, float | None]:
        code, message = error_of(status, content)
        if status == 401 or (status == 403 and code in ("invalid_api_key", "account_deactivated")):
            raise AuthError(f"{self.endpoint.base_url} refused the key: {message}; check the key and its project")
        if code == "insufficient_quota":
            raise TemporaryError(
                f"the quota at {self.endpoint.base_url} is spent; add credit, then run the same command again"
            )
        reply = of_error(status, headers, content)
        if status == 429 and isinstance(reply, NotApplied):
            return reply, Sign.THROTTLED, reply.wait
        return reply, Sign.TROUBLE if isinstance(reply, Ambiguous) else Sign.NEUTRAL, None

    def _connect(self) -> openai.AsyncOpenAI:
        import openai  # noqa: PLC0415 - costs more than a second

        self._client = openai.AsyncOpenAI(
            api_key=self.endpoint.api_key,
            base_url=self.endpoint.base_url,
            organization=self.endpoint.organization,
            project=self.endpoint.project,
            timeout=self.endpoint.timeout,
            max_retries=0,
            default_headers={"User-Agent": f"migrate-cli/{__version__}", **self.endpoint.headers},
            http_client=openai.DefaultAioHttpClient(timeout=self.endpoint.timeout),
        )
        return self._client


def _transport_failure(error: BaseException) -> Reply:
    """Tell a connection that was never made from one that broke.

    The aiohttp transport reports both "connection refused" and "answered, then dropped" as a connect timeout, so only
    the aiohttp error underneath decides: `ClientConnectorError` is raised before a byte of the request is written.
    """
    import aiohttp  # noqa: PLC0415 - comes with the client

    reason = type(error).__name__
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, aiohttp.ClientConnectorError):
            return NotApplied("could not connect")
        reason = type(seen).__name__
        seen = seen.__cause__ or seen.__context__
    return Ambiguous(f"no answer ({reason})")
