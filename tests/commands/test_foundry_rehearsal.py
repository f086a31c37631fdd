"""A rehearsal with the sandbox in the place of a Foundry project whose tokens expire, as the sandbox itself says it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.exports import write_export
from support.printed import arguments

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[str]:
    """A sandbox as a person starts one; yields what it prints."""
    command = [sys.executable, "-m", "migrate_cli", "sandbox", "--port", "0", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            printed = ""
            while "migrate-cli plan " not in printed:
                line = server.stdout.readline()
                assert line, "it ended early"
                printed += line
            yield printed
        finally:
            server.terminate()


def follow(printed: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the variables that a sandbox prints, and return its last command."""
    for line in re.findall(r"^  export (.+)$", printed, re.MULTILINE):
        for assignment in shlex.split(line):
            name, _, value = assignment.partition("=")
            monkeypatch.setenv(name, value)
    commands: list[str] = re.findall(r"^  (migrate-cli .+)$", printed, re.MULTILINE)
    return commands[-1]


def test_a_large_export_comes_through_although_tokens_expire_again_and_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(tmp_path / "export", [3] * 60)
    host = ("--source-from", "./export", "--source-preset", "foundry", "--token-requests", "25")
    with sandbox(tmp_path, *host) as printed:
        words = arguments(follow(printed, monkeypatch))
        assert cli(*words).code == 0
        result = cli("apply", *words[1:], "--output", "json").json
        assert (result["exit_code"], result["data"]["threads"]["loaded"]) == (0, 60)
        assert cli("verify", *words[1:]).code == 0


def test_a_token_that_expires_in_the_middle_is_told_with_the_ways_to_another(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(tmp_path / "export", [3] * 20)
    host = ("--source-from", "./export", "--source-preset", "foundry", "--token-requests", "25")
    with sandbox(tmp_path, *host) as printed:
        words = arguments(follow(printed, monkeypatch))
        monkeypatch.delenv("MIGRATE_SOURCE__TOKEN_COMMAND")
        monkeypatch.setenv("SOURCE_API_KEY", "a-token-0123456789")
        told = cli("apply", *words[1:], "--target", "sandbox", "--output", "json").json
        assert told["exit_code"] == 6
        [error] = told["errors"]
        for way in ("refused the key", "SOURCE_API_KEY", "source.token_command", "az account get-access-token"):
            assert way in error["message"]
        monkeypatch.setenv("SOURCE_API_KEY", "another-token-0123456789")
        monkeypatch.setenv("MIGRATE_SOURCE__TOKEN_COMMAND", "false --now")
        refused = cli("apply", *words[1:], "--target", "sandbox")
        assert refused.code == 6
        assert "source.token_command: false ended with 1; run it by hand and sign in" in " ".join(refused.out.split())
