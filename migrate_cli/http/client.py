"""The only module that imports `openai`, and only when a client is made (the import costs more than a second).

It sends one request and says what is known afterwards (`outcomes.py`). Writes are sent exactly once: the SDK's own
retries are off, because it repeats a POST whose answer was lost, and no idempotency key protects it. Reads are
retried here. Forms, downloads and streams go through the official client. Everything else is raw bytes under the same
headers (`transport.py`): the client's calls would cost most of the time of a run, and its import alone a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from migrate_cli.bounds import too_large
from migrate_cli.errors import AnswerOutOfBounds, AuthError, TemporaryError, Unanswered
from migrate_cli.http import bounded_body
from migrate_cli.http.endpoint import NO_KEY, USER_AGENT, Endpoint, headers_of
from migrate_cli.http.line_speed import FIRST
from migrate_cli.http.origins import MOST_REDIRECTS, circling, goes_on_at, redirected
from migrate_cli.http.outage import Outage
from migrate_cli.http.outcomes import (
    Ambiguous,
    Applied,
    NotApplied,
    OutOfBounds,
    Refused,
    Reply,
    error_of,
    of_error,
    of_success,
    rate_told,
)
from migrate_cli.http.rate_limiter import RateLimiter, Signal
from migrate_cli.http.sse import EventParser, StreamBroken, StreamRefused
from migrate_cli.http.transport import (
    SLOWEST_UPLOAD,
    HttpTransport,
    RawResponse,
    TooLargeError,
    proxy_wants_name,
    transport_failure,
)
from migrate_cli.model import JsonObject
from migrate_cli.secrets import register_secret

if TYPE_CHECKING:
    import httpx2
    import openai

READ_ATTEMPTS = 8
LONGEST_BACKOFF = 30.0
WELL_BACKOFF = 1.0
"""The longest wait before a read is repeated while the host answers others: waiting cures a host, not an object."""
MOST_RENEWALS = 3
"""How often one request is sent again with another token; more than once, since others may use a token up."""


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
class MultipartForm:
    """A body as multipart form data: fields and one file, which is read from disk as it goes out."""

    fields: Mapping[str, str]
    file: BinaryIO
    filename: str
    media_type: str = "application/octet-stream"
    bytes: int = 0

    def options(self, timeout: float) -> dict[str, Any]:
        """How the official client is asked for it; large files get the time that a slow line needs."""
        return {"headers": {"Content-Type": "multipart/form-data"}, "timeout": timeout + self.bytes / SLOWEST_UPLOAD}


class Once(Protocol):
    """One attempt at a read."""

    def __call__(self, *, alone: bool) -> Awaitable[Reply]:
        """Send it; `alone` says that it failed before, while the host answered others."""


class ApiClient:
    """One host, called through the official client with raw bodies, paced. Use as an async context manager."""

    def __init__(
        self, endpoint: Endpoint, limiter: RateLimiter, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        register_secret(endpoint.api_key)
        self.endpoint = endpoint
        self.traffic = Traffic()
        self.limiter = limiter
        self._sleep = sleep
        self._fine = 0
        """Answers so far that were clear."""
        self._outage = Outage(endpoint.timeout)
        self._client: openai.AsyncOpenAI | None = None
        self._http: HttpTransport | None = None
        self._trust: ssl.SSLContext | None = None

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
        if self._client is not None:
            await self._client.close()

    @property
    def carries(self) -> int:
        """Bytes that one request may have, going by what the line was found to carry."""
        return FIRST if self._http is None else self._http.line.carries

    async def write(
        self,
        method: str,
        path: str,
        content: bytes | MultipartForm | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Send one POST or DELETE, once. Raises AuthError on a bad key, TemporaryError on a spent quota."""
        self.traffic.writes += 1
        reply = await self._send(method, path, content, query or {})
        if isinstance(reply, Ambiguous):
            self.traffic.ambiguous += 1
        return reply

    async def read(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        attempts: int = READ_ATTEMPTS,
        longest: float = LONGEST_BACKOFF,
    ) -> Applied | Refused:
        """GET with retries, `longest` seconds apart at most. Raises Unanswered when there is no answer to any of them.

        Raises AuthError on a bad key, TemporaryError on a spent quota.
        """

        before = self._fine
        reply = await self._send("GET", path, None, query or {})
        if not isinstance(reply, NotApplied | Ambiguous):
            return reply

        async def once(*, alone: bool) -> Reply:
            return await self._send("GET", path, None, query or {}, alone=alone)

        return await self._clear(once, reply, path, attempts, longest, before)

    async def download(self, file_id: str, path: Path) -> Applied | Refused:
        """GET a file's content with retries and write it to `path`, which is whole when `Applied` is returned.

        Raises what `read` raises, and OSError when the disk refuses.
        """

        if not file_id.strip("."):
            return Refused(
                404, "no-such-file", "such an id is no name of a file"
            )  # the client takes none of dots alone

        async def once(*, alone: bool) -> Reply:
            async with self.limiter.slot() as began:
                self.traffic.sent += 1
                reply, sign, wait = await self._save(file_id, path)
                self._report(sign, began, wait, f"/files/{file_id}", alone=alone)
            return reply

        before = self._fine
        reply = await once(alone=False)
        return await self._clear(once, reply, f"/files/{file_id}/content", READ_ATTEMPTS, LONGEST_BACKOFF, before)

    async def _clear(
        self, once: Once, reply: Reply, path: str, attempts: int, longest: float, before: int
    ) -> Applied | Refused:
        """Make of a first reply one that tells something, with further attempts where it must be."""
        made = 1
        if _tells_nothing(reply) and attempts > 1 and self._outage.seconds is None:
            reply, made = await self._again(once, reply, attempts, longest, before)
        if isinstance(reply, OutOfBounds):
            raise AnswerOutOfBounds(self.endpoint.base_url, path, reply.reason)
        if isinstance(reply, NotApplied | Ambiguous):
            raise Unanswered(self.endpoint.base_url, made, reply.reason, silence=self._outage.seconds)
        return reply

    async def _again(self, once: Once, first: Reply, attempts: int, longest: float, before: int) -> tuple[Reply, int]:
        """Go on after a first attempt that told nothing; returns the last reply, and how many there were.

        `before` is how many clear answers there were when that attempt began.
        """
        from tenacity import (  # noqa: PLC0415 - only where used
            AsyncRetrying,
            RetryCallState,
            retry_if_result,
            wait_random_exponential,
        )

        made = [first]

        def alone() -> bool:
            return self.limiter.host_is_well and self._fine > before

        async def attempt() -> Reply:
            nonlocal before
            if made:
                return made.pop()
            failed_alone, before = alone(), self._fine
            return await once(alone=failed_alone)

        def count(_state: object) -> None:
            self.traffic.retried += 1

        growing = wait_random_exponential(multiplier=0.5, max=longest)

        def wait(state: RetryCallState) -> float:
            open_still = state.outcome is not None and isinstance(state.outcome.result(), Ambiguous)
            return min(growing(state), WELL_BACKOFF) if open_still and alone() else growing(state)

        retrying = AsyncRetrying(
            retry=retry_if_result(_tells_nothing),
            stop=lambda state: state.attempt_number >= attempts or self._outage.seconds is not None,
            wait=wait,
            sleep=self._sleep,
            before_sleep=count,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        reply: Reply = await retrying(attempt)
        return reply, int(retrying.statistics["attempt_number"])

    async def stream(
        self, path: str, content: bytes, *, idle: float, on_sent: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[JsonObject]:
        """POST, once, and yield the server-sent events of the answer as JSON objects, as they come.

        `idle` is how many seconds may pass without a byte; `on_sent` is called when the pace lets the request go.
        Raises StreamRefused when no stream began, StreamBroken when it broke or stalled, AuthError on a bad key,
        TemporaryError on a spent quota. A stream that merely ends too early raises nothing: only its reader knows
        which event is the last.
        """
        self.traffic.writes += 1
        if self._client is None:
            self._connect()
        async with self.limiter.slot() as began:
            self.traffic.sent += 1
            on_sent()
            opened, sign, wait = await self._open_stream(path, content, idle)
            self.limiter.report(sign, began=began, wait=wait)
        if isinstance(opened, NotApplied | Refused | Ambiguous):
            self.traffic.throttled += sign is Signal.THROTTLED
            self.traffic.ambiguous += isinstance(opened, Ambiguous)
            raise StreamRefused(opened)
        parser = EventParser()
        try:
            async for chunk in _until_idle(opened.aiter_bytes(), idle):
                for event in parser.feed(chunk):
                    yield event
        finally:
            with contextlib.suppress(Exception):  # a connection that broke cannot be closed in good order
                await opened.aclose()

    async def _open_stream(
        self, path: str, content: bytes, idle: float, renewals: int = 0
    ) -> tuple[httpx2.Response | NotApplied | Refused | Ambiguous, Signal, float | None]:
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
        import openai  # noqa: PLC0415 - costs more than a second

        client = self._client or self._connect()
        own = await self._own_headers()
        options: Any = {
            "params": dict(self.endpoint.query),
            "headers": {"Content-Type": "application/json", "Accept": "text/event-stream", **own},
            "timeout": httpx2.Timeout(self.endpoint.timeout, read=max(idle, self.endpoint.timeout)),
        }
        try:
            stream = await client.post(
                path,
                content=content,
                cast_to=object,
                options=options,
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
        except openai.APIStatusError as error:
            if error.status_code == 401 and await self._renewed(own, renewals):
                return await self._open_stream(path, content, idle, renewals + 1)
            reply, sign, wait = self._refusal(error.status_code, error.response.headers, error.response.content)
            return reply if not isinstance(reply, Applied) else Ambiguous("no stream"), sign, wait
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
            failure = transport_failure(error)
            return failure, _sign_of(failure), None
        kind = stream.response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            await stream.response.aclose()
            return Ambiguous(f"the answer was no event stream but {kind or 'of no named type'}"), Signal.TROUBLE, None
        return stream.response, Signal.FINE, None

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | MultipartForm | None,
        query: Mapping[str, Any],
        *,
        alone: bool = False,
    ) -> Reply:
        limiter = self.limiter
        began = limiter.at_once()
        if began is None:
            began = await limiter.take()
        try:
            self.traffic.sent += 1
            reply, sign, wait = await self._exchange(method, path, content, query)
            self._report(sign, began, wait, path, alone=alone)
        finally:
            limiter.release()
        if sign is Signal.THROTTLED:
            self.traffic.throttled += 1
        return reply

    def _report(self, sign: Signal, began: float, wait: float | None, path: str, *, alone: bool) -> None:
        """Tell the limiter; what fails again while the host answers others says nothing new about the host."""
        self._fine += sign is Signal.FINE
        if sign in (Signal.TROUBLE, Signal.UNREACHABLE):
            self._outage.failed(path)
        else:
            self._outage.broken()
        if alone and sign is Signal.TROUBLE:
            sign = Signal.NEUTRAL
        self.limiter.report(sign, began=began, wait=wait)

    async def _exchange(
        self, method: str, path: str, content: bytes | MultipartForm | None, query: Mapping[str, Any], renewals: int = 0
    ) -> tuple[Reply, Signal, float | None]:
        if isinstance(content, MultipartForm):
            return await self._upload(path, content)
        http = self._http or self._open_http()
        own = await self.endpoint.credentials.headers() if self.endpoint.credentials is not None else None
        asked = {**self.endpoint.query, **query} if self.endpoint.query else query
        answer = await http.exchange(method, path, asked, content, own)
        place, followed = self.endpoint.base_url + path, 0
        while isinstance(answer, RawResponse) and (
            onward := goes_on_at(place, method, answer.status, answer.headers.get("location"))
        ):
            place, followed = onward, followed + 1
            if followed > MOST_REDIRECTS:
                raise circling(self.endpoint.base_url)
            answer = await http.exchange(method, place, {}, content, own)
        if not isinstance(answer, RawResponse):
            return answer, _sign_of(answer), None
        if answer.status >= 300:
            if answer.status == 401 and await self._renewed(own, renewals):
                return await self._exchange(method, path, content, query, renewals + 1)
            return self._refusal(answer.status, answer.headers, answer.content)
        reply = of_success(answer.content, answer.headers)
        self._learn(answer.headers)
        return reply, Signal.FINE if isinstance(reply, Applied) else _sign_of(reply), None

    async def _upload(self, path: str, form: MultipartForm, renewals: int = 0) -> tuple[Reply, Signal, float | None]:
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
        import openai  # noqa: PLC0415 - costs more than a second

        client = self._client or self._connect()
        own = await self._own_headers()
        options: Any = {"params": dict(self.endpoint.query), **form.options(self.endpoint.timeout)}
        options["headers"] |= own
        form.file.seek(0)
        file = {"file": (form.filename, form.file, form.media_type)}
        try:
            response = await client.post(
                path, body=dict(form.fields), files=file, cast_to=httpx2.Response, options=options
            )
        except openai.APIStatusError as error:
            if error.status_code == 401 and await self._renewed(own, renewals):
                return await self._upload(path, form, renewals + 1)
            return self._refusal(error.status_code, error.response.headers, error.response.content)
        except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
            failure = transport_failure(error)
            return failure, _sign_of(failure), None
        reply = of_success(response.content, response.headers)
        self._learn(response.headers)
        return reply, Signal.FINE if isinstance(reply, Applied) else _sign_of(reply), None

    async def _save(self, file_id: str, path: Path, renewals: int = 0) -> tuple[Reply, Signal, float | None]:
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
        import openai  # noqa: PLC0415 - costs more than a second

        client = self._client or self._connect()
        own = await self._own_headers()
        files = client.files.with_streaming_response
        try:
            async with files.content(file_id, extra_headers=own, extra_query=dict(self.endpoint.query)) as answer:
                await answer.stream_to_file(path)
                expected = answer.headers.get("content-length")
        except openai.APIStatusError as error:
            if error.status_code == 401 and await self._renewed(own, renewals):
                return await self._save(file_id, path, renewals + 1)
            return self._refusal(error.status_code, error.response.headers, error.response.content)
        except (
            openai.OpenAIError,
            httpx2.HTTPError,
            ConnectionError,
            TimeoutError,
            TooLargeError,
            ValueError,
        ) as error:
            failure = transport_failure(error)
            return failure, _sign_of(failure), None
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        if expected is not None and answer.headers.get("content-encoding") is None and size != int(expected):
            return Ambiguous("the file's content broke off"), Signal.TROUBLE, None
        return Applied({"bytes": size}), Signal.FINE, None

    async def _renewed(self, own: Mapping[str, Any] | None, renewals: int) -> bool:
        """Whether a request that was refused for its token is worth sending again with another."""
        credentials = self.endpoint.credentials
        return renewals < MOST_RENEWALS and credentials is not None and await credentials.renew(own or {})

    async def _own_headers(self) -> dict[str, Any]:
        """The headers that authenticate, where the client's own bearer key does not."""
        if self.endpoint.credentials is None:
            return {}
        import openai  # noqa: PLC0415 - costs more than a second

        return {"Authorization": openai.Omit(), **await self.endpoint.credentials.headers()}

    def _learn(self, headers: Mapping[str, str]) -> None:
        """Let the limiter know what the rate headers tell, while it does not know better itself."""
        if self.limiter.wants_hint and (told := rate_told(headers)) is not None:
            self.limiter.hint(*told)

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> tuple[Reply, Signal, float | None]:
        if 300 <= status < 400:
            raise redirected(self.endpoint.base_url, headers.get("location"))
        code, message = error_of(status, content)
        if status == 407:
            raise proxy_wants_name()
        if status == 401 or (status == 403 and code in ("invalid_api_key", "account_deactivated")):
            said = message.rstrip(".")
            raise AuthError(f"{self.endpoint.base_url} refused the key: {said}; check the key and its project")
        if code == "insufficient_quota":
            raise TemporaryError(
                f"the quota at {self.endpoint.base_url} is spent; add credit, then run the same command again"
            )
        reply = of_error(status, headers, content)
        if status == 429 and isinstance(reply, NotApplied):
            self._learn(headers)
            return reply, Signal.THROTTLED, reply.wait
        return reply, Signal.TROUBLE if isinstance(reply, Ambiguous) else Signal.NEUTRAL, None

    def _open_http(self) -> HttpTransport:
        self._http = HttpTransport(
            self.endpoint.base_url, headers_of(self.endpoint), self.endpoint.timeout, self._trusted()
        )
        return self._http

    def _connect(self) -> openai.AsyncOpenAI:
        import openai  # noqa: PLC0415 - costs more than a second

        self._client = openai.AsyncOpenAI(
            api_key=self.endpoint.api_key or NO_KEY,
            base_url=self.endpoint.base_url,
            organization=self.endpoint.organization,
            project=self.endpoint.project,
            timeout=self.endpoint.timeout,
            max_retries=0,
            default_headers={"User-Agent": USER_AGENT, **bounded_body.ASKED, **self.endpoint.headers},
            http_client=openai.DefaultAioHttpClient(
                timeout=self.endpoint.timeout,
                verify=self._trusted() or True,
                event_hooks={"response": [self._check_redirect, bounded_body.bound]},
            ),
        )
        return self._client

    async def _check_redirect(self, response: httpx2.Response) -> None:
        """Stop the official client, which would follow any redirect with all headers but one. Raises UsageError."""
        request, location = response.request, response.headers.get("location")
        if 300 <= response.status_code < 400:
            place = goes_on_at(str(request.url), request.method, response.status_code, location)
            if place is None:
                raise redirected(self.endpoint.base_url, location)
            # The extensions go along from request to request.
            followed = request.extensions["followed"] = request.extensions.get("followed", 0) + 1
            if followed > MOST_REDIRECTS:
                raise circling(self.endpoint.base_url)
            # What is followed is what was judged, however the library would read it.
            response.headers["location"] = place

    def _trusted(self) -> ssl.SSLContext | None:
        """The certificates that are trusted: the official client's, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
        if not self.endpoint.base_url.startswith("https:"):
            return None
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import

        if self._trust is None:
            self._trust = httpx2.create_ssl_context()
        return self._trust


async def _until_idle(chunks: AsyncIterator[bytes], idle: float) -> AsyncIterator[bytes]:
    """Yield the chunks; raise StreamBroken when they break off, or when none comes for `idle` seconds."""
    while True:
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise StreamBroken(f"nothing came for {idle:g} s") from None
        except TooLargeError:
            raise StreamBroken(too_large()) from None
        except Exception as error:  # whatever the transport raises, the stream has broken off
            raise StreamBroken(f"the connection broke ({type(error).__name__})") from error
        yield chunk


def _tells_nothing(reply: Reply) -> bool:
    """Whether a read is worth repeating: another answer may come."""
    return isinstance(reply, NotApplied | Ambiguous) and not isinstance(reply, OutOfBounds)


def _sign_of(failure: NotApplied | Ambiguous) -> Signal:
    if isinstance(failure, OutOfBounds):
        return Signal.NEUTRAL  # the host is well: it answers
    return Signal.UNREACHABLE if isinstance(failure, NotApplied) else Signal.TROUBLE
