"""`phase` of an assistant's message is kept where the source has it, and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.load.reconcile import matches
from migrate_cli.sources.dialects import items
from migrate_cli.sources.normalise import Notes, message_of
from migrate_cli.verify.diff import changes
from migrate_cli.wire_objects import message_object

from support.threads import bodies, codes, message, thread

COMMENT = message("Let me look.", role="assistant", phase="commentary")


def read(**fields: Any) -> Any:
    raw = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    return message_of(items.wire({**raw, "role": "assistant", **fields})[0], "thread_1", 0, Notes("thread_1"))


@pytest.mark.parametrize("phase", ["commentary", "final_answer"])
def test_it_is_read_sent_and_written_again(phase: str) -> None:
    found = read(phase=phase)
    assert (found.phase, found.unknown) == (phase, ())
    draft = convert_thread(thread(found))
    assert bodies(draft)[0]["phase"] == phase
    assert validate_draft(draft) == [] and codes(draft) == []
    assert message_object(found, "thread_1")["phase"] == phase


@pytest.mark.parametrize("fields", [{"phase": "afterthought"}, {"phase": "commentary", "role": "user"}])
def test_one_that_the_target_does_not_know_is_told(fields: dict[str, Any]) -> None:
    found = read(**fields)
    assert found.phase is None
    assert [one.path for one in found.unknown] == ["messages[].phase"]


def test_a_message_without_one_stays_as_it_was() -> None:
    assert "phase" not in bodies(convert_thread(thread(read())))[0]
    assert "phase" not in message_object(read(), "thread_1")


def test_a_target_that_drops_it_is_found_out_by_verify_and_does_not_stop_the_load() -> None:
    [item] = convert_thread(thread(COMMENT)).items
    sent = json.loads(item.body)
    got = {key: value for key, value in sent.items() if key != "phase"} | {"id": "msg_x", "status": "completed"}
    assert matches(item, got)
    assert digest_of(got) != item.digest
    assert [change.code for change in changes(sent, got)] == ["changed-phase"]
    assert digest_of(got | {"phase": "commentary"}) == item.digest
    assert digest_of(got) == digest_of(got | {"phase": None})
