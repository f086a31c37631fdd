"""The Python program that `assistants --code python` writes, as text. Nothing of the user's data is in it."""

from __future__ import annotations

PROGRAM = '''\
"""Streams answers with the settings of a former assistant, and answers the functions that the model calls.

Needs: pip install openai, and OPENAI_API_KEY. Run it:

    python FILE "your question" [conversation id] [--image PATH, URL or file id] [--file PATH, URL or file id]

Or import it, and iterate over `answer(client, conversation, [message(text("your question"))])`.
"""

import argparse
import asyncio
import base64
import json
import mimetypes
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

CONFIG: Any = @CONFIG@

SECONDS = 60  # for one function
ROUNDS = 20  # of function calls within one answer


# ---- your own code: what a function returns goes to the model, and so does the text of an error that it raises
@FUNCTIONS@

def approve(request: Any) -> bool:
    """Whether the model may use a tool of an MCP server: see request.server_label, request.name, request.arguments."""
    return False


# ---- what a question is made of: a Path is read from this machine, a text is an address or a file id


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def image(source: str | Path, detail: str = "auto") -> dict[str, Any]:
    part = {"type": "input_image", "detail": detail}
    if isinstance(source, Path):
        return part | {"image_url": _data_url(source)}
    return part | {"image_url" if source.startswith(("https:", "http:", "data:")) else "file_id": source}


def file(source: str | Path) -> dict[str, Any]:
    if isinstance(source, Path):
        return {"type": "input_file", "filename": source.name, "file_data": _data_url(source)}
    return {"type": "input_file", "file_url" if source.startswith(("https:", "http:")) else "file_id": source}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


def _data_url(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


# ---- the loop


class Unfinished(Exception):
    """The answer did not come to its end."""


async def answer(client: AsyncOpenAI, conversation: str, items: list[Any]) -> AsyncIterator[str]:
    """Yield the text of an answer as it comes; functions that the model calls run at once, and it goes on.

    Read it to its end: a call that is left without output makes every later request of the conversation fail.
    """
    for _ in range(ROUNDS):
        response = None
        request = {**CONFIG, "conversation": conversation, "input": items}
        async with await client.responses.create(**request, stream=True) as stream:
            async for event in stream:
                if event.type in ("response.output_text.delta", "response.refusal.delta"):
                    yield event.delta
                elif event.type in ("response.completed", "response.incomplete"):
                    response = event.response
                elif event.type == "response.failed":
                    raise Unfinished(event.response.error.message if event.response.error else "the response failed")
                elif event.type == "error":
                    raise Unfinished(event.message)
        if response is None:  # nobody knows what was stored
            raise Unfinished("the stream ended early; look into the conversation before you ask again")
        calls = [item for item in response.output if item.type in ("function_call", "mcp_approval_request")]
        if response.status != "completed":
            await _refuse(client, conversation, calls)
            raise Unfinished(f"the answer was cut short: {response.incomplete_details}")
        if not calls:
            return
        items = await asyncio.gather(*map(_reply, calls))  # all at once, and their outputs go back together
    await _store(client, conversation, items)
    raise Unfinished(f"the model still called functions after {ROUNDS} rounds")


async def _reply(call: Any) -> dict[str, Any]:
    if call.type == "mcp_approval_request":
        return {"type": "mcp_approval_response", "approval_request_id": call.id, "approve": approve(call)}
    try:
        if call.name not in FUNCTIONS:
            raise LookupError(f"there is no function {call.name}")
        result = await asyncio.wait_for(FUNCTIONS[call.name](json.loads(call.arguments or "{}")), SECONDS)
        output = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
    except Exception as error:  # the model reads it, and may try again
        output = json.dumps({"error": f"{type(error).__name__}: {error}"})
    return {"type": "function_call_output", "call_id": call.call_id, "output": output}


async def _refuse(client: AsyncOpenAI, conversation: str, calls: list[Any]) -> None:
    """Answer calls that are not going to be run, as far as they came into the conversation."""
    newest = await client.conversations.items.list(conversation, order="desc", limit=100)
    there = {_name(item) for item in newest.data}
    await _store(client, conversation, [_refusal(call) for call in calls if _name(call) in there])


def _name(item: Any) -> str | None:
    return getattr(item, "call_id", None) or getattr(item, "id", None)


def _refusal(call: Any) -> dict[str, Any]:
    if call.type == "mcp_approval_request":
        return {"type": "mcp_approval_response", "approval_request_id": call.id, "approve": False}
    told = json.dumps({"error": "not run: the response that called it was cut short"})
    return {"type": "function_call_output", "call_id": call.call_id, "output": told}


async def _store(client: AsyncOpenAI, conversation: str, items: list[Any]) -> None:
    """Put outputs into the conversation without asking the model again."""
    for start in range(0, len(items), 20):
        await client.conversations.items.create(conversation, items=items[start : start + 20])


# ---- the command line


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("question", nargs="?", default="Hello!")
    parser.add_argument("conversation", nargs="?", help="its id; a new one is made otherwise")
    parser.add_argument("--image", action="append", default=[], help="a path, an address or a file id")
    parser.add_argument("--file", action="append", default=[], help="a path, an address or a file id")
    asked = parser.parse_args()
    parts = [text(asked.question)]
    parts += [image(Path(name) if Path(name).is_file() else name) for name in asked.image]
    parts += [file(Path(name) if Path(name).is_file() else name) for name in asked.file]
    async with AsyncOpenAI() as client:
        conversation = asked.conversation or (await client.conversations.create()).id
        try:
            async for piece in answer(client, conversation, [message(*parts)]):
                print(piece, end="", flush=True)
        except Unfinished as reason:
            sys.exit(f"\\n{reason} (conversation {conversation})")
    print(f"\\n(conversation {conversation})", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
'''
