"""`apply` after a `verify` that found something: it says what, for which threads, and how to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.migrator import Migrator, ThreadFailed
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI

from support.exports import message, thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

FIRST, SECOND = thread_id(1), thread_id(2)


class Hand:
    """Somebody who works at the target behind the migration's back."""

    def __init__(self, target: EmbeddedSandbox) -> None:
        self._target = target
        self._client = OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789")

    def close(self) -> None:
        self._client.close()

    def conversation(self, own_id: str) -> tuple[str, list[dict[str, Any]]]:
        found = read_conversations(self._target.data, deleted=False)
        return next((name, items) for name, metadata, items in found if metadata["source_thread_id"] == own_id)

    def write(self, own_id: str, text: str) -> str:
        said: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        made = self._client.conversations.items.create(self.conversation(own_id)[0], items=[said])
        return made.data[0].id or ""

    def remove(self, own_id: str, item_id: str) -> None:
        self._client.conversations.items.delete(item_id, conversation_id=self.conversation(own_id)[0])

    def double_the_first(self, own_id: str) -> str:
        return self.write(own_id, self.conversation(own_id)[1][0]["content"][0]["text"])

    def delete(self, own_id: str) -> None:
        self._client.conversations.delete(self.conversation(own_id)[0])


@pytest.fixture
def hand(target: EmbeddedSandbox) -> Iterator[Hand]:
    hand = Hand(target)
    yield hand
    hand.close()


@pytest.fixture
def export(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """Two threads, loaded."""
    export = write_export(tmp_path / "export", [3, 2])
    assert cli("apply", export).code == 0
    return export


def apply_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("apply", *args, "--output", "json").json


def test_a_thread_that_differs_is_named_until_a_clean_verify(cli: Cli, export: Path, hand: Hand) -> None:
    copy = hand.double_the_first(FIRST)
    assert cli("verify", export).code == 4
    result = apply_json(cli, export)
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    threads = result["data"]["threads"]
    assert (threads["total"], threads["loaded"], threads["differs"]) == (2, 1, 1)
    assert [(one["code"], one["thread_id"]) for one in result["errors"]] == [("doubled-item", FIRST)]
    assert "a duplicate of item 0" in result["errors"][0]["message"]
    for fmt in ("text", "markdown", "html", "junit"):
        told = " ".join(cli("apply", export, "--output", fmt).out.split())
        assert "everything is already there" not in told
        assert "a duplicate of item 0" in told
    text = " ".join(cli("apply", export).out.split())
    assert "1 thread differs from the source" in text
    assert f"migrate-cli resolve {FIRST}" in text
    hand.remove(FIRST, copy)
    assert cli("verify", export, "--failed").code == 0
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    assert "differs" not in result["data"]["threads"]
    assert "everything is already there" in " ".join(cli("apply", export).out.split())


def test_a_conversation_that_is_gone_is_named_and_loaded_again_once_that_is_chosen(
    cli: Cli, export: Path, hand: Hand
) -> None:
    hand.delete(SECOND)
    assert cli("verify", export).code == 4
    result = apply_json(cli, export)
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    assert result["data"]["threads"]["gone"] == 1
    assert result["data"]["threads"]["loaded"] == 1
    assert [(one["code"], one["thread_id"]) for one in result["errors"]] == [("conversation-gone", SECOND)]
    step = f"migrate-cli resolve {SECOND} --restart"
    assert step in " ".join(cli("apply", export).out.split())
    assert step in " ".join(cli("status").out.split())
    assert cli("resolve", SECOND, "--restart").code == 0
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    assert "gone" not in result["data"]["threads"]
    assert cli("verify", export).code == 0


def test_nothing_is_appended_to_a_thread_that_differs(cli: Cli, export: Path, hand: Hand) -> None:
    hand.remove(FIRST, hand.conversation(FIRST)[1][0]["id"])
    assert cli("verify", export).code == 4
    write_export(export, [5, 2])
    result = apply_json(cli, export, "--append")
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    assert result["data"]["threads"]["differs"] == 1
    assert "it was there" in result["errors"][0]["message"]
    assert cli("status", "--output", "json").json["data"]["threads"] == {"differs": 1, "verified": 1}


def test_a_source_that_changed_is_called_so_whatever_verify_found(cli: Cli, export: Path, hand: Hand) -> None:
    hand.write(FIRST, "and then?")
    assert cli("verify", export).code == 0
    path = export / f"{FIRST}.json"
    data = json.loads(path.read_text())
    data["messages"][0] = message(FIRST, 0, "another text")
    path.write_text(json.dumps(data))
    result = apply_json(cli, export)
    assert [one["code"] for one in result["errors"]] == ["source-changed"]
    assert result["data"]["findings"]["source-changed"] == 1


def test_the_reason_why_a_thread_was_left_is_told_again(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [30])
    with httpx2.Client(headers=CONTROL_HEADERS) as client:
        client.post(f"{target.control_url}/faults", json={"rules": ["append:scramble:nth=2"]})
        first = apply_json(cli, export)
        client.post(f"{target.control_url}/faults", json={"rules": []})
    again = apply_json(cli, export)
    assert first["exit_code"] == again["exit_code"] == 3
    assert [one for one in first["errors"] if one.get("thread_id")] == again["errors"]


def test_an_application_is_not_given_a_conversation_that_is_gone(
    cli: Cli, export: Path, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export))
    hand.delete(SECOND)
    assert cli("verify", export).code == 4
    with Migrator() as migrator:
        assert migrator.ensure(FIRST)
        with pytest.raises(ThreadFailed, match="no longer at the target") as failed:
            migrator.ensure(SECOND)
    assert failed.value.code == "conversation-gone"


def test_a_conversation_that_could_not_be_read_is_named_until_it_was(
    cli: Cli, export: Path, hand: Hand, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.http.client.jittered", lambda attempt, most: 0.0)
    conversation, _ = hand.conversation(FIRST)
    with httpx2.Client() as client:
        rules = [f"list:500:path={conversation}"]
        client.post(f"{target.control_url}/faults", json={"rules": rules}, headers=CONTROL_HEADERS)
        assert cli("verify", export).code == 4
        client.post(f"{target.control_url}/faults", json={"rules": []}, headers=CONTROL_HEADERS)
    result = apply_json(cli, export)
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    assert result["data"]["threads"]["unread"] == 1
    assert [(one["code"], one["thread_id"]) for one in result["errors"]] == [("unreadable", FIRST)]
    told = " ".join(cli("apply", export).out.split())
    assert "1 conversation could not be read when last verified" in told
    assert "everything is already there" not in told
    assert f"migrate-cliverify{export}--failed" in "".join(told.split())
    assert cli("verify", export, "--failed").code == 0
    assert apply_json(cli, export)["exit_code"] == 0
