"""The raw path: it sends the official client's headers, once, and says what is known when no answer comes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp.client_reqrep import ConnectionKey
from migrate_cli.errors import Unanswered, UsageError
from migrate_cli.http import outage, transport
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint, headers_of
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, Refused, Reply
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.retry import ATTEMPTS
from migrate_cli.http.transport import proxy_for, transport_failure

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
KEY = "sk-test-000000000000"


def asked(answer: bytes, *, method: str = "POST", **endpoint: Any) -> tuple[Reply, list[str]]:
    """What the client makes of an answer, and the requests that arrived, headers and all."""
    seen: list[str] = []
    query: Mapping[str, Any] = {"include": ["a.b", "c"], "limit": 5, "after": None}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def ask() -> Reply:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with (
            server,
            ApiClient(Endpoint(url, KEY, timeout=2.0, **endpoint), RateLimiter(most_in_flight=1)) as client,
        ):
            return await client.write(method, "/conversations", b"{}" if method == "POST" else None, query)

    return asyncio.run(ask()), seen


def test_a_request_carries_what_the_official_client_would_send() -> None:
    reply, (request,) = asked(OK, organization="org-1", project="proj_1", headers={"X-Team": "blue"})
    assert isinstance(reply, Applied)
    lines = request.split("\r\n")
    assert lines[0] == "POST /v1/conversations?include%5B%5D=a.b&include%5B%5D=c&limit=5 HTTP/1.1"
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["content-type"] == "application/json"
    assert (sent["openai-organization"], sent["openai-project"], sent["x-team"]) == ("org-1", "proj_1", "blue")
    assert sent["user-agent"].startswith("migrate-cli/")


@pytest.mark.parametrize("organization", [None, "org-1"])
@pytest.mark.parametrize("project", [None, "proj_1"])
@pytest.mark.parametrize("headers", [{}, {"X-Team": "blue"}])
def test_the_headers_are_those_of_the_official_client(
    organization: str | None, project: str | None, headers: dict[str, str]
) -> None:
    endpoint = Endpoint("http://127.0.0.1/v1", KEY, organization, project, headers=headers)
    client = openai.AsyncOpenAI(
        api_key=KEY, organization=organization, project=project, default_headers={**headers, "User-Agent": "any"}
    )
    told = {**client.default_headers, **client.auth_headers}
    meant = {name: told[name] for name in told if isinstance(told[name], str) and not name.startswith("X-Stainless")}
    assert {**headers_of(endpoint), "User-Agent": "any"} == meant


def test_no_raw_request_waits_for_the_official_client() -> None:
    script = f"""
import asyncio, sys
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http import outage
from migrate_cli.http import transport
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
async def ask():
    async with ApiClient(Endpoint("http://127.0.0.1:9/v1", "{KEY}"), RateLimiter(most_in_flight=1)) as client:
        await client.write("POST", "/conversations", b"{{}}")
asyncio.run(ask())
assert "openai" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"nonsense\r\n\r\n"])
def test_an_answer_that_breaks_off_leaves_it_open_what_was_done(answer: bytes) -> None:
    reply, requests = asked(answer)
    assert isinstance(reply, Ambiguous)
    assert len(requests) == 1


