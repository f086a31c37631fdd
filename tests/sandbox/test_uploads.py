"""Uploads that are refused, for files and for transcriptions: which field is wrong, and in which words."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.files import EXPIRY_SECONDS

SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt "


def refused(answer: httpx2.Response, status: int) -> tuple[str, str | None, str | None]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return error["message"], error["param"], error["code"]


@pytest.mark.parametrize(
    ("data", "files", "told"),
    [
        (
            {"purpose": "vision"},
            {"other": ("a", b"x")},
            ("Missing required parameter: 'file'.", "file", "missing_required_parameter"),
        ),
        (
            {},
            {"file": ("a", b"x")},
            ("Missing required parameter: 'purpose'.", "purpose", "missing_required_parameter"),
        ),
        ({"purpose": "vision"}, {"file": ("a", b"")}, ("File is empty.", "file", None)),
        (
            {"purpose": "holiday"},
            {"file": ("a", b"x")},
            (
                "'holiday' is not one of 'assistants', 'batch', 'fine-tune', 'vision', 'user_data', and 'evals' - "
                "'purpose'",
                "purpose",
                "invalid_value",
            ),
        ),
    ],
)
def test_a_bad_upload_names_the_field(
    http: httpx2.Client, data: dict[str, str], files: Any, told: tuple[str, str | None, str | None]
) -> None:
    assert refused(http.post("/files", data=data, files=files), 400) == told


@pytest.mark.parametrize("seconds", [EXPIRY_SECONDS[0] - 1, EXPIRY_SECONDS[1] + 1, "soon"])
def test_an_expiry_out_of_bounds_is_refused(http: httpx2.Client, seconds: object) -> None:
    data = {"purpose": "vision", "expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}
    message, _, _ = refused(http.post("/files", data=data, files={"file": ("a", b"x")}), 400)
    assert message.startswith("Invalid 'expires_after")


@pytest.mark.parametrize("seconds", EXPIRY_SECONDS)
def test_an_expiry_at_its_bounds_is_taken(http: httpx2.Client, seconds: int) -> None:
    data = {"purpose": "vision", "expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}
    made = http.post("/files", data=data, files={"file": ("a", b"x")}).json()
    assert made["expires_at"] - made["created_at"] == seconds


def test_a_file_shows_the_fields_of_the_service(http: httpx2.Client) -> None:
    made = http.post("/files", data={"purpose": "vision"}, files={"file": ("a.bin", b"12345")}).json()
    assert (made["object"], made["bytes"], made["filename"], made["status"]) == ("file", 5, "a.bin", "processed")
    assert (made["expires_at"], made["status_details"]) == (None, None)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/content")])
def test_an_unknown_file_is_a_404_that_names_it(http: httpx2.Client, method: str, path: str) -> None:
    told = refused(http.request(method, f"/files/file-none{path}"), 404)
    assert told == ("No such File object: file-none", "id", None)


def test_a_list_after_an_unknown_file_is_a_404(http: httpx2.Client) -> None:
    assert refused(http.get("/files?after=file-none"), 404)[0] == "No such File object: file-none"


@pytest.mark.parametrize("path", ["/files", "/audio/transcriptions"])
def test_a_body_that_is_no_form_is_a_400(http: httpx2.Client, path: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=edge"}
    message, _, _ = refused(http.post(path, content=b"no form at all", headers=headers), 400)
    assert message.startswith("Could not parse multipart form: ")


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        ({"model": "listener"}, "memo.wav", ("The model 'listener' does not exist.", "model", "model_not_found")),
        ({}, "memo.wav", ("Missing required parameter: 'model'.", "model", "missing_required_parameter")),
        (
            {"model": "whisper-1", "response_format": "srt"},
            "memo.wav",
            ("response_format 'srt' is not compatible with model 'whisper-1'.", "response_format", None),
        ),
        (
            {"model": "whisper-1"},
            "memo.aiff",
            (
                "Unrecognized file format. Supported formats: 'flac', 'm4a', 'mp3', 'mp4', 'mpeg', 'mpga', 'oga', "
                "'ogg', 'wav', and 'webm'",
                "file",
                None,
            ),
        ),
    ],
)
def test_a_bad_transcription_names_the_field(
    http: httpx2.Client, data: dict[str, str], name: str, told: tuple[str, str | None, str | None]
) -> None:
    status = 404 if told[2] == "model_not_found" else 400
    answer = http.post("/audio/transcriptions", data=data, files={"file": (name, SOUND)})
    assert refused(answer, status) == told


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1"])
def test_each_model_transcribes_and_the_case_of_an_ending_does_not_matter(http: httpx2.Client, model: str) -> None:
    answer = http.post("/audio/transcriptions", data={"model": model}, files={"file": ("MEMO.WAV", SOUND)})
    assert answer.json()["text"].startswith(f"transcript of MEMO.WAV, {len(SOUND)} bytes, sha256 ")


def test_another_recording_gets_another_text(http: httpx2.Client) -> None:
    texts = {
        http.post("/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", sound)}).text
        for sound in (SOUND, SOUND[:-1] + b"!")
    }
    assert len(texts) == 2
