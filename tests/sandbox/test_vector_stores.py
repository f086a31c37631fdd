"""Vector stores over HTTP: made, filled, indexed a step at each look, searched and deleted, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx2
import openai as sdk
import pytest
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions
from openai import OpenAI

from .conftest import Start, raw_client  # noqa: TID252 - the folder's own fixtures


def file_of(openai: OpenAI, text: str, name: str = "notes.txt") -> str:
    return openai.files.create(file=(name, text.encode()), purpose="assistants").id


def made(http: httpx2.Client, **body: Any) -> Any:
    return http.post("/vector_stores", json=body).json()


def test_the_official_client_makes_fills_searches_and_deletes_a_store(openai: OpenAI) -> None:
    store = openai.vector_stores.create(
        name="Shop", metadata={"team": "sales"}, expires_after={"anchor": "last_active_at", "days": 7}
    )
    assert (store.name, store.status, store.file_counts.total) == ("Shop", "completed", 0)
    assert store.expires_at == (store.last_active_at or 0) + 7 * 86_400
    lamp, sofa = file_of(openai, "The lamp is green."), file_of(openai, "The sofa is soft.")
    attached = openai.vector_stores.files.create(store.id, file_id=lamp, attributes={"year": 2024, "shop": "north"})
    assert (attached.status, attached.attributes) == ("in_progress", {"year": 2024, "shop": "north"})
    openai.vector_stores.files.create(store.id, file_id=sofa, attributes={"year": 2020, "shop": "south"})
    assert openai.vector_stores.retrieve(store.id).file_counts.completed == 2
    assert [one.id for one in openai.vector_stores.files.list(store.id, order="asc")] == [lamp, sofa]

    [hit] = openai.vector_stores.search(store.id, query="lamp").data
    assert (hit.file_id, hit.content[0].text) == (lamp, "The lamp is green.")
    newer = {"type": "gt", "key": "year", "value": 2022}
    assert [one.file_id for one in openai.vector_stores.search(store.id, query="the", filters=newer)] == [lamp]  # type: ignore[arg-type]
    assert openai.vector_stores.files.content(lamp, vector_store_id=store.id).data[0].text == "The lamp is green."

    openai.vector_stores.files.delete(lamp, vector_store_id=store.id)
    assert openai.vector_stores.retrieve(store.id).file_counts.total == 1
    assert openai.files.retrieve(lamp).id == lamp, "the file itself stays"
    assert openai.vector_stores.update(store.id, name="Store").name == "Store"
    assert openai.vector_stores.delete(store.id).deleted
    with pytest.raises(sdk.NotFoundError):
        openai.vector_stores.retrieve(store.id)


def test_the_official_client_waits_for_batches(openai: OpenAI) -> None:
    store = openai.vector_stores.create(name="Many")
    files = [file_of(openai, f"Page {number}.") for number in range(5)]
    batch = openai.vector_stores.file_batches.create_and_poll(store.id, file_ids=files)
    assert (batch.status, batch.file_counts.completed) == ("completed", 5)
    listed = openai.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, limit=2)
    assert len(list(listed)) == 5, "auto-paging goes through all of it"
    own = [{"file_id": files[0], "attributes": {"n": 1}}]
    again = openai.vector_stores.file_batches.create(store.id, files=own)  # type: ignore[arg-type]  # the client's own type is a TypedDict
    assert again.file_counts.total == 0, "what is in a store already stays as it is"


@pytest.mark.parametrize(
    ("filter_", "fits"),
    [
        ({"type": "eq", "key": "shop", "value": "north"}, ["north"]),
        ({"type": "ne", "key": "shop", "value": "north"}, ["south"]),
        ({"type": "gte", "key": "year", "value": 2024}, ["north"]),
        ({"type": "lt", "key": "year", "value": 2024}, ["south"]),
        ({"type": "gt", "key": "year", "value": "2024"}, []),
        ({"type": "in", "key": "shop", "value": ["north", "west"]}, ["north"]),
        ({"type": "nin", "key": "shop", "value": ["north", "west"]}, ["south"]),
        (
            {
                "type": "or",
                "filters": [
                    {"type": "eq", "key": "year", "value": 2024},
                    {"type": "lte", "key": "year", "value": 2020},
                ],
            },
            ["north", "south"],
        ),
        (
            {
                "type": "and",
                "filters": [
                    {"type": "eq", "key": "year", "value": 2024},
                    {"type": "eq", "key": "shop", "value": "south"},
                ],
            },
            [],
        ),
    ],
)
def test_a_filter_looks_at_attributes(openai: OpenAI, http: httpx2.Client, filter_: Any, fits: list[str]) -> None:
    store = made(http)["id"]
    for shop, year in (("north", 2024), ("south", 2020)):
        body = {"file_id": file_of(openai, f"A lamp of the {shop}."), "attributes": {"shop": shop, "year": year}}
        http.post(f"/vector_stores/{store}/files", json=body)
    http.get(f"/vector_stores/{store}")
    found = http.post(f"/vector_stores/{store}/search", json={"query": "lamp", "filters": filter_}).json()["data"]
    assert sorted(one["attributes"]["shop"] for one in found) == fits


@pytest.mark.parametrize(
    "body",
    [
        {"file_ids": "file-1"},
        {"file_ids": ["a b"]},
        {"file_ids": ["file-1"] * 501},
        {"color": "red"},
        {"expires_after": {"anchor": "created_at", "days": 1}},
        {"expires_after": {"anchor": "last_active_at", "days": 366}},
        {"expires_after": {"anchor": "last_active_at"}},
        {"metadata": {str(number): "x" for number in range(17)}},
        {"chunking_strategy": {"type": "auto"}},
        {
            "file_ids": ["file-1"],
            "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0}},
        },
        {
            "file_ids": ["file-1"],
            "chunking_strategy": {
                "type": "static",
                "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
            },
        },
        {"file_ids": ["file-1"], "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 100}}},
        {"file_ids": ["file-1"], "chunking_strategy": {"type": "other"}},
    ],
)
def test_a_bad_store_is_a_400_and_makes_none(http: httpx2.Client, body: Any) -> None:
    before = len(http.get("/vector_stores", params={"limit": 100}).json()["data"])
    answer = http.post("/vector_stores", json=body)
    assert answer.status_code == 400, answer.text
    assert len(http.get("/vector_stores", params={"limit": 100}).json()["data"]) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("files", {}),
        ("files", {"file_id": "file-1", "attributes": {"x": [1]}}),
        ("files", {"file_id": "file-1", "attributes": {"x": "y" * 513}}),
        ("files", {"file_id": "file-1", "attributes": {str(number): 1 for number in range(17)}}),
        ("files", {"file_id": "file-1", "more": 1}),
        ("file_batches", {}),
        ("file_batches", {"file_ids": []}),
        ("file_batches", {"file_ids": ["file-1"], "files": [{"file_id": "file-1"}]}),
        ("file_batches", {"files": [{"file_id": "file-1", "more": 1}]}),
        ("search", {}),
        ("search", {"query": " "}),
        ("search", {"query": "x", "max_num_results": 51}),
        ("search", {"query": "x", "filters": {"type": "like", "key": "a", "value": "b"}}),
        ("search", {"query": "x", "filters": {"type": "eq", "key": "a"}}),
    ],
)
def test_a_bad_request_below_a_store_is_a_400(http: httpx2.Client, path: str, body: Any) -> None:
    answer = http.post(f"/vector_stores/{made(http)['id']}/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


def test_lists_have_pages_in_both_directions(start: Start) -> None:
    _, http = start()
    ids = [made(http, name=str(number))["id"] for number in range(5)]
    page = http.get("/vector_stores", params={"limit": 2, "order": "asc"}).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2], True)
    rest = http.get("/vector_stores", params={"limit": 9, "order": "asc", "after": ids[1]}).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[2:], False)
    newest = http.get("/vector_stores", params={"after": ids[3]}).json()
    assert [one["id"] for one in newest["data"]] == ids[2::-1]
    back = http.get("/vector_stores", params={"order": "asc", "before": ids[2]}).json()
    assert [one["id"] for one in back["data"]] == ids[:2]


def test_a_strict_sandbox_knows_only_its_own_files_and_stores(start: Start) -> None:
    _, http = start(SandboxOptions(FileIdCheck.STRICT))
    store = made(http)["id"]
    assert http.post(f"/vector_stores/{store}/files", json={"file_id": "file-elsewhere"}).status_code == 404
    assert http.get("/vector_stores/vs_elsewhere").status_code == 404
    body = {"model": "gpt-5.4-mini", "input": "[[file_search lamp]]"}
    asked = body | {"tools": [{"type": "file_search", "vector_store_ids": ["vs_elsewhere"]}]}
    assert http.post("/responses", json=asked).status_code == 404
    asked = body | {"tools": [{"type": "file_search", "vector_store_ids": [store]}]}
    assert "nothing about lamp" in http.post("/responses", json=asked).text


def test_the_model_searches_the_files_of_the_named_store_only(openai: OpenAI) -> None:
    stores = {}
    for color in ("green", "blue"):
        stores[color] = openai.vector_stores.create(file_ids=[file_of(openai, f"The wombat is {color}.")]).id
        openai.vector_stores.retrieve(stores[color])
    tool: Any = {"type": "file_search", "vector_store_ids": [stores["blue"]]}
    answer = openai.responses.create(model="gpt-5.4-mini", input="[[file_search wombat]]", tools=[tool])
    assert "The wombat is blue." in answer.output_text
    assert "green" not in answer.output_text


def test_what_is_no_text_cannot_be_indexed(openai: OpenAI) -> None:
    picture = openai.files.create(file=("a.png", b"\x89PNG\0\0"), purpose="vision").id
    store = openai.vector_stores.create(file_ids=[picture])
    assert openai.vector_stores.retrieve(store.id).file_counts.failed == 1
    failed = openai.vector_stores.files.retrieve(picture, vector_store_id=store.id)
    assert (failed.status, failed.last_error and failed.last_error.code) == ("failed", "unsupported_file")


def test_indexing_can_fail_never_end_and_take_its_time(start: Start) -> None:
    faults = ["attach:index-failed:nth=1", "attach:index-stuck:nth=2", "attach:index-slow:nth=3:looks=3"]
    sandbox, http = start(SandboxOptions(faults=plan_from_specs(faults)))
    store = made(http)["id"]
    for name in ("file-failed", "file-stuck", "file-slow"):
        http.post(f"/vector_stores/{store}/files", json={"file_id": name})
    seen = []
    for _ in range(4):
        counts = http.get(f"/vector_stores/{store}").json()["file_counts"]
        seen.append((counts["in_progress"], counts["completed"], counts["failed"]))
    assert seen == [(2, 0, 1), (2, 0, 1), (1, 1, 1), (1, 1, 1)]
    told = http.get(f"/vector_stores/{store}/files/file-failed").json()["last_error"]
    assert told["code"] == "server_error"
    with raw_client(sandbox) as again:
        assert (
            again.get(f"/vector_stores/{store}/files", params={"filter": "in_progress"}).json()["data"][0]["id"]
            == "file-stuck"
        )


def test_a_store_that_was_deleted_is_gone_in_a_rehearsal_too(http: httpx2.Client) -> None:
    store = made(http)["id"]
    assert http.get("/vector_stores/vs_of_the_real_service").json()["status"] == "completed"
    assert http.delete(f"/vector_stores/{store}").json()["deleted"] is True
    assert http.get(f"/vector_stores/{store}").status_code == 404
    assert http.delete(f"/vector_stores/{store}").status_code == 404
