from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.batches import batches
from migrate_cli.model import Item


def item(size: int = 10, *, joined: bool = False) -> Item:
    return Item(b"x" * size, b"", "message", joined=joined)


items = st.lists(st.builds(item, st.integers(1, 60), joined=st.booleans()), max_size=60)


@given(items, st.integers(0, 60), st.integers(1, 20), st.integers(1, 200))
def test_batches_cover_the_items_in_order(listed: list[Item], start: int, max_items: int, max_bytes: int) -> None:
    cut = list(batches(listed, start, max_items=max_items, max_bytes=max_bytes))
    assert [place for first, end in cut for place in range(first, end)] == list(range(start, len(listed)))
    assert all(0 < end - first <= max_items for first, end in cut)


@given(items, st.integers(2, 20), st.integers(1, 200))
def test_a_batch_over_the_cap_is_one_item_with_those_joined_to_it(
    listed: list[Item], max_items: int, max_bytes: int
) -> None:
    for first, end in batches(listed, max_items=max_items, max_bytes=max_bytes):
        if sum(len(one.body) + 1 for one in listed[first:end]) > max_bytes:
            assert all(one.joined for one in listed[first + 1 : end])


@given(st.lists(st.booleans(), max_size=60), st.integers(2, 20), st.integers(1, 200))
def test_pairs_are_never_split(pairs: list[bool], max_items: int, max_bytes: int) -> None:
    listed = [item(joined=second) for pair in pairs for second in ((False, True) if pair else (False,))]
    for first, _ in batches(listed, max_items=max_items, max_bytes=max_bytes):
        assert not listed[first].joined


def test_41_messages_make_batches_of_20_20_and_1() -> None:
    assert list(batches([item() for _ in range(41)])) == [(0, 20), (20, 40), (40, 41)]


def test_a_pair_that_does_not_fit_moves_to_the_next_batch_whole() -> None:
    listed = [*(item() for _ in range(19)), item(), item(joined=True)]
    assert list(batches(listed)) == [(0, 19), (19, 21)]


def test_a_large_item_goes_alone() -> None:
    assert list(batches([item(), item(9_000_000), item()])) == [(0, 1), (1, 2), (2, 3)]


def test_nothing_makes_no_batch() -> None:
    assert list(batches([])) == []
    assert list(batches([item()], 1)) == []
