"""Models that old assistants name and that are gone or going, with the date and a successor.

Source of the dates: the deprecation notes in the official client's model list. A successor is a choice of this program:
the current model of about the same size; try it with `replay` before relying on it.
"""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple


class Going(NamedTuple):
    """When a model goes, and what to use after it."""

    date: str
    """ISO date of the shutdown."""
    successor: str

    def told(self, today: datetime.date | None) -> str:
        """Say that it goes, or went, and when; either of them where nobody says what day it is."""
        if today is None:
            return f"goes or went on {self.date}"
        return f"{'goes' if self.date > today.isoformat() else 'went'} on {self.date}"


LARGE = "gpt-5.5"
SMALL = "gpt-5.4-mini"

MODELS_GOING: dict[str, Going] = {
    "gpt-3.5-turbo": Going("2026-10-23", SMALL),
    "gpt-35-turbo": Going("2026-10-23", SMALL),
    "gpt-3.5-turbo-1106": Going("2026-09-28", SMALL),
    "gpt-3.5-turbo-16k": Going("2024-09-13", SMALL),
    "gpt-4": Going("2026-10-23", LARGE),
    "gpt-4-32k": Going("2025-06-06", LARGE),
    "gpt-4-0125-preview": Going("2026-03-26", LARGE),
    "gpt-4-1106-preview": Going("2026-10-23", LARGE),
    "gpt-4-turbo": Going("2026-10-23", LARGE),
    "gpt-4-turbo-preview": Going("2026-03-26", LARGE),
    "gpt-4-vision-preview": Going("2024-12-06", LARGE),
    "gpt-4o-2024-05-13": Going("2026-10-23", LARGE),
    "gpt-4o": Going("2027-01-14", LARGE),
    "gpt-4o-mini": Going("2027-01-14", SMALL),
    "chatgpt-4o-latest": Going("2026-02-17", LARGE),
    "gpt-4.1": Going("2027-01-14", LARGE),
    "gpt-4.1-mini": Going("2027-01-14", SMALL),
    "gpt-4.1-nano": Going("2026-10-23", SMALL),
    "o1": Going("2026-10-23", LARGE),
    "o1-preview": Going("2025-07-28", LARGE),
    "o1-mini": Going("2025-10-27", SMALL),
    "o3": Going("2026-12-11", LARGE),
    "o3-mini": Going("2026-10-23", SMALL),
    "o4-mini": Going("2026-10-23", SMALL),
    "gpt-5": Going("2026-12-11", LARGE),
    "gpt-5-mini": Going("2026-12-11", SMALL),
    "gpt-5-nano": Going("2026-12-11", SMALL),
    "gpt-5-chat-latest": Going("2026-07-23", LARGE),
    "gpt-5.1": Going("2027-04-01", LARGE),
    "gpt-5.1-chat-latest": Going("2026-07-23", LARGE),
    "gpt-5.2-chat-latest": Going("2026-08-10", LARGE),
    "gpt-5.3-chat-latest": Going("2026-08-10", LARGE),
    "gpt-5.4-nano": Going("2027-04-01", SMALL),
}
"""By model id; a dated snapshot goes with its model unless it is listed itself."""

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4})$")
_REASONING = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d{2}))(?!.*chat-latest)")


def going(model: str) -> Going | None:
    """Return when the model goes and its successor, or None; a fine-tuned model goes with the one it was made from."""
    base = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model
    return MODELS_GOING.get(base) or MODELS_GOING.get(_SNAPSHOT.sub("", base))


def is_reasoning(model: str) -> bool:
    """Whether the model refuses `temperature` and `top_p`."""
    return _REASONING.match(model) is not None
