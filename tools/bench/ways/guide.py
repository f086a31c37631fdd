"""The official guide's way: the SDK, typed calls, one thread after another; 20 items a request, or it would fail."""

from __future__ import annotations

from typing import Any

from openai import OpenAI
from openai.types.beta.threads import Message

from bench.corpora import ITEMS
from bench.ways.arguments import Arguments, parse


def main(asked: Arguments) -> None:
    """Move the threads, one after another."""
    client = OpenAI(base_url=asked.url, api_key="bench", max_retries=2)
    for thread_id in asked.thread_ids:
        messages: list[Message] = []
        for page in client.beta.threads.messages.list(thread_id=thread_id, order="asc").iter_pages():
            messages += page.data
        items = [item_of(message) for message in messages]
        conversation = client.conversations.create(items=items[:ITEMS])
        for start in range(ITEMS, len(items), ITEMS):
            client.conversations.items.create(conversation.id, items=items[start : start + ITEMS])


def item_of(message: Message) -> Any:
    """The message as an item, as far as the guide goes: texts."""
    kind = "input_text" if message.role == "user" else "output_text"
    content = [{"type": kind, "text": part.text.value} for part in message.content if part.type == "text"]
    return {"type": "message", "role": message.role, "content": content}


if __name__ == "__main__":
    main(parse(__doc__))
