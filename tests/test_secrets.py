"""Keys never get out, in whatever form they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.secrets import MASK, forget_secrets, holds_secret, register_named, register_secret, scrub, scrub_all


@pytest.fixture(autouse=True)
def no_registered_secrets() -> Iterator[None]:
    forget_secrets()
    yield
    forget_secrets()


CANARY = "c4nary-9f8e7d6c5b4a"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcDEF123456.",
        "Authorization: Bearer abcdef123456789",
        "{'Authorization': 'Bearer abcdef123456789', 'Accept': 'json'}",
        "[(b'authorization', b'Basic abcdef123456789')]",
        '{"api-key": "abcdef123456789"}',
        "x-api-key=abcdef123456789",
        "OPENAI_API_KEY=abcdef123456789",
        "cookie: session=abcdef123456789",
        "GET https://me:abcdef123456789@host/v1",
        "https://store/file?sv=1&sig=abcdef123456789",
        "token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdef123456789",
        "bearer abcdef123456789",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    cleaned = scrub(text)
    assert MASK in cleaned
    assert "abcdef123456789" not in cleaned
    assert "abcDEF123456" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "thread_abc123 has 20 items; the task-runner-1 asked for desk-lamp-42.",
        "Set OPENAI_API_KEY, or api_key_env in migration.yaml.",
        "The bearer of bad news.",
        "Check authorization, organization and api_key, please.",
        "conv_68aabbccddeeff00112233445566778899aabbccddeeff00",
        "",
    ],
)
def test_ordinary_sentences_and_ids_stay(text: str) -> None:
    assert scrub(text) == text


def test_a_registered_value_is_masked_wherever_and_however_it_is_written() -> None:
    secret = CANARY + '/"+ü'
    register_secret(secret)
    for form in (secret, json.dumps({"x": secret}), repr(secret), f"https://host/{quote(secret, safe='')}/x"):
        assert CANARY not in scrub(form)


def test_short_values_are_not_registered_because_they_would_hide_ordinary_words() -> None:
    register_secret("abc")
    register_secret("")
    register_secret(None)
    assert scrub("the abc of it") == "the abc of it"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    register_secret("canary-1")
    register_secret("canary-1-and-more")
    assert scrub("x canary-1-and-more y") == f"x {MASK} y"


@pytest.mark.parametrize("piece", ["a-", "api-key", "sk-", "bearer ", "://a:", "eyJaaaaaaaa.", "password ", "?sig="])
def test_long_texts_made_to_be_slow_are_not(piece: str) -> None:
    # Quadratic patterns need minutes for this; linear ones a moment.
    assert len(scrub(piece * 50_000 + "@")) > 0


@given(st.text())
def test_scrubbing_twice_changes_nothing(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once


@given(st.text(), st.text(), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6))
def test_no_registered_value_survives(before: str, after: str, secret: str) -> None:
    forget_secrets()
    if set(secret) == {"*"}:
        return
    register_secret(secret)
    assert secret not in scrub(before + secret + after)
    forget_secrets()


def test_the_beginning_of_a_secret_where_a_text_was_cut_is_masked() -> None:
    register_secret(CANARY)
    assert scrub(f"the role {CANARY[:9]}… is unknown, and {CANARY[:7]}…") == f"the role {MASK}… is unknown, and {MASK}…"
    assert scrub("a word… and another…") == "a word… and another…"


def test_values_are_secrets_by_their_names_or_by_their_looks() -> None:
    register_named(
        {
            "code": "open-sesame",
            "X-Gateway-Token": "plain-words",
            "x": "a1b2c3d4e5f6a7b8",
            "api-version": "2025-05-01-preview",
        }
    )
    register_named({"X-Team": "blue-whales-and-others"})
    assert scrub("open-sesame plain-words a1b2c3d4e5f6a7b8") == f"{MASK} {MASK} {MASK}"
    assert scrub("2025-05-01-preview blue-whales-and-others") == "2025-05-01-preview blue-whales-and-others"


def test_an_id_that_holds_a_secret_is_known() -> None:
    register_secret(CANARY)
    register_secret("production")
    assert holds_secret(f"conv_{CANARY}")
    assert not holds_secret("thread_production_1")


def test_every_text_in_a_value_is_scrubbed() -> None:
    register_secret(CANARY)
    value = {"a": [f"x {CANARY}", 1, None, {CANARY: True}], "b": ("y", CANARY)}
    assert scrub_all(value) == {"a": [f"x {MASK}", 1, None, {MASK: True}], "b": ["y", MASK]}
