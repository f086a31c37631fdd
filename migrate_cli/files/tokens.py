"""Counts the tokens of drafts: with tiktoken if its encoding is on this machine, otherwise by a declared estimate.

Nothing is downloaded: tiktoken would fetch an encoding that it lacks, so its cache is checked first.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from migrate_cli.convert.model_catalogue import AS_OF, WINDOWS, window_of
from migrate_cli.convert.tail import TokenEstimate, estimate_tokens, weigh_item
from migrate_cli.errors import UsageError, closest
from migrate_cli.model import Draft, Item, JsonObject

ENCODING = "o200k_base"
"""The encoding of current models."""
CACHED_AS = "fb374d419588a4632f3f557e76b4b70aebbca790"
"""The file's name in tiktoken's cache: SHA-1 of the address that tiktoken 0.9 and later load it from."""
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of the file; if it differs, tiktoken downloads it again."""
FRAME_BYTES = 76
"""About what the JSON around the text of one message takes."""
SLICE = 20_000
"""Characters that are encoded at a time: a text without spaces costs more than its length."""

_ESTIMATE = "estimate, four bytes of UTF-8 per token"


def token_counter() -> tuple[TokenEstimate, str]:
    """Return what counts the tokens of a text, and a phrase that says how."""
    try:
        import tiktoken  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return estimate_tokens, f"{_ESTIMATE} (to count them: pip install tiktoken)"
    missing = f"{_ESTIMATE} (tiktoken cannot count: its encoding {ENCODING} is not in TIKTOKEN_CACHE_DIR)"
    if not _is_cached():
        return estimate_tokens, missing
    try:
        encoding = tiktoken.get_encoding(ENCODING)
    except (OSError, ValueError):
        return estimate_tokens, missing
    return _counting_with(encoding), f"tiktoken, {ENCODING}; images and files estimated"


def _is_cached() -> bool:
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "":
        # An empty name turns the cache off, so that tiktoken would always fetch.
        return False
    path = Path(folder or Path(tempfile.gettempdir(), "data-gym-cache"), CACHED_AS)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    except OSError:
        return False


def _counting_with(encoding: Any) -> TokenEstimate:
    def count(text: str) -> int:
        return sum(len(encoding.encode_ordinary(text[at : at + SLICE])) for at in range(0, len(text), SLICE))

    return count


def _roughly(item: Item) -> int:
    """The estimate without taking the JSON apart, which would cost as much as reading the message did."""
    if b'"input_image"' in item.body or b'"input_file"' in item.body:
        return weigh_item(item)
    return -(-max(0, len(item.body) - FRAME_BYTES) // 4)


def model_window(text: str) -> tuple[str, int]:
    """Return name and window of `MODEL` or `NAME=TOKENS`. Raises UsageError for a model that is not in the table."""
    name, given, tokens = text.partition("=")
    if given:
        if not (name and tokens.isdecimal() and int(tokens) > 0):
            raise UsageError(f"--model takes a model or NAME=TOKENS, such as gpt-4o or my-model=128000, not {text}")
        return name, int(tokens)
    window = window_of(name)
    if window is None:
        near = closest(name, WINDOWS)
        hint = f"did you mean {near}? Or give" if near else "give"
        raise UsageError(f"the window of the model {name} is not known; {hint} it yourself: --model {name}=TOKENS")
    return name, window


class TokenTally:
    """The tokens of each conversation that would be loaded, as how many have each number: few numbers occur."""

    def __init__(self) -> None:
        self._count, self.by = token_counter()
        self._counts: Counter[int] = Counter()

    def add(self, draft: Draft) -> None:
        """Count one draft."""
        if self._count is estimate_tokens:
            self._counts[sum(_roughly(item) for item in draft.items)] += 1
        else:
            self._counts[sum(weigh_item(item, self._count) for item in draft.items)] += 1

    def data(self) -> JsonObject:
        """Return `tokens` (total, median, p90, max) and `tokens_by`; nearest rank, so that each is one that occurs."""
        if not self._counts:
            return {"tokens_by": self.by}
        ranked = sorted(self._counts.items())
        tokens = {
            "total": sum(number * times for number, times in ranked),
            "median": _at(ranked, 0.5),
            "p90": _at(ranked, 0.9),
            "max": ranked[-1][0],
        }
        return {"tokens": tokens, "tokens_by": self.by}

    def window(self, model: str, tokens: int) -> JsonObject:
        """Return how many conversations alone are longer than a model's window, and their share (0 to 1).

        `as_of` says how old the number is, where it is of the table of this program.
        """
        over = sum(times for number, times in self._counts.items() if number > tokens)
        share = round(over / self._counts.total(), 4) if self._counts else 0.0
        table = {"as_of": AS_OF} if window_of(model) == tokens else {}
        return {"model": model, "tokens": tokens, "threads_over": over, "share_over": share, **table}


def _at(ranked: list[tuple[int, int]], share: float) -> int:
    """Return the number below or at which a share of all lie, by nearest rank."""
    left = math.ceil(sum(times for _, times in ranked) * share)
    for number, times in ranked:
        left -= times
        if left <= 0:
            return number
    return ranked[-1][0]
