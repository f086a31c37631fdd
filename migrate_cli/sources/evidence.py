"""What tells the order of a thread's messages, and whether they are all there; weak evidence becomes a finding. Pure.

It looks at messages that are already in order (`ordering.py` puts them so), once. It must not change anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.sources.normalise import Notes, clean_id
from migrate_cli.sources.times import MILLISECONDS_FROM, unix_seconds

PAGES = frozenset({20, 50, 100})
"""How many entries a page of a list has when nobody asks for another: those of the API, and of common clients."""
INCOMPLETE = "thread-may-be-incomplete"
_SHOWN = 3
"""Forms of times that a finding shows."""
_LONGEST_FORM = 40


@dataclass(slots=True)
class Chronicle:
    """What the times of messages tell, first to last."""

    count: int = 0
    first: Any = None
    last: Any = None
    earliest: float | None = None
    latest: float | None = None
    missing: int = 0
    unreadable: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    """Forms of times that cannot be read, such as `00.00.0000 00:00`."""
    kinds: set[str] = field(default_factory=set)
    """Ways in which those are written that can be read."""
    gone_back: str | None = None
    """The id of the first message that is older than one before it; empty where it has none."""

    @property
    def tells(self) -> bool:
        """Whether there are times that differ, so that they tell a direction."""
        return self.earliest != self.latest

    @property
    def looks_reversed(self) -> bool:
        """Whether the messages begin with an answer and end with a question."""
        return bool(_role(self.first) == "assistant" and _role(self.last) == "user")


def chronicle_of(raws: Iterable[Any]) -> Chronicle:
    """Look at messages in order, once."""
    seen = Chronicle()
    count, latest, earliest = 0, float("-inf"), float("inf")
    seconds: float | None
    is_plain = False
    raw: Any = None
    for raw in raws:
        if type(raw) is not dict:
            continue
        if not count:
            seen.first = raw
        count += 1
        seen.last = raw
        when = raw.get("created_at")
        if type(when) is int and 0 <= when < MILLISECONDS_FROM:
            seconds, is_plain = when, True
        else:
            seconds = _odd(when, seen)
            if seconds is None:
                continue
        if seconds >= latest:
            latest = seconds
        elif seen.gone_back is None:
            seen.gone_back = clean_id(raw.get("id")) or ""
        earliest = min(earliest, seconds)
    if is_plain:
        seen.kinds.add("a number of seconds")
    seen.count = count
    if earliest <= latest:
        seen.earliest, seen.latest = earliest, latest
    return seen


def _odd(when: Any, seen: Chronicle) -> float | None:
    """Read a time that is not a plain number of seconds, and note how it is written."""
    if when is None or when == "":
        seen.missing += 1
        return None
    seconds = unix_seconds(when)
    if seconds is None:
        seen.unreadable += 1
        if len(seen.forms) < _SHOWN:
            seen.forms[form_of(when)] += 1
    else:
        seen.kinds.add(_kind(when))
    return seconds


def _kind(when: Any) -> str:
    """How a time that can be read is written."""
    if isinstance(when, str) and not _NUMBER.fullmatch(when.strip()):
        return "a date with an offset" if _OFFSET.search(when) else "a date without an offset"
    number = float(when)
    return "a number of seconds" if number < MILLISECONDS_FROM else "a number of milliseconds or less"


_NUMBER = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_OFFSET = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d(?::?\d\d)?)\s*$")


def form_of(value: Any) -> str:
    """Return the form of a value without its content: digits become 0, letters a; what is not text is named."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    masked = "".join(map(_masked, text[:_LONGEST_FORM]))
    return f"{masked}…" if len(text) > _LONGEST_FORM else masked


def _masked(sign: str) -> str:
    if sign.isdigit():
        return "0"
    return "a" if sign.isalpha() else sign if sign.isascii() and sign.isprintable() else "?"


def _role(raw: Any) -> Any:
    return raw.get("role") if isinstance(raw, dict) else None


def note_order(notes: Notes, seen: Chronicle, known_by: str | None, field_name: str = "created_at") -> str:
    """Note what is weak about the order of messages, and return what it is known by, for the certificate.

    `known_by` is what tells the order whatever the times are: an order column, the setting, a request; else None.
    """
    if seen.gone_back is not None:
        detail = "It is older than one before it; the order is kept."
        notes.add("order-not-chronological", detail, seen.gone_back or None)
    _note_times(notes, seen, field_name)
    if known_by is not None:
        return known_by
    if seen.count < 2:
        return "a single message" if seen.count else "no message"
    if seen.tells:
        return "times"
    if not any(found.code == "order-unknown" for found in notes.findings):
        detail = f"{_why_untold(seen)}; the order of the file was kept."
        notes.add("order-unknown", detail)
    if seen.looks_reversed:
        detail = (
            "It begins with an answer and ends with a question, so the newest message probably comes first; "
            "source.order: newest-first reverses it."
        )
        notes.add("order-probably-reversed", detail)
    return "nothing"


