"""The entry point. `--version` is answered before anything large is imported."""

from __future__ import annotations

import sys

from migrate_cli.disk.stderr import drop_buffered, open_closed_streams
from migrate_cli.version import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    open_closed_streams()
    if sys.argv[1:] == ["--version"]:
        try:
            sys.stdout.write(f"migrate-cli {__version__}\n")
            sys.stdout.flush()
        except OSError as error:
            drop_buffered(sys.stdout)
            sys.stderr.write(f"migrate-cli: stdout cannot be written ({error.strerror})\n")
            sys.exit(2)
        return
    from migrate_cli.cli.main import main as run  # noqa: PLC0415 - after --version

    run()


if __name__ == "__main__":
    main()
