"""From a live host by every way to conversations, short: kills, faults and tokens that expire. `make live` is long."""

from __future__ import annotations

from support import live


def test_host_snapshot_and_export_become_the_same_conversations_whatever_happens_on_the_way() -> None:
    figures = live.live(25, 2, seed=3)
    assert figures.clean, "\n".join(figures.lines())
    assert [figures.kills, figures.snapshot_kills] == [2, 2]
    assert figures.tokens > figures.lives + figures.snapshot_lives + 1, "no token expired"
    assert all(figures.requests.values())
    assert figures.faults["source"] and figures.faults["target of the host"]
