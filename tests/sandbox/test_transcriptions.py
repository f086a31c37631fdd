"""`/audio/transcriptions`: the same text for the same file, and the real service's refusals."""

from __future__ import annotations

import hashlib

import httpx2
import pytest
from openai import BadRequestError, OpenAI

SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt "


def test_the_official_client_gets_a_text_that_tells_of_the_file(openai: OpenAI) -> None:
    answer = openai.audio.transcriptions.create(file=("memo.wav", SOUND), model="gpt-transcribe")
    digest = hashlib.sha256(SOUND).hexdigest()[:12]
    assert answer.text == f"transcript of memo.wav, {len(SOUND)} bytes, sha256 {digest}"


def test_text_is_answered_where_it_is_asked_for(openai: OpenAI) -> None:
    answer = openai.audio.transcriptions.create(
        file=("memo.wav", SOUND), model="gpt-transcribe", response_format="text"
    )
    assert str(answer).startswith("transcript of memo.wav")


@pytest.mark.parametrize("name", ["memo.aiff", "memo", "memo.txt"])
def test_a_type_that_is_not_transcribed_is_refused(openai: OpenAI, name: str) -> None:
    with pytest.raises(BadRequestError, match="Unrecognized file format"):
        openai.audio.transcriptions.create(file=(name, SOUND), model="gpt-transcribe")


def test_an_unknown_model_an_empty_file_and_a_missing_field_are_refused(http: httpx2.Client) -> None:
    url = "/audio/transcriptions"
    sound = {"file": ("memo.wav", SOUND)}
    assert http.post(url, files=sound, data={"model": "listener"}).status_code == 404
    assert http.post(url, files={"file": ("memo.wav", b"")}, data={"model": "whisper-1"}).status_code == 400
    assert http.post(url, files=sound).json()["error"]["param"] == "model"
    assert http.post(url, files={"other": ("a", b"b")}, data={"model": "whisper-1"}).json()["error"]["param"] == "file"


def test_a_file_over_the_limit_is_refused(http: httpx2.Client) -> None:
    answer = http.post(
        "/audio/transcriptions", files={"file": ("memo.wav", bytes(26_214_401))}, data={"model": "gpt-transcribe"}
    )
    assert answer.status_code == 413
    assert "Maximum content size limit (26214400) exceeded" in answer.json()["error"]["message"]
