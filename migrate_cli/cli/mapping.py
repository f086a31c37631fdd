"""`map` and `map export`, on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options, emit
from migrate_cli.commands.choices import MapFormat, MapLevel

map_app = typer.Typer(
    no_args_is_help=True,
    help="Old id → new id, in both directions.\n\nExample: `migrate-cli map thread_abc`",
    epilog="EXIT STATUS  0 all found · 2 usage · 4 an id is unknown · 10 state file",
)


@map_app.command("export", epilog="EXIT STATUS  0 written · 2 no state file · 10 state file unusable")
@common_options("map export")
def map_export(
    frame: Frame,
    format_: Annotated[MapFormat, typer.Option("--format", help="Form of the mapping.")] = MapFormat.CSV,
    level: Annotated[
        MapLevel, typer.Option("--level", help="One row for each thread, message or file.")
    ] = MapLevel.THREADS,
) -> None:
    """Write the whole mapping to stdout.

    Example: `migrate-cli map export --format csv > map.csv`
    """
    from migrate_cli.commands.mapping import export  # noqa: PLC0415

    emit(export(frame.settings(), level, format_))


@map_app.command("ids", hidden=True)
@common_options("map")
def map_ids(frame: Frame, ids: Annotated[list[str], typer.Argument(help="Ids, old or new.", metavar="ID…")]) -> None:
    """Look ids up; `migrate-cli map ID…` is the short form.

    Example: `migrate-cli map thread_abc conv_def`
    """
    from migrate_cli.commands.mapping import look_up  # noqa: PLC0415

    settings = frame.settings()
    frame.finish(look_up(settings, ids), settings)


def with_short_form(args: list[str]) -> list[str]:
    """`map ID…` means `map ids ID…`; a group cannot take arguments of its own besides commands."""
    if len(args) > 1 and args[0] == "map" and args[1] not in ("export", "ids", "--help", "-h"):
        return ["map", "ids", *args[1:]]
    return args
