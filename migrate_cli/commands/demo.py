"""`migrate-cli demo`: a whole migration on the embedded sandbox, with the bundled fixtures, step by step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

from migrate_cli.commands.apply import apply
from migrate_cli.commands.mapping import look_up
from migrate_cli.commands.plan import plan
from migrate_cli.commands.replay import replay
from migrate_cli.commands.replay_cases import ReplayOptions
from migrate_cli.commands.status import status
from migrate_cli.commands.verify import VerifyOptions, verify
from migrate_cli.model import Result
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings, load_settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.reader import StateReader

SHOWN_IDS = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the demo: its title, the command that it stands for, the call, and what of the result to show."""

    title: str
    command: str
    run: Callable[[], Result]
    parts: tuple[str, ...] | None = None
    """Keys of the data that the text shows; None means all. JSON always has all."""

    def shown(self, result: Result) -> Result:
        """Return the result with what the text leaves out left out, and no advice for a next step."""
        data = result.data
        kept = data if self.parts is None else {key: data[key] for key in self.parts if key in data}
        return replace(result, data={**kept, "next": []})


def fixtures() -> Path:
    """Return the folder of the bundled exports: inside an installed package, or beside it in a checkout."""
    with as_file(files("migrate_cli") / "_fixtures") as bundled:
        return bundled if bundled.is_dir() else Path(__file__).parents[2] / "fixtures"


def demo(folder: Path, *, view: Callable[[], ProgressView]) -> Iterator[Step]:
    """Yield each step, to be run before the next is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(folder)
    everything = Selection()
    yield Step(
        "Plan: read and convert everything, send nothing",
        "migrate-cli plan fixtures",
        lambda: plan(settings, everything, view=view()),
        ("threads", "messages", "parts", "findings", "finding_list", "unreadable"),
    )
    yield Step(
        "Apply: migrate, into a sandbox on this machine",
        "migrate-cli apply fixtures --target sandbox",
        lambda: apply(settings, everything, sandbox=True, view=view()),
        ("threads", "messages", "requests", "target", "state", "seconds", "writes"),
    )
    yield Step(
        "Apply again: running it again is resuming, and all is done",
        "migrate-cli apply fixtures --target sandbox",
        lambda: apply(settings, everything, sandbox=True, view=view()),
        ("target", "threads", "writes", "messages"),
    )
    yield Step(
        "Verify: read every conversation back and compare it",
        "migrate-cli verify fixtures --target sandbox",
        lambda: verify(settings, everything, VerifyOptions(), sandbox=True, view=view()),
        ("outcomes", "threads", "continued", "differences"),
    )
    yield Step(
        "Status: where it stands, at any time", "migrate-cli status --rehearsal", lambda: status(settings), ("threads",)
    )
    yield Step(
        "Map: the new id for every old one",
        "migrate-cli map ID… --rehearsal",
        lambda: look_up(settings, _some_ids(settings)),
    )
    yield Step(
        "Replay: stream test prompts through the new setup, with tools, and check the answers",
        "migrate-cli replay fixtures/replay.yaml --target sandbox --workers 1",
        lambda: replay(settings, ReplayOptions(suite=fixtures() / "replay.yaml"), sandbox=True, view=view()),
        ("suite", "mode", "models", "cases", "totals", "conversations", "scratch", "seconds"),
    )


def together(results: list[Result]) -> Result:
    """Return the steps as one result, for `--output json`."""
    envelopes = [result.envelope() for result in results]
    return Result("demo", {"steps": envelopes}, max((result.exit_code for result in results), default=0))


def farewell(results: list[Result], folder: Path) -> str:
    """Return what a person should take away, and try next."""
    applied = next(result.data for result in results if result.command == "apply")
    threads, messages = applied["threads"], applied["messages"]
    return (
        f"\nDone: {threads['loaded']} threads with {messages['read']} messages now are conversations with "
        f"{messages['items']} items, and every old id has its new one.\n"
        f"All of it happened on this machine; the state file is {folder / 'migration.rehearsal.db'}.\n\n"
        "Now your own export:\n\n"
        "  migrate-cli plan ./export                       what would happen, and what would be lost\n"
        "  migrate-cli apply ./export --target sandbox     a rehearsal, without a key\n"
        "  migrate-cli apply ./export                      the migration, with OPENAI_API_KEY set\n"
    )


def _some_ids(settings: Settings) -> list[str]:
    with StateReader(settings.state) as reader:
        return [str(row["thread_id"]) for row, _ in zip(reader.maps.export("threads"), range(SHOWN_IDS), strict=False)]


def _settings(folder: Path) -> Settings:
    return load_settings(
        None,
        {"source.path": str(fixtures()), "state": str(folder / "migration.rehearsal.db"), "replay.workers": 1},
        env_file=Path(os.devnull),
    )
