"""The numbers of a replay as people read them: times, likeness, money. Pure."""

from __future__ import annotations

import math

from migrate_cli.report.escape import NOTHING, number

_TINY = 1e-9
"""What binary fractions lack: 0.29 times 100 is a little less than 29."""


def milliseconds(value: object) -> str:
    """`812 ms`, `12.4 s`."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def whole_seconds(value: object) -> str:
    """Times of a source that counts whole seconds: `under 1 s`, `5 s`."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value / 1000:,.0f} s" if value >= 1000 else "under 1 s"


def share(value: object) -> str:
    """A likeness with two digits, never rounded up: one that is too low must not look like the threshold."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{math.floor(value * 100 + _TINY) / 100:.2f}"


def threshold(value: object) -> str:
    """The likeness that was wanted, with two digits, or all that it has."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value:.2f}" if round(value, 2) == value else f"{value:g}"


def money(value: object) -> str:
    """An amount in the currency of the prices; nothing where nothing was paid or no price is known."""
    return f"{value:,.4f}" if isinstance(value, int | float) and value else NOTHING


def both(one: object, other: object) -> str:
    """Two numbers that belong together: `920 / 61`."""
    return NOTHING if one is None and other is None else f"{number(one)} / {number(other)}"
