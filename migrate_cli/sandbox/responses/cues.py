"""Cues: what a user writes into a message to make the sandbox's model act. Pure.

A cue is `[[name rest]]` anywhere in the last user message. Cues act in the order in which they stand:

| cue | what the model does |
|---|---|
| `[[call lookup_order {"order_id": 1}]]` | calls a function (`crm.lookup`); several cues are parallel calls |
| `[[custom grep lamp]]` | calls a custom tool with a text |
| `[[client shell_call]]` | calls what only a client can answer: `shell_call`, `computer_call`, `apply_patch_call`, … |
| `[[comment text]]` | says this on the way, as commentary that is not an answer |
| `[[call! anything {}]]` | calls a function that is not among the tools, as models sometimes do |
| `[[web_search query]]` | searches the web and cites two pages |
| `[[file_search query]]` | searches the vector stores and cites what it found |
| `[[code print(6 * 7)]]` | runs code: `print` of constants and arithmetic |
| `[[image a red square]]` | makes a small PNG; with `partial_images` and a stream, partial ones first |
| `[[mcp shop track {"order_id": 1}]]` | calls a tool of an MCP server, after approval unless it is not required |
| `[[reason text]]` | thinks: a reasoning item whose summary is the text |
| `[[say text]]` | says exactly this |
| `[[echo]]` | says the user's message again, without its cues |
| `[[refuse text]]` | refuses, with this text or one of its own |
| `[[incomplete]]` | stops in the middle of its answer (`max_output_tokens`; or `[[incomplete content_filter]]`) |
| `[[fail text]]` | ends with `response.failed` and a `server_error` |
| `[[error text]]` | ends with a top-level `error` event; without a stream, with a 500 |
| `[[then]]` | what comes after it waits until the calls before it are answered: several rounds |

Hosted tools and functions are used only when the request offers them; else the answer says that they are missing. An
MCP tool whose name begins with `fail` fails. When function outputs come in, the answer contains them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.model import JsonObject


class CueKind(StrEnum):
    """The names of cues, as the table above has them."""

    CALL = "call"
    CALL_UNKNOWN = "call!"
    CUSTOM = "custom"
    CLIENT = "client"
    COMMENT = "comment"
    WEB_SEARCH = "web_search"
    FILE_SEARCH = "file_search"
    CODE = "code"
    IMAGE = "image"
    MCP = "mcp"
    REASON = "reason"
    SAY = "say"
    ECHO = "echo"
    REFUSE = "refuse"
    INCOMPLETE = "incomplete"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing to do."""

    kind: CueKind
    text: str = ""
    """What follows the name; without the arguments, where the cue has some."""
    arguments: str = "{}"
    """The JSON arguments of a call, as they were written; of a custom tool, its text."""

    @property
    def parsed(self) -> JsonObject:
        """The arguments as an object; empty where they are none."""
        try:
            value = json.loads(self.arguments)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


_START = re.compile(
    r"\[\[(then|" + "|".join(re.escape(kind) for kind in sorted(CueKind, reverse=True)) + r")(?=[\s\]])"
)
_WITH_ARGUMENTS = frozenset({CueKind.CALL, CueKind.CALL_UNKNOWN, CueKind.MCP})


def stages_of(text: str) -> list[list[Cue]]:
    """Return the cues of a message in stages: the first acts now, each later one after another round of answers."""
    stages: list[list[Cue]] = [[]]
    for name, rest, _, _ in _cues(text):
        if name == "then":
            stages.append([])
        else:
            stages[-1].append(_cue(CueKind(name), rest))
    return stages


def without_cues(text: str) -> str:
    """Return a message without its cues."""
    kept, place = "", 0
    for _, _, start, end in _cues(text):
        kept += text[place:start]
        # What stood on both sides of a cue is joined by one space, not by two.
        place = end + 1 if kept.endswith(" ") and text.startswith(" ", end) else end
    return (kept + text[place:]).strip()


def _cues(text: str) -> list[tuple[str, str, int, int]]:
    """Name, rest, start and end of every cue; one without an end is not a cue."""
    found, place = [], 0
    while match := _START.search(text, place):
        end = _end(text, match.end())
        if end is None:
            break
        found.append((match[1], text[match.end() : end].strip(), match.start(), end + 2))
        place = end + 2
    return found


def _end(text: str, start: int) -> int | None:
    """Where the closing brackets of a cue are: those in nested brackets and JSON strings are not meant."""
    depth, quoted, place = 0, False, start
    while place < len(text):
        char = text[place]
        if quoted and char == "\\":
            place += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char == "[":
            depth += 1
        elif not quoted and char == "]":
            if depth == 0 and text.startswith("]]", place):
                return place
            depth = max(0, depth - 1)
        place += 1
    # A lone quotation mark is not JSON: take the next closing brackets, whatever they are in.
    found = text.find("]]", start)
    return None if found < 0 else found


def _cue(kind: CueKind, rest: str) -> Cue:
    if kind is CueKind.CUSTOM:
        name, _, text = rest.partition(" ")
        return Cue(kind, name, text)
    if kind not in _WITH_ARGUMENTS:
        return Cue(kind, rest)
    name, brace, arguments = rest.partition("{")
    return Cue(kind, name.strip(), brace + arguments.strip() if brace else "{}")
