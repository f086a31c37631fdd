"""What is waited for is told after some seconds, once, and then now and then, until something moves."""

from __future__ import annotations

from migrate_cli.work.waiting import Waits, WaitWatch


class Bench:
    """Waits and a watch over one clock, which the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[tuple[float, str]] = []
        self.waits = Waits(lambda: self.now)
        self.watch = WaitWatch(lambda text: self.told.append((self.now, text)), waits=self.waits)

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            self.watch.look()


def test_a_wait_is_told_after_five_seconds_once_and_then_every_half_minute() -> None:
    bench = Bench()
    bench.waits.begin("an answer from https://host.example/v1 to GET /threads")
    bench.passes(70)
    assert [at for at, _ in bench.told] == [5.0, 35.0, 65.0]
    assert bench.told[0][1] == "Waiting for an answer from https://host.example/v1 to GET /threads (5 s so far)."


def test_attempts_that_fail_and_the_pauses_between_them_are_one_standstill() -> None:
    bench = Bench()
    for _ in range(4):
        number = bench.waits.begin("an answer")
        bench.passes(2)
        bench.waits.end(number, moved=False)
        number = bench.waits.begin("the next attempt")
        bench.passes(1)
        bench.waits.end(number, moved=False)
    assert [at for at, _ in bench.told] == [5.0]


def test_one_slow_answer_among_many_is_no_standstill() -> None:
    bench = Bench()
    bench.waits.begin("the slow one")
    for _ in range(20):
        number = bench.waits.begin("a quick one")
        bench.passes(1)
        bench.waits.end(number)
    assert bench.told == []
    bench.passes(6)
    assert [text for _, text in bench.told] == ["Waiting for the slow one (5 s so far)."]


def test_work_between_two_waits_is_no_waiting() -> None:
    bench = Bench()
    bench.waits.end(bench.waits.begin("the first"), moved=False)
    bench.passes(60)
    bench.waits.begin("the second")
    bench.passes(4)
    assert bench.told == []


def test_each_standstill_is_told_of_anew() -> None:
    bench = Bench()
    for _ in range(2):
        number = bench.waits.begin("an answer")
        bench.passes(7)
        bench.waits.end(number)
    assert [at for at, _ in bench.told] == [5.0, 12.0]
