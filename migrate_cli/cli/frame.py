"""What every command does around its one call: read settings, set up log and progress, print the result, exit.

The common options are declared here once; `common_options` adds them to those of a command.
"""

from __future__ import annotations

import errno
import functools
import inspect
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from migrate_cli.commands.option_types import ProgressMode
from migrate_cli.errors import ExitCode, MigrateError, StdoutUnwritable, UsageError, exit_code_for
from migrate_cli.report.escape import visible
from migrate_cli.report.interface import OutputFormat
from migrate_cli.secrets import scrub
from migrate_cli.version import __version__
from migrate_cli.work.stopping import STOPPING
from migrate_cli.work.waiting import WaitWatch

if TYPE_CHECKING:
    from migrate_cli.model import Result
    from migrate_cli.report.progress import ProgressView
    from migrate_cli.settings.model import Settings

_log = logging.getLogger(__name__)

_WITHOUT_STATE = frozenset({"plan", "init", "snapshot", "transcribe", "assistants", "demo", "sandbox"})
"""Commands whose results do not come from a state file."""

_REFUSALS = frozenset(
    {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EROFS}
)
"""Why the system may refuse a path that the user named; none of these is a bug in this program."""

RESUMABLE = (ExitCode.TEMPORARY, ExitCode.INTERRUPTED)
GOING_ON = frozenset({"apply", "verify", "undo", "recover", "snapshot", "map export", "transcribe"})
"""Commands that resume what an interrupted run has left; others start over."""
_OWN_SIGNALS = frozenset({"sandbox"})
"""Commands that serve until a signal comes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The common options of one invocation."""

    command: str
    config: Path | None
    env_file: Path | None
    state: Path | None
    output: OutputFormat | None
    report: Path | None
    quiet: bool
    verbose: int
    log_file: Path | None
    progress: ProgressMode
    logs: list[Path] = field(default_factory=list)
    """The log files that this invocation writes."""
    begun: list[str] = field(default_factory=list)
    """Not empty once anything is logged, on stderr too if that was asked for."""
    closers: ExitStack = field(default_factory=ExitStack)
    """What must be closed when the command ends."""
    views: list[ProgressView] = field(default_factory=list)
    """The progress display, once the command has one."""
    began: float = field(default_factory=time.time)
    """When the command began, in Unix seconds."""
    asked: set[str] = field(default_factory=set)
    """Options that make a command resumable, such as `--create`."""

    @property
    def goes_on(self) -> bool:
        """Whether the same command resumes what an interrupted one has left."""
        return self.command in GOING_ON or bool(self.asked)

    @property
    def writes_json(self) -> bool:
        """Whether the report goes to a file as JSON, in which lists are complete."""
        return self.report is not None and self.report.suffix.lower() == ".json"

    def settings(self, *, rehearsal: bool = False, **flags: Any) -> Settings:
        """Read the settings, with this invocation's flags on top; for a `rehearsal`, with its state file.

        Raises SettingsError.
        """
        from migrate_cli.settings.model import load_settings  # noqa: PLC0415 - pydantic is slow to import, --help needs none

        own = {"state": str(self.state) if self.state else None, "report.output": self.output and self.output.value}
        settings = load_settings(
            self.config,
            {**own, **_dotted(flags)},
            env_file=self.env_file,
            called=_called,
            command_line=shlex.join(["migrate-cli", *sys.argv[1:]]),
        )
        for sentence in () if self.quiet else settings.told:
            sys.stderr.write(f"migrate-cli: {visible(sentence)}\n")
        if rehearsal:
            from migrate_cli.state.rehearsal import of_rehearsal  # noqa: PLC0415 - hardly ever

            settings = settings.model_copy(update={"state": of_rehearsal(settings.state)})
        return settings

    def keep_log(self, settings: Settings) -> None:
        """Log beside the state file, unless `--log-file` names another place: for commands that write to the target."""
        if self.log_file is None:
            # If no log can be written, neither can the state file, and that error says better what to do.
            with suppress(UsageError):
                self.log_to(settings.state.with_name(settings.state.name + ".log"))

    def log_to(self, path: Path | None) -> None:
        """Begin to log: into a file, and to stderr when `-v` asks for it. Raises UsageError for a bad path."""
        from migrate_cli.report.log import set_up_logging  # noqa: PLC0415 - only when something is logged

        begins = not self.begun
        to_stderr = begins and self.verbose > 0 and not self.quiet
        self.closers.callback(set_up_logging(path, verbosity=self.verbose, to_stderr=to_stderr))
        self.begun.append(self.command)
        if path is not None:
            self.logs.append(path)
        # A log file that is opened only now begins with this line too; stderr already has it.
        _log.info("migrate-cli %s begins: %s", __version__, self.command, extra=_shown(not begins))

    def view(self) -> ProgressView:
        """Return the progress display for stderr."""
        from migrate_cli.report.output import moves  # noqa: PLC0415 - only long commands
        from migrate_cli.report.spoken import spoken_view  # noqa: PLC0415 - the same

        view = spoken_view(self.progress, moves(sys.stderr), self.quiet)
        self.views.append(view)
        return view

    def tell_wait(self, text: str) -> None:
        """Say what the command is waiting for, in the place where it shows its progress or would show it."""
        from migrate_cli.report.spoken import spoken_view, tell_wait  # noqa: PLC0415 - hardly ever

        tell_wait(self.views[-1] if self.views else spoken_view(self.progress, False, self.quiet), text)

    def beat(self) -> None:
        """Let the progress display say something if it has been silent for long."""
        if self.views:
            from migrate_cli.report.spoken import beat  # noqa: PLC0415 - imported already

            beat(self.views[-1])

    def last_words(self, code: int = ExitCode.INTERRUPTED) -> str:
        """The last line of a command that did not finish: the command that resumes it, if there is one."""
        again = visible(shlex.join(["migrate-cli", *sys.argv[1:]]))
        if self.goes_on:
            return f"Nothing is lost. To resume, run the same command again: {again}\n"
        return (
            f"Nothing is lost. Try again later: {again}\n" if code == ExitCode.TEMPORARY else "migrate-cli: stopped\n"
        )

    def mark(self, result: Result, settings: Settings) -> bool:
        """Mark a result that comes from the state file of a rehearsal as such; return whether it does."""
        from migrate_cli.state.rehearsal import is_rehearsal  # noqa: PLC0415 - only commands with a state file

        if self.command in _WITHOUT_STATE or not is_rehearsal(settings.state):
            return False
        result.data["rehearsal"] = True
        return True

    def finish(self, result: Result, settings: Settings | None = None, *, exit_code: int | None = None) -> NoReturn:
        """Print the result once, write the report file, and exit: with the result's code, unless another is given."""
        fmt = self.output or (OutputFormat(settings.report.output) if settings else OutputFormat.TEXT)
        # Advice must repeat for the next command what the user gave for this one.
        for name, path in (("config", self.config), ("env_file", self.env_file), ("state", self.state)):
            if path is not None:
                result.data.setdefault(name, str(path))
        if settings is not None:
            self.mark(result, settings)
            if result.provenance is None:
                from migrate_cli.commands.provenance import provenance_of  # noqa: PLC0415 - after the work

                result.provenance = provenance_of(settings, result, self.began)
        self.show(result, fmt, settings)
        _log_result(result)
        code = result.exit_code if exit_code is None else exit_code
        if code in RESUMABLE:
            sys.stderr.write(self.last_words(code))
        raise typer.Exit(int(code))

    def show(self, result: Result, fmt: OutputFormat, settings: Settings | None = None) -> None:
        """Print a result to stdout and, on request, to the report file and a CI job's summary."""
        from migrate_cli.report import output  # noqa: PLC0415 - after the work
        from migrate_cli.report.render import render  # noqa: PLC0415

        if result.provenance is None:
            from migrate_cli.commands.provenance import of_moment  # noqa: PLC0415 - where no settings were needed

            result.provenance = of_moment(self.began)
        width, detailed = _width(), self.verbose > 0
        with_content = settings is not None and settings.report.with_content
        if self.report is not None:
            form = output.form_of(self.report, fmt)
            if self.writes_json and settings is not None and result.run_id is not None:
                from migrate_cli.commands.report import complete  # noqa: PLC0415 - hardly ever

                complete(settings.state, result)
            told = render(result, form, console_width=width, with_content=with_content, detailed=True)
            output.write_report(self.report, told)
            fmt = output.beside_file(fmt, form)
        if os.environ.get("GITHUB_STEP_SUMMARY"):
            from migrate_cli.report.markdown import write_step_summary  # noqa: PLC0415 - in CI only

            write_step_summary(render(result, OutputFormat.MARKDOWN))
        if not (self.quiet and fmt is OutputFormat.TEXT and result.exit_code == 0):
            colour = fmt is OutputFormat.TEXT and output.wants_colour(sys.stdout.isatty())
            report = render(
                result,
                fmt,
                console_width=width,
                colour=colour,
                with_content=with_content,
                detailed=detailed,
                encoding=sys.stdout.encoding,
            )
            try:
                output.write_out(report)
            except StdoutUnwritable as error:
                # A report in a file is enough; services often run without any stdout.
                if self.report is None:
                    raise
                sys.stderr.write(f"migrate-cli: {visible(str(error))}\n")


Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; default: migration.yaml, if it exists.", metavar="FILE"),
]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", help="File with variables; default: .env, if it exists.", metavar="FILE"),
]
State = Annotated[Path | None, typer.Option("--state", help="State file; default: migration.db.", metavar="FILE")]
Output = Annotated[OutputFormat | None, typer.Option("--output", "-o", help="Format of the report on stdout.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Also write the report to a file; the extension sets the format (.txt, .json, .md, .xml, .html). "
        "With an HTML, Markdown or JUnit file, the terminal still shows the text report.",
        metavar="FILE",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print nothing unless something is wrong (json, markdown, junit and html are still printed).",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="Log to stderr, and show details in the text report; -vv for more."
    ),
]
LogFile = Annotated[
    Path | None, typer.Option("--log-file", help="Append a log to this file, with secrets masked.", metavar="FILE")
]
Progress = Annotated[
    ProgressMode,
    typer.Option("--progress", help="Progress on stderr: a bar (or notes, without a terminal), JSON lines, or none."),
]

