"""Which audio is sent to transcription, under which name."""

from __future__ import annotations

import pytest
from migrate_cli.convert.model_catalogue import transcription_model_going as going
from migrate_cli.files.audio import EXTENSIONS, MAX_AUDIO_BYTES, refusal, sent_name


@pytest.mark.parametrize("ending", EXTENSIONS)
def test_every_type_that_the_service_takes_is_sent(ending: str) -> None:
    assert refusal(f"memo.{ending}", 10, None) is None


@pytest.mark.parametrize(
    ("name", "media_type", "sent"),
    [
        ("memo.MP3", "audio/mpeg", "memo.MP3"),
        ("file-abc", "audio/wav", "file-abc.wav"),
        ("file-abc", "audio/mp4", "file-abc.m4a"),
        ("file-abc", None, None),
        ("memo.aiff", None, None),
        ("memo.mp3", "text/plain", None),
        ("memo.mp3", "application/pdf", None),
        ("memo.txt", "audio/mpeg", None),
    ],
)
def test_the_name_tells_the_type_but_content_may_object(name: str, media_type: str | None, sent: str | None) -> None:
    assert sent_name(name, media_type) == sent


def test_what_is_not_sent_says_why() -> None:
    assert refusal("memo.mp3", 0, None) == "it is empty"
    assert "26,000,000" in (refusal("memo.mp3", 26_000_000, None) or "")
    assert "aiff" in (refusal("memo.aiff", 10, None) or "")
    assert "text/plain" in (refusal("memo.mp3", 10, "text/plain") or "")
    assert "no known type" in (refusal("memo", 10, None) or "")
    assert refusal("memo.mp3", MAX_AUDIO_BYTES, None) is None


def test_older_models_have_a_date_and_the_default_has_none() -> None:
    for model in ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15"):
        end = going(model)
        assert end is not None
        assert end.date == "2027-02-26"
    assert going("gpt-transcribe") is None
