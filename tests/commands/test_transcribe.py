"""`transcribe`: local audio to text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(16)


@pytest.fixture
def memo(tmp_path: Path) -> Path:
    (tmp_path / "memo.wav").write_bytes(WAV)
    return tmp_path / "memo.wav"


def test_one_file_gives_its_text_and_nothing_else_on_stdout(cli: Cli, memo: Path, target: EmbeddedSandbox) -> None:
    outcome = cli("transcribe", memo)
    assert outcome.code == 0
    assert outcome.out.startswith(f"transcript of memo.wav, {len(WAV)} bytes")
    assert outcome.out.count("\n") == 1


def test_several_files_stand_under_their_names_and_json_has_them_all(
    cli: Cli, memo: Path, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    other = tmp_path / "call.flac"
    other.write_bytes(b"fLaC" + bytes(30))
    outcome = cli("transcribe", memo, other)
    assert f"{memo}:\ntranscript of memo.wav" in outcome.out
    assert f"{other}:\ntranscript of call.flac" in outcome.out
    rows = cli("transcribe", memo, other, "--output", "json").json["data"]["files"]
    assert [row["text"][:13] for row in rows] == ["transcript of", "transcript of"]


def test_a_name_without_an_ending_is_told_by_its_content(
    cli: Cli, memo: Path, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    bare = memo.rename(tmp_path / "file-abc")
    assert cli("transcribe", bare).out.startswith("transcript of file-abc.wav")


def test_what_cannot_be_transcribed_is_named_and_the_others_are_done(
    cli: Cli, memo: Path, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no sound at all")
    big = tmp_path / "big.wav"
    big.write_bytes(WAV)
    os.truncate(big, 26_000_000)
    outcome = cli("transcribe", memo, tmp_path / "notes.txt", big, "--output", "json")
    assert outcome.code == 3
    assert outcome.json["data"]["files"][0]["text"]
    assert [problem["code"] for problem in outcome.json["errors"]] == ["audio-not-transcribed"] * 2
    assert "text/plain" in outcome.json["errors"][0]["message"]
    assert "26,000,000" in outcome.json["errors"][1]["message"]


def test_a_missing_file_is_a_mistake_before_anything_is_sent(
    cli: Cli, memo: Path, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    outcome = cli("transcribe", memo, tmp_path / "gone.mp3")
    assert outcome.code == 2
    assert "gone.mp3 cannot be read" in outcome.err


def test_an_older_model_warns_on_stderr_and_an_unknown_one_is_refused(
    cli: Cli, memo: Path, target: EmbeddedSandbox
) -> None:
    outcome = cli("transcribe", memo, "--model", "whisper-1")
    assert outcome.code == 0
    assert "2027-02-26" in outcome.err
    assert outcome.out.startswith("transcript of")
    refused = cli("transcribe", memo, "--model", "listener")
    assert refused.code == 2
    assert "listener" in refused.err


def test_without_a_key_it_says_which_variable_to_set(cli: Cli, memo: Path) -> None:
    outcome = cli("transcribe", memo)
    assert outcome.code == 2
    assert "OPENAI_API_KEY" in outcome.err
