from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from migrate_cli.convert.canonical import encode
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import check_item, validate_draft
from migrate_cli.model import Draft, Item, Ledger, Run

from support.threads import function, made, message, step, thread


def said(role: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **fields}


TEXT = {"type": "input_text", "text": "hi"}
OUT = {"type": "output_text", "text": "hi", "annotations": []}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (said("tool", TEXT), "the role 'tool' does not exist"),
        (said("user"), "a message has no content"),
        (said("user", OUT), "the role user may not hold output_text"),
        (said("assistant", {"type": "input_image", "file_id": "f"}), "the role assistant may not hold input_image"),
        (said("system", {"type": "input_file", "file_id": "f"}), "the role system may not hold input_file"),
        (said("user", {"type": "input_text", "text": ""}), "a text is empty"),
        (said("user", {"type": "input_text", "text": "a\x00"}), "a text holds NUL"),
        (said("user", {"type": "input_text", "text": "\ud800"}), "a text holds a lone surrogate"),
        (said("user", {"type": "input_image", "detail": "auto"}), "an image needs a file id or a URL, and not both"),
        (said("user", {"type": "input_image", "detail": "huge", "file_id": "f"}), "the detail 'huge' does not exist"),
        (
            said("user", {"type": "input_file", "file_id": "f" * 65}),
            "a file id is not 1 to 64 of A-Z, a-z, 0-9, _ and -",
        ),
        (said("user", TEXT, metadata={}), "message has metadata, which is not sent"),
        ({**CALL, "call_id": "c" * 65}, "a call id has 65 characters, over the limit of 64"),
        ({**CALL, "id": "fc"}, "function_call has id, which is not sent"),
        ({**CALL, "arguments": {}}, "arguments is not a string"),
        ({"type": "function_call_output", "call_id": "c"}, "function_call_output lacks output"),
        ({"type": "reasoning"}, "the type 'reasoning' is not sent by this program"),
    ],
)
def test_each_rule_is_checked(item: dict[str, Any], problem: str) -> None:
    assert problem in check_item(item)


@pytest.fixture
def draft() -> Draft:
    calls = step(function(id="call_1"), function(id="call_2"))
    source = thread(message("hi"), message("ok", id="msg_2", role="assistant"), runs=(Run("run_1"),))
    return convert_thread(replace(source, run_steps=(calls, made("msg_2"))))


def details(draft: Draft) -> list[str]:
    return [found.detail for found in validate_draft(draft)]


def test_a_sound_draft_has_no_findings(draft: Draft) -> None:
    assert validate_draft(draft) == []


def test_a_call_without_its_output_is_found(draft: Draft) -> None:
    torn = (*draft.items[:2], *draft.items[3:])
    assert details(replace(draft, items=torn)) == ["Item 2: the call call_1 has no output after it."]
    assert details(replace(draft, items=draft.items[:2])) == ["The last call, call_1, has no output."]


def test_an_output_that_could_be_parted_from_its_call_is_found(draft: Draft) -> None:
    loose = [item._replace(joined=False) for item in draft.items]
    assert details(replace(draft, items=tuple(loose)))[0] == "Item 2: an output is not joined to its call."


def test_a_call_id_used_twice_is_found(draft: Draft) -> None:
    twice = (*draft.items[:3], *draft.items[1:3])
    assert details(replace(draft, items=twice)) == ["Item 3: the call id call_1 is used twice."]


def test_metadata_and_ledger_are_checked(draft: Draft) -> None:
    broken = replace(draft, metadata={f"k{n}": "v" * 513 for n in range(17)}, ledger=Ledger(read=1))
    assert details(broken)[0] == "17 metadata pairs are over the limit of 16."
    assert len(details(broken)) == 19


def test_a_body_that_is_no_json_object_is_found(draft: Draft) -> None:
    for body in (b"{", encode([])):
        assert len(validate_draft(replace(draft, items=(Item(body, b"", "message"),)))) == 1
