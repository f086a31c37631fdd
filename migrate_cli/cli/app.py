"""Puts the commands together, in the order in which a user meets them.

Stages are imported inside the commands, so that `--help` and completion stay fast.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from migrate_cli.cli import check, convert, mapping, migrate, repair, replay, serve, setup, snapshot
from migrate_cli.cli.frame import emit
from migrate_cli.cli.usage import Commands
from migrate_cli.version import __version__

app = typer.Typer(
    name="migrate-cli",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # panels in the help take longer to import than all commands together
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Move OpenAI Assistants threads into Conversations for the Responses API, in bulk: "
        "nothing is lost, duplicated or changed silently."
    ),
    epilog="Start with `migrate-cli demo`, then `migrate-cli plan ./export`.",
)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit; with -v, also those of the libraries.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="With --version: also show libraries.", hidden=True)
    ] = False,
) -> None:
    """Handle options that come before a command."""
    if version and verbose:
        from migrate_cli.doctor.machine import versions  # noqa: PLC0415 - plain --version must stay instant

        emit(f"{name} {found}\n" for name, found in versions().items())
    elif version:
        emit([f"migrate-cli {__version__}\n"])
    if version:
        raise typer.Exit


for commands in (setup, migrate, check, repair, convert, replay, snapshot, serve):
    app.add_typer(commands.app)
app.add_typer(mapping.map_app, name="map")


def run() -> int:
    """Run the command line; returns the exit code."""
    try:
        app(args=mapping.with_short_form(sys.argv[1:]))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
