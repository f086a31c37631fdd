"""`snapshot` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import (
    Assistant,
    Discover,
    Limit,
    MaxDuration,
    Metadata,
    Shard,
    Since,
    Thread,
    ThreadsFrom,
    Until,
)

app = typer.Typer()


@app.command(
    epilog=(
        "EXIT STATUS  0 all saved · 2 usage, or the host is gone · 3 some threads could not be read · "
        "4 `--verify` found a difference · 5 host unreachable, try later · 6 key refused · 130 interrupted, resumable"
    )
)
@common_options("snapshot")
def snapshot(
    frame: Frame,
    source: Annotated[
        str | None,
        typer.Argument(help="The URL of the host. Default: the source in the settings.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the snapshot.", metavar="DIR")] = Path("snapshot"),
    verify: Annotated[bool, typer.Option("--verify", help="Compare a snapshot with its manifest, and stop.")] = False,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Also check the threads that are already saved, and save again those that have grown or changed.",
        ),
    ] = False,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    since: Since = None,
    until: Until = None,
    assistant: Assistant = None,
    metadata: Metadata = None,
    shard: Shard = None,
    discover: Discover = None,
    max_duration: MaxDuration = None,
) -> None:
    """Save the data of a live host to disk: threads, runs, assistants, files. The folder can be used as a source.

    Run it again to resume where it stopped and to add new threads; --refresh also updates those that have changed.

    Example: `migrate-cli snapshot --discover --out snapshot`
    """
    from migrate_cli.commands import snapshot as commands  # noqa: PLC0415
    from migrate_cli.commands.choosing import choice_of  # noqa: PLC0415
    from migrate_cli.commands.context import selection_of  # noqa: PLC0415
    from migrate_cli.commands.shards import for_shard  # noqa: PLC0415
    from migrate_cli.work.time_limit import TimeLimit  # noqa: PLC0415

    if verify:
        frame.finish(commands.verify(out))
    time_limit = TimeLimit.parse(max_duration)
    settings = frame.settings(source__path=source, source__discover=discover)
    options = commands.SnapshotOptions(refresh, time_limit)
    selection = selection_of(thread or [], threads_from, limit, shard, choice_of(since, until, assistant, metadata))
    settings = for_shard(settings, selection, frame.state)
    frame.finish(commands.snapshot(settings, selection, out, options, view=frame.view()), settings)
