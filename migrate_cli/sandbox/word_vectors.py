"""Vectors of the words of a text: the same for the same words, and alike for texts that share words. Pure.

It stands for a model's sense of meaning: every word points in a direction of its own, which a hash gives it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

_WORD = re.compile(r"\w+")
_DIRECTIONS = 24
"""Coordinates that one word has; few of two words are the same ones."""


def words_in(text: str) -> Counter[str]:
    """The words of a text with their numbers, in small letters."""
    return Counter(_WORD.findall(text.casefold()))


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1; a text without words has that of its characters."""
    found = [0.0] * dimensions
    for word, count in (words_in(text) or Counter(text)).items():
        digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(5 * _DIRECTIONS)
        for place in range(_DIRECTIONS):
            piece = digest[5 * place : 5 * place + 5]
            sign = 1.0 if piece[4] & 1 else -1.0
            found[int.from_bytes(piece[:4]) % dimensions] += sign * count
    length = math.hypot(*found)
    if not length:
        return [1.0, *found[1:]]
    return [value / length for value in found]


def shared_words(one: str, other: str) -> float:
    """How far two texts have the same words, from 0 to 1: the cosine of their counts, with two digits."""
    mine, theirs = words_in(one), words_in(other)
    if not mine or not theirs:
        return float(one.split() == other.split())
    shared = sum(count * theirs[word] for word, count in mine.items())
    lengths = math.hypot(*mine.values()) * math.hypot(*theirs.values())
    return round(min(1.0, shared / lengths), 2)
