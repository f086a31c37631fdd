"""`replay` under latency, broken streams and kills; `make replays` does the same with 200 cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.replays import replayed_under_fire


@pytest.mark.parametrize(("kills", "lists"), [(0, False), (2, False), (2, True)])
def test_verdicts_are_right_and_nothing_is_changed_or_left(tmp_path: Path, kills: int, *, lists: bool) -> None:
    figures = replayed_under_fire(tmp_path, cases=20, workers=8, kills=kills, latency_ms=20, share=0.08, lists=lists)
    assert figures.right, figures
    assert figures.kills == kills
    assert (figures.found > 0) is (kills > 0)
    assert figures.broken > 0
    if lists:
        assert (figures.empty, figures.counters["unclear"]) == (0, 0), "what a kill cut off stands in the list"
