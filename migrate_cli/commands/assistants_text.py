"""A response configuration as a suite for `replay`, and the name of its file. It must not write the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import yaml

from migrate_cli.convert.configuration import Configuration, LeftTool, listed, mapping
from migrate_cli.model import JsonObject

FIRST_CASE = {"id": "hello", "input": "Hello! What can you do for me?"}
"""So that the suite can be tried at once."""

LONGEST_STEM = 60
LONGEST_LEFT = 200
"""Lines that the head of a suite has for tools which were not carried."""


def of_agent(configuration: Configuration, agent: tuple[str, str] | None) -> Configuration:
    """Return a configuration that names an agent, by name and version, in place of all that the agent has itself.

    Functions stay, since what answers their calls is next to them; they are not sent.
    """
    if agent is None:
        return configuration
    named: JsonObject = {"agent": dict(zip(("name", "version"), agent, strict=True))}
    functions = [tool for tool in listed(configuration.config.get("tools")) if mapping(tool).get("type") == "function"]
    return replace(configuration, config=named | ({"tools": functions} if functions else {}))


def suite_text(configuration: Configuration) -> str:
    """Return YAML: a head of comments, the configuration, and one case to begin with.

    The head tells the findings, and each tool that has no counterpart with its data, for whoever sets up its successor.
    """
    title = f"{configuration.name or 'An assistant'} ({configuration.assistant_id or 'without id'})"
    sent = (
        "names the agent, which holds the settings"
        if "agent" in configuration.config
        else "is sent with these settings"
    )
    head = [f"{title}, as a suite for `migrate-cli replay`. Each request {sent}."]
    head += [f"{found.code}: {found.detail}" for found in configuration.findings]
    comments = "".join(f"# {_one_line(line)}\n" for line in head)
    left = _left(configuration.left)
    return f"{comments}{left}\n{_yaml(configuration.config | {'cases': [FIRST_CASE]})}"


def _left(tools: Iterable[LeftTool]) -> str:
    """Return the tools that were not carried as comments, long ones cut."""
    lines = [line for tool in tools if tool.data for line in _yaml([{"type": tool.type, **tool.data}]).splitlines()]
    more = len(lines) - LONGEST_LEFT
    shown = [*lines[:LONGEST_LEFT], *([f"… and {more:,} lines more; see --output json"] if more > 0 else [])]
    return "".join(f"# {_printable(line)}\n" for line in ["Not carried:", *shown]) if shown else ""


def _yaml(value: JsonObject | list[JsonObject]) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def file_stem(name: str | None, assistant_id: str, taken: set[str]) -> str:
    """Return a file's name without ending: from the assistant's name, with its id where that is taken."""
    ascii_name = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode()
    stem = _slug(ascii_name) or _slug(assistant_id) or "assistant"
    if stem not in taken:
        return stem
    stem = f"{stem}-{_slug(assistant_id)}"
    number = 2
    while stem in taken:
        stem, number = f"{stem}-{number}", number + 1
    return stem


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:LONGEST_STEM].strip("-")


def _one_line(text: str) -> str:
    """YAML takes no control characters, not even in comments."""
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and never refers from one place to another."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
