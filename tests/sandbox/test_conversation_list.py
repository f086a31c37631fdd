"""Lists of conversations, which the target side has under the preset `foundry` only; and what lists of items take."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from openai import OpenAI

from .conftest import Start  # noqa: TID252 - the folder's own fixtures

User = Callable[[str], Any]


def foundry(start: Start, *faults: str) -> httpx2.Client:
    return start(SandboxOptions(preset=TargetPreset.FOUNDRY, faults=plan_from_specs(faults)))[1]


def made(http: httpx2.Client, number: int) -> list[str]:
    return [http.post("/conversations", json={"metadata": {"n": str(n)}}).json()["id"] for n in range(number)]


def listed(http: httpx2.Client, **query: Any) -> dict[str, Any]:
    answer = http.get("/conversations", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in page["data"]]


def test_openai_has_no_such_list(http: httpx2.Client) -> None:
    assert http.get("/conversations").status_code == 405


def test_the_newest_come_first_and_twenty_at_a_time(start: Start) -> None:
    http = foundry(start)
    all_of_them = made(http, 25)
    page = listed(http)
    assert ids(page) == all_of_them[:4:-1]
    assert (page["object"], page["has_more"]) == ("list", True)
    assert (page["first_id"], page["last_id"]) == (all_of_them[24], all_of_them[5])
    rest = listed(http, after=page["last_id"])
    assert (ids(rest), rest["has_more"]) == (all_of_them[4::-1], False)
    assert page["data"][0]["metadata"] == {"n": "24"}


def test_a_list_goes_on_after_or_ends_before_a_conversation(start: Start) -> None:
    http = foundry(start)
    a, b, c, d = made(http, 4)
    assert ids(listed(http, order="asc", after=b)) == [c, d]
    assert ids(listed(http, order="asc", before=c)) == [a, b]
    assert ids(listed(http, after=d, before=a)) == [c, b]
    assert http.get("/conversations", params={"after": "conv_unknown"}).status_code == 404
    assert http.get("/conversations", params={"limit": 101}).status_code == 400


def test_deleted_conversations_are_not_listed(start: Start) -> None:
    http = foundry(start)
    a, b = made(http, 2)
    http.delete(f"/conversations/{a}")
    assert ids(listed(http)) == [b]


def test_an_agent_has_the_conversations_in_which_it_has_written(start: Start, user: User) -> None:
    sandbox, http = start(SandboxOptions(preset=TargetPreset.FOUNDRY))
    a, b = made(http, 2)
    for one in (a, b):
        http.post(f"/conversations/{one}/items", json={"items": [user("Hello.")]})
    with closing(sqlite3.connect(sandbox.data)) as db:
        rows = db.execute("SELECT conversation, position, body FROM item ORDER BY conversation").fetchall()
        for version, (conversation, position, body) in enumerate(rows, 1):
            by = {"created_by": {"agent": {"name": "helper", "version": str(version)}}}
            marked = json.dumps({**json.loads(body), **by}).encode()
            db.execute(
                "UPDATE item SET body = ? WHERE conversation = ? AND position = ?", (marked, conversation, position)
            )
        db.commit()
    assert ids(listed(http, agent_name="helper")) == [b, a]
    assert ids(listed(http, agent_id="helper:1")) == [a]
    assert ids(listed(http, agent_name="nobody")) == []


def test_items_can_be_listed_by_type_and_up_to_one(start: Start, user: User) -> None:
    http = foundry(start)
    [conversation] = made(http, 1)
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "found"}
    http.post(f"/conversations/{conversation}/items", json={"items": [user("1"), call, output, user("2")]})
    path = f"/conversations/{conversation}/items"
    whole = http.get(path, params={"order": "asc"}).json()["data"]
    calls = http.get(path, params={"item_type": "function_call"}).json()["data"]
    assert [one["type"] for one in calls] == ["function_call"]
    before = http.get(path, params={"order": "asc", "before": whole[2]["id"]}).json()["data"]
    assert before == whole[:2]


def test_openai_does_not_know_those_parameters(http: httpx2.Client, conversation: str, user: User) -> None:
    http.post(f"/conversations/{conversation}/items", json={"items": [user("1"), user("2")]})
    path = f"/conversations/{conversation}/items"
    assert len(http.get(path, params={"item_type": "function_call"}).json()["data"]) == 2


def test_the_official_client_reads_such_a_list(start: Start) -> None:
    sandbox, http = start(SandboxOptions(preset=TargetPreset.FOUNDRY))
    expected = made(http, 3)
    with OpenAI(base_url=sandbox.base_url, api_key="any", max_retries=0) as client:
        page = client.get("/conversations", cast_to=httpx2.Response, options={"params": {"order": "asc"}})
    assert [entry["id"] for entry in page.json()["data"]] == expected


@pytest.mark.parametrize("rule", ["conversations:always-more", "conversations:never-more"])
def test_it_can_lie_about_more(start: Start, rule: str) -> None:
    http = foundry(start, rule)
    made(http, 3)
    assert listed(http, limit=2)["has_more"] == listed(http, limit=3)["has_more"] == rule.endswith("always-more")


def test_it_can_list_what_is_not_there(start: Start) -> None:
    http = foundry(start, "conversations:ghosts")
    own = made(http, 2)
    [first, second, ghost] = ids(listed(http, order="asc"))
    assert [first, second] == own
    assert http.get(f"/conversations/{ghost}").status_code == 404
    assert http.get("/conversations", params={"after": ghost}).status_code == 404


def test_it_can_leave_some_out(start: Start) -> None:
    http = foundry(start, "conversations:skips:every=3")
    own = made(http, 7)
    assert ids(listed(http, order="asc")) == [own[0], own[1], own[3], own[4], own[6]]


def test_the_data_of_one_preset_serves_the_other(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "shared.db"
    first, http = start(SandboxOptions(), data)
    own = made(http, 1)
    first.stop()
    _, again = start(SandboxOptions(preset=TargetPreset.FOUNDRY), data)
    assert ids(listed(again)) == own
