"""What comes from outside is taken up to a bound: how deep JSON may be, and how large an answer, in every call."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli import bounds
from migrate_cli.bounds import Bounds, TooDeepError, is_too_deep, loads, set_bounds
from migrate_cli.errors import AnswerOutOfBounds, SettingsError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Ambiguous, Applied, OutOfBounds
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.sdk import MultipartForm
from migrate_cli.http.sse import UNREADABLE, EventParser, StreamBroken, StreamRefused
from migrate_cli.settings.model import load_settings
from migrate_cli.target.conversations import ConversationsTarget

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def small_bounds() -> Iterator[None]:
    """Answers of a megabyte at most, and JSON of twenty levels."""
    before = bounds.bounds()
    set_bounds(Bounds(json_depth=20, answer_bytes=MEGABYTE))
    yield
    set_bounds(before)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("text", [nested(20), '{"a":' * 20 + "1" + "}" * 20, "[" + "[]," * 500 + "1]"])
def test_json_as_deep_as_allowed_is_read_however_many_brackets_it_has(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", [nested(21), '{"a":' * 21 + "1" + "}" * 21, nested(100_000)])
def test_deeper_json_is_refused_with_the_setting_that_raises_the_bound(text: str) -> None:
    for data in (text, text.encode()):
        with pytest.raises(TooDeepError, match=r"more than 20 levels deep; limits\.json_depth"):
            loads(data)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=8
    ),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_json_is_read_as_by_the_parser_of_python(value: Any, plain: bool, encoding: str) -> None:
    text = json.dumps({"key": value, "one more": [value]}, ensure_ascii=plain)
    data = text.encode(encoding, "surrogatepass")
    assert repr(loads(text)) == repr(loads(data)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["", "{", "[1,]", "01", '"\x01"', "[1] 2", "\ufeff1", "9" * 5000])
def test_what_is_no_json_is_refused_as_by_the_parser_of_python(text: str) -> None:
    with pytest.raises(ValueError) as expected:
        json.loads(text)
    with pytest.raises(type(expected.value)) as refused:
        loads(text)
    assert str(refused.value) == str(expected.value)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 3))
def test_depth_is_that_of_the_deepest_branch(depth: int, place: int) -> None:
    value: Any = 1
    for level in range(depth):
        value = [1, value, "a"] if level % 2 else {"a": 1, "b": value}
    assert is_too_deep([*[0] * place, value]) == (depth + 1 > 20)


def test_the_deepest_json_that_a_setting_allows_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_LIMITS__JSON_DEPTH", "1000")
    load_settings()
    text = nested(1000)
    assert json.dumps(loads(text)) == text
    with pytest.raises(TooDeepError):
        loads(nested(1001))


def test_a_depth_that_no_stack_bears_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_LIMITS__JSON_DEPTH", "1001")
    with pytest.raises(SettingsError, match=r"limits.json_depth must be at most 1000"):
        load_settings()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
BIG = b'{"id": "' + b"a" * 3 * MEGABYTE + b'"}'


def packed(body: bytes, head: bytes = HEAD) -> bytes:
    small = gzip.compress(body)
    return head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(small) + small


def plain(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answered(answer: Callable[[str], bytes], ask: Callable[[ApiClient], Awaitable[Any]]) -> tuple[Any, list[str]]:
    """What `ask` makes of a server's answers, by the request's target; and those targets."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        writer.write(answer(seen[-1]))
        try:
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def main() -> Any:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, ApiClient(Endpoint(url, "sk-test", timeout=5.0), RateLimiter(most_in_flight=1)) as client:
            return await ask(client)

    return asyncio.run(main()), seen


@pytest.mark.parametrize("big", [packed(BIG), plain(BIG)], ids=["packed", "plain"])
def test_a_write_whose_answer_is_too_large_is_as_unclear_as_any(big: bytes) -> None:
    reply, seen = answered(lambda _: big, lambda client: client.write("POST", "/conversations", b"{}"))
    assert isinstance(reply, Ambiguous)
    assert "more than 1,048,576 bytes; limits.answer_bytes" in reply.reason
    assert len(seen) == 1


