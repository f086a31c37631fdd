"""Reads the forms of a time that mean one moment only. Pure.

Never guesses between day and month: a form such as `03.07.2024` is read by the setting `source.time_format` alone.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

MILLISECONDS_FROM = 1e11
"""Numbers above this are milliseconds: as seconds they would lie beyond the year 5000."""
_MICROSECONDS_FROM = 1e14
_NANOSECONDS_FROM = 1e17
_LATEST = 253_402_300_800.0
"""Unix seconds of the year 10000, the last that a calendar here can show."""
_LONGEST = 100
"""Characters of the longest text that is treated as a time."""

_YEAR_FIRST = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:(?:\s*T\s*|,?\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9})\d*)?)?\s*([AaPp][Mm])?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?(?:\s+(?:UTC|GMT|[A-Z]{2,5}|\([^)]{1,60}\)|[+-]\d{4}))?",
)
_DOT_NET = re.compile(r"\\?/Date\((-?\d{1,19})(?:[+-]\d{4})?\)\\?/")
_DIGITS = re.compile(r"(?:19|20)\d{12}")
_JAVASCRIPT = re.compile(
    r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d{2}:\d{2}:\d{2}) (?:GMT|UTC)([+-]\d{4})(?: \(.{1,60}\))?"
)
_MONTH_NAMED = (
    *("%a %b %d %H:%M:%S %Y", "%b %d, %Y %H:%M:%S", "%b %d, %Y %H:%M", "%b %d, %Y %I:%M:%S %p", "%b %d, %Y %I:%M %p"),
    *("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y, %I:%M %p", "%b %d, %Y", "%B %d, %Y %H:%M:%S", "%B %d, %Y %H:%M"),
    *("%B %d, %Y %I:%M:%S %p", "%B %d, %Y %I:%M %p", "%B %d, %Y at %I:%M:%S %p", "%B %d, %Y at %I:%M %p", "%B %d, %Y"),
    *("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%d %B %Y %H:%M:%S", "%d %B %Y %H:%M", "%d %B %Y"),
    *("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d-%b-%Y"),
)
"""Forms whose month is a word, so that nothing is to be guessed."""


def unix_seconds(value: Any) -> float | None:
    """Return unix seconds of epoch seconds, milli-, micro- or nanoseconds, or a text; None for anything else.

    A text without an offset is taken as UTC.
    """
    if type(value) is int and 0 <= value < MILLISECONDS_FROM:
        return value
    if isinstance(value, str):
        return _seconds_of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    seconds = float(value)
    if seconds > _NANOSECONDS_FROM:
        seconds /= 1_000_000_000
    elif seconds > _MICROSECONDS_FROM:
        seconds /= 1_000_000
    elif seconds > MILLISECONDS_FROM:
        seconds /= 1000
    if not -_LATEST < seconds < _LATEST:
        return None
    return int(seconds) if seconds.is_integer() else seconds


def seconds_by(text: str, form: str) -> float | None:
    """Return unix seconds of a text in a form of `strptime`; None where it has another form."""
    try:
        return _seconds(datetime.strptime(text.strip(), form))
    except (ValueError, OverflowError):
        return None


def _seconds_of_text(text: str) -> float | None:
    if _DIGITS.fullmatch(text):
        return seconds_by(text, "%Y%m%d%H%M%S")
    try:
        return unix_seconds(float(text))
    except ValueError:
        pass
    try:
        return _seconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return _seconds_of_other(text) if 8 <= len(text) <= _LONGEST else None


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def _seconds_of_other(text: str) -> float | None:
    """Return the seconds of forms that are no ISO 8601, or not all of it."""
    if found := _DOT_NET.fullmatch(text):
        # Always milliseconds, however few; the offset only says where it was written.
        return unix_seconds(int(found[1]) / 1000) if abs(int(found[1])) < _LATEST * 1000 else None
    if found := _YEAR_FIRST.fullmatch(text):
        return _year_first(found)
    if found := _JAVASCRIPT.fullmatch(text):
        return seconds_by(f"{found[1]} {found[2]} {found[3]} {found[4]} {found[5]}", "%b %d %Y %H:%M:%S %z")
    for form in _MONTH_NAMED if any(map(str.isalpha, text)) else ():
        seconds = seconds_by(text, form)
        if seconds is not None:
            return seconds
    if text[:1].isalpha() or " " in text:
        return _mail_date(text)
    return None


def _year_first(found: re.Match[str]) -> float | None:
    year, _, month, day, hour, minute, second, fraction, half, zone = found.groups()
    hours = int(hour or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    zone = zone or ("UTC" if found[0].endswith(("UTC", "GMT")) else "")
    if not zone and re.search(r"\s[A-Z]{2,5}$", found[0]) and half is None:
        return None  # a zone of letters, of which some mean several
    offset = "" if zone in ("", "Z", "z", "UTC", "GMT") else zone if ":" in zone or len(zone) == 3 else _colon(zone)
    text = (
        f"{year}-{int(month):02}-{int(day):02}T{hours:02}:{minute or '00'}:{second or '00'}"
        f".{(fraction or '0').ljust(6, '0')[:6]}{offset or '+00:00'}"
    )
    try:
        return _seconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _colon(zone: str) -> str:
    return f"{zone[:3]}:{zone[3:]}"


def _mail_date(text: str) -> float | None:
    """Return the seconds of a date as mails have it, whose month is a word."""
    if not re.match(r"(?:[A-Z][a-z]{2}, )?\d{1,2}[ -][A-Z][a-z]{2}[ -]\d{4} ", text):
        return None
    try:
        return _seconds(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None
