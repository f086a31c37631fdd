"""What `doctor --live` makes of habits that no fault of the sandbox can play: each is one function here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.doctor import live
from migrate_cli.doctor.check import Check, CheckVerdict
from migrate_cli.errors import ExitCode
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.sandbox.fault_exchange import CapturedResponse
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset

from support.odd_target import Call, Habit, answer, changed, odd_target, refusal

Ask = Callable[[Habit, str], tuple[dict[str, Any], dict[str, Check]]]


async def at_once(_seconds: float) -> None:
    """Do not wait."""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Put one question to a target with a habit; returns its facts by name, and the checks by name."""

    def go(habit: Habit, question: str) -> tuple[dict[str, Any], dict[str, Check]]:
        monkeypatch.setattr(live, "QUESTIONS", {question: live.QUESTIONS[question]})
        with odd_target(tmp_path / "target.db", habit, monkeypatch) as server:
            checks, facts = asyncio.run(live.find_out(Endpoint(server.base_url, "any-key"), sleep=at_once))
        return {fact["fact"]: fact for fact in facts}, {check.name: check for check in checks}

    return go


def text_of(item: Any) -> str:
    content = item["content"]
    return content if isinstance(content, str) else str(content[0].get("text", ""))


async def drops_neighbours_that_are_alike(call: Call) -> CapturedResponse:
    if not call.appends:
        return await call.forward()
    items = call.body["items"]
    return await call.forward(
        {"items": [item for place, item in enumerate(items) if not place or text_of(item) != text_of(items[place - 1])]}
    )


async def answers_an_append_with_nothing(call: Call) -> CapturedResponse:
    given = await call.forward()
    return changed(given, data=[]) if call.appends and given.status == 200 else given


async def begins_with_the_oldest(call: Call) -> CapturedResponse:
    return await call.forward(query=f"order=asc&{call.query}" if call.lists and "order" not in call.query else None)


async def has_an_order_of_its_own(call: Call) -> CapturedResponse:
    given = await call.forward()
    if call.lists and "order" not in call.query:
        data = json.loads(given.body)["data"]
        return changed(given, data=[*data[1:], data[0]])
    return given


async def stores_ten_and_says_nothing(call: Call) -> CapturedResponse:
    return await call.forward({"items": call.body["items"][:10]} if call.appends else None)


async def stores_nothing_and_says_nothing(call: Call) -> CapturedResponse:
    return answer(200, {"object": "list", "data": [], "has_more": False}) if call.appends else await call.forward()


async def takes_any_number(call: Call) -> CapturedResponse:
    if not call.appends or len(call.body["items"]) <= 20:
        return await call.forward()
    first = await call.forward({"items": call.body["items"][:20]})
    rest = await call.forward({"items": call.body["items"][20:]})
    return changed(rest, data=[*json.loads(first.body)["data"], *json.loads(rest.body)["data"]])


async def takes_five_at_a_time(call: Call) -> CapturedResponse:
    return refusal("Too many items.") if call.appends and len(call.body["items"]) > 5 else await call.forward()


async def stores_what_stands_before_the_bad_item(call: Call) -> CapturedResponse:
    if not call.appends or all(item["role"] != "nobody" for item in call.body["items"]):
        return await call.forward()
    await call.forward({"items": call.body["items"][:1]})
    return refusal("Unknown role.")


async def takes_any_role(call: Call) -> CapturedResponse:
    if not call.appends:
        return await call.forward()
    return await call.forward({"items": [{**item, "role": "user"} for item in call.body["items"]]})


async def trims_texts(call: Call) -> CapturedResponse:
    if not call.appends:
        return await call.forward()
    items = [
        {**item, "content": [{**part, "text": part["text"].strip()} for part in item["content"]]}
        for item in call.body["items"]
    ]
    return await call.forward({"items": items})


def changes_metadata(call: Call) -> bool:
    return call.method == "POST" and call.path.startswith("/conversations/") and not call.appends


async def refuses_new_metadata(call: Call) -> CapturedResponse:
    return refusal() if changes_metadata(call) else await call.forward()


async def keeps_the_old_metadata(call: Call) -> CapturedResponse:
    if changes_metadata(call):
        return answer(200, {"id": call.path.rpartition("/")[2], "object": "conversation"})
    return await call.forward()


