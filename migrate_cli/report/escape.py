"""Makes untrusted text harmless and numbers readable, for reports of every format. Pure.

Ids, file names and server messages come from outside: a terminal must not obey escape sequences in them, and characters
that reverse the direction of a line must not deceive a reader.
"""

from __future__ import annotations

import re

from migrate_cli.secrets import scrub

_SPACE = re.compile(r"[\t\r\n\f\v\x85\u2028\u2029]+")
# C0 and C1 controls, bidirectional overrides and isolates, zero-width characters, lone surrogates, non-characters.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")

NOTHING = "-"
"""What a cell without a value shows."""

MINUTE, HOUR, DAY = 60, 3600, 86400


def visible(value: object) -> str:
    """Return one line: line breaks become spaces, what a terminal would obey becomes `\\x1b` and the like."""
    text = _SPACE.sub(" ", scrub(str(value)))
    return _UNSAFE.sub(_as_escape, text).strip()


def visible_block(value: object) -> str:
    """Like `visible`, but line breaks and tabs stay."""
    return "\n".join(
        _UNSAFE.sub(lambda hit: hit.group() if hit.group() == "\t" else _as_escape(hit), line)
        for line in re.split(r"\r\n|[\r\n\u2028\u2029\x85]", scrub(str(value)))
    )


def cell(value: object) -> object:
    """Return a cell of a table that a spreadsheet may open: no formula, and no character that anything obeys."""
    if not isinstance(value, str):
        return value
    quoted = "'" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    return quoted + _UNSAFE.sub(_as_escape, value)


def _as_escape(hit: re.Match[str]) -> str:
    code = ord(hit.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def number(value: object) -> str:
    """Return a number with thousands separators; anything else as `visible` text, and a dash for nothing."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    return visible(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return `1 thread`, `2,000 threads`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def enumerated(clauses: list[str]) -> str:
    """Return `one`, `one and two`, `one, two and three`."""
    return " and ".join([*filter(None, [", ".join(clauses[:-1])]), *clauses[-1:]])


def percent(part: int, whole: int) -> str:
    """Return a share that never rounds something to nothing: `0 %`, `<0.1 %`, `12.5 %`, `>99.9 %`, `100 %`."""
    if whole <= 0 or part <= 0:
        return "0 %"
    if part >= whole:
        return "100 %"
    share = 100 * part / whole
    if share < 0.1:
        return "<0.1 %"
    return ">99.9 %" if share > 99.9 else f"{share:.1f} %"


def duration(seconds: float) -> str:
    """Return `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min` or `3 d 4 h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
