"""Reading back from targets that behave oddly, refuse, or are gone: an outcome each, and never an endless loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from migrate_cli.errors import TemporaryError, Unanswered
from migrate_cli.http.outcomes import Page, Refused
from migrate_cli.model import Draft, JsonObject
from migrate_cli.target.conversations import decode
from migrate_cli.verify.comparisons import Entry
from migrate_cli.verify.conversation import ComparisonTask, compare
from migrate_cli.verify.outcome import Verdict
from migrate_cli.verify.run import GRACE, IN_A_ROW, VerifyRun

from support.virtual import run_virtual
from support.world import draft_of

DRAFT = draft_of([f"message {number}" for number in range(250)])


class Shelf:
    """A target that holds one conversation; subclasses misbehave."""

    def __init__(self, draft: Draft = DRAFT) -> None:
        self.items: list[JsonObject] = [
            {**decode(item.body), "id": f"item_{place}"} for place, item in enumerate(draft.items)
        ]
        self.metadata: Any = dict(draft.metadata)
        self.lists = 0

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        self.lists += 1
        ids = [item["id"] for item in self.items]
        first = ids.index(after) + 1 if after is not None else 0
        return Page(self.items[first : first + 100], first + 100 < len(self.items))

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        return {"id": conversation_id, "metadata": self.metadata}


class NewestFirst(Shelf):
    def __init__(self) -> None:
        super().__init__()
        self.items.reverse()


class AlwaysMore(Shelf):
    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        page = await super().list_items(conversation_id, after=after, images=images)
        assert isinstance(page, Page)
        return Page(page.items, True)


class NeverMore(AlwaysMore):
    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        page = await super().list_items(conversation_id, after=after, images=images)
        assert isinstance(page, Page)
        return Page(page.items, False)


class ShortPages(Shelf):
    """Gives 20 at a time, and says that this is all."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        page = await super().list_items(conversation_id, after=after, images=images)
        assert isinstance(page, Page)
        return Page(page.items[:20], False)


class IgnoresAfter(AlwaysMore):
    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        return await super().list_items(conversation_id, after=None, images=images)


class Closed(Shelf):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        return Refused(self.status, f"http-{self.status}", "no")

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        return Refused(self.status, f"http-{self.status}", "no")


class WithoutMetadata(Shelf):
    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        return Refused(405, "http-405", "no such method")


class SilentFor(Shelf):
    """Gives no answer for some conversations."""

    def __init__(self, silent: Callable[[str], bool]) -> None:
        super().__init__()
        self.silent = silent

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        if self.silent(conversation_id):
            raise TemporaryError("no answer")
        return await super().list_items(conversation_id, after=after, images=images)


def task(number: int = 1) -> ComparisonTask:
    return ComparisonTask(
        f"thread_{number}", f"conv_{number}", DRAFT.items, DRAFT.metadata, DRAFT.digest, DRAFT.messages, "loaded"
    )


def compared(target: Shelf) -> Verdict:
    return asyncio.run(compare(target, task()))


def signs(verdict: Verdict) -> dict[str, int]:
    return {sign.value: count for sign, count in verdict.outcomes.items() if count}


@pytest.mark.parametrize("shelf", [Shelf, AlwaysMore, NeverMore])
def test_whatever_has_more_says_everything_is_read(shelf: type[Shelf]) -> None:
    target = shelf()
    assert signs(compared(target)) == {"=": 250}
    assert target.lists <= 4


def test_a_target_that_ignores_the_cursor_does_not_trap_the_reader() -> None:
    target = IgnoresAfter()
    verdict = compared(target)
    assert signs(verdict) == {"=": 100, "!": 150}, "of what was not shown nobody knows that it is missing"
    assert [one.code for one in verdict.differences] == ["list-cut-off"]
    assert verdict.fails(strict=False)
    assert target.lists == 2


def test_a_target_of_short_pages_that_hides_that_there_are_more_is_read_on() -> None:
    target = ShortPages()
    assert signs(compared(target)) == {"=": 250}


def test_a_target_that_answers_in_another_order_is_found_and_said() -> None:
    verdict = compared(NewestFirst())
    assert [one.code for one in verdict.differences] == ["target-order"]
    assert verdict.fails(strict=False)


