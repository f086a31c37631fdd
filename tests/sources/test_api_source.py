"""Hosts as sources: the same threads as the export that they hold, whatever the host's kind and whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.errors import AuthError, SourceError, TemporaryError
from migrate_cli.http.credentials import CommandToken, Token
from migrate_cli.model import Run, Thread
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources import spool
from migrate_cli.sources.api.background import stream
from migrate_cli.sources.api.presets import PRESETS
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from support.exports import thread, thread_id, write_export
from support.hosts import RunningHost, codes, digests, host, read

FIXTURES = Path(__file__).parents[2] / "fixtures"
LISTING = [SourcePreset.FOUNDRY, SourcePreset.SELF_HOSTED]
NAMED = [SourcePreset.OPENAI, SourcePreset.AZURE]


class CountedToken(Token):
    """A new token at each fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched = 0

    async def fetch(self) -> str:
        self.fetched += 1
        return f"token-{self.fetched:08}"


@pytest.fixture(scope="module")
def expected() -> dict[str, Thread]:
    threads, unreadable = read(open_source(str(FIXTURES)))
    assert not unreadable
    return threads


def many(folder: Path, count: int) -> Path:
    """An export of small threads in one file, quick to load."""
    folder.mkdir()
    lines = [json.dumps(thread(number, 2)) + "\n" for number in range(1, count + 1)]
    (folder / "threads.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("preset", [*LISTING, *NAMED])
def test_every_kind_of_host_gives_what_the_export_gives(
    tmp_path: Path, preset: SourcePreset, expected: dict[str, Thread]
) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(expected), encoding="utf-8")
    wanted = {"discover": True} if preset in LISTING else {"ids_from": str(tmp_path / "ids.txt")}
    with host(tmp_path, FIXTURES, preset) as running:
        source = running.source(**wanted)
        found, unreadable = read(source)
        assert not unreadable
        assert digests(found) == digests(expected)
        assert {each["id"] for each in source.assistants()} == {
            each["id"] for each in open_source(str(FIXTURES)).assistants()
        }
        assert set(source.files()) == set(open_source(str(FIXTURES)).files())
        source.close()


@pytest.mark.parametrize("preset", [SourcePreset.FOUNDRY, SourcePreset.SELF_HOSTED])
@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "a\x00b", "\ufeff\u2028", "\U0001f600"])
def test_texts_that_few_programs_take_come_as_the_export_has_them(
    tmp_path: Path, preset: SourcePreset, text: str
) -> None:
    awkward = thread(1, 3)
    awkward["messages"][1]["content"][0]["text"]["value"] = text
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "one.json").write_text(json.dumps(awkward), encoding="utf-8")
    expected, _ = read(open_source(str(tmp_path / "export")))
    with host(tmp_path, tmp_path / "export", preset) as running:
        found, unreadable = read(running.source(discover=True))
    assert not unreadable
    assert digests(found) == digests(expected)


def test_faults_and_expiring_tokens_change_nothing(tmp_path: Path, expected: dict[str, Thread]) -> None:
    faults = ("reads:500:0.05", "reads:reset-before:0.03", "reads:cut:0.03", "reads:429:0.02:retry_after=0")
    with host(tmp_path, FIXTURES, SourcePreset.FOUNDRY, *faults, token_requests=40) as running:
        token = CountedToken()
        found, unreadable = read(running.source(token, discover=True))
        assert not unreadable
        assert digests(found) == digests(expected)
        assert token.fetched > 2


def test_a_token_that_is_refused_although_it_is_new_is_an_error_of_authentication(tmp_path: Path) -> None:
    with host(tmp_path, FIXTURES, SourcePreset.FOUNDRY, token_requests=0) as running, pytest.raises(AuthError):
        read(running.source(CountedToken(), discover=True))


def test_threads_come_in_the_order_of_their_names_and_a_limit_stops_early(tmp_path: Path) -> None:
    ids = [thread_id(number) for number in (5, 2, 9, 1, 7)]
    (tmp_path / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    with host(tmp_path, write_export(tmp_path / "export", [2] * 10), SourcePreset.OPENAI) as running:
        source = running.source(ids_from=str(tmp_path / "ids.txt"))
        assert source.expected() == 5
        assert list(read(source)[0]) == ids
        assert list(read(source, Selection(limit=2))[0]) == ids[:2]
        shards = [set(read(source, Selection(shard=(part, 3)))[0]) for part in (1, 2, 3)]
        assert sorted(each for shard in shards for each in shard) == sorted(ids)


def test_runs_are_asked_for_only_where_there_may_be_any(tmp_path: Path) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [2, 2, 4]), SourcePreset.FOUNDRY) as running:
        read(running.source(discover=True))
        stats = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
        assert "runs" not in stats and stats["messages"] == 3


