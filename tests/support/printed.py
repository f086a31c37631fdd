"""Commands that the program or its documentation shows to people, as words that a test can run."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from migrate_cli.cli.app import app
from migrate_cli.cli.mapping import with_short_form
from typer.main import get_command

PACKAGE = Path(__file__).parents[2] / "migrate_cli"
HOLE = "\0"
"""Stands for a value in a sentence that is filled in when it is shown."""
_ENDS = ("|", "||", ">", ">>", "<", "&&", ";", "&", "2>")
_CODE = re.compile(r"`(migrate-cli [^`]*)`")
_LAST = re.compile(r": (migrate-cli [^`]*)$")


@cache
def _program() -> Any:
    """The whole command line, which takes a while to build."""
    return get_command(app)


def arguments(line: str) -> list[str]:
    """Return the arguments of the first migrate-cli in a line of shell."""
    words: list[str] = []
    for word in shlex.split(line, comments=True)[1:]:
        if word in _ENDS:
            break
        words.append(word)
    return words


def commands_in(sentence: str) -> list[str]:
    """Return the commands of a sentence: in backticks, or after a colon to its end; `&&` parts two of them."""
    rest = _CODE.sub("", sentence)
    found = [*_CODE.findall(sentence), *_LAST.findall(rest)]
    return [part for one in found for part in one.split(" && ")]


def lines_of(text: str) -> list[str]:
    """Return the commands in the code of Markdown, such as the next steps of a report."""
    return [part for one in _CODE.findall(text) for part in one.split(" && ")]


def parse(line: str) -> None:
    """Have a command taken apart as the program does it. Raises click's UsageError for one that it does not take."""
    words = with_short_form(arguments(line))
    if words[0] == "--install-completion":  # done at once where it is parsed, to whoever runs the tests
        return
    command = _program()
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command = command.commands[words.pop(0)]
    command.make_context("migrate-cli", words, resilient_parsing="--help" in words)


class Sentence(NamedTuple):
    """A text in the source of the program, with holes where values stand."""

    place: str
    text: str


def filled(line: str) -> str:
    """Return a command with its holes filled: what follows a word at once is an option that may be absent."""
    return re.sub(rf"(?<=\s){HOLE}", "value", re.sub(rf"(?<=\S){HOLE}+", "", line))


def sentences() -> Iterator[Sentence]:
    """Yield the texts of the program that name one of its commands, without docstrings."""
    names = "|".join(_program().commands)
    named = re.compile(rf"migrate-cli (?:{names})\b")
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text("utf-8")
        if "migrate-cli " not in source:  # most files have none, and parsing all of them takes seconds
            continue
        tree = ast.parse(source)
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = None if id(node) in inner else _text(node)
            if text is not None and named.search(text):
                yield Sentence(f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", text)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w+\}", HOLE, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    return None
