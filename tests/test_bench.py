"""The bench measures what it says: its threads, its server, its arithmetic, and each way on a handful of threads."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from bench import page
from bench.bars import bars
from bench.corpora import CORPORA, Corpus, long_tailed, write_export
from bench.figures import Figures, Large, Spread
from bench.hosting import Mark, hosted
from bench.moving import APPLY, ASYNC, FLOOR, GUIDE, LIVE, TWO, WAYS, Measured, Mover, Way, fitting
from bench.session import Tenth, middle_rate, tenths
from bench.threads import Shelf, least_pages, least_requests

FEW = Corpus("few", 4, 23)


def test_the_long_tailed_corpus_follows_its_law() -> None:
    sizes = sorted(long_tailed(number) for number in range(5_000))
    assert sizes[2_500] == pytest.approx(6, abs=1)
    assert sizes[4_500] == pytest.approx(40, rel=0.05)
    assert sizes[4_950] == pytest.approx(300, rel=0.1)
    assert sizes[0] >= 1


def test_an_export_of_the_bench_holds_the_threads_that_its_server_lists(tmp_path: Path) -> None:
    source = open_source(str(write_export(FEW, tmp_path / "few.jsonl")))
    threads = [entry for entry in source.threads(Selection()) if isinstance(entry, Thread)]
    assert [thread.id for thread in threads] == list(FEW.thread_ids())
    assert [len(list(thread.messages)) for thread in threads] == [23] * 4


def test_the_least_requests_are_pages_of_100_and_batches_of_20() -> None:
    assert least_requests(Corpus("any", 3, 41)) == {"POST conversations": 3, "POST conversations/items": 9}
    assert least_pages(Corpus("any", 101, 201)) == {"GET threads": 2, "GET threads/messages": 303}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_slow_way_gets_fewer_threads_of_the_same_size(way: Way) -> None:
    for corpus in CORPORA.values():
        some = fitting(way, corpus, 0.2, 5.0)
        assert some.threads <= corpus.threads
        assert some.size == corpus.size or (corpus.threads == 1 and (some.size or 0) <= (corpus.size or 0))


@pytest.mark.parametrize("way", [APPLY, TWO, LIVE, FLOOR, GUIDE, ASYNC], ids=lambda way: way.name)
def test_each_way_moves_every_thread(way: Way, tmp_path: Path) -> None:
    with hosted(tmp_path) as host:
        move = Mover(host, tmp_path, Shelf(tmp_path), 5.0).move(way, FEW, 0.0)
    assert (move.threads, move.messages) == (4, 92)
    assert move.requests["POST conversations"] == 4
    assert move.seconds > 0
    if way in (APPLY, TWO, LIVE):
        # Two batches a thread, and the four threads of the pilot read back.
        assert move.requests["POST conversations/items"] == 8
        assert move.requests["GET conversations/items"] == 4
    if way is LIVE:
        assert move.requests["GET threads/messages"] == 4


def measured(way: str, seconds: float, *, cpu: float = 1.0) -> Measured:
    """One measurement of 24,000 messages."""
    result = {"data": {"commits": 100}} if way in ("apply", "live") else {}
    requests = {"POST conversations": 2000, "POST conversations/items": 2000}
    requests |= {"GET threads": 21, "GET threads/messages": 2000} if way == "live" else {}
    return Measured(way, "short", 0.0, 2000, 24_000, 24_000, seconds, cpu, 90_000_000, requests, result)


def test_a_missed_bar_is_said() -> None:
    figures = Figures(moves=[measured("guide", 20.0), measured("apply", 2.0), measured("floor", 1.0, cpu=0.1)])
    held = {bar.figure: bar.held for bar in bars(figures)}
    assert held["`apply` from an export, `short`, 0 ms: messages/s against the guide's way"]
    assert not held["`apply`, 0 ms: CPU a message against the floor"]
    assert held["threads for each durable commit, 0 ms, 64 at a time"]


def test_one_request_too_many_is_a_missed_bar() -> None:
    move = measured("live", 3.0)
    move.requests["POST conversations/items"] += 1
    found = [bar for bar in bars(Figures(moves=[move])) if bar.figure.startswith("requests")]
    assert [bar.held for bar in found] == [False]
    assert [bar.held for bar in bars(Figures(moves=[measured("live", 3.0)])) if bar.figure.startswith("requests")] == [
        True
    ]


def test_ratios_are_taken_round_by_round() -> None:
    moves = [measured("guide", 20.0), measured("apply", 2.0), measured("guide", 30.0), measured("apply", 2.0)]
    ratio = Figures(moves=moves).ratio("apply", "guide", "short", 0.0)
    assert ratio == Spread(middle=12.5, least=10.0, most=15.0)


def test_a_run_that_slows_down_shows_it() -> None:
    steady = [Mark(float(number), 0.001) for number in range(100)]
    first, last = tenths(steady)
    assert first == last == Tenth(100.0, 0.001)
    slower = [*steady[:50], *(Mark(50 + 2.0 * number, 0.001) for number in range(50))]
    first, last = tenths(slower)
    assert math.isclose(last.rate * 2, first.rate)
    kept = last.steady_rate / first.steady_rate
    large = Large(10_000, 50_000, {"apply": (10, 20)}, first.rate, last.rate, kept, 50_000 * 150, 0.1)
    found = bars(Figures(large=large))
    assert [bar.held for bar in found] == [False, False, True, True]
    assert "50,000 messages" in found[-1].figure


def test_the_steady_part_of_a_run_has_neither_its_start_nor_its_end() -> None:
    marks = [Mark(10.0 * number, 0.001) for number in range(5)]
    marks += [Mark(40 + 0.5 * number, 0.001) for number in range(1, 11)]
    assert middle_rate([*marks, Mark(100.0, 0.001)]) == 200
    assert middle_rate(marks[:2]) == 10


def test_small_runs_and_the_steady_pace_are_held_against_the_floor() -> None:
    figures = Figures(small={"50": [1.9], "200": [1.8, 2.2, 2.1]}, steady={"50": [0.7], "200": [0.9]})
    assert [bar.held for bar in bars(figures)] == [None, False, False, True]


def test_a_machine_that_slows_down_is_told_from_a_run_that_does() -> None:
    marks = [Mark(float(number), 0.001) for number in range(50)]
    marks += [Mark(50 + 2.0 * number, 0.002) for number in range(50)]
    first, last = tenths(marks)
    assert math.isclose(last.rate * 2, first.rate)
    assert math.isclose(last.steady_rate, first.steady_rate)


def test_tables_and_chart_show_every_way() -> None:
    figures = Figures(moves=[measured(way.name, 2.0) for way in WAYS])
    found = json.loads(json.dumps(figures.as_dict() | {"bars": []}))
    assert all(way.title in page.moves_tables(found) for way in WAYS)
    drawn = page.chart(found).decode()
    assert all(way.title in drawn for way in WAYS)
    assert "<script" not in drawn
