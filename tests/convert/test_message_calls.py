"""Tool calls and outputs that stand in messages: they end as paired items, in place, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from migrate_cli.convert.options import ConvertOptions, Incomplete, Tail, ToolCalls
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Draft, Message, Run, Thread

from support.threads import bodies, codes, function, message, said, step, thread


def call(id: Any = "call_1", name: Any = "add", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": id, "name": name, "arguments": arguments, **more}


def output(call_id: Any = "call_1", value: Any = "4", **more: Any) -> dict[str, Any]:
    return {"type": "tool_output", "call_id": call_id, "output": value, **more}


def assistant(*parts: Any, id: str = "msg_2", **fields: Any) -> Message:
    return message(*parts, id=id, role="assistant", **fields)


def tool(*parts: Any, id: str = "msg_3", **fields: Any) -> Message:
    return message(*parts, id=id, role="tool", **fields)


def converted(source: Thread, **settings: Any) -> Draft:
    draft = convert_thread(source, ConvertOptions(**settings))
    assert draft.ledger.read == count_parts(source)
    assert draft.ledger.balanced
    assert validate_draft(draft) == []
    return draft


def order(draft: Draft) -> list[str]:
    """What the items are, in order: texts, calls and outputs."""
    shown = []
    for body in bodies(draft):
        parts = body.get("content") or [{"text": body.get("arguments") or body.get("output")}]
        shown.append(f"{body.get('role', body['type'])}: {parts[0].get('text')}")
    return shown


def test_a_call_and_its_output_stand_where_the_call_stood() -> None:
    draft = converted(
        thread(message("2+2?"), assistant("I add.", call(arguments='{"a":2}')), tool(output()), assistant("4", id="m4"))
    )
    assert order(draft) == [
        "user: 2+2?",
        "assistant: I add.",
        'function_call: {"a":2}',
        "function_call_output: 4",
        "assistant: 4",
    ]
    assert [item.joined for item in draft.items] == [False, False, False, True, False]
    assert draft.items[2].message_id == "msg_2"
    assert codes(draft) == []
    assert draft.ledger.kept == draft.ledger.read == 5


def test_an_output_finds_its_call_whatever_stands_between() -> None:
    draft = converted(
        thread(
            assistant(call("a"), call("b")),
            message("Well?", id="msg_q"),
            tool(output("b", "B"), id="t1"),
            tool(output("a", "A"), id="t2"),
        )
    )
    assert order(draft) == [
        "function_call: {}",
        "function_call_output: A",
        "function_call: {}",
        "function_call_output: B",
        "user: Well?",
    ]
    assert codes(draft) == []


def test_a_call_without_an_output_gets_one_that_says_so() -> None:
    draft = converted(thread(message("hi"), assistant(call())))
    assert bodies(draft)[2]["output"] == "No output was recorded for this call."
    assert codes(draft) == ["tool-call-without-output"]


@pytest.mark.parametrize("policy", [ToolCalls.NATIVE, ToolCalls.TEXT])
def test_an_output_without_a_call_is_told_in_a_note(policy: ToolCalls) -> None:
    draft = converted(thread(message("hi"), tool(output("call_9", "lost"))), tool_calls=policy)
    assert said(draft) == ["hi", "[Output of the tool call call_9]\nlost"]
    assert "tool-output-without-call" in codes(draft)
    assert draft.ledger.noted == 1


def test_a_second_output_of_a_call_is_told_in_a_note() -> None:
    draft = converted(thread(assistant(call()), tool(output()), tool(output(value="5"), id="msg_4")))
    assert bodies(draft)[1]["output"] == "4"
    assert said(draft) == ["[Output of the tool call call_1]\n5"]
    assert "tool-output-repeated" in codes(draft)


def test_calls_under_one_id_keep_their_own_outputs() -> None:
    draft = converted(
        thread(
            assistant(call(arguments='{"n":1}'), id="a1"),
            tool(output(value="one"), id="t1"),
            assistant(call(arguments='{"n":2}'), id="a2"),
            tool(output(value="two"), id="t2"),
        )
    )
    first, first_output, second, second_output = bodies(draft)
    assert (first_output["output"], second_output["output"]) == ("one", "two")
    assert first["call_id"] == first_output["call_id"] != second["call_id"] == second_output["call_id"]
    assert codes(draft) == ["tool-call-id-changed"]


def test_calls_and_outputs_without_ids_meet_by_the_functions_name() -> None:
    draft = converted(
        thread(
            assistant(call(None, "add"), call(None, "sub")),
            tool(output(None, "S", name="sub"), output(None, "A", name="add")),
        )
    )
    assert [body["output"] for body in bodies(draft)[1::2]] == ["A", "S"]
    assert set(codes(draft)) == {"tool-call-without-id"}


def test_an_output_that_names_nothing_answers_the_call_before_it() -> None:
    draft = converted(thread(assistant(call()), tool(output(None))))
    assert bodies(draft)[1]["output"] == "4"


def test_arguments_that_are_an_object_become_json() -> None:
    draft = converted(thread(assistant(call(arguments={"city": "Bern"}, output={"t": 20}))))
    assert bodies(draft)[0]["arguments"] == '{"city":"Bern"}'
    assert bodies(draft)[1]["output"] == '{"t":20}'
    assert draft.ledger.converted == 2


def test_calls_as_text_tell_their_outputs() -> None:
    draft = converted(thread(assistant("I add.", call()), tool(output())), tool_calls=ToolCalls.TEXT)
    assert said(draft) == ["I add.", "[Tool call: function add]\nArguments: {}\nOutput: 4"]
    assert draft.ledger.noted == 2


def test_calls_that_are_to_be_dropped_go_with_their_outputs() -> None:
    draft = converted(
        thread(message("hi"), assistant("I add.", call()), tool(output()), tool(output("x"), id="m4")),
        tool_calls=ToolCalls.DROP,
    )
    assert said(draft) == ["hi", "I add."]
    assert draft.ledger.dropped == 3


def test_a_call_that_a_run_step_has_too_is_carried_once() -> None:
    steps = (step(function(output="4")),)
    draft = converted(
        thread(message("hi"), assistant(call(), run_id="run_1"), tool(output()), run_steps=steps, runs=(Run("run_1"),))
    )
    assert [body["type"] for body in bodies(draft)] == ["message", "function_call", "function_call_output"]
    assert codes(draft) == ["tool-call-repeated"]


def test_the_output_of_a_run_steps_call_may_stand_in_a_message() -> None:
    steps = (step(function(output=None)),)
    for policy in ToolCalls:
        draft = converted(
            thread(
                message("hi"), assistant("4", run_id="run_1"), tool(output()), run_steps=steps, runs=(Run("run_1"),)
            ),
            tool_calls=policy,
        )
        assert "tool-call-without-output" not in codes(draft)
    assert convert_thread(thread(message("hi"), tool(output()), run_steps=steps)).ledger.kept == 3


def test_another_call_under_the_id_of_a_run_steps_is_no_repetition() -> None:
    steps = (step(function(arguments='{"a":1}', output="4")),)
    draft = converted(
        thread(message("hi"), assistant(call(arguments='{"a":2}', output="5"), run_id="run_1"), run_steps=steps)
    )
    assert [body["output"] for body in bodies(draft) if "output" in body] == ["4", "5"]


def test_a_call_in_a_message_that_is_left_out_leaves_its_output_alone() -> None:
    draft = converted(
        thread(message("hi"), assistant(call(), status="incomplete"), tool(output())), incomplete=Incomplete.SKIP
    )
    assert "tool-output-without-call" in codes(draft)


def test_calls_that_the_host_ran_become_what_those_of_run_steps_become() -> None:
    code = {"id": "ci_1", "type": "code_interpreter", "code_interpreter": {"input": "1+1", "outputs": []}}
    inside = converted(thread(message("hi"), assistant({"type": "tool_call", "id": "ci_1", "call": code})))
    beside = convert_thread(thread(message("hi"), run_steps=(step(code),)))
    assert bodies(inside) == bodies(beside)


def test_reasoning_goes_to_the_state_file() -> None:
    draft = converted(thread(message("hi"), assistant({"type": "reasoning", "summary": []}), assistant("4", id="m3")))
    assert said(draft) == ["hi", "4"]
    assert codes(draft) == ["reasoning-aside"]
    assert [aside.name for aside in draft.aside] == ["reasoning"]


def test_a_tail_keeps_a_call_and_its_output_together() -> None:
    source = thread(message("hi"), assistant("I add.", call()), tool(output()), assistant("4", id="m4"))
    two = converted(source, tail=Tail(messages=2))
    assert [body["type"] for body in bodies(two)] == ["message", "function_call", "function_call_output", "message"]
    one = converted(source, tail=Tail(messages=1))
    assert said(one) == ["4"]


class CountedMessages:
    """Messages made anew at each reading; it counts those that somebody still holds."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.readings = 0

    def __iter__(self) -> Iterator[Message]:
        self.readings += 1
        for number in range(self.calls):
            yield assistant(call(f"call_{number}"), id=f"a{number}")
            yield tool(output(f"call_{number}", f"output {number}"), id=f"t{number}")


