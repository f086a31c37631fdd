"""Threads of every length arrive whole, in order, and in as few requests as there can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import ThreadState

from support.world import World, draft_of, migrate


@given(st.integers(0, 450), st.booleans())
def test_a_thread_of_any_length_arrives_whole_in_order_and_without_a_request_too_many(count: int, alike: bool) -> None:
    texts = ["ok" if alike else f"message {number}" for number in range(count)]
    world = World()
    progress = migrate(world, draft_of(texts))
    assert progress.state == ThreadState.LOADED
    [stored] = world.conversations.values()
    assert [item["content"][0]["text"] for _, item in stored] == texts
    assert world.requests == 1 + -(-count // 20)
    assert progress.position == count