def test_a_read_whose_answer_is_too_large_is_not_repeated() -> None:
    async def ask(client: ApiClient) -> Any:
        with pytest.raises(AnswerOutOfBounds, match=r"/v1/x: the answer has more than 1,048,576 bytes"):
            await client.read("/x")

    assert len(answered(lambda _: packed(BIG), ask)[1]) == 1


def test_an_answer_that_is_nested_too_deeply_is_unclear_for_a_write_and_not_repeated_for_a_read() -> None:
    async def ask(client: ApiClient) -> Any:
        with pytest.raises(AnswerOutOfBounds, match=r"nested more than 20 levels deep; limits.json_depth"):
            await client.read("/x")
        return await client.write("POST", "/x", b"{}")

    reply, seen = answered(lambda _: plain(b'{"a":' + nested(100_000).encode() + b"}"), ask)
    assert isinstance(reply, OutOfBounds)
    assert len(seen) == 2


@pytest.mark.parametrize("status", [b"400 Bad Request", b"500 Oh no"])
def test_the_body_of_an_error_is_bounded_too(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n"
    form = MultipartForm({"purpose": "user_data"}, io.BytesIO(b"abc"), "a.txt", bytes=3)

    async def ask(client: ApiClient) -> Any:
        return [await client.write("POST", "/x", content) for content in (b"{}", form)]

    replies, _ = answered(lambda _: packed(BIG, head), ask)
    assert [type(reply) for reply in replies] == [OutOfBounds, OutOfBounds]


def test_a_stream_that_grows_without_end_is_broken_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    events = b'data: {"type": "a"}\n\n' * 3 + b"data: " + BIG

    async def ask(client: ApiClient) -> Any:
        found = []
        with pytest.raises(StreamBroken, match=r"limits.answer_bytes"):
            async for event in client.stream("/responses", b"{}", idle=5.0):
                found.append(event)
        return found

    for answer in (packed(events, head), plain(events, head)):
        assert answered(lambda _, answer=answer: answer, ask)[0] == [{"type": "a"}] * 3  # type: ignore[misc]


def test_packed_streams_and_files_are_unpacked_whole_and_told_where_they_are_cut_off(tmp_path: Path) -> None:
    whole = packed(b"some text " * 1000)

    async def ask(client: ApiClient) -> Any:
        return await client.download("file-1", tmp_path / "file")

    answers = iter([whole[:-8], whole])
    reply, seen = answered(lambda _: next(answers), ask)
    assert isinstance(reply, Applied)
    assert (tmp_path / "file").read_bytes() == b"some text " * 1000
    assert len(seen) == 2


def test_a_download_that_unpacks_beyond_the_largest_file_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.http.bounded_body._LARGEST_FILE", 2 * MEGABYTE)

    async def ask(client: ApiClient) -> Any:
        with pytest.raises(AnswerOutOfBounds, match=r"/files/file-1/content: the answer has more than"):
            await client.download("file-1", tmp_path / "file")

    answered(lambda _: packed(BIG), ask)
    assert (tmp_path / "file").stat().st_size <= 2 * MEGABYTE


def test_a_page_that_is_too_large_is_read_in_smaller_ones() -> None:
    items = [{"id": f"msg_{number}", "text": "a" * 40_000} for number in range(100)]

    def answer(path: str) -> bytes:
        limit = int(path.split("limit=")[1].split("&", maxsplit=1)[0])
        return plain(json.dumps({"data": items[:limit], "has_more": False}).encode())

    async def ask(client: ApiClient) -> Any:
        return await ConversationsTarget(client).list_items("conv_1", after=None, images=False)

    page, seen = answered(answer, ask)
    assert [item["id"] for item in page.items] == [f"msg_{number}" for number in range(10)]
    assert page.has_more
    assert len(seen) == 2


def test_a_stream_that_is_refused_with_a_body_that_is_too_large_is_refused() -> None:
    async def ask(client: ApiClient) -> Any:
        with pytest.raises(StreamRefused) as caught:
            async for _ in client.stream("/responses", b"{}", idle=5.0):
                pass
        return caught.value.reply

    head = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
    assert isinstance(answered(lambda _: packed(BIG, head), ask)[0], OutOfBounds)


def test_an_event_that_is_nested_too_deeply_comes_as_unreadable() -> None:
    data = b'data: {"a":' + nested(100_000).encode() + b"}\n\n"
    assert list(EventParser().feed(data)) == [{"type": UNREADABLE}]
