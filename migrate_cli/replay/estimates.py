"""Estimates how many tokens a request and its response take, where no server says. Pure.

The guess leans to the high side, so that limits hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from migrate_cli.convert.tail import estimate_tokens, weigh
from migrate_cli.model import JsonObject
from migrate_cli.replay.response import ModelResponse, Usage

_PER_ITEM = 4
"""Tokens around each item: its role, its separators."""


def tokens_of(items: Iterable[JsonObject]) -> int:
    """About the tokens of some items."""
    there = list(items)
    return weigh(there) + _PER_ITEM * len(there)


def estimated_usage(request: JsonObject, before: int, response: ModelResponse) -> Usage:
    """About what a request took: its fields, the `before` tokens of a history that it only names, and what came."""
    texts = (request.get("instructions"), request.get("tools"), request.get("text"))
    own = sum(estimate_tokens(_as_text(value)) for value in texts if value)
    given = request.get("input")
    asked = tokens_of(given) if isinstance(given, list) else 0
    said = tokens_of(response.items) or estimate_tokens(response.text + response.refusal) * bool(response.text)
    thought = estimate_tokens(response.reasoning) if response.reasoning else 0
    return Usage(own + asked + before, 0, said + thought)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
