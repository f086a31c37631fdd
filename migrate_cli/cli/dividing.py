"""The options that make `apply` several processes, and the command line of each of them. It must not run a stage."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrate_cli.cli.frame import Frame
from migrate_cli.errors import UsageError

if TYPE_CHECKING:
    from migrate_cli.model import Result
    from migrate_cli.settings.model import Settings
    from migrate_cli.sources.interface import Selection
    from migrate_cli.work.time_limit import TimeLimit

MOST_PROCESSES = 256
_SWITCHES = {"--with-content": ("--no-content", "--with-content"), "--redact": ("--no-redact", "--redact")}
"""Options that can be switched on and off."""
_PARENTS = frozenset({"--plan", "--shard", "--limit"})
"""Options that are not passed on to a shard."""


class EngineName(StrEnum):
    """Engines that can run the shards of a migration."""

    DASK = "dask"


Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        help="Run as N processes that share the rate limits, if the CPU is the bottleneck; "
        "with --engine, how many shards run at once.",
        metavar="N",
        min=1,
        max=MOST_PROCESSES,
    ),
]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="Run as shards on a cluster: needs `pip install distributed`.", show_default=False),
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Address of the scheduler for --engine.", metavar="ADDRESS")
]


def made_whole(settings: Settings) -> Settings:
    """Merge what the shards of a killed run have loaded, for a command that must know all of it; return the settings.

    Raises StateLocked while one of them is still running.
    """
    from migrate_cli.state.divide import folder_of  # noqa: PLC0415 - --help needs none of it

    if folder_of(settings.state).is_dir():
        from migrate_cli.shards.folder import join_leftovers  # noqa: PLC0415 - hardly ever

        join_leftovers(settings)
    return settings


def divided(
    frame: Frame,
    settings: Settings,
    selection: Selection,
    options: dict[str, Any],
    *,
    processes: int | None,
    engine: EngineName | None,
    scheduler: str | None,
    time_limit: TimeLimit,
) -> Result | None:
    """Run as several processes if the options say so, otherwise return None. `options` are those of `apply`, by flag.

    Shards that a killed run left behind are merged in any case: what they loaded must not be loaded again.
    """
    if scheduler is not None and engine is None:
        raise UsageError("--scheduler can only be used with --engine dask")
    if engine is None and processes is None:
        made_whole(settings)
        return None
    for flag, why in (("--shard", "the run makes its own shards"), ("--limit", "each process would count separately")):
        if options.get(flag) is not None:
            other = "--engine" if engine else "--processes"
            raise UsageError(f"{flag} cannot be combined with {other}: {why}; leave one out")
    from migrate_cli.shards.run import DivideOptions, apply_divided  # noqa: PLC0415 - after what can be refused at once

    sandbox = options.get("--target") is not None
    divide = DivideOptions(tuple(shard_arguments(frame, settings, options)), sandbox, options.get("--plan"), time_limit)
    if engine is None:
        from migrate_cli.shards.engine import Processes as Local  # noqa: PLC0415 - one of two

        return apply_divided(settings, selection, Local(processes or 1), divide, view=frame.view())
    if sandbox:
        raise UsageError(
            "--target sandbox cannot be combined with --engine: each worker would have its own sandbox; "
            "rehearse with --processes, or use a running `migrate-cli sandbox` as the target"
        )
    from migrate_cli.shards.dask import connect  # noqa: PLC0415 - an extra

    return apply_divided(settings, selection, connect(scheduler, processes), divide, view=frame.view())


def shard_arguments(frame: Frame, settings: Settings, options: dict[str, Any]) -> list[str]:
    """Return the command line of a shard: the options given here, except those that only one process may handle.

    The shard reads the same settings files and variables. Comparing the plan and writing reports is done here.
    """
    arguments = ["apply"]
    for flag, value in options.items():
        if flag in _SWITCHES and value is not None:
            arguments.append(_SWITCHES[flag][bool(value)])
            continue
        if value is None or value is False or flag in _PARENTS:
            continue
        if flag == "--threads-from":
            value = for_all(settings, str(value))  # noqa: PLW2901 - the same list, where all can read it
        if flag == "SOURCE":
            arguments.append(str(value))
        elif isinstance(value, list):
            arguments += [word for each in value for word in (flag, str(each))]
        else:
            arguments += [flag] if value is True else [flag, str(value)]
    if frame.config is not None:
        arguments += ["--config", str(frame.config)]
    if frame.env_file is not None:
        arguments += ["--env-file", str(frame.env_file)]
    if frame.logs:
        arguments += ["--log-file", str(frame.logs[0].absolute())]
    return [*arguments, *("-v" for _ in range(frame.verbose)), "-q", "--output", "json", "--progress", "json"]


def for_all(settings: Settings, name: str) -> str:
    """Return a list of ids under the name by which every process finds it. Raises UsageError for standard input."""
    if name != "-":
        return str(Path(name).absolute())
    raise UsageError(
        "--threads-from - cannot be combined with --processes or --engine: several processes cannot read one stdin; "
        f"put the ids into a file, such as {settings.state.with_suffix('.txt').name}"
    )
