"""The entry point. `--version` is answered before anything else is imported."""

from __future__ import annotations

import sys

from migrate_cli.version import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"migrate-cli {__version__}\n")
        return
    from migrate_cli.cli.main import main as run  # noqa: PLC0415 - after --version

    run()


if __name__ == "__main__":
    main()
