"""What is masked in texts, and what is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.report.redact import CARD, EMAIL, KEY, PHONE, passes_luhn, redact, redact_excerpt

PLAIN = st.text(st.sampled_from("abc xyz,;!?\n"), max_size=20)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ann.lee+shop@mail.example.co.uk.", f"Write to {EMAIL}."),
        ("<müller@bücher.example>", f"<{EMAIL}>"),
        ("my card is 4242 4242 4242 4242, thanks", f"my card is {CARD}, thanks"),
        ("378282246310005", CARD),
        ("5555-5555-5555-4444 12/29 123", f"{CARD} 12/29 123"),
        ("order 12 4242424242424242", f"order 12 {CARD}"),
        ("call +49 (0)171 234 56 78 now", f"call {PHONE} now"),
        ("call (555) 123-4567", f"call {PHONE}"),
        ("555.123.4567 or 0171/2345678", f"{PHONE} or {PHONE}"),
        ("0049 171 2345678", PHONE),
        ("AKIAIOSFODNN7EXAMPLE and ghp_abcdefghijklmnopqrstuv", f"{KEY} and {KEY}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nend", f"{KEY}\nend"),
    ],
)
def test_what_names_a_person_or_opens_a_door_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


def test_keys_of_the_api_are_masked_as_everywhere_else() -> None:
    assert "abcdef" not in redact("use sk-proj-abcdef0123456789 for it")


@pytest.mark.parametrize(
    "text",
    [
        "We met on 2024-01-15 and on 01.02.2024 at 12:30.",
        "It costs 1,234,567.89 or 0.12345678 of that.",
        "Order 4242 4242 4242 4243 is on its way.",
        "Version 10.0.19045.3803 of thread_000000000000000000000001.",
        "1700000000000 ms, @ann, a@b",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_dates_amounts_ids_and_other_numbers_stay(text: str) -> None:
    assert redact(text) == text


@given(PLAIN, PLAIN, st.from_regex(r"[a-z][a-z0-9._%+-]{0,20}@[a-z0-9-]{1,10}(\.[a-z]{2,5}){1,2}", fullmatch=True))
def test_no_address_survives_wherever_it_stands(before: str, after: str, address: str) -> None:
    masked = redact(f"{before} {address} {after}")
    assert EMAIL in masked
    assert address not in masked


@st.composite
def cards(draw: st.DrawFn) -> str:
    body = draw(st.from_regex(r"[2-6][0-9]{11,17}", fullmatch=True))
    number = next(body + str(check) for check in range(10) if passes_luhn(body + str(check)))
    size = draw(st.sampled_from([3, 4, 6, len(number)]))
    groups = [number[at : at + size] for at in range(0, len(number), size)]
    return draw(st.sampled_from([" ", "-", "\u00a0"])).join(groups)


@given(PLAIN, PLAIN, cards())
def test_no_card_number_survives_however_it_is_written(before: str, after: str, card: str) -> None:
    masked = redact(f"{before} {card} {after}")
    assert CARD in masked
    assert not re.search(r"\d", masked)


@given(st.text(st.sampled_from("0123456789 -().+/@a\u0661"), max_size=80))
def test_any_row_of_digits_and_signs_is_taken(text: str) -> None:
    assert isinstance(redact(text), str)


@given(st.text(st.sampled_from("abc ,.;:!?äß\n"), max_size=80))
def test_words_alone_are_never_changed(text: str) -> None:
    assert redact(text) == text


def test_long_texts_without_a_match_take_no_longer_than_they_are_long() -> None:
    for piece in ("a.", "12", "1 ", "(1", "+", "a@"):
        redact(piece * 10_000)


def test_half_an_address_at_the_edge_of_an_excerpt_is_masked_too() -> None:
    shown = redact_excerpt("…42 4242 4242 was right, now it is ann@exam…")
    assert shown == "…[cut] was right, now it is [cut]…"
    assert redact_excerpt("all of it") == "all of it"
