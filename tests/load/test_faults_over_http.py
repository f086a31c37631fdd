"""Every kind of fault, at every call of the protocol, over HTTP: the threads end loaded and exactly right."""

from __future__ import annotations

import pytest
from migrate_cli.errors import AuthError, TemporaryError
from migrate_cli.model import OnRefused
from migrate_cli.sandbox.fault_plan import FaultKind

from support.world import draft_of

from .conftest import Bench, texts_of  # noqa: TID252 - the folder's own fixtures

BEFORE = ["500", "502", "503", "529", "408", "reset-before", "html", "hang"]
AFTER = ["500-after", "502-after", "503-after", "529-after", "408-after", "reset-after", "cut", "break", "html-after"]
LATER = ["hang-after", "late:seconds=0.1", "late:seconds=0.02:answer=hang", "partial:items=7", "partial:status=200"]
STALLS = ["post-unanswered", "headers-only", "trickle:1"]
CLEAR = ["429:retry_after=0.05", "locked", "down:seconds=0.3"]
EVERY = [*BEFORE, *AFTER, *LATER, *STALLS, *CLEAR]
OF_WRITES = {"partial", "late", "post-unanswered"}
CONTENT = [f"turn {number % 20}" for number in range(45)]


def rule(endpoint: str, kind: str, more: str) -> str:
    """Write a rule: kind and parameters, then what is added."""
    return f"{endpoint}:{kind}:{more}"


def test_this_file_knows_every_kind_of_fault() -> None:
    named = {kind.partition(":")[0] for kind in EVERY}
    elsewhere = {
        "latency", "lognormal", "429-bare", "quota", "rpm", "413", "poison", "scramble", "ignore-items",
        "ignore-after", "always-more", "never-more", "mix-seconds", "no-include", "errors", "ghosts", "skips", "401",
        "index-failed", "index-stuck", "index-slow",
    }  # fmt: skip
    assert named | elsewhere == {kind for kind in FaultKind if not kind.startswith("stream-")}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("endpoint", ["create", "append"])
def test_a_fault_at_a_write_neither_loses_nor_doubles_anything(bench: Bench, endpoint: str, kind: str) -> None:
    draft = draft_of(CONTENT)
    bench.faults(rule(endpoint, kind, "nth=1" if endpoint == "create" else "nth=2"))
    seen = bench.load(draft)
    assert seen.states() == {draft.thread_id: "loaded"}
    assert sum(bench.stats()["faults"].values()) == 1
    bench.audit(draft)
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind.partition(":")[0] not in OF_WRITES])
def test_a_fault_at_a_read_is_retried(bench: Bench, kind: str) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:reset-after:nth=2", rule("list", kind, "nth=1"))
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    assert bench.stats()["requests"]["list"] >= 2
    bench.audit(draft)


@pytest.mark.parametrize("kind", [*BEFORE, *AFTER, "hang-after", *STALLS, *CLEAR])
def test_a_fault_at_a_delete_of_a_late_copy_is_repeated_until_it_is_gone(bench: Bench, kind: str) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:late:nth=2:seconds=0.1", rule("delete-item", kind, "nth=1"))
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_all_faults_together_ends_right(bench: Bench, seed: int) -> None:
    kinds = [*BEFORE[:6], *AFTER, "partial:items=3", "locked", "429:retry_after=0.01", "late:seconds=0.04"]
    bench.faults(*[rule("*", kind, "probability=0.012") for kind in kinds], seed=seed)
    drafts = [
        draft_of([f"{number} {place % 7}" for place in range(1 + 11 * number)], f"thread_{number}")
        for number in range(9)
    ]
    states = {}
    for _ in range(6):
        try:
            states = bench.load(*drafts).states()
        except TemporaryError:
            continue
        if set(states.values()) == {"loaded"}:
            break
    assert set(states.values()) == {"loaded"}
    bench.audit(*drafts)


@pytest.mark.parametrize("lie", ["always-more", "never-more", "ignore-after"])
def test_lists_that_lie_do_not_mislead(bench: Bench, lie: str) -> None:
    draft = draft_of([f"message {number}" for number in range(130)])
    bench.faults("append:reset-after:nth=2", f"list:{lie}:count=2")
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_a_server_that_always_ignores_the_anchor_is_understood_while_a_page_holds_the_thread(bench: Bench) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:reset-after:nth=2", "list:ignore-after")
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


