"""The command line: options → settings → one call → the result, printed once. No logic lives here.

Stages are imported inside the commands, so that `--help` and completion stay quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli_frame import Frame, common_options, emit
from migrate_cli.commands.choices import MapFormat, MapLevel, Target
from migrate_cli.report.interface import OutputFormat

app = typer.Typer(
    name="migrate-cli",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Move OpenAI Assistants threads into Conversations for the Responses API, in bulk: "
        "nothing lost, nothing doubled, nothing changed without being told."
    ),
    epilog="Start with `migrate-cli demo`, then `migrate-cli plan ./export`.",
)
map_app = typer.Typer(
    no_args_is_help=True,
    help="Old id → new id, in both directions.\n\nExample: `migrate-cli map thread_abc`",
    epilog="EXIT STATUS  0 all found · 2 usage · 4 an id is unknown · 10 state file",
)

Source = Annotated[
    str | None,
    typer.Argument(help="The export: a file or folder. Default: source.path of the settings.", show_default=False),
]
Format = Annotated[str | None, typer.Option("--format", help="Take every file for this shape instead of looking.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first N threads.", metavar="N")]
Thread = Annotated[list[str] | None, typer.Option("--thread", help="Only this thread; may be repeated.", metavar="ID")]
ThreadsFrom = Annotated[
    str | None,
    typer.Option("--threads-from", help="Only the threads listed here, an id a line; - is stdin.", metavar="FILE"),
]
Shard = Annotated[
    str | None, typer.Option("--shard", help="Only the I-th of N parts, stable by thread id.", metavar="I/N")
]
Workers = Annotated[int | None, typer.Option("--workers", help="Threads at a time at most.", metavar="N")]


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Handle what comes before a command."""
    if version:
        from migrate_cli import __version__  # noqa: PLC0415 - keeps one place for the text

        emit([f"migrate-cli {__version__}\n"])
        raise typer.Exit


@app.command(epilog="EXIT STATUS  0 all done · 3 some threads failed · 130 interrupted")
@common_options("demo")
def demo(
    frame: Frame,
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo's state file goes.")] = Path("demo"),
) -> None:
    """Run the main job on the embedded sandbox with the bundled fixtures; nothing leaves this machine.

    Example: `migrate-cli demo`
    """
    from migrate_cli.commands.demo import demo as steps  # noqa: PLC0415
    from migrate_cli.commands.demo import together  # noqa: PLC0415

    results = []
    for result in steps(folder, view=frame.view()):
        results.append(result)
        if frame.output in (None, OutputFormat.TEXT):
            frame.show(result, OutputFormat.TEXT)
    whole = together(results)
    if frame.output not in (None, OutputFormat.TEXT):
        frame.finish(whole)
    raise typer.Exit(whole.exit_code)


@app.command(epilog="EXIT STATUS  0 planned · 2 usage or unreadable source · 3 some of it cannot be read or sent")
@common_options("plan")
def plan(
    frame: Frame,
    source: Source = None,
    format_: Format = None,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    shard: Shard = None,
) -> None:
    """Read and convert everything, check it against the target's rules, send nothing, and say what would happen.

    Example: `migrate-cli plan ./export --output json`
    """
    from migrate_cli.commands.plan import plan as run  # noqa: PLC0415
    from migrate_cli.commands.prepare import selection_of  # noqa: PLC0415

    settings = frame.settings(source__path=source, source__format=format_)
    selection = selection_of(thread or [], threads_from, limit, shard)
    frame.finish(run(settings, selection, view=frame.view()), settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 all loaded · 2 usage · 3 some failed or are in doubt · 5 target unreachable, try later · "
        "6 key refused · 10 state file · 130 interrupted, resumable"
    )
)
@common_options("apply")
def apply(
    frame: Frame,
    source: Source = None,
    target: Annotated[
        Target | None,
        typer.Option("--target", help="`sandbox` rehearses on an embedded server; nothing real is written."),
    ] = None,
    format_: Format = None,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    shard: Shard = None,
    workers: Workers = None,
    max_requests_per_minute: Annotated[
        int | None, typer.Option("--max-requests-per-minute", help="Never send more than this.", metavar="N")
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", help="Stop after N failed threads.", metavar="N")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try threads again that failed before.")] = False,
) -> None:
    """Migrate. Running the same command again is resuming: what is done is not sent again.

    Example: `migrate-cli apply ./export --target sandbox`
    """
    from migrate_cli.commands.apply import apply as run  # noqa: PLC0415
    from migrate_cli.commands.prepare import selection_of  # noqa: PLC0415

    settings = frame.settings(
        source__path=source,
        source__format=format_,
        load__workers=workers,
        load__max_requests_per_minute=max_requests_per_minute,
        load__max_errors=max_errors,
    )
    selection = selection_of(thread or [], threads_from, limit, shard)
    sandbox = target is Target.SANDBOX
    frame.finish(run(settings, selection, sandbox=sandbox, view=frame.view(), retry_failed=retry_failed), settings)


@app.command(epilog="EXIT STATUS  0 shown · 2 no state file · 10 state file unusable")
@common_options("status")
def status(frame: Frame) -> None:
    """Show what is done, failed or in doubt; works while `apply` runs.

    Example: `migrate-cli status --state migration.db`
    """
    from migrate_cli.commands.status import status as run  # noqa: PLC0415

    settings = frame.settings()
    frame.finish(run(settings), settings)


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


app.add_typer(map_app, name="map")


@app.command(epilog="EXIT STATUS  0 stopped cleanly · 2 port in use or data unusable")
@common_options("sandbox")
def sandbox(
    frame: Frame,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    data: Annotated[Path, typer.Option("--data", help="File that keeps the data.", metavar="FILE")] = Path(
        "sandbox.db"
    ),
    latency_ms: Annotated[float, typer.Option("--latency-ms", help="Delay of every answer.")] = 0.0,
    api_key: Annotated[str | None, typer.Option("--api-key", help="Accept only this key.")] = None,
) -> None:
    """Serve a strict stand-in for the target on this machine, until Ctrl-C.

    Example: `migrate-cli sandbox --port 8765 --data sandbox.db`
    """
    from migrate_cli.commands.sandbox import serve  # noqa: PLC0415

    serve(port, data, latency_ms=latency_ms, api_key=api_key, say=lambda text: emit([text]), quiet=frame.quiet)


def run() -> int:
    """Run the command line; returns the exit code."""
    try:
        app(args=_with_map_shorthand())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _with_map_shorthand() -> list[str]:
    """`map ID…` means `map ids ID…`; a group cannot take arguments of its own besides commands."""
    import sys  # noqa: PLC0415 - only here

    args = sys.argv[1:]
    if len(args) > 1 and args[0] == "map" and args[1] not in ("export", "ids", "--help", "-h"):
        return ["map", "ids", *args[1:]]
    return args
