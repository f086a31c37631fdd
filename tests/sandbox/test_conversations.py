"""Conversations and items over HTTP, as the official client and raw requests see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai as sdk
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.convert.canonical import digest_of
from migrate_cli.sandbox.options import MetadataUpdate, SandboxOptions
from openai import OpenAI

User = Callable[[str], Any]
IMAGE = "https://example.com/cat.png"


def texts(page: dict[str, Any]) -> list[str]:
    return [item["content"][0]["text"] for item in page["data"]]


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    body = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    error: dict[str, Any] = body["error"]
    return error


def test_the_official_client_creates_reads_changes_and_deletes_a_conversation(openai: OpenAI) -> None:
    made = openai.conversations.create(metadata={"topic": "test"})
    assert openai.conversations.retrieve(made.id).metadata == {"topic": "test"}
    changed = openai.conversations.update(made.id, metadata={"topic": "other"})
    assert (changed.id, changed.created_at, changed.metadata) == (made.id, made.created_at, {"topic": "other"})
    assert openai.conversations.delete(made.id).deleted
    with pytest.raises(sdk.NotFoundError):
        openai.conversations.retrieve(made.id)


def test_a_create_with_items_answers_without_them_but_stores_them(http: httpx2.Client, user: User) -> None:
    made = http.post("/conversations", json={"items": [user("first"), user("second")]}).json()
    assert sorted(made) == ["created_at", "id", "metadata", "object"]
    assert texts(http.get(f"/conversations/{made['id']}/items?order=asc").json()) == ["first", "second"]


def test_a_create_may_have_no_body_at_all(http: httpx2.Client) -> None:
    assert http.post("/conversations").status_code == 200


def test_a_second_delete_is_a_404_whose_code_is_null(http: httpx2.Client, conversation: str) -> None:
    assert http.delete(f"/conversations/{conversation}").json()["object"] == "conversation.deleted"
    answer = http.delete(f"/conversations/{conversation}")
    assert answer.status_code == 404
    assert error_of(answer)["code"] is None


def test_appended_items_come_back_with_ids_in_order(openai: OpenAI, conversation: str, user: User) -> None:
    answer = openai.conversations.items.create(conversation, items=[user(f"{n}") for n in range(20)])
    assert texts(answer.model_dump()) == [f"{n}" for n in range(20)]
    assert len({item.id for item in answer.data}) == 20
    assert answer.first_id == answer.data[0].id
    assert answer.last_id == answer.data[-1].id
    assert not answer.has_more


def test_a_list_is_descending_and_twenty_long_unless_told_otherwise(
    http: httpx2.Client, conversation: str, user: User
) -> None:
    for start in (0, 20):
        http.post(f"/conversations/{conversation}/items", json={"items": [user(f"{start + n}") for n in range(20)]})
    page = http.get(f"/conversations/{conversation}/items").json()
    assert texts(page) == [f"{n}" for n in range(39, 19, -1)]
    assert page["has_more"]
    rest = http.get(f"/conversations/{conversation}/items", params={"after": page["last_id"], "limit": 100}).json()
    assert texts(rest) == [f"{n}" for n in range(19, -1, -1)]
    assert not rest["has_more"]


def test_an_ascending_list_goes_on_after_its_anchor(http: httpx2.Client, conversation: str, user: User) -> None:
    ids = [
        item["id"]
        for item in http.post(
            f"/conversations/{conversation}/items", json={"items": [user(f"{n}") for n in range(5)]}
        ).json()["data"]
    ]
    page = http.get(f"/conversations/{conversation}/items", params={"order": "asc", "after": ids[1], "limit": 2}).json()
    assert [item["id"] for item in page["data"]] == ids[2:4]
    end = http.get(f"/conversations/{conversation}/items", params={"order": "asc", "after": ids[4]}).json()
    assert (end["data"], end["first_id"], end["last_id"], end["has_more"]) == ([], None, None, False)


def test_the_official_client_pages_through_everything(openai: OpenAI, conversation: str, user: User) -> None:
    for start in range(0, 60, 20):
        openai.conversations.items.create(conversation, items=[user(f"{start + n}") for n in range(20)])
    found = [item.model_dump() for item in openai.conversations.items.list(conversation, order="asc", limit=7)]
    assert texts({"data": found}) == [f"{n}" for n in range(60)]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("order=random", "order"),
        ("include[]=everything", "include[0]"),
    ],
)
def test_a_bad_list_parameter_is_named(http: httpx2.Client, conversation: str, query: str, param: str) -> None:
    answer = http.get(f"/conversations/{conversation}/items?{query}")
    assert answer.status_code == 400
    assert error_of(answer)["param"] == param


def test_image_urls_come_back_only_when_asked_for(http: httpx2.Client, conversation: str) -> None:
    image = {"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}
    items, wanted = f"/conversations/{conversation}/items", "include[]=message.input_image.image_url"
    plain = http.post(items, json={"items": [image]}).json()["data"][0]
    asked = http.post(f"{items}?{wanted}", json={"items": [image]}).json()["data"][0]
    assert plain["content"] == [{"type": "input_image", "detail": "auto", "file_id": None, "image_url": None}]
    assert asked["content"][0]["image_url"] == IMAGE
    assert {item["content"][0]["image_url"] for item in http.get(items).json()["data"]} == {None}
    assert {item["content"][0]["image_url"] for item in http.get(f"{items}?{wanted}").json()["data"]} == {IMAGE}
    assert http.get(f"{items}/{plain['id']}?{wanted}").json()["content"][0]["image_url"] == IMAGE


@pytest.mark.parametrize(
    ("item", "field", "include"),
    [
        (
            {"type": "file_search_call", "id": "fs_1", "queries": ["q"], "results": [{"text": "found"}]},
            "results",
            "file_search_call.results",
        ),
        (
            {
                "type": "code_interpreter_call",
                "id": "ci_1",
                "container_id": "cntr_1",
                "code": "1",
                "outputs": [{"type": "logs", "logs": "1"}],
            },
            "outputs",
            "code_interpreter_call.outputs",
        ),
    ],
)
def test_results_and_outputs_come_back_only_when_asked_for(
    http: httpx2.Client, conversation: str, item: dict[str, Any], field: str, include: str
) -> None:
    items = f"/conversations/{conversation}/items"
    assert http.post(items, json={"items": [item]}).json()["data"][0][field] is None
    assert http.get(f"{items}?include[]={include}").json()["data"][0][field] == item[field]


def test_deleting_an_item_answers_the_conversation(http: httpx2.Client, conversation: str, user: User) -> None:
    items = f"/conversations/{conversation}/items"
    first, second = http.post(items, json={"items": [user("a"), user("b")]}).json()["data"]
    assert http.delete(f"{items}/{first['id']}").json()["id"] == conversation
    assert texts(http.get(items).json()) == ["b"]
    assert http.get(f"{items}/{first['id']}").status_code == 404
    assert http.get(f"{items}/{second['id']}").json() == second


def test_an_item_is_not_found_through_another_conversation(http: httpx2.Client, user: User) -> None:
    one, other = (http.post("/conversations", json={"items": [user("x")]}).json()["id"] for _ in range(2))
    item = http.get(f"/conversations/{one}/items").json()["first_id"]
    assert http.get(f"/conversations/{other}/items/{item}").status_code == 404
    assert http.get(f"/conversations/{other}/items", params={"after": item}).status_code == 404


def test_ids_sent_by_a_client_are_replaced(http: httpx2.Client, conversation: str, user: User) -> None:
    answer = http.post(f"/conversations/{conversation}/items", json={"items": [{**user("x"), "id": "msg_mine"}]})
    assert answer.json()["first_id"] != "msg_mine"


def test_twenty_one_items_are_refused(http: httpx2.Client, conversation: str, user: User) -> None:
    for path in ("/conversations", f"/conversations/{conversation}/items"):
        answer = http.post(path, json={"items": [user("x")] * 21})
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "items"


def test_a_batch_with_one_bad_item_is_refused_whole_and_does_not_say_which(
    http: httpx2.Client, conversation: str, user: User
) -> None:
    bad = {"role": "tool", "content": "result"}
    answer = http.post(f"/conversations/{conversation}/items", json={"items": [user("a"), bad, user("b")]})
    assert answer.status_code == 400
    error = error_of(answer)
    assert (error["code"], error["param"], error["type"]) == ("invalid_item", "item", "invalid_request_error")
    assert http.get(f"/conversations/{conversation}/items").json()["data"] == []


def test_an_empty_batch_is_refused(http: httpx2.Client, conversation: str) -> None:
    assert http.post(f"/conversations/{conversation}/items", json={"items": []}).status_code == 400


@pytest.mark.parametrize("body", ["{", "[1]", '"text"', '{"items": "x"}', '{"itmes": []}', '{"metadata": {"a": NaN}}'])
def test_a_body_that_is_not_understood_is_a_400(http: httpx2.Client, body: str) -> None:
    answer = http.post("/conversations", content=body)
    assert answer.status_code == 400
    assert error_of(answer)["message"]


def test_half_a_surrogate_pair_is_refused(http: httpx2.Client, conversation: str) -> None:
    body = b'{"items": [{"role": "user", "content": "broken \\ud83d here"}]}'
    assert http.post(f"/conversations/{conversation}/items", content=body).status_code == 400


def test_text_comes_back_exactly(http: httpx2.Client, conversation: str, user: User) -> None:
    text = ' \t"quoted" \\ \x00 \x7f \u2028 \U0001f600 e\u0301 \n'
    http.post(f"/conversations/{conversation}/items", json={"items": [user(text)]})
    assert texts(http.get(f"/conversations/{conversation}/items").json()) == [text]


ITEMS = st.one_of(
    st.builds(
        lambda role, words: {
            "type": "message",
            "role": role,
            "content": [{"type": "input_text", "text": t} for t in words],
        },
        st.sampled_from(["user", "system", "developer"]),
        st.lists(st.text(min_size=1), min_size=1, max_size=3),
    ),
    st.builds(
        lambda text: {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
        st.text(min_size=1),
    ),
    st.builds(
        lambda call, output: {"type": "function_call_output", "call_id": call, "output": output},
        st.text("abc", min_size=1, max_size=64),
        st.text(min_size=1),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(ITEMS, min_size=1, max_size=20))
def test_whatever_is_appended_is_read_back_the_same(http: httpx2.Client, items: list[dict[str, Any]]) -> None:
    conversation = http.post("/conversations", json={}).json()["id"]
    assert http.post(f"/conversations/{conversation}/items", json={"items": items}).status_code == 200
    found = http.get(f"/conversations/{conversation}/items?order=asc&limit=100").json()["data"]
    assert [digest_of(item) for item in found] == [digest_of(item) for item in items]


def test_metadata_can_be_merged_instead_of_replaced(start: Any) -> None:
    for mode, expected in ((MetadataUpdate.REPLACE, {"b": "2"}), (MetadataUpdate.MERGE, {"a": "1", "b": "2"})):
        _, http = start(SandboxOptions(metadata_update=mode))
        made = http.post("/conversations", json={"metadata": {"a": "1"}}).json()["id"]
        assert http.post(f"/conversations/{made}", json={"metadata": {"b": "2"}}).json()["metadata"] == expected
        assert http.get(f"/conversations/{made}").json()["metadata"] == expected
