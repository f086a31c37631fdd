"""What a sandbox still knows after it was stopped and started again on the same data file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions

Lives = Iterator[httpx2.Client]


@pytest.fixture
def lives(tmp_path: Path, start: Any) -> Lives:
    """One client after another, each to a new server over the same data file."""

    def each() -> Lives:
        while True:
            sandbox, http = start(data=tmp_path / "kept.db")
            yield http
            sandbox.stop()

    return each()


def test_conversations_keep_metadata_items_ids_and_order(lives: Lives, user: Any) -> None:
    http = next(lives)
    made = http.post("/conversations", json={"metadata": {"a": "1"}, "items": [user("first")]}).json()
    http.post(f"/conversations/{made['id']}/items", json={"items": [user("second"), user("third")]})
    before = http.get(f"/conversations/{made['id']}/items?order=asc").json()
    http = next(lives)
    assert http.get(f"/conversations/{made['id']}").json() == made
    assert http.get(f"/conversations/{made['id']}/items?order=asc").json() == before
    http.post(f"/conversations/{made['id']}/items", json={"items": [user("fourth")]})
    found = http.get(f"/conversations/{made['id']}/items?order=asc").json()["data"]
    assert [item["content"][0]["text"] for item in found] == ["first", "second", "third", "fourth"]
    assert len({item["id"] for item in found}) == 4


def test_what_was_deleted_stays_deleted(lives: Lives, user: Any) -> None:
    http = next(lives)
    gone, kept = (http.post("/conversations", json={"items": [user("a"), user("b")]}).json()["id"] for _ in range(2))
    item = http.get(f"/conversations/{kept}/items").json()["first_id"]
    http.delete(f"/conversations/{gone}")
    http.delete(f"/conversations/{kept}/items/{item}")
    http = next(lives)
    assert http.get(f"/conversations/{gone}").status_code == 404
    assert len(http.get(f"/conversations/{kept}/items").json()["data"]) == 1


def test_files_keep_their_bytes(lives: Lives) -> None:
    http = next(lives)
    made = http.post("/files", data={"purpose": "vision"}, files={"file": ("a.bin", b"\0bytes")}).json()
    http = next(lives)
    assert http.get(f"/files/{made['id']}").json() == made
    assert http.get(f"/files/{made['id']}/content").content == b"\0bytes"


def test_hidden_fields_stay_hidden_and_can_still_be_asked_for(lives: Lives) -> None:
    http = next(lives)
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/cat.png"}]}
    made = http.post("/conversations", json={"items": [image]}).json()["id"]
    http = next(lives)
    path, wanted = f"/conversations/{made}/items", "include[]=message.input_image.image_url"
    assert http.get(path).json()["data"][0]["content"][0]["image_url"] is None
    assert http.get(f"{path}?{wanted}").json()["data"][0]["content"][0]["image_url"] == "https://a.example/cat.png"


def test_faults_belong_to_a_server_and_not_to_its_data(tmp_path: Path, start: Any) -> None:
    data = tmp_path / "kept.db"
    faulty, http = start(SandboxOptions(faults=plan_from_specs(["create:500"])), data=data)
    assert http.post("/conversations", json={}).status_code == 500
    faulty.stop()
    _, http = start(data=data)
    assert http.post("/conversations", json={}).status_code == 200
