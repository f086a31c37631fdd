"""What many processes share and what is added up of them, without running any."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.report.progress import JsonProgress
from migrate_cli.settings.model import load_settings
from migrate_cli.shards.engine import Put
from migrate_cli.shards.progress import ShardProgress
from migrate_cli.shards.run import DividedRun, limits
from migrate_cli.shards.task import WORST_FIRST, ShardEnd, ShardTask, worst
from migrate_cli.shards.totals import add_up, codes_of, problems_of, timeline_of
from migrate_cli.sources.interface import shard_of
from migrate_cli.state.divide import divide
from migrate_cli.state.merge import merge

from support.exports import write_export

from .conftest import SIZES, Cli, hashes  # noqa: TID252 - the folder's own


class NoEngine:
    """Runs nothing; says how many shards would run at once."""

    name = "none"
    local = True

    def __init__(self, at_once: int) -> None:
        self.at_once = self.shards = at_once

    def start(self, tasks: Sequence[ShardTask], put: Put) -> None: ...

    def stop(self, level: int) -> None: ...

    def environment(self) -> dict[str, str]:
        return {}

    def close(self) -> None: ...


class Shown(JsonProgress):
    """Keeps what a view was told."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.messages = 0
        self.pace = 0.0
        self.notes: list[str] = []

    def thread_done(self, state: str, messages: int) -> None:
        self.states.append(state)
        self.messages += messages

    def note(self, text: str) -> None:
        self.notes.append(text)

    def rates(self, requests_per_minute: float) -> None:
        self.pace = requests_per_minute


def end(index: int, data: dict[str, Any], code: int = 0, errors: list[dict[str, str]] | None = None) -> ShardEnd:
    return ShardEnd(index, {"exit_code": code, "data": data, "errors": errors or []})


def test_every_exit_code_of_a_run_has_its_place_in_the_rule() -> None:
    assert set(WORST_FIRST) == set(ExitCode) - {ExitCode.CHECK_FAILED}
    assert worst([ExitCode.OK, ExitCode.PARTIAL, ExitCode.OK]) is ExitCode.PARTIAL
    assert worst([ExitCode.INTERRUPTED, ExitCode.AUTH, ExitCode.INTERRUPTED]) is ExitCode.AUTH
    assert worst([ExitCode.TEMPORARY, ExitCode.INTERRUPTED]) is ExitCode.TEMPORARY
    assert worst([]) is ExitCode.OK


def test_what_every_shard_meets_of_the_source_is_counted_once() -> None:
    broken = {"origin": "x.json", "code": "not-json", "detail": "line 1"}
    loose = {"code": "files-not-checked", "severity": "info", "thread_id": None, "message_id": None, "detail": "d"}
    each: dict[str, Any] = {
        "threads": {"total": 3, "loaded": 2, "failed": 1, "unreadable": 1},
        "findings": {"files-not-checked": 1},
        "severities": {"info": 1},
        "unreadable": [broken],
        "finding_list": [loose],
    }
    errors = [{"code": "not-json", "message": "x.json: line 1"}]
    ends = [end(1, each, 3, errors), end(2, each, 3, errors)]
    found = add_up(ends)
    assert found["threads"] == {"total": 5, "loaded": 4, "failed": 1, "unreadable": 1}
    assert found["findings"] == {"files-not-checked": 1}
    assert found["unreadable"] == [broken]
    assert len(problems_of(ends)) == 1


def test_what_stopped_the_shards_is_told_and_not_that_it_stopped_them() -> None:
    refused = {"code": "auth", "message": "the key was refused"}
    early = {"code": "interrupted", "message": "interrupted; run the same command again to go on"}
    doubt = {"code": "interrupted", "message": "the run was asked to stop", "thread_id": "t1"}
    ends = [end(1, {}, 130, [early]), end(2, {}, 6, [refused]), end(3, {}, 130, [doubt])]
    assert [one.code for one in problems_of(ends, stopped=True)] == ["auth", "interrupted"]
    assert [one.thread_id for one in problems_of(ends, stopped=True)] == [None, "t1"]
    assert len(problems_of(ends)) == 3


class PilotEngine(NoEngine):
    """Its first shard is stopped by its pilot; the second runs until it is told to stop."""

    def start(self, tasks: Sequence[ShardTask], put: Put) -> None:
        self.put = put
        put(end(1, {"pilot": {"threads": 2, "passed": False, "stopped_by": "t1"}}, 3))

    def stop(self, level: int) -> None:
        self.put(end(2, {"pilot": {"threads": 5, "passed": True}}, 130))


