"""Items against the official client's own parameter types and the official specification."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from migrate_cli.convert.options import Citations, ConvertOptions, FileFact
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Attachment, Run, Thread
from pydantic import TypeAdapter

from support.threads import bodies, function, made, message, step, text, thread, threads

SPECIFICATION = Path(__file__).parents[3] / "shared" / "openapi" / "openapi.json"
STRICT = ConvertOptions(strict_assistant=True, native_builtin=True, citations=Citations.ANNOTATIONS)


@cache
def adapter(kind: str, role: str | None) -> TypeAdapter[Any]:
    from openai.types import responses

    if kind == "message":
        return TypeAdapter(
            responses.ResponseOutputMessageParam if role == "assistant" else responses.EasyInputMessageParam
        )
    names = {
        "function_call": "ResponseFunctionToolCallParam",
        "function_call_output": "response_input_item_param.FunctionCallOutput",
        "code_interpreter_call": "ResponseCodeInterpreterToolCallParam",
        "file_search_call": "ResponseFileSearchToolCallParam",
    }
    found: Any = responses
    for name in names[kind].split("."):
        found = getattr(found, name)
    return TypeAdapter(found)


def check_types(source: Thread) -> None:
    """Lists that the types call `Iterable` are checked lazily, so they are walked."""
    for body in bodies(convert_thread(source, STRICT)):
        checked = adapter(body["type"], body.get("role")).validate_python(body)
        content = checked.get("content")
        assert len(body.get("content") or ()) == sum(1 for _ in content or ())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(threads())
def test_items_have_the_clients_parameter_types(source: Thread) -> None:
    check_types(source)


def all_kinds() -> Thread:
    marker = {"text": "【1】", "start_index": 0, "end_index": 3}
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    calls = step(
        function(),
        {
            "id": "c",
            "type": "code_interpreter",
            "code_interpreter": {"input": "1", "outputs": [{"type": "logs", "logs": "1"}]},
        },
        {
            "id": "s",
            "type": "file_search",
            "file_search": {"results": [{"file_id": "file-a", "file_name": "a.txt", "score": 1}]},
        },
    )
    answer = text(
        "【1】",
        {"type": "file_citation", **marker, "file_citation": {"file_id": "file-a"}},
        {"type": "url_citation", **marker, "url_citation": {"url": "https://example.com"}},
        {"type": "file_path", **marker, "file_path": {"file_id": "file-a"}},
    )
    return thread(
        message("hi", image, attachments=(Attachment("file-a"),)),
        message(answer, {"type": "refusal", "refusal": "no"}, image, id="msg_2", role="assistant"),
        message("be brief", id="msg_3", role="developer"),
        runs=(Run("run_1"),),
        run_steps=(calls, made("msg_2")),
    )


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the official specification is not here")
@pytest.mark.parametrize("strict", [True, False])
def test_items_are_valid_for_the_specification(strict: bool) -> None:
    document = json.loads(SPECIFICATION.read_text())
    validator = Draft202012Validator({"$ref": "#/components/schemas/InputItem", "components": document["components"]})
    options = STRICT if strict else ConvertOptions()
    for body in bodies(convert_thread(all_kinds(), options, {"file-a": FileFact(filename="a.txt")})):
        if body.get("role") == "assistant" and not strict:
            # The service does not insist on these, though the specification does.
            body |= {"id": "msg_1", "status": "completed"}
            body["content"] = [{"logprobs": [], **part} if "text" in part else part for part in body["content"]]
        assert validator.is_valid(body), body


def test_all_kinds_of_items_have_the_clients_parameter_types() -> None:
    check_types(all_kinds())
