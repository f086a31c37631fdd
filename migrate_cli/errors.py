"""Everything that can stop a run, grouped by what the user has to do next, and the one table of exit codes.

    MigrateError
    ├── UsageError          2    fix the command, the settings or the input, before any work
    │   ├── SettingsError          … the settings file, a variable or an option
    │   └── SourceError            … the source as a whole cannot be read
    │       └── NothingReadable 3  … its format is known, and nothing in it can be read
    ├── TemporaryError      5    try again later; nothing is lost
    │   ├── QuotaSpent             … nothing is served before somebody pays
    │   ├── Unanswered             … one read, however often it was sent
    │   └── GivenUp                … one write
    ├── AuthError           6    fix the key
    └── StateError         10    look at the state file
        ├── StateLocked            … another process holds it
        ├── StateDamaged           … restore it
        ├── StateForeign           … it belongs to another program, or a newer version
        └── SetupMismatch          … it belongs to another setup

What goes wrong with one thread is never raised to the top: it is a value (`Finding`, `Problem`, `Unreadable`).
Messages are one sentence that says what, where and what to do. They never hold keys or message text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; README and every command's help explain them."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    PARTIAL = 3
    CHECK_FAILED = 4
    TEMPORARY = 5
    AUTH = 6
    STATE = 10
    INTERRUPTED = 130


class MigrateError(Exception):
    """Base of all expected failures; `str(error)` is the sentence that the user reads."""

    exit_code: ExitCode = ExitCode.UNEXPECTED
    code: str = "unexpected"
    """Stable and kebab-case; it is in the JSON envelope."""

    def __init__(self, message: str, *, code: str | None = None, shown: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.shown = tuple(shown)
        """Lines that help to go on, to be shown below the sentence."""
        if code is not None:
            self.code = code


class UsageError(MigrateError):
    """The command, the settings or the input must change before any work is possible."""

    exit_code = ExitCode.USAGE
    code = "usage"


class StdoutUnwritable(UsageError):
    """Stdout takes nothing: it is closed, or its disk is full."""

    code = "stdout"


class SettingsError(UsageError):
    """A settings file, variable or option is wrong."""

    code = "settings"


class SourceError(UsageError):
    """The source as a whole cannot be read: no such path, an empty folder, no known shape."""

    code = "source"


class NothingReadable(SourceError):
    """The source is of a known format, and not one thread in it can be read."""

    exit_code = ExitCode.PARTIAL


class TemporaryError(MigrateError):
    """Source or target unreachable, or throttled past the budget: the same command works later."""

    exit_code = ExitCode.TEMPORARY
    code = "temporary"
    by_all = False
    """Whether every other request would fare alike, so that nothing can be said of the one that met it."""


class QuotaSpent(TemporaryError):
    """The quota of the key is used up."""

    by_all = True


class Unanswered(TemporaryError):
    """One read had no clear answer however often it was sent; `tries` and the last `reason` tell it in other words.

    `path` is what was asked for. `silence`: for so many seconds no other request to the host had one either.
    """

    def __init__(self, host: str, tries: int, reason: str, *, path: str = "", silence: float | None = None) -> None:
        told = f"did not answer after {tries} tries"
        if silence is not None:
            told = f"has not answered any request for {silence:.0f} s"
        who = f"{host}, asked for {path}," if path else host
        super().__init__(f"{who} {told} ({reason}); nothing is lost, run the same command again later")
        self.tries, self.reason = tries, reason
        self.by_all = silence is not None


class GivenUp(TemporaryError):
    """One request was repeated as long as it may be; `silent` where it was never answered."""

    def __init__(self, message: str, *, silent: bool) -> None:
        super().__init__(message)
        self.silent = silent


class AnswerOutOfBounds(Unanswered):
    """A read had an answer that is larger or deeper than the settings allow, and would have it again."""

    def __init__(self, host: str, path: str, reason: str) -> None:
        super().__init__(host, 1, reason, path=path)
        self.args = (f"{host}{path}: {reason}; nothing is lost, run the same command again",)


class AuthError(MigrateError):
    """The key was refused, or may not do this."""

    exit_code = ExitCode.AUTH
    code = "auth"


class StateError(MigrateError):
    """The state file cannot be used as it is."""

    exit_code = ExitCode.STATE
    code = "state"


class StateLocked(StateError):
    """Another living process holds the state file."""

    code = "state-locked"


class StateDamaged(StateError):
    """SQLite finds the file damaged, or the disk refuses to take more."""

    code = "state-damaged"


class StateForeign(StateError):
    """The file belongs to another program or to a newer version of this one."""

    code = "state-foreign"


class SetupMismatch(StateError):
    """The file records another source, target or conversion than this command names."""

    code = "state-other-setup"


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code of a failure that ended the command."""
    if isinstance(error, MigrateError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.UNEXPECTED


def closest(wrong: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that a wrong one was most likely meant to be, for `did you mean …?`; None where none is alike."""
    from difflib import get_close_matches  # noqa: PLC0415 - most runs end without a mistyped word

    return next(iter(get_close_matches(wrong, list(known), 1, cutoff)), None)