def test_the_run_that_failed_on_the_last_question_is_read(tmp_path: Path) -> None:
    own = thread_id(1)
    failed = {"id": "run_1", "object": "thread.run", "thread_id": own, "status": "failed", "created_at": 1_700_000_000}
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "t.json").write_text(json.dumps(thread(1, 1, runs=[failed])), encoding="utf-8")
    with host(tmp_path, tmp_path / "export", SourcePreset.OPENAI) as running:
        found, _ = read(running.source(), Selection(frozenset({own})))
        assert [(run.id, run.status) for run in found[own].runs] == [("run_1", "failed")]
        assert isinstance(found[own].runs[0], Run)


def test_a_self_hosted_servers_oddities_are_said_once_and_what_is_missing_by_thread(tmp_path: Path) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [150, 250, 250]), SourcePreset.SELF_HOSTED) as running:
        found, _ = read(running.source(discover=True))
        told = [found.code for thread in found.values() for found in thread.findings]
        assert told.count("host-milliseconds") == told.count("host-refuses-cursors") == 1
        assert told.count("messages-missing") == 2
        assert len(list(found[thread_id(1)].messages)) == 150
        assert next(iter(found[thread_id(1)].messages)).created_at == 1_700_000_000


def test_a_list_of_threads_that_cannot_be_read_whole_is_said(tmp_path: Path) -> None:
    with host(tmp_path, many(tmp_path / "export", 230), SourcePreset.SELF_HOSTED) as running:
        found, unreadable = read(running.source(discover=True))
        assert len(found) == 200
        assert [entry.code for entry in unreadable] == ["thread-list-incomplete"]


def test_long_threads_are_read_from_disk_and_turn_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LONG", 50)
    export = write_export(tmp_path / "export", [120])
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        found, _ = read(running.source(discover=True))
        messages = found[thread_id(1)].messages
        assert not isinstance(messages, tuple)
        assert [each.id for each in messages] == [each.id for each in messages]
        assert digests(found) == digests(read(open_source(str(export)))[0])


def test_foundrys_own_annotations_and_tool_steps_are_kept(tmp_path: Path) -> None:
    own = thread_id(1)
    wire = thread(1, 2)
    cited = {
        "type": "url_citation",
        "text": "[1]",
        "start_index": 0,
        "end_index": 3,
        "url_citation": {"url": "https://x.example"},
    }
    wire["messages"][1]["content"][0]["text"]["annotations"] = [cited]
    wire["messages"][1]["run_id"] = "run_1"
    wire["runs"] = [{"id": "run_1", "object": "thread.run", "thread_id": own, "status": "completed", "created_at": 1}]
    call = {"id": "call_1", "type": "bing_grounding", "bing_grounding": {"requesturl": "https://search.example/?q=a"}}
    details = {"type": "tool_calls", "tool_calls": [call]}
    step = {"id": "step_1", "run_id": "run_1", "type": "tool_calls", "status": "completed", "step_details": details}
    wire["run_steps"] = [{**step, "object": "thread.run.step", "thread_id": own, "created_at": 1}]
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "t.json").write_text(json.dumps(wire), encoding="utf-8")
    with host(tmp_path, tmp_path / "export", SourcePreset.FOUNDRY) as running:
        found = read(running.source(discover=True))[0][own]
        assert list(found.messages)[1].content[0]["text"]["annotations"] == [cited]
        assert found.run_steps[0].details == details


# One thread's trouble, and the host's


@pytest.mark.parametrize("version", ["v1", "2025-05-01", "2025-05-15-preview"])
def test_the_versions_of_foundrys_api_are_known(tmp_path: Path, version: str) -> None:
    with host(tmp_path, many(tmp_path / "export", 1), SourcePreset.FOUNDRY) as running:
        found, unreadable = read(running.source(query={"api-version": version}, discover=True))
    assert len(found) == 1 and not unreadable
    assert "host-api-version" not in codes(found)


def test_another_version_is_refused_by_the_host_or_told(tmp_path: Path) -> None:
    export = many(tmp_path / "export", 1)
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        with pytest.raises(SourceError, match=r"source\.query") as refused:
            read(running.source(query={"api-version": "2031-01-01"}, discover=True))
        assert "2031-01-01" in str(refused.value)
    (tmp_path / "later").mkdir()
    with host(tmp_path / "later", export, SourcePreset.FOUNDRY, any_version=True) as running:
        found, _ = read(running.source(query={"api-version": "2031-01-01"}, discover=True))
    assert "host-api-version" in codes(found)


