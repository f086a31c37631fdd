"""Messages that only requests show: told from those that an answer shows too, and put in place. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.times import unix_seconds

_SECONDS_APART = 60
"""How far the time of a message may lie from that of the answer to the request that made it."""


@dataclass(frozen=True, slots=True)
class RequestedMessage:
    """A message that a request asked to be created."""

    raw: JsonObject
    number: int
    """The place of the exchange in the recording."""
    first: bool = False
    """Whether it was created with its thread, so that nothing is before it."""
    run_id: str | None = None
    """The run that it was created with, whose messages follow."""


def requested(entries: Any, thread_id: str, number: int, *, start: int = 0, **facts: Any) -> list[RequestedMessage]:
    """Return the messages that a list in a request names; `facts` may tell `first`, `run_id` and `created_at`."""
    created = facts.pop("created_at", None)
    found: list[RequestedMessage] = []
    for place, entry in enumerate(entries if isinstance(entries, list) else [], start + 1):
        if not isinstance(entry, dict):
            continue
        raw: JsonObject = {
            "id": f"{thread_id}#request-{number}-{place}",
            "object": "thread.message",
            "created_at": created,
            "thread_id": thread_id,
            "role": entry.get("role") or "user",
            **{key: value for key, value in entry.items() if key not in ("id", "role")},
        }
        found.append(RequestedMessage(raw, number, **facts))
    return found


def only_requested(wanted: Iterable[RequestedMessage], answered: Iterable[JsonObject]) -> list[RequestedMessage]:
    """Return what no answer shows: a message of the same role and content, the newest first, each once."""
    left: dict[Any, list[JsonObject]] = {}
    for raw in answered:
        left.setdefault(_gist(raw), []).append(raw)
    missing: list[RequestedMessage] = []
    for one in reversed(list(wanted)):
        same = left.get(_gist(one.raw), [])
        place = next((place for place in reversed(range(len(same))) if _may_be(same[place], one.raw)), None)
        if place is None:
            missing.append(one)
        else:
            del same[place]
    return missing[::-1]


def put_in(order: list[JsonObject], missing: Iterable[RequestedMessage], seen: Mapping[str, int]) -> list[JsonObject]:
    """Return messages with those of requests among them; `seen` says which exchange showed a message first."""
    placed = list(order)
    opening: list[JsonObject] = []
    for one in missing:
        if one.first:
            opening.append(one.raw)
            continue
        placed.insert(_place(placed, one, seen), one.raw)
    return [*opening, *placed]


def _place(order: list[JsonObject], one: RequestedMessage, seen: Mapping[str, int]) -> int:
    if one.run_id is not None:
        place = _first(order, lambda raw: raw.get("run_id") == one.run_id)
        if place is not None:
            return place
    time = unix_seconds(one.raw.get("created_at"))
    if time is not None:
        place = _first(order, lambda raw: (unix_seconds(raw.get("created_at")) or 0) > time)
        return len(order) if place is None else place
    known = [place for place, raw in enumerate(order) if seen.get(str(raw.get("id")), one.number) < one.number]
    return known[-1] + 1 if known else 0 if any(str(raw.get("id")) in seen for raw in order) else len(order)


def _first(order: list[JsonObject], fits: Callable[[JsonObject], bool]) -> int | None:
    return next((place for place, raw in enumerate(order) if fits(raw)), None)


def _may_be(answered: JsonObject, wanted: JsonObject) -> bool:
    """Whether the times allow that a message is the one that was asked for."""
    one, other = unix_seconds(answered.get("created_at")), unix_seconds(wanted.get("created_at"))
    return one is None or other is None or abs(one - other) <= _SECONDS_APART


def _gist(raw: JsonObject) -> tuple[Any, ...]:
    content = raw.get("content")
    parts = content if isinstance(content, list) else [content]
    return (str(raw.get("role")), *(_part_gist(part) for part in parts))


def _part_gist(part: Any) -> str:
    if isinstance(part, dict):
        text = part.get("text")
        if isinstance(text, dict):
            text = text.get("value")
        if isinstance(text, str):
            return text
        image = part.get("image_file", part.get("image_url"))
        if isinstance(image, dict):
            return str(image.get("file_id", image.get("url")))
    return str(part)
