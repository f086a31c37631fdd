"""Scratch conversations: on record before data is sent, deleted whatever happens, and counted so that it adds up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, Page, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.listing import SCRATCH_MARK
from migrate_cli.target.scratch import InMemory, ScratchConversations, ScratchRefused, Unclear

NAME = "https://target.example/v1"
LOST, BUSY, REFUSED = Ambiguous("cut"), NotApplied(NotAppliedKind.THROTTLED, "rate_limited"), Refused(400, "no", "no")
ITEM: JsonObject = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}


class Host(ConversationsTarget):
    """Holds conversations. What `odd` says of a request is its answer; one whose answer is lost has its effect."""

    def __init__(self, odd: Callable[[str], Reply | None] = lambda _: None, *, lists: bool = False) -> None:
        self.odd, self.there = odd, dict[str, list[str]]()
        self.metadata: dict[str, dict[str, str]] = {}
        self.made, self.lists = 0, lists

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        odd = self.odd("create")
        if odd is None or isinstance(odd, Ambiguous):
            self.made += 1
            self.there[f"conv_{self.made}"] = []
            self.metadata[f"conv_{self.made}"] = metadata
        return odd or Applied({"id": f"conv_{self.made}"})

    async def list_conversations(self, *, after: str | None) -> Page | Refused:
        if not self.lists:
            return Refused(404, "not-found", "there is no such path")
        return Page([{"id": one, "metadata": self.metadata[one]} for one in self.there if after is None], False)

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        odd = self.odd("append")
        if odd is None or isinstance(odd, Ambiguous):
            held = self.there[conversation_id]
            held += [f"item_{len(held) + number}" for number in range(len(bodies))]
        return odd or Applied({"data": [json.loads(body) | {"id": "x"} for body in bodies]})

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        if conversation_id not in self.there:
            return Refused(404, "not-found", "gone")
        return Page([{"id": one} for one in self.there[conversation_id]] if after is None else [], False)

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        odd = self.odd("delete")
        if odd is None or isinstance(odd, Ambiguous):
            self.there[conversation_id].remove(item_id)
        return odd or Applied({})

    async def delete_conversation(self, conversation_id: str) -> Reply:
        odd = self.odd("delete")
        if odd is None or isinstance(odd, Ambiguous):
            self.there.pop(conversation_id, None)
        return odd or Applied({})


async def _at_once(_: float) -> None:
    return


def scratches_on(host: Host, record: InMemory | None = None) -> ScratchConversations:
    return ScratchConversations(host, record or InMemory(), NAME, _at_once)


@given(st.lists(st.sampled_from([None, None, None, LOST, BUSY, REFUSED]), max_size=60))
def test_the_counts_add_up_whatever_the_target_answers(answers: list[Reply | None]) -> None:
    left = list(answers)
    host = Host(lambda _: left.pop(0) if left else None)
    scratches = scratches_on(host)

    async def use() -> None:
        for _ in range(4):
            try:
                identifier, _last = await scratches.make([ITEM])
            except (ScratchRefused, Unclear, TemporaryError):
                continue
            await scratches.delete(identifier)

    asyncio.run(use())
    assert scratches.found + scratches.made == scratches.deleted + scratches.swept + len(scratches.left)
    standing = {identifier for identifier, items in host.there.items() if items}
    assert standing <= set(scratches.left), "data is left that is on no record"
    unknown = set(host.there) - set(scratches.left)
    assert len(unknown) <= scratches.unclear, "an empty one may be left, and is counted"


def test_what_a_killed_process_left_is_counted_and_deleted_by_the_next(tmp_path: Path) -> None:
    host = Host()

    async def killed() -> None:
        store = StateStore.open(tmp_path / "migration.db")
        scratches = ScratchConversations(host, store.replays, NAME, _at_once)
        await scratches.make([ITEM])
        host.odd = lambda what: LOST if what == "create" else None
        store.replays.scratch_begins("token", NAME)
        await store.durable()
        store.close()

    async def next_one(found: int) -> ScratchConversations:
        host.odd = lambda _: None
        store = StateStore.open(tmp_path / "migration.db")
        scratches = ScratchConversations(host, store.replays, NAME, _at_once)
        await scratches.sweep(4, 1.0)
        scratches.told()
        await store.durable()
        store.close()
        assert (scratches.found, scratches.swept, scratches.left) == (found, found, [])
        return scratches

    asyncio.run(killed())
    assert asyncio.run(next_one(1)).unclear == 1
    assert host.there == {}
    assert asyncio.run(next_one(0)).unclear == 0, "what was told once is not told again"


class Killed(BaseException):
    """The end of a process, at any moment."""


class DyingHost(Host):
    """The process that asks it for a conversation dies before it has the answer, or before it has asked."""

    in_vain = False

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        if not self.in_vain:
            await super().create_conversation(metadata)
        raise Killed


def swept_after_kills(folder: Path, *, lists: bool) -> tuple[Host, ScratchConversations]:
    """What the next process finds after two that were killed: one while it asked, one just before."""
    host = DyingHost(lists=lists)
    host.there["conv_of_another"], host.metadata["conv_of_another"] = [], {SCRATCH_MARK: "of another machine"}

    async def killed() -> None:
        store = StateStore.open(folder / "migration.db")
        try:
            await ScratchConversations(host, store.replays, NAME, _at_once).make([ITEM])
        finally:
            store.close()

    async def next_one() -> ScratchConversations:
        store = StateStore.open(folder / "migration.db")
        store.runs.start_run("replay", {})
        scratches = ScratchConversations(host, store.replays, NAME, _at_once)
        await scratches.sweep(4, 1.0)
        scratches.told()
        await store.durable()
        assert store.replays.scratches_begun(NAME) == []
        store.close()
        return scratches

    for in_vain in (False, True):
        host.in_vain = in_vain
        with pytest.raises(Killed):
            asyncio.run(killed())
    return host, asyncio.run(next_one())


def test_what_a_kill_cut_off_is_found_by_its_token_where_the_target_lists_conversations(tmp_path: Path) -> None:
    host, scratches = swept_after_kills(tmp_path, lists=True)
    assert list(host.there) == ["conv_of_another"]
    assert (scratches.found, scratches.swept, scratches.left, scratches.unclear) == (1, 1, [], 0)


def test_where_the_target_has_no_list_what_a_kill_cut_off_is_counted_and_told_why(tmp_path: Path) -> None:
    host, scratches = swept_after_kills(tmp_path, lists=False)
    assert list(host.there) == ["conv_of_another", "conv_1"]
    assert host.there["conv_1"] == []
    assert (scratches.found, scratches.swept, scratches.unclear) == (0, 0, 2)
    assert "the target has no list of conversations" in scratches.unlisted


def test_one_to_which_something_may_still_be_added_stays_on_record() -> None:
    host, record = Host(), InMemory()
    scratches = scratches_on(host, record)

    async def use() -> str:
        identifier, _ = await scratches.make([ITEM])
        assert await scratches.delete(identifier, keep_record=True)
        return identifier

    identifier = asyncio.run(use())
    assert host.there == {}
    assert record.scratches(NAME) == scratches.left == [identifier]


@pytest.mark.parametrize(("answer", "error"), [(REFUSED, ScratchRefused), (BUSY, Unclear)])
def test_items_that_are_not_deleted_are_told(answer: Reply, error: type[Exception]) -> None:
    host = Host(lambda what: answer if what == "delete" else None)
    with pytest.raises(error):
        asyncio.run(scratches_on(host).delete_items("conv_1", ["item_0"]))
