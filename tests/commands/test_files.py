"""Files on their way: ids that are kept, bytes that are uploaded, audio that is transcribed, each once, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI

from support.exports import message, thread, thread_id

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(16)
KEY = "sk-test-key-0123456789"


class Strict:
    """A target that knows only files which were uploaded to it, and that can be told to misbehave."""

    def __init__(self, data: Path, *faults: str) -> None:
        self.sandbox = EmbeddedSandbox(data, SandboxOptions(FileIdCheck.STRICT, faults=plan_from_specs(faults)))

    def __enter__(self) -> Strict:
        self.sandbox.start()
        os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = self.sandbox.base_url, KEY
        self.client = OpenAI(base_url=self.sandbox.base_url, api_key=KEY, max_retries=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.sandbox.stop()

    def requests(self, endpoint: str) -> int:
        """How many requests an endpoint has had."""
        count = httpx2.get(f"{self.sandbox.control_url}/stats").json()["requests"].get(endpoint, 0)
        return int(count)

    def files(self) -> dict[str, str]:
        """The names of all files that stand there, by id."""
        return {file.id: file.filename for file in self.client.files.list()}

    def parts(self, own_id: str) -> list[dict[str, Any]]:
        """All content parts of the conversation that a thread became."""
        for _, metadata, items in read_conversations(self.sandbox.data):
            if metadata.get("source_thread_id") == own_id and items:
                return [part for item in items for part in item.get("content", [])]
        return []


@pytest.fixture
def strict(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with Strict(tmp_path / "strict.db") as target:
        yield target


def attached(number: int, *files: str, images: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """One thread whose first message has files attached."""
    own = thread(number, 2)
    parts = [{"type": "image_file", "image_file": {"file_id": image, "detail": "auto"}} for image in images]
    first = message(own["thread"]["id"], 0, "Please look.")
    first["content"] += parts
    first["attachments"] = [{"file_id": file, "tools": [{"type": "file_search"}]} for file in files]
    own["messages"][0] = first | more
    return own


def export(folder: Path, *threads: dict[str, Any], files: dict[str, bytes] | None = None, named: bool = True) -> Path:
    """Write threads, and bytes into `files/`."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for own in threads:
        (folder / f"{own['thread']['id']}.json").write_text(json.dumps(own))
    for name, content in (files or {}).items():
        (folder / "files" / name).write_bytes(content)
    return folder


def apply(cli: Cli, source: Path, *args: object) -> dict[str, Any]:
    envelope = cli("apply", source, "--output", "json", *args).json
    parts = envelope["data"].get("parts")
    if parts:
        assert parts["read"] == parts["kept"] + parts["converted"] + parts["noted"] + parts["dropped"]
    return envelope


def file_map(cli: Cli) -> dict[str, dict[str, Any]]:
    rows = json.loads(cli("map", "export", "--level", "files", "--format", "json").out)
    return {row["source_file_id"]: row for row in rows}


# ---- keep ----------------------------------------------------------------------------------------------------------


