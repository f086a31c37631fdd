from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.options import (
    AssistantImages,
    Attachments,
    Citations,
    ConvertOptions,
    FileFact,
    FileFacts,
    Incomplete,
    ProgressMessages,
    Tail,
    Timestamps,
    ToolCalls,
)
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.text import tidy
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.findings import CATALOGUE
from migrate_cli.model import Thread

from support.threads import ids, texts, threads

options = st.just(ConvertOptions()) | st.builds(
    ConvertOptions,
    attachments=st.sampled_from(Attachments),
    tool_calls=st.sampled_from(ToolCalls),
    assistant_images=st.sampled_from(AssistantImages),
    citations=st.sampled_from(Citations),
    timestamps=st.sampled_from(Timestamps),
    incomplete=st.sampled_from(Incomplete),
    progress_messages=st.sampled_from(ProgressMessages),
    message_characters=st.sampled_from([None, None, 50]),
    tail=st.one_of(
        st.none(), st.builds(Tail, st.one_of(st.none(), st.integers(1, 4)), st.one_of(st.none(), st.integers(1, 99)))
    ),
    strict_assistant=st.booleans(),
    native_builtin=st.booleans(),
)
facts: st.SearchStrategy[FileFacts] = st.just({}) | st.dictionaries(
    ids,
    st.builds(
        FileFact,
        status=st.sampled_from(["unknown", "missing", "present", "uploaded"]),
        target_id=st.one_of(st.none(), st.just("file-new")),
        filename=st.one_of(st.none(), texts, st.sampled_from(["a.pdf", "b.png", "c.mp3", "d.zip"])),
        bytes=st.one_of(st.none(), st.sampled_from([10, 60_000_000])),
        media_type=st.sampled_from([None, "application/pdf", "audio/mpeg", "image/png", "x/y"]),
        transcript=st.one_of(st.none(), texts),
        reason=st.one_of(st.none(), st.just("not found")),
    ),
    max_size=3,
)
many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(threads(), options, facts)
def test_every_part_has_exactly_one_fate(thread: Thread, options: ConvertOptions, facts: FileFacts) -> None:
    draft = convert_thread(thread, options, facts)
    assert draft.ledger.read == count_parts(thread)
    assert draft.ledger.balanced


@many
@given(threads(), options, facts)
def test_no_item_breaks_a_rule_and_calls_are_always_paired(
    thread: Thread, options: ConvertOptions, facts: FileFacts
) -> None:
    draft = convert_thread(thread, options, facts)
    assert validate_draft(draft, options.message_characters) == []
    bodies = [json.loads(item.body) for item in draft.items]
    assert [digest_of(body) for body in bodies] == [item.digest for item in draft.items]
    for (call, _), (output, joined) in pairwise([*zip(bodies, draft.items, strict=True), ({}, None)]):
        if call["type"] == "function_call":
            assert output["type"] == "function_call_output" and output["call_id"] == call["call_id"]
            assert joined is not None and joined.joined


@many
@given(threads(), options, facts)
def test_converting_twice_gives_the_same_draft(thread: Thread, options: ConvertOptions, facts: FileFacts) -> None:
    assert convert_thread(thread, options, facts) == convert_thread(thread, options, facts)


@many
@given(threads(), st.sampled_from(Citations))
def test_every_text_of_a_user_is_found_again(thread: Thread, policy: Citations) -> None:
    draft = convert_thread(thread, ConvertOptions(citations=policy))
    sent = "\n".join(
        part["text"]
        for item in draft.items
        for part in json.loads(item.body).get("content", ())
        if part["type"] == "input_text"
    )
    for message in thread.messages:
        for part in message.content if message.role == "user" else ():
            inner = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
            value = inner.get("value") if isinstance(inner, dict) else inner
            if isinstance(value, str):
                assert tidy(value)[0] in sent


@many
@given(threads(), options)
def test_what_is_not_kept_is_said(thread: Thread, options: ConvertOptions) -> None:
    draft = convert_thread(thread, options)
    departed = draft.ledger.converted + draft.ledger.noted + draft.ledger.dropped
    assert bool(departed) <= bool(draft.findings)
    assert {found.code for found in draft.findings} <= CATALOGUE.keys()
