"""Reading conversations back with the SDK: typed calls, one page after another; the file holds conversation ids.

With `--metadata` it asks for all that `verify` asks for: the items, and the conversation itself.
"""

from __future__ import annotations

from openai import OpenAI

from bench.ways.arguments import Arguments, parse


def main(asked: Arguments) -> int:
    """Read all items of all conversations; return how many there were."""
    client = OpenAI(base_url=asked.url, api_key="bench")
    read = 0
    for conversation_id in asked.thread_ids:
        if asked.metadata:
            client.conversations.retrieve(conversation_id)
        for page in client.conversations.items.list(conversation_id, order="asc", limit=100).iter_pages():
            read += len(page.data)
    return read


if __name__ == "__main__":
    print(main(parse(__doc__)))  # noqa: T201 - so that it can be seen that all were read
