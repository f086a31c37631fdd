"""What has to be done for a file, by policy, place and what is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from migrate_cli.convert.file_references import FilePlace
from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.convert.options import Attachments, Citations, ConvertOptions, Files
from migrate_cli.files.local import LocalFile
from migrate_cli.files.needs import FilePolicy, Need, purpose_of, too_large
from migrate_cli.model import FileRecord, Status
from migrate_cli.sources.interface import FileInfo

KEEP = FilePolicy(ConvertOptions())
UPLOAD = FilePolicy(ConvertOptions(files=Files.UPLOAD))


def here(name: str, size: int = 10) -> LocalFile:
    return LocalFile(Path(name), name, size, None, kind_of(name))


def info(name: str) -> FileInfo:
    return FileInfo("file-1", name, 10, None, Path(name))


@pytest.mark.parametrize("place", [FilePlace.ATTACHMENT, FilePlace.IMAGE])
def test_kept_ids_are_checked_unless_there_is_nobody_to_ask(place: FilePlace) -> None:
    assert KEEP.need(place, None, None) is Need.CHECK
    assert FilePolicy(ConvertOptions(), check=False).need(place, None, None) is Need.NOTHING


def test_cited_files_are_asked_for_only_where_their_names_are_used() -> None:
    assert KEEP.need(FilePlace.CITATION, None, None) is Need.NOTHING
    footnotes = FilePolicy(ConvertOptions(citations=Citations.FOOTNOTES))
    assert footnotes.need(FilePlace.CITATION, None, None) is Need.CHECK


def test_uploads_need_bytes_and_a_kind_that_is_sent() -> None:
    assert UPLOAD.need(FilePlace.ATTACHMENT, info("a.pdf"), here("a.pdf")) is Need.UPLOAD
    assert UPLOAD.need(FilePlace.IMAGE, info("a.png"), here("a.png")) is Need.UPLOAD
    assert UPLOAD.need(FilePlace.ATTACHMENT, FileInfo("file-1", "a.pdf"), None) is Need.LACKING
    assert UPLOAD.need(FilePlace.ATTACHMENT, info("a.zip"), here("a.zip")) is Need.NOTHING
    assert UPLOAD.need(FilePlace.ATTACHMENT, info("a.mp3"), here("a.mp3")) is Need.NOTHING
    assert UPLOAD.need(FilePlace.ATTACHMENT, info("a.pdf"), here("a.pdf", 50_000_000)) is Need.NOTHING
    assert UPLOAD.need(FilePlace.CITATION, info("a.pdf"), here("a.pdf")) is Need.NOTHING
    notes = FilePolicy(ConvertOptions(files=Files.UPLOAD, attachments=Attachments.NOTE))
    assert notes.need(FilePlace.ATTACHMENT, info("a.pdf"), here("a.pdf")) is Need.NOTHING


def test_audio_is_transcribed_where_its_bytes_are_there_and_only_as_an_attachment() -> None:
    policy = FilePolicy(ConvertOptions(), transcribe=True)
    assert policy.need(FilePlace.ATTACHMENT, info("a.mp3"), here("a.mp3")) is Need.TRANSCRIBE
    assert policy.need(FilePlace.ATTACHMENT, FileInfo("file-1", "a.mp3"), None) is Need.CHECK
    assert policy.need(FilePlace.IMAGE, info("a.mp3"), here("a.mp3")) is Need.CHECK
    assert KEEP.need(FilePlace.ATTACHMENT, info("a.mp3"), here("a.mp3")) is Need.CHECK


@pytest.mark.parametrize(
    ("policy", "record", "settled"),
    [
        (KEEP, None, False),
        (KEEP, FileRecord(Status.PRESENT), True),
        (KEEP, FileRecord(Status.MISSING), True),
        (UPLOAD, FileRecord(Status.MISSING), False),
        (UPLOAD, FileRecord(Status.UPLOADED, "file-2"), True),
        (UPLOAD, FileRecord(Status.REFUSED), False),
        (UPLOAD, FileRecord(Status.REFUSED, sha256="00"), True),
        (FilePolicy(ConvertOptions(), check=False), None, True),
    ],
)
def test_what_the_target_answered_lasts_and_what_this_disk_lacked_is_looked_at_again(
    policy: FilePolicy, record: FileRecord | None, settled: bool
) -> None:
    assert policy.settled(record, None) is settled


def test_limits_are_known_before_anything_is_sent() -> None:
    assert too_large(here("a.png", 49_999_999)) is None
    assert "50,000,000" in (too_large(here("a.png", 50_000_000)) or "")
    assert too_large(here("a.data", 511_999_999)) is None
    assert "512,000,000" in (too_large(here("a.data", 512_000_000)) or "")
    assert too_large(here("a.png", 0)) == "it is empty"


def test_the_purpose_follows_kind_and_host() -> None:
    assert purpose_of(MediaKind.IMAGE, "openai") == "vision"
    assert purpose_of(MediaKind.DOCUMENT, "openai") == "user_data"
    assert purpose_of(MediaKind.IMAGE, "azure") == purpose_of(MediaKind.DOCUMENT, "foundry") == "assistants"


def test_files_of_the_code_interpreter_are_of_any_kind_and_only_the_limit_of_uploads_counts() -> None:
    for name in ("a.zip", "a.mp3", "a.csv"):
        assert UPLOAD.need(FilePlace.RESOURCE, info(name), here(name, 60_000_000)) is Need.UPLOAD
    assert UPLOAD.need(FilePlace.RESOURCE, None, None) is Need.LACKING
    assert KEEP.need(FilePlace.RESOURCE, info("a.csv"), here("a.csv")) is Need.NOTHING
    assert too_large(here("a.csv", 60_000_000)) is not None
    assert too_large(here("a.csv", 60_000_000), aside=True) is None
    assert too_large(here("a.csv", 512_000_000), aside=True) is not None
