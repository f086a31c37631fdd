from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.limits import MAX_IMAGE_URL, MAX_TEXT
from migrate_cli.convert.options import ConvertOptions, FileFact, Incomplete, Timestamps
from migrate_cli.convert.thread import convert_thread

from support.threads import bodies, codes, message, said, text, thread

IMAGE = {"type": "image_file", "image_file": {"file_id": "file-cat", "detail": "low"}}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def test_a_users_text_becomes_input_text_to_the_letter() -> None:
    draft = convert_thread(thread(message("  Grüße,\r\n\tworld 【4:0†a.txt】 ")))
    assert bodies(draft) == [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "  Grüße,\r\n\tworld 【4:0†a.txt】 "}],
        }
    ]
    assert draft.items[0].message_id == "msg_1"
    assert draft.items[0].kind == "message"


def test_an_assistants_text_and_refusal_keep_their_order() -> None:
    parts = ("I cannot", {"type": "refusal", "refusal": "No."}, "but")
    [body] = bodies(convert_thread(thread(message(*parts, role="assistant"))))
    assert [part["type"] for part in body["content"]] == ["output_text", "refusal", "output_text"]
    assert body["content"][0]["annotations"] == []


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_system_message_holds_text_only_and_says_where_an_image_stood(role: str) -> None:
    draft = convert_thread(thread(message("Be brief.", IMAGE, role=role)))
    assert {part["type"] for part in bodies(draft)[0]["content"]} == {"input_text"}
    assert said(draft) == ["Be brief.", "[Image: file-cat]"]
    assert codes(draft) == ["part-not-allowed-for-role"]


def test_an_image_of_a_user_is_sent_by_file_id_or_url_with_its_detail() -> None:
    [body] = bodies(convert_thread(thread(message(IMAGE, image("https://example.com/a.png")))))
    assert body["content"] == [
        {"type": "input_image", "file_id": "file-cat", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "high"},
    ]


def test_an_image_of_an_assistant_follows_its_answer_in_a_note() -> None:
    draft = convert_thread(thread(message("Here:", IMAGE, role="assistant"), message("Nice", id="msg_2")))
    assert [item.kind for item in draft.items] == ["message", "note", "message"]
    assert bodies(draft)[1]["role"] == "user"
    assert bodies(draft)[1]["content"][1] == {"type": "input_image", "file_id": "file-cat", "detail": "low"}
    assert draft.items[1].message_id == "msg_1"


def test_an_uploaded_image_is_named_by_its_new_id() -> None:
    facts = {"file-cat": FileFact(status="uploaded", target_id="file-new")}
    [body] = bodies(convert_thread(thread(message(IMAGE)), facts=facts))
    assert body["content"][0]["file_id"] == "file-new"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,hi",
        "ftp://a/b.png",
        "https://exa mple/",
        "cat.png",
        "",
    ],
)
def test_urls_that_the_target_refuses_become_a_text(url: str) -> None:
    draft = convert_thread(thread(message(image(url))))
    assert codes(draft) == ["image-url-refused"]
    assert said(draft)[0].startswith("[Image that could not be carried:")


def test_a_data_url_of_30_megabytes_becomes_a_text_without_the_data() -> None:
    draft = convert_thread(thread(message(image("data:image/png;base64," + "A" * 30_000_000))))
    assert codes(draft) == ["image-too-large"]
    assert said(draft) == ["[Image that was too large to carry: a URL of 30,000,022 characters.]"]


def test_a_data_url_at_the_limit_is_carried() -> None:
    start = "data:image/png;base64,"
    [body] = bodies(convert_thread(thread(message(image(start + "A" * (MAX_IMAGE_URL - len(start)))))))
    assert len(body["content"][0]["image_url"]) == MAX_IMAGE_URL


def test_a_text_of_12_megabytes_is_split_without_losing_a_character() -> None:
    long = "äb" * 6_000_000
    draft = convert_thread(thread(message(long)))
    assert "".join(said(draft)) == long
    assert [len(part) for part in said(draft)] == [MAX_TEXT, len(long) - MAX_TEXT]
    assert codes(draft) == ["text-too-long"]


