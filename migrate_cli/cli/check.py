"""`verify` and `report` on the command line: the outcome of a migration."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate_cli.cli.dividing import made_whole
from migrate_cli.cli.frame import Frame, common_options
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
    WithContent,
    Workers,
)
from migrate_cli.commands.option_types import TargetName

app = typer.Typer()

Where = Annotated[
    TargetName | None, typer.Option("--target", help="`sandbox` verifies a rehearsal on the embedded server.")
]
FromState = Annotated[
    bool, typer.Option("--from-state", help="Compare with the hashes in the state file; needs no source.")
]
HowMany = Annotated[
    str | None, typer.Option("--sample", help="Only this many threads, or this share of them.", metavar="N|P%")
]
Seed = Annotated[int, typer.Option("--seed", help="Which sample to take; the same number takes the same threads.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only threads that differed or could not be read before.")]
Files = Annotated[
    bool,
    typer.Option("--files", help="Also compare the size of each file, and each rebuilt vector store."),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Also fail on metadata that is only in the target, and on extra items that were adopted."
    ),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Read everything, even what an interrupted run has already verified.")
]


@app.command(
    epilog=(
        "EXIT STATUS  0 all identical · 2 usage · 3 some threads are not loaded · 4 something is missing, duplicated, "
        "different or could not be read · 5 target unreachable, try later · 6 key refused · 10 state file · "
        "130 interrupted, resumable"
    )
)
@common_options("verify")
def verify(
    frame: Frame,
    source: Source = None,
    target: Where = None,
    format_: Format = None,
    from_state: FromState = False,
    limit: Limit = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    since: Since = None,
    until: Until = None,
    assistant: Assistant = None,
    metadata: Metadata = None,
    shard: Shard = None,
    discover: Discover = None,
    sample: HowMany = None,
    seed: Seed = 0,
    failed: Failed = False,
    files: Files = False,
    strict: Strict = False,
    fresh: Fresh = False,
    with_content: WithContent = None,
    redact: Redact = None,
    workers: Workers = None,
    max_requests_per_minute: MaxRequests = None,
    max_duration: MaxDuration = None,
) -> None:
    """Read every conversation back and compare it item by item with its source; nothing is written to the target.

    Outcomes: `=` identical, `-` missing in the target, `+` only in the target, `*` differs, `!` could not be read.
    New turns after the history are not a difference; a duplicate of a migrated item is, and so is an item between them.

    Example: `migrate-cli verify ./export --report verify.html`
    """
    from migrate_cli.commands.choosing import choice_of  # noqa: PLC0415
    from migrate_cli.commands.context import rehearsing, selection_of  # noqa: PLC0415
    from migrate_cli.commands.shards import for_shard  # noqa: PLC0415
    from migrate_cli.commands.verify import VerifyOptions  # noqa: PLC0415
    from migrate_cli.commands.verify import verify as run  # noqa: PLC0415
    from migrate_cli.verify.sample import Sample  # noqa: PLC0415
    from migrate_cli.work.time_limit import TimeLimit  # noqa: PLC0415

    time_limit = TimeLimit.parse(max_duration)
    settings = frame.settings(
        source__path=source,
        source__format=format_,
        source__discover=discover,
        load__workers=workers,
        load__max_requests_per_minute=max_requests_per_minute,
        report__with_content=with_content,
        report__redact=redact,
    )
    options = VerifyOptions(
        from_state=from_state,
        sample=None if sample is None else Sample.parse(sample, seed),
        failed=failed,
        files=files,
        strict=strict,
        fresh=fresh,
        time_limit=time_limit,
        whole=frame.writes_json,
    )
    selection = selection_of(thread or [], threads_from, limit, shard, choice_of(since, until, assistant, metadata))
    sandbox = target is TargetName.SANDBOX
    settings = made_whole(for_shard(rehearsing(settings, sandbox=sandbox), selection, frame.state))
    frame.finish(run(settings, selection, options, sandbox=sandbox, view=frame.view()), settings)


@app.command(epilog="EXIT STATUS  0 shown, however the run ended · 2 no state file, or no such run · 10 state file")
@common_options("report")
def report(
    frame: Frame,
    run: Annotated[
        str | None, typer.Argument(help="The id of the run. Default: the last one.", show_default=False, metavar="RUN")
    ] = None,
    rehearsal: Rehearsal = False,
    list_: Annotated[bool, typer.Option("--list", help="List the runs of the state file instead.")] = False,
    finding: Annotated[
        str | None, typer.Option("--finding", help="List all threads that have this finding instead.", metavar="CODE")
    ] = None,
) -> None:
    """Show an earlier run again from the state file, in any format. Its own exit code is in the JSON output.

    The state file does not hold message texts, so `--with-content` is an option of `plan` and `apply`.

    Example: `migrate-cli report --output html --report run.html`
    """
    from migrate_cli.commands.report import list_finding, list_runs  # noqa: PLC0415
    from migrate_cli.commands.report import report as run_report  # noqa: PLC0415
    from migrate_cli.errors import UsageError  # noqa: PLC0415

    settings = frame.settings(rehearsal=rehearsal)
    if (list_ or finding is not None) and (run is not None or (list_ and finding is not None)):
        raise UsageError("a run's id, --list and --finding exclude each other; give only one of them.")
    if finding is not None:
        result = list_finding(settings, finding)
    else:
        result = list_runs(settings) if list_ else run_report(settings, run)
    frame.finish(result, settings, exit_code=0)
