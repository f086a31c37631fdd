"""`plan`, `apply` and `status` on the command line: the migration itself."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.dividing import EngineOption, Processes, Scheduler, divided, for_all
from migrate_cli.cli.frame import Frame, common_options, emit
from migrate_cli.cli.options import (
    Assistant,
    Discover,
    Format,
    Limit,
    MaxDuration,
    MaxRequests,
    Metadata,
    Redact,
    Rehearsal,
    Shard,
    Since,
    Source,
    Thread,
    ThreadsFrom,
    Until,
    Where,
    WithContent,
    Workers,
)
from migrate_cli.commands.option_types import TargetName
from migrate_cli.model import OnRefused
from migrate_cli.report.interface import OutputFormat

app = typer.Typer()

Check = Annotated[bool, typer.Option("--check", help="End with exit code 4 if a rule below is broken.")]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="Findings that break the check: error (default), warning (and worse), or codes separated by commas. "
        "Implies --check.",
        metavar="error|warning|CODE,…",
    ),
]
MaxDropped = Annotated[
    str | None,
    typer.Option(
        "--max-dropped", help="Break the check if more parts would be dropped. Implies --check.", metavar="N|P%"
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(
        "--rate",
        help="Requests per minute, to estimate the time; default: load.max_requests_per_minute.",
        metavar="RPM",
        min=1,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Count the conversations that exceed this model's context window; NAME=TOKENS for an unknown model.",
        metavar="M",
    ),
]
Save = Annotated[Path | None, typer.Option("--save", help="Save the plan to a file, for apply --plan.", metavar="FILE")]
Against = Annotated[
    Path | None, typer.Option("--against", help="Show what has changed since the plan in this file.", metavar="FILE")
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        help="Instead, show how the first records of one file are read: a file, one inside the source, or a table.",
        metavar="FILE",
    ),
]
MaxErrors = Annotated[int | None, typer.Option("--max-errors", help="Stop after N failed threads.", metavar="N")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Retry threads that failed before.")]
Refused = Annotated[
    OnRefused | None,
    typer.Option("--on-refused", help="What becomes of an item that the target refuses.", show_default="fail"),
]
Append = Annotated[
    bool, typer.Option("--append", help="Append new messages at the end of threads that were loaded before.")
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan", help="Refuse if source or settings differ from this plan, saved by plan --save.", metavar="FILE"
    ),
]


@app.command(
    epilog=(
        "EXIT STATUS  0 planned · 2 usage or unreadable source · 3 something cannot be read or sent · "
        "4 the check failed"
    )
)
@common_options("plan")
def plan(
    frame: Frame,
    source: Source = None,
    format_: Format = None,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    since: Since = None,
    until: Until = None,
    assistant: Assistant = None,
    metadata: Metadata = None,
    shard: Shard = None,
    discover: Discover = None,
    with_content: WithContent = None,
    redact: Redact = None,
    check: Check = False,
    fail_on: FailOn = None,
    max_dropped: MaxDropped = None,
    rate: Rate = None,
    model: Model = None,
    save: Save = None,
    against: Against = None,
    explain: Explain = None,
) -> None:
    """Read and convert everything, check it against the target's rules, send nothing, and say what would happen.

    Example: `migrate-cli plan ./export --check --max-dropped 1% --save plan.json`
    """
    from migrate_cli.commands.choosing import choice_of  # noqa: PLC0415
    from migrate_cli.commands.context import selection_of  # noqa: PLC0415
    from migrate_cli.commands.explain import explain as explain_file  # noqa: PLC0415
    from migrate_cli.commands.plan import PlanOptions  # noqa: PLC0415
    from migrate_cli.commands.plan import plan as run  # noqa: PLC0415
    from migrate_cli.commands.plan_gate import PlanGate  # noqa: PLC0415
    from migrate_cli.commands.shards import for_shard  # noqa: PLC0415

    checked = check or fail_on is not None or max_dropped is not None
    gate = PlanGate.parse(fail_on, max_dropped) if checked else None
    settings = frame.settings(
        source__path=source,
        source__format=format_,
        source__discover=discover,
        report__with_content=with_content,
        report__redact=redact,
    )
    if explain is not None:
        frame.finish(explain_file(settings, explain), settings)
        return
    selection = selection_of(thread or [], threads_from, limit, shard, choice_of(since, until, assistant, metadata))
    settings = for_shard(settings, selection, frame.state)
    options = PlanOptions(gate, rate, model, save, against, whole=frame.writes_json)
    frame.finish(run(settings, selection, view=frame.view(), options=options), settings)


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
    target: Where = None,
    format_: Format = None,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    since: Since = None,
    until: Until = None,
    assistant: Assistant = None,
    metadata: Metadata = None,
    shard: Shard = None,
    discover: Discover = None,
    with_content: WithContent = None,
    redact: Redact = None,
    workers: Workers = None,
    max_requests_per_minute: MaxRequests = None,
    max_errors: MaxErrors = None,
    retry_failed: RetryFailed = False,
    on_refused: Refused = None,
    max_duration: MaxDuration = None,
    append: Append = False,
    plan_file: PlanFile = None,
    processes: Processes = None,
    engine: EngineOption = None,
    scheduler: Scheduler = None,
) -> None:
    """Migrate. To resume, run the same command again: what is done is not sent again.

    Example: `migrate-cli apply ./export --target sandbox`
    """
    from migrate_cli.commands.apply import apply as run  # noqa: PLC0415
    from migrate_cli.commands.choosing import choice_of  # noqa: PLC0415
    from migrate_cli.commands.context import rehearsing, selection_of  # noqa: PLC0415
    from migrate_cli.commands.shards import for_shard  # noqa: PLC0415
    from migrate_cli.work.time_limit import TimeLimit  # noqa: PLC0415

    time_limit = TimeLimit.parse(max_duration)
    settings = frame.settings(
        source__path=source, source__format=format_, source__discover=discover,
        load__workers=workers, load__max_requests_per_minute=max_requests_per_minute, load__max_errors=max_errors,
        load__on_refused=on_refused, report__with_content=with_content, report__redact=redact,
    )  # fmt: skip
    if threads_from is not None and (processes is not None or engine is not None):
        for_all(settings, threads_from)
    selection = selection_of(thread or [], threads_from, limit, shard, choice_of(since, until, assistant, metadata))
    settings = for_shard(rehearsing(settings, sandbox=target is TargetName.SANDBOX), selection, frame.state)
    frame.keep_log(settings)
    options = {
        "SOURCE": source, "--target": target and target.value, "--format": format_, "--limit": limit,
        "--thread": thread, "--threads-from": threads_from, "--since": since, "--until": until,
        "--assistant": assistant, "--metadata": metadata, "--shard": shard, "--discover": discover,
        "--with-content": with_content, "--redact": redact, "--workers": workers, "--max-errors": max_errors,
        "--retry-failed": retry_failed, "--on-refused": on_refused and on_refused.value, "--append": append,
        "--plan": plan_file,
    }  # fmt: skip
    result = divided(
        frame,
        settings,
        selection,
        options,
        processes=processes,
        engine=engine,
        scheduler=scheduler,
        time_limit=time_limit,
    ) or run(
        settings,
        selection,
        sandbox=target is TargetName.SANDBOX,
        view=frame.view(),
        retry_failed=retry_failed,
        append=append,
        plan_file=plan_file,
        time_limit=time_limit,
    )
    frame.finish(result, settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 shown · 2 no state file, or the target cannot list conversations · 3 its list is "
        "incomplete · 5 target unreachable · 6 key refused · 10 state file unusable"
    )
)
@common_options("status")
def status(
    frame: Frame,
    rehearsal: Rehearsal = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every two seconds while a run is active.")] = False,
    orphans: Annotated[
        bool,
        typer.Option(
            "--orphans",
            help="List orphans instead: conversations that name a thread but are not the one recorded for it.",
        ),
    ] = False,
) -> None:
    """Show what is done, failed or in doubt, even while `apply` runs.

    Example: `migrate-cli status --state migration.db`

    Example: `migrate-cli status --orphans`
    """
    from migrate_cli.commands.status import status as run  # noqa: PLC0415
    from migrate_cli.commands.status import watch as looks  # noqa: PLC0415
    from migrate_cli.report.output import moves  # noqa: PLC0415

    settings = frame.settings(rehearsal=rehearsal)
    if orphans:
        from migrate_cli.commands.orphans import orphans as look  # noqa: PLC0415 - needs the target

        frame.finish(look(settings, view=frame.view()), settings)
    if not watch:
        frame.finish(run(settings), settings)
    with contextlib.suppress(KeyboardInterrupt):
        for result in looks(settings):
            if moves(sys.stdout):
                emit(["\x1b[H\x1b[2J"])
            frame.mark(result, settings)
            frame.show(result, frame.output or OutputFormat.TEXT)
