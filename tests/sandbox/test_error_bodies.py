"""The errors of the Conversations API word for word, since clients tell faults apart by them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

TEXT = {"type": "input_text", "text": "x"}


def refused(answer: httpx2.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize(
    ("body", "code", "param", "message"),
    [
        ([], None, None, "Invalid request body: expected an object, but got an array instead."),
        ({"itmes": []}, "unknown_parameter", "itmes", "Unknown parameter: 'itmes'."),
        (
            {"items": [{"role": "user", "content": "x"}] * 21},
            "array_above_max_length",
            "items",
            "Invalid 'items': array too long. Expected an array with maximum length 20, but got an array with length "
            "21 instead.",
        ),
        (
            {"items": "x"},
            "invalid_type",
            "items",
            "Invalid type for 'items': expected an array of objects, but got a string instead.",
        ),
        (
            {"metadata": {f"k{n}": "v" for n in range(17)}},
            "object_above_max_properties",
            "metadata",
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an "
            "object with 17 properties instead.",
        ),
        (
            {"metadata": {"k": "v" * 513}},
            "string_above_max_length",
            "metadata.k",
            "Invalid 'metadata.k': string too long. Expected a string with maximum length 512, but got a string with "
            "length 513 instead.",
        ),
        (
            {"metadata": {"k" * 65: "v"}},
            "string_above_max_length",
            "metadata",
            "Invalid 'metadata key': string too long. Expected a string with maximum length 64, but got a string with "
            "length 65 instead.",
        ),
        (
            {"metadata": {"k": True}},
            "invalid_type",
            "metadata.k",
            "Invalid type for 'metadata.k': expected a string, but got a boolean instead.",
        ),
    ],
)
def test_a_create_that_breaks_a_rule_is_told_which(
    http: httpx2.Client, body: Any, code: str | None, param: str | None, message: str
) -> None:
    error = refused(http.post("/conversations", json=body))
    assert (error["code"], error["param"], error["message"]) == (code, param, message)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"role": "tool", "content": "x"},
            "Invalid value: 'tool'. Supported values are: 'user', 'assistant', 'system', and 'developer'.",
        ),
        (
            {"role": "assistant", "content": [TEXT]},
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        ),
        ({"role": "user", "content": [{**TEXT, "mood": 1}]}, "Unknown parameter: 'mood'."),
        (
            {"role": "user", "content": [{**TEXT, "text": ""}]},
            "Invalid 'text': empty string. Expected at least one character.",
        ),
        ({"role": "user", "content": []}, "Invalid content: empty array. Expected at least one part."),
        (
            {
                "role": "user",
                "content": [{"type": "input_image", "file_id": "file-a", "image_url": "https://a.example"}],
            },
            "Invalid input_image: give exactly one of 'file_id' and 'image_url'.",
        ),
        (
            {"type": "reasoning", "id": "rs_1", "summary": []},
            "Invalid item: a reasoning item needs the id or encrypted content of a stored response.",
        ),
        ({"type": "function_call", "call_id": "c", "name": "n", "arguments": {}}, "Invalid type for 'arguments': "),
    ],
)
def test_a_bad_item_is_told_by_its_fault_and_never_by_its_place(
    http: httpx2.Client, conversation: str, item: Any, message: str
) -> None:
    good = {"role": "user", "content": "x"}
    error = refused(http.post(f"/conversations/{conversation}/items", json={"items": [good, item]}))
    assert (error["code"], error["param"]) == ("invalid_item", "item")
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("limit=0", "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
        ("limit=101", "integer_above_max_value", "Expected a value <= 100, but got 101 instead."),
        ("limit=many", "invalid_type", "expected an integer, but got 'many' instead."),
        ("order=up", "invalid_value", "Invalid value: 'up'. Supported values are: 'asc' and 'desc'."),
        ("include[]=all", "invalid_value", "Invalid value: 'all'. Supported values are: 'file_search_call.results'"),
    ],
)
def test_a_bad_list_request_is_told_what_would_be_right(
    http: httpx2.Client, conversation: str, query: str, code: str, message: str
) -> None:
    error = refused(http.get(f"/conversations/{conversation}/items?{query}"))
    assert error["code"] == code
    assert message in error["message"]


def test_a_list_takes_up_to_a_hundred(http: httpx2.Client, conversation: str) -> None:
    assert http.get(f"/conversations/{conversation}/items?limit=100").json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "has_more": False,
        "last_id": None,
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/items", None),
        ("POST", "/items", {"items": [{"role": "user", "content": "x"}]}),
        ("GET", "/items/msg_1", None),
        ("DELETE", "/items/msg_1", None),
    ],
)
def test_an_unknown_conversation_is_a_404_that_names_it_wherever_it_is_asked_for(
    http: httpx2.Client, method: str, path: str, body: Any
) -> None:
    error = refused(http.request(method, f"/conversations/conv_gone{path}", json=body), 404)
    assert (error["message"], error["code"]) == ("Conversation with id 'conv_gone' not found.", None)


def test_a_deleted_conversation_is_gone_with_its_items(http: httpx2.Client, user: Any) -> None:
    made = http.post("/conversations", json={"items": [user("x")]}).json()["id"]
    item = http.get(f"/conversations/{made}/items").json()["first_id"]
    http.delete(f"/conversations/{made}")
    for path in ("items", f"items/{item}"):
        assert http.get(f"/conversations/{made}/{path}").status_code == 404
    assert http.post(f"/conversations/{made}/items", json={"items": [user("y")]}).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_item_is_a_404_that_names_it_and_its_conversation(
    http: httpx2.Client, conversation: str, method: str
) -> None:
    error = refused(http.request(method, f"/conversations/{conversation}/items/msg_none"), 404)
    assert error["message"] == f"Item with id 'msg_none' in conversation '{conversation}' not found."


def test_a_change_of_metadata_must_bring_some(http: httpx2.Client, conversation: str) -> None:
    error = refused(http.post(f"/conversations/{conversation}", json={}))
    assert (error["code"], error["param"]) == ("missing_required_parameter", "metadata")


def test_metadata_of_null_takes_all_pairs_away(http: httpx2.Client) -> None:
    made = http.post("/conversations", json={"metadata": {"a": "1"}}).json()["id"]
    assert http.post(f"/conversations/{made}", json={"metadata": None}).json()["metadata"] == {}


def test_an_empty_batch_is_told_that_one_item_is_the_least(http: httpx2.Client, conversation: str) -> None:
    for content in ('{"items": []}', "{}"):
        error = refused(http.post(f"/conversations/{conversation}/items", content=content))
        assert (error["code"], error["param"]) == ("empty_array", "items")


def test_a_body_that_is_no_json_is_told_so(http: httpx2.Client) -> None:
    error = refused(http.post("/conversations", content="{"))
    assert error["message"].startswith("We could not parse the JSON body of your request.")


def test_an_unknown_address_and_a_wrong_method_are_told_apart(http: httpx2.Client) -> None:
    assert refused(http.get("/nowhere"), 404)["message"] == "Invalid URL (GET /v1/nowhere)"
    assert refused(http.put("/conversations"), 405)["message"] == "Not allowed to PUT on /v1/conversations."


def test_a_missing_key_and_a_wrong_one_are_told_apart(http: httpx2.Client) -> None:
    missing = refused(http.get("/conversations/conv_x", headers={"Authorization": "Bearer"}), 401)
    wrong = refused(http.get("/conversations/conv_x", headers={"Authorization": "Bearer wrong"}), 401)
    assert missing["message"].startswith("You didn't provide an API key")
    assert wrong["message"] == "Incorrect API key provided."


def test_a_key_may_come_in_the_header_that_azure_takes(http: httpx2.Client) -> None:
    request = http.build_request("POST", "/conversations", json={}, headers={"api-key": "any-key"})
    del request.headers["Authorization"]
    assert http.send(request).status_code == 200
    request.headers["api-key"] = "wrong"
    assert http.send(request).status_code == 401