def test_a_thread_that_is_gone_is_told_from_a_host_that_is_gone(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2, 2])
    wanted = Selection(frozenset({thread_id(1), "thread_gone"}))
    with host(tmp_path, export, SourcePreset.OPENAI) as running:
        found, unreadable = read(running.source(), wanted)
        assert list(found) == [thread_id(1)]
        assert [(entry.code, entry.thread_id) for entry in unreadable] == [("thread-gone", "thread_gone")]
    said = r"shut it down on 2026-08-26; read your threads from an export"
    with host(tmp_path, export, SourcePreset.GONE) as running, pytest.raises(SourceError, match=said):
        read(running.source(), wanted)


@pytest.mark.parametrize(
    ("preset", "url", "advice"),
    [
        ("openai", "https://api.openai.com/v1", "OpenAI shut it down on 2026-08-26"),
        ("openai", "https://models.corp.example/v2", "check source.base_url first; if it is right, OpenAI shut it"),
        ("openai", "https://notopenai.com/v1", "check source.base_url first"),
        ("azure", "https://ours.openai.azure.com/openai", "Azure OpenAI shut it down on 2026-08-26"),
        ("azure", "https://gateway.corp.example/openai", "check source.base_url first; if it is right, Azure OpenAI"),
        ("self-hosted", "http://127.0.0.1:8000/v2", "check source.base_url, which usually ends in /v1"),
    ],
)
def test_the_address_is_doubted_first_unless_it_is_the_vendors(preset: str, url: str, advice: str) -> None:
    assert PRESETS[preset].gone_at(url).startswith(advice)


def test_a_host_that_goes_away_in_the_middle_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_cli.sources.api.host.FRESH", -1.0)
    with host(tmp_path, write_export(tmp_path / "export", [2]), SourcePreset.OPENAI) as running:
        source = running.source()
        asked = []

        async def gone(self: Any) -> None:
            asked.append(True)
            if len(asked) > 1:
                raise self._gone()

        monkeypatch.setattr("migrate_cli.sources.api.host.Host.check", gone)
        with pytest.raises(SourceError, match="does not speak the Assistants API"):
            read(source, Selection(frozenset({"thread_x"})))


def test_a_thread_deleted_between_listing_and_reading_is_left_out_and_said(tmp_path: Path) -> None:
    id_list = tmp_path / "ids.db"
    with host(tmp_path, write_export(tmp_path / "export", [2, 2, 2]), SourcePreset.FOUNDRY) as running:
        first = running.source(discover=True, id_list=id_list)
        read(first)
        first.close()
        delete(running, thread_id(2))
        found, unreadable = read(running.source(discover=True, id_list=id_list))
        assert list(found) == [thread_id(1), thread_id(3)]
        assert [entry.code for entry in unreadable] == ["thread-gone"]


def test_a_listing_goes_on_where_it_stopped_and_finds_what_is_new(tmp_path: Path) -> None:
    id_list = tmp_path / "ids.db"
    with host(tmp_path, many(tmp_path / "export", 250), SourcePreset.FOUNDRY) as running:
        first = running.source(discover=True, id_list=id_list)
        read(first, Selection(limit=3))
        first.close()
        found, _ = read(running.source(discover=True, id_list=id_list))
        assert list(found) == [thread_id(number) for number in range(1, 251)]
        pages = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]["threads"]
        assert pages <= 4


def test_a_listing_whose_place_was_deleted_begins_again(tmp_path: Path) -> None:
    id_list = tmp_path / "ids.db"
    with host(tmp_path, many(tmp_path / "export", 130), SourcePreset.FOUNDRY) as running:
        first = running.source(discover=True, id_list=id_list)
        read(first, Selection(limit=1))
        first.close()
        delete(running, thread_id(100))
        delete(running, thread_id(130))
        found, _ = read(running.source(discover=True, id_list=id_list))
        assert list(found) == [thread_id(number) for number in range(1, 130) if number != 100]


def delete(running: RunningHost, own: str) -> None:
    headers = {"Authorization": "Bearer any-key-0123456789"}
    httpx2.delete(f"{running.url}/threads/{own}", headers=headers, params={"api-version": "v1"}).raise_for_status()


def test_a_host_that_lists_no_threads_says_what_to_do(tmp_path: Path) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [2]), SourcePreset.OPENAI) as running:
        with pytest.raises(SourceError, match="does not list its threads"):
            read(running.source(discover=True))
        with pytest.raises(SourceError, match="--threads-from FILE"):
            read(running.source())


