"""What the target holds against what was sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.load.reconcile import Adopt, Unexplained, echo, fewest_runs, prefix, whole
from migrate_cli.model import Item

from support.world import item_of


def stored(items: list[Item], first: int = 0) -> list[dict[str, Any]]:
    """Return items as a server lists them."""
    return [{**json.loads(item.body), "id": f"msg_{first + n}", "status": "completed"} for n, item in enumerate(items)]


def items_of(*texts: str) -> list[Item]:
    return [item_of(text) for text in texts]


def test_an_echo_of_all_items_in_order_is_adopted() -> None:
    sent = items_of("a", "b")
    assert echo(sent, {"data": stored(sent)}) == Adopt(["msg_0", "msg_1"])


def test_an_echo_in_another_order_is_not_trusted() -> None:
    sent = items_of("a", "b")
    assert isinstance(echo(sent, {"data": stored(sent)[::-1]}), Unexplained)


def test_an_echo_that_is_too_short_or_has_no_ids_is_not_trusted() -> None:
    sent = items_of("a", "b")
    assert isinstance(echo(sent, {"data": stored(sent)[:1]}), Unexplained)
    assert isinstance(echo(sent, {"data": [{**got, "id": ""} for got in stored(sent)]}), Unexplained)
    assert isinstance(echo(sent, {"id": "conv_1"}), Unexplained)


def test_an_image_whose_url_the_server_leaves_out_counts_as_the_one_that_was_sent() -> None:
    body = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}],
    }
    from migrate_cli.convert.canonical import digest_of, encode

    item = Item(encode(body), digest_of(body), "message")
    got = {**body, "id": "msg_0", "content": [{"type": "input_image", "image_url": None, "file_id": None}]}
    assert echo([item], {"data": [got]}) == Adopt(["msg_0"])
    other = {**body, "id": "msg_0", "content": [{"type": "input_image", "image_url": "https://example.com/b.png"}]}
    assert isinstance(echo([item], {"data": [other]}), Unexplained)


texts = st.lists(st.sampled_from("ab"), max_size=12)


@given(texts, st.data())
def test_any_prefix_that_arrived_is_adopted_whole(all_texts: list[str], data: st.DataObject) -> None:
    items = items_of(*all_texts)
    position = data.draw(st.integers(0, len(items)))
    arrived = data.draw(st.integers(0, len(items) - position))
    found = stored(items[position : position + arrived], first=position)
    assert prefix(items, position, found, unclear=0) == Adopt([got["id"] for got in found])


@given(texts, st.data())
def test_something_that_was_never_sent_is_a_conflict(all_texts: list[str], data: st.DataObject) -> None:
    items = items_of(*all_texts)
    found = stored(items)
    found.insert(data.draw(st.integers(0, len(found))), stored(items_of("foreign"), first=99)[0])
    assert isinstance(prefix(items, 0, found, unclear=5), Unexplained)
    assert isinstance(whole(items, [f"msg_{n}" for n in range(len(items))], found, unclear=5), Unexplained)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.data())
def test_a_late_copy_of_a_batch_is_surplus_only_when_a_send_was_unclear(
    all_texts: list[str], data: st.DataObject
) -> None:
    items = items_of(*all_texts)
    start = data.draw(st.integers(0, len(items) - 1))
    stop = data.draw(st.integers(start + 1, len(items)))
    copy = stored(items[start:stop], first=100)
    ids = [f"msg_{n}" for n in range(len(items))]
    at = data.draw(st.integers(0, len(items)))
    found = [*stored(items)[:at], *copy, *stored(items)[at:]]
    assert whole(items, ids, found, unclear=1) == Adopt(ids, [got["id"] for got in copy])
    assert isinstance(whole(items, ids, found, unclear=0), Unexplained)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.data())
def test_a_missing_doubled_or_swapped_item_is_never_adopted(all_texts: list[str], data: st.DataObject) -> None:
    items = items_of(*all_texts)
    ids = [f"msg_{n}" for n in range(len(items))]
    found = stored(items)
    place = data.draw(st.integers(0, len(found) - 1))
    missing = found[:place] + found[place + 1 :]
    assert isinstance(whole(items, ids, missing, unclear=3), Unexplained)
    if len(found) > 1:
        swapped = found[1:] + found[:1]
        assert isinstance(whole(items, ids, swapped, unclear=0), Unexplained)


def test_runs_are_counted_as_few_as_possible() -> None:
    ours = [item.digest for item in items_of("a", "b", "c", "a", "b", "d")]
    a, b, c, d = ours[0], ours[1], ours[2], ours[5]
    assert fewest_runs(ours, []) == 0
    assert fewest_runs(ours, [a, b, d]) == 1
    assert fewest_runs(ours, [a, b, c, a, b, d]) == 1
    assert fewest_runs(ours, [c, b]) == 2
    assert fewest_runs(ours, [item_of("x").digest]) is None
