"""Progress on stderr: truthful, throttled, and silent where nobody looks."""

from __future__ import annotations

import io
import json

import pytest
from migrate_cli.report.progress import (
    JsonProgress,
    LiveProgress,
    PlainProgress,
    ProgressCounts,
    SilentProgress,
    describe,
    progress_view,
)


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_come_once_a_second_and_at_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    view = JsonProgress(stream, clock)
    view.start(100, "Migrating")
    for _ in range(50):
        clock.now += 1 / 16  # exact in binary
        view.thread_done("loaded", 4)
    view.close()
    view.close()
    written = lines(stream)
    assert [line["threads"] for line in written] == [0, 16, 32, 48, 50]
    assert written[-1]["done"] is True
    assert written[-1]["messages"] == 200
    assert written[-1]["states"] == {"loaded": 50}
    assert written[-1]["seconds_left"] == 3.1


def test_a_long_thread_still_shows_a_sign_of_life() -> None:
    stream, clock = io.StringIO(), Clock()
    view = JsonProgress(stream, clock)
    view.start(None, "Migrating")
    clock.now += 5
    view.rates(120.0)
    assert lines(stream)[-1]["requests_per_minute"] == 120.0


def test_the_live_bar_draws_at_most_ten_times_a_second() -> None:
    stream, clock = io.StringIO(), Clock()
    view = LiveProgress(stream, clock)
    view.start(10_000, "Migrating")
    drawn = 0
    original = view._draw

    def counted() -> None:
        nonlocal drawn
        drawn += 1
        original()

    view._draw = counted  # type: ignore[method-assign]
    for _ in range(10_000):
        clock.now += 0.0001
        view.thread_done("loaded", 1)
    view.close()
    assert drawn <= 12


def test_the_live_bar_shows_notes_and_hides_control_characters() -> None:
    stream = io.StringIO()
    view = LiveProgress(stream, Clock())
    view.start(2, "Migrating")
    view.note("Slowing down [bold] \x1b[31m")
    view.close()
    assert "Slowing down [bold] \\x1b[31m" in stream.getvalue()


def test_the_words_beside_the_bar_say_pace_time_left_and_what_went_aside() -> None:
    tally = ProgressCounts(started=0.0, total=100, what="Migrating")
    for state in ["loaded"] * 48 + ["failed", "in_doubt"]:
        tally.count(state, 10)
    tally.requests_per_minute = 1234.4
    numbers, aside = describe(tally, 10.0)
    assert numbers == "50/100 threads · 50 msg/s · 1,234 req/min · 10 s left"
    assert aside == "1 failed · 1 in doubt"


@pytest.mark.parametrize(
    ("mode", "tty", "quiet", "kind"),
    [
        ("auto", True, False, LiveProgress),
        ("auto", False, False, PlainProgress),
        ("auto", True, True, SilentProgress),
        ("none", True, False, SilentProgress),
        ("json", False, True, JsonProgress),
    ],
)
def test_the_view_fits_the_reader(mode: str, tty: bool, quiet: bool, kind: type) -> None:
    assert type(progress_view(mode, tty, quiet, stream=io.StringIO())) is kind


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="use auto, json or none"):
        progress_view("fancy", True, False)


def test_silence_is_silent_and_plain_writes_only_notes(capsys: pytest.CaptureFixture[str]) -> None:
    for view in (SilentProgress(), PlainProgress()):
        view.start(1, "x")
        view.thread_done("loaded", 1)
        view.rates(1.0)
        view.note("noted")
        view.close()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "noted\n")
