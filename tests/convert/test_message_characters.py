"""A target with a limit of characters in one message: what is longer becomes several messages, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.limits import MESSAGE_CHARACTERS
from migrate_cli.convert.options import ConvertOptions, ToolCalls
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Draft, Message, Run, Thread

from support.threads import bodies, codes, function, message, said, step, thread

MOST = 40


def converted(source: Thread) -> Draft:
    draft = convert_thread(source, ConvertOptions(message_characters=MOST))
    assert draft.ledger.balanced and draft.ledger.read == count_parts(source)
    assert validate_draft(draft, MOST) == []
    assert not draft.items or validate_draft(draft, 1) != []
    return draft


def longest(draft: Draft) -> int:
    return max(sum(len(part.get("text", "")) for part in body.get("content", ())) for body in bodies(draft))


def test_the_limit_is_that_of_foundry() -> None:
    assert MESSAGE_CHARACTERS == {"foundry": 1_500_000}


def test_a_long_text_becomes_messages_in_a_row() -> None:
    text = "".join(f"{number:05}" for number in range(20))
    draft = converted(thread(message(text, role="assistant")))
    assert [body["role"] for body in bodies(draft)] == ["assistant"] * 3
    assert "".join(said(draft)) == text
    assert codes(draft) == ["text-too-long", "message-split"]


def test_short_texts_that_are_too_long_together_are_not_cut() -> None:
    draft = converted(thread(message("a" * 30, "b" * 30, "c" * 5)))
    assert [[part["text"][0] for part in body["content"]] for body in bodies(draft)] == [["a"], ["b", "c"]]
    assert codes(draft) == ["message-split"]


def test_a_message_that_fits_is_left_alone() -> None:
    draft = converted(thread(message("a" * MOST)))
    assert len(draft.items) == 1 and codes(draft) == []


def test_a_call_with_a_long_output_is_told_in_words() -> None:
    source = thread(message("hi"), runs=(Run("run_1"),), run_steps=(step(function(output="x" * 100)),))
    draft = converted(source)
    assert {body["type"] for body in bodies(draft)} == {"message"}
    assert "x" * 40 in "".join(said(draft))
    assert longest(draft) <= MOST


def test_without_such_a_limit_a_message_may_have_any_number_of_texts() -> None:
    draft = convert_thread(thread(message("a" * 30, "b" * 30)), ConvertOptions(tool_calls=ToolCalls.TEXT))
    assert len(draft.items) == 1


@given(st.lists(st.lists(st.text(alphabet="abc", min_size=1, max_size=100), min_size=1, max_size=4), max_size=4))
def test_no_message_is_longer_and_all_texts_are_there(texts: list[list[str]]) -> None:
    messages: list[Message] = [message(*parts, id=f"msg_{number}") for number, parts in enumerate(texts)]
    draft = convert_thread(thread(*messages), ConvertOptions(message_characters=MOST))
    assert "".join(said(draft)) == "".join("".join(parts) for parts in texts)
    assert not draft.items or longest(draft) <= MOST
