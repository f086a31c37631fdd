"""A case that runs in a conversation itself leaves it usable, whatever became of its last response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from migrate_cli.http.outcomes import Ambiguous, Applied, Page, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.replay.client_calls import open_approvals, open_calls
from migrate_cli.replay.errors import CaseError
from migrate_cli.replay.items import approvals_of
from migrate_cli.replay.modes import InPlaceMode, ReplayTarget
from migrate_cli.replay.response import Ending, ModelResponse
from migrate_cli.replay.tidying import TidiedConversation, tidy_left
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import InMemory, ScratchConversations

BEFORE: list[JsonObject] = [
    {"type": "message", "id": "msg_1", "role": "user", "content": [{"type": "input_text", "text": "Then"}]},
    {"type": "function_call", "id": "fc_old", "call_id": "call_old", "name": "old", "arguments": "{}"},
]
"""The old call has no output: what stood there before the replay is not the replay's to mend."""
QUESTION: JsonObject = {
    "type": "message",
    "id": "msg_2",
    "role": "user",
    "content": [{"type": "input_text", "text": "?"}],
}
THOUGHT: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": []}
LOOK: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"}
SCREEN: JsonObject = {"type": "computer_call", "id": "cu_1", "call_id": "call_2", "pending_safety_checks": []}
ASKS: JsonObject = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "s", "name": "n", "arguments": "{}"}


class Stored(ConversationsTarget):
    """One conversation. `answers` are given to appends before it takes them."""

    def __init__(self, *items: JsonObject, answers: Sequence[Reply] = (), takes: bool = True) -> None:
        self.items = [*BEFORE, *items]
        self.answers, self.takes = list(answers), takes
        self.sent = 0

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page:
        ids = [item.get("id") for item in self.items]
        return Page(self.items[ids.index(after) + 1 if after in ids else 0 :], False)

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        self.sent += 1
        if self.answers and isinstance(self.answers[0], Refused):
            return self.answers.pop(0)
        new = [json.loads(body) | {"id": f"new_{self.sent}_{place}"} for place, body in enumerate(bodies)]
        self.items += new if self.takes else []
        return self.answers.pop(0) if self.answers else Applied({"data": new})

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        self.items = [item for item in self.items if item.get("id") != item_id]
        return Applied({})


class Records:
    """Which conversations are in use."""

    def __init__(self) -> None:
        self.open: dict[str, str | None] = {}

    def in_place(self, conversation_id: str, target: str, anchor: str | None) -> None:
        self.open[conversation_id] = anchor

    def in_place_over(self, conversation_id: str) -> None:
        self.open.pop(conversation_id, None)

    async def durable(self) -> None:
        return


async def _at_once(_: float) -> None:
    return


class Scene:
    """A case in place, whose last response stored these items."""

    def __init__(self, target: Stored) -> None:
        self.target, self.records = target, Records()
        scratches = ScratchConversations(target, InMemory(), "target", _at_once)
        whole = ReplayTarget(target, self.records, scratches, settle=0.0)  # type: ignore[arg-type]  # what it needs of it
        self.mode = InPlaceMode(whole, "conv_1", BEFORE)

    def run(self, response: ModelResponse | None, unsent: Sequence[JsonObject] = (), *, hurry: bool = False) -> None:
        async def case() -> None:
            await self.mode.open()
            assert self.records.open == {"conv_1": "fc_old"}
            self.mode.request([QUESTION])
            if response is not None:
                self.mode.answered([QUESTION], response)
            await self.mode.close(unsent, hurry=hurry)

        asyncio.run(case())

    @property
    def new(self) -> list[JsonObject]:
        return self.target.items[len(BEFORE) :]

    def check_usable(self) -> None:
        assert self.target.items[: len(BEFORE)] == BEFORE, "what was there before is touched"
        assert (open_calls(self.new), open_approvals(self.new)) == ((), [])


def answered(*items: JsonObject, ending: Ending = Ending.COMPLETED) -> ModelResponse:
    asked = approvals_of(items)
    return ModelResponse(ending, items=items, calls=open_calls(items), approvals=asked)


@pytest.mark.parametrize("ending", [Ending.COMPLETED, Ending.INCOMPLETE, Ending.FAILED, None])
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("items", [(THOUGHT, LOOK), (THOUGHT, LOOK, SCREEN), (ASKS,), (SCREEN,), ()])
def test_no_call_is_left_open_however_the_last_response_ended(
    items: tuple[JsonObject, ...], stored: bool, ending: Ending | None
) -> None:
    scene = Scene(Stored(QUESTION, *items) if stored else Stored())
    scene.run(None if ending is None else answered(*items, ending=ending))
    scene.check_usable()
    assert scene.records.open == {}
    assert bool(scene.mode.notes) is bool(stored and items)


