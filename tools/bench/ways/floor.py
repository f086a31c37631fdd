"""The floor: bare aiohttp sends the same requests with bytes prepared beforehand, and keeps nothing of the answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench import corpora
from bench.ways.arguments import Arguments, parse

_HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer bench"}


async def main(asked: Arguments) -> None:
    """Send the threads with as many workers as were asked for."""
    waiting = prepared(asked.ids)
    connector = aiohttp.TCPConnector(limit=asked.at_once)
    async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as session:
        await asyncio.gather(*(_work(session, asked, waiting) for _ in range(asked.at_once)))


def prepared(ids: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the threads with the bodies of their requests, from the file beside that of the ids."""
    with ids.with_suffix(".bodies").open("rb") as file:
        lines = (line.rstrip(b"\n").split(b"\t") for line in file)
        for thread_id, group in itertools.groupby(lines, key=lambda line: line[0]):
            yield thread_id.decode(), [body for _, body in group]


async def _work(session: aiohttp.ClientSession, asked: Arguments, waiting: Iterator[tuple[str, list[bytes]]]) -> None:
    for thread_id, (create, *batches) in waiting:
        if asked.source_too:
            await _read(session, asked.url, thread_id)
        answer = await _post(session, f"{asked.url}/conversations", create)
        conversation = answer[7 : answer.index(b'"', 7)].decode()
        for body in batches:
            await _post(session, f"{asked.url}/conversations/{conversation}/items", body)


async def _read(session: aiohttp.ClientSession, url: str, thread_id: str) -> None:
    for start in range(0, max(1, corpora.size_of(thread_id)), 100):
        after = f"&after={corpora.message_id(thread_id, start - 1)}" if start else ""
        async with session.get(f"{url}/threads/{thread_id}/messages?limit=100&order=asc{after}") as response:
            await response.read()


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    async with session.post(url, data=body) as response:
        return await response.read()


if __name__ == "__main__":
    asyncio.run(main(parse(__doc__)))
