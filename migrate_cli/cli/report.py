"""`report`: an earlier run again, in any form."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options
from migrate_cli.cli.options import Rehearsal

app = typer.Typer()


@app.command(epilog="EXIT STATUS  0 shown, whatever came of the run · 2 no state file, or no such run · 10 state file")
@common_options("report")
def report(
    frame: Frame,
    run: Annotated[
        str | None, typer.Argument(help="The id of the run. Default: the last one.", show_default=False, metavar="RUN")
    ] = None,
    rehearsal: Rehearsal = False,
    list_: Annotated[bool, typer.Option("--list", help="List the runs of the state file instead.")] = False,
) -> None:
    """Show an earlier run again from the state file, in any form; its own exit code stands in the JSON form.

    Texts of messages are not in the state file, so `--with-content` belongs to `plan` and `apply`.

    Example: `migrate-cli report --output html --report run.html`
    """
    from migrate_cli.commands.report import list_runs  # noqa: PLC0415
    from migrate_cli.commands.report import report as run_report  # noqa: PLC0415
    from migrate_cli.errors import UsageError  # noqa: PLC0415

    settings = frame.settings(rehearsal=rehearsal)
    if list_ and run is not None:
        raise UsageError("--list shows all runs; leave the id away, or leave --list away to see that run.")
    result = list_runs(settings) if list_ else run_report(settings, run)
    frame.finish(result, settings, exit_code=0)
