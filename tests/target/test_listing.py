"""Walking through a list of conversations that may repeat, lie or never end: each is given once, and it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.outcomes import Page, Refused
from migrate_cli.model import JsonObject
from migrate_cli.target import listing
from migrate_cli.target.listing import ConversationIndex, ConversationWalk, ListedConversation, refusal

NOT_FOUND = Refused(404, "not_found", "there is no such conversation")


class Lists:
    """A target with so many conversations, and habits."""

    def __init__(
        self,
        number: int,
        *,
        has_more: bool | None = None,
        ignores_after: bool = False,
        unknown: Sequence[int] = (),
        metadata: bool = True,
        page: int = 100,
    ) -> None:
        self.ids = [f"conv_{place}" for place in range(number)]
        self.has_more, self.ignores_after, self.page = has_more, ignores_after, page
        self.unknown = {self.ids[place] for place in unknown}
        """Those that are listed and that no request may name."""
        self.metadata = metadata
        self.asked: list[str | None] = []

    def entry(self, identifier: str) -> JsonObject:
        return {"id": identifier, "metadata": {"source_thread_id": f"thread_of_{identifier}"}}

    async def list_conversations(self, *, after: str | None) -> Page | Refused:
        self.asked.append(after)
        if after in self.unknown:
            return NOT_FOUND
        first = 0 if after is None or self.ignores_after else self.ids.index(after) + 1
        entries = [self.entry(one) for one in self.ids[first : first + self.page]]
        if not self.metadata:
            entries = [{"id": one["id"]} for one in entries]
        more = first + self.page < len(self.ids)
        return Page(entries, more if self.has_more is None else self.has_more)

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        return NOT_FOUND if conversation_id in self.unknown else self.entry(conversation_id)


def walked(target: Lists) -> tuple[list[ListedConversation], ConversationWalk]:
    walk = ConversationWalk(target)

    async def read() -> list[ListedConversation]:
        return [one async for page in walk.pages() for one in page]

    return asyncio.run(read()), walk


@given(number=st.integers(0, 350), page=st.integers(1, 100), has_more=st.sampled_from([None, True, False]))
def test_every_conversation_is_given_once_whatever_is_said_of_more(
    number: int, page: int, *, has_more: bool | None
) -> None:
    target = Lists(number, page=page, has_more=has_more)
    found, walk = walked(target)
    assert [one.id for one in found] == target.ids
    assert (walk.incomplete, walk.refused) == (None, None)


@pytest.mark.parametrize("has_more", [True, False])
def test_a_list_that_begins_again_ends_and_says_that_it_is_not_complete(*, has_more: bool) -> None:
    found, walk = walked(Lists(250, ignores_after=True, has_more=has_more))
    assert len(found) == 100
    assert walk.incomplete == "it starts over instead of continuing"


def test_a_short_list_that_begins_again_is_complete() -> None:
    found, walk = walked(Lists(7, ignores_after=True, has_more=True))
    assert (len(found), walk.incomplete) == (7, None)


def test_conversations_that_are_gone_are_no_cursors() -> None:
    target = Lists(250, unknown=[99, 98, 199])
    found, walk = walked(target)
    assert [one.id for one in found] == target.ids
    assert walk.incomplete is None


def test_a_list_that_takes_no_cursor_at_all_is_not_complete() -> None:
    found, walk = walked(Lists(250, unknown=range(250)))
    assert len(found) == 100
    assert walk.incomplete is not None and "404" in walk.incomplete


def test_a_list_that_makes_up_conversations_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 7)

    class Endless(Lists):
        async def list_conversations(self, *, after: str | None) -> Page | Refused:
            self.asked.append(after)
            return Page([self.entry(f"conv_{len(self.asked)}_{place}") for place in range(3)], True)

    found, walk = walked(Endless(0))
    assert len(found) == 21
    assert walk.incomplete == "it did not end after 7 pages"


def test_a_list_with_entries_that_have_no_id_is_not_complete() -> None:
    class Nameless(Lists):
        async def list_conversations(self, *, after: str | None) -> Page | Refused:
            page = await super().list_conversations(after=after)
            return page if isinstance(page, Refused) else Page([{"id": None}, *page.items], page.has_more)

    found, walk = walked(Nameless(7))
    assert (len(found), walk.incomplete) == (7, "it has entries without an id")


def test_a_list_without_metadata_is_completed_by_the_conversations() -> None:
    found, _ = walked(Lists(3, metadata=False, unknown=[1]))
    assert [one.thread_id for one in found] == ["thread_of_conv_0", None, "thread_of_conv_2"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "does not list"), (405, "does not list"), (403, "refuses to list its"), (400, "refuses to list")],
)
def test_a_target_that_refuses_the_list_is_told_with_its_words(status: int, said: str) -> None:
    class Refuses(Lists):
        async def list_conversations(self, *, after: str | None) -> Page | Refused:
            return Refused(status, "code", "No.")

    found, walk = walked(Refuses(3))
    assert (found, walk.pages_read) == ([], 0)
    assert walk.refused is not None
    sentence = str(refusal(walk.refused, "https://host", "so be it"))
    assert said in sentence and f"answered {status}: No); so be it" in sentence


def test_the_index_gives_the_conversations_of_a_thread_in_order_and_none_that_was_taken_out() -> None:
    index = ConversationIndex()
    for number, thread in enumerate(["a", "b", "a", None, "a"]):
        index.add(ListedConversation(f"conv_{number}", thread))
    assert (len(index), index.foreign) == (4, 1)
    assert index.of("a") == ["conv_0", "conv_2", "conv_4"]
    index.take_out("conv_2")
    assert index.of("a") == ["conv_0", "conv_4"]
    assert "conv_2" not in index and "conv_4" in index
    assert list(index.left()) == [("a", "conv_0"), ("b", "conv_1"), ("a", "conv_4")]


def test_the_index_takes_any_text_as_an_id() -> None:
    index = ConversationIndex()
    index.add(ListedConversation("conv_\ud800", "thread_\udfff"))
    assert index.of("thread_\udfff") == ["conv_\ud800"]
