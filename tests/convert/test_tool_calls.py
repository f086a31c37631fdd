from __future__ import annotations

import json
from typing import Any

import pytest
from migrate_cli.convert.limits import MAX_TEXT
from migrate_cli.convert.options import ConvertOptions, ToolCalls
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Draft, Run, RunStep, Thread

from support.threads import bodies, codes, function, made, message, said, step, thread

ASKED = message("2+2?", id="msg_1", created_at=100)
ANSWERED = message("4", id="msg_2", role="assistant", created_at=110, run_id="run_1")


def run(*steps: RunStep, messages: tuple[Any, ...] = (ASKED, ANSWERED), status: str = "completed") -> Thread:
    return thread(*messages, runs=(Run("run_1", status, created_at=101),), run_steps=steps)


def kinds(draft: Draft) -> list[str]:
    return [item.kind for item in draft.items]


def only_call(call: dict[str, Any], **settings: Any) -> Draft:
    return convert_thread(run(step(call), made("msg_2")), ConvertOptions(**settings))


def test_a_function_call_stands_before_the_message_that_its_run_made() -> None:
    draft = convert_thread(run(step(function(arguments='{"a":2}', output="4")), made("msg_2")))
    assert bodies(draft)[1:3] == [
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a":2}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "4"},
    ]
    assert kinds(draft) == ["message", "function_call", "function_call_output", "message"]
    assert [item.joined for item in draft.items] == [False, False, True, False]
    assert draft.items[1].message_id == "msg_2"
    assert codes(draft) == []


def test_500_parallel_calls_become_500_adjacent_pairs() -> None:
    calls = [function(id=f"call_{number}") for number in range(500)]
    draft = convert_thread(run(step(*calls), made("msg_2")))
    assert kinds(draft) == ["message", *["function_call", "function_call_output"] * 500, "message"]
    assert validate_draft(draft) == []


def test_steps_listed_newest_first_are_turned_round() -> None:
    steps = [
        step(function(id="call_a"), id="s1", created_at=102),
        step(function(id="call_b"), id="s2", created_at=103),
        made("msg_2", created_at=104),
    ]
    assert convert_thread(run(*steps)).digest == convert_thread(run(*reversed(steps))).digest


def test_steps_of_one_second_keep_the_order_of_the_list_unless_the_message_comes_first() -> None:
    first, second = (
        step(function(id="call_a"), id="s1", created_at=5),
        step(function(id="call_b"), id="s2", created_at=5),
    )
    answer = made("msg_2", created_at=5)
    ascending = convert_thread(run(first, second, answer))
    assert [body["call_id"] for body in bodies(ascending)[1:5:2]] == ["call_a", "call_b"]
    assert ascending.digest == convert_thread(run(answer, second, first)).digest


def test_calls_between_two_messages_of_one_run_stand_between_them() -> None:
    later = message("done", id="msg_3", role="assistant", run_id="run_1", created_at=120)
    steps = (made("msg_2", "m1", created_at=1), step(function(), created_at=2), made("msg_3", "m2", created_at=3))
    draft = convert_thread(run(*steps, messages=(ASKED, ANSWERED, later)))
    assert kinds(draft) == ["message", "message", "function_call", "function_call_output", "message"]


def test_a_run_without_its_message_step_is_placed_by_the_messages_run_id() -> None:
    draft = convert_thread(run(step(function())))
    assert kinds(draft) == ["message", "function_call", "function_call_output", "message"]


def test_a_run_that_made_no_message_follows_the_last_message_written_when_it_started() -> None:
    later = message("Hello?", id="msg_3", created_at=300)
    source = thread(
        ASKED, later, runs=(Run("run_1", "failed", created_at=100),), run_steps=(step(function(output=None)),)
    )
    draft = convert_thread(source)
    assert kinds(draft) == ["message", "function_call", "function_call_output", "message"]
    assert codes(draft) == ["run-not-completed", "tool-call-without-output"]


def test_a_step_without_run_and_time_goes_to_the_end() -> None:
    draft = convert_thread(thread(ASKED, run_steps=(step(function(), run_id=None),)))
    assert kinds(draft) == ["message", "function_call", "function_call_output"]
    assert codes(draft) == ["step-without-run"]


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "incomplete", "requires_action"])
def test_a_run_that_did_not_complete_is_reported_with_its_status(status: str) -> None:
    draft = convert_thread(run(status=status))
    assert codes(draft) == ["run-not-completed"]
    assert status in draft.findings[0].detail


def test_a_missing_output_is_written_as_one_that_says_so() -> None:
    draft = only_call(function(output=None))
    assert bodies(draft)[2]["output"] == "No output was recorded for this call."
    assert codes(draft) == ["tool-call-without-output"]


