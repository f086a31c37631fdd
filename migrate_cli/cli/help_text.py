"""Lays out the help so that what can be copied stays in one piece: commands, options, names of settings.

The parser's formatter breaks lines at blanks and hyphens, also in the middle of a command. It is given stand-ins that
it cannot break, and the words are put back afterwards. It must not know what the commands do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_CODE = re.compile(r"`[^`]+`")
_HYPHENS = re.compile(r"-+(?=\w)")
_UNBROKEN = "\u2011"
"""A hyphen at which no line is broken."""
_FIRST = 0xE000
"""The first of the characters that stand in for words; no help has any of them."""


class _Whole:
    """The words of one help that stay whole."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def hidden(self, text: str, width: int) -> str:
        """Return the text with stand-ins that are as long as their words, or as a line where a word is longer."""

        def stand_in(found: re.Match[str]) -> str:
            self._words.append(found[0])
            return chr(_FIRST + len(self._words) - 1) * min(len(found[0]), width)

        text = _CODE.sub(stand_in, text)
        text = _HYPHENS.sub(lambda found: _UNBROKEN * len(found[0]), text)
        return re.sub(rf"\S{{{width + 1},}}", stand_in, text)

    def shown(self, text: str) -> str:
        """Return what was laid out with the words in their places."""
        for number in reversed(range(len(self._words))):
            text = re.sub(f"{chr(_FIRST + number)}+", self._words[number].replace("\\", r"\\"), text)
        return text.replace(_UNBROKEN, "-")


def help_of(command: Any, context: Any) -> str:
    """Return the help of a command as wide as the terminal, at most 80 columns."""
    formatter, whole = context.make_formatter(), _Whole()
    write_text, write_dl = formatter.write_text, formatter.write_dl

    def texts(text: str) -> None:
        write_text(whole.hidden(text, formatter.width - formatter.current_indent))

    def rows(found: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        found = list(found)
        first = min(max((len(name) for name, _ in found), default=0), col_max) + col_spacing
        width = max(formatter.width - first - col_spacing, 10)
        write_dl([(name, whole.hidden(told, width)) for name, told in found], col_max, col_spacing)

    formatter.write_text, formatter.write_dl = texts, rows
    command.format_help(context, formatter)
    return whole.shown(str(formatter.getvalue())).rstrip("\n")
