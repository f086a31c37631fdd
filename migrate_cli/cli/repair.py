"""`resolve`, `undo`, `recover` and `merge` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from migrate_cli.cli.confirm import confirm
from migrate_cli.cli.dividing import made_whole
from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import (
    Discover,
    Format,
    MaxRequests,
    Redact,
    Rehearsal,
    Source,
    Thread,
    WithContent,
    Workers,
)
from migrate_cli.report.escape import visible

if TYPE_CHECKING:
    from migrate_cli.settings.model import Settings

app = typer.Typer()


@app.command(
    epilog=(
        "EXIT STATUS  0 settled · 2 usage or not confirmed · 3 only shown, not settled · 4 duplicates were "
        "deleted, but "
        "the conversation still differs · 5 target unreachable · 10 state file"
    )
)
@common_options("resolve")
def resolve(
    frame: Frame,
    thread: Annotated[str, typer.Argument(help="The thread that is in doubt or differs.", metavar="THREAD")],
    source: Source = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Keep the conversation as it is, and count the thread as loaded.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Load it into a new conversation with the next apply; the old one can be undone."
        ),
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave the thread out of this migration; its conversation stays.")
    ] = False,
    drop_copies: Annotated[
        bool,
        typer.Option("--drop-copies", help="Delete duplicates of migrated items, then verify; asks first."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    with_content: WithContent = None,
    redact: Redact = None,
    rehearsal: Rehearsal = False,
) -> None:
    """Show how a conversation differs from its thread, and settle the thread as you choose.

    Uses the source recorded in the state file, unless SOURCE or the settings name another.

    Example: `migrate-cli resolve thread_2Kc3e3Io6BFToz1Lijmf7rVW --restart`
    """
    from migrate_cli.commands.resolve import Resolution, choice_of  # noqa: PLC0415
    from migrate_cli.commands.resolve import resolve as run  # noqa: PLC0415

    choice = choice_of(adopt=adopt, restart=restart, skip=skip, drop_copies=drop_copies)
    settings = made_whole(
        frame.settings(
            rehearsal=rehearsal,
            source__path=source,
            report__with_content=with_content,
            report__redact=redact,
        )
    )
    frame.keep_log(settings)
    if choice is Resolution.DROP_COPIES:
        _drop_copies(frame, settings, thread, yes=yes)
    frame.finish(run(settings, thread, choice), settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 undone · 2 usage or not confirmed · 3 some conversations were kept or refused · "
        "5 target unreachable, try later · 6 key refused · 10 state file · 130 interrupted, resumable"
    )
)
@common_options("undo")
def undo(
    frame: Frame,
    thread: Thread = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Everything that this run worked on.", metavar="RUN")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that the state file knows.")] = False,
    orphans: Annotated[
        bool,
        typer.Option(
            "--orphans", help="Conversations whose thread is loaded into another one, if the target can list them."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also delete conversations that somebody has written into since. With --orphans: those whose thread "
            "is not loaded according to this state file, but none that somebody has written into.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    rehearsal: Rehearsal = False,
    workers: Workers = None,
) -> None:
    """Delete at the target what `apply` created: the items first, then the conversations. Resumable; asks first.

    With `--all`, or their `--run`, agents created by `assistants --create` are deleted too.

    Example: `migrate-cli undo --thread thread_2Kc3e3Io6BFToz1Lijmf7rVW --dry-run`

    Example: `migrate-cli undo --orphans --dry-run`
    """
    from migrate_cli.commands.undo import UndoOptions, foresee  # noqa: PLC0415
    from migrate_cli.commands.undo import undo as run  # noqa: PLC0415

    settings = made_whole(frame.settings(rehearsal=rehearsal, load__workers=workers))
    choice = UndoOptions(frozenset(thread or []), run_id, everything, orphans)
    choice.check()
    if orphans:
        _undo_orphans(frame, settings, dry_run=dry_run, force=force, yes=yes)
    foreseen = foresee(settings, choice)
    if dry_run:
        frame.finish(foreseen, settings)
    if not yes and any(foreseen.data.get(what) for what in ("conversations", "agents", "vector_stores")):
        confirm(str(foreseen.data["message"]))
    frame.keep_log(settings)
    frame.finish(run(settings, choice, view=frame.view(), force=force), settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 all threads recovered · 2 usage, or the target cannot list conversations · 3 some "
        "threads have no conversation or only part of it, or are in doubt · 5 target unreachable, try later · 6 key "
        "refused · 10 the state file is not lost · 130 interrupted, resumable"
    )
)
@common_options("recover")
def recover(
    frame: Frame,
    source: Source = None,
    format_: Format = None,
    discover: Discover = None,
    workers: Workers = None,
    max_requests_per_minute: MaxRequests = None,
) -> None:
    """Rebuild a lost state file from the source and a target that can list its conversations; nothing is sent.

    Each conversation is compared with its thread item by item. Only identical ones count as loaded.

    Example: `migrate-cli recover ./export`
    """
    from migrate_cli.commands.recover import recover as run  # noqa: PLC0415

    settings = frame.settings(
        source__path=source,
        source__format=format_,
        source__discover=discover,
        load__workers=workers,
        load__max_requests_per_minute=max_requests_per_minute,
    )
    settings = made_whole(settings)
    frame.keep_log(settings)
    frame.finish(run(settings, view=frame.view()), settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 merged · 2 usage · 3 merged, but some shards are still missing · 10 a state file is in use or "
        "damaged, has other settings, or conflicts with another: nothing was changed"
    )
)
@common_options("merge")
def merge(
    frame: Frame,
    states: Annotated[list[Path], typer.Argument(help="The state files of the shards.", metavar="STATE…")],
    any_source: Annotated[
        bool,
        typer.Option(
            "--any-source",
            help="Accept that a host or database had different addresses; the first is kept. Not needed for exports.",
        ),
    ] = False,
) -> None:
    """Merge the state files of shards into one (`--state`), all or none; the files themselves are not changed.

    A thread with two conversations is a conflict: nothing is merged, and the message names both. May be repeated.

    Example: `migrate-cli merge migration-*of4.db --state migration.db`
    """
    from migrate_cli.commands.context import rehearsing  # noqa: PLC0415
    from migrate_cli.commands.merge import merge as run  # noqa: PLC0415
    from migrate_cli.state.rehearsal import is_rehearsal  # noqa: PLC0415

    settings = rehearsing(frame.settings(), sandbox=all(map(is_rehearsal, states)))
    frame.finish(run(settings, states, any_source=any_source), settings)


def _undo_orphans(frame: Frame, settings: Settings, *, dry_run: bool, force: bool, yes: bool) -> NoReturn:
    """Say what would be deleted, ask, and delete it."""
    from migrate_cli.commands.orphans import foresee_orphans, undo_orphans  # noqa: PLC0415

    if dry_run or not yes:
        foreseen = foresee_orphans(settings, view=frame.view(), force=force)
        if dry_run or foreseen.exit_code not in (0, 3) or not foreseen.data["conversations"]:
            frame.finish(foreseen, settings)
        confirm(str(foreseen.data["message"]))
    frame.keep_log(settings)
    frame.finish(undo_orphans(settings, view=frame.view(), force=force), settings)


def _drop_copies(frame: Frame, settings: Settings, thread: str, *, yes: bool) -> NoReturn:
    """Show the copies, ask, delete them and verify."""
    from migrate_cli.commands.drop_copies import copies_of, drop_copies  # noqa: PLC0415
    from migrate_cli.report.document import state_option  # noqa: PLC0415

    copies = copies_of(settings, thread)
    for one in copies:
        told = f"{thread}: item {one.item_id}, at position {one.place}, is a duplicate of item {one.of}"
        sys.stderr.write(f"{visible(told)}\n")
    if copies and not yes:
        held = state_option({"state": str(settings.state)})
        what = "1 item" if len(copies) == 1 else f"{len(copies):,} items"
        confirm(f"Would delete {what} of the conversation of {thread}.", see=f"migrate-cli resolve {thread}{held}")
    frame.finish(drop_copies(settings, thread, {one.item_id for one in copies}), settings)
