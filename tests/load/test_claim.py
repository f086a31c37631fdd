"""What a conversation holds of a thread, for every way in which it can differ, and which of several is the thread's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.canonical import digest_of, encode
from migrate_cli.convert.placeholders import spoken_in, with_values
from migrate_cli.http.outcomes import Draining, Page, Refused
from migrate_cli.load.claim import Claim, ClaimReader, Holding, read_claim
from migrate_cli.load.orphans import Orphan, OrphanFate, Whose, fate_of
from migrate_cli.load.recover import choose
from migrate_cli.load.refusal import note_of
from migrate_cli.model import Item, JsonObject

TEXTS = st.lists(st.sampled_from("ab"), max_size=12)


def item(text: str, *, bare: bool = False) -> Item:
    body = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return Item(b"" if bare else encode(body), digest_of(body), "message")


def with_file(file_id: str) -> JsonObject:
    parts = [{"type": "input_text", "text": "Look."}, {"type": "input_file", "file_id": file_id}]
    return {"type": "message", "role": "user", "content": parts}


class Holds:
    """A target that holds one conversation, and lists its items so many at a time."""

    def __init__(self, bodies: list[Any], thread: str = "t", page: int = 3) -> None:
        self.items = [{**body, "id": f"msg_{number}", "status": "completed"} for number, body in enumerate(bodies)]
        self.thread, self.page = thread, page

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        ids = [one["id"] for one in self.items]
        first = 0 if after is None else ids.index(after) + 1
        return Page(self.items[first : first + self.page], first + self.page < len(ids))

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        return {"id": conversation_id, "metadata": {"source_thread_id": self.thread}}


def bodies(texts: list[str]) -> list[Any]:
    return [json.loads(item(text).body) for text in texts]


def claim_of(target: Holds, items: list[Item], **more: Any) -> Claim:
    return asyncio.run(read_claim(target, "conv", items, **more))


def expected_holding(sent: list[str], stands: list[str]) -> Holding:
    if stands[: len(sent)] == sent and sent:
        extra = stands[len(sent) :]
        if not extra:
            return Holding.WHOLE
        return Holding.COPIES if set(extra) <= set(sent) else Holding.CONTINUED
    return Holding.PART if stands == sent[: len(stands)] else Holding.OTHER


@given(sent=TEXTS, stands=TEXTS, bare=st.booleans())
def test_a_conversation_is_what_its_items_are_in_their_order(sent: list[str], stands: list[str], *, bare: bool) -> None:
    claim = claim_of(Holds(bodies(stands)), [item(text, bare=bare) for text in sent])
    assert claim.holding is expected_holding(sent, stands)
    same = next((n for n, (a, b) in enumerate(zip(sent, stands, strict=False)) if a != b), min(len(sent), len(stands)))
    assert claim.ids == [f"msg_{number}" for number in range(same)]
    assert claim.more == len(stands) - same


@given(sent=TEXTS.filter(bool), many=st.lists(TEXTS, max_size=4), whole=st.booleans())
def test_nothing_is_adopted_but_what_holds_the_thread_or_its_beginning(
    sent: list[str], many: list[list[str]], *, whole: bool
) -> None:
    claims = [claim_of(Holds(bodies(stands)), [item(text) for text in sent]) for stands in many]
    chosen, code, _ = choose(claims, whole_list=whole)
    if chosen is None:
        assert not claims and (code is None) == whole
    elif code is None:
        stands = many[claims.index(chosen)]
        if chosen.holding in (Holding.WHOLE, Holding.CONTINUED):
            assert stands[: len(sent)] == sent
        else:
            assert stands == sent[: len(stands)]
            assert all(other == sent[: len(other)] and len(other) <= len(stands) for other in many)


@given(sent=TEXTS, stands=TEXTS, known=st.booleans(), force=st.booleans(), whose=st.sampled_from(Whose))
def test_an_orphan_is_removed_only_where_it_holds_the_beginning_of_its_thread(
    sent: list[str], stands: list[str], *, known: bool, force: bool, whose: Whose
) -> None:
    items = [item(text, bare=True) for text in sent] if known else None
    claim = claim_of(Holds(bodies(stands)), list(items or ()))
    fate = fate_of(Orphan("t", "conv", whose, items), claim, force=force)
    if fate is OrphanFate.REMOVABLE:
        assert stands == (sent[: len(stands)] if known else [])
        assert force or whose is Whose.LOADED_ELSEWHERE


def test_a_conversation_whose_metadata_name_another_thread_is_not_ours() -> None:
    assert claim_of(Holds([], "u"), [item("a")], thread="t").holding is Holding.NOT_OURS


def test_a_note_in_the_place_of_a_refused_item_counts_as_that_item() -> None:
    sent = [item("a"), item("b"), item("c")]
    stands = [json.loads(sent[0].body), json.loads(note_of(sent[1]).body), json.loads(sent[2].body)]
    claim = claim_of(Holds(stands), sent)
    assert (claim.holding, claim.noted) == (Holding.WHOLE, (1,))


def test_a_file_may_have_the_id_of_its_upload_and_always_the_same_one() -> None:
    sent = [Item(encode(with_file("file-a")), digest_of(with_file("file-a")), "message")] * 2

    def may_be(file_id: str, target_id: str) -> bool:
        return file_id == "file-a"

    claim = claim_of(Holds([with_file("file-x"), with_file("file-x")]), sent, may_be=may_be)
    assert (claim.holding, claim.files) == (Holding.WHOLE, {"file-a": "file-x"})
    assert claim_of(Holds([with_file("file-x"), with_file("file-y")]), sent, may_be=may_be).holding is Holding.OTHER
    assert claim_of(Holds([with_file("file-x"), with_file("file-x")]), sent).holding is Holding.OTHER


def test_a_reader_that_is_asked_to_stop_returns_nothing() -> None:
    async def read() -> Claim | None:
        class Ends(Holds):
            async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
                raise Draining

        return await ClaimReader(Ends([]), asyncio.Event()).read("conv", [item("a")], thread="t")

    assert asyncio.run(read()) is None


def test_what_was_heard_in_a_file_may_stand_in_the_place_of_its_placeholder() -> None:
    def said(text: str) -> JsonObject:
        part = {"type": "input_text", "text": f"[Transcript of memo.mp3:]\n{text}"}
        return {"type": "message", "role": "user", "content": [part]}

    sent = [Item(encode(said(spoken_in("file-a"))), digest_of(said(spoken_in("file-a"))), "message")]
    told: list[tuple[str, str]] = []

    def may_be(placeholder: str, value: str) -> bool:
        told.append((placeholder, value))
        return True

    claim = claim_of(Holds([said("Hello … there.")]), sent, may_be=may_be)
    assert claim.holding is Holding.WHOLE
    assert claim.files == {spoken_in("file-a"): "Hello … there."} == dict(told)
    assert with_values(sent[0], claim.files).digest == digest_of(said("Hello … there."))
    assert claim_of(Holds([item_of("Something else.")]), sent, may_be=may_be).holding is Holding.OTHER


def item_of(text: str) -> JsonObject:
    body: JsonObject = json.loads(item(text).body)
    return body
