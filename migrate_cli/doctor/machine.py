"""Checks of the machine: free disk space and installed versions. It must not change anything."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from importlib import metadata
from pathlib import Path

from migrate_cli.doctor.check import Check, failure, ok, warning
from migrate_cli.errors import ExitCode
from migrate_cli.version import __version__

LIBRARIES = ("openai", "aiohttp", "sqlite-utils", "pydantic", "typer", "rich")
"""Libraries whose version can affect what a run does or prints."""

LITTLE = 1024**3
"""Bytes of free room below which the doctor warns: about five million messages of state file."""
NOTHING = 64 * 1024**2
"""Bytes of free room that even a small run may need for state, backup and log."""


def versions() -> dict[str, str]:
    """Program, Python, SQLite, system and libraries, by name. Imports none of the libraries."""
    found = {
        "migrate-cli": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def check_versions(found: dict[str, str]) -> Check:
    """Report the versions. A missing library is a failure because the next command would crash on it."""
    missing = [name for name, version in found.items() if version == "missing"]
    if missing:
        return failure(
            "versions",
            f"{', '.join(missing)} cannot be found beside migrate-cli {__version__}",
            "Install migrate-cli again, into an environment of its own.",
            ExitCode.USAGE,
        )
    named = ", ".join(f"{name} {found[name]}" for name in ("migrate-cli", "python", "openai", "sqlite"))
    return ok("versions", named)


def check_disk(state: Path) -> Check:
    """Report the free space on the disk of the state file."""
    folder = state.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return failure(
            "disk",
            f"the folder {folder} of the state file cannot be looked at ({error.strerror})",
            "Make the folder, or correct --state.",
            ExitCode.STATE,
        )
    room = f"{free / 1024**3:,.1f} GiB free where the state file grows (some 200 bytes for each message)"
    if free < NOTHING:
        return failure(
            "disk",
            room,
            "Free some room, or move the state file, with the files next to it, to another disk (--state).",
            ExitCode.STATE,
        )
    if free < LITTLE:
        return warning("disk", room, "Free some room before a large migration; a full disk stops a run, resumably.")
    return ok("disk", room)
