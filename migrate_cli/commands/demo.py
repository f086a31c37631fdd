"""`migrate-cli demo`: a whole migration on the embedded sandbox, with the bundled fixtures, step by step."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
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
from migrate_cli.disk.output import obstacle
from migrate_cli.errors import UsageError
from migrate_cli.model import Result
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings, load_settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.reader import StateReader

SHOWN_IDS = 5
STATE = "migration.rehearsal.db"


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
    _make(folder)
    settings = _settings(folder)
    source, suite = _typed(fixtures()), _typed(fixtures() / "replay.yaml")
    state = f"--state {_typed(settings.state)}"
    everything = Selection()
    yield Step(
        "Plan: read and convert everything, send nothing",
        f"migrate-cli plan {source}",
        lambda: plan(settings, everything, view=view()),
        ("threads", "messages", "parts", "findings", "finding_list", "finding_threads", "unreadable"),
    )
    yield Step(
        "Apply: migrate, into a sandbox on this machine",
        f"migrate-cli apply {source} --target sandbox {state}",
        lambda: apply(settings, everything, sandbox=True, view=view()),
        ("threads", "messages", "requests", "target", "state", "seconds", "writes"),
    )
    yield Step(
        "Apply again: running it again resumes, and everything is done",
        f"migrate-cli apply {source} --target sandbox {state}",
        lambda: apply(settings, everything, sandbox=True, view=view()),
        ("target", "threads", "writes", "messages"),
    )
    yield Step(
        "Verify: read every conversation back and compare it",
        f"migrate-cli verify {source} --target sandbox {state}",
        lambda: verify(settings, everything, VerifyOptions(), sandbox=True, view=view()),
        ("outcomes", "threads", "continued", "differences"),
    )
    yield Step("Status: progress, at any time", f"migrate-cli status {state}", lambda: status(settings), ("threads",))
    ids = _some_ids(settings)
    yield Step(
        "Map: the new id for every old one",
        f"migrate-cli map {' '.join(ids)} {state}",
        lambda: look_up(settings, ids),
    )
    yield Step(
        "Replay: stream test prompts through the new setup, with tools, and check the answers",
        f"migrate-cli replay {suite} --target sandbox --workers 1 {state}",
        lambda: replay(settings, ReplayOptions(suite=fixtures() / "replay.yaml"), sandbox=True, view=view()),
        ("suite", "mode", "models", "cases", "totals", "conversations", "scratch", "seconds"),
    )


def _make(folder: Path) -> None:
    """Make the folder. Raises UsageError where the demo cannot keep its files in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        why = obstacle(folder / STATE) or obstacle(folder / f"{STATE}.sandbox")
    except OSError as error:
        why = error.strerror or str(error)
    if why is not None:
        raise UsageError(f"the demo cannot keep its files in {folder}: {why}; name another folder with --folder")


def _typed(path: Path) -> str:
    """A path as a person would type it from here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def together(results: list[Result]) -> Result:
    """Return the steps as one result, for `--output json`."""
    envelopes = [result.envelope() for result in results]
    return Result("demo", {"steps": envelopes}, max((result.exit_code for result in results), default=0))


def farewell(results: list[Result], folder: Path) -> str:
    """Return what a person should take away, and try next."""
    applied = next(result.data for result in results if result.command == "apply")
    threads, messages = applied["threads"], applied["messages"]
    return (
        f"\nDone: {threads['loaded']} threads with {messages['read']} messages are now conversations with "
        f"{messages['items']} items, and every old id is mapped to a new one.\n"
        f"All of it happened on this machine; the state file is {folder / STATE}.\n\n"
        f"Now your own export:\n\n{_path_hint()}"
        "  migrate-cli plan ./export                       what would happen, and what would be lost\n"
        "  migrate-cli apply ./export --target sandbox     a rehearsal, without a key\n"
        "  migrate-cli apply ./export                      the migration, with OPENAI_API_KEY set\n"
    )


def _path_hint() -> str:
    """What lets this shell find the program, where it was started by its path, as `make demo` does."""
    scripts = Path(sysconfig.get_path("scripts"))
    if shutil.which("migrate-cli") is not None or not (scripts / "migrate-cli").exists():
        return ""
    return f'  export PATH="{scripts}:$PATH"\n\n'


def _some_ids(settings: Settings) -> list[str]:
    with StateReader(settings.state) as reader:
        return [str(row["thread_id"]) for row, _ in zip(reader.maps.export("threads"), range(SHOWN_IDS), strict=False)]


def _settings(folder: Path) -> Settings:
    return load_settings(
        None,
        {"source.path": str(fixtures()), "state": str(folder / STATE), "replay.workers": 1},
        env_file=Path(os.devnull),
    )
