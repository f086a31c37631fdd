"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate_cli.commands.option_types import TargetName

Source = Annotated[
    str | None,
    typer.Argument(
        help="The export (a file or folder), or the URL of a host or database. Default: the source in the settings.",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="Treat every file as this format, or its rows as those of this app, instead of detecting it."
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first N threads.", metavar="N")]
Thread = Annotated[list[str] | None, typer.Option("--thread", help="Only this thread; may be repeated.", metavar="ID")]
ThreadsFrom = Annotated[
    str | None,
    typer.Option("--threads-from", help="Only the threads in this list, one id per line; - is stdin.", metavar="FILE"),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Only part I of N; a thread always falls into the same part. auto/N takes I from the scheduler.",
        metavar="I/N",
    ),
]
Discover = Annotated[bool | None, typer.Option("--discover", help="Let the host list its threads.", show_default=False)]
Workers = Annotated[int | None, typer.Option("--workers", help="Most threads to process at once.", metavar="N")]
WithContent = Annotated[
    bool | None,
    typer.Option("--with-content/--no-content", help="Show message texts in the report.", show_default=False),
]
MaxRequests = Annotated[
    int | None, typer.Option("--max-requests-per-minute", help="Never send more requests than this.", metavar="N")
]
Redact = Annotated[
    bool | None,
    typer.Option(
        "--redact/--no-redact",
        help="Mask e-mail addresses, phone and card numbers and keys in those texts.",
        show_default=False,
    ),
]
Rehearsal = Annotated[
    bool, typer.Option("--rehearsal", help="Use the state file of the rehearsal (apply --target sandbox) instead.")
]
Where = Annotated[
    TargetName | None,
    typer.Option("--target", help="`sandbox` rehearses on an embedded server; nothing real is written."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only threads last active at this time or later, according to their messages and runs. "
        "ISO 8601; UTC unless it has an offset.",
        metavar="DATE",
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", help="Only threads last active before this time.", metavar="DATE")
]
Assistant = Annotated[
    list[str] | None,
    typer.Option(
        "--assistant", help="Only threads in which this assistant answered or ran; may be repeated.", metavar="ID"
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        help="Only threads whose metadata has this pair; if repeated, all of the pairs.",
        metavar="KEY=VALUE",
    ),
]
MaxDuration = Annotated[
    str | None,
    typer.Option(
        "--max-duration",
        help="Stop cleanly after this time, such as 90s, 30m or 2h, with exit code 130 if anything is left; "
        "the same command resumes.",
        metavar="TIME",
    ),
]
