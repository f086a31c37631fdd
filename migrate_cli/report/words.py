"""Marks the words by which two answers differ. Pure: texts in, pieces out."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_WORDS = 4000
"""Words of a text that are compared one by one; what lies beyond is one piece, which differs unless it is the same."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

_Piece = tuple[str, bool]
"""A piece of a text, and whether the other text does not have it."""


def differing_words(left: str, right: str) -> tuple[list[_Piece], list[_Piece]]:
    """Cut both texts into pieces that the other has in the same order, and pieces that it does not have.

    The pieces of a text, put together, are that text. rapidfuzz finds them, since answers have thousands of words.
    """
    from rapidfuzz.distance import Indel  # noqa: PLC0415 - only reports with answers compare any

    one, one_rest = _words(left)
    other, other_rest = _words(right)
    ours: list[_Piece] = []
    theirs: list[_Piece] = []
    for change in Indel.opcodes(one, other):
        same = change.tag == "equal"
        ours.append(("".join(one[change.src_start : change.src_end]), not same))
        theirs.append(("".join(other[change.dest_start : change.dest_end]), not same))
    differs = one_rest != other_rest
    return list(_joined([*ours, (one_rest, differs)])), list(_joined([*theirs, (other_rest, differs)]))


def _words(text: str) -> tuple[list[str], str]:
    """The first words, blanks and marks of a text, and the rest of it."""
    words: list[str] = []
    end = 0
    for found in _WORD.finditer(text):
        if len(words) == MOST_WORDS:
            break
        words.append(found[0])
        end = found.end()
    return words, text[end:]


def _joined(pieces: list[_Piece]) -> Iterator[_Piece]:
    """Leave out what is empty, and join neighbours of one kind; a blank between two that differ differs too."""
    text, differs = "", False
    for place, (piece, new) in enumerate(pieces):
        if not piece:
            continue
        bridge = (
            differs and not new and piece.isspace() and pieces[place + 1 : place + 2] != [] and pieces[place + 1][1]
        )
        if text and not bridge and new != differs:
            yield text, differs
            text = ""
        if not bridge:
            differs = new
        text += piece
    if text:
        yield text, differs
