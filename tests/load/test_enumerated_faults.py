"""Every placement of up to two faults in the load of a thread: nothing lost, nothing doubled, no data astray."""

from __future__ import annotations

import pytest
from migrate_cli.model import ThreadState

from support.enumeration import CONTENTS, PAIRS, SINGLE, plans
from support.world import World, draft_of, migrate


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("count", SINGLE)
def test_no_single_fault_loses_or_doubles_anything(content: str, count: int) -> None:
    plans(count, CONTENTS[content](count), 1)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("count", PAIRS)
def test_no_pair_of_faults_loses_or_doubles_anything(content: str, count: int) -> None:
    plans(count, CONTENTS[content](count), 2)


def test_a_calm_load_sends_one_create_and_one_request_for_every_twenty_items() -> None:
    world = World()
    assert migrate(world, draft_of(CONTENTS["distinct"](45))).state == ThreadState.LOADED
    assert world.requests == world.posts == 1 + 3
