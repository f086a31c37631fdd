"""What a reader of an item sees, and what only `include[]` shows."""

from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.include import check_include, visible

IMAGE = {"type": "input_image", "detail": "auto", "file_id": None, "image_url": "https://a.example/cat.png"}
SENTENCE = {"type": "output_text", "text": "x", "annotations": [], "logprobs": [{"token": "x"}]}
SOURCES = [{"type": "url", "url": "https://a.example"}]


@pytest.mark.parametrize(
    ("item", "bare", "wanted"),
    [
        (
            {"type": "message", "content": [IMAGE]},
            {"type": "message", "content": [{**IMAGE, "image_url": None}]},
            "message.input_image.image_url",
        ),
        (
            {"type": "function_call_output", "output": [IMAGE]},
            {"type": "function_call_output", "output": [{**IMAGE, "image_url": None}]},
            "message.input_image.image_url",
        ),
        (
            {"type": "message", "content": [SENTENCE]},
            {"type": "message", "content": [{**SENTENCE, "logprobs": []}]},
            "message.output_text.logprobs",
        ),
        (
            {"type": "file_search_call", "queries": ["q"], "results": [{"text": "found"}]},
            {"type": "file_search_call", "queries": ["q"], "results": None},
            "file_search_call.results",
        ),
        (
            {"type": "code_interpreter_call", "outputs": [{"type": "logs", "logs": "1"}]},
            {"type": "code_interpreter_call", "outputs": None},
            "code_interpreter_call.outputs",
        ),
        (
            {"type": "web_search_call", "action": {"query": "q", "sources": SOURCES}},
            {"type": "web_search_call", "action": {"query": "q"}},
            "web_search_call.action.sources",
        ),
        (
            {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "data:"}},
            {"type": "computer_call_output", "output": {"type": "computer_screenshot"}},
            "computer_call_output.output.image_url",
        ),
    ],
)
def test_a_hidden_field_shows_only_if_its_own_name_is_asked_for(
    item: dict[str, Any], bare: dict[str, Any], wanted: str
) -> None:
    assert visible(item, frozenset()) == bare
    assert visible(item, frozenset({wanted})) == item
    assert visible(item, frozenset({"reasoning.encrypted_content"})) == bare


def test_looking_changes_nothing_that_is_stored() -> None:
    item = {"type": "message", "content": [dict(IMAGE)]}
    visible(item, frozenset())
    assert item["content"][0]["image_url"] == IMAGE["image_url"]  # type: ignore[index]


def test_an_unknown_name_is_refused_by_its_place() -> None:
    assert check_include(["file_search_call.results"]) == {"file_search_call.results"}
    with pytest.raises(ApiError) as refused:
        check_include(["file_search_call.results", "everything"])
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "invalid_value", "include[1]")
