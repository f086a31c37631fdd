from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.convert.file_references import FilePlace, files_of
from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.convert.options import Attachments, ConvertOptions, FileFact, FileFacts
from migrate_cli.convert.sniff import sniff
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Attachment, Draft

from support.threads import bodies, codes, message, said, text, thread


def convert(*attachments: Attachment, role: str = "user", facts: FileFacts | None = None, **settings: Any) -> Draft:
    source = thread(message("See file.", role=role, attachments=attachments))
    return convert_thread(source, ConvertOptions(**settings), facts or {})


def named(name: str, **fields: Any) -> dict[str, FileFact]:
    return {"file-a": FileFact(filename=name, **fields)}


def content(draft: Draft) -> list[dict[str, Any]]:
    [body] = bodies(draft)
    parts: list[dict[str, Any]] = body["content"]
    return parts[1:]


FILE = Attachment("file-a", ("file_search",))


def test_a_document_becomes_an_input_file_and_that_it_is_read_now_is_said() -> None:
    draft = convert(FILE, facts=named("report.PDF"))
    assert content(draft) == [{"type": "input_file", "file_id": "file-a"}]
    assert codes(draft) == ["attachment-now-in-prompt"]


def test_an_attached_image_becomes_an_input_image() -> None:
    assert content(convert(FILE, facts=named("cat.jpeg")))[0]["type"] == "input_image"


def test_audio_becomes_its_transcript_or_a_text_that_names_it() -> None:
    assert content(convert(FILE, facts=named("call.mp3", transcript="Hello.")))[0]["text"] == (
        "[Transcript of call.mp3:]\nHello."
    )
    draft = convert(FILE, facts=named("call.mp3", reason="26 MB"))
    assert said(draft)[1] == ("[Attached file: call.mp3 (file-a), attached for file_search; audio, not transcribed]")
    assert codes(draft) == ["audio-not-transcribed"]


def test_an_archive_is_named_in_a_text() -> None:
    draft = convert(FILE, facts=named("all.tar.gz"))
    assert said(draft)[1] == "[Attached file: all.tar.gz (file-a), attached for file_search]"
    assert codes(draft) == ["attachment-type-refused"]


def test_the_content_outweighs_the_name() -> None:
    assert content(convert(FILE, facts=named("cat.bin", media_type="image/png")))[0]["type"] == "input_image"


def test_a_file_of_unknown_kind_is_named_unless_the_user_says_otherwise() -> None:
    assert codes(convert(FILE)) == ["attachment-type-unknown"]
    assert said(convert(FILE))[1] == "[Attached file: file-a, attached for file_search]"
    trusting = convert(FILE, attachments=Attachments.INPUT_FILE)
    assert content(trusting) == [{"type": "input_file", "file_id": "file-a"}]


def test_a_missing_file_is_told_in_words() -> None:
    draft = convert(FILE, facts=named("report.pdf", status="missing"))
    assert said(draft)[1].endswith("report.pdf (file-a), attached for file_search; the file no longer exists]")
    assert codes(draft) == ["attachment-file-missing"]


def test_an_uploaded_file_is_sent_under_its_new_id() -> None:
    draft = convert(FILE, facts=named("a.py", status="uploaded", target_id="file-new"))
    assert content(draft) == [{"type": "input_file", "file_id": "file-new"}]


def test_a_file_of_50_megabytes_is_too_large() -> None:
    assert codes(convert(FILE, facts=named("a.pdf", bytes=50_000_000))) == ["attachment-too-large"]
    assert content(convert(FILE, facts=named("a.pdf", bytes=49_999_999)))[0]["type"] == "input_file"


@pytest.mark.parametrize(
    ("attachment", "code"),
    [(Attachment(None), "attachment-without-id"), (Attachment("not an id"), "file-id-invalid")],
)
def test_an_attachment_without_a_usable_id_is_told(attachment: Attachment, code: str) -> None:
    draft = convert(attachment)
    assert codes(draft) == [code]
    assert said(draft)[1].startswith("[Attached file:")


def test_the_same_file_twice_is_sent_once() -> None:
    draft = convert(FILE, FILE, facts=named("a.pdf"))
    assert len(content(draft)) == 1
    assert "attachment-repeated" in codes(draft)
    assert draft.ledger.converted == 2


