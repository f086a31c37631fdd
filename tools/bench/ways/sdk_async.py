"""The SDK's async client: typed calls, many threads at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from openai import AsyncOpenAI
from openai.types.beta.threads import Message

from bench.corpora import ITEMS
from bench.ways.arguments import Arguments, parse
from bench.ways.guide import item_of


async def main(asked: Arguments) -> None:
    """Move the threads with as many workers as were asked for."""
    client = AsyncOpenAI(base_url=asked.url, api_key="bench", max_retries=2)
    waiting = iter(asked.thread_ids)
    await asyncio.gather(*(_work(client, waiting) for _ in range(asked.at_once)))
    await client.close()


async def _work(client: AsyncOpenAI, waiting: Iterator[str]) -> None:
    for thread_id in waiting:
        messages: list[Message] = []
        page = await client.beta.threads.messages.list(thread_id=thread_id, order="asc", limit=100)
        async for held in page.iter_pages():
            messages += held.data
        items = [item_of(message) for message in messages]
        conversation = await client.conversations.create(items=items[:ITEMS])
        for start in range(ITEMS, len(items), ITEMS):
            await client.conversations.items.create(conversation.id, items=items[start : start + ITEMS])


if __name__ == "__main__":
    asyncio.run(main(parse(__doc__)))