def test_a_pilot_that_stops_one_shard_stops_them_all() -> None:
    view = Shown()
    tasks = [ShardTask(n, 2, (), ".", {}, None) for n in (1, 2)]
    ends = DividedRun(PilotEngine(2), tasks, ShardProgress(view), view, None).go()
    assert add_up(ends)["pilot"] == {"threads": 7, "passed": False, "stopped_by": "t1"}
    assert worst(codes_of(ends, interrupted=False)) is ExitCode.PARTIAL
    assert worst(codes_of(ends, interrupted=True)) is ExitCode.INTERRUPTED


def test_lists_stay_as_short_as_those_of_one_process_and_say_what_is_cut() -> None:
    rows = [{"thread_id": f"t{n}"} for n in range(700)]
    found = add_up([end(n, {"thread_list": rows, "thread_list_cut": 5}) for n in (1, 2)])
    assert (len(found["thread_list"]), found["thread_list_cut"]) == (1000, 410)


def test_the_pace_of_all_shards_is_that_of_their_sum() -> None:
    rows = [{"seconds": 1.0, "messages_per_second": 10.0}, {"seconds": 2.0, "messages_per_second": 20.0}]
    assert [row["messages_per_second"] for row in timeline_of([end(1, {"timeline": rows})] * 3, 2.0)] == [30.0, 60.0]


def test_a_shard_that_is_started_again_is_not_counted_twice() -> None:
    shown = Shown()
    board = ShardProgress(shown)
    for threads in (1, 3, 0, 2, 4):
        line = {"type": "progress", "messages": 10 * threads, "states": {"loaded": threads}, "requests_per_minute": 60}
        board.told(1, line)
    board.told(2, {"type": "progress", "messages": 5, "states": {"failed": 1}, "requests_per_minute": 30})
    assert sorted(shown.states) == ["failed", *["loaded"] * 4]
    assert shown.messages == 45
    assert board.failed == 1
    assert shown.pace == 90


def test_a_limit_is_divided_between_the_shards_that_run_at_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE", "500")
    monkeypatch.setenv("MIGRATE_SOURCE__MAX_READS_PER_MINUTE", "90")
    shares = limits(load_settings(), NoEngine(4))
    assert shares["MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE"] == "125"
    assert shares["MIGRATE_SOURCE__MAX_READS_PER_MINUTE"] == "22"
    with pytest.raises(UsageError, match="90 requests per minute cannot be divided among 91 shards"):
        limits(load_settings(), NoEngine(91))
    monkeypatch.setenv("MIGRATE_LOAD__DIVIDE_LIMITS", "false")
    assert limits(load_settings(), NoEngine(4))["MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE"] == "500"


def test_a_divided_state_file_joins_to_what_it_was(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", SIZES)
    assert cli("apply", export, "--target", "sandbox").code == 0
    whole, parts = tmp_path / "migration.rehearsal.db", [tmp_path / f"{number}.db" for number in (1, 2, 3)]
    before = hashes(whole)
    divide(whole, parts)
    found = [hashes(part) for part in parts]
    assert all(shard_of(thread, 3) == number for number, part in enumerate(found, 1) for thread in part)
    assert {thread: items for part in found for thread, items in part.items()} == before
    merged = merge(parts, whole)
    assert (merged.counts["threads"], merged.shared) == (len(SIZES), len(SIZES))
    assert hashes(whole) == before
    with closing(sqlite3.connect(whole)) as conn:
        assert conn.execute("SELECT count(*) FROM run WHERE command = 'apply'").fetchone() == (1,)


def test_what_cannot_be_read_is_reported_as_by_one_process(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", SIZES[:9])
    (export / "broken.json").write_text("{")
    (export / "again.json").write_text(json.dumps({"neither": "thread", "nor": "list"}))
    alone = cli("apply", export, "--target", "sandbox", "--state", "alone.db", "-o", "json")
    together = cli("apply", export, "--target", "sandbox", "--processes", 2, "-o", "json")
    assert together.code == alone.code == 3
    for key in ("threads", "unreadable", "findings", "severities", "reading"):
        assert together.json["data"][key] == alone.json["data"][key]
    assert len(together.json["errors"]) == len(alone.json["errors"])
    shown = [
        cli("status", "-o", "json", "--state", state).json["data"] for state in ("alone.db", "migration.rehearsal.db")
    ]
    assert shown[0]["threads"] == shown[1]["threads"]
    assert shown[0].get("unreadable") == shown[1].get("unreadable")
