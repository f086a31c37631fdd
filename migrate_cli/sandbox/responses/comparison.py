"""A question that asks how like two answers are, and the model's verdict on it, from the words of both. Pure.

The texts of such a question are data: cues in them are not meant for the model.
"""

from __future__ import annotations

import json

from migrate_cli.sandbox.word_vectors import shared_words

_KEYS = ("reference_answer", "new_answer")


def verdict_on(text: str) -> str | None:
    """Return the verdict as JSON, if the text is an object with a reference answer and a new one; else None."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in _KEYS):
        return None
    return json.dumps({"likeness": shared_words(*(found[key] for key in _KEYS))})
