"""`snapshot` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Discover, Limit, Shard, Thread, ThreadsFrom

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
        typer.Argument(help="The URL of the host. Default: the source of the settings.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the snapshot.", metavar="DIR")] = Path("snapshot"),
    verify: Annotated[bool, typer.Option("--verify", help="Compare a snapshot with its manifest, and stop.")] = False,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    shard: Shard = None,
    discover: Discover = None,
) -> None:
    """Save a host that still answers to disk: threads, runs, assistants, files. The folder is a source itself.

    Running it again goes on where it stopped. Example: `migrate-cli snapshot --discover --out snapshot`
    """
    from migrate_cli.commands import snapshot as commands  # noqa: PLC0415
    from migrate_cli.commands.context import selection_of  # noqa: PLC0415
    from migrate_cli.commands.shards import for_shard  # noqa: PLC0415

    if verify:
        frame.finish(commands.verify(out))
    settings = frame.settings(source__path=source, source__discover=discover)
    selection = selection_of(thread or [], threads_from, limit, shard)
    settings = for_shard(settings, selection, frame.state)
    frame.finish(commands.snapshot(settings, selection, out, view=frame.view()), settings)
