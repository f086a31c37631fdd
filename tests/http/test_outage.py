"""A silent host is told from an object that a host cannot give: by asking for something else."""

from __future__ import annotations

import pytest
from migrate_cli.http.outage import ENOUGH, LONGEST, Outage

TIMEOUT = 10.0


class Clock:
    """Seconds that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("migrate_cli.http.outage.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_after_two_timeouts_something_else_is_asked_for_and_that_decides(clock: Clock) -> None:
    outage = Outage(TIMEOUT)
    began, clock.now = clock.now, clock.now + TIMEOUT
    outage.failed("/slow", began, silent=True)
    assert not outage.wants_proof
    clock.now += TIMEOUT
    outage.failed("/slow", began + TIMEOUT, silent=True)
    assert outage.wants_proof
    assert outage.seconds is None, "one object may be what the host cannot give"
    outage.proven(silent=True)
    assert outage.seconds == 2 * TIMEOUT
    assert outage.certain
    outage.over()
    assert (outage.seconds, outage.certain) == (None, False)


def test_one_slow_object_never_counts_as_a_silent_host(clock: Clock) -> None:
    outage = Outage(TIMEOUT)
    for _ in range(8):
        began, clock.now = clock.now, clock.now + TIMEOUT
        outage.failed("/slow", began, silent=True)
        if outage.wants_proof:
            outage.proven(silent=False)
    assert outage.seconds is None
    assert outage.spoke > 0


def test_an_answer_to_somebody_else_meanwhile_is_proof_enough(clock: Clock) -> None:
    outage = Outage(TIMEOUT)
    outage.failed("/slow", clock.now, silent=True)
    clock.now += 3 * TIMEOUT
    assert outage.wants_proof
    outage.over()
    outage.proven(silent=True)
    assert outage.seconds is None


def test_a_host_that_answers_everybody_with_errors_is_borne_a_little_longer(clock: Clock) -> None:
    outage = Outage(1.0)
    for number in range(ENOUGH):
        outage.failed(f"/{number}", clock.now, silent=False)
    clock.now += LONGEST - 1
    assert not outage.wants_proof
    assert outage.seconds is None
    clock.now += 2
    assert outage.seconds is not None
