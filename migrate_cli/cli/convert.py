"""`assistants` and `transcribe` on the command line: setups and audio."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Format, Source, Thread
from migrate_cli.commands.option_types import CodeLanguage
from migrate_cli.report.escape import visible

if TYPE_CHECKING:
    from migrate_cli.model import Result

app = typer.Typer()


@app.command(
    epilog=(
        "EXIT STATUS  0 converted · 2 usage, unreadable source, no assistant in it, or a file that is there already · "
        "3 part of the source could not be read"
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
        bool, typer.Option("--markdown", help="Ask for Markdown in the instructions, except where answers are JSON.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write files into this folder.", metavar="DIR")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files in that folder.")] = False,
) -> None:
    """Turn each assistant into a response configuration: YAML that `replay` reads, and code if wanted.

    Example: `migrate-cli assistants ./export --code python --out setup`
    """
    from migrate_cli.commands.assistants import AssistantOptions  # noqa: PLC0415 - --help must not wait for it
    from migrate_cli.commands.assistants import assistants as run  # noqa: PLC0415
    from migrate_cli.commands.context import selection_of  # noqa: PLC0415

    settings = frame.settings(source__path=source, source__format=format_)
    selection = selection_of(thread or [], None, None, None)
    result = run(settings, selection, AssistantOptions(tuple(assistant or ()), code, markdown, out, force))
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
    """Turn audio files into text, as the migration does it with attached audio.

    Example: `migrate-cli transcribe memo.mp3 > memo.txt`
    """
    from migrate_cli.commands.transcribe import transcribe as run  # noqa: PLC0415

    settings = frame.settings(audio__model=model)
    result = run(settings, files)
    _tell(frame, result)
    frame.finish(result, settings)


def _tell(frame: Frame, result: Result) -> None:
    """Say on stderr what was found; stdout holds nothing but the text or code that was asked for."""
    if frame.quiet:
        return
    for row in result.data.get("finding_list", ()):
        sys.stderr.write(f"migrate-cli: {row['severity']}: {row['code']}: {visible(row['detail'])}\n")
