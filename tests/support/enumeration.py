"""Every placement of up to two faults in the load of a thread, and the audit of what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations

from migrate_cli.model import Draft, ThreadState

from support.world import Fault, World, draft_of, migrate

CONTENTS: dict[str, Callable[[int], list[str]]] = {
    "distinct": lambda count: [f"message {number}" for number in range(count)],
    "equal": lambda count: ["ok"] * count,
    "periodic": lambda count: [f"turn {number % 20}" for number in range(count)],
}


def audit(world: World, draft: Draft, state: str) -> None:
    """Check what the target holds once everything late has landed, not what the journal believes."""
    world.time += 100 * world.settle
    world.land()
    ours = world.durable_progress[draft.thread_id].conversation_id
    for conversation_id, stored in world.conversations.items():
        if conversation_id != ours:
            assert stored == [], "data stands in a conversation that nobody knows"
    if state == ThreadState.LOADED:
        assert ours is not None
        texts = [item["content"][0]["text"] for _, item in world.conversations[ours]]
        assert texts == [item_text(item.body) for item in draft.items]
        ids = [item_id for item_id, _ in world.conversations[ours]]
        rows = world.durable_items.get(draft.thread_id, {})
        assert [rows[place][0] for place in range(len(draft.items))] == ids


def item_text(body: bytes) -> str:
    """Return the text of an encoded user message."""
    return str(json.loads(body)["content"][0]["text"])


def plans(count: int, texts: list[str], faults: int) -> int:
    """Run every plan with up to `faults` faults; return how many there were."""
    draft = draft_of(texts)
    calm = World()
    migrate(calm, draft)
    # A fault adds operations (looks, repeats), so positions beyond the calm run's length count too.
    last = calm.operation + 6
    ran = 0
    for places in combinations(range(1, last + 1), faults):
        for kinds in _kinds(faults):
            for survives in (False, True):
                world = World(plan=dict(zip(places, kinds, strict=True)))
                progress = migrate(world, draft, buffer_survives=survives)
                assert progress.state == ThreadState.LOADED
                audit(world, draft, progress.state)
                ran += 1
    assert ran
    return ran


def _kinds(faults: int) -> list[tuple[Fault, ...]]:
    kinds: list[tuple[Fault, ...]] = [()]
    for _ in range(faults):
        kinds = [(*known, fault) for known in kinds for fault in Fault]
    return kinds


SINGLE = (0, 1, 2, 6, 19, 20, 21, 40, 45)
"""Items of the threads that meet each single fault."""
PAIRS = (1, 6, 21, 45)
"""Items of the threads that meet each pair."""


def count_all() -> int:
    """Run every plan, each checked; return how many there were."""
    total = 0
    for make in CONTENTS.values():
        total += sum(plans(count, make(count), 1) for count in SINGLE)
        total += sum(plans(count, make(count), 2) for count in PAIRS)
    return total