_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("config", Config, None),
    ("env_file", EnvFile, None),
    ("state", State, None),
    ("output", Output, None),
    ("report", Report, None),
    ("quiet", Quiet, False),
    ("verbose", Verbose, 0),
    ("log_file", LogFile, None),
    ("progress", Progress, ProgressMode.AUTO),
)


def common_options(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the common options to a command whose first parameter is its `Frame`, and guard it."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapper(**values: Any) -> None:
            frame = Frame(command, **{name: values.pop(name) for name, _, _ in _COMMON})
            _guarded(frame, lambda: function(frame, **values))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        extra = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, annotation, default in _COMMON
        ]
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        wrapper.__signature__ = inspect.Signature([*own, *extra])  # type: ignore[attr-defined]  # typer reads it
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *extra)}
        del wrapper.__wrapped__  # or typer would read the inner function's parameters
        return wrapper

    return decorate


def emit(chunks: Iterable[str]) -> None:
    """Write to stdout, piece by piece."""
    from migrate_cli.report.output import write_out  # noqa: PLC0415 - --help writes by itself

    for chunk in chunks:
        write_out(chunk)


def _guarded(frame: Frame, work: Callable[[], None]) -> None:
    """Turn whatever ends the command into a sentence and an exit code."""
    try:
        # Without a handler of its own, Python would print what is logged before one is set up.
        logging.getLogger("migrate_cli").addHandler(logging.NullHandler())
        if frame.log_file or frame.verbose:
            frame.log_to(frame.log_file)
        if frame.report is not None:
            from migrate_cli.report.output import check_report_path  # noqa: PLC0415 - only where one is asked for

            check_report_path(frame.report)
        if frame.command in _OWN_SIGNALS:
            work()
            return
        watch = WaitWatch(frame.tell_wait, frame.beat)
        with STOPPING.listening(frame.last_words, to_the_end=True), watch.running():
            work()
    except typer.Exit:
        raise
    except MigrateError as error:
        _fail(frame, exit_code_for(error), error.code, str(error), error.shown)
    except KeyboardInterrupt:
        _fail(frame, ExitCode.INTERRUPTED, "interrupted", "interrupted")
    except Exception as error:
        _unexpected(frame, error)
    finally:
        frame.closers.close()


