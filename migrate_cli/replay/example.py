"""`--init`: builds an example suite from migrated threads and the assistants' configurations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from migrate_cli.model import JsonObject

_HEAD = """\
# A suite for migrate-cli replay: what to try, and what to expect of the answers. docs/replay.md explains every key.
#
#   migrate-cli replay {words}
"""
_CASES = """
# One entry for each case. `conversation` is an old thread id or a new conversation id; without it, the case starts with
# nothing. A case runs on a copy of the conversation, which is deleted afterwards.
cases:
"""
_MORE = """\
# What else can be expected of an answer:
#
#   not_contains: [sorry]
#   regex: "order [0-9]+"
#   equals: "42"
#   similar_to: {text: The old answer, threshold: 0.7}
#   json_schema: {type: object, required: [status]}
#   tool_called: [{name: lookup_order, arguments: {required: [order_id]}}]
#   tool_not_called: [delete_order]
#   citations_at_least: 1
#   max_ttft: 5                      # seconds to the first token
#   max_tokens: 2000
"""
_TO_FILL_IN: JsonObject = {"model": "gpt-5.4-mini", "instructions": "Answer briefly."}
_CASES_SHOWN = 3


def example(words: str, threads: Iterable[str], configurations: Sequence[JsonObject]) -> str:
    """Return the text of a suite. The setup is the first configuration's, or one to be filled in.

    `words` are the name of its file and the options by which `replay` runs it.
    """
    setup: JsonObject = (
        configurations[0] if configurations else {"model": "gpt-5.4-mini", "instructions": "Answer briefly."}
    )
    parts = [_HEAD.format(words=words)]
    if len(configurations) > 1:
        others = ", ".join(_named(each) for each in configurations[1:4])
        parts.append(f"# The setup of {_named(setup)}; the source has others too, such as {others}.\n")
    parts.append(_dumped(_setup(setup)))
    if any(tool.get("type") == "function" for tool in setup.get("tools") or ()):
        parts.append(
            "# A function runs where it has a handler: `handler: package.module:function`, or `command: [./program]`.\n"
            "# Without any, --stub-tools answers with the outputs that the thread recorded.\n"
        )
    parts += [_CASES, _dumped([_case(number, thread) for number, thread in enumerate(_some(threads), 1)], 2), _MORE]
    return "".join(parts)


def _setup(configuration: JsonObject) -> JsonObject:
    return {name: value for name, value in configuration.items() if name != "metadata"}


def _some(threads: Iterable[str]) -> list[str | None]:
    found: list[str | None] = [thread for thread, _ in zip(threads, range(_CASES_SHOWN), strict=False)]
    return found or [None]


def _case(number: int, thread: str | None) -> JsonObject:
    case: JsonObject = {"id": f"case-{number}"}
    if thread is not None:
        case["conversation"] = thread
    return case | {
        "input": "What did we talk about last time?" if thread else "Who are you?",
        "expect": {"max_seconds": 60},
    }


def _named(configuration: JsonObject) -> str:
    metadata: Any = configuration.get("metadata")
    pairs = metadata if isinstance(metadata, dict) else {}
    return str(pairs.get("source_assistant_name") or pairs.get("source_assistant_id") or "an assistant")


def _dumped(value: Any, indent: int = 0) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    return "".join(" " * indent + line for line in text.splitlines(keepends=True))
