"""Which items are copies that may be deleted: never one that the state knows, never the only one of its kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.verify.copies import copies_in


def found(sent: str, known: str, stored: str) -> str:
    """The ids of the copies. Items are letters; `stored` is a word such as `a1 b2`: text, then id."""
    pairs = [(word[1:], word[:1].encode()) for word in stored.split()]
    return " ".join(copy.item_id for copy in copies_in([one.encode() for one in sent], known.split(), pairs))


def test_a_copy_goes_wherever_it_stands() -> None:
    assert found("abc", "1 2 3", "a1 b2 c3") == ""
    assert found("abc", "1 2 3", "a1 a9 b2 c3") == "9"
    assert found("abc", "1 2 3", "a9 a1 b2 c3") == "9"
    assert found("abc", "1 2 3", "a1 b2 c3 a7 b8 c9") == "7 8 9"
    assert found("abc", "1 2 3", "a1 b2 c9 c3") == "9"


def test_what_a_person_said_after_the_history_stays() -> None:
    assert found("abc", "1 2 3", "a1 b2 c3 c9 x8") == ""
    assert found("abc", "1 2 3", "a1 b2 c9 c3 c8 x7") == "9"
    assert found("abc", "1 2 3", "a1 x9 b2 c3") == ""
    assert found("abc", "1 2 3", "a1 a9 b2 c3 x8 c7") == "9"


def test_a_thread_that_says_the_same_twice_keeps_both() -> None:
    assert found("aab", "1 2 3", "a1 a2 b3") == ""
    assert found("aab", "1 2 3", "a9 a1 a2 b3") == "9"


def test_what_the_state_does_not_know_yet_stays_once() -> None:
    assert found("abc", "1", "a1 b8 c9") == ""
    assert found("abc", "1", "a1 b8 c9 b6 c7") == "6 7"
    assert found("abc", "1", "a1 b8 b6 c7 c9") == "6 7"
    assert found("abc", "", "a7 b8 c9") == ""


def test_an_item_that_is_gone_is_not_made_up_for_by_deleting_its_copy() -> None:
    assert found("abc", "1 2 3", "a1 b2 c9") == ""
    assert found("abc", "1 2 3", "a1 b2 c9 c8") == "8"


letters = st.text("abc", max_size=8)


@given(letters, st.lists(st.sampled_from("abcx"), max_size=16), st.data())
def test_nothing_known_and_nothing_wanted_is_ever_a_copy(sent: str, stored: list[str], data: st.DataObject) -> None:
    known = data.draw(st.frozensets(st.integers(0, max(0, len(stored) - 1))))
    pairs = [(str(place), letter.encode()) for place, letter in enumerate(stored)]
    copies = copies_in([one.encode() for one in sent], {str(place) for place in known}, pairs)
    gone = {copy.place for copy in copies}
    assert not gone & known
    left = [letter for place, letter in enumerate(stored) if place not in gone]
    assert all(left.count(one) >= min(sent.count(one), stored.count(one)) for one in "abc")
    assert left.count("x") == stored.count("x")
    assert all(sent[copy.of] == stored[copy.place] for copy in copies)
