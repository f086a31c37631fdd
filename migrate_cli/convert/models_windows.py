"""How many tokens the models take in one request, history, tools and answer together. Data and one lookup.

Source: the makers' model pages. Another model's window is given on the command line, as `NAME=TOKENS`.
"""

from __future__ import annotations

import re

WINDOWS: dict[str, int] = {
    "gpt-3.5-turbo": 16_385,
    "gpt-35-turbo": 16_385,
    "gpt-4": 8_192,
    "gpt-4-32k": 32_768,
    "gpt-4-turbo": 128_000,
    "gpt-4o": 128_000,
    "gpt-4o-mini": 128_000,
    "chatgpt-4o-latest": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4.1-mini": 1_047_576,
    "gpt-4.1-nano": 1_047_576,
    "o1": 200_000,
    "o3": 200_000,
    "o3-mini": 200_000,
    "o4-mini": 200_000,
    "gpt-5": 400_000,
    "gpt-5-mini": 400_000,
    "gpt-5-nano": 400_000,
    "gpt-5-chat-latest": 128_000,
    "gpt-5.1": 400_000,
    "gpt-5.2": 400_000,
    "gpt-5.4": 1_050_000,
    "gpt-5.4-mini": 400_000,
    "gpt-5.4-nano": 400_000,
    "gpt-5.5": 1_050_000,
}
"""Tokens, by model id; a dated snapshot has the window of its model."""

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def window_of(model: str) -> int | None:
    """Return the window of a model, or None; a fine-tuned model has that of the one it was made from."""
    base = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model
    return WINDOWS.get(base) or WINDOWS.get(_SNAPSHOT.sub("", base))
