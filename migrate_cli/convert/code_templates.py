"""A response configuration as a small file that runs: Python or TypeScript, streaming one answer.

Text generation only. Everything that comes from the user's data is written as a literal, never pasted into code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pprint import pformat

from migrate_cli.model import JsonObject

_PYTHON = '''\
"""Streams one response with the settings of a former assistant. Needs: pip install openai, and OPENAI_API_KEY.

Run: python FILE "your question" [conversation id]
"""

import sys

from openai import OpenAI

CONFIG = @CONFIG@


def main() -> None:
    question = sys.argv[1] if len(sys.argv) > 1 else "Hello!"
    extra = {"conversation": sys.argv[2]} if len(sys.argv) > 2 else {}
    with OpenAI().responses.create(**CONFIG, **extra, input=question, stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "response.output_item.done" and event.item.type == "function_call":
                print(f"\\n[call of {event.item.name}: {event.item.arguments}]")
            elif event.type == "response.completed":
                print()
            elif event.type in ("response.failed", "response.incomplete", "error"):
                sys.exit(f"\\nThe response did not complete: {event}")


if __name__ == "__main__":
    main()
'''

_TYPESCRIPT = """\
// Streams one response with the settings of a former assistant. Needs: npm install openai, and OPENAI_API_KEY.
// Run: npx tsx FILE "your question" [conversation id]

import OpenAI from "openai";

const config: Omit<OpenAI.Responses.ResponseCreateParamsStreaming, "input" | "stream"> = @CONFIG@;

const [question = "Hello!", conversation] = process.argv.slice(2);
const stream = await new OpenAI().responses.create({
  ...config,
  ...(conversation ? { conversation } : {}),
  input: question,
  stream: true,
});

for await (const event of stream) {
  if (event.type === "response.output_text.delta") {
    process.stdout.write(event.delta);
  } else if (event.type === "response.output_item.done" && event.item.type === "function_call") {
    console.log(`\\n[call of ${event.item.name}: ${event.item.arguments}]`);
  } else if (event.type === "response.completed") {
    console.log();
  } else if (event.type === "response.failed" || event.type === "response.incomplete" || event.type === "error") {
    console.error("\\nThe response did not complete:", event);
    process.exitCode = 1;
  }
}
"""


def as_python(config: JsonObject) -> str:
    """Return a Python program."""
    return _PYTHON.replace("@CONFIG@", pformat(config, width=110, sort_dicts=False))


def as_typescript(config: JsonObject) -> str:
    """Return a TypeScript program (an ES module)."""
    literal = json.dumps(config, ensure_ascii=False, indent=2)
    # Line and paragraph separators end lines in old readers of JavaScript.
    return _TYPESCRIPT.replace("@CONFIG@", literal.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


LANGUAGES: dict[str, Callable[[JsonObject], str]] = {"python": as_python, "typescript": as_typescript}
"""By the name that `--code` takes."""
