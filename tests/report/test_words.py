"""Two answers side by side: every word is there, and the words that the other lacks are marked."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.report.document import TextPair
from migrate_cli.report.words import MOST_WORDS, differing_words

TEXTS = st.lists(st.sampled_from(["lamp", "ships", "on", "Monday", ".", ",", "\n", "é", "42"]), max_size=30).map(
    " ".join
)


def marked(pieces: list[tuple[str, bool]]) -> str:
    return "".join(f"[{text}]" if differs else text for text, differs in pieces)


def test_words_that_differ_are_marked_whole() -> None:
    one, other = differing_words("It was sent on Monday.", "It was sent on Sunday, Ann.")
    assert marked(one) == "It was sent on [Monday]."
    assert marked(other) == "It was sent on [Sunday, Ann]."


def test_answers_without_a_common_word_are_marked_from_end_to_end() -> None:
    one, other = differing_words("Yes", "No way")
    assert (marked(one), marked(other)) == ("[Yes]", "[No way]")


@given(TEXTS | st.text(), TEXTS | st.text())
def test_nothing_of_a_text_is_lost_and_what_is_not_marked_is_common(left: str, right: str) -> None:
    one, other = differing_words(left, right)
    assert "".join(text for text, _ in one) == left
    assert "".join(text for text, _ in other) == right
    kept, there = ("".join(text for text, differs in side if not differs) for side in (one, other))
    assert "".join(kept.split()) == "".join(there.split())
    assert all(differs != after for (_, differs), (_, after) in pairwise(one))


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    one, other = differing_words(text, text)
    assert not any(differs for _, differs in (*one, *other))


def test_very_long_answers_are_compared_at_their_beginning() -> None:
    long = "lamp " * MOST_WORDS
    one, other = differing_words(long + "on Monday", long + "on Sunday")
    assert one[-1][1] and other[-1][1]
    assert "".join(text for text, _ in one).endswith("on Monday")


def test_a_text_that_stands_alone_is_not_marked() -> None:
    left, right = TextPair("", None, "An answer", by_words=True).pieces()
    assert left == ()
    assert [(piece.text, piece.differs) for piece in right] == [("An answer", False)]
