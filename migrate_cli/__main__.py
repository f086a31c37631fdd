"""The entry point. `--version` is answered before anything else is imported."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from migrate_cli import __version__

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"migrate-cli {__version__}\n")
        return
    # Until a command takes signals over, SIGTERM ends the program as Ctrl-C does: with a word.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from migrate_cli.cli.app import run  # noqa: PLC0415 - after --version

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("migrate-cli: interrupted before any work began; run the same command again\n")
        code = INTERRUPTED
    sys.exit(code)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