@pytest.mark.parametrize("text", ["ok", "{}"])
def test_where_a_long_thread_cannot_be_seen_to_its_end_nothing_is_taken_for_a_copy_and_deleted(
    bench: Bench, text: str
) -> None:
    draft = draft_of([text.format(number) for number in range(160)])
    bench.faults("append:reset-after:nth=7", "list:ignore-after")
    [(_, state, code, detail)] = bench.load(draft).ended.values()
    assert (state, code) == ("in_doubt", "unexplained-items")
    assert detail is not None and "does not list what comes after" in detail
    assert bench.texts()[draft.thread_id] == texts_of(draft)[:140], "all that was sent stands there still"


def test_items_that_are_stored_in_another_order_leave_the_thread_in_doubt_with_a_way_out(bench: Bench) -> None:
    draft = draft_of([f"message {number}" for number in range(30)])
    bench.faults("append:scramble")
    [(_, state, code, detail)] = bench.load(draft).ended.values()
    assert (state, code) == ("in_doubt", "unexplained-items")
    assert detail is not None and "different order" in detail and "batch_items" in detail


def test_a_target_that_orders_wrongly_is_right_one_by_one(bench: Bench) -> None:
    draft = draft_of([f"message {number}" for number in range(30)])
    bench.faults("append:scramble")
    assert bench.load(draft, batch_items=1).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_items_dropped_in_a_create_do_not_matter_because_none_are_sent_there(bench: Bench) -> None:
    draft = draft_of(CONTENT)
    bench.faults("create:ignore-items")
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    assert bench.traffic["ambiguous"] == 0
    bench.audit(draft)


def test_requests_that_are_too_large_are_cut_and_stay_cut(bench: Bench) -> None:
    draft = draft_of([f"message {number}" for number in range(60)])
    bench.faults("append:413:nth=1,2")
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)
    assert bench.stats()["requests"]["append"] > 6


@pytest.mark.parametrize("place", [0, 7, 19, 20, 44])
def test_a_refused_item_is_found_by_halving_and_named(bench: Bench, place: int) -> None:
    texts = [f"message {number}." for number in range(45)]
    texts[place] = "holds POISON here"
    draft, other = draft_of(texts), draft_of(["fine"], "thread_2")
    bench.faults("append:poison:text=POISON")
    seen = bench.load(draft, other)
    assert seen.states() == {"thread_1": "failed", "thread_2": "loaded"}
    _, _, code, detail = seen.ended["thread_1"]
    assert code == "invalid_item"
    assert detail is not None and f"item {place} (from message msg_source_{place})" in detail
    assert "it holds the marked text" in detail
    assert bench.texts()["thread_1"] == texts[:place]
    assert bench.stats()["faults"]["append:poison"] <= 6


def test_a_failed_thread_is_tried_again_only_when_asked(bench: Bench) -> None:
    draft = draft_of(["a", "POISON", "c"])
    bench.faults("append:poison:text=POISON")
    bench.load(draft)
    bench.faults()
    assert bench.load(draft).states() == {draft.thread_id: "failed"}
    assert bench.load(draft, retry_failed=True).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


@pytest.mark.parametrize("places", [[0], [7, 8], [0, 20, 44], list(range(18, 23))])
def test_a_note_stands_in_the_place_of_a_refused_item(bench: Bench, places: list[int]) -> None:
    texts = [f"POISON {number}" if number in places else f"message {number}" for number in range(45)]
    draft = draft_of(texts)
    bench.faults("append:poison:text=POISON")
    seen = bench.load(draft, on_refused=OnRefused.NOTE)
    assert seen.states() == {draft.thread_id: "loaded"}
    found = bench.texts()[draft.thread_id]
    assert [place for place, (got, sent) in enumerate(zip(found, texts, strict=True)) if got != sent] == places
    assert all(f"msg_source_{place}" in found[place] and "POISON" not in found[place] for place in places)
    bench.faults()
    before = bench.stats()["requests"]["append"]
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    assert bench.stats()["requests"]["append"] == before


