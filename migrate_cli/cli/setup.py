"""`init` and `doctor` on the command line: what comes before a migration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Format, Rehearsal, Source
from migrate_cli.commands.option_types import TargetName

app = typer.Typer()
SETTINGS_FILE = Path("migration.yaml")


@app.command(epilog="EXIT STATUS  0 written · 2 it already exists, or cannot be written")
@common_options("init")
def init(
    frame: Frame,
    file: Annotated[Path, typer.Argument(help="The settings file to write.", metavar="FILE")] = SETTINGS_FILE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented settings file with every setting at its default.

    Example: `migrate-cli init`
    """
    from migrate_cli.commands.init import init as run  # noqa: PLC0415

    named = frame.config if frame.config is not None and file == SETTINGS_FILE else file
    frame.finish(run(named, force=force))


@app.command(
    epilog=(
        "EXIT STATUS  0 all is well, or only warnings · otherwise the highest code of a failed check: "
        "2 settings, key missing or source · 3 the target would lose or mix items · 5 target unreachable · "
        "6 key refused · 10 state file"
    )
)
@common_options("doctor")
def doctor(
    frame: Frame,
    source: Source = None,
    format_: Format = None,
    target: Annotated[
        TargetName | None, typer.Option("--target", help="`sandbox` checks the embedded server instead.")
    ] = None,
    rehearsal: Rehearsal = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Find out how the target behaves, using scratch conversations that are then deleted."
        ),
    ] = False,
) -> None:
    """Check settings, key, source, target, state file and disk, and say what to do about each failure.

    Reads only, unless `--live` is given. Shows every setting and where its value came from, but no keys.

    Example: `migrate-cli doctor ./export`
    """
    from migrate_cli.commands.context import rehearsing  # noqa: PLC0415
    from migrate_cli.commands.doctor import doctor as run  # noqa: PLC0415

    settings = frame.settings(rehearsal=rehearsal, source__path=source, source__format=format_)
    sandbox = rehearsal or target is TargetName.SANDBOX
    frame.finish(run(rehearsing(settings, sandbox=sandbox), sandbox=sandbox, live=live), settings)
