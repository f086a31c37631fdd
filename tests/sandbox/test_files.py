"""Files over HTTP: upload, metadata, content, list, delete, and naming them in items."""

from __future__ import annotations

from typing import Any

import httpx2
import openai as sdk
import pytest
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions
from openai import OpenAI


def upload(http: httpx2.Client, purpose: str = "vision", content: bytes = b"bytes", name: str = "a.bin") -> Any:
    return http.post("/files", data={"purpose": purpose}, files={"file": (name, content)}).json()


def test_the_official_client_uploads_reads_and_deletes_a_file(openai: OpenAI) -> None:
    made = openai.files.create(file=("notes.txt", b"hello"), purpose="vision")
    assert (made.filename, made.bytes, made.purpose, made.status) == ("notes.txt", 5, "vision", "processed")
    assert openai.files.retrieve(made.id) == made
    assert openai.files.content(made.id).read() == b"hello"
    assert openai.files.delete(made.id).deleted
    with pytest.raises(sdk.NotFoundError):
        openai.files.retrieve(made.id)


@pytest.mark.parametrize("purpose", ["assistants", "user_data"])
def test_files_of_some_purposes_cannot_be_downloaded(http: httpx2.Client, purpose: str) -> None:
    answer = http.get(f"/files/{upload(http, purpose)['id']}/content")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"Not allowed to download files of purpose: {purpose}"


def test_a_file_of_several_chunks_comes_back_whole(http: httpx2.Client) -> None:
    content = bytes(range(256)) * 10_000
    made = upload(http, content=content)
    assert made["bytes"] == len(content)
    assert http.get(f"/files/{made['id']}/content").content == content


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ({"purpose": "vision"}, {}),
        ({}, {"file": ("a", b"x")}),
        ({"purpose": "holiday"}, {"file": ("a", b"x")}),
        ({"purpose": "assistants_output"}, {"file": ("a", b"x")}),
        ({"purpose": "vision"}, {"file": ("a", b"")}),
        ({"purpose": "vision", "expires_after[seconds]": "60"}, {"file": ("a", b"x")}),
        (
            {"purpose": "vision", "expires_after[anchor]": "created_at", "expires_after[seconds]": "60"},
            {"file": ("a", b"x")},
        ),
    ],
)
def test_a_bad_upload_is_a_400(http: httpx2.Client, data: dict[str, str], files: dict[str, Any]) -> None:
    answer = http.post("/files", data=data, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_a_file_can_be_told_to_expire(openai: OpenAI) -> None:
    made = openai.files.create(
        file=("a", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600


def test_a_file_over_the_limit_is_a_413_and_leaves_nothing(start: Any) -> None:
    _, http = start(SandboxOptions(max_file_bytes=100))
    assert http.post("/files", data={"purpose": "vision"}, files={"file": ("a", b"x" * 101)}).status_code == 413
    assert http.get("/files").json()["data"] == []


def test_a_folder_in_a_filename_is_left_out(http: httpx2.Client) -> None:
    assert upload(http, name="../../etc/passwd")["filename"] == "passwd"


def test_files_are_listed_by_purpose_in_pages(start: Any) -> None:
    _, http = start()
    made = [upload(http, purpose)["id"] for purpose in ("vision", "user_data", "vision")]
    assert [file["id"] for file in http.get("/files").json()["data"]] == made[::-1]
    page = http.get("/files?purpose=vision&limit=1&order=asc").json()
    assert ([file["id"] for file in page["data"]], page["has_more"]) == ([made[0]], True)
    rest = http.get("/files", params={"purpose": "vision", "order": "asc", "after": made[0]}).json()
    assert ([file["id"] for file in rest["data"]], rest["has_more"]) == ([made[2]], False)


def test_a_strict_sandbox_wants_files_to_be_uploaded_first(start: Any) -> None:
    _, http = start(SandboxOptions(known_files=FileIdCheck.STRICT))

    def create(file_id: str) -> int:
        part = {"type": "input_file", "file_id": file_id}
        status: int = http.post("/conversations", json={"items": [{"role": "user", "content": [part]}]}).status_code
        return status

    assert create("file-elsewhere") == 400
    assert create(upload(http)["id"]) == 200
