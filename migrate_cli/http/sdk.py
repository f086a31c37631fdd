"""The official client, for what raw requests do not do: multipart forms, downloads and streams.

The only module that imports `openai`, and only when something is sent with it, since the import costs more than a
second. The client's own retries are off: it repeats a POST whose answer was lost, and no idempotency key protects it.
It must not know what an answer means, nor when to send again.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from migrate_cli.bounds import too_large
from migrate_cli.http import bounded_body
from migrate_cli.http.endpoint import NO_KEY, USER_AGENT, Endpoint
from migrate_cli.http.origins import MOST_REDIRECTS, circling, goes_on_at, redirected
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied
from migrate_cli.http.sse import StreamBroken
from migrate_cli.http.transport import (
    SLOWEST,
    SLOWEST_UPLOAD,
    UNHURRIED,
    RawResponse,
    TooLargeError,
    transport_failure,
)
from migrate_cli.work.waiting import waiting

if TYPE_CHECKING:
    import httpx2
    import openai

T = TypeVar("T")
_MUCH = 10_000
"""Bytes of one line of a stream that are a sign of life."""


@dataclass(frozen=True, slots=True)
class MultipartForm:
    """A body as multipart form data: fields and one file, which is read from disk as it goes out."""

    fields: Mapping[str, str]
    file: BinaryIO
    filename: str
    media_type: str = "application/octet-stream"
    bytes: int = 0


class OfficialClient:
    """One host, called through the official client, which is made when it is first needed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._made: openai.AsyncOpenAI | None = None
        self._trusted: ssl.SSLContext | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._made is not None:
            await self._made.close()

    def prepare(self) -> openai.AsyncOpenAI:
        """Make the client, so that the time which its import takes is not part of a request's."""
        if self._made is None:
            self._made = self._connect()
        return self._made

    def trusted(self) -> ssl.SSLContext | None:
        """The certificates that are trusted: the official client's, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
        if not self._endpoint.base_url.startswith("https:"):
            return None
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import

        if self._trusted is None:
            self._trusted = httpx2.create_ssl_context()
        return self._trusted

    async def upload(
        self, path: str, form: MultipartForm, own: Mapping[str, str] | None
    ) -> RawResponse | NotApplied | Ambiguous:
        """POST a form, once. Large files get the time that a slow line needs."""
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import

        options = self._options(own, {"Content-Type": "multipart/form-data"})
        options["timeout"] = self._endpoint.timeout + form.bytes / SLOWEST_UPLOAD
        form.file.seek(0)
        file = {"file": (form.filename, form.file, form.media_type)}
        call = self.prepare().post(path, body=dict(form.fields), files=file, cast_to=httpx2.Response, options=options)
        with waiting(self._answer_to(f"POST {path}")):
            answer = await _answer(self._flowing(call, lambda: 0, form.bytes), OSError)
        return _raw(answer) if isinstance(answer, httpx2.Response) else answer

    async def open_stream(
        self, path: str, content: bytes, idle: float, own: Mapping[str, str] | None
    ) -> httpx2.Response | RawResponse | NotApplied | Ambiguous:
        """POST, once, and return the answer once its events begin; `idle` is how long none may come."""
        import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
        import openai  # noqa: PLC0415 - costs more than a second

        options = self._options(own, {"Content-Type": "application/json", "Accept": "text/event-stream"})
        timeout = self._endpoint.timeout
        options["timeout"] = httpx2.Timeout(timeout, read=max(idle, timeout))
        events = openai.AsyncStream[object]
        call = self.prepare().post(
            path, content=content, cast_to=object, options=options, stream=True, stream_cls=events
        )
        with waiting(self._answer_to(f"POST {path}")):
            stream = await _answer(call, OSError)
        if not isinstance(stream, openai.AsyncStream):
            return stream
        kind = stream.response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            await stream.response.aclose()
            return Ambiguous(f"the answer was not an event stream but {kind or 'of an unnamed type'}")
        return stream.response

    async def save(
        self, file_id: str, path: Path, own: Mapping[str, str] | None
    ) -> Applied | RawResponse | NotApplied | Ambiguous:
        """GET a file's content into `path`. Raises OSError when the disk refuses."""
        # Not OSError: that is the disk's.
        saving = self._flowing(self._saved(file_id, path, own), lambda: path.stat().st_size if path.exists() else 0)
        with waiting(self._answer_to(f"GET /files/{file_id}/content")):
            size = await _answer(saving, ConnectionError, TimeoutError)
        if not isinstance(size, int):
            return size
        return Applied({"bytes": size}) if size >= 0 else Ambiguous("the file's content ended early")

    async def _saved(self, file_id: str, path: Path, own: Mapping[str, str] | None) -> int:
        """Write the content and return its bytes; -1 when it broke off."""
        files, query = self.prepare().files.with_streaming_response, dict(self._endpoint.query)
        async with files.content(file_id, extra_headers=self._own_headers(own), extra_query=query) as answer:
            await answer.stream_to_file(path)
            expected, packed = answer.headers.get("content-length"), answer.headers.get("content-encoding")
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        return -1 if expected is not None and packed is None and size != int(expected) else size

    def _answer_to(self, request: str) -> str:
        return f"a response from {self._endpoint.base_url} to {request}"

    async def _flowing(self, call: Awaitable[T], come: Callable[[], int], sent: int = 0) -> T:
        """Await a call of which so many bytes have `come`; raise TimeoutError where it only trickles.

        The client counts the silence between two bytes, and would wait forever for one that gives one now and then.
        """
        task = asyncio.ensure_future(call)
        began, timeout = time.monotonic(), self._endpoint.timeout
        try:
            while not (await asyncio.wait({task}, timeout=timeout / 4))[0]:
                if time.monotonic() - began > UNHURRIED * timeout + (sent + come()) / SLOWEST:
                    raise TimeoutError
            return task.result()
        finally:
            task.cancel()

    def _options(self, own: Mapping[str, str] | None, headers: Mapping[str, str]) -> Any:
        return {"params": dict(self._endpoint.query), "headers": {**headers, **self._own_headers(own)}}

    def _own_headers(self, own: Mapping[str, str] | None) -> dict[str, Any]:
        """The headers that authenticate, where the client's own bearer key does not."""
        if own is None:
            return {}
        import openai  # noqa: PLC0415 - costs more than a second

        return {"Authorization": openai.Omit(), **own}

    def _connect(self) -> openai.AsyncOpenAI:
        import openai  # noqa: PLC0415 - costs more than a second

        endpoint = self._endpoint
        return openai.AsyncOpenAI(
            api_key=endpoint.api_key or NO_KEY,
            base_url=endpoint.base_url,
            organization=endpoint.organization,
            project=endpoint.project,
            timeout=endpoint.timeout,
            max_retries=0,
            default_headers={"User-Agent": USER_AGENT, **bounded_body.ASKED, **endpoint.headers},
            http_client=openai.DefaultAioHttpClient(
                timeout=endpoint.timeout,
                verify=self.trusted() or True,
                event_hooks={"response": [self._check_redirect, bounded_body.bound]},
            ),
        )

    async def _check_redirect(self, response: httpx2.Response) -> None:
        """Stop the official client, which would follow any redirect with all headers but one. Raises UsageError."""
        request, location = response.request, response.headers.get("location")
        if 300 <= response.status_code < 400:
            place = goes_on_at(str(request.url), request.method, response.status_code, location)
            if place is None:
                raise redirected(self._endpoint.base_url, location)
            # The extensions go along from request to request.
            followed = request.extensions["followed"] = request.extensions.get("followed", 0) + 1
            if followed > MOST_REDIRECTS:
                raise circling(self._endpoint.base_url)
            # What is followed is what was judged, however the library would read it.
            response.headers["location"] = place


