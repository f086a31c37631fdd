"""What `/responses` refuses, and the error bodies with which it does."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

NO_STRICT = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False, "required": []}


def refuse(http: httpx2.Client, **fields: Any) -> tuple[int, dict[str, Any]]:
    body = {"model": "gpt-4o-mini", "input": "Hello", **fields}
    answer = http.post("/responses", json={key: value for key, value in body.items() if value is not None})
    assert answer.status_code >= 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": "no-such-model"}, "model", "model_not_found"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": [5]}, "input[0]", "invalid_type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0]", "invalid_value"),
        ({"conversation": "conv_1", "previous_response_id": "resp_1"}, None, "mutually_exclusive_parameters"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
        ({"conversation": {"id": None}}, "conversation.id", "missing_required_parameter"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options", None),
        ({"truncation": "middle"}, "truncation", "invalid_value"),
        ({"include": ["everything"]}, "include[0]", "invalid_value"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"surprise": 1}, "surprise", "unknown_parameter"),
        ({"response_format": {"type": "text"}}, "response_format", "unsupported_parameter"),
        ({"max_tokens": 100}, "max_tokens", "unsupported_parameter"),
        ({"reasoning_effort": "low"}, "reasoning_effort", "unsupported_parameter"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort", "unsupported_parameter"),
        ({"model": "gpt-5.4-mini", "temperature": 1}, "temperature", "unsupported_parameter"),
        ({"model": "gpt-5.4-mini", "top_p": 1}, "top_p", "unsupported_parameter"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name", "missing_required_parameter"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": NO_STRICT, "strict": True}}},
            "text.format.schema",
            "invalid_json_schema",
        ),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice", None),
        ({"background": True}, "background", None),
    ],
)
def test_a_bad_parameter_is_named(
    http: httpx2.Client, fields: dict[str, Any], param: str | None, code: str | None
) -> None:
    status, error = refuse(http, **fields)
    assert (status, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    ("tool", "param", "code"),
    [
        ({"type": "retrieval"}, "tools[0].type", "invalid_value"),
        ({}, "tools[0].type", "missing_required_parameter"),
        ({"type": "function", "function": {"name": "a"}}, "tools[0].name", "missing_required_parameter"),
        ({"type": "function", "name": "a b"}, "tools[0].name", "invalid_value"),
        (
            {"type": "function", "name": "a", "parameters": {"type": "string"}},
            "tools[0].parameters",
            "invalid_function_parameters",
        ),
        (
            {"type": "function", "name": "a", "parameters": NO_STRICT, "strict": True},
            "tools[0].parameters",
            "invalid_function_parameters",
        ),
        ({"type": "file_search"}, "tools[0].vector_store_ids", "missing_required_parameter"),
        ({"type": "file_search", "vector_store_ids": []}, "tools[0].vector_store_ids", "empty_array"),
        (
            {"type": "file_search", "vector_store_ids": ["vs_expired_1"]},
            "tools[0].vector_store_ids",
            "vector_store_expired",
        ),
        ({"type": "code_interpreter"}, "tools[0].container", "missing_required_parameter"),
        ({"type": "mcp", "server_url": "https://a.example"}, "tools[0].server_label", "missing_required_parameter"),
        ({"type": "mcp", "server_label": "a"}, "tools[0]", "missing_required_parameter"),
        (
            {"type": "mcp", "server_label": "a", "connector_id": "connector_x", "authorization": "t"},
            "tools[0].connector_id",
            "invalid_value",
        ),
        (
            {"type": "mcp", "server_label": "a", "connector_id": "connector_gmail"},
            "tools[0].authorization",
            "missing_required_parameter",
        ),
        (
            {"type": "mcp", "server_label": "a", "server_url": "https://a.example", "require_approval": "sometimes"},
            "tools[0].require_approval",
            "invalid_value",
        ),
        (
            {"type": "mcp", "server_label": "a", "server_url": "https://a.example", "authorization": "wrong-token"},
            "tools",
            "http_error",
        ),
        ({"type": "image_generation", "partial_images": 4}, "tools[0].partial_images", "integer_above_max_value"),
    ],
)
def test_a_bad_tool_is_named(http: httpx2.Client, tool: dict[str, Any], param: str, code: str) -> None:
    status, error = refuse(http, tools=[tool])
    assert (status, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize("model", ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "o1", "o3-mini", "o4-mini"])
def test_models_that_are_gone_are_not_found(http: httpx2.Client, model: str) -> None:
    status, error = refuse(http, model=model)
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"conversation": "conv_gone"}, 404, "Conversation with id 'conv_gone' not found."),
        ({"prompt": {"id": "pmpt_1"}}, 404, "Prompt with id 'pmpt_1' not found."),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_missing"]}]}, 404, "vs_missing"),
        (
            {"tools": [{"type": "mcp", "server_label": "a", "server_url": "https://a.invalid/x"}]},
            424,
            "Error retrieving tool list from MCP server: 'a'",
        ),
        (
            {"input": [{"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}]},
            400,
            "mcpr_1",
        ),
    ],
)
def test_what_is_not_there_is_said(http: httpx2.Client, fields: dict[str, Any], status: int, says: str) -> None:
    answered, error = refuse(http, **fields)
    assert answered == status
    assert says in error["message"]


def test_tokens_are_never_shown_again(http: httpx2.Client) -> None:
    tool = {
        "type": "mcp",
        "server_label": "shop",
        "server_url": "https://a.example",
        "authorization": "secret-1",
        "headers": {"X-Token": "secret-2"},
    }
    answer = http.post("/responses", json={"model": "gpt-4o-mini", "input": "Hello", "tools": [tool]})
    assert answer.status_code == 200
    assert "secret" not in answer.text


def test_a_vector_store_can_be_looked_up(http: httpx2.Client) -> None:
    assert http.get("/vector_stores/vs_1").json()["status"] == "completed"
    assert http.get("/vector_stores/vs_expired_1").json()["status"] == "expired"
    assert http.get("/vector_stores/vs_missing_1").status_code == 404
