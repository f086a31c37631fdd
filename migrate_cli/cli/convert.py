"""`assistants` and `transcribe` on the command line: setups and audio."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from migrate_cli.cli.confirm import confirm
from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Format, Source, Thread, Where
from migrate_cli.commands.option_types import CodeLanguage, TargetName
from migrate_cli.report.escape import visible

if TYPE_CHECKING:
    from migrate_cli.commands.assistants import AssistantOptions
    from migrate_cli.model import Result
    from migrate_cli.settings.model import Settings
    from migrate_cli.sources.interface import Selection

app = typer.Typer()


@app.command(
    epilog=(
        "EXIT STATUS  0 converted · 2 usage, unreadable source, no assistant in it, or a file that already exists · "
        "3 part of the source could not be read, or an agent was not created · with --create also: 5 target "
        "unreachable, "
        "try later · 6 key refused · 10 state file · 130 interrupted, resumable"
    )
)
@common_options("assistants")
def assistants(
    frame: Frame,
    source: Source = None,
    format_: Format = None,
    assistant: Annotated[
        list[str] | None, typer.Option("--assistant", help="Only this assistant; may be repeated.", metavar="ID")
    ] = None,
    thread: Thread = None,
    code: Annotated[
        CodeLanguage | None,
        typer.Option(
            "--code", help="Code that streams answers and runs functions: a program, or a route of Next.js or Express."
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Ask for Markdown in the instructions, unless answers are JSON.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write files into this folder.", metavar="DIR")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files in that folder.")] = False,
    create: Annotated[
        bool,
        typer.Option("--create", help="Create an agent for each assistant, in a Foundry project; asks first."),
    ] = False,
    connections: Annotated[
        Path | None,
        typer.Option(
            "--connections",
            help="YAML that maps each connection of the source to one of the target; for the tools of agents.",
            metavar="FILE",
        ),
    ] = None,
    target: Where = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which agents would be created, and create none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Turn each assistant into a response configuration: YAML that `replay` reads, and code on request.

    With `--create`, turn them into agents: each is created once, however often you run the command. `map` finds them,
    and `undo` deletes them.

    Example: `migrate-cli assistants ./export --code python --out setup`

    Example: `migrate-cli assistants ./export --create --connections connections.yaml --dry-run`
    """
    from migrate_cli.commands.assistants import AssistantOptions  # noqa: PLC0415 - --help must not wait for it
    from migrate_cli.commands.assistants import assistants as run  # noqa: PLC0415
    from migrate_cli.commands.context import rehearsing, selection_of  # noqa: PLC0415

    settings = frame.settings(source__path=source, source__format=format_)
    selection = selection_of(thread or [], None, None, None)
    options = AssistantOptions(tuple(assistant or ()), code, markdown, out, force, create, connections)
    if create:
        sandbox = target is TargetName.SANDBOX
        _create(
            frame, rehearsing(settings, sandbox=sandbox), selection, options, sandbox=sandbox, dry_run=dry_run, yes=yes
        )
    _refuse_alone({"--connections": connections, "--target": target, "--dry-run": dry_run, "--yes": yes})
    result = run(settings, selection, options)
    if "verbatim" in result.data:
        for problem in result.errors:
            sys.stderr.write(f"migrate-cli: error: {problem.code}: {visible(problem.message)}\n")
        _tell(frame, result)
    frame.finish(result, settings)


@app.command(
    epilog=(
        "EXIT STATUS  0 all transcribed · 2 usage, or a model that the target does not have · "
        "3 some could not be transcribed · 5 target unreachable · 6 key refused"
    )
)
@common_options("transcribe")
def transcribe(
    frame: Frame,
    files: Annotated[list[Path], typer.Argument(help="Audio files: flac, mp3, mp4, m4a, ogg, wav, webm.")],
    model: Annotated[str | None, typer.Option("--model", help="Default: audio.model of the settings.")] = None,
) -> None:
    """Turn audio files into text, as the migration does with attached audio.

    Example: `migrate-cli transcribe memo.mp3 > memo.txt`
    """
    from migrate_cli.commands.transcribe import transcribe as run  # noqa: PLC0415

    settings = frame.settings(audio__model=model)
    result = run(settings, files)
    _tell(frame, result)
    frame.finish(result, settings)


def _create(
    frame: Frame,
    settings: Settings,
    selection: Selection,
    options: AssistantOptions,
    *,
    sandbox: bool,
    dry_run: bool,
    yes: bool,
) -> NoReturn:
    """Say what would be made, ask, and make it."""
    from migrate_cli.commands.agents import foresee_agents, make_agents  # noqa: PLC0415 - only where they are asked for
    from migrate_cli.commands.assistants import ConvertedAssistants  # noqa: PLC0415

    frame.asked.add("--create")
    converted = ConvertedAssistants(settings, selection, options)
    drafts = converted.drafts()
    foreseen = foresee_agents(settings, drafts, sandbox=sandbox)
    result = converted.result(foreseen)
    if dry_run:
        frame.finish(result, settings)
    if foreseen.to_make and not yes:
        confirm(foreseen.told, declined="no agent was created")
    frame.keep_log(settings)
    made = make_agents(settings, drafts, sandbox=sandbox, view=frame.view(), conclude=converted.result)
    frame.finish(made, settings)


def _refuse_alone(given: dict[str, object]) -> None:
    """Raise UsageError for options that say how agents are made, where none are."""
    from migrate_cli.errors import UsageError  # noqa: PLC0415

    alone = [name for name, value in given.items() if value]
    if alone:
        raise UsageError(f"{' and '.join(alone)} can only be used with --create")


def _tell(frame: Frame, result: Result) -> None:
    """Say on stderr what was found; stdout holds nothing but the text or code that was asked for."""
    if frame.quiet:
        return
    for row in result.data.get("finding_list", ()):
        sys.stderr.write(f"migrate-cli: {row['severity']}: {row['code']}: {visible(row['detail'])}\n")
