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


def read(share: float | None, threads: int, done: int, *, total: int | None = None) -> ProgressCounts:
    """Counts of a source whose threads are not counted, of which a share has been read."""
    tally = ProgressCounts(started=0.0, total=total, what="Migrating")
    tally.read(threads, share)
    for _ in range(done):
        tally.count("loaded", 1)
    return tally


def test_a_whole_that_nobody_counted_follows_from_the_share_that_was_read() -> None:
    numbers, _ = describe(read(0.25, 200, 100), 10.0)
    assert numbers == "100 of about 800 threads · 10 msg/s · about 1 min 10 s left"
    line = read(0.25, 200, 100).as_dict(10.0)
    assert (line["total"], line["estimated_total"], line["seconds_left"]) == (None, 800, 70.0)
    assert line["read"] == {"threads": 200, "share": 0.25}


def test_once_all_is_read_the_whole_is_known() -> None:
    tally = read(1.0, 800, 700)
    assert describe(tally, 70.0)[0] == "700/800 threads · 10 msg/s · 10 s left"
    assert (tally.as_dict(70.0)["total"], tally.as_dict(70.0)["estimated_total"]) == (800, None)


def test_a_host_that_still_lists_has_no_whole_and_no_time_left() -> None:
    tally = read(None, 400, 100)
    assert describe(tally, 10.0)[0] == "100 of 400 threads listed so far · 10 msg/s"
    assert tally.eta(10.0) is None


def test_too_few_threads_say_nothing_of_the_rest() -> None:
    tally = read(None, 0, 1, total=400)
    assert "left" not in describe(tally, 1.1)[0]
    assert read(0.001, 3, 3).whole() is None
    assert read(None, 0, 3, total=5).eta(1.0) is not None


def test_a_line_that_stands_still_is_no_estimate() -> None:
    tally = read(None, 0, 20, total=400)
    assert "left" in describe(tally, 10.0)[0]
    assert "left" in describe(tally, 19.0)[0]
    assert describe(tally, 52.0)[0] == "20/400 threads · 0 msg/s · none finished for 42 s"
    assert tally.as_dict(52.0)["seconds_left"] is None
    tally.count("loaded", 1)
    assert "left" in describe(tally, 53.0)[0]


def test_reading_before_the_work_is_a_phase_with_a_share_and_an_end() -> None:
    stream, clock = io.StringIO(), Clock()
    view = JsonProgress(stream, clock)
    for share in (0.1, 0.2):
        clock.now += 4
        view.read(0, share)
    view.start(10, "Planning")
    written = lines(stream)
    assert [line["what"] for line in written] == ["Reading", "Reading", "Planning"]
    assert (written[1]["read"], written[1]["seconds_left"]) == ({"threads": 0, "share": 0.2}, 16.0)
    assert written[2]["read"] is None


def test_a_thread_that_is_read_before_the_work_begins_opens_no_phase() -> None:
    stream = io.StringIO()
    for view in (JsonProgress(stream, Clock()), LiveProgress(stream, Clock())):
        view.read(1, 0.5)
        view.close()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("total", "drawn"), [(None, False), (10, True)])
def test_there_is_no_bar_without_an_end(total: int | None, drawn: bool) -> None:
    stream = io.StringIO()
    view = LiveProgress(stream, Clock())
    view.start(total, "Migrating")
    for _ in range(5):
        view.thread_done("loaded", 1)
    view._draw()
    assert view._bar is not None
    view._bar.console.print(view._bar.get_renderable())
    view.close()
    assert "5" in stream.getvalue()
    assert ("━━━" in stream.getvalue()) is drawn


def test_the_time_left_follows_the_pace_of_late_and_not_a_slow_start() -> None:
    tally = read(None, 0, 10, total=1000)
    assert tally.eta(10.0) == 990
    for second in range(11, 41):
        for _ in range(20):
            tally.count("loaded", 1)
        left = tally.eta(float(second))
    assert left == pytest.approx((1000 - 610) / 20)
