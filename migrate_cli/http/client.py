"""Calls one host: paced, counted, and told afterwards what is known of each request (`outcomes.py`).

Writes are sent exactly once; only reads are repeated here. Forms, downloads and streams go through the official client
(`sdk.py`). Everything else is raw bytes under the same headers (`transport.py`): the client's calls would cost most of
the time of a run, and its import alone a second. It must not know what a request is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from migrate_cli.errors import AnswerOutOfBounds, MigrateError, Unanswered
from migrate_cli.http.attempt import Send, attempt
from migrate_cli.http.endpoint import Endpoint, headers_below, headers_of
from migrate_cli.http.line_speed import FIRST
from migrate_cli.http.outage import Outage
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, OutOfBounds, Refused, Reply
from migrate_cli.http.rate_limiter import RateLimiter, Signal, signal_of
from migrate_cli.http.request_log import Send as Sent
from migrate_cli.http.request_log import log_doubt, logged
from migrate_cli.http.retry import ATTEMPTS, jittered, until_clear
from migrate_cli.http.sdk import MultipartForm, OfficialClient, until_idle
from migrate_cli.http.sse import EventParser, StreamRefused
from migrate_cli.http.transport import LISTS, HttpTransport
from migrate_cli.model import JsonObject
from migrate_cli.secrets import register_secret

T = TypeVar("T")

LONGEST_READ = 8
"""How many timeouts after its first attempt a read may be repeated: slow answers take more than one each."""
_ANYTHING = "/models"
"""What every host has or refuses, and can be asked for when nothing was answered yet."""
LONGEST_WAIT_ALONE = 1.0
"""The longest wait before a read is repeated while the host answers others: waiting cures a host, not an object."""


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


class Once(Protocol):
    """One attempt at a read."""

    def __call__(self, *, alone: bool) -> Awaitable[Reply]:
        """Send it; `alone` says that it failed before, while the host answered others."""


class ApiClient:
    """One host. Use as an async context manager."""

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
        self._proving = asyncio.Lock()
        self._answered: tuple[str, Mapping[str, Any]] = (_ANYTHING, {})
        """A read that had a clear answer, to ask again where nothing else is answered."""
        self._sdk = OfficialClient(endpoint)
        self._http: HttpTransport | None = None

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
        await self._sdk.close()

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
        """Send one POST or DELETE, once. Raises AuthError on a bad key, TemporaryError on a spent quota.

        Raises Unanswered, and sends nothing, where the host was just found silent.
        """
        self._refuse_if_silent(path)
        self.traffic.writes += 1
        reply = await self._send(method, path, content, query or {})
        if isinstance(reply, Ambiguous):
            self.traffic.ambiguous += 1
            log_doubt(method, path, reply)
        return reply

    async def read(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        attempts: int = ATTEMPTS,
        longest: float | None = None,
    ) -> Applied | Refused:
        """GET with retries, at most `longest` seconds apart (None: as far as any).

        Raises Unanswered when there is no answer to any of them, AuthError on a bad key, TemporaryError on a spent
        quota.
        """

        self._refuse_if_silent(path)
        before = self._fine
        reply = await self._send("GET", path, None, query or {})
        if not isinstance(reply, NotApplied | Ambiguous):
            # What may take long to give proves nothing in a short time.
            if not (self.endpoint.slow_lists and path.endswith(LISTS)):
                self._answered = path, query or {}
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
                404, "no-such-file", "this id cannot be used as a file name"
            )  # the client takes none of dots alone

        async def once(*, alone: bool) -> Reply:
            async with self.limiter.slot() as began:
                self.traffic.sent += 1
                save = self._logged(partial(self._sdk.save, file_id, path), "GET", f"/files/{file_id}/content", {})
                reply = await attempt(self.endpoint, self.limiter, save)
                await self._learn(reply, began, f"/files/{file_id}", alone=alone)
            return reply

        before = self._fine
        reply = await once(alone=False)
        return await self._clear(once, reply, f"/files/{file_id}/content", ATTEMPTS, None, before)

    async def _clear(
        self, once: Once, reply: Reply, path: str, attempts: int, longest: float | None, before: int
    ) -> Applied | Refused:
        """Make of a first reply one that tells something, with further attempts where it must be."""
        made = 1
        if _tells_nothing(reply) and attempts > 1 and self._outage.seconds is None:
            reply, made = await self._again(once, reply, attempts, longest, before)
        if isinstance(reply, OutOfBounds):
            raise AnswerOutOfBounds(self.endpoint.base_url, path, reply.reason)
        if isinstance(reply, NotApplied | Ambiguous):
            raise Unanswered(self.endpoint.base_url, made, reply.reason, path=path, silence=self._outage.seconds)
        return reply

    def _refuse_if_silent(self, path: str) -> None:
        """Raise Unanswered where the host was found silent a moment ago."""
        if self._outage.certain:
            raise Unanswered(self.endpoint.base_url, 0, "no answer in time", path=path, silence=self._outage.seconds)

    async def _again(
        self, once: Once, first: Reply, attempts: int, longest: float | None, before: int
    ) -> tuple[Reply, int]:
        """Go on after a first attempt that told nothing; returns the last reply, and how many there were.

        `before` is how many clear answers there were when that attempt began.
        """
        made = [first]
        began, spoke = time.monotonic(), self._outage.spoke

        def alone() -> bool:
            return (self.limiter.host_is_well and self._fine > before) or self._outage.spoke > spoke

        def for_nothing() -> bool:
            """Whether the host is down, or this has taken as long as all attempts together may take."""
            lasted = time.monotonic() - began
            return self._outage.seconds is not None or lasted >= LONGEST_READ * self.endpoint.timeout

        async def repeat() -> Reply:
            nonlocal before
            if made:
                return made.pop()
            self.traffic.retried += 1
            failed_alone, before = alone(), self._fine
            return await once(alone=failed_alone)

        def wait(attempt: int, reply: Reply) -> float:
            most = inf if longest is None else longest
            # Waiting cures a host, not an object of it.
            return jittered(attempt, min(most, LONGEST_WAIT_ALONE if isinstance(reply, Ambiguous) and alone() else inf))

        return await until_clear(
            repeat,
            again=_tells_nothing,
            wait=wait,
            sleep=self._sleep,
            attempts=attempts,
            give_up=for_nothing,
        )

    async def stream(
        self, path: str, content: bytes, *, idle: float, on_sent: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[JsonObject]:
        """POST, once, and yield the server-sent events of the answer as JSON objects, as they come.

        `idle` is how many seconds may pass without a byte; `on_sent` is called when the pace lets the request go.
        Raises StreamRefused when no stream began, StreamBroken when it broke or stalled, AuthError on a bad key,
        TemporaryError on a spent quota. A stream that merely ends too early raises nothing: only its reader knows
        which event is the last.
        """
        self._refuse_if_silent(path)
        self.traffic.writes += 1
        self._sdk.prepare()
        async with self.limiter.slot() as began:
            self.traffic.sent += 1
            on_sent()
            open_ = self._logged(partial(self._sdk.open_stream, path, content, idle), "POST", path, {})
            opened = await attempt(self.endpoint, self.limiter, open_)
            # Of a stream that begins, the answer proves that the host is well.
            await self._learn(opened if isinstance(opened, Reply) else Applied({}), began, path)
        if isinstance(opened, Reply):
            failed = Ambiguous("no stream") if isinstance(opened, Applied) else opened
            if isinstance(failed, Ambiguous):
                self.traffic.ambiguous += 1
                log_doubt("POST", path, failed)
            raise StreamRefused(failed)
        parser = EventParser()
        try:
            async for chunk in until_idle(opened.aiter_bytes(), idle):
                for event in parser.feed(chunk):
                    yield event
        finally:
            with contextlib.suppress(Exception):  # a connection that broke cannot be closed in good order
                await opened.aclose()

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
        # Most turns can be taken at once; asking first saves a coroutine for each request.
        began = limiter.at_once()
        if began is None:
            began = await limiter.take()
        try:
            self.traffic.sent += 1
            reply = await attempt(self.endpoint, limiter, self._way(method, path, content, query))
            await self._learn(reply, began, path, alone=alone)
        finally:
            limiter.release()
        return reply

    async def _prove(self) -> None:
        """Ask for something that the host has answered before, to tell a silent host from an object that is slow."""
        async with self._proving:
            if not self._outage.wants_proof:
                return
            path, query = self._answered
            try:
                async with asyncio.timeout(self.endpoint.timeout):
                    reply: Reply = await attempt(self.endpoint, self.limiter, self._way("GET", path, None, query))
            except TimeoutError:
                reply = Ambiguous("no answer in time", silent=True)
            except MigrateError:  # a key that is refused, say: the host speaks
                reply = Refused(400, "", "")
            unreachable = isinstance(reply, NotApplied) and reply.kind is not NotAppliedKind.THROTTLED
            self._outage.proven(silent=unreachable or (isinstance(reply, Ambiguous) and reply.silent))

    def _way(self, method: str, path: str, content: bytes | MultipartForm | None, query: Mapping[str, Any]) -> Send:
        """How a request is sent: as raw bytes, or as a form by the official client."""
        if isinstance(content, MultipartForm):
            return self._logged(partial(self._sdk.upload, path, content), method, path, query)
        http = self._http or self._open_http()
        asked = {**self.endpoint.query, **query} if self.endpoint.query else query
        exchange = partial(http.exchange, method, path, asked, content)
        more = headers_below(path)
        if more is not None:
            return self._logged(lambda own: exchange({**more, **(own or {})}), method, path, asked)
        return self._logged(exchange, method, path, asked)

    def _logged(self, send: Sent[T], method: str, path: str, query: Mapping[str, Any]) -> Sent[T]:
        return logged(send, method, self.endpoint.base_url + path, query)

    async def _learn(self, reply: Reply, began: float, path: str, *, alone: bool = False) -> None:
        """Take note of an outcome; where nobody has had an answer for long, find out whether the host answers at all.

        What fails again while the host answers others says nothing new about the host.
        """
        signal = signal_of(reply)
        if signal is Signal.FINE:
            self._fine += 1
            self._outage.over()
        elif isinstance(reply, NotApplied | Ambiguous) and signal in (Signal.TROUBLE, Signal.UNREACHABLE):
            self._outage.failed(path, began, silent=reply.silent)
        else:
            self._outage.over()
        if not (alone and signal is Signal.TROUBLE):
            self.traffic.throttled += signal is Signal.THROTTLED
            self.limiter.report(signal, began=began, wait=reply.wait if isinstance(reply, NotApplied) else None)
        if self._outage.wants_proof:
            await self._prove()

    def _open_http(self) -> HttpTransport:
        self._http = HttpTransport(
            self.endpoint.base_url,
            headers_of(self.endpoint),
            self.endpoint.timeout,
            self._sdk.trusted(),
            slow_lists=self.endpoint.slow_lists,
        )
        return self._http


def _tells_nothing(reply: Reply) -> bool:
    """Whether a read is worth repeating: another answer may come."""
    return isinstance(reply, NotApplied | Ambiguous) and not isinstance(reply, OutOfBounds)