def _why_untold(seen: Chronicle) -> str:
    what = f"its {seen.count:,} messages"
    if seen.missing == seen.count:
        return f"None of {what} has a time"
    if seen.unreadable + seen.missing == seen.count:
        return f"No time of {what} can be read"
    return f"The times of {what} are all the same" + (", if they have one" if seen.missing + seen.unreadable else "")


def _note_times(notes: Notes, seen: Chronicle, field_name: str) -> None:
    if seen.unreadable:
        forms = " or ".join(seen.forms)
        detail = (
            f"{seen.unreadable:,} of {seen.count:,} times ({field_name}) cannot be read; they have the form {forms} "
            "(0: a digit, a: a letter). Describe the format: source.time_format."
        )
        notes.add("time-unreadable", detail)
    if len(seen.kinds) > 1:
        detail = f"Times ({field_name}) are written in {len(seen.kinds)} ways: {', '.join(sorted(seen.kinds))}."
        notes.add("times-in-two-forms", detail)


def told_by_runs(raws: Iterable[Any], runs: Iterable[Any], steps: Iterable[Any]) -> int:
    """Return the direction of a list of messages by when runs made them: 1 oldest first, -1 newest first, 0 untold."""
    made = _made_at(runs, steps)
    if not made:
        return 0
    ways: set[int] = set()
    before: float | None = None
    for raw in raws:
        if not isinstance(raw, dict):
            continue
        when = made.get(clean_id(raw.get("id")) or "") or made.get(clean_id(raw.get("run_id")) or "")
        if when is not None and before is not None and when != before:
            ways.add(1 if when > before else -1)
        before = before if when is None else when
    return ways.pop() if len(ways) == 1 else 0


def _made_at(runs: Iterable[Any], steps: Iterable[Any]) -> dict[str, float]:
    """When each message was made, by its id from the run steps, and by its run's."""
    made: dict[str, float] = {}
    for run in runs:
        when = unix_seconds(run.get("created_at")) if isinstance(run, dict) else None
        if when is not None:
            made[clean_id(run.get("id")) or ""] = when
    for step in steps:
        details = step.get("step_details") if isinstance(step, dict) else None
        creation = details.get("message_creation") if isinstance(details, dict) else None
        when = unix_seconds(step.get("created_at")) if isinstance(creation, dict) else None
        if isinstance(creation, dict) and when is not None:
            made[clean_id(creation.get("message_id")) or ""] = when
    made.pop("", None)
    return made


def missing_side(*, turned: bool | None) -> str:
    """Return which messages a list lacks that ends early; `turned`: whether it stood newest first, None: not known."""
    return "older or newer" if turned is None else "older" if turned else "newer"


def incomplete(side: str, why: str) -> str:
    """Return the sentence on a thread that may lack messages; `side` is `older`, `newer` or both."""
    return f"{why}, so {side} ones may be missing; export the thread again with all pages."


MORE_PROMISED = "The last page of its messages says that there are more"


def note_completeness(notes: Notes, seen: Chronicle, *, has_more: bool | None, turned: bool | None) -> str:
    """Note where messages may be missing, and return what tells that they are all there, for the certificate.

    `has_more` is what the last page said, None where there is no page; `turned` as in `missing_side`.
    """
    if any(found.code == INCOMPLETE and "tool calls" not in found.detail for found in notes.findings):
        return "may be incomplete"
    if has_more:
        notes.add(INCOMPLETE, incomplete(missing_side(turned=turned), MORE_PROMISED))
        return "may be incomplete"
    if has_more is False:
        return "has_more: false"
    if seen.count in PAGES:
        side = "older or newer" if turned is None or not turned else "older"
        if not turned and _role(seen.first) == "assistant":
            side = "older"
        why = f"It has exactly {seen.count} messages, as many as one page, and no other page follows"
        notes.add(INCOMPLETE, incomplete(side, why))
        return "may be incomplete"
    return "no sign of more"


def names_of(columns: Iterable[Mapping[str, str]]) -> str:
    """Return the columns of the time, as far as they are known; else the wire's name."""
    names = dict.fromkeys(found["created_at"] for found in columns if "created_at" in found)
    return ", ".join([*names][:_SHOWN]) or "created_at"


def identity_of(notes: Notes, thread: Mapping[str, Any], raws: Iterable[Any]) -> str:
    """Return what a thread's id is known by."""
    for code, known_by in _IDENTITIES.items():
        if any(found.code == code for found in notes.findings):
            return known_by
    if clean_id(thread.get("id")) == notes.thread_id:
        return "its own object"
    first = next((raw for raw in raws if isinstance(raw, dict)), {})
    return "its messages" if clean_id(first.get("thread_id")) == notes.thread_id else "the key or folder that names it"


_IDENTITIES = {"thread-id-made": "nothing: it was made", "thread-id-from-file-name": "the file's name"}