@pytest.mark.parametrize("longest", [transport.LONGEST_ANSWER, 0.1], ids=["silence", "the whole"])
def test_a_host_that_takes_too_long_is_told_in_words(longest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_ANSWER", longest)
    over = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async def ask() -> transport.RawResponse | NotApplied | Ambiguous:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        line = transport.HttpTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", {}, 0.2, None)
        try:
            async with server:
                reply = await line.exchange("GET", "/threads", {})
                over.set()
                return reply
        finally:
            await line.close()

    assert asyncio.run(ask()) == Ambiguous("no answer in time")


TIMEOUT = 0.2


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def exchanged(
    serve: Serve, method: str, content: bytes | None = None
) -> transport.RawResponse | NotApplied | Ambiguous:
    """What comes of one request to a server that does this with its connection."""
    over = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            over.set()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    line = transport.HttpTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", {}, TIMEOUT, None)
    async with server:
        try:
            return await line.exchange(method, "/threads", {}, content)
        finally:
            await line.close()
            await over.wait()


LARGE = b"x" * 16_000_000
"""More than the buffers on the way hold."""


def test_a_body_may_take_longer_than_the_timeout_to_be_sent_while_bytes_move() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(TIMEOUT / 4)
            await reader.readexactly(len(LARGE) // 10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    answer = asyncio.run(exchanged(serve, "POST", LARGE))
    assert isinstance(answer, transport.RawResponse)
    assert answer.content == b"{}"


@pytest.mark.parametrize("size", [len(LARGE), 1000])
def test_a_host_that_takes_no_more_bytes_is_silent(size: int) -> None:
    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(4 * TIMEOUT)

    reply = asyncio.run(asyncio.wait_for(exchanged(serve, "POST", b"x" * size), 30))
    assert reply == Ambiguous("no answer in time")


def test_a_host_that_takes_bytes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_ANSWER", 2)
    monkeypatch.setattr(transport, "SLOWEST", 1e12)

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        taken = 0
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                taken += len(piece)
                await asyncio.sleep(TIMEOUT / 10)
        assert 0 < taken < len(LARGE)

    reply = asyncio.run(asyncio.wait_for(exchanged(serve, "POST", LARGE), 60))
    assert reply == Ambiguous("no answer in time")


@pytest.mark.parametrize("size", [2, 100_000])
def test_a_body_that_was_sent_and_gets_no_answer_is_in_doubt(size: int) -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert asyncio.run(exchanged(serve, "POST", b"x" * size)) == Ambiguous("no answer in time")


def test_an_answer_in_many_parts_may_take_longer_than_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(TIMEOUT / 3)
            writer.write(b"x")
            await writer.drain()

    answer = asyncio.run(exchanged(serve, "GET"))
    assert isinstance(answer, transport.RawResponse)
    assert answer.content == b"xxxxxx"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_trickles_on_for_ever_is_given_up(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_ANSWER", 2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(b" ")
            await asyncio.wait([gone], timeout=TIMEOUT / 5)

    content = b"{}" if method == "POST" else None
    reply = asyncio.run(asyncio.wait_for(exchanged(serve, method, content), 30))
    assert reply == Ambiguous("no answer in time")


def test_a_host_that_takes_no_connections_was_not_asked() -> None:
    async def ask() -> Reply:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        server.close()
        await server.wait_closed()
        async with ApiClient(Endpoint(url, KEY), RateLimiter(most_in_flight=1)) as client:
            return await client.write("POST", "/conversations", b"{}")

    assert isinstance(asyncio.run(ask()), NotApplied)


def test_a_connection_that_was_not_made_in_time_was_not_used() -> None:
    assert transport_failure(aiohttp.ConnectionTimeoutError("too late")) == NotApplied(
        NotAppliedKind.UNREACHABLE, "could not connect"
    )
    assert transport_failure(aiohttp.ServerTimeoutError("too late")) == Ambiguous("no answer in time")


def test_a_certificate_that_is_not_accepted_is_told_with_the_way_to_name_it() -> None:
    key = ConnectionKey("host.example", 443, True, True, None, None, None)
    fault = ssl.SSLCertVerificationError("certificate verify failed")
    with pytest.raises(UsageError, match=r"the TLS certificate of host\.example is not accepted .* SSL_CERT_FILE"):
        transport_failure(aiohttp.ClientConnectorCertificateError(key, fault))


def test_a_host_without_tls_is_not_taken_for_one_with_a_wrong_certificate() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def ask() -> Reply:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, ApiClient(Endpoint(url, KEY, timeout=2.0), RateLimiter(most_in_flight=1)) as client:
            return await client.write("POST", "/conversations", b"{}")

    with pytest.raises(UsageError, match="speaks no TLS at port"):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"http_proxy": "http://proxy.example:3128"}, None),
        ({"all_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": "api.openai.com"}, None),
    ],
)
def test_the_environment_names_the_proxy(
    environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for("https://api.openai.com/v1") == proxy


class _Clock:
    """Seconds that pass only by waiting, and by requests that wait for an answer in vain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("migrate_cli.http.outage.time.monotonic", lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class _Host:
    """In place of the wire: answers nobody, but for the paths given."""

    def __init__(self, clock: _Clock, answered: frozenset[str] = frozenset()) -> None:
        self.asked = 0
        self._clock, self._answered = clock, answered

    async def exchange(self, _method: str, path: str, *_: object) -> transport.RawResponse | Ambiguous:
        self.asked += 1
        if path in self._answered:
            return transport.RawResponse(200, {}, b"{}")
        self._clock.now += 3.0
        await asyncio.sleep(0)
        return Ambiguous("no answer in time", silent=True)

    async def close(self) -> None:
        return


def tries_until_unanswered(host: _Host, clock: _Clock, paths: list[str]) -> list[Unanswered | Applied | Refused]:
    async def ask() -> list[Unanswered | Applied | Refused]:
        limiter = RateLimiter(most_in_flight=1, breaker=False, now=lambda: clock.now, sleep=clock.sleep)
        async with ApiClient(
            Endpoint("http://host.example/v1", KEY, timeout=3.0), limiter, sleep=clock.sleep
        ) as client:
            client._http = host  # type: ignore[assignment]  # it has what is called
            replies = await asyncio.gather(*map(client.read, paths), return_exceptions=True)
        assert all(isinstance(one, Unanswered | Applied | Refused) for one in replies)
        return replies  # type: ignore[return-value]  # see above

    return asyncio.run(ask())


def test_a_host_that_answers_nobody_is_not_asked_the_full_number_of_times_by_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = _Clock(monkeypatch)
    host = _Host(clock)
    replies = tries_until_unanswered(host, clock, [f"/{number}" for number in range(40)])
    assert all(isinstance(one, Unanswered) and one.by_all for one in replies)
    assert clock.now >= outage.SILENT * 3.0
    assert host.asked < 2 * len(replies)


def test_a_path_that_is_never_answered_is_asked_to_the_end_where_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    host = _Host(clock, answered=frozenset({"/well"}))
    replies = tries_until_unanswered(host, clock, ["/sick", *["/well"] * 200])
    [sick] = [one for one in replies if isinstance(one, Unanswered)]
    assert not sick.by_all
    assert sick.tries == ATTEMPTS
