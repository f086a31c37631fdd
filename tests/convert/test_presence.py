"""Items whose images a target shows without their addresses are known again by all that is left of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.canonical import digest_of, encode
from migrate_cli.convert.presence import Presence, forms_of, hidden_images
from migrate_cli.model import Item

Body = dict[str, Any]
URL = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}
FILE = {"type": "input_image", "file_id": "file-1", "detail": "auto"}


def user(*parts: Body) -> Body:
    return {"type": "message", "role": "user", "content": list(parts)}


def said(text: str) -> Body:
    return {"type": "input_text", "text": text}


def item(body: Body) -> Item:
    return Item(encode(body), digest_of(body), "message")


def hidden(body: Body) -> Body:
    """As a target that refuses `include[]` shows it."""
    parts = [{**part, "image_url": None} if part["type"] == "input_image" else part for part in body["content"]]
    return {**body, "id": "msg_1", "content": parts}


parts = st.sampled_from([URL, {**URL, "image_url": "https://example.com/b.png"}, FILE, said("a"), said("b")])
bodies = st.lists(st.lists(parts, min_size=1, max_size=3).map(lambda found: user(*found)), max_size=6)


@given(bodies)
def test_whatever_was_sent_is_known_again_in_its_order(sent: list[Body]) -> None:
    items = [item(body) for body in sent]
    presence = Presence(items)
    assert [presence.digest_of(hidden(body)) for body in sent] == [one.digest for one in items]
    ours, shown = forms_of(items, [hidden(body) for body in sent])
    assert ours == shown


@given(bodies)
def test_nothing_changes_for_a_target_that_shows_addresses(sent: list[Body]) -> None:
    items = [item(body) for body in sent]
    presence = Presence(items)
    assert [presence.digest_of(body) for body in sent] == [one.digest for one in items]
    assert presence.images == 0
    assert forms_of(items, sent) == ([one.digest for one in items],) * 2


def test_another_text_another_place_or_another_count_is_not_known() -> None:
    sent = user(said("Look"), URL)
    presence = Presence([item(sent)])
    for got in (user(said("Lock"), URL), user(URL, said("Look")), user(said("Look"), URL, URL), user(said("Look"))):
        assert presence.digest_of(hidden(got)) == digest_of(hidden(got)) != digest_of(sent)


def test_a_file_that_was_lost_is_no_hidden_address() -> None:
    sent = user(said("Look"), FILE)
    lost = user(said("Look"), {**FILE, "file_id": None})
    assert Presence([item(sent)]).digest_of(lost) != digest_of(sent)


def test_images_of_a_tool_are_counted_too() -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": [URL, said("a")]}
    got = {**output, "output": [{**URL, "image_url": None}, said("a")]}
    presence = Presence([item(output)])
    assert (presence.digest_of(got), presence.images, hidden_images(got)) == (digest_of(output), 1, 1)