def test_a_file_that_the_target_has_stays_under_its_id_and_its_name_tells_what_it_is(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    known = strict.client.files.create(file=("plan.pdf", b"%PDF-1.7 plan"), purpose="user_data").id
    source = export(tmp_path / "export", attached(1, known))
    result = apply(cli, source)
    assert result["exit_code"] == 0
    assert {"type": "input_file", "file_id": known} in [
        {"type": part["type"], "file_id": part.get("file_id")} for part in strict.parts(thread_id(1))
    ]
    assert result["data"]["files"] == {"present": 1}


def test_a_missing_file_is_said_in_words_and_the_rest_of_the_thread_goes_on(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    result = apply(cli, export(tmp_path / "export", attached(1, "file-gone", images=("file-lost",))))
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["attachment-file-missing"] == 2
    texts = [part.get("text", "") for part in strict.parts(thread_id(1))]
    assert "Please look." in texts
    assert any("file-gone" in text and "no longer exists" in text for text in texts)


def test_each_file_is_asked_for_once_in_all_however_many_threads_name_it(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    known = strict.client.files.create(file=("notes.txt", b"notes"), purpose="user_data").id
    source = export(tmp_path / "export", *(attached(number, known, "file-gone") for number in range(1, 30)))
    apply(cli, source)
    assert strict.requests("file") == 2
    again = apply(cli, source)
    assert strict.requests("file") == 2
    assert again["data"]["threads"]["unchanged"] == 29
    assert again["data"]["requests"]["sent"] == 0


def test_planning_with_a_key_asks_the_target_and_sends_nothing(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = export(tmp_path / "export", attached(1, "file-gone"))
    result = cli("plan", source, "--output", "json").json
    assert result["data"]["findings"]["attachment-file-missing"] == 1
    assert strict.requests("file") == 1
    assert strict.requests("upload") == strict.requests("create") == 0


def test_planning_without_a_key_says_that_files_were_not_checked(cli: Cli, tmp_path: Path) -> None:
    result = cli("plan", export(tmp_path / "export", attached(1, "file-gone")), "--output", "json").json
    assert result["data"]["findings"]["files-not-checked"] == 1
    assert "attachment-file-missing" not in result["data"]["findings"]


def test_planning_with_a_refused_key_still_plans(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    result = cli("plan", export(tmp_path / "export", attached(1, "file-gone")), "--output", "json").json
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["files-not-checked"] == 1


def test_a_rehearsal_takes_file_ids_as_they_are_and_says_so(cli: Cli, tmp_path: Path) -> None:
    source = export(tmp_path / "export", attached(1, "file-x", images=("file-y",)))
    result = apply(cli, source, "--target", "sandbox")
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["files-not-checked"] == 1
    assert "attachment-file-missing" not in result["data"]["findings"]


def test_an_export_without_files_says_nothing_about_them(cli: Cli, tmp_path: Path) -> None:
    result = apply(cli, export(tmp_path / "export", thread(1, 3)), "--target", "sandbox")
    assert result["data"]["findings"] == {}
    assert "files" not in result["data"]


# ---- upload --------------------------------------------------------------------------------------------------------

BYTES = {"file-doc-plan.pdf": b"%PDF-1.7 plan", "file-pic.png": PNG}


def test_bytes_are_uploaded_once_and_the_conversation_names_the_new_ids(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    threads = [attached(number, "file-doc", images=("file-pic",)) for number in range(1, 12)]
    source = export(tmp_path / "export", *threads, files=BYTES)
    assert apply(cli, source)["exit_code"] == 0
    assert strict.requests("upload") == 2
    rows = file_map(cli)
    stored = {file.id: file for file in strict.client.files.list()}
    assert stored[rows["file-doc"]["target_file_id"]].filename == "plan.pdf"
    assert stored[rows["file-doc"]["target_file_id"]].purpose == "user_data"
    assert stored[rows["file-pic"]["target_file_id"]].purpose == "vision"
    assert strict.client.files.content(rows["file-pic"]["target_file_id"]).read() == PNG
    assert len(rows["file-pic"]["sha256"]) == 64
    named = {
        part["file_id"] for number in range(1, 12) for part in strict.parts(thread_id(number)) if "file_id" in part
    }
    assert named == {row["target_file_id"] for row in rows.values()}
    assert apply(cli, source)["data"]["writes"] == 0


def test_azure_gets_every_file_for_assistants(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "azure")
    apply(cli, export(tmp_path / "export", attached(1, "file-doc", images=("file-pic",)), files=BYTES))
    assert {file.purpose for file in strict.client.files.list()} == {"assistants"}


def test_without_bytes_an_upload_becomes_a_note_and_a_finding(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    result = apply(cli, export(tmp_path / "export", attached(1, "file-nobytes")))
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["attachment-file-missing"] == 1
    assert file_map(cli)["file-nobytes"]["status"] == "missing"


def test_what_is_over_a_limit_or_empty_is_not_sent(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    source = export(
        tmp_path / "export",
        attached(1, "file-big", "file-nil", images=("file-huge",)),
        files={"file-big.pdf": b"%PDF-1.7", "file-nil.txt": b"", "file-huge.png": PNG},
    )
    for name in ("file-big.pdf", "file-huge.png"):
        os.truncate(source / "files" / name, 50_000_000)
    result = apply(cli, source)
    assert result["exit_code"] == 0
    assert strict.requests("upload") == 0
    assert result["data"]["findings"]["attachment-too-large"] == 2
    assert result["data"]["findings"]["attachment-file-missing"] == 1


@pytest.fixture
def uploading(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    """Files are uploaded, and the environment is put back after the test."""
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")


@pytest.mark.parametrize("fault", ["reset-after", "500-after", "cut", "html-after"])
def test_a_file_whose_answer_was_lost_is_found_in_the_targets_list_and_not_sent_again(
    cli: Cli, tmp_path: Path, uploading: None, fault: str
) -> None:
    with Strict(tmp_path / "strict.db", f"upload:{fault}:count=1") as target:
        result = apply(cli, export(tmp_path / "export", attached(1, "file-doc"), files=BYTES))
        assert result["exit_code"] == 0
        [row] = file_map(cli).values()
        assert list(target.files()) == [row["target_file_id"]]
        assert row["target_file_id"] in [part.get("file_id") for part in target.parts(thread_id(1))]
        assert target.requests("upload") == 1
        assert result["data"]["files"] == {"adopted": 1, "uploaded": 1}
        assert "file_copies" not in cli("status").out


@pytest.mark.parametrize("fault", ["500", "reset-before"])
def test_an_upload_that_may_have_arrived_and_is_not_to_be_seen_is_counted(
    cli: Cli, tmp_path: Path, uploading: None, fault: str
) -> None:
    with Strict(tmp_path / "strict.db", f"upload:{fault}:count=1") as target:
        result = apply(cli, export(tmp_path / "export", attached(1, "file-doc"), files=BYTES))
        assert (result["exit_code"], len(target.files())) == (0, 1)
        assert result["data"]["files"]["possible_orphans"] == 1
        assert result["data"]["findings"]["upload-answer-lost"] == 1
        assert cli("status", "--output", "json").json["data"]["file_copies"] == 1
        assert "possible copies of files" in cli("status").out


def test_an_upload_that_was_refused_for_now_has_left_nothing(cli: Cli, tmp_path: Path, uploading: None) -> None:
    with Strict(tmp_path / "strict.db", "upload:429-bare:count=1") as target:
        result = apply(cli, export(tmp_path / "export", attached(1, "file-doc"), files=BYTES))
        assert (result["data"]["files"], len(target.files())) == ({"uploaded": 1}, 1)


def test_where_the_target_does_not_list_its_files_they_are_sent_again_and_counted(
    cli: Cli, tmp_path: Path, uploading: None
) -> None:
    with Strict(tmp_path / "strict.db", "upload:reset-after:count=1", "files:413") as target:
        result = apply(cli, export(tmp_path / "export", attached(1, "file-doc"), files=BYTES))
        assert (result["exit_code"], target.requests("upload")) == (0, 2)
        assert result["data"]["files"]["possible_orphans"] == 1


def test_a_shard_takes_no_copy_for_its_own_that_another_may_have_sent(
    cli: Cli, tmp_path: Path, uploading: None
) -> None:
    with Strict(tmp_path / "strict.db", "upload:reset-after:count=1") as target:
        result = apply(cli, export(tmp_path / "export", attached(1, "file-doc"), files=BYTES), "--shard", "1/1")
        assert result["exit_code"] == 0
        assert (len(target.files()), result["data"]["files"]["possible_orphans"]) == (2, 1)


@pytest.mark.parametrize("fault", ["hang-after", "late:seconds=0:answer=hang"])
def test_a_killed_upload_that_arrived_is_adopted_by_the_next_run(
    cli: Cli, tmp_path: Path, uploading: None, fault: str
) -> None:
    source = export(tmp_path / "export", attached(1, "file-doc"), files=BYTES)
    with Strict(tmp_path / "strict.db", f"upload:{fault}:count=1") as target:
        command = [sys.executable, "-m", "migrate_cli", "apply", str(source)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not target.files() and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        result = apply(cli, source)
        assert result["exit_code"] == 0
        [row] = file_map(cli).values()
        assert list(target.files()) == [row["target_file_id"]]
        assert target.requests("upload") == 1


def test_a_target_that_never_answers_an_upload_ends_the_run_for_now(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setattr("migrate_cli.http.retry.LONGEST_WAIT", 0.01)
    source = export(tmp_path / "export", attached(1, "file-doc"), files=BYTES)
    with Strict(tmp_path / "strict.db", "upload:500"):
        assert apply(cli, source)["exit_code"] == 5
    monkeypatch.setenv("MIGRATE_TARGET__BASE_URL", "")


def test_killed_in_the_middle_of_uploads_the_next_run_goes_on_and_nothing_is_mapped_twice(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    many = {f"file-d{number}.txt": f"text {number}".encode() for number in range(60)}
    threads = [attached(number, f"file-d{number}", f"file-d{(number * 7) % 60}") for number in range(60)]
    source = export(tmp_path / "export", *threads, files=many)
    command = [sys.executable, "-m", "migrate_cli", "apply", str(source), "--output", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while strict.requests("upload") < 20 and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    result = apply(cli, source)
    assert result["exit_code"] == 0
    rows = file_map(cli)
    assert {row["status"] for row in rows.values()} == {"uploaded"}
    assert len({row["target_file_id"] for row in rows.values()}) == 60
    for number in range(60):
        names = [part["file_id"] for part in strict.parts(thread_id(number)) if "file_id" in part]
        wanted = dict.fromkeys((f"file-d{number}", f"file-d{(number * 7) % 60}"))
        assert names == [rows[name]["target_file_id"] for name in wanted]
    assert set(strict.files()) == {row["target_file_id"] for row in rows.values()}, "nothing that no map knows"
    assert apply(cli, source)["data"]["writes"] == 0


# ---- audio ---------------------------------------------------------------------------------------------------------


def test_attached_audio_becomes_its_transcript_once_and_the_text_stays_the_same(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    source = export(
        tmp_path / "export", *(attached(n, "file-memo") for n in range(1, 9)), files={"file-memo-memo.wav": WAV}
    )
    result = apply(cli, source)
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["audio-transcribed"] == 8
    assert strict.requests("transcribe") == 1
    texts = [part.get("text", "") for part in strict.parts(thread_id(3))]
    assert any(f"transcript of memo.wav, {len(WAV)} bytes" in text for text in texts)
    assert apply(cli, source)["data"]["writes"] == 0
    assert strict.requests("transcribe") == 1


def test_planning_foretells_transcripts_and_sends_no_audio(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    source = export(tmp_path / "export", attached(1, "file-memo"), files={"file-memo-memo.wav": WAV})
    assert cli("plan", source, "--output", "json").json["data"]["findings"]["audio-transcribed"] == 1
    assert strict.requests("transcribe") == 0


def test_audio_that_cannot_be_transcribed_is_named_in_a_note_with_its_reason(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    source = export(
        tmp_path / "export",
        attached(1, "file-long", "file-lie", "file-aiff", "file-nil"),
        files={
            "file-long-talk.wav": WAV,
            "file-lie-talk.mp3": b"this is a text",
            "file-aiff-talk.aiff": b"FORM\x00\x00\x00\x2eAIFFCOMM",
            "file-nil-talk.mp3": b"",
        },
    )
    os.truncate(source / "files" / "file-long-talk.wav", 26_000_000)
    result = apply(cli, source)
    assert result["exit_code"] == 0
    assert strict.requests("transcribe") == 0
    reasons = {row["detail"] for row in result["data"]["finding_list"] if row["code"] == "audio-not-transcribed"}
    assert len(reasons) == 3
    assert result["data"]["findings"]["attachment-file-missing"] == 1, "what is text by content is no audio"
    assert any("26,000,000 bytes" in reason for reason in reasons)


def test_an_older_transcription_model_works_and_warns_with_its_date(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    monkeypatch.setenv("MIGRATE_AUDIO__MODEL", "whisper-1")
    source = export(tmp_path / "export", attached(1, "file-memo"), files={"file-memo-memo.wav": WAV})
    result = apply(cli, source)
    [row] = [row for row in result["data"]["finding_list"] if row["code"] == "audio-model-going"]
    assert "2027-02-26" in row["detail"]
    assert result["data"]["findings"]["audio-transcribed"] == 1


def test_a_transcription_model_that_is_not_there_stops_the_run_before_notes_are_written(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    monkeypatch.setenv("MIGRATE_AUDIO__MODEL", "listener")
    source = export(tmp_path / "export", attached(1, "file-memo"), files={"file-memo-memo.wav": WAV})
    assert apply(cli, source)["exit_code"] == 2
    assert strict.parts(thread_id(1)) == []
    monkeypatch.setenv("MIGRATE_AUDIO__MODEL", "gpt-transcribe")
    assert apply(cli, source)["data"]["findings"]["audio-transcribed"] == 1


@pytest.mark.parametrize("fault", ["reset-after", "500", "429-bare"])
def test_a_lost_transcript_is_asked_for_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    source = export(tmp_path / "export", attached(1, "file-memo"), files={"file-memo-memo.wav": WAV})
    with Strict(tmp_path / "strict.db", f"transcribe:{fault}:count=1"):
        assert apply(cli, source)["data"]["findings"]["audio-transcribed"] == 1


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_ids_that_are_no_ids_are_never_asked_for(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    own = attached(1, "../../etc/passwd", "x" * 90)
    own["messages"][0]["attachments"].append({"tools": [{"type": "code_interpreter"}]})
    result = apply(cli, export(tmp_path / "export", own))
    assert result["exit_code"] == 0
    assert result["data"]["findings"]["file-id-invalid"] == 2
    assert result["data"]["findings"]["attachment-without-id"] == 1
    assert strict.requests("file") == 0


def test_files_that_together_are_more_than_one_request_may_carry_are_told(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    source = export(
        tmp_path / "export",
        attached(1, "file-a", "file-b"),
        files={"file-a.pdf": b"%PDF-1.7", "file-b.pdf": b"%PDF-1.7"},
    )
    for name in ("file-a.pdf", "file-b.pdf"):
        os.truncate(source / "files" / name, 26_000_000)
    result = cli("plan", source, "--output", "json").json
    assert result["data"]["findings"]["files-over-request-limit"] == 1
