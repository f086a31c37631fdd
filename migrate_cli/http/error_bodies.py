"""What an error says, in every form that servers give it: of an answer's body, or of an event in a stream. Pure.

OpenAI nests `message` and `code` under `error`. Other servers of the same API answer as their framework does: a text or
a list under `detail`, a plain `error`, a problem document (RFC 9457). It must not judge what an error means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_TOLD = 5
"""Entries of a list of faults that are told."""
_DEEPEST = 4
"""Objects in one another that are looked into: no server nests further."""
_INSIDE = ("error", "detail", "errors", "message")
"""Where the sentence stands, or an object that holds it, the surest first."""


def told_in(body: object) -> tuple[object, str]:
    """Return the code (whatever was given for one; None without) and the sentence (empty without) of an error."""
    return _code(body, 0), _sentence(body, 0)


def holds_error(event: dict[str, Any]) -> bool:
    """Whether an object that does not say what it is can only be an error."""
    return any(event.get(name) for name in ("error", "detail", "errors")) and bool(told_in(event)[1])


def _code(body: object, depth: int) -> object:
    if not isinstance(body, dict) or depth > _DEEPEST:
        return None
    for name in _INSIDE:
        inner = _code(body.get(name), depth + 1)
        if inner is not None:
            return inner
    return body.get("code")


def _sentence(body: object, depth: int) -> str:
    if isinstance(body, str):
        return body.strip()
    if depth > _DEEPEST:
        return ""
    if isinstance(body, list):
        told = [sentence for entry in body if (sentence := _entry(entry, depth + 1))]
        more = f" (and {len(told) - MOST_TOLD} more)" if len(told) > MOST_TOLD else ""
        return "; ".join(told[:MOST_TOLD]) + more
    return _of_object(body, depth) if isinstance(body, dict) else ""


def _of_object(body: dict[str, Any], depth: int) -> str:
    said = next(_said(body, depth), "")
    title = body.get("title")
    if isinstance(title, str) and title.strip() and title.strip() != said:
        return f"{title.strip()}: {said}" if said else title.strip()
    return said


def _said(body: dict[str, Any], depth: int) -> Iterator[str]:
    # Beside a plain word under `error`, the sentence itself may be under `message`.
    names = ("message", *_INSIDE) if isinstance(body.get("error"), str) else _INSIDE
    for name in (*names, "msg", "error_description", "reason"):
        if sentence := _sentence(body.get(name), depth + 1):
            yield sentence


def _entry(entry: object, depth: int) -> str:
    """One fault of a list; where it names the field that it is about, so does the sentence."""
    sentence = _sentence(entry, depth)
    place = entry.get("loc") if isinstance(entry, dict) else None
    if not sentence or not isinstance(place, list) or not place:
        return sentence
    return f"{'.'.join(str(step) for step in place)}: {sentence}"
