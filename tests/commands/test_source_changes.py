"""A source that is not the same as when its threads were loaded: found and reported; followed only where asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI

from support.exports import message, texts_of, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def apply_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("apply", *args, "--output", "json").json


def codes(result: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in result["errors"]]


def rewrite(export: Path, number: int, change: Any) -> None:
    """Change the messages of one thread file."""
    path = export / f"{thread_id(number)}.json"
    data = json.loads(path.read_text())
    change(data["messages"])
    path.write_text(json.dumps(data))


def test_new_messages_at_the_end_are_reported_and_appended_only_when_asked(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 20])
    apply_json(cli, export)
    before = conversations(target.data)
    write_export(tmp_path / "export", [3, 45])
    result = apply_json(cli, export)
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    assert codes(result) == ["source-grown", "source-grown"]
    assert result["data"]["findings"]["source-grown"] == 2
    assert conversations(target.data) == before
    result = apply_json(cli, export, "--append")
    assert (result["exit_code"], result["data"]["writes"]) == (0, 1 + 2)
    assert conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in (1, 2)}
    assert apply_json(cli, export, "--append")["data"]["writes"] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda messages: messages.pop(0),
        lambda messages: messages.pop(),
        lambda messages: messages.__setitem__(0, message(thread_id(1), 0, "another text")),
        lambda messages: messages.insert(1, message(thread_id(1), 77, "in the middle")),
    ],
    ids=["lost its first", "lost its last", "changed its first", "got one in the middle"],
)
def test_a_thread_that_changed_is_reported_and_never_followed(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, change: Any
) -> None:
    export = write_export(tmp_path / "export", [4])
    apply_json(cli, export)
    before = conversations(target.data)
    rewrite(export, 1, change)
    for more in ((), ("--append",), ("--retry-failed",)):
        result = apply_json(cli, export, *more)
        assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
        assert codes(result) == ["source-changed"]
    assert conversations(target.data) == before


def test_a_thread_that_left_the_source_is_named_and_stays_at_the_target(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 2])
    assert "missing" not in apply_json(cli, export)["data"]["threads"]
    (export / f"{thread_id(2)}.json").unlink()
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    assert result["data"]["findings"] == {"source-thread-missing": 1}
    assert [found["thread_id"] for found in result["data"]["finding_list"]] == [thread_id(2)]
    assert len(conversations(target.data)) == 2
    assert "missing" not in apply_json(cli, export, "--limit", "1")["data"]["threads"]


def test_nothing_is_appended_to_a_conversation_that_has_gone_on(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2])
    apply_json(cli, export)
    [row] = json.loads(cli("map", "export", "--format", "json").out)
    client = OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789")
    said: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and then?"}]}
    client.conversations.items.create(row["conversation_id"], items=[said])
    client.close()
    write_export(tmp_path / "export", [3])
    result = apply_json(cli, export, "--append")
    assert (result["exit_code"], result["data"]["writes"]) == (3, 0)
    assert codes(result) == ["conversation-continued"]
    assert conversations(target.data)[thread_id(1)][-1] == "and then?"
