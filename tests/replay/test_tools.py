"""Function tools: run at once, with a time each, and every mishap told to the model."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import UsageError
from migrate_cli.replay.approvals import Approvals, Decided
from migrate_cli.replay.handler_process import resolve
from migrate_cli.replay.handlers import HandlerProcesses
from migrate_cli.replay.recorded_outputs import RecordedOutputs
from migrate_cli.replay.response import ApprovalRequest, ClientCall
from migrate_cli.replay.tool_output import as_output, failure, size_of
from migrate_cli.replay.tools import ToolOutcome, ToolPolicy, ToolRunner
from migrate_cli.replay.toolspec import Tool

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
HERE = Path(__file__).parent


def tool(name: str, **more: Any) -> Tool:
    return Tool.model_validate({"type": "function", "name": name, "parameters": NUMBER, **more})


def here(name: str, **more: Any) -> Tool:
    return tool(name, handler=f"odd_handlers:{name}", **more)


def run(
    tools: list[Tool], *calls: tuple[str, str], recorded: RecordedOutputs | None = None, **policy: Any
) -> list[ToolOutcome]:
    made = [ClientCall(f"call_{index}", name, arguments) for index, (name, arguments) in enumerate(calls)]
    with HandlerProcesses(HERE) as handlers:
        runner = ToolRunner(tools, ToolPolicy(handlers=handlers, **policy), recorded)
        return asyncio.run(runner.run_all(made))


def test_all_calls_run_at_once_and_answer_in_their_order() -> None:
    outcomes = run([here("meet")], *(("meet", f'{{"n": {n}}}') for n in range(3)))
    assert [outcome.output for outcome in outcomes] == ["met 0", "met 1", "met 2"]
    assert outcomes[1].item() == {"type": "function_call_output", "call_id": "call_1", "output": "met 1"}


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("double", "{", "invalid_arguments"),
        ("double", "[1]", "invalid_arguments"),
        ("double", '{"n": "one"}', "invalid_arguments"),
        ("double", '{"m": 1}', "invalid_arguments"),
        ("forever", '{"n": 1}', "timeout"),
        ("late", '{"n": 1}', "TimeoutError"),
        ("bare", '{"n": 1}', "no_handler"),
        ("never_heard_of", "{}", "unknown_tool"),
    ],
)
def test_a_mishap_becomes_an_output_that_the_model_can_read(name: str, arguments: str, problem: str) -> None:
    tools = [here("double"), here("forever", timeout=0.01), here("late"), tool("bare")]
    (outcome,) = run(tools, (name, arguments))
    assert outcome.problem == problem
    told = json.loads(outcome.output)["error"]
    assert told["type"] == problem
    assert told["message"]


def test_one_mishap_does_not_spoil_the_others() -> None:
    outcomes = run([here("double"), here("forever", timeout=0.01)], ("forever", '{"n": 1}'), ("double", '{"n": 2}'))
    assert [outcome.problem for outcome in outcomes] == ["timeout", None]
    assert outcomes[1].output == '{"n":4}'


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("import json, sys; print(json.dumps(json.load(sys.stdin)))", '{"n":3}'),
        ("print('plain words')", "plain words"),
        ("import sys; sys.exit('out of stock')", "the command ended with 1: out of stock"),
        ("import time; time.sleep(60)", "more than 0.5 s"),
    ],
)
def test_a_command_reads_and_writes(program: str, output: str) -> None:
    (outcome,) = run([tool("f", command=[sys.executable, "-c", program], timeout=0.5)], ("f", '{"n": 3}'))
    assert output in outcome.output


def test_a_command_beside_the_suite_is_found_and_none_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "look"
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(0o700)
    outcomes = run(
        [tool("f", command=["./look"]), tool("g", command=["./none"])],
        ("f", '{"n": 1}'), ("g", '{"n": 1}'), folder=tmp_path,
    )  # fmt: skip
    assert outcomes[0].output == "here"
    assert outcomes[1].problem == "FileNotFoundError"


@pytest.mark.parametrize("place", ["no_such_module:f", "json:no_such_function", "json:__name__"])
def test_a_handler_that_is_not_there_is_told_before_any_work(place: str) -> None:
    with pytest.raises(UsageError, match=place):
        resolve(place, Path())


def test_a_call_that_was_answered_is_not_run_again_when_the_case_begins_anew() -> None:
    ran: list[int] = []
    runner = ToolRunner([], ToolPolicy())
    runner._tools["count"] = tool("count")

    async def count(arguments: dict[str, int]) -> int:
        ran.append(arguments["n"])
        return len(ran)

    runner._runs["count"] = ("handler", count)
    call = ClientCall("call_1", "count", '{"n": 1}')

    async def both() -> list[str]:
        first = await runner.run_all([call, call])
        runner.restart()
        again = await runner.run_all([call, call, call])
        return [outcome.output for outcome in (*first, *again)]

    assert asyncio.run(both()) == ["1", "2", "1", "2", "3"]


def test_recorded_outputs_are_found_by_name_and_arguments() -> None:
    def pair(number: int, arguments: str, output: Any) -> list[dict[str, Any]]:
        call = {"type": "function_call", "call_id": f"c{number}", "name": "look", "arguments": arguments}
        return [call, {"type": "function_call_output", "call_id": f"c{number}", "output": output}]

    recorded = RecordedOutputs(
        [*pair(1, '{"a": 1, "b": 2}', "first"), *pair(2, '{"b":2,"a":1}', "second"), *pair(3, "{}", [1])]
    )
    found = [recorded.find("look", {"b": 2, "a": 1}) for _ in range(3)]
    assert found == ["first", "second", "second"]
    assert recorded.find("look", {}) == "[1]"
    assert recorded.find("look", {"a": 2}) is None
    assert recorded.find("find", {}) is None


def custom(name: str, **more: Any) -> Tool:
    return Tool.model_validate({"type": "custom", "name": name, **more})


def run_custom(tool: Tool, text: str, recorded: RecordedOutputs | None = None) -> ToolOutcome:
    call = ClientCall("call_1", tool.name, text, "custom_tool_call")
    with HandlerProcesses(HERE) as handlers:
        (outcome,) = asyncio.run(ToolRunner([tool], ToolPolicy(handlers=handlers), recorded).run_all([call]))
    return outcome


@pytest.mark.parametrize("name", ["aloud", "aloud_later"])
def test_a_handler_of_a_custom_tool_is_given_the_text_and_gives_one(name: str) -> None:
    outcome = run_custom(custom(name, handler=f"odd_handlers:{name}"), '{"no": json')
    assert outcome.output == '{"NO": JSON'
    assert outcome.item() == {"type": "custom_tool_call_output", "call_id": "call_1", "output": outcome.output}


@pytest.mark.parametrize("text", ["two words", "", "[1]", "ä\n"])
def test_a_command_of_a_custom_tool_reads_and_writes_text_as_it_is(text: str) -> None:
    program = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(b' ' + data + b'\\n')"
    assert run_custom(custom("f", command=[sys.executable, "-c", program]), text).output == f" {text}"


def test_the_output_of_a_custom_tool_is_recorded_too() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "grep", "input": "lamp"}
    recorded = RecordedOutputs([call, {"type": "custom_tool_call_output", "call_id": "c", "output": "green"}])
    assert run_custom(custom("grep"), "lamp", recorded).output == "green"
    assert run_custom(custom("grep"), "shade", recorded).problem == "no_recorded_output"


def test_a_function_of_a_namespace_is_called_by_its_full_name_and_recorded_by_its_own() -> None:
    crm = Tool.model_validate(
        {"type": "namespace", "name": "crm", "description": "x", "tools": [{"type": "function", "name": "look"}]}
    )
    old = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    recorded = RecordedOutputs([old, {"type": "function_call_output", "call_id": "c", "output": "green"}])
    call = ClientCall("call_1", "look", "{}", namespace="crm")
    (outcome,) = asyncio.run(ToolRunner([crm], ToolPolicy(), recorded).run_all([call]))
    assert (outcome.output, outcome.problem) == ("green", None)


def test_a_call_of_the_other_kind_is_told_apart() -> None:
    call = ClientCall("call_1", "grep", "{}")
    (outcome,) = asyncio.run(ToolRunner([custom("grep")], ToolPolicy()).run_all([call]))
    assert outcome.problem == "invalid_arguments"


def test_without_a_recorded_output_the_model_is_told() -> None:
    loose = Tool.model_validate({"type": "function", "name": "look"})
    (outcome,) = run([loose], ("look", "{}"), recorded=RecordedOutputs([]))
    assert outcome.problem == "no_recorded_output"


@given(st.recursive(st.text() | st.integers() | st.none(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)),
       st.integers(120, 400))  # fmt: skip
def test_an_output_is_never_too_long_and_stays_valid(value: Any, most: int) -> None:
    text = as_output(value, most)
    assert size_of(text) <= most
    if not isinstance(value, str):
        whole = json.loads(text)
        assert whole == value or whole["cut"] is True


def test_no_output_is_sent_empty_since_targets_refuse_it() -> None:
    values: tuple[Any, ...] = ("", None, [], "x")
    assert [as_output(value, 100) for value in values] == ['""', "null", "[]", "x"]


def test_a_cut_says_so_and_keeps_the_beginning() -> None:
    assert as_output("ä" * 100, 61) == "ä" * 18 + "\n[cut: 200 bytes in all]"
    assert json.loads(as_output(list(range(100)), 100))["elements"][:3] == [0, 1, 2]
    assert json.loads(as_output({"a": '"' * 500}, 200))["beginning"].startswith('{"a":')


def test_an_error_never_shows_a_key() -> None:
    assert "sk-canary" not in failure("E", "the key sk-canary-1234567890 was refused")


def ask(answer: bool) -> Any:
    return lambda _request: answer


@pytest.mark.parametrize(
    ("approvals", "decided"),
    [
        (Approvals(), Decided.UNANSWERED),
        (Approvals(approve=("buy",)), Decided.APPROVED),
        (Approvals(approve=("shop.buy",)), Decided.APPROVED),
        (Approvals(approve=("*",)), Decided.APPROVED),
        (Approvals(approve=("other.buy",)), Decided.UNANSWERED),
        (Approvals(approve=("*",), deny=("buy",)), Decided.DENIED),
        (Approvals(ask=ask(True)), Decided.APPROVED),
        (Approvals(ask=ask(False)), Decided.DENIED),
        (Approvals(deny=("buy",), ask=ask(True)), Decided.DENIED),
    ],
)
def test_nobodys_silence_is_a_yes(approvals: Approvals, decided: Decided) -> None:
    (decision,) = asyncio.run(approvals.decide([ApprovalRequest("mcpr_1", "shop", "buy", "{}")]))
    assert decision.decided is decided
    assert decision.item()["approve"] is (decided is Decided.APPROVED)