def test_nul_and_half_a_pair_are_replaced_and_whole_pairs_joined() -> None:
    draft = convert_thread(thread(message("a\x00b", "lone \ud83d", "pair \ud83d\ude00")))
    assert said(draft) == ["a␀b", "lone �", "pair 😀"]
    assert codes(draft) == ["text-nul", "text-lone-surrogate", "text-lone-surrogate"]


def test_an_unknown_part_is_named_in_a_text_and_kept_aside() -> None:
    draft = convert_thread(thread(message("hi", {"type": "hologram", "beam": 1}, 7)))
    assert said(draft)[1:] == [
        "[Part of type hologram that could not be carried.]",
        "[Part of type int that could not be carried.]",
    ]
    assert [(fact.name, fact.value) for fact in draft.aside] == [
        ("unsupported_parts", [{"type": "hologram", "beam": 1}, 7])
    ]


def test_empty_texts_are_never_sent() -> None:
    draft = convert_thread(thread(message("", "hi"), message("", id="msg_2")))
    assert said(draft) == ["hi"]
    assert codes(draft) == ["empty-text", "empty-text", "message-empty"]


def test_a_message_without_a_role_is_an_error_and_one_with_a_strange_role_is_told() -> None:
    draft = convert_thread(thread(message("lost", role=None), message("found", role="tool", id="msg_2")))
    assert said(draft) == ["[Message with the role tool]", "found"]
    assert [(found.code, found.severity.value) for found in draft.findings] == [
        ("message-without-role", "error"),
        ("role-unknown", "warning"),
    ]
    assert draft.items[0].kind == "note"


def test_unfinished_messages_are_kept_or_skipped_by_setting() -> None:
    source = thread(message("hi"), message("half an ans", role="assistant", status="incomplete", id="msg_2"))
    assert len(convert_thread(source).items) == 2
    skipped = convert_thread(source, ConvertOptions(incomplete=Incomplete.SKIP))
    assert len(skipped.items) == 1
    assert codes(skipped) == ["message-incomplete"]


def test_timestamps_stand_in_a_part_of_their_own() -> None:
    source = thread(message("hi", created_at=1699623839), message("undated", id="msg_2"))
    draft = convert_thread(source, ConvertOptions(timestamps=Timestamps.PREFIX))
    assert said(draft) == ["[2023-11-10T13:43:59Z]", "hi", "undated"]


def test_strict_targets_get_assistant_messages_with_id_and_status() -> None:
    source = thread(message("hi"), message("half", role="assistant", status="incomplete", id="msg_2"))
    strict = convert_thread(source, ConvertOptions(strict_assistant=True))
    user, assistant = bodies(strict)
    assert "id" not in user
    assert assistant["id"].startswith("msg_") and assistant["status"] == "incomplete"
    assert assistant["content"][0]["logprobs"] == []
    assert strict.digest == convert_thread(source).digest


def test_a_thread_without_messages_is_skipped_with_its_reason() -> None:
    draft = convert_thread(thread(metadata={"a": "b"}))
    assert draft.skip_reason == "no-messages"
    assert draft.ledger.as_dict() == {"read": 1, "kept": 0, "converted": 0, "noted": 0, "dropped": 1}


def test_a_thread_with_nothing_to_send_is_skipped_and_its_parts_counted() -> None:
    draft = convert_thread(thread(message("", metadata={"a": "b"})))
    assert draft.skip_reason == "nothing-to-send"
    assert draft.ledger.dropped == draft.ledger.read == 2


def test_a_string_in_content_counts_as_text() -> None:
    assert said(convert_thread(thread(message({"type": "text", "text": "plain"}, text("wire"))))) == ["plain", "wire"]


def test_the_digest_of_an_item_is_that_of_its_body() -> None:
    draft = convert_thread(thread(message("hi", IMAGE)))
    assert draft.items[0].digest == digest_of(bodies(draft)[0])
    assert draft.digest.startswith("blake2b-128:")
