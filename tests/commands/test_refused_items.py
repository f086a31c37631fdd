"""Items that the target refuses, from the command line: named, tried again, or replaced by a note."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


@pytest.fixture
def export(tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """A thread whose 24th message the target refuses."""
    data = thread(1, 30)
    data["messages"][23] = message(thread_id(1), 23, "the POISON")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(data))
    with httpx2.Client() as client:
        client.post(
            f"{target.control_url}/faults", json={"rules": ["append:poison:text=POISON"]}, headers=CONTROL_HEADERS
        )
    return folder


def test_the_item_the_message_and_the_servers_sentence_are_named(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    result = cli("apply", export, "--output", "json").json
    assert result["exit_code"] == 3
    [problem] = result["errors"]
    assert problem["thread_id"] == thread_id(1)
    assert "item 23" in problem["message"] and "it holds the marked text" in problem["message"]
    assert "--retry-failed" in " ".join(cli("status").out.split())
    assert cli("apply", export, "--output", "json").json["data"]["writes"] == 0


def test_a_note_is_reported_verified_and_never_sent_again(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    cli("apply", export)
    result = cli("apply", export, "--retry-failed", "--on-refused", "note", "--output", "json").json
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["item-refused"] == 1
    parts = result["data"]["parts"]
    assert (parts["read"], parts["kept"], parts["noted"]) == (30, 29, 1), "the refused message is noted, not kept"
    texts = conversations(target.data)[thread_id(1)]
    assert len(texts) == 30 and "POISON" not in texts[23] and "refused" in texts[23]
    for more in ((), ("--on-refused", "fail"), ("--append",)):
        again = cli("apply", export, *more, "--output", "json").json
        assert (again["exit_code"], again["data"]["writes"]) == (0, 0)
    assert cli("verify", export).code == 0
    assert cli("verify", "--from-state").code == 0
