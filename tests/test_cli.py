"""The command line itself: quick to start, and its help complete."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from migrate_cli import __version__
from migrate_cli.cli.app import app, with_command
from migrate_cli.cli.help_text import help_of
from typer.main import get_command
from typer.testing import CliRunner

COMMANDS = [
    "demo",
    "snapshot",
    "init",
    "doctor",
    "plan",
    "apply",
    "resolve",
    "undo",
    "recover",
    "merge",
    "status",
    "verify",
    "report",
    "replay",
    "map",
    "merge",
    "assistants",
    "transcribe",
    "sandbox",
]


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["plan", "--help"]])
def test_help_and_version_do_not_import_the_openai_package(args: list[str]) -> None:
    code = (
        "import sys; sys.modules['openai'] = None; sys.modules['sqlite_utils'] = None;"
        f"sys.argv = ['migrate-cli', *{args!r}];"
        "from migrate_cli.__main__ import main; main()"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip()


def test_planning_an_export_does_not_import_the_openai_package(tmp_path: object) -> None:
    code = (
        "import sys; sys.modules['openai'] = None;"
        "sys.argv = ['migrate-cli', 'plan', 'fixtures', '--output', 'json'];"
        "from migrate_cli.__main__ import main; main()"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode in (0, 3), process.stderr


@pytest.mark.parametrize("name", [*COMMANDS, "no-such-command", "--version", None])
def test_a_command_that_is_called_is_the_same_beside_few_others_as_beside_all(name: str | None) -> None:
    args = [name, "--help"] if name in COMMANDS else [name] if name else []
    alone, among_all = (CliRunner().invoke(group, args) for group in (with_command(name), app))
    assert (alone.output, alone.exit_code) == (among_all.output, among_all.exit_code)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "map"])
def test_only_few_commands_are_made_for_one_that_is_called(name: str) -> None:
    made = get_command(with_command(name)).commands  # type: ignore[attr-defined]
    assert name in made
    assert len(made) < len(COMMANDS) / 2


def test_the_version_is_one_line() -> None:
    outcome = CliRunner().invoke(app, ["--version"])
    assert outcome.stdout == f"migrate-cli {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_an_example_and_its_exit_codes(name: str) -> None:
    outcome = CliRunner().invoke(app, [name, "--help"], terminal_width=200)
    assert outcome.exit_code == 0
    assert "Example" in outcome.stdout
    assert "EXIT STATUS" in outcome.stdout


def test_every_command_is_known_to_these_tests() -> None:
    assert set(get_command(app).commands) == set(COMMANDS)  # type: ignore[attr-defined]  # a group has commands


COMMAND = re.compile(r"`migrate-cli [^`]+`")


def commands() -> dict[str, Any]:
    """Every command, the program itself among them, by what is typed."""
    root: Any = get_command(app)
    below = dict(root.commands)
    return {"migrate-cli": root, **below, **{f"map {name}": one for name, one in below["map"].commands.items()}}


def help_at(command: Any, columns: int) -> str:
    """The help on a terminal of this width."""
    # The parser keeps two columns free.
    return help_of(command, command.make_context("migrate-cli", [], resilient_parsing=True, terminal_width=columns - 2))


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", commands())
def test_no_command_in_the_help_is_broken(name: str, columns: int) -> None:
    command = commands()[name]
    told = help_at(command, columns)
    for line in told.splitlines()[1:]:
        assert line.count("`") % 2 == 0, line
        # Only what cannot be broken is wider than the terminal, and then it has its line to itself.
        alone = COMMAND.fullmatch(line.strip()) or len(line[34:].split()) < 2
        assert len(line) <= columns or alone, line
        assert not re.search(r"\w-$", line), line
    assert COMMAND.findall(told) == COMMAND.findall(help_at(command, 1000))


def test_the_help_says_the_same_however_it_is_laid_out() -> None:
    for command in commands().values():
        assert help_at(command, 60).split() == help_at(command, 200).split()
