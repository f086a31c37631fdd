"""Files of other programs, and texts that are nearly JSON, are told in one sentence that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

FOREIGN: dict[str, tuple[str, str]] = {
    "ChatGPT": (
        "conversations.json",
        json.dumps([{"title": "x", "mapping": {"a": {"id": "a", "message": None, "parent": None, "children": []}}}]),
    ),
    "Slack": (
        "2024-01-01.json",
        json.dumps([{"type": "message", "user": "U1", "text": "hello", "ts": "1355517523.000005"}]),
    ),
    "another assistant": ("export.json", json.dumps([{"uuid": "a", "chat_messages": [{"sender": "human"}]}])),
    "Batch API": (
        "batch.jsonl",
        "\n".join(json.dumps({"custom_id": str(one), "method": "POST", "url": "/v1/x", "body": {}}) for one in (1, 2)),
    ),
    "fine-tuning": (
        "tuning.jsonl",
        "\n".join(json.dumps({"input": {}, "preferred_output": [], "non_preferred_output": []}) for _ in (1, 2)),
    ),
    "vectors": (
        "vectors.jsonl",
        "\n".join(json.dumps({"id": str(one), "values": [0.5] * 20, "metadata": {}}) for one in (1, 2)),
    ),
    "usage or costs": ("usage.csv", "start_time,num_model_requests,model\n1,2,x\n"),
    "usage": (
        "usage.json",
        json.dumps({"object": "page", "data": [{"object": "bucket", "results": [{"input_tokens": 3}]}]}),
    ),
}
NEARLY = {
    '[{"thread_id": "t", "role": "user", "text": "a",}]': "there is a comma before a closing bracket",
    '{"thread_id": "t", "messages": [{"role": "user"},]}': "there is a comma before a closing bracket",
    "[{'thread_id': 't', 'role': 'user', 'text': 'a'}]": "single quotes",
    '[{thread_id: "t", role: "user", text: "a"}]': "a name has no quotes",
    '[{"thread_id": "t", "role": "user", "text": None}]': "printed by Python",
    '// saved today\n[{"thread_id": "t"}]': "there is a comment",
}


def refused(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(open_source(str(path)).threads(Selection()))
    return caught.value


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_of_another_program_is_named(what: str, tmp_path: Path) -> None:
    name, text = FOREIGN[what]
    (tmp_path / name).write_text(text, "utf-8")
    error = refused(tmp_path / name)

    assert error.code == "foreign-format"
    assert what in str(error)
    assert name in str(error)


@pytest.mark.parametrize("text", NEARLY)
def test_what_is_nearly_json_is_told_with_what_to_mend(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, "utf-8")
    error = refused(tmp_path / "x.json")

    assert error.code == "not-json"
    assert NEARLY[text] in str(error)
    assert "line " in str(error)


def test_nan_is_nothing_and_no_text(tmp_path: Path, read: Any) -> None:
    (tmp_path / "x.json").write_text('[{"thread_id": "t", "role": "user", "text": NaN}]', "utf-8")

    assert "message-without-content" in read(tmp_path).finding_codes("t")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '[{"thread_id": "t", "role": "user", "text": "Grüße"}]'),
        ("x.csv", "thread_id,role,text\nt,user,Grüße\n"),
    ],
)
@pytest.mark.parametrize(("encoding", "mark"), [("latin-1", "ISO-8859-1"), ("cp1252", "WINDOWS-1252")])
def test_another_encoding_is_named_with_how_to_convert_it(
    name: str, text: str, encoding: str, mark: str, tmp_path: Path
) -> None:
    text = text.replace("Grüße", "Grüße \u2013 ok" if encoding == "cp1252" else "Grüße")
    (tmp_path / name).write_bytes(text.encode(encoding))

    assert f"iconv -f {mark} -t UTF-8" in str(refused(tmp_path / name))


def test_a_folder_of_documents_says_that_they_are_none_of_threads(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.pdf").write_bytes(b"%PDF-1.7 \n")
    error = refused(tmp_path)

    assert error.code == "no-threads"
    assert "3 PDF" in str(error)


def test_a_snapshot_that_saved_nothing_yet_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / ".progress.db").write_bytes(b"")
    error = refused(tmp_path)

    assert error.code == "snapshot-unfinished"
    assert "run `migrate-cli snapshot` again" in str(error)
