"""Comparing two streams of items: an untouched conversation is all `=`, and every kind of damage has its name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from migrate_cli.convert.canonical import digest_of, encode
from migrate_cli.model import Item
from migrate_cli.verify.items import ItemComparison, gone, unread
from migrate_cli.verify.outcome import Difference, Outcome, Verdict
from migrate_cli.verify.recorded_ids import RecordedIds

Body = dict[str, Any]


def user(*parts: Any) -> Body:
    content = [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": "user", "content": content}


def assistant(text: str) -> Body:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def image(file_id: str | None = "file-1", url: str | None = None) -> Body:
    return {"type": "input_image", "file_id": file_id, "image_url": url, "detail": "auto"}


def call(number: int = 1, arguments: str = "{}") -> Body:
    return {"type": "function_call", "call_id": f"call_{number}", "name": "add", "arguments": arguments}


def output(number: int = 1, text: str = "3") -> Body:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": text}


TALK = [
    user("Where is my order?"),
    assistant("It was sent on Monday."),
    user("Thanks. And this one?", image()),
    call(),
    output(),
    assistant("It is in the picture you sent."),
    user("Good. Bye."),
]


def items(bodies: list[Body]) -> list[Item]:
    return [
        Item(encode(body), digest_of(body), str(body["type"]), f"msg_{number}") for number, body in enumerate(bodies)
    ]


def as_stored(bodies: list[Body]) -> list[Body]:
    """What a server makes of items: ids, statuses, nulls."""
    return [
        {**copy.deepcopy(body), "id": f"item_{number}", "status": "completed"} for number, body in enumerate(bodies)
    ]


def verdict(sent: list[Body], got: list[Body], *, hashes: bool = False, **more: Any) -> Verdict:
    return read_back(sent, as_stored(got), hashes=hashes, **more)


def read_back(sent: list[Body], stored: list[Body], *, hashes: bool = False, **more: Any) -> Verdict:
    expected = [item._replace(body=b"") for item in items(sent)] if hashes else items(sent)
    comparison = ItemComparison(expected, **more)
    for start in range(0, len(stored), 3):
        comparison.feed(stored[start : start + 3])
    return comparison.finish()


def signs(found: Verdict) -> dict[str, int]:
    return {sign.value: count for sign, count in found.outcomes.items() if count}


def only(found: Verdict) -> Difference:
    assert len(found.differences) == 1, found.differences
    return found.differences[0]


def changed(position: int, change: Any) -> list[Body]:
    bodies = copy.deepcopy(TALK)
    change(bodies[position])
    return bodies


@pytest.mark.parametrize("hashes", [False, True])
def test_an_untouched_conversation_is_all_equal(hashes: bool) -> None:
    found = verdict(TALK, TALK, hashes=hashes)
    assert signs(found) == {"=": len(TALK)}
    assert not found.differences
    assert not found.fails(strict=True)


def test_a_changed_character_is_named_with_its_place_and_without_the_text() -> None:
    found = verdict(TALK, changed(1, lambda body: body["content"][0].update(text="It was sent on Sunday.")))
    assert signs(found) == {"=": 6, "*": 1}
    difference = only(found)
    assert (difference.position, difference.code) == (1, "changed-text")
    assert (difference.message_id, difference.item_id) == ("msg_1", "item_1")
    assert difference.field == "content[0].text"
    assert difference.detail == "differs from character 15 on: 2 of the 22 characters sent, 2 of the 22 found"
    assert "Sunday" not in json.dumps(difference.as_dict())


def test_excerpts_show_the_change_where_contents_were_asked_for() -> None:
    bodies = changed(1, lambda body: body["content"][0].update(text="It was sent on Sunday."))
    difference = only(verdict(TALK, bodies, excerpts=True))
    assert (difference.expected, difference.got) == ("It was sent on Monday.", "It was sent on Sunday.")


def test_an_item_on_one_side_only_is_quoted_there_where_contents_were_asked_for() -> None:
    missing = only(verdict(TALK, TALK[:-1], excerpts=True))
    assert missing.code == "missing-item"
    assert missing.expected
    assert missing.got is None
    assert only(verdict(TALK, TALK[:-1])).expected is None
    extra = only(verdict(TALK, [TALK[0], *TALK], excerpts=True))
    assert extra.expected is None
    assert extra.got
    assert str(TALK[0]["content"][0]["text"]) in extra.got


def test_a_wrong_role_is_named() -> None:
    difference = only(verdict(TALK, changed(0, lambda body: body.update(role="developer"))))
    assert (difference.code, difference.field, difference.detail) == ("changed-role", "role", "developer, not user")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (lambda body: body["content"].pop(), "lost-image", "content[1]"),
        (lambda body: body["content"][1].update(file_id=None), "lost-image", "content[1]"),
        (lambda body: body["content"][1].update(file_id="file-2"), "changed-image", "content[1]"),
        (lambda body: body["content"].reverse(), "parts-order", "content"),
        (lambda body: body["content"].pop(0), "lost-text", "content[0]"),
        (lambda body: body["content"].append(image("file-9")), "extra-part", "content[2]"),
    ],
)
def test_parts_that_were_lost_changed_or_moved_are_named(change: Any, code: str, field: str) -> None:
    found = verdict(TALK, changed(2, change))
    assert (only(found).code, only(found).field) == (code, field)
    assert signs(found) == {"=": 6, "*": 1}


@pytest.mark.parametrize(
    ("position", "field", "value", "code"),
    [
        (3, "arguments", '{"a": 1}', "changed-arguments"),
        (3, "name", "subtract", "changed-name"),
        (3, "call_id", "call_2", "changed-call-id"),
        (4, "output", "4", "changed-output"),
    ],
)
def test_fields_of_calls_are_named(position: int, field: str, value: str, code: str) -> None:
    difference = only(verdict(TALK, changed(position, lambda body: body.update({field: value}))))
    assert (difference.position, difference.field, difference.code) == (position, field, code)


@pytest.mark.parametrize("hashes", [False, True])
@pytest.mark.parametrize("position", range(len(TALK)))
def test_a_missing_item_is_named_wherever_it_stood(position: int, hashes: bool) -> None:
    found = verdict(TALK, TALK[:position] + TALK[position + 1 :], hashes=hashes)
    assert signs(found) == {"=": 6, "-": 1}
    assert (only(found).code, only(found).position) == ("missing-item", position)


@pytest.mark.parametrize("hashes", [False, True])
@pytest.mark.parametrize("position", range(len(TALK)))
def test_a_doubled_item_is_named_wherever_it_stands(position: int, hashes: bool) -> None:
    found = verdict(TALK, TALK[: position + 1] + TALK[position:], hashes=hashes)
    assert signs(found) == {"=": 7, "+": 1}
    assert (only(found).code, only(found).detail) == ("doubled-item", f"a duplicate of item {position}")
    assert found.fails(strict=False)


@pytest.mark.parametrize("position", range(len(TALK)))
def test_an_item_that_was_not_sent_is_extra(position: int) -> None:
    found = verdict(TALK, [*TALK[:position], user("Who wrote this?"), *TALK[position:]])
    assert signs(found) == {"=": 7, "+": 1}
    assert (only(found).code, only(found).position) == ("extra-item", position)
    assert found.fails(strict=False)


@pytest.mark.parametrize("hashes", [False, True])
@pytest.mark.parametrize(("first", "second"), [(0, 1), (5, 6), (0, 6), (1, 4), (2, 4)])
def test_swapped_items_are_named_as_a_pair(first: int, second: int, hashes: bool) -> None:
    bodies = list(TALK)
    bodies[first], bodies[second] = bodies[second], bodies[first]
    found = verdict(TALK, bodies, hashes=hashes)
    assert signs(found) == {"=": 5, "*": 2}
    assert [(one.code, one.position, one.field) for one in found.differences] == [
        ("swapped-items", first, "order"),
        ("swapped-items", second, "order"),
    ]


def test_an_item_that_moved_further_is_named() -> None:
    found = verdict(TALK, [*TALK[1:5], TALK[0], *TALK[5:]])
    assert (only(found).code, only(found).detail) == ("moved-item", "is at position 4, not at 0")


def test_a_target_that_lists_newest_first_is_said_once() -> None:
    found = verdict(TALK, TALK[::-1])
    assert only(found).code == "target-order"
    assert signs(found) == {"*": 7}


@pytest.mark.parametrize("hashes", [False, True])
def test_new_turns_after_the_history_are_no_difference(hashes: bool) -> None:
    found = verdict(TALK, [*TALK, user("One more thing."), assistant("Yes?")], hashes=hashes)
    assert found.continued == 2
    assert signs(found) == {"=": 7}


def test_a_new_turn_may_begin_with_words_that_were_said_before() -> None:
    found = verdict(TALK, [*TALK, TALK[0], assistant("It still is on its way.")])
    assert (found.continued, signs(found)) == (2, {"=": 7})


def test_a_late_copy_of_a_whole_batch_is_doubled_and_no_new_turn() -> None:
    found = verdict(TALK, [*TALK, *TALK])
    assert signs(found) == {"=": 7, "+": 7}
    assert {one.code for one in found.differences} == {"doubled-item"}
    assert found.continued == 0


def test_a_last_item_that_is_said_again_is_doubled_until_somebody_goes_on() -> None:
    found = verdict(TALK, [*TALK, TALK[-1]])
    assert (found.continued, signs(found), only(found).code) == (0, {"=": 7, "+": 1}, "doubled-item")
    assert found.fails(strict=False)
    found = verdict(TALK, [*TALK, TALK[-1], assistant("Bye.")])
    assert (found.continued, found.repeated, signs(found)) == (2, 1, {"=": 7})
    assert not found.fails(strict=True)


@pytest.mark.parametrize("turn", [[*TALK[:3], user("One more thing.")], [user("One more thing."), *TALK[:3]]])
def test_one_item_that_is_no_copy_makes_a_turn_of_all_that_came_after(turn: list[Body]) -> None:
    found = verdict(TALK, [*TALK, *turn])
    assert (found.continued, found.repeated, signs(found)) == (4, 3, {"=": 7})


def test_so_many_copies_after_the_history_are_counted_and_not_all_listed() -> None:
    found = verdict(TALK, [*TALK, *TALK * 100, *TALK[:1]])
    assert signs(found) == {"=": 7, "+": 701}
    assert (len(found.differences), found.differences_cut, found.continued) == (100, 601, 0)


def test_what_comes_after_the_history_is_not_held() -> None:
    comparison = ItemComparison(items(TALK))
    comparison.feed(as_stored(TALK))
    for number in range(50):
        comparison.feed({**user(f"turn {number} {place}"), "id": f"new_{number}_{place}"} for place in range(100))
    assert len(comparison._later.kept) <= 100
    assert comparison.finish().continued == 5000


# ---- with the ids that the state file has


def under_ids(bodies: list[Body], ids: str) -> list[Body]:
    """Stored items under one-letter ids."""
    return [{**copy.deepcopy(body), "id": own} for body, own in zip(bodies, ids, strict=True)]


def known(sent: list[Body], ids: str, **more: Any) -> Any:
    digests = [digest_of(body) for body in sent[: len(ids)]]
    return lambda: RecordedIds.of(items(sent), digests, list(ids), changed=more.get("changed", False))


ABC = TALK[:3]


def test_an_item_that_the_target_lost_is_told_from_one_that_never_arrived() -> None:
    found = read_back(ABC, under_ids([ABC[0], ABC[2]], "ac"), known=known(ABC, "abc"))
    assert only(found).detail == "it was there (item b), the target no longer has it"
    found = read_back(ABC, under_ids(ABC[:2], "ab"), known=known(ABC, "ab"))
    assert only(found).detail == "it never arrived"


def test_an_item_under_its_own_id_with_quite_another_text_is_changed_and_not_gone() -> None:
    other = user("Nothing of this was ever said, and at some length.")
    found = read_back(ABC, under_ids([ABC[0], other, ABC[2], user("new")], "abcn"), known=known(ABC, "abc"))
    assert (signs(found), found.continued) == ({"=": 2, "*": 1}, 1)
    found = read_back(ABC, under_ids([ABC[0], ABC[1], other, user("new")], "abcn"), known=known(ABC, "abc"))
    assert (signs(found), found.continued) == ({"=": 2, "*": 1}, 1)


def test_a_copy_before_the_last_of_ours_stands_between_whatever_comes_after() -> None:
    turn = [user("One more thing."), assistant("Yes?")]
    found = read_back(ABC, under_ids([*ABC, ABC[2], *turn], "abxcno"), known=known(ABC, "abc"))
    assert (signs(found), found.continued, only(found).code) == ({"=": 3, "+": 1}, 2, "doubled-item")
    assert found.fails(strict=False)
    assert only(found).item_id != "c"


def test_a_foreign_item_before_the_last_of_ours_is_no_turn() -> None:
    found = read_back(ABC, under_ids([*ABC, user("Who?"), ABC[2]], "abxnc"), known=known(ABC, "abc"))
    assert [one.code for one in found.differences] == ["extra-item", "doubled-item"]
    assert (found.continued, found.fails(strict=False)) == (0, True)


def test_damage_in_the_history_does_not_hide_where_it_ends() -> None:
    turn = [user("One more thing."), ABC[2]]
    found = read_back(ABC, under_ids([ABC[0], ABC[0], *ABC[1:], *turn], "axbcno"), known=known(ABC, "abc"))
    assert (found.continued, found.repeated, only(found).code) == (2, 1, "doubled-item")


def test_a_target_that_numbers_anew_is_read_by_content_alone() -> None:
    found = read_back(ABC, under_ids([*ABC, ABC[0], user("new")], "mnopq"), known=known(ABC, "abc"))
    assert (signs(found), found.continued) == ({"=": 3}, 2)
    found = read_back(ABC, under_ids(ABC[1:], "mn"), known=known(ABC, "abc"))
    assert only(found).detail == "it was there (item a), the target no longer has it"


def test_an_extra_item_that_a_person_accepted_fails_by_strict_alone() -> None:
    stands = [ABC[0], user("Who wrote this?"), *ABC[1:]]
    accepted = RecordedIds.of(items(ABC), [digest_of(body) for body in stands], list("axbc"), changed=False)
    found = read_back(ABC, under_ids(stands, "axbc"), known=lambda: accepted)
    assert (only(found).code, found.fails(strict=False), found.fails(strict=True)) == ("extra-item", False, True)
    found = read_back(ABC, under_ids([ABC[0], *stands], "ayxbc"), known=lambda: accepted)
    assert found.fails(strict=False)


def test_a_source_that_lost_a_message_has_accepted_nothing() -> None:
    sent = [ABC[0], ABC[2]]
    loaded = RecordedIds.of(items(sent), [digest_of(body) for body in ABC], list("abc"), changed=True)
    assert read_back(sent, under_ids(ABC, "abc"), known=lambda: loaded).fails(strict=False)


def test_a_changed_last_item_is_told_from_the_new_turns_after_it() -> None:
    bodies = changed(6, lambda body: body["content"][0].update(text="Good. Bye!"))
    found = verdict(TALK, [*bodies, user("One more thing."), assistant("Yes?")])
    assert (found.continued, signs(found), only(found).code) == (2, {"=": 6, "*": 1}, "changed-text")


def test_a_missing_and_a_changed_neighbour_are_told_apart() -> None:
    bodies = changed(1, lambda body: body["content"][0].update(text="It was sent on Tuesday."))
    found = verdict(TALK, bodies[1:])
    assert [(one.code, one.position) for one in found.differences] == [("missing-item", 0), ("changed-text", 1)]


def test_an_empty_conversation_misses_everything() -> None:
    assert signs(verdict(TALK, [])) == {"-": 7}


def test_a_conversation_that_is_gone_is_told_once() -> None:
    found = gone(items(TALK), "it was deleted")
    assert (signs(found), only(found).code) == ({"-": 7}, "conversation-gone")
    assert signs(unread(items(TALK), "forbidden", "no access")) == {"!": 7}


def test_a_thread_of_100_000_items_with_three_kinds_of_damage_is_settled() -> None:
    whole = [user(f"message {number}") for number in range(100_000)]
    damaged = [*whole[1:50_000], user("something else"), *whole[50_001:], whole[7]]
    found = verdict(whole, damaged)
    assert signs(found) == {"=": 99_998, "-": 1, "*": 1, "+": 1}
    assert [(one.code, one.position) for one in found.differences] == [
        ("missing-item", 0),
        ("changed-text", 50_000),
        ("doubled-item", 99_999),
    ]


def test_a_list_of_differences_is_cut_and_says_so() -> None:
    whole = [user(f"message {number}") for number in range(300)]
    found = verdict(whole, [user(f"other {number}") for number in range(300)])
    assert found.outcomes[Outcome.DIFFERENT] == 300
    assert len(found.differences) + found.differences_cut == 300


texts = st.sampled_from(["yes", "no", "Where is it?", "On its way.", "12"])
talks = st.lists(st.builds(lambda text, role: [user, assistant][role](text), texts, st.integers(0, 1)), max_size=12)


@given(talks, st.booleans())
def test_identity_is_all_equal(talk: list[Body], hashes: bool) -> None:
    found = verdict(talk, talk, hashes=hashes)
    assert signs(found) == ({"=": len(talk)} if talk else {})
    assert not found.differences and not found.continued


@given(talks, talks, st.booleans())
def test_any_difference_is_found_and_every_item_has_one_outcome(
    sent: list[Body], got: list[Body], hashes: bool
) -> None:
    found = verdict(sent, got, hashes=hashes)
    counts = found.outcomes
    assert counts[Outcome.SAME] + counts[Outcome.DIFFERENT] + counts[Outcome.MISSING] == len(sent)
    assert counts[Outcome.SAME] + counts[Outcome.DIFFERENT] + counts[Outcome.EXTRA] + found.continued == len(got)
    assert all(count >= 0 for count in counts.values())
    whole = [encode(body) for body in sent] == [encode(body) for body in got[: len(sent)]]
    assert found.fails(strict=False) is not (whole and (len(sent) == len(got) or bool(found.continued)))
    if whole:
        rest = {digest_of(body) for body in got[len(sent) :]}
        assert bool(found.continued) is not rest.issubset({digest_of(body) for body in sent})


@given(talks, st.data(), st.booleans())
def test_one_random_edit_is_found(talk: list[Body], data: st.DataObject, hashes: bool) -> None:
    assume(len(talk) > 1)
    place = data.draw(st.integers(0, len(talk) - 1))
    edit = data.draw(st.sampled_from(["change", "remove", "double", "role", "swap"]))
    bodies = copy.deepcopy(talk)
    if edit == "change":
        bodies[place]["content"][0]["text"] += "!"
    elif edit == "role":
        bodies[place]["role"] = "developer"
    elif edit == "remove":
        del bodies[place]
    elif edit == "double":
        bodies.insert(place, bodies[place])
    else:
        other = data.draw(st.integers(0, len(talk) - 1))
        bodies[place], bodies[other] = bodies[other], bodies[place]
    same = [encode(body) for body in bodies] == [encode(body) for body in talk]
    found = verdict(talk, bodies, hashes=hashes)
    assert found.fails(strict=False) is not same
    expected = {"change": {"*": 1}, "role": {"*": 1}, "remove": {"-": 1}, "double": {"+": 1}}.get(edit)
    if expected is not None:
        kept = {sign: count for sign, count in signs(found).items() if sign != "="}
        assert kept == expected or (kept == {"-": 1} and place == len(talk) - 1)
