"""What `doctor --live` finds out about servers that are each odd in one way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.convert.options import ConvertOptions
from migrate_cli.convert.thread import convert_thread
from migrate_cli.doctor.check import Check, CheckVerdict, Fact
from migrate_cli.doctor.live import QUESTIONS, find_out
from migrate_cli.doctor.probe import TargetProbe, said, strictly
from migrate_cli.errors import ExitCode
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.model import Message, Origin, Thread
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import MetadataUpdate, SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

Visit = Callable[..., tuple[dict[str, str], list[Check]]]


async def at_once(_seconds: float) -> None:
    """Do not wait."""


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """Ask a sandbox that misbehaves as told; returns the answers by fact, and the checks."""

    def go(*faults: str, strict: bool = False, **options: Any) -> tuple[dict[str, str], list[Check]]:
        wanted = SandboxOptions(faults=plan_from_specs(faults), **options)
        with EmbeddedSandbox(tmp_path / "target.db", wanted) as server:
            checks, facts = asyncio.run(find_out(Endpoint(server.base_url, "any-key"), strict=strict, sleep=at_once))
        return {fact["fact"]: fact["answer"] for fact in facts}, checks

    return go


def left_behind(data: Path) -> list[str]:
    return [identifier for identifier, _, _ in read_conversations(data, deleted=False)]


def verdicts(checks: list[Check]) -> dict[str, CheckVerdict]:
    return {check.name: check.verdict for check in checks}


def test_a_server_by_the_book_is_described_whole(visit: Visit, tmp_path: Path) -> None:
    facts, checks = visit()
    assert facts == {
        "item-limit": "20",
        "item-order": "kept",
        "echo": "complete",
        "default-order": "descending",
        "paging": "complete",
        "request-order": "kept",
        "include": "taken",
        "refused-batch": "all-or-nothing",
        "text": "exact",
        "metadata-update": "replaces",
        "items-in-create": "stored",
        "assistant-content": "plain",
        "string-content": "taken",
        "idempotency-key": "ignored",
        "client-item-ids": "replaced",
        "delete": "gone",
        "two-writers": "apart",
        "conversation-list": "none",
    }
    assert verdicts(checks) == {"live": CheckVerdict.OK}
    assert not left_behind(tmp_path / "target.db")
    assert all(not items for _, _, items in read_conversations(tmp_path / "target.db"))


@pytest.mark.parametrize(
    ("fault", "fact", "answer", "verdict"),
    [
        ("append:scramble", "item-order", "scrambled", CheckVerdict.FAILURE),
        ("create:ignore-items", "items-in-create", "ignored", None),
        ("list:ignore-after", "paging", "after-ignored", CheckVerdict.FAILURE),
        ("append,list:mix-seconds", "request-order", "scrambled", CheckVerdict.FAILURE),
        ("append,list:mix-seconds", "item-order", "kept", None),
        ("list:no-include", "include", "refused", None),
        ("append:poison:text=image_url", "include", "no-images", CheckVerdict.WARNING),
        ("list:always-more", "paging", "has-more-wrong", None),
        ("list:never-more", "paging", "has-more-wrong", None),
        ("append:partial:items=1:status=400", "item-limit", "0", CheckVerdict.FAILURE),
        ("append:poison:text=nobody", "refused-batch", "all-or-nothing", None),
        ("append:poison:text=CRLF", "text", "refused", CheckVerdict.WARNING),
        ("append:poison:text=assistant", "assistant-content", "refused", CheckVerdict.FAILURE),
        ("delete:poison:text=x", "delete", "gone", None),
    ],
)
def test_each_odd_habit_is_found(
    visit: Visit, fault: str, fact: str, answer: str, verdict: CheckVerdict | None
) -> None:
    facts, checks = visit(fault)
    assert facts[fact] == answer
    assert verdicts(checks).get(f"live {fact}") == verdict


def test_an_update_that_merges_is_told_from_one_that_replaces(visit: Visit) -> None:
    facts, _ = visit(metadata_update=MetadataUpdate.MERGE)
    assert facts["metadata-update"] == "merges"


def test_a_target_that_insists_on_strict_assistant_messages_is_told_with_the_setting_that_sends_them(
    visit: Visit,
) -> None:
    facts, checks = visit(strict_assistant=True)
    assert [facts["assistant-content"], facts["text"]] == ["strict", "exact"]
    (told,) = [check for check in checks if check.name == "live assistant-content"]
    assert told.verdict is CheckVerdict.FAILURE and told.next == "Set convert.strict_assistant to true."


def test_where_the_setting_sends_them_already_all_is_well(visit: Visit) -> None:
    facts, checks = visit(strict=True, strict_assistant=True)
    assert facts["assistant-content"] == "strict"
    assert verdicts(checks) == {"live": CheckVerdict.OK}


def test_the_strict_form_is_what_such_a_target_is_sent_by_the_settings() -> None:
    """What doctor tries is what conversion writes, or its advice would be worth nothing."""
    message = Message("msg_1", "assistant", ({"type": "text", "text": {"value": "a", "annotations": []}},))
    thread = Thread("thread_1", [message], Origin("thread.json"), "test")
    (item,) = convert_thread(thread, ConvertOptions(strict_assistant=True)).items
    tried, sent = strictly(said("a", "assistant")), json.loads(item.body)
    assert {**tried, "id": None} == {**sent, "id": None}
    assert len(tried["id"]) == len(sent["id"])


@pytest.mark.parametrize("fault", ["*:429:0.2:retry_after=0", "writes:500-after:0.1", "append:reset-after:nth=2,5"])
def test_passing_faults_are_not_taken_for_habits(visit: Visit, fault: str) -> None:
    calm, _ = visit()
    facts, _ = visit(fault)
    known = {fact: answer for fact, answer in facts.items() if answer != "unknown"}
    assert len(known) >= len(QUESTIONS) - 2
    assert known.items() <= calm.items()


def test_what_stays_unclear_is_called_unknown(visit: Visit) -> None:
    facts, checks = visit("append:500-after")
    assert facts["text"] == "unknown"
    assert facts["metadata-update"] == "replaces"
    assert verdicts(checks)["live text"] is CheckVerdict.WARNING


@pytest.mark.parametrize("fault", ["writes:500", "writes:html", "writes:429:retry_after=0", "create:reset-after"])
def test_a_target_that_answers_no_post_is_a_temporary_failure(visit: Visit, fault: str) -> None:
    facts, checks = visit(fault)
    (told,) = [check for check in checks if check.name == "live"]
    assert (told.verdict, told.exit_code) == (CheckVerdict.FAILURE, ExitCode.TEMPORARY)
    assert "no POST" in told.detail
    assert list(facts.values()) == ["unknown"], "nothing more is asked of it"


def test_a_list_that_ignores_after_is_told_with_what_follows_from_it(visit: Visit) -> None:
    _, checks = visit("list:ignore-after")
    (told,) = [check for check in checks if check.name == "live paging"]
    assert told.exit_code
    assert "100 items" in str(told.next) and "in doubt" in str(told.next) and "verify" in str(told.next)


def test_a_scratch_conversation_that_can_no_longer_be_listed_counts_as_left(visit: Visit) -> None:
    _, checks = visit("list:413")
    assert any(check.name == "live clean-up" and "not deleted" in check.detail for check in checks)


def test_scratch_conversations_that_cannot_be_deleted_are_named(visit: Visit, tmp_path: Path) -> None:
    _, checks = visit("delete:500")
    left = left_behind(tmp_path / "target.db")
    assert left
    named = next(check for check in checks if check.name == "live clean-up")
    assert all(identifier in named.detail for identifier in left)


def test_an_interrupted_visit_deletes_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def endless(probe: TargetProbe) -> list[Fact]:
        await probe.append(await probe.create(), [said("left alone")])
        reached.set()
        await asyncio.Event().wait()
        return []

    async def interrupt(endpoint: Endpoint) -> None:
        visit = asyncio.create_task(find_out(endpoint, sleep=at_once))
        await reached.wait()
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit

    monkeypatch.setattr("migrate_cli.doctor.live.QUESTIONS", {"endless": endless})
    with EmbeddedSandbox(tmp_path / "target.db") as server:
        asyncio.run(interrupt(Endpoint(server.base_url, "any-key")))
    assert reached.is_set()
    assert not left_behind(tmp_path / "target.db")


def test_a_lost_create_is_counted(visit: Visit) -> None:
    _, checks = visit("create:reset-after:nth=1")
    assert any("1 creates were not answered" in check.detail for check in checks)


@pytest.mark.parametrize(("fault", "answer"), [((), "listed"), (("agents:413",), "refused")])
def test_a_project_is_asked_for_its_agents(tmp_path: Path, fault: tuple[str, ...], answer: str) -> None:
    with EmbeddedSandbox(tmp_path / "target.db") as server:
        base = server.project_url() + "/openai/v1"
        with httpx2.Client(base_url=server.control_url, headers=CONTROL_HEADERS) as control:
            control.post("/faults", json={"rules": list(fault)})
        checks, facts = asyncio.run(find_out(Endpoint(base, "any-key"), sleep=at_once))
    assert {fact["fact"]: fact["answer"] for fact in facts}["agents"] == answer
    assert verdicts(checks).get("live agents") is (CheckVerdict.WARNING if answer == "refused" else None)
