"""Text that any server takes: NUL and lone surrogates replaced, over-long texts split. Nothing else is ever changed."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_cli.convert.limits import MAX_TEXT

NUL_SIGN = "\u2400"
"""Stands for a NUL: `SYMBOL FOR NULL`, so that a reader sees what was there."""


def tidy(text: str) -> tuple[str, Sequence[str]]:
    """Return the text without NUL and lone surrogates, and the codes of the findings that this makes.

    A surrogate pair that arrived as two halves is joined into the character that it spells.
    """
    codes: list[str] | None = None
    if "\x00" in text:
        text = text.replace("\x00", NUL_SIGN)
        codes = ["text-nul"]
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            codes = [*(codes or ()), "text-lone-surrogate"]
    return text, codes or ()


def plain(text: str) -> str:
    """Return the tidied text alone, for names and ids inside notes."""
    return tidy(text)[0]


def pieces(text: str, most: int = MAX_TEXT) -> list[str]:
    """Split a text into parts of at most so many characters; joined again they are the text."""
    if len(text) <= most:
        return [text]
    return [text[start : start + most] for start in range(0, len(text), most)]


def counted(number: int, noun: str) -> str:
    """Return `1 pair` or `2,000 pairs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short(text: str, limit: int = 200) -> str:
    """Return a tidied text cut to a length that fits into a note."""
    text = plain(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
