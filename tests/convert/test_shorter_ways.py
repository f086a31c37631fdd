"""Plain messages take a shorter way through encoding, hashing and validation; it must lead to the same place."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.canonical import canonical, digest_of, encode, encode_item
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.limits import MAX_TEXT
from migrate_cli.convert.message import convert_message, convert_parts
from migrate_cli.convert.metadata import iso_time
from migrate_cli.convert.options import ConvertOptions, Timestamps
from migrate_cli.convert.validate import check_item, validate_draft
from migrate_cli.model import Draft, Item, JsonObject, Ledger, Message

from support.threads import message, messages, text, texts

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ['"', "\\", "\n", "\x7f", "\u2028"]
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "output_text", "text", "refusal", "input_image"])},
    optional={
        "text": TEXT | st.none() | st.integers(),
        "annotations": st.sampled_from([[], [{"type": "file_path", "file_id": "file-1", "index": 3}], None]),
        "refusal": TEXT,
        "logprobs": st.just([]),
    },
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "message", "message", "function_call"])},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "developer", "robot", "", 7]),
        "content": st.lists(PART, max_size=2) | TEXT | st.none(),
        "id": TEXT,
        "status": st.just("completed"),
    },
)
PLAIN: list[JsonObject] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": 'a "b" \\ ü \x01'}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "c\n", "annotations": []}]},
]


SPOKEN = st.builds(
    lambda words, role, status: message(words, role=role, status=status, created_at=3),
    texts,
    st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
    st.sampled_from([None, "completed", "incomplete"]),
)
"""Messages of one text: nearly all that there are, and those that only look like them."""
OPTIONS = [ConvertOptions(), ConvertOptions(timestamps=Timestamps.PREFIX), ConvertOptions(strict_assistant=True)]


def written(draft: DraftBuilder) -> tuple[Any, ...]:
    """All that a conversion has left in a draft."""
    return draft.items, draft.ledger, draft.findings, draft.aside


def slow_digest(item: JsonObject) -> bytes:
    """The hash by its definition."""
    return hashlib.blake2b(encode(canonical(item)), digest_size=16).digest()


def draft_of(body: bytes) -> Draft:
    """A draft with one item."""
    return Draft(thread_id="thread_1", metadata={}, items=(Item(body, b"", "message"),), ledger=Ledger(), messages=1)


@given(ITEM)
def test_an_item_is_encoded_and_hashed_as_by_the_long_way(item: JsonObject) -> None:
    assert encode_item(item) == (encode(item), slow_digest(item))
    assert digest_of(item) == slow_digest(item)


@given(st.randoms(), st.sampled_from(PLAIN))
def test_the_order_of_keys_is_kept(random: Any, item: JsonObject) -> None:
    keys = list(item)
    random.shuffle(keys)
    shuffled = {key: item[key] for key in keys}
    assert encode_item(shuffled) == (encode(shuffled), slow_digest(item))


@given(ITEM)
def test_an_item_passes_validation_only_if_each_rule_holds(item: JsonObject) -> None:
    found = [finding.code for finding in validate_draft(draft_of(encode(item)))]
    broken = check_item(json.loads(encode(item)))
    assert len(found) >= len(broken)
    assert bool(found) == bool(broken) or item["type"] == "function_call"


def test_what_only_looks_plain_is_taken_apart() -> None:
    for item in PLAIN:
        body = encode(item)
        assert validate_draft(draft_of(body)) == []
        text = item["content"][0]["text"]
        for wrong in (
            body.replace(b"_text", b"_image"),
            body.replace(b"}]}", b"}]"),
            encode({**item, "role": "system" if item["role"] == "assistant" else "assistant"}),
            encode({**item, "content": [{**item["content"][0], "text": ""}]}),
            encode({**item, "content": [{**item["content"][0], "text": text + "\x00"}]}),
            encode({**item, "content": [{**item["content"][0], "text": "x" * (MAX_TEXT + 1)}]}),
            body.replace(b'"text":"', b'"text":"\\ud800'),
        ):
            assert validate_draft(draft_of(wrong)), wrong[:80]


@given(SPOKEN | messages(), st.sampled_from(OPTIONS))
def test_a_message_becomes_what_it_becomes_part_by_part(one: Message, options: ConvertOptions) -> None:
    short, long = DraftBuilder("thread_1", options), DraftBuilder("thread_1", options)
    convert_message(one, short)
    convert_parts(one, long)
    assert written(short) == written(long)


def test_a_plain_text_is_kept_whatever_signs_it_holds() -> None:
    for words in ("hello", 'a "b" \\ ü', "cited 【4:0†source】", "\u2028\x7f\t"):
        draft = DraftBuilder("thread_1", ConvertOptions())
        convert_message(message(text(words), role="user"), draft)
        assert (draft.ledger.kept, draft.findings) == (1, [])
        assert json.loads(draft.items[0].body)["content"] == [{"type": "input_text", "text": words}]


@given(st.floats(-62_135_596_800.0, 253_402_300_799.0) | st.integers(-62_135_596_800, 253_402_300_799))
def test_a_time_is_spelt_as_the_calendar_library_spells_it(seconds: float) -> None:
    assert iso_time(seconds) == datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
