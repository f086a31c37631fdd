"""The floor: bare aiohttp sends the same requests with bytes prepared beforehand, and keeps nothing of the answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.ways.arguments import Arguments, parse

_HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer bench"}


async def main(asked: Arguments) -> None:
    """Send the threads with as many workers as were asked for."""
    waiting = prepared(asked.ids)
    connector = aiohttp.TCPConnector(limit=asked.at_once)
    async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as session:
        await asyncio.gather(*(_work(session, asked, waiting) for _ in range(asked.at_once)))


def prepared(ids: Path) -> Iterator[list[bytes]]:
    """Yield the bodies of each thread's requests, from the file beside that of the ids."""
    with ids.with_suffix(".bodies").open("rb") as file:
        lines = (line.rstrip(b"\n").split(b"\t") for line in file)
        for _, group in itertools.groupby(lines, key=lambda line: line[0]):
            yield [body for _, body in group]


async def _work(session: aiohttp.ClientSession, asked: Arguments, waiting: Iterator[list[bytes]]) -> None:
    for create, *batches in waiting:
        answer = await _post(session, f"{asked.url}/conversations", create)
        conversation = answer[7 : answer.index(b'"', 7)].decode()
        for body in batches:
            await _post(session, f"{asked.url}/conversations/{conversation}/items", body)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    async with session.post(url, data=body) as response:
        return await response.read()


if __name__ == "__main__":
    asyncio.run(main(parse(__doc__)))
