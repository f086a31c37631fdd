"""Replacements for characters that an encoding lacks: the nearest ASCII for the program's own, an escape for others.

A terminal of cp1252 or plain ASCII then shows marks and bars that can be told apart, and names from outside that can be
looked up, where `?` would say nothing. It must not know what the texts mean.
"""

from __future__ import annotations

import codecs
from typing import TextIO

ERRORS = "migrate-cli-plain"
"""The name of the way, as `errors` of a stream."""

_NEAREST = {
    "✓": "+", "✗": "x", "█": "#", "▓": "%", "▒": ":", "░": ".", "▚": "/",
    "·": "|", "…": "...", "→": "->", "\u2013": "-", "—": "-", "\u2212": "-", "\u00d7": "x",
    "≥": ">=", "≤": "<=", "\u00a0": " ",
    "\u2018": "'", "\u2019": "'", "“": '"', "”": '"', "━": "=", "─": "-", "╸": "-", "╺": "-", "│": "|", "•": "*",
}  # fmt: skip


def plain(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be encoded; a handler of errors as `codecs` has them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_NEAREST.get(each) or _escape(each) for each in error.object[error.start : error.end]), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(ERRORS, plain)


def made_plain(text: str, encoding: str) -> str:
    """Return the text as a stream of this encoding can show it."""
    return text.encode(encoding, ERRORS).decode(encoding)


def has_marks(encoding: str | None) -> bool:
    """Whether an encoding has the characters of bars and marks."""
    try:
        "✓█░━".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def let_pass(stream: TextIO) -> None:
    """Let nothing that is written to a stream fail for want of a character."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and not has_marks(stream.encoding):
        reconfigure(errors=ERRORS)
