"""What is known after a request: applied, certainly not applied, refused for good, or unclear. Values and their table.

The table is pure: status, headers and body in, value out. It must not send or wait.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from migrate_cli.bounds import TooDeepError, loads
from migrate_cli.http.error_bodies import holds_error, told_in
from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub


@dataclass(frozen=True, slots=True)
class Applied:
    """2xx with a JSON object in the body. Whether it holds what was sent is the loader's to check."""

    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def request_id(self) -> str | None:
        """The id that the server gave the request; looked at only where a doubt arises, since it costs a search."""
        return request_id_of(self.headers)


class NotAppliedKind(StrEnum):
    """Why a request certainly had no effect."""

    UNREACHABLE = "unreachable"
    """No connection was made."""
    PROXY = "proxy"
    """A proxy on the way answered in place of the host."""
    THROTTLED = "throttled"
    LOCKED = "locked"
    """Somebody else is writing to the conversation."""


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Certainly not applied, and worth sending again later: never sent, 429, `conversation_locked`."""

    kind: NotAppliedKind
    reason: str
    wait: float | None = None
    """Seconds that the server asked for."""
    silent: bool = field(default=False, compare=False)
    """Nothing came in time, not even a refusal."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not applied, and the same request will be refused again: 400, 403, 404, 413, 422."""

    status: int
    code: str
    message: str
    """The server's sentence, scrubbed of secrets and cut to a sane length."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Perhaps applied, perhaps not, perhaps later: the target must be asked before anything is sent again."""

    reason: str
    request_id: str | None = None
    silent: bool = field(default=False, compare=False)
    """Nothing came in time."""


@dataclass(frozen=True, slots=True)
class OutOfBounds(Ambiguous):
    """An answer came, larger or deeper than the settings allow: whoever reads again would get it again."""


Reply = Applied | NotApplied | Refused | Ambiguous


@dataclass(frozen=True, slots=True)
class Page:
    """One page of items, in the order asked for."""

    items: list[JsonObject]
    has_more: bool
    addresses: bool = True
    """False where images' addresses were wanted, and the target refuses to be asked for them."""


class Draining(Exception):
    """The run is ending, and this request was not sent."""


LONGEST_SENTENCE = 500
"""Characters of a server's message that are kept; some servers answer with whole pages."""


def of_success(content: bytes, headers: Mapping[str, str]) -> Applied | Ambiguous:
    """Return what a 2xx tells: a proxy's login page or a body cut in the middle leaves it open what was done."""
    try:
        body = loads(content)
    except TooDeepError as error:
        return OutOfBounds(f"the answer is {error}", request_id_of(headers))
    except ValueError:
        page = content.lstrip()[:1] == b"<"
        reason = (
            "the answer was a web page, perhaps of a proxy or a login; open the URL in a browser"
            if page
            else "the answer was not complete JSON"
        )
        return Ambiguous(reason, request_id_of(headers))
    if not isinstance(body, dict):
        return Ambiguous("the answer was not a JSON object", request_id_of(headers))
    if not any(name in body for name in _OF_SUCCESS) and holds_error(body):
        return Ambiguous(f"the answer was an error: {_sentence(told_in(body)[1])}", request_id_of(headers))
    return Applied(body, headers)


_OF_SUCCESS = ("id", "object", "data", "text")
"""Keys of which every answer of success has one; some gateways send an error with the status of a success."""


def _sentence(message: str) -> str:
    return scrub(message)[:LONGEST_SENTENCE].rstrip(".")


def of_error(
    status: int, headers: Mapping[str, str], content: bytes, *, now: datetime | None = None
) -> NotApplied | Refused | Ambiguous:
    """Return what an error status tells about a write.

    429 and `conversation_locked` were not applied and may be sent again. 408, 409 and 5xx may come after the change
    was made. Every other 4xx is definite. Redirects never get here (see `origins.py`).
    """
    code, message = error_of(status, content)
    if status == 429:
        return NotApplied(NotAppliedKind.THROTTLED, code or "rate_limited", retry_after(headers, now=now))
    if status == 400 and code == "conversation_locked":
        return NotApplied(NotAppliedKind.LOCKED, code, retry_after(headers, now=now))
    if status in (408, 409) or status >= 500 or status < 300:
        return Ambiguous(f"status {status}", request_id_of(headers))
    return Refused(status, code or f"http-{status}", message)


def error_of(status: int, content: bytes) -> tuple[str | None, str]:
    """Return the error's code and its sentence, scrubbed and cut; any body will do."""
    try:
        code, message = told_in(loads(content))
    except ValueError:
        code, message = None, _plain(content)
    sentence = scrub(message)[:LONGEST_SENTENCE] or f"the server answered {status}"
    # Some servers repeat the status where a code belongs.
    return None if str(code) == str(status) else _word(code), sentence


def _plain(content: bytes) -> str:
    """The one line that a proxy or a gateway says; empty for a page, for several lines, and for what is not text."""
    try:
        text = content[: 4 * LONGEST_SENTENCE + 4].decode().strip()
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= LONGEST_SENTENCE and text.isprintable() and text[:1] not in ("<", "{", "[") else ""


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the id that the server gave the request, when it looks like one."""
    return _word(headers.get("x-request-id"))


def _word(value: object) -> str | None:
    """A code or an id, as it may be stored: one word without a secret in it; None for anything else."""
    text = str(value) if value is not None else ""
    return text if _WORD.fullmatch(text) and scrub(text) == text else None


_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds that a server asks to wait: `retry-after-ms`, or `retry-after` as seconds or HTTP date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def rate_told(headers: Mapping[str, str]) -> tuple[float, float] | None:
    """Return the requests a second that `x-ratelimit-…-requests` tell, and how many are left; None without them.

    `reset` is the time until the limit is full again, so what is missing from it, divided by that time, is the rate,
    whether the limit is one of a minute or of a day.
    """
    limit = _number(headers.get("x-ratelimit-limit-requests"))
    if limit is None:
        return None
    left = _number(headers.get("x-ratelimit-remaining-requests"))
    reset = _duration(headers.get("x-ratelimit-reset-requests"))
    if left is None or not reset or left >= limit:
        return None
    return (limit - left) / reset, left


def _duration(value: str | None) -> float | None:
    """Seconds of a duration as Go writes it: `12ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    if value is None or not _DURATION.fullmatch(value):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _STEP.findall(value))


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_STEP = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_DURATION = re.compile(rf"(?:{_STEP.pattern})+")


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None
