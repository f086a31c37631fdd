"""The kill loop, short: a few kills, every fault, and the audit. `make crash` runs the long one."""

from __future__ import annotations

from support import crash


def test_killed_again_and_again_it_ends_with_nothing_lost_or_doubled() -> None:
    figures = crash.run(6, seed=3, threads=40)
    assert figures.kills == 6
    assert figures.clean, "\n".join(figures.lines())
    assert sum(figures.faults.values()) > 0
