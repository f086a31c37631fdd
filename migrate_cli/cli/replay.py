"""`replay` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Redact, Thread, ThreadsFrom, WithContent
from migrate_cli.commands.option_types import ReplayMode, TargetName

app = typer.Typer()

DEFAULT_SUITE = Path("replay.yaml")

Suite = Annotated[
    Path | None, typer.Argument(help="The suite, a YAML file; docs/replay.md explains it.", show_default=False)
]
Where = Annotated[
    TargetName | None, typer.Option("--target", help="`sandbox` replays on the embedded server of a rehearsal.")
]
Init = Annotated[bool, typer.Option("--init", help="Write an example suite and stop.")]
LastTurn = Annotated[
    bool, typer.Option("--last-turn", help="Ask the last question of each thread again; compare with the old answer.")
]
Case = Annotated[list[str] | None, typer.Option("--case", help="Only this case; may be repeated.", metavar="ID")]
Sample = Annotated[int | None, typer.Option("--sample", help="Only N cases, always the same ones.", metavar="N", min=1)]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="For --last-turn and --init: the export; default: source.path, or where the state file saw it.",
        metavar="PATH",
    ),
]
Repeat = Annotated[int, typer.Option("--repeat", help="Run each case N times, for a pass rate.", metavar="N", min=1)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Most cases to run at once; with 1, answers are shown as they arrive.", metavar="N"),
]
Mode = Annotated[
    ReplayMode | None,
    typer.Option("--mode", help="How cases run: on a copy, stateless, in the conversation itself, or as a chain."),
]
Model = Annotated[str | None, typer.Option("--model", help="Use another model.", metavar="NAME")]
StubTools = Annotated[
    bool,
    typer.Option("--stub-tools", help="Answer functions without a handler with the outputs that the thread recorded."),
]
Events = Annotated[
    Path | None, typer.Option("--events", help="Write every event, including texts, as JSON Lines.", metavar="FILE")
]
Images = Annotated[
    Path | None, typer.Option("--images", help="Save images here; default: next to --report.", metavar="DIR")
]
Against = Annotated[
    str | None, typer.Option("--against", help="Compare with an earlier run, or with the `last` one.", metavar="RUN")
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="Stop before exceeding this cost; see replay.prices.", metavar="N")
]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", help="Stop before using more tokens.", metavar="N")]
MaxToolCalls = Annotated[
    int | None, typer.Option("--max-tool-calls", help="Stop before making more tool calls.", metavar="N")
]

Fresh = Annotated[
    bool, typer.Option("--fresh", help="Run all cases, even those that an interrupted replay has already judged.")
]


@app.command(
    epilog=(
        "EXIT STATUS  0 all cases passed · 2 usage, or a mistake in the suite · 3 a limit stopped it · "
        "4 a case failed · 5 target unreachable, try later · 6 key refused · 10 state file · 130 interrupted"
    )
)
@common_options("replay")
def replay(
    frame: Frame,
    suite: Suite = None,
    target: Where = None,
    init: Init = False,
    last_turn: LastTurn = False,
    case: Case = None,
    sample: Sample = None,
    source: Source = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    repeat: Repeat = 1,
    workers: Workers = None,
    mode: Mode = None,
    model: Model = None,
    stub_tools: StubTools = False,
    events: Events = None,
    images: Images = None,
    against: Against = None,
    fresh: Fresh = False,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    max_tool_calls: MaxToolCalls = None,
    with_content: WithContent = None,
    redact: Redact = None,
) -> None:
    """Stream test prompts through the new setup, with tools, and check the answers. Conversations stay as they are.

    Example: `migrate-cli replay replay.yaml --workers 8 --report replay.html`
    """
    from migrate_cli.commands.context import rehearsing, selection_of  # noqa: PLC0415
    from migrate_cli.commands.replay import replay as run  # noqa: PLC0415
    from migrate_cli.commands.replay_cases import ReplayOptions  # noqa: PLC0415
    from migrate_cli.commands.replay_example import write_example  # noqa: PLC0415

    flags: dict[str, Any] = {
        "source.path": source, "report.with_content": with_content, "report.redact": redact,
        "replay.workers": workers, "replay.mode": mode and mode.value, "replay.max_cost": max_cost,
        "replay.max_tokens": max_tokens, "replay.max_tool_calls": max_tool_calls,
    }  # fmt: skip
    settings = rehearsing(frame.settings(**flags), sandbox=target is TargetName.SANDBOX)
    if init:
        frame.finish(write_example(settings, suite or DEFAULT_SUITE), settings)
    selection = selection_of(thread or [], threads_from, None, None)
    options = ReplayOptions(
        suite, tuple(case or ()), sample, repeat, last_turn, stub_tools, model, events,
        images or _beside(frame.report), against, selection, fresh,
    )  # fmt: skip
    frame.finish(run(settings, options, sandbox=target is TargetName.SANDBOX, view=frame.view()), settings)


def _beside(report: Path | None) -> Path | None:
    """The folder for images that belongs to a report; there is none beside a pipe or a device."""
    from migrate_cli.disk.output import is_plain  # noqa: PLC0415 - --help writes nothing

    return None if report is None or not is_plain(report) else report.with_name(f"{report.stem}-images")