async def ignores_include(call: Call) -> CapturedResponse:
    return await call.forward(query="order=asc&limit=100" if call.lists else None)


async def wants_lists_of_parts(call: Call) -> CapturedResponse:
    if call.appends and any(isinstance(item["content"], str) for item in call.body["items"]):
        return refusal("content must be a list")
    return await call.forward()


async def refuses_idempotency_keys(call: Call) -> CapturedResponse:
    return refusal("Unknown header.") if "idempotency-key" in call.headers else await call.forward()


def honours_idempotency_keys() -> Habit:
    done: dict[str, CapturedResponse] = {}

    async def habit(call: Call) -> CapturedResponse:
        key = call.headers.get("idempotency-key")
        if key is None:
            return await call.forward()
        if key not in done:
            done[key] = await call.forward()
        return done[key]

    return habit


async def refuses_ids_of_clients(call: Call) -> CapturedResponse:
    if call.appends and any("id" in item for item in call.body["items"]):
        return refusal("Unknown parameter: 'id'.")
    return await call.forward()


def keeps_ids_of_clients(*, unique: bool) -> Habit:
    own: dict[str, str] = {}

    async def habit(call: Call) -> CapturedResponse:
        sent = [item.get("id") for item in call.body["items"]] if call.appends else []
        if unique and any(name in own.values() for name in sent):
            return refusal("This id exists already.")
        given = await call.forward()
        if sent and given.status == 200:
            made = [item["id"] for item in json.loads(given.body)["data"]]
            own.update({there: here for there, here in zip(made, sent, strict=True) if here})
        for there, here in own.items():
            given.body = given.body.replace(there.encode(), here.encode())
        return given

    return habit


def deletes_a_conversation(call: Call) -> bool:
    return call.method == "DELETE" and "/items/" not in call.path


async def deletes_no_conversation(call: Call) -> CapturedResponse:
    return refusal("Conversations stay.", 405) if deletes_a_conversation(call) else await call.forward()


async def deletes_a_conversation_twice(call: Call) -> CapturedResponse:
    given = await call.forward()
    return answer(200, {"deleted": True}) if deletes_a_conversation(call) else given


async def mixes_two_writers(call: Call) -> CapturedResponse:
    given = await call.forward()
    if call.lists and given.status == 200:
        data = json.loads(given.body)["data"]
        return changed(given, data=sorted(data, key=lambda item: text_of(item)[1:]))
    return given


FAILURE, WARNING = CheckVerdict.FAILURE, CheckVerdict.WARNING


@pytest.mark.parametrize(
    ("habit", "question", "fact", "told"),
    [
        (begins_with_the_oldest, "item-order", "default-order", "ascending"),
        (has_an_order_of_its_own, "item-order", "default-order", "other"),
        (takes_any_number, "item-limit", "item-limit", "none-at-20"),
        (stores_what_stands_before_the_bad_item, "refused-batch", "refused-batch", "partial"),
        (takes_any_role, "refused-batch", "refused-batch", "not-refused"),
        (refuses_new_metadata, "metadata-update", "metadata-update", "refused"),
        (keeps_the_old_metadata, "metadata-update", "metadata-update", "other"),
        (wants_lists_of_parts, "string-content", "string-content", "refused"),
        (refuses_idempotency_keys, "idempotency-key", "idempotency-key", "refused"),
        (honours_idempotency_keys(), "idempotency-key", "idempotency-key", "honoured"),
        (refuses_ids_of_clients, "client-item-ids", "client-item-ids", "refused"),
        (keeps_ids_of_clients(unique=False), "client-item-ids", "client-item-ids", "kept"),
        (keeps_ids_of_clients(unique=True), "client-item-ids", "client-item-ids", "unique"),
        (deletes_a_conversation_twice, "delete", "delete", "repeatable"),
        (mixes_two_writers, "two-writers", "two-writers", "mixed"),
    ],
)
def test_a_habit_that_hurts_no_migration_is_only_named(
    ask: Ask, habit: Habit, question: str, fact: str, told: str
) -> None:
    facts, checks = ask(habit, question)
    assert facts[fact]["answer"] == told
    assert set(checks) == {"live"}
    assert checks["live"].verdict is CheckVerdict.OK


