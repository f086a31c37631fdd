"""Names of files, with characters in them that a terminal would obey, are shown and not obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

NAME = "a\x1b]0;owned\x07\x1b[2K\rmigrate-cli: all is well\nb\u202e"
BAD = "\x1b\x07\r\u202e"


def shown(*texts: str) -> None:
    for text in texts:
        assert not set(text) & set(BAD)
        assert "\nmigrate-cli: all is well" not in text


@pytest.mark.parametrize("command", ["plan", "apply", "verify", "doctor", "assistants", "snapshot"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00garbage", b'{"id": "thread_1", "messages": [{'])
@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "junit"])
def test_a_source_with_such_a_name(
    cli: Cli, tmp_path: Path, command: str, content: bytes | None, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("MIGRATE_LOAD__CONNECT_PATIENCE", "0.1")
    if command in ("verify", "doctor") and content is not None and form != "text":
        pytest.skip("the same reader, told of in the same way")
    path = tmp_path / f"{NAME}.jsonl"
    if content is not None:
        path.write_bytes(content)
    out = ["--out", "there"] if command == "snapshot" else []
    forms = [] if command == "assistants" else ["--output", form, "--report", f"report.{form}"]
    outcome = cli(command, path, "--log-file", "run.log", *forms, *out)
    log = Path("run.log").read_text()
    report = Path(f"report.{form}")
    shown(outcome.out, outcome.err, log, report.read_text() if report.exists() else "")


@pytest.mark.parametrize("option", ["--state", "--config", "--env-file", "--report", "--threads-from", "--save"])
def test_an_option_with_such_a_name(cli: Cli, tmp_path: Path, option: str) -> None:
    outcome = cli("plan", tmp_path, option, f"{NAME}/x")
    assert outcome.code != 0
    shown(outcome.out, outcome.err)


def test_a_mistake_on_the_command_line_with_such_characters(cli: Cli) -> None:
    for args in ([NAME], ["plan", f"--{NAME}"], ["plan", "--limit", NAME], ["map", "export", "--format", NAME]):
        outcome = cli(*args)
        assert outcome.code == 2
        shown(outcome.out, outcome.err)
