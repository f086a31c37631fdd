"""What is known about models: when old ones are shut down, their successors, and the size of their context windows.

Source of the dates and of most successors: the vendor's page of deprecations; of the windows: the makers' model pages.
Where the page names no successor, it is a choice of this program: the current model of about the same size; try it with
`replay` before relying on it. The tables age, so every statement made from them gives their date, and a date that the
target itself gives for a model wins. Data and lookups; another model's window is given on the command line, as
`NAME=TOKENS`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import NamedTuple

AS_OF = "2026-11-30"
"""The day on which the tables were compared with their sources."""
_TABLE = f"as of {AS_OF}"
_TARGET = "says the target"


class Retirement(NamedTuple):
    """When a model is shut down, and what replaces it."""

    date: str
    """ISO date of the shutdown."""
    successor: str
    known: str = _TABLE
    """Who says so, or as of when."""

    def told(self, today: datetime.date | None) -> str:
        """Say when it is, or was, shut down, and how that is known; without `today`, both are left open."""
        if today is None:
            return f"is or was shut down on {self.date} ({self.known})"
        return f"{'is' if self.date > today.isoformat() else 'was'} shut down on {self.date} ({self.known})"


LARGE = "gpt-5.5"
SMALL = "gpt-5.4-mini"
_LUNA = "gpt-6-luna"
_AUDIO = "gpt-audio-1.5"

NOTHING_LISTED: Mapping[str, str] = {}
"""Used for a target that was not asked for dates, or gives none."""

MODELS_GOING: dict[str, Retirement] = {
    "gpt-3.5-turbo": Retirement("2026-10-23", SMALL),
    "gpt-35-turbo": Retirement("2026-10-23", SMALL),
    "gpt-3.5-turbo-0301": Retirement("2024-09-13", SMALL),
    "gpt-3.5-turbo-0613": Retirement("2024-09-13", SMALL),
    "gpt-3.5-turbo-1106": Retirement("2026-09-28", SMALL),
    "gpt-3.5-turbo-16k": Retirement("2024-09-13", SMALL),
    "gpt-4": Retirement("2026-10-23", LARGE),
    "gpt-4-0314": Retirement("2026-03-26", LARGE),
    "gpt-4-32k": Retirement("2025-06-06", LARGE),
    "gpt-4-0125-preview": Retirement("2026-03-26", LARGE),
    "gpt-4-1106-preview": Retirement("2026-10-23", LARGE),
    "gpt-4-turbo": Retirement("2026-10-23", LARGE),
    "gpt-4-turbo-preview": Retirement("2026-03-26", LARGE),
    "gpt-4-vision-preview": Retirement("2024-12-06", LARGE),
    "gpt-4o-2024-05-13": Retirement("2026-10-23", LARGE),
    "gpt-4o": Retirement("2027-01-14", _LUNA),
    "gpt-4o-mini": Retirement("2027-01-14", _LUNA),
    "gpt-4o-search-preview": Retirement("2026-07-23", _LUNA),
    "gpt-4o-mini-search-preview": Retirement("2026-07-23", _LUNA),
    "gpt-4o-audio-preview": Retirement("2026-05-07", _AUDIO),
    "gpt-4o-mini-audio-preview": Retirement("2026-05-07", _AUDIO),
    "gpt-audio-mini": Retirement("2027-01-20", _AUDIO),
    "chatgpt-4o-latest": Retirement("2026-02-17", LARGE),
    "gpt-4.1": Retirement("2027-01-14", _LUNA),
    "gpt-4.1-mini": Retirement("2027-01-14", _LUNA),
    "gpt-4.1-nano": Retirement("2026-10-23", SMALL),
    "o1": Retirement("2026-10-23", LARGE),
    "o1-preview": Retirement("2025-07-28", LARGE),
    "o1-mini": Retirement("2025-10-27", SMALL),
    "o1-pro": Retirement("2026-10-23", LARGE),
    "o3": Retirement("2026-12-11", LARGE),
    "o3-mini": Retirement("2026-10-23", SMALL),
    "o3-pro": Retirement("2026-12-11", LARGE),
    "o3-deep-research": Retirement("2026-07-23", LARGE),
    "o4-mini": Retirement("2026-10-23", SMALL),
    "o4-mini-deep-research": Retirement("2026-07-23", LARGE),
    "computer-use-preview": Retirement("2026-07-23", SMALL),
    "codex-mini-latest": Retirement("2026-02-12", SMALL),
    "gpt-5": Retirement("2026-12-11", "gpt-6.1-sol"),
    "gpt-5-mini": Retirement("2026-12-11", "gpt-6.1-terra"),
    "gpt-5-nano": Retirement("2026-12-11", SMALL),
    "gpt-5-pro": Retirement("2026-12-11", LARGE),
    "gpt-5-codex": Retirement("2026-07-23", LARGE),
    "gpt-5-chat-latest": Retirement("2026-07-23", LARGE),
    "gpt-5.1": Retirement("2027-04-01", LARGE),
    "gpt-5.1-chat-latest": Retirement("2026-07-23", LARGE),
    "gpt-5.1-codex": Retirement("2026-07-23", LARGE),
    "gpt-5.1-codex-max": Retirement("2026-07-23", LARGE),
    "gpt-5.1-codex-mini": Retirement("2026-07-23", SMALL),
    "gpt-5.2-chat-latest": Retirement("2026-08-10", LARGE),
    "gpt-5.2-codex": Retirement("2026-07-23", LARGE),
    "gpt-5.3-chat-latest": Retirement("2026-08-10", LARGE),
    "gpt-5.3-codex": Retirement("2027-04-01", LARGE),
    "gpt-5.4-nano": Retirement("2027-04-01", SMALL),
}
"""By model id; a dated snapshot goes with its model unless it is listed itself."""

_IMAGES = "gpt-image-2.6, or no model at all, which takes the current one"
IMAGE_MODELS_GOING: dict[str, Retirement] = {
    "chatgpt-image-latest": Retirement("2026-12-01", _IMAGES),
    "dall-e-2": Retirement("2026-05-12", _IMAGES),
    "dall-e-3": Retirement("2026-05-12", _IMAGES),
    "gpt-image-1": Retirement("2026-10-23", _IMAGES),
    "gpt-image-1-mini": Retirement("2026-12-01", _IMAGES),
    "gpt-image-1.5": Retirement("2026-12-01", _IMAGES),
}
"""Models of the tool `image_generation`."""

TRANSCRIBES = "gpt-transcribe"
TRANSCRIPTION_MODELS_GOING: dict[str, Retirement] = {
    name: Retirement("2027-02-26", TRANSCRIBES)
    for name in ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize")
}

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
    "gpt-6-luna": 1_050_000,
    "gpt-6.1-terra": 1_050_000,
}
"""Tokens in one request, history, tools and answer together, by model id; a dated snapshot has that of its model."""

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4})$")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""For windows only a whole date counts: gpt-3.5-turbo-0613 took fewer tokens than gpt-3.5-turbo does."""
_IS_SMALL = re.compile(r"mini|nano")
_REASONING = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d{2}))(?!.*chat-latest)")