@pytest.mark.parametrize(
    ("habit", "question", "fact", "told", "verdict", "advice"),
    [
        (
            drops_neighbours_that_are_alike,
            "item-order",
            "item-order",
            "lossy",
            FAILURE,
            "Do not migrate to this target",
        ),
        (answers_an_append_with_nothing, "item-order", "echo", "incomplete", WARNING, "Expect more requests"),
        (stores_ten_and_says_nothing, "item-limit", "item-limit", "lossy", FAILURE, "Set load.batch_items to 10."),
        (stores_nothing_and_says_nothing, "item-limit", "item-limit", "lossy", FAILURE, "Set load.batch_items to 1."),
        (takes_five_at_a_time, "item-limit", "item-limit", "5", WARNING, "Set load.batch_items to 5."),
        (trims_texts, "text", "text", "changed", FAILURE, "Do not migrate"),
        (ignores_include, "include", "include", "ignored", WARNING, "report images by URL as lost"),
        (deletes_no_conversation, "delete", "delete", "refused", WARNING, "undo will not work"),
    ],
)
def test_a_habit_that_hurts_a_migration_says_what_to_do(
    ask: Ask, habit: Habit, question: str, fact: str, told: str, verdict: CheckVerdict, advice: str
) -> None:
    facts, checks = ask(habit, question)
    assert facts[fact]["answer"] == told
    check = checks[f"live {fact}"]
    assert check.verdict is verdict
    assert check.exit_code == (ExitCode.PARTIAL if verdict is FAILURE else ExitCode.OK)
    assert advice in str(check.next)


def test_an_order_that_could_not_be_looked_at_is_unknown_not_scrambled(ask: Ask) -> None:
    facts, checks = ask(takes_five_at_a_time, "item-order")
    assert facts["item-order"]["answer"] == "unknown"
    assert "a batch of 20 was refused: Too many items." in facts["item-order"]["detail"]
    assert "when the target is calm" in str(checks["live item-order"].next)


LISTS = SandboxOptions(preset=TargetPreset.FOUNDRY)


def of_conversations(call: Call) -> bool:
    return call.method == "GET" and call.path == "/conversations"


async def lists_by_the_book(call: Call) -> CapturedResponse:
    return await call.forward()


async def lists_the_oldest_only(call: Call) -> CapturedResponse:
    given = await call.forward()
    return changed(given, data=json.loads(given.body)["data"][1:]) if of_conversations(call) else given


async def lists_without_metadata(call: Call) -> CapturedResponse:
    given = await call.forward()
    if not of_conversations(call):
        return given
    return changed(given, data=[{"id": entry["id"]} for entry in json.loads(given.body)["data"]])


async def lists_from_the_beginning_again(call: Call) -> CapturedResponse:
    return await call.forward(query="order=desc" if of_conversations(call) else None)


def lists_what_is_deleted() -> Habit:
    deleted: list[str] = []

    async def habit(call: Call) -> CapturedResponse:
        given = await call.forward()
        if call.method == "DELETE":
            deleted.append(call.path.rpartition("/")[2])
        if not of_conversations(call):
            return given
        ghosts = [{"id": one, "object": "conversation", "metadata": {}} for one in deleted]
        return changed(given, data=[*ghosts, *json.loads(given.body)["data"]])

    return habit


@pytest.mark.parametrize(
    ("habit", "answer", "told"),
    [
        (lists_by_the_book, "complete", False),
        (lists_the_oldest_only, "incomplete", True),
        (lists_without_metadata, "without-metadata", False),
        (lists_from_the_beginning_again, "first-page-only", True),
        (lists_what_is_deleted(), "lists-deleted", False),
    ],
)
def test_whether_conversations_can_be_listed_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, habit: Habit, answer: str, *, told: bool
) -> None:
    monkeypatch.setattr(live, "QUESTIONS", {"conversation-list": live.QUESTIONS["conversation-list"]})
    with odd_target(tmp_path / "target.db", habit, monkeypatch, LISTS) as server:
        checks, [fact] = asyncio.run(live.find_out(Endpoint(server.base_url, "any-key"), sleep=at_once))
    assert (fact["fact"], fact["answer"]) == ("conversation-list", answer)
    assert [check.verdict for check in checks if check.name == "live conversation-list"] == [
        CheckVerdict.WARNING
    ] * told
