"""Checks as values: what a report and an exit code are made of."""

from __future__ import annotations

from migrate_cli.doctor.check import CheckVerdict, Fact, failed, failure, ok, warning, worst
from migrate_cli.errors import ExitCode, StateError


def test_a_check_in_json_names_its_verdict_and_its_next_step() -> None:
    assert warning("disk", "little room", "Free some.").as_dict() == {
        "check": "disk",
        "verdict": "warning",
        "detail": "little room",
        "next": "Free some.",
    }
    assert ok("disk", "room").as_dict()["next"] is None


def test_an_error_becomes_a_failure_with_its_own_exit_code() -> None:
    check = failed("state", StateError("it is locked"), "Wait.")
    assert (check.verdict, check.detail, check.exit_code) == (CheckVerdict.FAILURE, "it is locked", ExitCode.STATE)


def test_the_worst_failure_decides_the_exit_code_and_warnings_do_not_count() -> None:
    fine, doubtful = ok("a", "b"), warning("c", "d", "e")
    assert worst([]) == worst([fine, doubtful]) == ExitCode.OK
    usage, state = failure("f", "g", "h", ExitCode.USAGE), failure("i", "j", "k", ExitCode.STATE)
    assert worst([usage, fine, state, doubtful]) == ExitCode.STATE


def test_a_fact_adds_a_check_only_if_somebody_must_act() -> None:
    assert Fact("echo", "complete", "fine").as_check() is None
    told = Fact("echo", "incomplete", "short", "Expect more.", CheckVerdict.WARNING).as_check()
    assert told is not None
    assert (told.name, told.verdict, told.exit_code) == ("live echo", CheckVerdict.WARNING, ExitCode.OK)
    wrong = Fact("text", "changed", "trimmed", "Do not.", CheckVerdict.FAILURE).as_check()
    assert wrong is not None and wrong.exit_code == ExitCode.PARTIAL


def test_a_fact_in_json_has_one_word_for_programs() -> None:
    assert Fact("echo", "complete", "fine").as_dict() == {
        "fact": "echo",
        "answer": "complete",
        "detail": "fine",
        "next": None,
    }