def _unexpected(frame: Frame, error: Exception) -> NoReturn:
    _log.exception("unexpected failure")
    if isinstance(error, OSError) and error.filename is not None and error.errno in _REFUSALS:
        reason = f"{os.fsdecode(error.filename)}: {error.strerror}; check the path and its permissions"
        _fail(frame, ExitCode.USAGE, "path", reason)
    where = f"the traceback is in {frame.logs[0]}" if frame.logs else "add --log-file FILE to keep the traceback"
    _fail(frame, ExitCode.UNEXPECTED, "unexpected", f"{type(error).__name__}: {error} (a bug; {where})")


def _fail(frame: Frame, code: ExitCode, name: str, message: str, shown: Sequence[str] = ()) -> NoReturn:
    sentence = as_clause(scrub(message))
    lines = (f"migrate-cli: {visible(sentence)}", *map(_indented, shown))
    seen = _shown(frame.output is not OutputFormat.JSON)
    _log.error("%s ends with exit code %d: %s", frame.command, code, sentence, extra=seen)
    if frame.output is OutputFormat.JSON and name != StdoutUnwritable.code:
        from migrate_cli.commands.provenance import of_moment  # noqa: PLC0415 - JSON only
        from migrate_cli.model import Problem, Result  # noqa: PLC0415
        from migrate_cli.report.render import render  # noqa: PLC0415

        data = {"outline": [scrub(line) for line in shown]} if shown else {}
        result = Result(frame.command, data, code, errors=[Problem(name, sentence)])
        result.provenance = of_moment(frame.began)
        try:
            emit([render(result, OutputFormat.JSON)])
        except StdoutUnwritable:
            sys.stderr.write("".join(f"{line}\n" for line in lines))
    else:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
    if code is ExitCode.INTERRUPTED and frame.goes_on:
        sys.stderr.write(frame.last_words())
    raise typer.Exit(int(code))


