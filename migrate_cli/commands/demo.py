"""`migrate-cli demo`: the main job on the embedded sandbox, with the bundled fixtures, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from migrate_cli.commands.apply import apply
from migrate_cli.commands.mapping import look_up
from migrate_cli.commands.plan import plan
from migrate_cli.commands.status import status
from migrate_cli.model import Result
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings import Settings, load_settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.reader import StateReader

SHOWN_IDS = 5


def fixtures() -> Path:
    """Return the folder of the bundled exports: inside an installed package, or beside it in a checkout."""
    with as_file(files("migrate_cli") / "_fixtures") as bundled:
        return bundled if bundled.is_dir() else Path(__file__).parents[2] / "fixtures"


def demo(folder: Path, *, view: ProgressView) -> Iterator[Result]:
    """Yield the result of each step: plan, apply, apply again, status, some of the id map."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(folder)
    everything = Selection()
    yield plan(settings, everything, view=view)
    yield apply(settings, everything, sandbox=True, view=view)
    yield apply(settings, everything, sandbox=True, view=view)
    yield status(settings)
    with StateReader(settings.state) as reader:
        ids = [str(row["thread_id"]) for row, _ in zip(reader.export_map("threads"), range(SHOWN_IDS), strict=False)]
    yield look_up(settings, ids)


def together(results: list[Result]) -> Result:
    """Return the steps as one result, for `--output json`."""
    steps = [result.envelope() for result in results]
    return Result("demo", {"steps": steps}, max((result.exit_code for result in results), default=0))


def _settings(folder: Path) -> Settings:
    return load_settings(
        None,
        {"source.path": str(fixtures()), "state": str(folder / "demo.db")},
        env_file=folder / "no-such.env",
    )
