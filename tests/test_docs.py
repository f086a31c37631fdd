"""README and docs: what is made from the code is up to date, every command works, every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.cli.app import app
from migrate_cli.cli.mapping import with_short_form
from migrate_cli.errors import ExitCode
from migrate_cli.findings import CATALOGUE
from migrate_cli.model import ThreadState
from migrate_cli.sandbox.server import EmbeddedSandbox
from typer.main import get_command

import docs
from commands.conftest import Cli, cli, target  # noqa: F401 - fixtures
from support.printed import arguments

REPO = docs.REPO
PAGES = [*docs.pages(), REPO / "fixtures" / "README.md"]
FENCE = re.compile(r"```(?:console|sh)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(migrate-cli [^`]+)`")


def relative(page: Path) -> str:
    return str(page.relative_to(REPO))


def shown_commands(page: Path) -> Iterator[str]:
    """The migrate-cli lines of a page's code blocks, continuation lines joined; inline ones too."""
    text = page.read_text("utf-8")
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            _, found, rest = line.partition("migrate-cli ")
            if found and not line.startswith(" ") and not rest.startswith((" ", ".")):
                yield "migrate-cli " + rest
    for inline in INLINE.findall(text):
        yield " ".join(inline.split())


SHOWN = sorted({(relative(page), line) for page in PAGES for line in shown_commands(page)})


@pytest.mark.parametrize("page", docs.pages(), ids=relative)
def test_what_is_made_from_the_code_is_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")
    assert docs.filled(text) == text, "run: make docs"


@pytest.mark.parametrize("page", docs.pages(), ids=relative)
def test_every_marker_is_closed_and_known(page: Path) -> None:
    text = page.read_text("utf-8")
    opened = re.findall(r"<!-- generated: ([\w-]+) -->", text)
    assert opened == re.findall(r"<!-- end: ([\w-]+) -->", text)
    assert set(opened) <= set(docs.BLOCKS)


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{page}: {line}" for page, line in SHOWN])
def test_every_command_in_the_docs_parses(page: str, line: str) -> None:
    root: Any = get_command(app)
    words = with_short_form(arguments(line))
    if not words or words[0].startswith("-") or words[0] in ("COMMAND", "IMAGE"):
        root.make_context("migrate-cli", [word for word in words if word.startswith("--install") is False] or ["-h"],
                          resilient_parsing=True)  # fmt: skip
        return
    command = root
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: there is no command {words[0]}"
        command = command.commands[words.pop(0)]
    command.make_context("migrate-cli", words, resilient_parsing="--help" in words)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        goal = (page.parent / name).resolve() if name else page
        assert goal.exists(), f"{relative(page)} links {link}"
        if anchor and goal.suffix == ".md":
            assert anchor in anchors(goal), f"{relative(page)} links {link}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown viewers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_names_a_path_of_some_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root|Users)/", page.read_text("utf-8"))


@pytest.mark.parametrize("page", ["README.md", "docs/reference/interfaces.md"])
def test_every_exit_code_is_explained(page: str) -> None:
    text = (REPO / page).read_text("utf-8")
    for code in ExitCode:
        row = next(line for line in text.splitlines() if line.startswith(f"| {int(code)} |"))
        assert code.name in row


def test_every_state_of_a_thread_is_explained() -> None:
    text = (REPO / "docs" / "explanation.md").read_text("utf-8")
    rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert all(f"`{state.value}`" in rows for state in ThreadState)


def test_every_command_stands_in_the_readme_and_every_finding_in_the_tables() -> None:
    readme = (REPO / "README.md").read_text("utf-8")
    tables = (REPO / "docs" / "reference" / "tables.md").read_text("utf-8")
    assert all(f"`{name}`]" in readme for name, _ in docs.commands())
    assert all(f"| `{code}` |" in tables for code in CATALOGUE)


def test_the_readme_is_short() -> None:
    assert (REPO / "README.md").stat().st_size <= 14 * 1024


def test_every_dependency_says_what_it_is_for() -> None:
    rows = docs.dependencies().splitlines()[2:]
    assert len(rows) >= 10
    assert all(len(row.split("|")[2].strip()) > 10 for row in rows)


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in docs.settings_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert all(len(row.split(" | ")[2].strip()) > 5 for row in rows)


VOLATILE = re.compile(r"…|conv_|\bms\b|characters, from|environment\)")
"""Lines of output that differ from run to run."""


def sessions(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each line that a reader types on a page, with the output that the page shows for it."""
    for block in FENCE.findall(page.read_text("utf-8")):
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            typed, *shown = session.splitlines()
            yield typed, [line for line in shown if line.strip() and not VOLATILE.search(line)]


@pytest.mark.parametrize(("page", "least"), [("README.md", 8), ("docs/tutorial.md", 8), ("docs/apps.md", 5)])
def test_what_a_page_shows_is_what_happens(
    page: str,
    least: int,
    cli: Cli,  # noqa: F811
    target: EmbeddedSandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("fixtures", "export"):
        Path(name).symlink_to(REPO / "fixtures")
    Path("examples").symlink_to(REPO / "examples")
    ran = 0
    for typed, shown in sessions(REPO / page):
        if typed.startswith("export MIGRATE_"):
            name, _, value = typed.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
        if not typed.startswith("migrate-cli ") or typed.startswith("migrate-cli sandbox"):
            continue
        outcome = cli(*arguments(typed))
        assert outcome.code == 0, f"{typed}: {outcome.err}"
        out = " ".join(outcome.out.replace(target.base_url, "http://127.0.0.1:8765/v1").split())
        for line in shown:
            assert " ".join(line.split()) in out, f"{page}: {typed} does not show: {line}"
        ran += 1
    assert ran >= least


CODE = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)(?:: ([A-Za-z_]+))?`")


def test_contributing_names_only_rooms_and_modules_that_exist() -> None:
    package = REPO / "migrate_cli"
    named = CODE.findall((REPO / "CONTRIBUTING.md").read_text("utf-8"))
    missing = [path for path, _ in named if not any((base / path).exists() for base in (package, REPO))]
    lacking = [f"{path}: {name}" for path, name in named if name and name not in (package / path).read_text("utf-8")]
    assert len(named) > 50
    assert missing + lacking == []


def test_contributing_names_every_room() -> None:
    text = (REPO / "CONTRIBUTING.md").read_text("utf-8")
    rooms = {path.stem for path in (REPO / "migrate_cli").iterdir() if not path.name.startswith(("_", "py."))}
    assert {room for room in rooms if f"`{room}`" not in text and f"`{room}/`" not in text} == set()
