"""Files of the code interpreter, which no conversation names: carried over and mapped, or said to be left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset

from support.exports import thread
from support.hosts import KEY, host

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures
from .test_files import Strict, attached, export, file_map  # noqa: TID252

FILES = ("file-table", "file-zip", "file-model", "file-old")
ASSISTANT = {
    "id": "asst_sums",
    "object": "assistant",
    "name": "Sums",
    "model": "gpt-5.4",
    "tools": [{"type": "code_interpreter"}, {"type": "file_search"}],
    "tool_resources": {
        "code_interpreter": {"file_ids": ["file-model", "file-lost"]},
        "file_search": {"vector_store_ids": ["vs_shop"]},
    },
    "file_ids": ["file-old"],
}


@pytest.fixture
def strict(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    with Strict(tmp_path / "strict.db") as target:
        yield target


def with_resources(number: int, *files: str, stores: tuple[str, ...] = ()) -> dict[str, Any]:
    own = thread(number, 2)
    own["messages"][1]["assistant_id"] = "asst_sums"
    own["thread"]["tool_resources"] = {
        "code_interpreter": {"file_ids": list(files)},
        "file_search": {"vector_store_ids": list(stores)},
    }
    return own


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An archive that is attached in one thread and the tool's in the next, a table, and an assistant."""
    threads = (attached(1, "file-zip"), with_resources(2, "file-table", "file-zip", stores=("vs_thread",)))
    path = export(tmp_path / "export", *threads, files={key: f"bytes of {key}".encode() for key in FILES})
    (path / "assistant.json").write_text(json.dumps(ASSISTANT), encoding="utf-8")
    names = {"file-table": "t.csv", "file-zip": "all.zip", "file-model": "m.pkl", "file-old": "old.txt"}
    objects = [
        {"id": key, "object": "file", "bytes": len(f"bytes of {key}"), "filename": name, "purpose": "assistants_output"}
        for key, name in names.items()
    ]
    (path / "files.json").write_text(json.dumps({"object": "list", "data": objects}), encoding="utf-8")
    return path


def run(cli: Cli, command: str, *args: object) -> dict[str, Any]:
    return cli(command, *args, "--output", "json").json


def interpreter(cli: Cli, *args: object) -> tuple[list[str], dict[str, int]]:
    """The ids in the tool's container, and the findings."""
    data = run(cli, "assistants", *args)["data"]
    [row] = [row for row in data["assistants"] if row["assistant_id"] == "asst_sums"]
    [tool] = [tool for tool in row["config"]["tools"] if tool["type"] == "code_interpreter"]
    return tool["container"].get("file_ids", []), data["findings"]


def test_files_of_threads_and_assistants_are_uploaded_once_and_named_anew(
    cli: Cli, strict: Strict, source: Path
) -> None:
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    rows = file_map(cli)
    assert {key for key, row in rows.items() if row["status"] == "uploaded"} == set(FILES)
    assert strict.requests("upload") == 4
    found = result["data"]["findings"]
    assert [found["resource-file-missing"], found["vector-store-not-carried"]] == [1, 1]
    ids, found = interpreter(cli, source)
    expected = ["file-model", "file-old", "file-table", "file-zip"]
    assert ids == [rows[name]["target_file_id"] for name in expected]
    assert [found["resource-file-missing"], found["vector-store-not-carried"]] == [1, 1]
    assert run(cli, "apply", source)["data"]["writes"] == 0
    assert run(cli, "verify", source, "--strict")["exit_code"] == 0


def test_planning_foretells_what_is_carried(cli: Cli, strict: Strict, source: Path) -> None:
    result = run(cli, "plan", source)
    assert result["data"]["files"] == {"missing": 1, "uploaded": 4}
    assert result["data"]["findings"]["resource-file-missing"] == 1
    assert strict.requests("upload") == 0


def test_where_ids_stay_nothing_is_uploaded_asked_for_or_renamed(
    cli: Cli, strict: Strict, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "keep")
    result = run(cli, "apply", source)
    assert not {"resource-file-missing", "vector-store-not-carried"} & result["data"]["findings"].keys()
    assert [strict.requests("upload"), strict.requests("file")] == [0, 1]
    assert interpreter(cli, source)[0] == ["file-model", "file-lost", "file-old", "file-table", "file-zip"]


def test_before_anything_is_uploaded_no_id_of_the_source_is_written(cli: Cli, strict: Strict, source: Path) -> None:
    ids, found = interpreter(cli, source)
    assert [ids, found["resource-file-missing"]] == [[], 5]


@pytest.mark.parametrize("saved", [False, True], ids=["straight", "from a snapshot"])
def test_a_live_host_gives_them_too(
    cli: Cli, tmp_path: Path, strict: Strict, source: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")
    with host(tmp_path, source, SourcePreset.FOUNDRY) as running:
        if saved:
            assert cli("snapshot", running.url).code == 0
        result = run(cli, "apply", "snapshot" if saved else running.url)
    assert result["exit_code"] == 0
    assert {key for key, row in file_map(cli).items() if row["status"] == "uploaded"} == set(FILES)
    assert strict.requests("upload") == 4