def test_an_answer_that_was_not_sent_yet_is_sent_and_the_others_are_errors() -> None:
    other = LOOK | {"id": "fc_2", "call_id": "call_3"}
    scene = Scene(Stored(QUESTION, LOOK, other))
    scene.run(answered(LOOK, other), [{"type": "function_call_output", "call_id": "call_1", "output": "green"}])
    outputs = {item["call_id"]: item["output"] for item in scene.new if item["type"] == "function_call_output"}
    assert outputs["call_1"] == "green"
    assert json.loads(outputs["call_3"])["error"]["type"] == "not_answered"


def test_where_no_error_can_answer_the_items_of_that_response_go_and_nothing_else() -> None:
    said: JsonObject = {"type": "message", "id": "msg_3", "role": "assistant", "content": []}
    output: JsonObject = {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "x"}
    scene = Scene(Stored(QUESTION, said, LOOK, output, THOUGHT, SCREEN))
    scene.run(answered(THOUGHT, SCREEN))
    assert scene.new == [QUESTION, said, LOOK, output]
    assert scene.mode.notes == [
        "in the conversation conv_1, the items of the response that called computer were deleted"
    ]


def test_an_answer_that_the_target_does_not_take_makes_the_call_go() -> None:
    scene = Scene(Stored(QUESTION, LOOK, answers=[Refused(400, "invalid_item", "no such output")]))
    scene.run(answered(LOOK))
    assert scene.new == [QUESTION]


def test_where_an_output_is_not_taken_an_error_is_tried_before_anything_is_deleted() -> None:
    scene = Scene(Stored(QUESTION, LOOK, answers=[Refused(400, "invalid_item", "empty string")]))
    scene.run(answered(LOOK), [{"type": "function_call_output", "call_id": "call_1", "output": ""}])
    scene.check_usable()
    (_, _, output) = scene.new
    assert json.loads(output["output"])["error"]["type"] == "not_answered"


def test_an_unclear_append_is_looked_at_and_not_repeated_blindly() -> None:
    scene = Scene(Stored(QUESTION, LOOK, answers=[Ambiguous("cut")]))
    scene.run(answered(LOOK))
    scene.check_usable()
    assert scene.target.sent == 1


def test_a_conversation_that_cannot_be_left_usable_is_an_error_and_stays_on_record() -> None:
    scene = Scene(Stored(QUESTION, LOOK, takes=False))
    with pytest.raises(CaseError, match="still holds calls without an answer") as caught:
        scene.run(answered(LOOK))
    assert caught.value.code == "conversation-left-open"
    assert scene.records.open == {"conv_1": "fc_old"}


def test_a_case_that_ended_well_asks_for_nothing_more() -> None:
    target = Stored(QUESTION)
    target.list_items = None  # type: ignore[method-assign,assignment]  # asking would fail
    scene = Scene(target)
    scene.run(answered({"type": "message", "id": "msg_3", "role": "assistant", "content": []}))
    assert scene.records.open == {}


def test_what_there_is_no_time_to_wait_for_stays_on_record() -> None:
    scene = Scene(Stored())
    scene.run(None, hurry=True)
    assert scene.records.open == {"conv_1": "fc_old"}


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Stored(QUESTION, LOOK), False),
        (Stored, False),
        (lambda: Stored(QUESTION, LOOK, takes=False), True),
    ],
)
def test_what_a_killed_replay_left_open_is_answered_by_the_next(make: Callable[[], Stored], problem: bool) -> None:
    target, records = make(), Records()
    records.open = {"conv_1": "fc_old"}
    scratches = ScratchConversations(target, InMemory(), "target", _at_once)
    (done,) = asyncio.run(tidy_left(target, scratches, records, records.open.copy().items()))
    assert (done.problem is not None) is problem
    assert records.open == {}
    if not problem:
        assert open_calls(target.items[len(BEFORE) :]) == ()


def test_what_was_done_is_one_sentence() -> None:
    done = TidiedConversation("conv_1", ["look"], ["computer"])
    assert done.sentence() == (
        "in the conversation conv_1, look got an answer, so that the conversation can continue and the items of the "
        "response that called computer were deleted"
    )
    assert TidiedConversation("conv_1").sentence() == ""