def test_a_conversation_that_is_gone_is_missing_and_one_that_is_refused_cannot_be_read() -> None:
    gone, refused = compared(Closed(404)), compared(Closed(403))
    assert (signs(gone), gone.differences[0].code) == ({"-": 250}, "conversation-gone")
    assert (signs(refused), refused.differences[0].code) == ({"!": 250}, "http-403")


def test_metadata_that_the_target_does_not_show_cannot_be_read() -> None:
    verdict = compared(WithoutMetadata())
    assert signs(verdict) == {"=": 250}
    assert [one.code for one in verdict.differences] == ["metadata-unreadable"]
    assert verdict.fails(strict=False)


@pytest.mark.parametrize("metadata", [None, "text", [], {}])
def test_odd_metadata_is_metadata_that_is_missing(metadata: Any) -> None:
    target = Shelf()
    target.metadata = metadata
    assert {one.code for one in compared(target).differences} == {"missing-metadata"}


class Notes:
    """Remembers what a run said of each thread."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[str, str | None]] = {}
        self.failed: list[str] = []

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        self.states[thread_id] = state, code

    async def durable(self) -> None:
        return

    def compared(self, task: ComparisonTask, verdict: Verdict, *, failed: bool) -> None:
        if failed:
            self.failed.append(task.thread_id)

    def aside(self, entry: Entry) -> None:
        raise AssertionError("there is nothing to put aside here")


def run(target: Shelf, count: int, *, workers: int = 1) -> Notes:
    notes = Notes()
    entries: Iterator[Entry] = (task(number) for number in range(count))
    asyncio.run(VerifyRun(partial(compare, target), states=notes, observer=notes, workers=workers).run(entries))
    return notes


def test_one_conversation_without_an_answer_is_an_outcome_and_the_run_goes_on() -> None:
    notes = run(SilentFor(lambda name: name == "conv_2"), 5)
    assert notes.failed == ["thread_2"]
    assert notes.states["thread_2"] == ("loaded", "unreadable")
    assert [notes.states[f"thread_{number}"] for number in (0, 1, 3, 4)] == [("verified", None)] * 4


def test_several_in_a_row_without_an_answer_end_the_run() -> None:
    target = SilentFor(lambda _name: True)
    with pytest.raises(TemporaryError, match="no answer"):
        run(target, 50, workers=4)


def test_answers_between_them_keep_the_run_going() -> None:
    notes = run(SilentFor(lambda name: int(name[5:]) % IN_A_ROW != 0), 12)
    assert len(notes.failed) == 8


class Hangs(Shelf):
    """Answers nothing, ever."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        await asyncio.Event().wait()
        raise AssertionError

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        await asyncio.Event().wait()
        raise AssertionError


def test_comparisons_that_hang_do_not_hold_up_who_wants_to_stop() -> None:
    notes = Notes()

    async def stopped() -> float:
        verify = VerifyRun(partial(compare, Hangs()), states=notes, observer=notes, workers=4)
        loop = asyncio.get_running_loop()
        loop.call_later(100.0, verify.drain.set)
        await verify.run(iter([task(number) for number in range(20)]))
        return loop.time()

    assert run_virtual(stopped()) == pytest.approx(100.0 + GRACE)
    assert notes.states == {}


def test_a_host_that_answers_nobody_ends_the_run_at_the_first_word_of_it() -> None:
    class Down(Hangs):
        async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
            if conversation_id == "conv_0":
                await asyncio.sleep(60.0)
                raise Unanswered("https://host.example/v1", 3, "no answer in time", silence=31.0)
            return await super().list_items(conversation_id, after=after, images=images)

    async def ended() -> float:
        notes = Notes()
        verify = VerifyRun(partial(compare, Down()), states=notes, observer=notes, workers=4)
        with pytest.raises(Unanswered, match="has not answered any request for 31 s"):
            await verify.run(iter([task(number) for number in range(20)]))
        return asyncio.get_running_loop().time()

    assert run_virtual(ended()) == pytest.approx(60.0 + GRACE)
