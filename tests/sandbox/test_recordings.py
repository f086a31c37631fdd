"""The sandbox's answers have the keys, in the shapes, of recorded answers of the real service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "samples" / "target-recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the repository")

ID = re.compile(r"(conv|msg)_[0-9a-f]{48}|file-[A-Za-z0-9]{22}")


def exchanges() -> list[Any]:
    """Every recorded exchange with an endpoint that stands here, with its place for a failing test's name."""
    found = []
    for path in sorted(RECORDINGS.glob("*.json")) if RECORDINGS.is_dir() else []:
        entries = json.loads(path.read_text())["Entries"]
        wanted = [entry for entry in entries if "/v1/conversations" in entry["RequestUri"]]
        if wanted:
            found.append(pytest.param(wanted, id=path.stem))
    return found


def shape(value: Any) -> Any:
    """A value's keys and kinds, with ids told apart from other strings."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str) and (found := ID.fullmatch(value)):
        return f"<{found[1] or 'file'} id>"
    return type(value).__name__


@pytest.mark.parametrize("entries", exchanges())
def test_a_recorded_session_gets_answers_of_the_same_shape(http: httpx2.Client, entries: list[dict[str, Any]]) -> None:
    renamed: dict[str, str] = {}
    for entry in entries:
        address = entry["RequestUri"].split("/v1", 1)[1]
        for old, new in renamed.items():
            address = address.replace(old, new)
        answer = http.request(entry["RequestMethod"], address, json=entry["RequestBody"])
        assert answer.status_code == entry["StatusCode"]
        if any("/responses" in other["RequestUri"] for other in entries) and "/items" in address:
            continue
        _follow(entry["ResponseBody"], answer.json(), renamed)


def _follow(recorded: dict[str, Any], got: dict[str, Any], renamed: dict[str, str]) -> None:
    if recorded.get("object") == "list" and len(recorded["data"]) != len(got["data"]):
        assert [shape(recorded["data"][-1])] == shape(got["data"])[-1:]
        return
    assert shape(got) == shape(recorded)
    renamed[recorded["id"] if "id" in recorded else recorded["first_id"]] = got.get("id") or got["first_id"]


def test_an_uploaded_file_has_the_recorded_keys(http: httpx2.Client) -> None:
    entries = json.loads((RECORDINGS / "Responses_FileInputFromIdWorks.json").read_text())["Entries"]
    recorded = next(entry["ResponseBody"] for entry in entries if entry["RequestUri"].endswith("/v1/files"))
    got = http.post("/files", data={"purpose": "user_data"}, files={"file": ("a.pdf", b"x")}).json()
    assert shape(got) == shape(recorded)
