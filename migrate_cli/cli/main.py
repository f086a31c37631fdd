"""Runs the command line as a process: signals and garbage collection first, then the command, then its exit code."""

from __future__ import annotations

import gc
import signal
import sys
from typing import NoReturn

from migrate_cli.disk.plain import let_pass
from migrate_cli.disk.stderr import outlast_reader

INTERRUPTED = 130
SELDOM = (20_000, 20, 50)
"""When garbage is looked for. Hardly anything here refers to itself, neither while modules are loaded nor in the work
on threads, so that looking as often as Python does costs a tenth of the time and finds nothing."""


def main() -> None:
    """Run the command line and exit with its code."""
    outlast_reader()
    let_pass(sys.stdout)
    gc.set_threshold(*SELDOM)
    # Until a command takes signals over, SIGTERM ends the program as Ctrl-C does: with a word.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from migrate_cli.cli.app import run  # noqa: PLC0415 - after --version

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("migrate-cli: interrupted before any work began; run the same command again\n")
        code = INTERRUPTED
    # What is left goes with the process; Python would look through all of it first, for a tenth of a second.
    gc.freeze()
    sys.exit(code)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