async def _answer(call: Awaitable[T], *broken: type[OSError]) -> T | RawResponse | NotApplied | Ambiguous:
    """Await the official client: what it returns, the answer with an error's status, or how the connection failed."""
    import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import
    import openai  # noqa: PLC0415 - costs more than a second

    failures: tuple[type[Exception], ...] = (openai.OpenAIError, httpx2.HTTPError, TooLargeError, ValueError, *broken)
    try:
        return await call
    except openai.APIStatusError as error:
        return _raw(error.response)
    except failures as error:
        return transport_failure(error)


def _raw(response: httpx2.Response) -> RawResponse:
    return RawResponse(response.status_code, response.headers, response.content)


async def until_idle(chunks: AsyncIterator[bytes], idle: float) -> AsyncIterator[bytes]:
    """Yield the chunks; raise StreamBroken when they break off, or when no whole line comes for `idle` seconds.

    Bytes alone are no sign of life, unless there are many: what trickles gives one again and again.
    """
    loop = asyncio.get_running_loop()
    left, unfinished = idle, 0
    while True:
        began = loop.time()
        try:
            with waiting("the next event of a stream", moves=left == idle):
                async with asyncio.timeout(left):
                    chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise StreamBroken(f"nothing arrived for {idle:g} s", silent=True) from None
        except TooLargeError:
            raise StreamBroken(too_large()) from None
        except Exception as error:  # whatever the transport raises, the stream has broken off
            raise StreamBroken(f"the connection broke ({type(error).__name__})") from error
        unfinished += len(chunk)
        # What the reader does between two pieces is not the host's time.
        left -= loop.time() - began
        if b"\n" in chunk or unfinished >= _MUCH:
            left, unfinished = idle, 0
        yield chunk
