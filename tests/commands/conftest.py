"""Running the command line as a user does, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.cli.app import app
from migrate_cli.cli.mapping import with_short_form
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets
from typer.testing import CliRunner

from support.listing_target import ListingTarget, listing_target


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The envelope of `--output json`."""
        value: dict[str, Any] = json.loads(self.out)
        return value


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Run a command in an empty folder, without any settings of the machine's."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIGRATE_LOAD__SETTLE", "0.05")
    monkeypatch.setenv("MIGRATE_LOAD__LATE", "0.2")

    def run(*args: object) -> Outcome:
        result = CliRunner().invoke(app, with_short_form([str(arg) for arg in args]))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    yield run
    forget_secrets()


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[EmbeddedSandbox]:
    """A sandbox that the settings name as a real target, with a key."""
    with EmbeddedSandbox(tmp_path / "target.db") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        yield server


def conversations(data: Path) -> dict[str, list[str]]:
    """Return the texts of each conversation, by the id of the thread that it came from.

    A thread may have left empty conversations behind, but data in one of them only.
    """
    found: dict[str, list[str]] = {}
    for identifier, metadata, items in read_conversations(data):
        source = metadata.get("source_thread_id", identifier)
        texts = [part.get("text", "") for item in items for part in item.get("content", [])]
        assert not (texts and found.get(source)), f"data of {source} stands in two conversations"
        found[source] = texts or found.get(source, [])
    return found


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[ListingTarget]:
    """A target that lists its conversations, with a key."""
    with listing_target(tmp_path / "target.db") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        yield running
