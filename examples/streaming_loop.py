"""A streaming loop with function tools: it replaces creating a run and polling it."""

import asyncio
import json
import sys
from typing import Any

from openai import AsyncOpenAI

ORDER = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
TOOLS: Any = [{"type": "function", "name": "lookup_order", "parameters": ORDER, "strict": False}]


async def lookup_order(order_id: str) -> dict[str, str]:
    return {"order_id": order_id, "status": "shipped"}  # your own code


async def run(call: Any) -> dict[str, Any]:
    try:
        result = await {"lookup_order": lookup_order}[call.name](**json.loads(call.arguments))
    except Exception as error:  # the model is told, and can correct itself
        result = {"error": f"{type(error).__name__}: {error}"}
    return {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(result)}


async def ask(client: AsyncOpenAI, conversation: str, items: Any, model: str = "gpt-5.4-mini") -> None:
    while items:
        fields = {"model": model, "conversation": conversation, "input": items, "tools": TOOLS}
        calls = None
        async for event in await client.responses.create(**fields, stream=True):
            print(event.delta if event.type == "response.output_text.delta" else "", end="", flush=True)
            if event.type == "response.completed":
                calls = [item for item in event.response.output if item.type == "function_call"]
        if calls is None:  # it broke, failed or was cut short: look at the conversation before asking again
            raise ConnectionError("the stream ended before the response was completed")
        items = await asyncio.gather(*map(run, calls))  # all at once, and all outputs are sent back together


if __name__ == "__main__":  # python streaming_loop.py conv_… "Where is my order LS-20417?"
    asyncio.run(ask(AsyncOpenAI(), sys.argv[1], sys.argv[2]))
