"""Samples of a run's pace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.commands.timeline import MOST, Throughput

NOTES = st.lists(st.tuples(st.floats(0, 100_000), st.integers(0, 500)), max_size=60)


def test_each_second_is_a_sample_with_its_messages() -> None:
    timeline = Throughput()
    for seconds, messages in ((0.2, 10), (0.9, 5), (2.5, 8)):
        timeline.note(seconds, messages)
    assert timeline.rows(3.0) == [
        {"seconds": 1, "messages_per_second": 15.0},
        {"seconds": 2, "messages_per_second": 0.0},
        {"seconds": 3.0, "messages_per_second": 8.0},
    ]


def test_a_last_moment_is_counted_with_the_second_before_it() -> None:
    timeline = Throughput()
    timeline.note(0.5, 10)
    timeline.note(1.1, 12)
    assert timeline.rows(1.1) == [{"seconds": 1.1, "messages_per_second": 20.0}]


def test_a_run_that_sent_nothing_has_no_samples() -> None:
    assert Throughput().rows(10) == []


@given(NOTES)
def test_there_are_never_too_many_samples_and_no_message_is_lost(notes: list[tuple[float, int]]) -> None:
    timeline = Throughput()
    for seconds, messages in sorted(notes):
        timeline.note(seconds, messages)
    rows = timeline.rows(max((seconds for seconds, _ in notes), default=0))
    assert len(rows) <= MOST
    ends = [row["seconds"] for row in rows]
    assert ends == sorted(ends)
    if ends and ends[0] >= 1:
        starts = [0, *ends[:-1]]
        total = sum(
            row["messages_per_second"] * (end - start) for row, start, end in zip(rows, starts, ends, strict=True)
        )
        assert total == pytest.approx(sum(messages for _, messages in notes), abs=0.1 * ends[-1] + 1)