def test_a_thread_that_the_host_cannot_read_out_does_not_stop_the_others(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2, 2])
    with host(tmp_path, export, SourcePreset.OPENAI, "thread:500:count=8") as running:
        found, unreadable = read(running.source(), Selection(frozenset({thread_id(1), thread_id(2)})))
        assert len(found) + len(unreadable) == 2
        assert all(entry.code == "thread-unreadable" for entry in unreadable)


@pytest.mark.parametrize("answers", [7, 13])
def test_a_host_that_is_down_for_a_while_is_waited_for(tmp_path: Path, answers: int) -> None:
    fault = f"reads:503:count={answers}"
    with host(tmp_path, write_export(tmp_path / "export", [2]), SourcePreset.FOUNDRY, fault) as running:
        found, unreadable = read(running.source(discover=True))
    assert [list(found), unreadable] == [[thread_id(1)], []]


def test_threads_that_the_host_never_gives_keep_nobody_waiting(tmp_path: Path) -> None:
    broken = {thread_id(number) for number in (2, 21, 60)}
    faults = [f"reads:500:path={one}" for one in broken]
    with host(tmp_path, many(tmp_path / "export", 60), SourcePreset.SELF_HOSTED, *faults) as running:
        found, unreadable = read(running.source(discover=True))
    assert {entry.thread_id for entry in unreadable} == broken
    assert {entry.code for entry in unreadable} == {"thread-unreadable"}
    assert all("500" in entry.detail and "8 times" in entry.detail for entry in unreadable)
    assert len(found) == 60 - len(broken)


@pytest.mark.parametrize("fault", ["reads:html", "reads:503", "reads:502"])
def test_a_host_that_is_unwell_as_a_whole_ends_the_run_and_may_be_tried_later(tmp_path: Path, fault: str) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [2]), SourcePreset.FOUNDRY, fault) as running:
        with pytest.raises(TemporaryError) as caught:
            read(running.source(discover=True))
        assert ("web page" in str(caught.value)) is fault.endswith("html")


def test_an_id_that_is_none_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(f"# mine\n\n{thread_id(1)}\nnot an id\n{thread_id(1)}\n", encoding="utf-8")
    with host(tmp_path, write_export(tmp_path / "export", [2]), SourcePreset.OPENAI) as running:
        found, unreadable = read(running.source(ids_from=str(path)))
        assert list(found) == [thread_id(1)]
        assert codes(found) == {"thread-id-repeated"}
        assert [entry.code for entry in unreadable] == ["thread-id-wrong"]


def test_where_runs_are_refused_the_messages_are_read_all_the_same(tmp_path: Path) -> None:
    with host(tmp_path, FIXTURES, SourcePreset.FOUNDRY, "runs:413") as running:
        found, unreadable = read(running.source(discover=True))
        assert not unreadable and "runs-not-read" in codes(found)
        assert sum(len(list(each.messages)) for each in found.values()) == 238


# Tokens, and the bridge between the threads of execution


def test_a_token_command_is_run_once_for_all_that_wait(tmp_path: Path) -> None:
    script = tmp_path / "token.py"
    script.write_text(
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x'); print('tok')"
    )
    (tmp_path / "count").write_text("")

    async def ask() -> list[dict[str, str]]:
        import sys

        token = CommandToken([sys.executable, str(script), str(tmp_path / "count")])
        return [dict(each) for each in await asyncio.gather(*(token.headers() for _ in range(5)))]

    assert asyncio.run(ask()) == [{"Authorization": "Bearer tok"}] * 5
    assert (tmp_path / "count").read_text() == "x"


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number
        await asyncio.sleep(0)


def test_a_stream_gives_everything_in_order() -> None:
    assert list(stream(lambda: numbers(1000))) == list(range(1000))


def test_a_stream_that_is_left_early_ends_its_thread() -> None:
    ended = threading.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            ended.set()

    values = stream(endless)
    next(values)
    values.close()  # type: ignore[attr-defined]  # it is a generator
    assert ended.is_set()


def test_what_breaks_a_stream_is_raised_where_it_is_read() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise TemporaryError("gone")

    values = stream(broken)
    assert next(values) == 1
    with pytest.raises(TemporaryError, match="gone"):
        next(values)


def test_a_stream_stays_only_so_far_ahead() -> None:
    made: list[int] = []

    async def counted() -> AsyncIterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    values = stream(counted, ahead=3)
    next(values)
    _until(lambda: len(made) >= 5)
    assert len(made) <= 6
    assert list(values) == list(range(1, 100))


def _until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < end, "it never came"


def test_the_source_is_live_and_known_by_its_address(tmp_path: Path) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [1]), SourcePreset.OPENAI) as running:
        source = running.source()
        assert source.live and source.identity == f"api:{running.url}"