def test_long_threads_are_read_three_times_at_most_and_outputs_are_not_gathered() -> None:
    source = CountedMessages(2_000)
    long = Thread("thread_1", source, thread().origin, "test")
    draft = convert_thread(long)
    assert source.readings == 3
    assert [body["output"] for body in bodies(draft)[1::2]] == [f"output {number}" for number in range(2_000)]


def test_threads_without_calls_in_messages_are_read_once() -> None:
    class Plain(CountedMessages):
        def __iter__(self) -> Iterator[Message]:
            self.readings += 1
            yield message("hi")

    source = Plain(0)
    convert_thread(Thread("thread_1", source, thread().origin, "test"))
    assert source.readings == 1


def test_images_and_files_as_items_have_them_are_kept() -> None:
    parts = (
        {"type": "input_image", "image_url": "https://pics.example/b.png", "detail": "low"},
        {"type": "input_image", "file_id": "file-a"},
        {"type": "input_file", "file_id": "file-b"},
        {"type": "input_file", "file_url": "https://pics.example/b.pdf"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "b.pdf"},
    )
    draft = converted(thread(message(*parts)))
    assert json.loads(draft.items[0].body)["content"] == [
        parts[0],
        {"type": "input_image", "file_id": "file-a", "detail": "auto"},
        parts[2],
        parts[3],
        {"type": "input_file", "filename": "b.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    ]
    assert codes(draft) == []


def test_a_null_text_is_an_empty_text() -> None:
    null = {"type": "text", "text": {"value": None, "annotations": None}}
    draft = converted(thread(message("hi"), assistant("yes", null)))
    assert said(draft) == ["hi", "yes"]
    assert codes(draft) == ["empty-text"]


def test_a_search_that_an_item_tells_of_says_what_was_searched_for() -> None:
    search = {"id": "fs_1", "type": "file_search", "file_search": {"queries": ["trains"], "results": []}}
    part = {"type": "tool_call", "id": "fs_1", "call": search}
    assert 'Queries: ["trains"]' in said(converted(thread(assistant(part))))[0]
    assert bodies(converted(thread(assistant(part)), native_builtin=True))[0]["queries"] == ["trains"]
