"""Mistakes on the command line itself: one sentence, exit code 2, and JSON where JSON was asked for."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("aply", "there is no command aply (did you mean apply?); see migrate-cli --help"),
        ("nonsense", "there is no command nonsense; see migrate-cli --help"),
        ("plan --thraed x", "there is no option --thraed (did you mean --thread?); see migrate-cli plan --help"),
        ("plan -o yaml", "--output takes text, json, markdown, junit, html, not yaml; see migrate-cli plan --help"),
        ("plan --progress dots", "--progress takes auto, json, none, not dots; see migrate-cli plan --help"),
        ("apply --workers many", "--workers takes a whole number; see migrate-cli apply --help"),
        ("plan --rate 0", "--rate takes a number that is greater than or equal to 1; see migrate-cli plan --help"),
        ("plan --limit", "--limit needs a value; see migrate-cli plan --help"),
        ("plan one two", "this command does not take two; see migrate-cli plan --help"),
        ("resolve", "THREAD is missing; see migrate-cli resolve --help"),
        ("map --oops", "there is no option --oops; see migrate-cli map --help"),
        ("map export --oops", "there is no option --oops; see migrate-cli map export --help"),
        (
            "--limit 3 plan",
            "the option --limit is before the command; put options after it; see migrate-cli plan --help",
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence(cli: Cli, line: str, sentence: str) -> None:
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"migrate-cli: {sentence}\n")


@pytest.mark.parametrize("form", [("-o", "json"), ("--output", "json"), ("--output=json",)])
def test_json_has_the_sentence_too(cli: Cli, form: tuple[str, ...]) -> None:
    outcome = cli("plan", "--limit", "x", *form)
    assert outcome.err == ""
    told = outcome.json
    assert (told["command"], told["status"], told["exit_code"]) == ("plan", "failed", 2)
    assert [(one["code"], one["message"]) for one in told["errors"]] == [
        ("usage", "--limit takes a whole number; see migrate-cli plan --help")
    ]


def test_no_command_at_all_shows_the_help(cli: Cli) -> None:
    assert "apply" in (outcome := cli()).out + outcome.err
    assert outcome.code == 2


WHILE_IMPORTING = """
import sys
class Pressed:
    def find_spec(self, name, *_):
        if name == "migrate_cli.cli.app":
            {press}
sys.meta_path.insert(0, Pressed())
sys.argv = ["migrate-cli", "status"]
from migrate_cli.__main__ import main
main()
"""


TERMINATED = f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)}); [0 for _ in range(9)]"


@pytest.mark.parametrize("press", ["raise KeyboardInterrupt", TERMINATED])
def test_a_signal_while_the_program_starts_ends_it_with_a_word(press: str) -> None:
    code = WHILE_IMPORTING.format(press=press)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert ended.stderr == "migrate-cli: interrupted before any work began; run the same command again\n"


def test_a_signal_while_a_command_is_being_found_ends_it_with_a_word(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("migrate_cli.cli.frame._guarded", press)
    outcome = cli("status")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "migrate-cli: interrupted before any work began; run the same command again\n"


def test_the_advice_names_the_program_however_it_was_called() -> None:
    command = [sys.executable, "-m", "migrate_cli", "map", "export", "--formt", "csv"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "see migrate-cli map export --help" in ended.stderr
