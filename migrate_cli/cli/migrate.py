"""`plan`, `apply` and `status`: the migration itself, on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Discover, Format, Limit, Shard, Source, Thread, ThreadsFrom, Workers
from migrate_cli.commands.choices import Target
from migrate_cli.load.policy import OnRefused

app = typer.Typer()


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
    discover: Discover = None,
) -> None:
    """Read and convert everything, check it against the target's rules, send nothing, and say what would happen.

    Example: `migrate-cli plan ./export --output json`
    """
    from migrate_cli.commands.plan import plan as run  # noqa: PLC0415
    from migrate_cli.commands.prepare import selection_of  # noqa: PLC0415

    settings = frame.settings(source__path=source, source__format=format_, source__discover=discover)
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
    discover: Discover = None,
    workers: Workers = None,
    max_requests_per_minute: Annotated[
        int | None, typer.Option("--max-requests-per-minute", help="Never send more than this.", metavar="N")
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", help="Stop after N failed threads.", metavar="N")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try threads again that failed before.")] = False,
    on_refused: Annotated[
        OnRefused | None,
        typer.Option("--on-refused", help="What becomes of an item that the target refuses.", show_default="fail"),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Append new messages at the end of threads that were loaded before.")
    ] = False,
) -> None:
    """Migrate. Running the same command again is resuming: what is done is not sent again.

    Example: `migrate-cli apply ./export --target sandbox`
    """
    from migrate_cli.commands.apply import apply as run  # noqa: PLC0415
    from migrate_cli.commands.prepare import selection_of  # noqa: PLC0415

    settings = frame.settings(
        source__path=source,
        source__format=format_,
        source__discover=discover,
        load__workers=workers,
        load__max_requests_per_minute=max_requests_per_minute,
        load__max_errors=max_errors,
        load__on_refused=on_refused,
    )
    frame.keep_log(settings)
    selection = selection_of(thread or [], threads_from, limit, shard)
    sandbox = target is Target.SANDBOX
    frame.finish(
        run(settings, selection, sandbox=sandbox, view=frame.view(), retry_failed=retry_failed, append=append), settings
    )


@app.command(epilog="EXIT STATUS  0 shown · 2 no state file · 10 state file unusable")
@common_options("status")
def status(frame: Frame) -> None:
    """Show what is done, failed or in doubt; works while `apply` runs.

    Example: `migrate-cli status --state migration.db`
    """
    from migrate_cli.commands.status import status as run  # noqa: PLC0415

    settings = frame.settings()
    frame.finish(run(settings), settings)