def going(model: str, listed: Mapping[str, str] = NOTHING_LISTED) -> Retirement | None:
    """Return when the model goes and its successor, or None; a fine-tuned model goes with the one it was made from.

    `listed` are the dates that the target itself tells, by model id.
    """
    base = _base_of(model)
    known = MODELS_GOING.get(base) or MODELS_GOING.get(_SNAPSHOT.sub("", base))
    return _as_listed((model, base), listed, known, SMALL if _IS_SMALL.search(base) else LARGE)


def image_model_going(model: str, listed: Mapping[str, str] = NOTHING_LISTED) -> Retirement | None:
    """Return when a model of the tool `image_generation` goes, or None."""
    return _as_listed((model,), listed, IMAGE_MODELS_GOING.get(_DATED.sub("", model)), _IMAGES)


def transcription_model_going(model: str, listed: Mapping[str, str] = NOTHING_LISTED) -> Retirement | None:
    """Return when a transcription model goes, or None."""
    known = TRANSCRIPTION_MODELS_GOING.get(_DATED.sub("", model))
    return _as_listed((model,), listed, known, TRANSCRIBES)


def _as_listed(
    names: tuple[str, ...], listed: Mapping[str, str], known: Retirement | None, successor: str
) -> Retirement | None:
    """Return what the target says of the first of these names that it knows a date of, or else what is known here."""
    date = next((listed[name] for name in names if name in listed), None)
    return known if date is None else Retirement(date, known.successor if known else successor, _TARGET)


def window_of(model: str) -> int | None:
    """Return the window of a model, or None; a fine-tuned model has that of the one it was made from."""
    base = _base_of(model)
    return WINDOWS.get(base) or WINDOWS.get(_DATED.sub("", base))


def _base_of(model: str) -> str:
    """The model that a fine-tuned one, `ft:MODEL:…`, was made from; any other is its own."""
    return model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model


def is_reasoning(model: str) -> bool:
    """Whether the model refuses `temperature` and `top_p`."""
    return _REASONING.match(model) is not None


def is_known(model: str) -> bool:
    """Whether the name is a model's, so that what it takes can be told from it; else it is a deployment's, or new."""
    return going(model) is not None or window_of(model) is not None or is_reasoning(model)
