"""`demo` and `sandbox` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate_cli.cli.frame import Frame, common_options, emit
from migrate_cli.commands.option_types import SourceHost
from migrate_cli.report.interface import OutputFormat
from migrate_cli.sandbox.choices import FileIdCheck, TargetPreset

app = typer.Typer()

Port = Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 picks a free one.")]
Data = Annotated[Path, typer.Option("--data", help="File that keeps the data.", metavar="FILE")]
Latency = Annotated[float, typer.Option("--latency-ms", help="Delay of every response.")]
ApiKey = Annotated[str | None, typer.Option("--api-key", help="Accept only this key.")]
SourceFrom = Annotated[
    str | None,
    typer.Option("--source-from", help="Also serve as a source, with the threads of this export.", metavar="EXPORT"),
]
SourcePreset = Annotated[
    SourceHost, typer.Option("--source-preset", help="The kind of host that the source side imitates.")
]
TokenRequests = Annotated[
    int | None, typer.Option("--token-requests", help="A bearer token of the source expires after N requests.")
]
TokenSeconds = Annotated[
    float | None, typer.Option("--token-seconds", help="A bearer token of the source expires after N seconds.")
]
Target = Annotated[
    TargetPreset, typer.Option("--target-preset", help="The kind of host that the target side imitates.")
]
Known = Annotated[
    FileIdCheck, typer.Option("--known-files", help="Which file ids items may refer to: any, or only uploaded ones.")
]
StrictAssistant = Annotated[
    bool, typer.Option("--strict-assistant", help="Refuse assistant messages without id and status.")
]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="Inject a fault: ENDPOINTS:KIND:PROBABILITY:NAME=VALUE, such as append:reset-after:0.02; may be repeated.",
        metavar="RULE",
    ),
]
Faults = Annotated[
    Path | None, typer.Option("--faults", help="A YAML file with fault rules and a seed.", metavar="FILE")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed for the random choice of faults.", metavar="N")]


@app.command(epilog="EXIT STATUS  0 all done · 3 some threads failed · 130 interrupted")
@common_options("demo")
def demo(
    frame: Frame,
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo's state file goes.")] = Path("demo"),
) -> None:
    """Migrate the bundled fixtures into the embedded sandbox, step by step; nothing leaves this machine.

    Example: `migrate-cli demo`
    """
    from migrate_cli.commands.demo import demo as steps  # noqa: PLC0415
    from migrate_cli.commands.demo import farewell, together  # noqa: PLC0415

    results = []
    as_text = frame.output in (None, OutputFormat.TEXT)
    for number, step in enumerate(steps(folder, view=frame.view), 1):
        if as_text:
            emit([f"\n── {number}. {step.title}\n   $ {step.command}\n\n"])
        results.append(step.run())
        if as_text:
            frame.show(step.shown(results[-1]), OutputFormat.TEXT)
    whole = together(results)
    if not as_text:
        frame.finish(whole)
    emit([farewell(results, folder)])
    raise typer.Exit(whole.exit_code)


@app.command(epilog="EXIT STATUS  0 stopped cleanly · 2 port in use or data unusable")
@common_options("sandbox")
def sandbox(
    frame: Frame,
    port: Port = 8765,
    data: Data = Path("sandbox.db"),
    latency_ms: Latency = 0.0,
    api_key: ApiKey = None,
    source_from: SourceFrom = None,
    source_preset: SourcePreset = SourceHost.OPENAI,
    token_requests: TokenRequests = None,
    token_seconds: TokenSeconds = None,
    target_preset: Target = TargetPreset.OPENAI,
    known_files: Known = FileIdCheck.ANY,
    strict_assistant: StrictAssistant = False,
    fault: Fault = None,
    faults: Faults = None,
    seed: Seed = None,
) -> None:
    """Serve a strict stand-in for the target (and, on request, for a source) on this machine, until Ctrl-C.

    Example: `migrate-cli sandbox --source-from ./export --source-preset foundry`
    """
    from migrate_cli.commands.sandbox import faults_of, serve  # noqa: PLC0415

    serve(
        port,
        data,
        latency_ms=latency_ms,
        api_key=api_key,
        source_from=source_from,
        source_preset=source_preset,
        token_requests=token_requests,
        token_seconds=token_seconds,
        target_preset=target_preset,
        known_files=known_files,
        strict_assistant=strict_assistant,
        faults=faults_of(fault or [], faults, seed),
        say=lambda text: emit([text]),
        quiet=frame.quiet,
    )
