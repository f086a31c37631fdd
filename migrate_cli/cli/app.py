"""Puts the commands together, in the order in which a user meets them.

Stages are imported inside the commands, so that `--help` and completion stay fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from migrate_cli.cli import check, convert, mapping, migrate, repair, replay, serve, setup, snapshot
from migrate_cli.cli.frame import emit
from migrate_cli.cli.usage import Commands
from migrate_cli.version import __version__

_MODULES = (setup, migrate, check, repair, convert, replay, snapshot, serve)


def _group() -> typer.Typer:
    """A command line without commands."""
    return typer.Typer(
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


app = _group()


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


for commands in _MODULES:
    app.add_typer(commands.app)
app.add_typer(mapping.map_app, name="map")


def with_command(name: str | None) -> typer.Typer:
    """The command line with the commands of the module that holds this one; with all where none does.

    Making a command takes longer than to parse what is given to it, and only one is called.
    """
    for commands in _MODULES:
        if name in (one.name or _name_of(one.callback) for one in commands.app.registered_commands):
            fewer = _group()
            fewer.callback(invoke_without_command=True)(main)
            fewer.add_typer(commands.app)
            return fewer
    return app


def _name_of(callback: Callable[..., object] | None) -> str:
    return getattr(callback, "__name__", "").replace("_", "-")


def run() -> int:
    """Run the command line; returns the exit code."""
    args = mapping.with_short_form(sys.argv[1:])
    try:
        with_command(next(iter(args), None))(args=args)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
