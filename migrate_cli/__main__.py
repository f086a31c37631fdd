"""The entry point. `--version` is answered before anything else is imported."""

from __future__ import annotations

import gc
import signal
import sys
from typing import NoReturn

from migrate_cli import __version__
from migrate_cli.lasting import outlast_reader

INTERRUPTED = 130
SELDOM = (20_000, 20, 50)
"""When garbage is looked for. Hardly anything here refers to itself, neither while modules are loaded nor in the work
on threads, so that looking as often as Python does costs a tenth of the time and finds nothing."""


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"migrate-cli {__version__}\n")
        return
    outlast_reader()
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


if __name__ == "__main__":
    main()
