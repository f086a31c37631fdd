"""Messages that a research writes on its way: kept, marked or left out, and never taken for an answer."""

from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.convert.message_items import PROGRESS_MARK
from migrate_cli.convert.options import ConvertOptions, ProgressMessages
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.progress_messages import is_progress
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Draft, Message
from migrate_cli.replay.baseline import last_turn

from support.threads import codes, function, message, said, step, thread

ASKED = message("Research orcas")
REPORT = message("Orcas are whales.", id="msg_9", role="assistant")
BY_METADATA = message("Looking at journals", id="msg_2", role="assistant", metadata={"cot_summary": "true"})
BY_VALUE = message("Looking at journals", id="msg_2", role="assistant", metadata={"kind": "cot_summary"})
BY_TEXT = message("cot_summary: Looking at journals", id="msg_2", role="assistant")
WAYS = pytest.mark.parametrize("on_the_way", [BY_METADATA, BY_VALUE, BY_TEXT])


def converted(on_the_way: Message, choice: ProgressMessages) -> Draft:
    source = thread(ASKED, on_the_way, REPORT)
    draft = convert_thread(source, ConvertOptions(progress_messages=choice))
    assert draft.ledger.balanced and draft.ledger.read == count_parts(source)
    return draft


@WAYS
def test_they_are_kept_unless_something_else_is_wanted(on_the_way: Message) -> None:
    draft = converted(on_the_way, ProgressMessages.KEEP)
    assert len(said(draft)) == 3
    assert not {"progress-marked", "progress-dropped"} & set(codes(draft))


@WAYS
def test_a_first_line_can_say_what_they_are(on_the_way: Message) -> None:
    draft = converted(on_the_way, ProgressMessages.MARK)
    assert said(draft)[1] == PROGRESS_MARK
    assert "progress-marked" in codes(draft)
    assert said(draft)[3] == "Orcas are whales."


@WAYS
def test_they_can_be_left_out(on_the_way: Message) -> None:
    draft = converted(on_the_way, ProgressMessages.DROP)
    assert said(draft) == ["Research orcas", "Orcas are whales."]
    assert codes(draft) == ["progress-dropped"]


@WAYS
def test_none_counts_as_the_old_answer(on_the_way: Message) -> None:
    turn = last_turn(thread(ASKED, on_the_way, REPORT))
    assert turn is not None and turn.answer == "Orcas are whales."
    assert last_turn(thread(ASKED, on_the_way)) is None


@pytest.mark.parametrize(
    "other",
    [
        message("cot_summary: what does that mean?", role="user"),
        message("The word cot_summary: is a key", role="assistant"),
        message("Done", role="assistant", metadata={"summary": "cot"}),
        message(role="assistant"),
    ],
)
def test_other_messages_are_none(other: Message) -> None:
    assert not is_progress(other)


def test_a_call_in_one_that_is_left_out_goes_with_it() -> None:
    call: dict[str, Any] = {"type": "tool_call", "id": "call_1", "name": "add", "arguments": "{}"}
    output = {"type": "tool_output", "call_id": "call_1", "output": "3"}
    on_the_way = message("cot_summary: x", call, id="msg_2", role="assistant")
    source = thread(
        ASKED, on_the_way, message(output, id="msg_3", role="tool"), run_steps=(step(function(id="other")),)
    )
    draft = convert_thread(source, ConvertOptions(progress_messages=ProgressMessages.DROP))
    assert draft.ledger.balanced
    assert "tool-output-without-call" in codes(draft)
