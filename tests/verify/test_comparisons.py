"""What there is to compare, whatever the order in which the source gives its threads."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.canonical import ALGORITHM
from migrate_cli.model import READER, Draft, Item, Ledger, ThreadState
from migrate_cli.state.writer import storable
from migrate_cli.verify.comparisons import AHEAD, ComparisonTasks, NotLoaded
from migrate_cli.verify.conversation import ComparisonTask

NAMES = [f"thread_{number}" for number in range(300)]


class Memory:
    """A state file with threads in this order; counts how often it is asked, and for how much."""

    def __init__(self, names: list[str]) -> None:
        self._rows = [
            {
                "id": storable(name),
                "state": ThreadState.LOADED.value,
                "conversation_id": f"conv_{name}",
                "digest": f"{ALGORITHM}:",
                "messages": 1,
                "updated_at": 0,
                "run": None,
            }
            for name in names
        ]
        self._places = {name: place for place, name in enumerate(names)}
        self.asked = self.rows = 0

    def thread_rows(self, thread_id: str, most: int) -> list[dict[str, Any]]:
        place = self._places.get(thread_id)
        found = [] if place is None else self._rows[place : place + most]
        self.asked += 1
        self.rows += len(found)
        return found

    def reader_of(self, run: int | None) -> int | None:
        assert run is None
        return READER

    def recorded_items(self, thread_id: str) -> list[Item]:
        raise AssertionError(f"the source has {thread_id}")

    def recorded_digests(self, thread_id: str) -> list[bytes]:
        raise AssertionError(f"nobody asked what became of {thread_id}")

    def item_ids(self, thread_id: str) -> list[str]:
        raise AssertionError(f"nobody asked what became of {thread_id}")


def conversations(memory: Memory, names: list[str]) -> list[str | None]:
    """The conversation that each thread of the source is compared with; None where it has none."""
    found: list[str | None] = []
    for entry in ComparisonTasks(memory).from_source(Draft(name, {}, (), Ledger(), 1) for name in names):
        assert isinstance(entry, ComparisonTask | NotLoaded)
        found.append(entry.conversation_id if isinstance(entry, ComparisonTask) else None)
    return found


@given(st.permutations(NAMES[:40]), st.permutations(NAMES[:40]), st.integers(0, 40))
def test_each_thread_is_compared_with_its_own_conversation(given_: list[str], noted: list[str], known: int) -> None:
    loaded = noted[:known]
    assert conversations(Memory(loaded), given_) == [f"conv_{name}" if name in loaded else None for name in given_]


def test_an_id_that_no_database_takes_is_found_too() -> None:
    names = ["thread_1", "thread_\ud800", "thread_2"]
    assert conversations(Memory(names), names) == [f"conv_{name}" for name in names]


def test_threads_in_the_order_of_the_state_file_are_looked_up_many_at_once() -> None:
    memory = Memory(NAMES)
    conversations(memory, NAMES)
    assert memory.rows == len(NAMES)
    assert memory.asked < len(NAMES) // AHEAD + 8


def test_threads_in_another_order_are_not_looked_up_in_vain() -> None:
    memory = Memory(NAMES)
    conversations(memory, NAMES[::-1])
    assert memory.rows < 2 * len(NAMES) + AHEAD