def _shown(already: bool) -> dict[str, bool]:
    """Mark a line of the log that is shown on stderr anyway; see `report/log.py`."""
    return {"shown": already}


def _indented(line: str) -> str:
    """Return a line that is safe to print, with its leading blanks."""
    return " " * (len(line) - len(line.lstrip(" "))) + visible(scrub(line.lstrip(" ")))


def _log_result(result: Result) -> None:
    """Log how a command ended, and each of its problems."""
    for problem in result.errors:
        _log.warning("%s%s: %s", f"{problem.thread_id}: " if problem.thread_id else "", problem.code, problem.message)
    counts = result.data.get("threads")
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) if isinstance(counts, dict) else ""
    run = f" (run {result.run_id})" if result.run_id else ""
    _log.info("%s ends with exit code %d%s%s", result.command, result.exit_code, run, f": {told}" if told else "")


def _dotted(flags: dict[str, Any]) -> dict[str, Any]:
    """Return flags by the names of settings. A SOURCE that is a URL names a host or a database, any other a path."""
    named = {name.replace("__", "."): value for name, value in flags.items()}
    source = named.get("source.path")
    if source is None:
        return named
    if source.lower().startswith(("https://", "http://")):
        return {**named, "source.path": None, "source.base_url": source, "source.kind": "api"}
    if "://" in source:
        return {**named, "source.path": None, "source.url": source, "source.kind": "sql"}
    return {**named, "source.kind": "export"}


def _called(name: str) -> str:
    """Return what gives a setting on the command line: `load.workers` is given by `--workers`."""
    if name in ("source.path", "source.base_url", "source.url", "source.kind"):
        return "SOURCE"
    return "--" + name.rpartition(".")[2].replace("_", "-")


def _width() -> int | None:
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or None


_OPENERS = re.compile(
    r"(?:The|There|This|That|These|It|A|An|No|Nothing|Cannot|Several|Some|Not|More|Each|Every|Another|Only|In|Of|Would)\b"
)
"""Words that are capitalised only because they begin a sentence; names and units keep their capitals."""


def as_clause(sentence: str) -> str:
    """Return the text in the form used after a colon: one sentence without its full stop, several with the last one."""
    if _OPENERS.match(sentence):
        sentence = sentence[0].lower() + sentence[1:]
    several = re.search(r"[.?!] [A-Z]", sentence) is not None
    if several:
        return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."
    return sentence.removesuffix(".")
