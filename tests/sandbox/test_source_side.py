"""The sandbox as a host that still answers: what each kind of host wants and shows, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_endpoints import SEARCH_RESULTS
from migrate_cli.sandbox.assistants_quirks import SourcePreset

from support.exports import thread, thread_id
from support.hosts import RunningHost, host

BETA = {"OpenAI-Beta": "assistants=v2"}
BEARER = {"Authorization": "Bearer any-key-0123456789"}
VERSION = {"api-version": "2025-05-01"}
THREADS = 25


def searched(number: int) -> dict[str, Any]:
    """A thread whose run searched files."""
    own = thread_id(number)
    found = {"file_id": "file-a", "file_name": "a.txt", "score": 0.5, "content": [{"type": "text", "text": "found it"}]}
    call = {"id": "call_1", "type": "file_search", "file_search": {"results": [found]}}
    step = {
        "id": "step_1",
        "object": "thread.run.step",
        "run_id": "run_1",
        "thread_id": own,
        "type": "tool_calls",
        "status": "completed",
        "created_at": 1_700_000_000,
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    }
    run = {"id": "run_1", "object": "thread.run", "thread_id": own, "status": "completed", "created_at": 1_700_000_000}
    return thread(number, 150, runs=[run], run_steps=[step])


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    threads = [searched(1), *(thread(number, 2) for number in range(2, THREADS + 1))]
    text = "".join(json.dumps(each) + "\n" for each in threads)
    (folder / "threads.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def openai(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with host(tmp_path_factory.mktemp("openai"), export, SourcePreset.OPENAI) as running:
        yield running


@pytest.fixture(scope="module")
def foundry(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with host(tmp_path_factory.mktemp("foundry"), export, SourcePreset.FOUNDRY) as running:
        yield running


def get(running: RunningHost, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx2.Response:
    own = {**BEARER, **BETA} if headers is None else headers
    return httpx2.get(running.url + path, headers=own, params=query)


def test_lists_come_newest_first_and_twenty_at_a_time_unless_asked_otherwise(openai: RunningHost) -> None:
    path = f"/threads/{thread_id(1)}/messages"
    page = get(openai, path).json()
    assert len(page["data"]) == 20
    assert page["data"][0]["content"][0]["text"]["value"].endswith(" 149")
    first = get(openai, path, limit=100, order="asc").json()
    assert [first["has_more"], len(first["data"])] == [True, 100]
    rest = get(openai, path, limit=100, order="asc", after=first["last_id"]).json()
    assert [rest["has_more"], len(rest["data"])] == [False, 50]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_limit_beyond_the_rules_is_refused(openai: RunningHost, limit: int) -> None:
    assert get(openai, f"/threads/{thread_id(1)}/messages", limit=limit).status_code == 400


def test_the_header_of_the_second_version_is_demanded(openai: RunningHost) -> None:
    answer = get(openai, f"/threads/{thread_id(1)}", headers=BEARER)
    assert [answer.status_code, answer.json()["error"]["code"]] == [400, "invalid_beta"]


def test_the_text_of_search_results_comes_only_when_it_is_asked_for(openai: RunningHost) -> None:
    path = f"/threads/{thread_id(1)}/runs/run_1/steps"
    bare = get(openai, path).json()["data"][0]["step_details"]["tool_calls"][0]["file_search"]["results"][0]
    whole = get(openai, path, include=SEARCH_RESULTS).json()["data"][0]
    assert "content" not in bare
    assert whole["step_details"]["tool_calls"][0]["file_search"]["results"][0]["content"]
    assert get(openai, path, include="something.else").status_code == 400


def test_openai_lists_no_threads(openai: RunningHost) -> None:
    assert get(openai, "/threads").status_code == 404


def test_what_is_not_there_is_a_404_with_the_services_body(openai: RunningHost) -> None:
    answer = get(openai, "/threads/thread_none/messages")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "No thread found with id 'thread_none'."


def test_foundry_wants_a_version_and_lists_its_threads(foundry: RunningHost) -> None:
    assert get(foundry, "/threads", headers=BEARER).status_code == 400
    page = get(foundry, "/threads", headers=BEARER, limit=100, order="asc", **VERSION).json()
    assert [entry["id"] for entry in page["data"]] == [thread_id(number) for number in range(1, THREADS + 1)]


def test_a_deleted_thread_is_gone_with_its_messages(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        own = f"/threads/{thread_id(3)}"
        assert httpx2.delete(running.url + own, headers=BEARER, params=VERSION).json()["deleted"] is True
        assert get(running, f"{own}/messages", headers=BEARER, **VERSION).status_code == 404
        assert len(get(running, "/threads", headers=BEARER, limit=100, **VERSION).json()["data"]) == THREADS - 1


def test_a_token_expires_after_its_requests_and_another_is_taken(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.FOUNDRY, token_requests=2) as running:
        statuses = [get(running, "/assistants", headers=BEARER, **VERSION).status_code for _ in range(3)]
        assert statuses == [200, 200, 401]
        assert (
            get(running, "/assistants", headers={"Authorization": "Bearer another-key"}, **VERSION).status_code == 200
        )


def test_azure_takes_the_key_in_its_own_header_only(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.AZURE) as running:
        assert running.url.endswith("/openai")
        assert get(running, "/assistants", headers=BEARER, **VERSION).status_code == 401
        assert get(running, "/assistants", headers={"api-key": "any-key-0123456789"}, **VERSION).status_code == 200


def test_a_self_hosted_server_pages_badly_and_counts_in_milliseconds(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.SELF_HOSTED) as running:
        path = f"/threads/{thread_id(1)}/messages"
        page = get(running, path, limit=100, order="asc").json()
        assert page["has_more"] is False
        assert page["data"][0]["created_at"] == 1_700_000_000_000
        assert get(running, path, limit=100, order="asc", after=page["last_id"]).status_code == 502


def test_a_host_that_is_gone_answers_404_to_everything(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.GONE) as running:
        assert {get(running, path).status_code for path in ("/assistants", f"/threads/{thread_id(1)}")} == {404}


def test_the_target_stands_beside_the_source_and_wants_none_of_its_headers(foundry: RunningHost) -> None:
    answer = httpx2.post(f"{foundry.sandbox.base_url}/conversations", headers=BEARER, json={})
    assert answer.status_code == 200


def test_faults_strike_the_source_side_by_the_names_of_its_endpoints(export: Path, tmp_path: Path) -> None:
    with host(tmp_path, export, SourcePreset.OPENAI, "messages:500", "steps:503:nth=1") as running:
        own = f"/threads/{thread_id(1)}"
        assert get(running, f"{own}/messages").status_code == 500
        assert get(running, own).status_code == 200
        assert get(running, f"{own}/runs/run_1/steps").status_code == 503
        stats = httpx2.get(f"{running.sandbox.control_url}/stats").json()
        assert stats["faults"] == {"messages:500": 1, "steps:503": 1}
