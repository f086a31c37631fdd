"""`replay`, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Thread, ThreadsFrom
from migrate_cli.commands.choices import ReplayMode, Target

app = typer.Typer()

DEFAULT_SUITE = Path("replay.yaml")


@app.command(
    epilog=(
        "EXIT STATUS  0 all cases passed · 2 usage, or a mistake in the suite · 3 a limit stopped it · "
        "4 a case failed · 5 target unreachable, try later · 6 key refused · 10 state file · 130 interrupted"
    )
)
@common_options("replay")
def replay(
    frame: Frame,
    suite: Annotated[
        Path | None,
        typer.Argument(help="The suite, a YAML file; docs/replay.md explains it.", show_default=False),
    ] = None,
    target: Annotated[
        Target | None, typer.Option("--target", help="`sandbox` replays on the embedded server of a rehearsal.")
    ] = None,
    init: Annotated[bool, typer.Option("--init", help="Write an example suite, and do nothing else.")] = False,
    last_turn: Annotated[
        bool,
        typer.Option("--last-turn", help="Ask the last question of each thread again; compare with the old answer."),
    ] = False,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Only this case; may be repeated.", metavar="ID")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", help="Only N cases, the same each time.", metavar="N", min=1)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="For --last-turn and --init: the export; default: source.path.", metavar="PATH"),
    ] = None,
    thread: Thread = None,
    threads_from: ThreadsFrom = None,
    repeat: Annotated[
        int, typer.Option("--repeat", help="Run each case N times, for a pass rate.", metavar="N", min=1)
    ] = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Cases at a time at most; 1 is shown live.", metavar="N")
    ] = None,
    mode: Annotated[
        ReplayMode | None,
        typer.Option("--mode", help="Where cases run: on a copy, stateless, in the conversation itself, as a chain."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Try another model.", metavar="NAME")] = None,
    stub_tools: Annotated[
        bool, typer.Option("--stub-tools", help="Functions without a handler answer as the thread recorded.")
    ] = False,
    events: Annotated[
        Path | None, typer.Option("--events", help="Write every event, texts included, as JSON Lines.", metavar="FILE")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Save images here; default: beside --report.", metavar="DIR")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Compare with an earlier run; `last` is the last.", metavar="RUN")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", help="Stop before it costs more; see replay.prices.", metavar="N")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="Stop before it takes more tokens.", metavar="N")
    ] = None,
    max_tool_calls: Annotated[
        int | None, typer.Option("--max-tool-calls", help="Stop before more tools are called.", metavar="N")
    ] = None,
) -> None:
    """Stream test prompts through the new setup, with tools, and check the answers. Conversations stay as they are.

    Example: `migrate-cli replay replay.yaml --workers 8 --report replay.html`
    """
    from migrate_cli.commands.prepare import selection_of  # noqa: PLC0415
    from migrate_cli.commands.replay import Choices, write_example  # noqa: PLC0415
    from migrate_cli.commands.replay import replay as run  # noqa: PLC0415

    settings = frame.settings(
        source__path=source,
        replay__workers=workers,
        replay__mode=mode and mode.value,
        replay__max_cost=max_cost,
        replay__max_tokens=max_tokens,
        replay__max_tool_calls=max_tool_calls,
    )
    if init:
        frame.finish(write_example(settings, suite or DEFAULT_SUITE), settings)
    if images is None and frame.report is not None:
        images = frame.report.with_name(f"{frame.report.stem}-images")
    choices = Choices(
        suite=suite,
        cases=tuple(case or ()),
        sample=sample,
        repeat=repeat,
        last_turn=last_turn,
        stub_tools=stub_tools,
        model=model,
        events=events,
        images=images,
        against=against,
        selection=selection_of(thread or [], threads_from, None, None),
    )
    frame.finish(run(settings, choices, sandbox=target is Target.SANDBOX, view=frame.view()), settings)
