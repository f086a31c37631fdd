"""Each type that the clients of Foundry's classic agents know is carried, and no value of it is lost.

The table is what `tools/agent_types.py` printed for two versions of azure-ai-agents: the paths of all fields, by type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.host_calls import FUNCTIONS
from migrate_cli.convert.options import ConvertOptions, ToolCalls, UnknownFields
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.tool_calls import CONVERTERS
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Draft, Run, Thread
from migrate_cli.sources.normalise import Notes, message_of, run_of, step_of

from support.threads import ORIGIN, bodies, codes

TABLE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "agent_types.json").read_text("utf-8"))
CALLS = sorted({(kind, version) for version in TABLE for kind in TABLE[version]["tool_calls"]})
REQUIRED = sorted({(kind, version) for version in TABLE for kind in TABLE[version]["required"]})
UNKNOWN_CODES = {"unsupported-part", "annotation-unknown", "step-unknown", "action-unknown", "field-not-carried"}


def example(kind: str, paths: list[str], place: str = "") -> dict[str, Any]:
    """An object with a value of its own at each path; of a choice of types, the first that is not told before."""
    made: dict[str, Any] = {}
    for path in paths:
        _put(made, path.split("."), f"value of {place}{path}")
    made["type"] = kind
    return made


def _put(holder: dict[str, Any], keys: list[str], value: Any) -> None:
    name, _, subtype = keys[0].partition("<")
    if len(keys) == 1:
        holder[name] = value
        return
    inner = holder.setdefault(name, {})
    if subtype and inner.setdefault("type", subtype[:-1]) != subtype[:-1]:
        return
    _put(inner, keys[1:], inner["type"] if subtype and keys[1:] == ["type"] else value)


def witnesses(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from witnesses(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from witnesses(entry)
    elif isinstance(value, str) and value.startswith("value of"):
        yield value


def wired(call: dict[str, Any]) -> dict[str, Any]:
    """A call as the wire has it: the client writes some things in objects that are lists, or forms of their own."""
    if call["type"] == "code_interpreter":
        call["code_interpreter"]["outputs"] = [{"type": "logs", "logs": "value of logs"}]
    if call["type"] == "file_search":
        search = call["file_search"]
        search["results"] = [{**search["results"], "content": [{"type": "text", "text": "value of found"}]}]
    if call["type"] == "computer_use_preview" and "output" in call["computer_use_preview"]:
        shot = call["computer_use_preview"]["output"]
        shot |= {
            "type": "computer_screenshot",
            "file_id": "assistant-shot",
            "image_url": "https://host.example/shot.png",
        }
    return call


def draft_of(step: dict[str, Any] | None = None, message: dict[str, Any] | None = None, **fields: Any) -> Draft:
    notes = Notes("thread_1")
    asked = {"id": "msg_1", "role": "user", "content": [{"type": "text", "text": {"value": "Ask", "annotations": []}}]}
    thread = Thread(
        "thread_1",
        [message_of(message or asked, "thread_1", 0, notes)],
        ORIGIN,
        "test",
        runs=fields.get("runs", (Run("run_1"),)),
        run_steps=() if step is None else (step_of({"id": "step_1", "run_id": "run_1", **step}),),
    )
    options = fields.get("options", ConvertOptions(unknown_fields=UnknownFields.KEEP))
    draft = convert_thread(thread, options)
    assert draft.ledger.balanced and draft.ledger.read == count_parts(thread)
    assert validate_draft(draft) == []
    return draft


def told(draft: Draft) -> str:
    """All that the conversation and the state file hold."""
    return json.dumps([bodies(draft), [one.value for one in draft.aside]], ensure_ascii=False)


def step_with(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_calls", "step_details": {"type": "tool_calls", "tool_calls": [call]}}


@pytest.mark.parametrize(("kind", "version"), CALLS)
@pytest.mark.parametrize("way", [ToolCalls.NATIVE, ToolCalls.TEXT])
def test_every_tool_call_is_known_and_all_of_it_is_told(kind: str, version: str, way: ToolCalls) -> None:
    call = wired(example(kind, TABLE[version]["tool_calls"][kind]))
    assert kind in CONVERTERS
    draft = draft_of(step_with(call), options=ConvertOptions(tool_calls=way))
    everything = told(draft)
    missing = [word for word in witnesses({**call, "id": None}) if word not in everything]
    assert missing == []
    assert not UNKNOWN_CODES & set(codes(draft))


@pytest.mark.parametrize(("kind", "version"), [case for case in CALLS if case[0] in FUNCTIONS])
def test_calls_with_a_name_arguments_and_an_output_are_pairs(kind: str, version: str) -> None:
    draft = draft_of(step_with(example(kind, TABLE[version]["tool_calls"][kind])))
    call, output = bodies(draft)[-2:]
    assert [call["type"], output["type"]] == ["function_call", "function_call_output"]
    assert call["call_id"] == output["call_id"]
    assert "output" in output["output"] and "arguments" in call["arguments"]
    assert "tool-call-as-function" in codes(draft)


@pytest.mark.parametrize(("kind", "version"), REQUIRED)
def test_every_call_that_a_run_waits_for_is_told(kind: str, version: str) -> None:
    call = example(kind, TABLE[version]["required"][kind])
    raw = {"id": "run_1", "status": "requires_action", "required_action": {"type": "x", "x": {"tool_calls": [call]}}}
    draft = draft_of(runs=(run_of(raw),))
    everything = told(draft)
    assert [word for word in witnesses({**call, "id": None}) if word not in everything] == []
    assert "tool-call-without-output" in codes(draft)


@pytest.mark.parametrize("version", sorted(TABLE))
def test_every_content_and_annotation_is_known(version: str) -> None:
    annotations = [
        {**example(kind, paths), "text": "[1]", "start_index": 4, "end_index": 7}
        for kind, paths in TABLE[version]["annotations"].items()
    ]
    content: list[Any] = []
    for kind, paths in {**TABLE[version]["input"], **TABLE[version]["content"]}.items():
        part = example(kind, paths)
        if kind == "text":
            part = {"type": "text", "text": {"value": "See [1].", "annotations": annotations}}
        if kind == "image_url":
            part["image_url"] = {"url": "https://host.example/a.png", "detail": "low"}
        if kind == "image_file":
            part["image_file"] = {"file_id": "assistant-a", "detail": "low"}
        content.append(part)
    message = {"id": "msg_1", "role": "assistant", "content": content, "assistant_id": "asst_1"}
    draft = draft_of(message=message)
    assert not UNKNOWN_CODES & set(codes(draft))
    everything = told(draft)
    assert [word for word in witnesses(content) if word not in everything] == []


@pytest.mark.parametrize("version", sorted(TABLE))
def test_an_attachment_names_its_file_or_its_data(version: str) -> None:
    paths = TABLE[version]["attachments"]
    assert {path.partition(".")[0] for path in paths} == {"file_id", "data_source", "tools"}
    source = {"uri": "azureml://paths/a.md", "type": "uri_asset"}
    message = {"id": "msg_1", "role": "user", "content": [], "attachments": [{"data_source": source, "tools": []}]}
    draft = draft_of(message=message)
    assert "azureml://paths/a.md" in told(draft) and codes(draft) == ["attachment-data-source"]


@pytest.mark.parametrize("version", sorted(TABLE))
def test_every_step_is_known(version: str) -> None:
    for kind in TABLE[version]["steps"]:
        details: dict[str, Any] = {"type": kind}
        if kind == "activities":
            listed = example("mcp_list_tools", TABLE[version]["activities"])
            details["activities"] = [listed]
        elif kind == "message_creation":
            details["message_creation"] = {"message_id": "msg_1"}
        else:
            details["tool_calls"] = []
        draft = draft_of({"type": kind, "step_details": details})
        assert not UNKNOWN_CODES & set(codes(draft))
        if kind == "activities":
            assert "value of server_label" in told(draft)
