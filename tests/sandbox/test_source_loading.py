"""Loading an export into a sandbox, and reading it back as from a host: nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_auth import SourceAuthMiddleware
from migrate_cli.sandbox.assistants_load import Loaded, load_source
from migrate_cli.sandbox.assistants_quirks import SourcePreset, quirks_of
from migrate_cli.sources.export.open import open_source

from support.exports import thread, thread_id
from support.hosts import RunningHost, host

HEADERS = {"OpenAI-Beta": "assistants=v2", "Authorization": "Bearer any-key-0123456789"}
OWN = f"/threads/{thread_id(1)}"


def step(name: str, run: str | None) -> dict[str, Any]:
    return {
        "id": name,
        "object": "thread.run.step",
        "run_id": run,
        "thread_id": thread_id(1),
        "type": "tool_calls",
        "status": "completed",
        "created_at": 1_700_000_000,
        "step_details": {"type": "tool_calls", "tool_calls": []},
    }


RUN = {"id": "run_1", "object": "thread.run", "thread_id": thread_id(1), "status": "completed", "created_at": 1}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    steps = [step("step_1", "run_1"), step("step_2", "run_2"), step("step_3", None)]
    threads = [thread(1, 5, runs=[RUN], run_steps=steps), thread(2, 0)]
    (folder / "threads.jsonl").write_text("".join(json.dumps(each) + "\n" for each in threads), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def openai(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with host(tmp_path_factory.mktemp("openai"), export, SourcePreset.OPENAI) as running:
        yield running


def get(running: RunningHost, path: str, **query: Any) -> httpx2.Response:
    return httpx2.get(running.url + path, headers=HEADERS, params=query)


def ids(answer: httpx2.Response) -> list[str]:
    return [each["id"] for each in answer.json()["data"]]


def test_loading_counts_what_it_took_and_what_no_host_could_show(export: Path, tmp_path: Path) -> None:
    loaded = load_source(tmp_path / "host.db", open_source(str(export)))
    assert loaded == Loaded(threads=2, messages=5, runs=2, steps=2, left_out=1)


def test_loading_again_replaces_and_does_not_add(export: Path, tmp_path: Path) -> None:
    first, second = (load_source(tmp_path / "host.db", open_source(str(export))) for _ in range(2))
    assert first == second


def test_what_cannot_be_read_is_counted(export: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "threads.jsonl").write_text((export / "threads.jsonl").read_text() + "{\n")
    assert load_source(tmp_path / "host.db", open_source(str(broken))).unreadable == 1


def test_a_run_that_only_its_steps_tell_of_is_listed(openai: RunningHost) -> None:
    assert set(ids(get(openai, f"{OWN}/runs"))) == {"run_1", "run_2"}
    assert ids(get(openai, f"{OWN}/runs/run_2/steps")) == ["step_2"]


def test_each_object_can_be_read_by_itself(openai: RunningHost) -> None:
    message = ids(get(openai, f"{OWN}/messages"))[0]
    assert get(openai, f"{OWN}/messages/{message}").json()["object"] == "thread.message"
    assert get(openai, f"{OWN}/runs/run_1").json()["object"] == "thread.run"
    assert get(openai, OWN).json()["id"] == thread_id(1)


def test_a_list_can_be_walked_both_ways(openai: RunningHost) -> None:
    path = f"{OWN}/messages"
    oldest_first = ids(get(openai, path, order="asc"))
    assert ids(get(openai, path)) == oldest_first[::-1]
    assert ids(get(openai, path, order="asc", after=oldest_first[2])) == oldest_first[3:]
    assert ids(get(openai, path, order="asc", before=oldest_first[2])) == oldest_first[:2]


def test_an_empty_thread_has_an_empty_list(openai: RunningHost) -> None:
    page = get(openai, f"/threads/{thread_id(2)}/messages").json()
    assert (page["data"], page["first_id"], page["has_more"]) == ([], None, False)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/threads/thread_none", "No thread found with id 'thread_none'."),
        (f"{OWN}/messages/msg_none", "No message found with id 'msg_none'."),
        (f"{OWN}/messages?after=msg_none", "No message found with id 'msg_none'."),
        (f"{OWN}/runs/run_none", "No run found with id 'run_none'."),
        (f"{OWN}/runs/run_none/steps", "No run found with id 'run_none'."),
        ("/assistants/asst_none", "No assistant found with id 'asst_none'."),
    ],
)
def test_what_is_not_there_is_named_by_its_kind(openai: RunningHost, path: str, message: str) -> None:
    answer = httpx2.get(openai.url + path, headers=HEADERS)
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, message)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_nothing_can_be_written_to_the_source(openai: RunningHost, method: str) -> None:
    assert httpx2.request(method, f"{openai.url}{OWN}/messages", headers=HEADERS, json={}).status_code == 405


def test_a_token_expires_after_its_time_by_the_clock_of_the_server() -> None:
    now = 0.0
    quirks = quirks_of(SourcePreset.FOUNDRY, token_seconds=60)

    async def nothing(*_: Any) -> None:
        """Serve nothing."""

    door = SourceAuthMiddleware(nothing, quirks, clock=lambda: now)
    expired = []
    for now in (0.0, 60.0, 60.1):  # noqa: B007 - the clock reads it
        expired.append(door._expired("Bearer one"))
    assert expired == [False, False, True]
    assert not door._expired("Bearer two")
