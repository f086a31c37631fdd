"""`resolve --drop-copies`: deletes copies of our own alone, only when asked, and the conversation is verified then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures

THREAD = thread_id(1)


@contextmanager
def client_of(target: EmbeddedSandbox) -> Iterator[OpenAI]:
    client = OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789")
    try:
        yield client
    finally:
        client.close()


def add(target: EmbeddedSandbox, *said: int | str) -> list[str]:
    """Write into the one conversation behind the migration's back: copies of its items by place, or new words."""
    [(conversation, _, items)] = read_conversations(target.data, deleted=False)
    with client_of(target) as client:
        made = client.conversations.items.create(conversation, items=[body_of(items, one) for one in said])
        return [item.id or "" for item in made.data]


def body_of(items: list[dict[str, Any]], one: int | str) -> Any:
    if isinstance(one, int):
        return {key: items[one][key] for key in ("type", "role", "content")}
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": one}]}


def texts(target: EmbeddedSandbox) -> list[str]:
    [(_, _, items)] = read_conversations(target.data, deleted=False)
    return [item["content"][0]["text"] for item in items]


def state(cli: Cli) -> dict[str, int]:
    found: dict[str, int] = json.loads(cli("status", "--output", "json").out)["data"]["threads"]
    return found


@pytest.fixture
def export(cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One thread of three messages, loaded."""
    export = write_export(tmp_path / "export", [3])
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export))
    assert cli("apply").code == 0
    return export


def drop(cli: Cli, *args: object) -> Outcome:
    return cli("resolve", THREAD, "--drop-copies", *args)


def test_copies_are_shown_deleted_and_the_conversation_is_verified(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    ours = texts(target)
    new = add(target, 0, 2)
    assert cli("verify").code == 4
    told = cli("verify")
    assert f"migrate-cli resolve {THREAD} --drop-copies" in " ".join(told.out.split())
    result = drop(cli, "--yes", "--output", "json")
    assert result.code == 0, result.out
    assert [row["item"] for row in result.json["data"]["copies"]] == new
    assert all(item_id in result.err for item_id in new)
    assert texts(target) == ours
    assert state(cli) == {"verified": 1}
    assert cli("verify", "--strict").code == 0


def test_nothing_is_deleted_before_somebody_says_so(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    [new] = add(target, 1)
    result = drop(cli)
    assert result.code == 2
    assert new in result.err
    assert "add --yes" in result.err
    assert len(texts(target)) == 4
    shown = cli("resolve", THREAD, "--output", "json").json
    assert [(row["item"], row["copy_of"]) for row in shown["data"]["differences"]] == [(new, 1)]
    assert any("--drop-copies" in step for step in shown["data"]["next"])


def test_what_a_person_wrote_after_the_history_stays(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    add(target, 2, "and then?")
    result = drop(cli, "--yes", "--output", "json")
    assert (result.code, result.json["data"]["copies"]) == (0, [])
    assert len(texts(target)) == 5
    assert state(cli) == {"verified": 1}


def test_what_else_differs_is_told_after_the_copies_are_gone(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    [(conversation, _, items)] = read_conversations(target.data)
    add(target, 0)
    with client_of(target) as client:
        client.conversations.items.delete(items[1]["id"], conversation_id=conversation)
    result = drop(cli, "--yes", "--output", "json")
    assert result.code == 4
    assert len(result.json["data"]["copies"]) == 1
    assert f"it was there (item {items[1]['id']})" in result.json["errors"][0]["message"]
    assert state(cli) == {"differs": 1}


def test_a_loaded_thread_needs_no_source_for_it(
    cli: Cli, export: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = texts(target)
    add(target, 0, 1, 2)
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export / "gone"))
    assert drop(cli, "--yes").code == 0
    assert texts(target) == ours
    assert state(cli) == {"verified": 1}


def test_a_thread_in_doubt_is_verified_once_only_its_own_items_stand_there(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [30])
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export))
    with httpx2.Client() as client:
        client.post(f"{target.control_url}/faults", json={"rules": ["append:scramble:nth=2"]}, headers=CONTROL_HEADERS)
        assert cli("apply").code == 3
        client.post(f"{target.control_url}/faults", json={"rules": []}, headers=CONTROL_HEADERS)
    assert state(cli) == {"in_doubt": 1}
    assert drop(cli, "--yes").code == 3
    assert state(cli) == {"in_doubt": 1}
    assert len(texts(target)) == 30
    # Somebody puts the second batch right by hand, and twice.
    [(conversation, _, items)] = read_conversations(target.data)
    with client_of(target) as client:
        for item in items[20:]:
            client.conversations.items.delete(item["id"], conversation_id=conversation)
        rest: list[Any] = [
            {key: value for key, value in item.items() if key in ("type", "role", "content")}
            for item in reversed(items[20:])
        ]
        for _ in range(2):
            client.conversations.items.create(conversation, items=rest)
    assert drop(cli, "--yes").code == 0
    assert texts(target) == texts_of(export, THREAD)
    assert state(cli) == {"verified": 1}
    assert cli("apply").code == 0
    assert cli("verify", "--strict").code == 0


def test_wrong_uses_get_one_sentence(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    assert drop(cli, "--adopt").code == 2
    assert drop(cli, "--restart").code == 2
    [(conversation, _, _)] = read_conversations(target.data)
    with client_of(target) as client:
        client.conversations.delete(conversation)
    result = drop(cli, "--yes")
    assert result.code == 2
    assert "cannot be read" in result.err
    assert cli("resolve", THREAD, "--restart").code == 0
    assert "is pending" in drop(cli, "--yes").err
