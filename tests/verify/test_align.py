"""Aligning two sequences: what belongs together is found, however long they are."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.verify.align import common_blocks, few_edits

letters = st.lists(st.sampled_from("abc"), max_size=30)


def shared(first: Sequence[object], second: Sequence[object]) -> int:
    return sum(length for _, _, length in common_blocks(first, second))


@given(letters, letters)
def test_blocks_are_equal_rising_and_disjoint(first: list[str], second: list[str]) -> None:
    at, there = 0, 0
    for low, left, length in common_blocks(first, second):
        assert length > 0
        assert low >= at and left >= there
        assert first[low : low + length] == second[left : left + length]
        at, there = low + length, left + length


@given(letters, letters)
def test_few_edits_finds_the_longest_common_subsequence(first: list[str], second: list[str]) -> None:
    blocks = few_edits(first, second, most=60)
    assert blocks is not None
    assert sum(length for _, _, length in blocks) == longest_common(first, second)


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for one in first:
        above = row[:]
        for place, other in enumerate(second):
            row[place + 1] = above[place] + 1 if one == other else max(above[place + 1], row[place])
    return row[-1]


def test_one_missing_entry_in_a_long_sequence_costs_only_itself() -> None:
    whole = [f"item {number % 7} of {number}" for number in range(20_000)]
    assert shared(whole, whole[:9_000] + whole[9_001:]) == len(whole) - 1


def test_one_missing_entry_among_repeated_ones_costs_only_itself() -> None:
    whole = ["question", "answer"] * 10_000
    changed = [*whole[1:5_000], "other", *whole[5_001:]]
    assert shared(whole, changed) == len(whole) - 2


@settings(max_examples=20)
@given(st.integers(0, 1_000))
def test_many_edits_are_guided_by_what_occurs_once(seed: int) -> None:
    random = Random(seed)
    whole = list(range(2_000))
    gone = set(random.sample(whole, 300))
    kept = [number for number in whole if number not in gone]
    mixed = [entry for number in kept for entry in ([number, f"new {number}"] if random.random() < 0.2 else [number])]
    assert shared(whole, mixed) == len(kept)
