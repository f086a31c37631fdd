"""A response configuration as code that runs: a program in Python or TypeScript, a route of Next.js or Express.

Text generation only. Everything that comes from the user's data is written as a literal or a comment of one line, never
pasted into code.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Iterator
from functools import partial
from pprint import pformat
from typing import Any

from migrate_cli.convert import code_python, code_typescript
from migrate_cli.convert.configuration import listed, mapping
from migrate_cli.convert.text import short
from migrate_cli.model import JsonObject

_MARK = re.compile("@(CONFIG|FUNCTIONS)@")
_DESCRIBED = 200
"""Characters of a function's description in a comment; all of it is in the configuration."""


def as_python(config: JsonObject) -> str:
    """Return a Python program."""
    reference = _reference(config)
    # The client knows no agents by name; what it does not know goes into the body as it is.
    literal = pformat(config if reference is None else {"extra_body": reference}, width=110, sort_dicts=False)
    return _filled(code_python.PROGRAM, literal, _python_functions(config))


def as_typescript(template: str, config: JsonObject) -> str:
    """Return one of the modules of `code_typescript` (an ES module) with the configuration in it."""
    typed = config | {"tools": [_typed(tool) for tool in config["tools"]]} if config.get("tools") else config
    literal = json.dumps(_reference(config) or typed, ensure_ascii=False, indent=2)
    # In a literal that key would set the prototype instead.
    literal = literal.replace('"__proto__":', '["__proto__"]:')
    # Line and paragraph separators end lines in old readers of JavaScript.
    literal = literal.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _filled(template, literal, _typescript_functions(config))


def _reference(config: JsonObject) -> JsonObject | None:
    """What a request says in place of a configuration that names an agent: the agent has all else."""
    agent = config.get("agent")
    return None if agent is None else {"agent_reference": {"type": "agent_reference", **agent}}


LANGUAGES: dict[str, Callable[[JsonObject], str]] = {
    "python": as_python,
    "typescript": partial(as_typescript, code_typescript.PROGRAM),
    "next": partial(as_typescript, code_typescript.NEXT),
    "express": partial(as_typescript, code_typescript.EXPRESS),
}
"""By the name that `--code` takes."""


def _filled(template: str, config: str, functions: str) -> str:
    """Fill the marks in one pass, so that a mark in the user's data stays what it is."""
    parts = {"CONFIG": config, "FUNCTIONS": functions}
    return _MARK.sub(lambda found: parts[found[1]], template)


def _typed(tool: Any) -> Any:
    """The types of the official client require `strict` of a function; null says the same as nothing."""
    return {"strict": None} | tool if mapping(tool).get("type") == "function" else tool


def _functions(config: JsonObject) -> dict[str, str]:
    """Return what is known of each function that the model can call, as a comment of one line, by its name."""
    found: dict[str, str] = {}
    for tool in map(mapping, listed(config.get("tools"))):
        if tool.get("type") == "function" and isinstance(tool.get("name"), str):
            takes = short(", ".join(map(str, mapping(mapping(tool.get("parameters")).get("properties")))), _DESCRIBED)
            described = short(" ".join(str(tool.get("description") or "").split()), _DESCRIBED)
            told = filter(None, [described, takes and f"takes {takes}"])
            found.setdefault(tool["name"], _printable(" · ".join(told)))
    return found


def _printable(text: str) -> str:
    """No control character and no separator of lines, so that a comment cannot end early."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _python_functions(config: JsonObject) -> str:
    written: list[str] = []
    entries: list[str] = []
    for (name, comment), identifier in zip(_functions(config).items(), _identifiers(_functions(config)), strict=True):
        told = f"    # {comment}\n" if comment else ""
        written.append(
            f"\n\nasync def {identifier}(given: dict[str, Any]) -> Any:\n{told}"
            f"    raise NotImplementedError({name + ' has no code yet'!r})\n"
        )
        entries.append(f"    {name!r}: {identifier},\n")
    table = f"{{\n{''.join(entries)}}}" if entries else "{}"
    kind = "dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]"
    return f"{''.join(written)}\n\nFUNCTIONS: {kind} = {table}\n"


def _identifiers(names: dict[str, str]) -> Iterator[str]:
    """Yield a name in Python for each function; a prefix keeps it apart from all else that the program has."""
    taken: set[str] = set()
    for name in names:
        stem = identifier = "call_" + re.sub(r"\W", "_", name, flags=re.ASCII)
        number = 2
        while identifier in taken or keyword.iskeyword(identifier):
            identifier, number = f"{stem}_{number}", number + 1
        taken.add(identifier)
        yield identifier


def _typescript_functions(config: JsonObject) -> str:
    entries: list[str] = []
    for name, comment in _functions(config).items():
        told = f"  // {comment}\n" if comment else ""
        error = json.dumps(f"{name} has no code yet")
        entries.append(f"{told}  [{json.dumps(name)}, async (_given) => {{ throw new Error({error}); }}],\n")
    return f"\n{''.join(entries)}" if entries else ""
