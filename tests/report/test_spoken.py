"""A log is never silent for long, programs hear the same, and the live line says what is waited for."""

from __future__ import annotations

import io
import json

from migrate_cli.report.progress import SilentProgress
from migrate_cli.report.spoken import SpokenJson, SpokenLive, SpokenPlain, beat, spoken_view, tell_wait


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_is_told_how_far_the_work_is_after_half_a_minute_without_a_line() -> None:
    clock, out = Clock(), io.StringIO()
    view = SpokenPlain(out, clock)
    view.start(400, "Migrating")
    for _ in range(53):
        view.thread_done("loaded", 10)
    clock.now = 29.0
    beat(view)
    assert out.getvalue() == ""
    clock.now = 31.0
    beat(view)
    beat(view)
    [line] = out.getvalue().splitlines()
    assert line.startswith("Migrating: 53/400 threads")
    assert "31 s so far" in line
    clock.now = 50.0
    view.note("Slowing down.")
    clock.now = 70.0
    beat(view)
    assert len(out.getvalue().splitlines()) == 2, "a note is a line too"


def test_nothing_is_said_before_the_work_begins_and_after_it_ends() -> None:
    clock, out = Clock(), io.StringIO()
    view = SpokenPlain(out, clock)
    clock.now = 100.0
    beat(view)
    view.start(None, "Saving")
    view.close()
    clock.now = 200.0
    beat(view)
    assert out.getvalue() == ""


def test_a_program_hears_of_a_wait_and_of_the_time_that_passes() -> None:
    clock, out = Clock(), io.StringIO()
    view = SpokenJson(out, clock)
    view.start(2, "Verifying")
    tell_wait(view, "Waiting for an answer (5 s so far).")
    clock.now = 40.0
    beat(view)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["progress", "note", "progress"]
    assert lines[1]["text"] == "Waiting for an answer (5 s so far)."
    assert lines[2]["seconds"] == 40.0


def test_the_live_line_says_what_is_waited_for_until_something_moves() -> None:
    out = io.StringIO()
    view = SpokenLive(out)
    tell_wait(view, "Waiting for a lock (5 s so far).")
    assert "Waiting for a lock" in out.getvalue(), "without a bar it is a line"
    view.start(2, "Verifying")
    try:
        tell_wait(view, "Waiting for an answer (5 s so far).")
        assert view._bar is not None
        [task] = view._bar.tasks
        assert task.fields["aside"] == "Waiting for an answer (5 s so far)."
        view._draw()
        assert task.fields["aside"] == ""
    finally:
        view.close()


def test_quiet_stays_quiet() -> None:
    assert isinstance(spoken_view("auto", stderr_is_tty=False, quiet=True), SilentProgress)
    assert isinstance(spoken_view("none", stderr_is_tty=True, quiet=False), SilentProgress)


def test_a_log_hears_how_far_a_source_has_been_looked_through_before_the_work_begins() -> None:
    clock, out = Clock(), io.StringIO()
    view = SpokenPlain(out, clock)
    view.read(0, 0.1)
    clock.now = 40.0
    view.read(0, 0.5)
    beat(view)
    assert out.getvalue() == "Reading: 50.0 % of the source · about 40 s left (40 s so far)\n"
    view.start(100, "Planning")
    view.read(1, 1.0)
    clock.now = 80.0
    beat(view)
    assert "Planning: 0/100 threads" in out.getvalue()
