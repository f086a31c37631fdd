"""`map` and `map export` on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options, emit
from migrate_cli.cli.options import Rehearsal
from migrate_cli.cli.usage import CommandGroup
from migrate_cli.commands.option_types import MapFormat, MapLevel

if TYPE_CHECKING:
    from migrate_cli.settings.model import Settings

map_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Old id → new id, in both directions.\n\nExample: `migrate-cli map thread_2Kc3e3Io6BFToz1Lijmf7rVW`",
    epilog="EXIT STATUS  0 all found · 2 usage · 4 an id is unknown · 10 state file",
)


@map_app.command(
    "export",
    epilog=(
        "EXIT STATUS  0 written · 2 usage, no state file, no such table or column · 3 some rows hold another id, which "
        "was kept · 5 database unreachable · 6 password refused · 10 state file unusable"
    ),
)
@common_options("map export")
def map_export(
    frame: Frame,
    format_: Annotated[MapFormat, typer.Option("--format", help="Format of the mapping.")] = MapFormat.CSV,
    level: Annotated[
        MapLevel, typer.Option("--level", help="One row for each thread, message, file, agent or vector store.")
    ] = MapLevel.THREADS,
    raw: Annotated[
        bool, typer.Option("--raw", help="csv: do not escape cells that a spreadsheet would run as formulas.")
    ] = False,
    to_sql: Annotated[
        bool,
        typer.Option("--to-sql", help="Write conversation ids into a table in your database; a dry run without --yes."),
    ] = False,
    print_sql: Annotated[
        bool, typer.Option("--print-sql", help="Print the statements of --to-sql without connecting to a database.")
    ] = False,
    url: Annotated[
        str | None, typer.Option("--url", help="Database; default: source.url, or the variable of source.url_env.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="Table; default: source.table.")] = None,
    thread_column: Annotated[
        str | None, typer.Option("--thread-column", help="Column with the thread ids; it is not changed.")
    ] = None,
    conversation_column: Annotated[
        str, typer.Option("--conversation-column", help="Column for the conversation ids.")
    ] = "conversation_id",
    add_column: Annotated[bool, typer.Option("--add-column", help="Add that column if it does not exist.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other values in that column.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write to the database, 1,000 threads per transaction.")] = False,
    rehearsal: Rehearsal = False,
) -> None:
    """Write the whole mapping to stdout, or the conversation ids into your own table.

    Example: `migrate-cli map export --format csv > map.csv`

    Example: `migrate-cli map export --to-sql --url sqlite:///app.db --table chats --thread-column thread_id --yes`
    """
    settings = frame.settings(rehearsal=rehearsal)
    _tell_rehearsal(settings, meant=rehearsal)
    if not (to_sql or print_sql):
        from migrate_cli.commands.mapping import export  # noqa: PLC0415

        emit(export(settings, level, format_, raw=raw))
        return
    from migrate_cli.commands.map_to_sql import (  # noqa: PLC0415
        WriteBackOptions,
        WriteBackTarget,
        statements,
        url_of,
        write_back,
        write_back_target,
    )

    target: WriteBackTarget = write_back_target(settings, table, thread_column, conversation_column)
    if print_sql:
        emit(statements(settings, target, url=url, add_column=add_column, overwrite=overwrite))
        return
    options = WriteBackOptions(write=yes, add_column=add_column, overwrite=overwrite)
    frame.finish(write_back(settings, url_of(settings, url), target, options), settings)


@map_app.command("ids", hidden=True)
@common_options("map")
def map_ids(
    frame: Frame,
    ids: Annotated[list[str], typer.Argument(help="Ids, old or new.", metavar="ID…")],
    rehearsal: Rehearsal = False,
) -> None:
    """Look ids up; `migrate-cli map ID…` is the short form.

    Example: `migrate-cli map thread_2Kc3e3Io6BFToz1Lijmf7rVW conv_def`
    """
    from migrate_cli.commands.mapping import look_up  # noqa: PLC0415

    settings = frame.settings(rehearsal=rehearsal)
    frame.finish(look_up(settings, ids), settings)


def _tell_rehearsal(settings: Settings, *, meant: bool) -> None:
    """Say on stderr that ids are of a rehearsal: no format has room for it. Raises UsageError if that is not "
    "intended."""
    from migrate_cli.errors import UsageError  # noqa: PLC0415
    from migrate_cli.state.rehearsal import is_rehearsal  # noqa: PLC0415

    if not is_rehearsal(settings.state):
        return
    what = f"{settings.state} belongs to a rehearsal: its conversation ids are the sandbox's, and no target knows them"
    if not meant:
        raise UsageError(f"{what}; add --rehearsal if that is what you want", code="rehearsal")
    sys.stderr.write(f"migrate-cli: {what}\n")


def with_short_form(args: list[str]) -> list[str]:
    """`map ID…` means `map ids ID…`; a group cannot take arguments of its own besides commands."""
    if len(args) > 1 and args[0] == "map" and args[1] not in ("export", "ids", "--help", "-h"):
        return ["map", "ids", *args[1:]]
    return args
