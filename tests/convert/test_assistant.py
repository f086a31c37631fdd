from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from migrate_cli.convert.assistant import MARKDOWN, convert_assistant
from migrate_cli.convert.configuration import Configuration
from migrate_cli.convert.model_catalogue import MODELS_GOING, going, is_reasoning
from pydantic import TypeAdapter


def convert(**fields: Any) -> Configuration:
    return convert_assistant({"id": "asst_1", "model": "gpt-5.4-mini", "name": "Tutor", **fields})


def codes(configuration: Configuration) -> list[str]:
    return [found.code for found in configuration.findings]


FUNCTION = {"name": "add", "description": "Adds", "parameters": {"type": "object", "properties": {}}}


def test_an_assistant_becomes_the_arguments_of_a_response() -> None:
    configuration = convert(
        instructions="Teach.",
        tools=[{"type": "function", "function": FUNCTION}, {"type": "code_interpreter"}, {"type": "file_search"}],
        tool_resources={"code_interpreter": {"file_ids": ["file-a"]}, "file_search": {"vector_store_ids": ["vs_1"]}},
        metadata={"team": "maths"},
    )
    assert configuration.config == {
        "model": "gpt-5.4-mini",
        "instructions": "Teach.",
        "tools": [
            {"type": "function", **FUNCTION, "strict": False},
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-a"]}},
            {"type": "file_search", "vector_store_ids": ["vs_1"]},
        ],
        "metadata": {"source_assistant_id": "asst_1", "source_assistant_name": "Tutor", "team": "maths"},
    }
    assert configuration.findings == ()


@pytest.mark.parametrize(
    ("model", "day", "successor"),
    [
        ("gpt-4", "2026-10-23", "gpt-5.5"),
        ("gpt-4-0613", "2026-10-23", "gpt-5.5"),
        ("gpt-4o-mini-2024-07-18", "2027-01-14", "gpt-6-luna"),
        ("gpt-4o-2024-05-13", "2026-10-23", "gpt-5.5"),
        ("o3", "2026-12-11", "gpt-5.5"),
        ("ft:gpt-4.1-mini:acme::abc", "2027-01-14", "gpt-6-luna"),
    ],
)
def test_a_going_model_is_replaced_and_its_date_told(model: str, day: str, successor: str) -> None:
    configuration = convert(model=model)
    assert configuration.config["model"] == successor
    assert codes(configuration) == ["model-going"]
    assert day in configuration.findings[0].detail


@pytest.mark.parametrize(
    ("today", "told"), [("2026-10-22", "is shut down on 2026-10-23"), ("2026-10-23", "was shut down on 2026-10-23")]
)
def test_a_model_that_is_gone_is_not_told_as_one_that_is_going(today: str, told: str) -> None:
    found = convert_assistant({"id": "asst_1", "model": "gpt-4"}, today=date.fromisoformat(today))
    assert told in found.findings[0].detail


def test_successors_stay_and_own_deployments_are_left_alone() -> None:
    assert all(going(end.successor) is None for end in MODELS_GOING.values())
    assert convert(model="my-deployment").config["model"] == "my-deployment"
    assert codes(convert(model=None)) == ["model-missing"]


def test_temperature_goes_only_to_models_that_take_it() -> None:
    assert convert(model="my-deployment", temperature=0.2, top_p=1).config["temperature"] == 0.2
    refused = convert(temperature=0.2, top_p=0.5)
    assert "temperature" not in refused.config
    assert codes(refused) == ["sampling-not-taken"]
    assert codes(convert(temperature=1.0, top_p=1)) == []


def test_effort_goes_only_to_models_that_reason() -> None:
    assert convert(reasoning_effort="high").config["reasoning"] == {"effort": "high"}
    assert codes(convert(model="my-deployment", reasoning_effort="high")) == ["assistant-field-lost"]
    assert is_reasoning("gpt-5.5") and is_reasoning("o3") and not is_reasoning("gpt-4o")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, None),
        ("auto", None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"format": {"type": "json_object"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        ),
    ],
)
def test_the_response_format_becomes_text_format(given: Any, text: Any) -> None:
    configuration = convert(response_format=given)
    assert configuration.config.get("text") == text
    assert codes(configuration) == []


@pytest.mark.parametrize("given", [{"type": "yaml"}, ["auto"], 7])
def test_an_unknown_response_format_is_reported(given: Any) -> None:
    assert codes(convert(response_format=given)) == ["response-format-unknown"]


def test_resources_of_threads_join_those_of_the_assistant() -> None:
    assistant = {"id": "a", "model": "m", "tools": [{"type": "retrieval"}], "file_ids": ["file-old"]}
    threads = [{"file_search": {"vector_store_ids": ["vs_1"]}}, {"file_search": {"vector_store_ids": ["vs_1", "vs_2"]}}]
    configuration = convert_assistant(assistant, thread_resources=threads)
    assert configuration.config["tools"] == [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]


def test_what_cannot_be_carried_is_said() -> None:
    tools = [{"type": "bing_grounding"}, {"type": "file_search"}, {"type": "function"}, None]
    assert codes(convert(tools=tools)) == [
        "tool-not-carried",
        "vector-store-missing",
        "tool-not-carried",
        "tool-not-carried",
    ]
    assert codes(convert(metadata={"long": "x" * 513})) == ["assistant-field-lost"]


def test_markdown_is_asked_for_on_request() -> None:
    plain = {"id": "a", "model": "m", "instructions": "Teach."}
    assert convert_assistant(plain, markdown=True).config["instructions"] == f"Teach.\n\n{MARKDOWN}"
    assert convert_assistant({"id": "a", "model": "m"}).config.get("instructions") is None


@pytest.mark.parametrize(
    "form",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
    ],
)
def test_markdown_is_not_asked_for_where_answers_are_json(form: dict[str, Any]) -> None:
    configuration = convert_assistant({"id": "a", "model": "m", "instructions": "Teach.", **form}, markdown=True)
    assert configuration.config["instructions"] == "Teach."
    assert codes(configuration) == ["markdown-not-asked"]
    assert codes(convert_assistant({"id": "a", "model": "m", **form})) == []
    as_text = form | {"text": {"format": {"type": "text"}}}
    assert MARKDOWN in convert_assistant({"id": "a", "model": "m", **as_text}, markdown=True).config["instructions"]


def test_the_configuration_has_the_clients_parameter_types() -> None:
    from openai.types.responses import ResponseTextConfigParam, ToolParam

    tools = [{"type": "function", "function": FUNCTION}, {"type": "code_interpreter"}, {"type": "file_search"}]
    configuration = convert(
        tools=tools,
        tool_resources={"file_search": {"vector_store_ids": ["vs_1"]}},
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    )
    for tool in configuration.config["tools"]:
        TypeAdapter(ToolParam).validate_python(tool)
    TypeAdapter(ResponseTextConfigParam).validate_python(configuration.config["text"])
