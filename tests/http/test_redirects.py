"""A redirect is followed at the same origin alone: keys and messages go to no host that the user did not name."""

from __future__ import annotations

import asyncio
import io
import re
import socketserver
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.credentials import KeyHeader
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.origins import goes_on_at, origin_of, redirected
from migrate_cli.http.outcomes import Applied
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.sdk import MultipartForm
from yarl import URL

KEY = "sk-canary-0123456789"
SIGNED = "/elsewhere/v1?sig=canary-signature-0123456789"
SECRET = "canary-signature"
EVENT = b'data: {"type": "response.completed"}\n\n'


class Server:
    """Answers every request by its path, and keeps the head and body of each."""

    def __init__(self) -> None:
        self.answer: Callable[[str], bytes] = lambda _: b""
        self.requests: list[bytes] = []
        self.origin = ""

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Listen on a free port."""

        def handle(handler: socketserver.StreamRequestHandler) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n") and (line := handler.rfile.readline()):
                head += line
            length = re.search(rb"(?i)content-length: (\d+)", head)
            self.requests.append(head + handler.rfile.read(int(length[1]) if length else 0))
            handler.wfile.write(self.answer(head.split(b" ")[1].decode()))

        kind = type("Handler", (socketserver.StreamRequestHandler,), {"handle": handle})
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            self.origin = f"http://127.0.0.1:{server.server_address[1]}"
            yield self
            server.shutdown()


def answer(status: int, body: bytes = b"", /, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Call = Callable[[ApiClient, Path], Awaitable[object]]


async def _read(client: ApiClient, _: Path) -> object:
    return await client.read("/conversations/conv_1/items", {"limit": 5})


async def _write(client: ApiClient, _: Path) -> object:
    return await client.write("POST", "/conversations", b'{"items": ["HISTORY"]}')


async def _delete(client: ApiClient, _: Path) -> object:
    return await client.write("DELETE", "/conversations/conv_1")


async def _upload(client: ApiClient, _: Path) -> object:
    form = MultipartForm({"purpose": "user_data"}, io.BytesIO(b"FILE BYTES"), "a.txt", bytes=10)
    return await client.write("POST", "/files", form)


async def _transcribe(client: ApiClient, _: Path) -> object:
    form = MultipartForm({"model": "m"}, io.BytesIO(b"FILE BYTES"), "a.mp3", "audio/mpeg", bytes=10)
    return await client.write("POST", "/audio/transcriptions", form)


async def _download(client: ApiClient, folder: Path) -> object:
    return await client.download("file-1", folder / "got")


async def _stream(client: ApiClient, _: Path) -> object:
    return [event async for event in client.stream("/responses", b'{"input": "HISTORY"}', idle=5.0)]


CALLS: dict[str, Call] = {
    "read": _read,
    "write": _write,
    "delete": _delete,
    "upload": _upload,
    "transcribe": _transcribe,
    "download": _download,
    "stream": _stream,
}
READS = ("read", "download")


def outcome(
    call: Call, folder: Path, first: Callable[[Server, Server], Callable[[str], bytes]]
) -> tuple[object, Server, Server]:
    """What a call returns or raises, the server that was named, and another one."""

    async def run(url: str) -> object:
        endpoint = Endpoint(url, "", timeout=5.0, headers={"X-Secret": KEY}, credentials=KeyHeader(KEY))
        async with ApiClient(endpoint, RateLimiter(most_in_flight=1)) as client:
            try:
                return await call(client, folder)
            except UsageError as error:
                return error

    with Server().running() as named, Server().running() as other:
        other.answer = lambda _: answer(200, b'{"id": "believed"}', Content_Type="application/json")
        named.answer = first(named, other)
        return asyncio.run(run(f"{named.origin}/v1")), named, other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", CALLS)
def test_nothing_goes_to_another_host_and_one_sentence_names_both(name: str, status: int, tmp_path: Path) -> None:
    said, named, other = outcome(
        CALLS[name], tmp_path, lambda _, other: lambda _path: answer(status, Location=other.origin + SIGNED)
    )
    assert other.requests == []
    assert isinstance(said, UsageError), said
    assert said.code == "redirected"
    assert named.origin in str(said)
    assert other.origin in str(said)
    assert SECRET not in str(said)
    assert "elsewhere" not in str(said)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", CALLS)
def test_a_redirect_at_the_same_origin_is_followed_where_the_request_stays_the_same(
    name: str, status: int, tmp_path: Path
) -> None:
    def first(_named: Server, _other: Server) -> Callable[[str], bytes]:
        def there(path: str) -> bytes:
            if not path.startswith("/v2/"):
                return answer(status, Location="/v2/moved?page=1")
            body, kind = (EVENT, "text/event-stream") if name == "stream" else (b'{"id": "x"}', "application/json")
            return answer(200, body, Content_Type=kind)

        return there

    said, named, _ = outcome(CALLS[name], tmp_path, first)
    if name not in READS and status not in (307, 308):
        assert isinstance(said, UsageError)
        assert len(named.requests) == 1
        return
    assert said == [{"type": "response.completed"}] or isinstance(said, Applied), said
    before, after = named.requests
    assert after.split(b" ")[:2] == [before.split(b" ")[0], b"/v2/moved?page=1"]
    assert before.split(b"\r\n\r\n")[1:] == after.split(b"\r\n\r\n")[1:]
    assert KEY.encode() in after


@pytest.mark.parametrize("name", CALLS)
def test_redirects_in_a_circle_end(name: str, tmp_path: Path) -> None:
    said, named, _ = outcome(CALLS[name], tmp_path, lambda _n, _o: lambda _path: answer(307, Location="/v1/again"))
    assert isinstance(said, UsageError), said
    assert "circle" in str(said)
    assert len(named.requests) < 10


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("place", [None, "", "http://[", "mailto:a@b", "file:///etc/passwd"])
def test_a_redirect_without_a_usable_address_is_one_sentence(name: str, place: str | None, tmp_path: Path) -> None:
    headers = {} if place is None else {"Location": place}
    said, named, _ = outcome(CALLS[name], tmp_path, lambda _n, _o: lambda _path: answer(302, b"", **headers))
    assert isinstance(said, UsageError), said
    assert said.code == "redirected"
    assert len(named.requests) == 1


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/b", "https://a.example/b"),
        ("b?x=1", "https://a.example/v1/b?x=1"),
        ("https://A.EXAMPLE:443/b", "https://a.example/b"),
        ("http://a.example/b", None),
        ("https://a.example:8443/b", None),
        ("//b.example/v1", None),
        ("https://a.example@b.example/v1", None),
        ("https://a.example.b.example/v1", None),
        ("\\\\b.example/v1", "https://a.example/v1/\\\\b.example/v1"),
        ("https://b.example", None),
    ],
)
def test_the_same_origin_is_scheme_host_and_port(location: str, place: str | None) -> None:
    assert goes_on_at("https://a.example/v1/x", "GET", 302, location) == place


@given(st.text(max_size=60))
def test_whatever_the_address_says_the_request_stays_at_its_host(location: str) -> None:
    place = goes_on_at("https://a.example/v1/x", "GET", 307, location)
    assert place is None or URL(place, encoded=True).host == "a.example"
    assert origin_of("https://a.example/v1") in str(redirected("https://a.example/v1", location))