@pytest.mark.parametrize("fault", ["reset-after", "reset-before", "late:seconds=0.04"])
def test_a_note_whose_answer_was_lost_is_recognised(bench: Bench, fault: str) -> None:
    draft = draft_of(["a", "POISON", "c"])
    # The requests are: the whole, `a`, then `POISON, c`, `POISON`, and at last the note with `c`.
    bench.faults("append:poison:text=POISON", rule("append", fault, "nth=5"))
    assert bench.load(draft, on_refused=OnRefused.NOTE).states() == {draft.thread_id: "loaded"}
    bench.land()
    found = bench.texts()[draft.thread_id]
    assert [found[0], found[2], len(found)] == ["a", "c", 3]


def test_a_spent_quota_ends_the_run_at_once(bench: Bench) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:quota:nth=2")
    with pytest.raises(TemporaryError, match="quota"):
        bench.load(draft)
    assert bench.stats()["faults"] == {"append:quota": 1}
    bench.faults()
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_a_429_that_does_not_say_when_to_come_back_is_waited_out(bench: Bench) -> None:
    draft = draft_of(["a"])
    bench.faults("append:429-bare:count=1")
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_a_key_that_is_refused_ends_the_run_and_nothing_is_quarantined(bench: Bench) -> None:
    from migrate_cli.sandbox.options import SandboxOptions
    from migrate_cli.sandbox.server import EmbeddedSandbox

    with EmbeddedSandbox(None, SandboxOptions(api_key="another")) as strict:
        bench.server, own = strict, bench.server
        with pytest.raises(AuthError, match="refused the key"):
            bench.load(draft_of(["a"]))
        bench.server = own
    draft = draft_of(["a"])
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_an_enforced_limit_is_met_without_losing_anything(bench: Bench) -> None:
    drafts = [draft_of([f"{number}"] * 30, f"thread_{number}") for number in range(20)]
    bench.faults("*:rpm:limit=6000:burst=5")
    assert set(bench.load(*drafts).states().values()) == {"loaded"}
    bench.audit(*drafts)


def test_a_hopeless_target_ends_the_run_in_good_time(bench: Bench) -> None:
    bench.faults("append:500")
    with pytest.raises(TemporaryError, match="could not be used"):
        bench.load(draft_of(["a"]), settle=0.01)
    bench.faults()
    draft = draft_of(["a"])
    assert bench.load(draft).states() == {draft.thread_id: "loaded"}
    bench.audit(draft)


def test_a_conversation_that_is_never_answered_is_left_for_the_next_run_and_the_others_are_loaded(
    bench: Bench,
) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:quota:nth=2")
    with pytest.raises(TemporaryError):
        bench.load(draft)
    from migrate_cli.sandbox.audit import read_conversations

    [(conversation, _, _)] = read_conversations(bench.server.data)
    bench.faults(f"*:hang:path={conversation}")
    others = [draft_of(CONTENT, f"thread_{number}") for number in range(2, 6)]
    seen = bench.load(draft, *others)
    assert seen.states() == {draft.thread_id: "loading"} | {one.thread_id: "loaded" for one in others}
    assert seen.ended[draft.thread_id][2] == "unanswered"
    bench.faults()
    assert bench.load(draft, *others).states()[draft.thread_id] == "loaded"
    bench.audit(draft, *others)


def test_a_conversation_that_disappeared_leaves_its_thread_in_doubt(bench: Bench) -> None:
    draft = draft_of(CONTENT)
    bench.faults("append:quota:nth=2")
    with pytest.raises(TemporaryError):
        bench.load(draft)
    bench.faults()
    from migrate_cli.sandbox.audit import read_conversations

    [(conversation, _, _)] = read_conversations(bench.server.data)
    url = f"{bench.server.base_url}/conversations/{conversation}"
    bench.control.delete(url, headers={"Authorization": "Bearer x"})
    [(_, state, code, _)] = bench.load(draft).ended.values()
    assert (state, code) == ("in_doubt", "conversation-gone")
    assert texts_of(draft) != bench.texts().get(draft.thread_id)