def test_an_image_in_the_text_and_in_the_attachments_is_sent_once() -> None:
    part = {"type": "image_file", "image_file": {"file_id": "file-a"}}
    draft = convert_thread(thread(message(part, attachments=(FILE,))), facts=named("cat.png"))
    assert [part["type"] for part in bodies(draft)[0]["content"]] == ["input_image"]


def test_an_assistants_file_is_named_and_its_image_follows_in_a_note() -> None:
    assert said(convert(FILE, role="assistant", facts=named("a.csv")))[1].startswith("[Attached file: a.csv")
    pictured = convert(FILE, role="assistant", facts=named("plot.png"))
    assert [body["role"] for body in bodies(pictured)] == ["assistant", "user"]


def test_attachments_with_their_tools_are_set_aside() -> None:
    raw = {"file_id": "file-a", "tools": [{"type": "file_search"}], "odd": 1}
    draft = convert(Attachment("file-a", ("file_search",), raw), Attachment("file-b", ("code_interpreter",)))
    assert [fact.value for fact in draft.aside if fact.name == "attachments"] == [
        [raw, {"file_id": "file-b", "tools": [{"type": "code_interpreter"}]}]
    ]


def test_a_message_with_only_attachments_is_not_empty() -> None:
    draft = convert_thread(thread(message(attachments=(FILE,))))
    assert len(draft.items) == 1


@pytest.mark.parametrize(
    ("name", "media", "kind"),
    [
        ("a.JPG", None, MediaKind.IMAGE),
        ("notes", None, MediaKind.UNKNOWN),
        ("Dockerfile", None, MediaKind.DOCUMENT),
        ("dir/x.ts", None, MediaKind.DOCUMENT),
        ("a.webm", None, MediaKind.REFUSED),
        ("a.webm", "audio/webm", MediaKind.AUDIO),
        ("a.xyz", "text/plain; charset=utf-8", MediaKind.DOCUMENT),
        ("a.pdf", "application/octet-stream", MediaKind.DOCUMENT),
        (None, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", MediaKind.DOCUMENT),
        (None, None, MediaKind.UNKNOWN),
        ("a.docx", "application/zip", MediaKind.DOCUMENT),
        ("a.m4a", "video/mp4", MediaKind.AUDIO),
        ("a.txt", "application/zip", MediaKind.DOCUMENT),
        ("a.pdf", "application/gzip", MediaKind.REFUSED),
    ],
)
def test_kinds_of_files(name: str | None, media: str | None, kind: MediaKind) -> None:
    assert kind_of(name, media) is kind


@pytest.mark.parametrize(
    ("head", "media"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"PK\x03\x04" + b"\x00" * 26 + b"[Content_Types].xml", "application/vnd.openxmlformats-officedocument"),
        (
            b"PK\x03\x04" + b"\x00" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.textPK\x03\x04",
            "application/vnd.oasis.opendocument.text",
        ),
        (b"PK\x03\x04" + b"\x00" * 26 + b"a.txt", "application/zip"),
        ("Grüße".encode()[:-1], "text/plain"),
        (b"BMW is a car", "text/plain"),
        (b"BM\x00\x01", "image/bmp"),
        ("hi".encode("utf-16"), "text/plain"),
        (b"\x80\x81\x00", None),
        (b"", None),
    ],
)
def test_media_types_are_told_from_the_first_bytes(head: bytes, media: str | None) -> None:
    assert sniff(head) == media


def test_the_files_of_a_thread_are_listed_once_for_each_place() -> None:
    image = {"type": "image_file", "image_file": {"file_id": "file-i"}}
    citation = {"type": "file_citation", "file_citation": {"file_id": "file-c"}}
    answer = text("hi", citation, citation, None, {"type": "url_citation", "url_citation": {"url": "u"}})
    source = thread(message(image, answer, attachments=(FILE, Attachment(None))), message(image, id="msg_2"))
    assert list(files_of(source)) == [
        ("file-i", FilePlace.IMAGE, "msg_1"),
        ("file-c", FilePlace.CITATION, "msg_1"),
        ("file-a", FilePlace.ATTACHMENT, "msg_1"),
    ]
