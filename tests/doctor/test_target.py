"""What `doctor` concludes from two GETs: whether the target answers, takes the key, and has the Conversations API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.doctor import target
from migrate_cli.doctor.check import Check, CheckVerdict
from migrate_cli.errors import ExitCode
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.sandbox.fault_exchange import CapturedResponse

from support.odd_target import Call, Habit, answer, odd_target, refusal

Look = Callable[..., dict[str, Check]]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Look at a target with a habit; returns the checks by name."""
    monkeypatch.setattr(target, "LONGEST_PAUSE", 0.0)

    def go(habit: Habit, key: str = "any-key") -> dict[str, Check]:
        with odd_target(tmp_path / "target.db", habit, monkeypatch) as server:
            checks = asyncio.run(target.check_target(Endpoint(server.base_url, key)))
        return {check.name: check for check in checks}

    return go


async def by_the_book(call: Call) -> CapturedResponse:
    return await call.forward()


def test_a_target_by_the_book_passes_all_three_and_only_reads(look: Look) -> None:
    methods = set()

    async def watched(call: Call) -> CapturedResponse:
        methods.add(call.method)
        return await call.forward()

    found = look(watched)
    assert {name: check.verdict for name, check in found.items()} == dict.fromkeys(
        ("target", "target key", "target API"), CheckVerdict.OK
    )
    assert "answers, in " in found["target"].detail and "doctor --live" in found["target API"].detail
    assert methods == {"GET"}


def test_a_wrong_key_is_a_failure_of_authentication_although_the_target_answers(look: Look) -> None:
    found = look(by_the_book, key="sk-wrong-0123456789")
    assert found["target"].verdict is CheckVerdict.OK
    told = found["target key"]
    assert (told.verdict, told.exit_code) == (CheckVerdict.FAILURE, ExitCode.AUTH)
    assert told.next == "Check the key, its project and its organisation."
    assert "target API" not in found


def test_a_key_without_the_right_to_read_items_is_told_apart_from_a_wrong_one(look: Look) -> None:
    async def hides_items(call: Call) -> CapturedResponse:
        return refusal("Missing scope: api.items.read", 403) if call.lists else await call.forward()

    told = look(hides_items)["target key"]
    assert (told.verdict, told.exit_code) == (CheckVerdict.FAILURE, ExitCode.AUTH)
    assert "does not let this key read conversations" in told.detail and "Missing scope" in told.detail
    assert told.next == "Give the key the right to read and write conversations, or use another one."


def test_a_target_that_keeps_failing_is_temporary(look: Look) -> None:
    async def down(call: Call) -> CapturedResponse:
        return refusal("Try again later.", 503)

    (told,) = look(down).values()
    assert (told.name, told.verdict, told.exit_code) == ("target", CheckVerdict.FAILURE, ExitCode.TEMPORARY)
    assert told.next == "Check the address, the network and a proxy; then try again."


def test_a_proxy_that_knows_every_conversation_proves_nothing(look: Look) -> None:
    async def says_yes(call: Call) -> CapturedResponse:
        return answer(200, {"object": "list", "data": []})

    told = look(says_yes)["target API"]
    assert (told.verdict, told.exit_code) == (CheckVerdict.WARNING, ExitCode.OK)
    assert "proves nothing" in told.detail and "proxy" in str(told.next)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Invalid URL (GET /v1/conversations/conv_0)"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (410, "Gone"),
    ],
)
def test_a_host_without_conversations_is_a_failure_of_usage(look: Look, status: int, message: str) -> None:
    async def knows_nothing(call: Call) -> CapturedResponse:
        return refusal(message, status)

    told = look(knows_nothing)["target API"]
    assert (told.verdict, told.exit_code) == (CheckVerdict.FAILURE, ExitCode.USAGE)
    assert "has no Conversations API" in told.detail and message in told.detail
    assert "it usually ends with /v1" in str(told.next)


def test_a_server_that_says_no_more_than_not_found_is_known_by_the_path_that_it_has(look: Look) -> None:
    async def terse(call: Call) -> CapturedResponse:
        return refusal("Method Not Allowed", 405) if call.path == "/conversations" else refusal("Not Found", 404)

    assert look(terse)["target API"].verdict is CheckVerdict.OK


def test_a_server_that_answers_any_path_is_not_taken_for_one_with_conversations(look: Look) -> None:
    async def terse(call: Call) -> CapturedResponse:
        return refusal("Not Found", 404) if "/conversations/" in call.path else answer(200, {})

    assert look(terse)["target API"].exit_code == ExitCode.USAGE


def test_a_pause_between_tries_is_never_long(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(target.brief(60.0))
    asyncio.run(target.brief(0.1))
    assert slept == [target.LONGEST_PAUSE, 0.1]


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("The tenant is asleep.", CheckVerdict.WARNING),
        ("Invalid 'conversation_id'.", CheckVerdict.OK),
        ("No such id.", CheckVerdict.OK),
    ],
)
def test_a_refusal_that_is_about_no_conversation_is_told(look: Look, message: str, verdict: CheckVerdict) -> None:
    async def refuses(call: Call) -> CapturedResponse:
        return refusal(message, 400)

    told = look(refuses)["target API"]
    assert told.verdict is verdict
    assert (message in told.detail) is (verdict is CheckVerdict.WARNING)
