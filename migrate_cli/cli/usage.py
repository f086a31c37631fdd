"""Reports mistakes on the command line like all other errors: one sentence, exit code 2, JSON if requested.

The parser finds them before any command begins. This module must not know what the commands do.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from migrate_cli.cli.help_text import help_of
from migrate_cli.disk.plain import has_marks, made_plain
from migrate_cli.errors import ExitCode, StdoutUnwritable, closest

# The parser's versions keep this class in different places, but bad parameters have always been derived from it.
ParserError: Any = typer.BadParameter.__base__

EARLY = "migrate-cli: interrupted before any work began; run the same command again\n"

_UNCUT = 1_000

_TAKES = {"a valid integer": "a whole number", "a valid number": "a number", "a valid path": "a path"}


class CommandGroup(TyperGroup):
    """A group of commands of which the help lists what each does, uncut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands with their complete first sentences, which the parser would cut to one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(_UNCUT)) for name, one in commands if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Commands(CommandGroup):
    """The group of all commands; it reports usage errors in the program's own words."""

    def main(  # type: ignore[override]  # the parser names its own settings one by one; here they only pass through
        self, args: Any = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run, and exit with a code, unless the caller wants to do both."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        given = list(sys.argv[1:] if args is None else args)
        _lay_out_help(self, None if has_marks(sys.stdout.encoding) else sys.stdout.encoding or "ascii")
        try:
            code = super().main(given, standalone_mode=False, **extra)
        except ParserError as error:
            _tell(error, given)
        except typer.Abort:
            sys.stderr.write("migrate-cli: nothing was done\n")
            sys.exit(ExitCode.USAGE)
        sys.exit(code if isinstance(code, int) else ExitCode.OK)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. A command that has started reports an interruption itself."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.stderr.write(EARLY)
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _lay_out_help(command: Any, encoding: str | None) -> None:
    """Let the help of a command, and of all below it, be laid out by `help_text`, in what the encoding can show.

    The parser would write UTF-8 to a stdout that asks for ASCII.
    """
    command.get_help = partial(_help_in, command, encoding)
    for below in getattr(command, "commands", {}).values():
        _lay_out_help(below, encoding)


def _help_in(command: Any, encoding: str | None, context: Any) -> str:
    told = help_of(command, context)
    return told if encoding is None else made_plain(told, encoding)


def _tell(error: Any, args: list[str]) -> NoReturn:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(ExitCode.USAGE)
    command = _command(error, args)
    path = f"migrate-cli {command}".rstrip()
    sentence = f"{_what(error, args)}; see {path} --help"
    if _wants_json(args):
        from migrate_cli.commands.provenance import of_moment  # noqa: PLC0415 - --help needs no results
        from migrate_cli.model import Problem, Result  # noqa: PLC0415
        from migrate_cli.report.interface import OutputFormat  # noqa: PLC0415
        from migrate_cli.report.output import write_out  # noqa: PLC0415
        from migrate_cli.report.render import render  # noqa: PLC0415

        result = Result(command, {}, ExitCode.USAGE, errors=[Problem("usage", sentence)])
        result.provenance = of_moment(time.time())
        with suppress(StdoutUnwritable):
            write_out(render(result, OutputFormat.JSON))
            sys.exit(ExitCode.USAGE)
    from migrate_cli.report.escape import visible  # noqa: PLC0415 - --help needs it not

    sys.stderr.write(f"migrate-cli: {visible(sentence)}\n")
    sys.exit(ExitCode.USAGE)


def _command(error: Any, args: list[str]) -> str:
    """The intended command: the parser's, if it got that far, otherwise the first word."""
    if error.ctx is not None and error.ctx.parent is not None:
        return " ".join(_names(error.ctx)).removesuffix(" ids")
    known = error.ctx.command.commands if error.ctx is not None else None
    return next((arg for arg in args if (not arg.startswith("-") if known is None else arg in known)), "")


def _names(context: Any) -> list[str]:
    """The commands that lead to a context, without the program, which may be called by a path or as a module."""
    return [] if context.parent is None else [*_names(context.parent), str(context.info_name)]


def _what(error: Any, args: list[str]) -> str:
    """What is wrong, as a clause without punctuation at the end."""
    kind = type(error).__name__
    message = str(error.message).rstrip(".")
    if kind == "NoSuchOption":
        return _no_option(error, args)
    if kind == "MissingParameter":
        return f"{_name(error)} is missing"
    if kind == "BadParameter" and error.param is not None:
        return _bad_value(_name(error), message)
    return _by_message(error, message)


def _by_message(error: Any, message: str) -> str:
    """Mistakes that can only be told apart by their text; unknown ones keep the parser's words."""
    if found := re.fullmatch(r"No such command '(.*)'", message.partition(". Did")[0], re.DOTALL):
        commands = error.ctx.command.commands if error.ctx else {}
        return f"there is no command {found[1]}{_nearest(found[1], commands)}"
    if found := re.fullmatch(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", message, re.DOTALL):
        return f"this command does not take {found[1]}"
    if found := re.fullmatch(r"Option '(.*)' requires an argument", message):
        return f"{found[1]} needs a value"
    return message[:1].lower() + message[1:]


def _no_option(error: Any, args: list[str]) -> str:
    name = error.option_name
    if error.ctx is not None and error.ctx.parent is None and any(not arg.startswith("-") for arg in args):
        return f"the option {name} is before the command; put options after it"
    return f"there is no option {name}{_nearest(name, error.possibilities or ())}"


def _nearest(wrong: str, known: Iterable[str]) -> str:
    near = closest(wrong, known, cutoff=0.7)
    return f" (did you mean {near}?)" if near else ""


def _name(error: Any) -> str:
    """`--output` for an option, `THREAD` for an argument."""
    options = [name for name in error.param.opts if name.startswith("-")]
    return max(options, key=len) if options else str(error.param.metavar or error.param.name).upper()


def _bad_value(name: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    if found := re.fullmatch(r"'(.*)' is not one of (.*)", message, re.DOTALL):
        return f"{name} takes {found[2].replace(chr(39), '')}, not {found[1]}"
    if message.startswith("Input should be "):
        wanted = message.removeprefix("Input should be ").partition(", unable")[0]
        bound = wanted.startswith(("greater", "less"))
        return f"{name} takes {_TAKES.get(wanted) or (f'a number that is {wanted}' if bound else wanted)}"
    return f"{name}: {message[:1].lower()}{message[1:]}"


def _wants_json(args: list[str]) -> bool:
    """Whether `--output json` is among the arguments, in any spelling."""
    text = " ".join(args)
    return re.search(r"(?:^| )(?:--output[= ]|-o *=?)json(?: |$)", text) is not None