def test_a_long_call_id_is_shortened_the_same_way_every_time() -> None:
    long = "call_" + "x" * 100
    first, second = only_call(function(id=long)), only_call(function(id=long))
    assert len(bodies(first)[1]["call_id"]) <= 64
    assert bodies(first)[1]["call_id"] == bodies(first)[2]["call_id"] == bodies(second)[1]["call_id"]
    assert codes(first) == ["tool-call-id-changed"]


def test_a_call_id_used_twice_is_made_unique() -> None:
    draft = convert_thread(run(step(function(), function()), made("msg_2")))
    ids = [body["call_id"] for body in bodies(draft) if body["type"] == "function_call"]
    assert len(set(ids)) == 2
    assert validate_draft(draft) == []


@pytest.mark.parametrize(("given", "sent"), [("{broken", "{broken"), ("", "{}"), (None, "{}")])
def test_arguments_that_are_no_json_are_sent_as_they_are_or_as_an_empty_object(given: Any, sent: str) -> None:
    draft = only_call(function(arguments=given))
    assert bodies(draft)[1]["arguments"] == sent
    assert codes(draft) == ["tool-arguments-not-json"]


def test_arguments_and_output_that_are_objects_become_json() -> None:
    draft = only_call(function(arguments={"a": 1}, output={"b": "ü"}))
    assert bodies(draft)[1]["arguments"] == '{"a":1}'
    assert bodies(draft)[2]["output"] == '{"b":"ü"}'


def test_an_output_of_20_megabytes_is_cut_and_says_so() -> None:
    draft = only_call(function(output="x" * 20_000_000))
    output = bodies(draft)[2]["output"]
    assert len(output) == MAX_TEXT
    assert output.endswith("[Cut: the whole output had 20,000,000 characters.]")
    assert codes(draft) == ["tool-output-cut"]


def test_a_name_that_the_target_refuses_is_cleaned() -> None:
    draft = only_call(function(name="my func.é"))
    assert bodies(draft)[1]["name"] == "my_func__"
    assert codes(draft) == ["tool-name-changed"]


def test_code_is_told_with_its_logs_and_images() -> None:
    call = {
        "id": "ci_1",
        "type": "code_interpreter",
        "code_interpreter": {
            "input": "print(1)",
            "outputs": [{"type": "logs", "logs": "1"}, {"type": "image", "image": {"file_id": "file-plot"}}],
        },
    }
    draft = only_call(call)
    assert said(draft)[1] == "[Tool call: code_interpreter]\nCode:\nprint(1)\nLogs:\n1\nImage: file-plot"
    assert bodies(draft)[1]["role"] == "assistant"
    assert draft.items[1].kind == "note"
    assert draft.ledger.noted == 3


def test_a_search_is_told_with_results_and_scores() -> None:
    result = {"file_id": "file-a", "file_name": "a.txt", "score": 0.75, "content": [{"type": "text", "text": "tacos"}]}
    draft = only_call({"id": "fs", "type": "file_search", "file_search": {"results": [result]}})
    assert said(draft)[1] == "[Tool call: file_search]\nResult 1: a.txt (file-a), score 0.75\ntacos"


@pytest.mark.parametrize("kind", ["something_new", "file_search_v9"])
def test_calls_of_unknown_types_are_told_with_all_their_data(kind: str) -> None:
    draft = only_call({"id": "x", "type": kind, kind: {"requesturl": "https://example.com?q=1"}, "output": "o"})
    data = json.loads(said(draft)[1].partition("\n")[2])
    assert data == {kind: {"requesturl": "https://example.com?q=1"}, "output": "o"}


def test_functions_become_text_or_go_by_setting() -> None:
    told = only_call(function(arguments='{"a":2}'), tool_calls=ToolCalls.TEXT)
    assert said(told)[1] == '[Tool call: function add]\nArguments: {"a":2}\nOutput: 3'
    dropped = only_call(function(), tool_calls=ToolCalls.DROP)
    assert kinds(dropped) == ["message", "message"]
    assert dropped.ledger.dropped == 2


def test_code_and_search_are_native_only_on_request() -> None:
    call = {"id": "ci", "type": "code_interpreter", "code_interpreter": {"input": "1", "outputs": []}}
    native = only_call(call, native_builtin=True)
    assert kinds(native)[1] == "code_interpreter_call"
    assert codes(native) == ["tool-call-native-unproven"]


def test_an_unknown_step_is_set_aside() -> None:
    odd = RunStep("s", "run_1", "dreaming", {"type": "dreaming", "dream": 1}, "completed")
    draft = convert_thread(run(odd, made("msg_2")))
    assert codes(draft) == ["step-unknown"]
    assert draft.aside[0].value["step_details"] == {"type": "dreaming", "dream": 1}


def test_calls_of_a_thread_without_messages_are_dropped_with_it() -> None:
    draft = convert_thread(thread(run_steps=(step(function()),)))
    assert draft.skip_reason == "no-messages"
    assert draft.ledger.dropped == 2 and draft.ledger.balanced
