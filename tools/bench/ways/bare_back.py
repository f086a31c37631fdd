"""The floor of `verify`: bare aiohttp asks for conversations and their items, many at a time, and looks at nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp

from bench.ways.arguments import Arguments, parse

_HEADERS = {"Authorization": "Bearer bench"}


async def main(asked: Arguments) -> None:
    """Ask for all conversations with as many workers as were asked for; each asks for both at once, as `verify`."""
    waiting = iter(asked.thread_ids)
    connector = aiohttp.TCPConnector(limit=2 * asked.at_once)
    async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as session:
        await asyncio.gather(*(_work(session, asked.url, waiting) for _ in range(asked.at_once)))


async def _work(session: aiohttp.ClientSession, url: str, waiting: Iterator[str]) -> None:
    for conversation_id in waiting:
        path = f"{url}/conversations/{conversation_id}"
        await asyncio.gather(_get(session, path), _get(session, f"{path}/items?limit=100&order=asc"))


async def _get(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url) as answer:
        await answer.read()


if __name__ == "__main__":
    asyncio.run(main(parse(__doc__)))
