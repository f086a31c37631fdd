"""Ids from a server stay one segment of a path, whatever is in them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.doctor.probe import TargetProbe
from migrate_cli.files.host import FileHost
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint, segment
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.sources.api.downloads import HostFiles
from migrate_cli.sources.api.host import Host
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.presets import PRESETS
from migrate_cli.sources.api.reader import ThreadReader
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.verify.files import FileCheck
from migrate_cli.verify.outcome import Verdict
from yarl import URL

HOSTILE = [
    "conv_../../files",
    "..",
    ".",
    "a/b",
    "a?x=1",
    "a#b",
    "a%2Fb",
    "a\\b",
    "a b",
    "a\r\nX: y",
    "ü",
    "a;b",
    "//evil/x",
]


@given(st.text(min_size=1))
def test_any_id_is_one_segment_that_reads_back_as_itself(identifier: str) -> None:
    quoted = segment(identifier)
    assert not set(quoted) & set("/?#\\ \r\n")
    assert quoted.strip(".")
    assert unquote(quoted, errors="surrogatepass") == identifier
    assert URL(f"http://h/v1/conversations/{quoted}/items", encoded=True).raw_path.count("/") == 4


class Client:
    """Answers everything alike, and keeps the paths that were asked for."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.endpoint = Endpoint("http://h/v1", "k")
        self.paths: list[str] = []
        self._body = body

    async def read(self, path: str, query: Mapping[str, Any] | None = None, **_: Any) -> Applied | Refused:
        self.paths.append(path)
        return Applied(self._body)

    async def write(self, method: str, path: str, *_: Any) -> Applied:
        self.paths.append(path)
        return Applied(self._body)

    async def __aexit__(self, *_: object) -> None:
        return None


Asks = Callable[[ApiClient, str], Awaitable[object]]


async def _scratch(client: ApiClient, identifier: str) -> object:
    probe = TargetProbe(client.endpoint, sleep=asyncio.sleep)
    probe._client = client
    await probe.append(identifier, [])
    await probe.listed(identifier)
    await probe.retrieve(identifier)
    return None


async def _check(client: ApiClient, identifier: str) -> object:
    part = {"type": "input_file", "file_id": identifier}
    await FileCheck(client, lambda _: None)([{"type": "message", "content": [part]}], Verdict())
    return None


ASKS: dict[str, Asks] = {
    "append": lambda client, one: ConversationsTarget(client).append_items(one, [], images=False),
    "list": lambda client, one: ConversationsTarget(client).list_items(one, after=None, images=False),
    "retrieve": lambda client, one: ConversationsTarget(client).retrieve_conversation(one),
    "delete item": lambda client, one: ConversationsTarget(client).delete_item(one, one),
    "delete": lambda client, one: ConversationsTarget(client).delete_conversation(one),
    "file": lambda client, one: FileHost(client).retrieve(one),
    "checked file": _check,
    "source's file": lambda client, one: HostFiles(Host(client, PRESETS["openai"])).facts(one),
    "source's thread": lambda client, one: ThreadReader(Host(client, PRESETS["openai"])).read(ThreadName(one)),
    "doctor": _scratch,
}


@pytest.mark.parametrize("identifier", HOSTILE)
@pytest.mark.parametrize("name", ASKS)
def test_every_path_that_is_made_of_an_id_has_it_as_one_segment(name: str, identifier: str) -> None:
    client = Client({"id": "x", "data": [{"id": identifier, "run_id": identifier, "role": "user"}], "has_more": False})
    asyncio.run(cast(Any, ASKS[name](cast(ApiClient, client), identifier)))
    assert client.paths
    for path in client.paths:
        for part in path.split("/")[1:]:
            plain = part in ("conversations", "items", "files", "threads", "messages", "runs", "steps")
            assert plain or part == segment(identifier), path


@pytest.mark.parametrize("identifier", ["..", ".", ""])
def test_a_file_whose_id_is_dots_alone_is_refused_and_nothing_is_asked(identifier: str, tmp_path: Path) -> None:
    async def ask() -> object:
        async with ApiClient(Endpoint("http://127.0.0.1:9/v1", "k"), RateLimiter(most_in_flight=1)) as client:
            return await client.download(identifier, tmp_path / "file")

    assert isinstance(asyncio.run(ask()), Refused)
