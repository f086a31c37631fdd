"""Threads chosen by what they hold: the same ones from every kind of source, and none lost for want of a time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from migrate_cli.model import Message, Origin, Run, Thread
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources.choice import Activity, Choice, Judgement
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.snapshot.writer import SnapshotWriter
from migrate_cli.sources.sql.source import RowQuery, SqlSource

from support.exports import message, thread, thread_id
from support.hosts import codes, host, read

START = 1_700_000_000
TIMES = st.one_of(st.none(), st.integers(START, START + 5))


def held(times: list[int | None], runs: list[int | None] = [], **more: Any) -> Thread:  # noqa: B006 - never changed
    """A thread whose messages and runs were made at these times."""
    messages = tuple(Message(f"msg_{n}", "user", (), created_at=time) for n, time in enumerate(times))
    made = tuple(Run(f"run_{n}", created_at=time) for n, time in enumerate(runs))
    return Thread("thread_1", messages, Origin("here"), "test", runs=made, **more)


@given(st.lists(TIMES, max_size=4), st.lists(TIMES, max_size=2), TIMES, TIMES)
def test_no_thread_is_left_out_that_could_be_wanted(
    times: list[int | None], runs: list[int | None], since: int | None, until: int | None
) -> None:
    assume(since is None or until is None or since < until)
    judgement = Choice(since=since, until=until).judge(held(times, runs))
    every = [*times, *runs]
    # Whatever the times are that nobody wrote down, the last activity is one of these.
    unknown = range(START - 1, START + 7) if None in every or not every else [START - 1]
    lasts = {max([one, *(time for time in every if time is not None)]) for one in unknown}
    could = {(since is None or last >= since) and (until is None or last < until) for last in lasts}
    assert (judgement is not Judgement.LEFT_OUT) == (True in could)
    if judgement is Judgement.WANTED:
        assert could == {True}


@given(st.lists(st.integers(START, START + 5), min_size=1, max_size=4), st.integers(START, START + 6))
def test_two_runs_that_share_a_moment_take_each_thread_once(times: list[int], moment: int) -> None:
    one = held([*times])
    before, after = (choice.judge(one) for choice in (Choice(until=moment), Choice(since=moment)))
    assert {before, after} == {Judgement.WANTED, Judgement.LEFT_OUT}


def test_a_thread_in_which_nothing_was_said_was_last_active_when_it_was_made() -> None:
    assert Choice(since=START).judge(held([], created_at=START)) is Judgement.WANTED
    assert Choice(since=START + 1).judge(held([], created_at=START)) is Judgement.LEFT_OUT
    assert Choice(since=START).judge(held([])) is Judgement.UNKNOWN
    assert Choice(since=START).judge(held([None], created_at=START)) is Judgement.UNKNOWN


def test_an_activity_is_whole_only_where_everything_has_a_time() -> None:
    assert Activity.of([3, 5, 4]) == Activity(5, whole=True)
    assert Activity.of([3, None]) == Activity(3, whole=False)
    assert Activity.of([]) == Activity(None, whole=True)


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ((("customer", "42"),), True),
        ((("customer", "42"), ("tier", "gold")), True),
        ((("customer", "42"), ("tier", "silver")), False),
        ((("customer", ""),), False),
        ((("empty", ""),), True),
        ((("count", "7"),), True),
        ((("missing", ""),), False),
    ],
)
def test_several_pairs_of_metadata_mean_all_of_them(pairs: tuple[tuple[str, str], ...], wanted: bool) -> None:
    one = held([START], metadata={"customer": "42", "tier": "gold", "empty": "", "count": 7})
    assert (Choice(metadata=pairs).judge(one) is Judgement.WANTED) == wanted


# ---- every kind of source


def wire(number: int, last: int | None, *, assistant: str = "asst_a", **metadata: str) -> dict[str, Any]:
    """A thread of two messages, the later of which was made `last` seconds after the start."""
    own_id = thread_id(number)
    made = {} if last is None else {"created_at": START + last}
    messages = [
        message(own_id, 0, created_at=START),
        message(own_id, 1, assistant_id=assistant, run_id=f"run_{number}", created_at=None) | made,
    ]
    frame = {"id": own_id, "object": "thread", "created_at": START, "metadata": metadata}
    return thread(number, 0) | {"thread": frame, "messages": messages}


THREADS = [
    wire(1, 10, customer="1"),
    wire(2, 20, customer="2", assistant="asst_b"),
    wire(3, 30, customer="2"),
    wire(4, 40, customer="1", assistant="asst_b"),
]
CHOICES = {
    "since": (Choice(since=START + 20), [2, 3, 4]),
    "until": (Choice(until=START + 30), [1, 2]),
    "between": (Choice(since=START + 20, until=START + 40), [2, 3]),
    "assistant": (Choice(assistants=frozenset({"asst_b"})), [2, 4]),
    "metadata": (Choice(metadata=(("customer", "2"),)), [2, 3]),
    "all at once": (Choice(START + 15, START + 35, frozenset({"asst_a"}), (("customer", "2"),)), [3]),
    "nothing": (Choice(since=START + 99), []),
}


def export(folder: Path, threads: list[dict[str, Any]] = THREADS) -> Path:
    folder.mkdir()
    for one in threads:
        (folder / f"{one['thread']['id']}.json").write_text(json.dumps(one), encoding="utf-8")
    return folder


Open = Callable[[Path, ExitStack], Source]


def of_folder(folder: Path, _: ExitStack) -> Source:
    return open_source(str(export(folder / "export")))


def of_lines(folder: Path, _: ExitStack) -> Source:
    """Messages and threads as loose records, which are joined."""
    lines = [json.dumps(entry) for one in THREADS for entry in (one["thread"], *one["messages"])]
    (folder / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return open_source(str(folder / "records.jsonl"))


def of_snapshot(folder: Path, stack: ExitStack) -> Source:
    archive = stack.enter_context(SnapshotWriter(folder / "snap", "api:x", whole_source=True))
    running = stack.enter_context(host(folder, export(folder / "export"), SourcePreset.FOUNDRY))
    for record in running.source(discover=True).records(Selection()):
        archive.add(record)  # type: ignore[arg-type]  # nothing is unreadable here
    archive.save(complete=True)
    return open_source(str(folder / "snap"))


def of_host(folder: Path, stack: ExitStack) -> Source:
    running = stack.enter_context(host(folder, export(folder / "export"), SourcePreset.FOUNDRY))
    return running.source(discover=True)


def of_plain_host(folder: Path, stack: ExitStack) -> Source:
    """A host with oddities: it shows only the ends of a list and tells times in milliseconds."""
    running = stack.enter_context(host(folder, export(folder / "export"), SourcePreset.SELF_HOSTED))
    (folder / "ids.txt").write_text("\n".join(one["thread"]["id"] for one in THREADS), encoding="utf-8")
    return running.source(ids_from=str(folder / "ids.txt"))


KINDS: dict[str, Open] = {
    "folder": of_folder,
    "lines": of_lines,
    "snapshot": of_snapshot,
    "host that lists": of_host,
    "host": of_plain_host,
}


@pytest.fixture(scope="module", params=list(KINDS))
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    with ExitStack() as stack:
        yield KINDS[request.param](tmp_path_factory.mktemp("source"), stack)


@pytest.mark.parametrize("name", list(CHOICES))
def test_every_kind_of_source_gives_the_threads_that_are_chosen_and_tells_the_others(source: Source, name: str) -> None:
    choice, wanted = CHOICES[name]
    left_out: list[str] = []
    source.left_out = left_out.append
    found, unreadable = read(source, Selection(choice=choice))
    assert not unreadable
    assert sorted(found) == [thread_id(number) for number in wanted]
    assert sorted([*found, *left_out]) == [thread_id(number) for number in range(1, 5)]
    assert "activity-unknown" not in codes(found)


def test_a_limit_counts_only_threads_that_are_chosen(source: Source) -> None:
    source.left_out = lambda _: None
    found, _ = read(source, Selection(choice=Choice(since=START + 15), limit=2))
    assert len(found) == 2 and thread_id(1) not in found


def test_shards_of_a_choice_have_each_thread_once(source: Source) -> None:
    source.left_out = lambda _: None
    parts = [read(source, Selection(choice=Choice(since=START + 15), shard=(one, 2)))[0] for one in (1, 2)]
    assert sorted([*parts[0], *parts[1]]) == [thread_id(number) for number in (2, 3, 4)]


def test_a_table_is_chosen_from_by_its_times(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE messages (thread_id TEXT, role TEXT, content TEXT, created_at INTEGER)")
        rows: list[tuple[str, str, str, int | None]]
        rows = [(f"thread_{n}", "user", "hello", START + 10 * n + each) for n in range(1, 5) for each in (0, 5)]
        rows.append(("thread_5", "user", "no time", None))
        database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows)
    database.close()
    table = SqlSource(f"sqlite:///{path}", RowQuery())
    found, _ = read(table, Selection(choice=Choice(since=START + 25, until=START + 40)))
    assert sorted(found) == ["thread_2", "thread_3", "thread_5"]
    assert [one.code for one in found["thread_5"].findings if one.code == "activity-unknown"] == ["activity-unknown"]


def test_a_thread_without_times_is_taken_and_says_so(tmp_path: Path) -> None:
    source = open_source(str(export(tmp_path / "export", [wire(1, None), wire(2, 20)])))
    found, _ = read(source, Selection(choice=Choice(since=START + 15)))
    assert sorted(found) == [thread_id(1), thread_id(2)]
    assert "activity-unknown" in [one.code for one in found[thread_id(1)].findings]
    assert found[thread_id(2)].findings == ()
