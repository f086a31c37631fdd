"""What the first signal does, what the second does, and that nothing keeps a process for longer than was promised."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from migrate_cli.work.stopping import INTERRUPTED, Manner, Stopping


class Ends:
    """In place of the end of the process."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.ended = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.ended.set()


def test_without_a_manner_the_first_signal_is_a_keyboard_interrupt() -> None:
    ends = Ends()
    with pytest.raises(KeyboardInterrupt), Stopping(ends).listening():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)
    assert ends.codes == []


def test_with_a_manner_the_first_asks_and_the_second_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    ends, asked = Ends(), threading.Event()
    stopping = Stopping(ends)
    with stopping.listening(lambda: "to go on: again\n"), stopping.in_good_order(Manner(asked.set)):
        os.kill(os.getpid(), signal.SIGINT)
        assert asked.wait(10)
        assert ends.codes == []
        os.kill(os.getpid(), signal.SIGINT)
        assert ends.ended.wait(10)
    assert ends.codes == [INTERRUPTED]
    assert capsys.readouterr().err == "to go on: again\n"


def test_what_does_not_end_by_itself_is_ended_in_time() -> None:
    ends, last = Ends(), threading.Event()
    stopping = Stopping(ends)
    with stopping.listening(), stopping.in_good_order(Manner(last=last.set, within=0.01)):
        os.kill(os.getpid(), signal.SIGINT)
        assert ends.ended.wait(10)
    assert last.is_set()


def test_the_handlers_that_were_there_before_are_there_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Stopping(Ends()).listening():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
