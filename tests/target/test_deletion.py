"""Deleting conversations: what is gone, in which order, and what is done about answers that settle nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, Page, Refused, Reply
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED, ConversationDeletion, Wait
from migrate_cli.target.scratch import ATTEMPTS, InMemory, ScratchConversations


class Held(ConversationsTarget):
    """Holds one conversation; each answer in `answers` is given before a delete is done."""

    def __init__(self, items: int, *answers: Reply, goes_on: bool = True) -> None:
        self.stored = [f"item_{number}" for number in range(items)]
        self.answers = list(answers)
        self.goes_on = goes_on
        self.asked: list[str] = []
        self.at_once = 0
        self.stands = True

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        if not self.stands:
            return Refused(404, "not_found", "there is no such conversation")
        first = self.stored.index(after) + 1 if after is not None and self.goes_on else 0
        return Page([{"id": one} for one in self.stored[first : first + 100]], False)

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        self.at_once += 1
        await asyncio.sleep(0)
        assert self.at_once == 1, "a second delete was sent while one was under way"
        self.at_once -= 1
        self.asked.append(item_id)
        if self.answers:
            return self.answers.pop(0)
        self.stored.remove(item_id)
        return Applied({})

    async def delete_conversation(self, conversation_id: str) -> Reply:
        self.asked.append(conversation_id)
        self.stands = False
        return Applied({})


def patiently(waited: list[str]) -> Callable[[], Wait]:
    async def wait(reply: NotApplied | Ambiguous) -> None:
        waited.append(reply.reason)

    return lambda: wait


def deletion_of(target: Held, waited: list[str] | None = None) -> ConversationDeletion:
    return ConversationDeletion(target, "conv_1", patiently([] if waited is None else waited))


def test_items_go_from_the_end_one_after_the_other_and_the_conversation_last() -> None:
    target = Held(3)
    deletion = deletion_of(target)
    assert asyncio.run(deletion.run()) == (DELETED, None)
    assert target.asked == ["item_2", "item_1", "item_0", "conv_1"]
    assert (deletion.deleted, deletion.emptied) == (3, True)


@pytest.mark.parametrize("goes_on", [True, False])
def test_nothing_is_left_where_a_target_shows_a_page_at_a_time(*, goes_on: bool) -> None:
    target = Held(250, goes_on=goes_on)
    asyncio.run(deletion_of(target).run())
    assert (target.stored, target.stands) == ([], False)


def test_a_locked_conversation_is_waited_for_and_a_lost_answer_followed_by_another_attempt() -> None:
    target = Held(1, NotApplied(NotAppliedKind.LOCKED, "conversation_locked"), Ambiguous("reset"))
    waited: list[str] = []
    assert asyncio.run(deletion_of(target, waited).run()) == (DELETED, None)
    assert waited == ["conversation_locked", "reset"]
    assert target.asked == ["item_0", "item_0", "item_0", "conv_1"]


def test_an_item_that_is_not_found_any_more_went_by_a_request_whose_answer_was_lost() -> None:
    target = Held(1, Ambiguous("reset"), Refused(404, "not_found", "no such item"))
    assert asyncio.run(deletion_of(target).run()) == (DELETED, None)


def test_a_conversation_that_is_not_there_is_gone_and_nothing_is_sent() -> None:
    target = Held(2)
    target.stands = False
    assert asyncio.run(deletion_of(target).run()) == (GONE, None)
    assert target.asked == []


def test_a_refusal_ends_the_deletion_and_the_rest_stands() -> None:
    target = Held(2, Refused(403, "forbidden", "not yours"))
    deletion = deletion_of(target)
    assert asyncio.run(deletion.run()) == (REFUSED, "item item_1: not yours (403)")
    assert (target.stands, deletion.emptied, deletion.deleted) == (True, False, 0)


def test_what_has_a_reason_to_be_kept_is_kept() -> None:
    target = Held(2)
    assert asyncio.run(deletion_of(target).run(lambda ids: f"{len(ids)} foreign")) == (KEPT, "2 foreign")
    assert target.asked == []


def test_a_scratch_conversation_that_could_not_be_deleted_is_named_and_stays_on_record() -> None:
    async def go() -> tuple[list[str], list[str], float]:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        record = InMemory()
        locked = NotApplied(NotAppliedKind.LOCKED, "locked", 7.0)
        scratches = ScratchConversations(Held(1, *[locked] * ATTEMPTS), record, "there", sleep)
        await scratches.keep_account("conv_1")
        assert await scratches.sweep() == 0
        return scratches.left, record.scratches("there"), sum(slept)

    assert asyncio.run(go()) == (["conv_1"], ["conv_1"], 7.0 * (ATTEMPTS - 1))


def test_what_was_swept_is_off_the_record() -> None:
    async def go() -> tuple[int, list[str]]:
        record = InMemory()
        scratches = ScratchConversations(Held(1), record, "there")
        await scratches.keep_account("conv_1")
        return await scratches.sweep(), record.scratches("there")

    assert asyncio.run(go()) == (1, [])


class Mute(Held):
    """Carries every delete out, and answers none."""

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        await super().delete_item(conversation_id, item_id)
        return Ambiguous("no answer in time", silent=True)

    async def delete_conversation(self, conversation_id: str) -> Reply:
        await super().delete_conversation(conversation_id)
        return Ambiguous("no answer in time", silent=True)


def test_a_target_that_never_answers_deletes_is_looked_at_instead_of_asked_again() -> None:
    target = Mute(3)
    deletion = deletion_of(target)
    assert asyncio.run(deletion.run()) == (DELETED, None)
    assert target.asked == ["item_2", "item_1", "item_0", "conv_1"], "each was asked for once"
    assert (deletion.deleted, deletion.emptied) == (3, True)


def test_a_conversation_whose_delete_was_lost_is_asked_for_again_once_it_was_seen_to_stand() -> None:
    class Once(Held):
        async def delete_conversation(self, conversation_id: str) -> Reply:
            self.asked.append(conversation_id)
            if self.asked.count(conversation_id) < 3:
                return Ambiguous("status 500")
            self.stands = False
            return Applied({})

    target, waited = Once(1), list[str]()
    assert asyncio.run(deletion_of(target, waited).run()) == (DELETED, None)
    assert target.asked == ["item_0", "conv_1", "conv_1", "conv_1"]
    assert waited == ["status 500"] * 2


def test_one_patience_holds_for_all_attempts_at_one_item() -> None:
    made: list[str] = []

    def patience() -> Wait:
        made.append("one")
        return patiently([])()

    target = Held(2, *[Ambiguous("reset")] * 4)
    asyncio.run(ConversationDeletion(target, "conv_1", patience).run())
    assert len(made) == 3, "two items and the conversation"
