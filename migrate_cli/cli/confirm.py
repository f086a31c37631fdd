"""Asks for confirmation before something that cannot be undone by running a command again. It must not do it."""

from __future__ import annotations

import sys

import typer

from migrate_cli.report.escape import visible


def confirm(message: str, *, see: str = "--dry-run", declined: str = "nothing was deleted") -> None:
    """Ask whether to go on. Raises UsageError for a no, and where nobody is there to be asked.

    `message` says what would be done, as a sentence that begins with Would; `see` is what shows it in full.
    """
    from migrate_cli.errors import UsageError  # noqa: PLC0415 - --help must not wait for it

    if not sys.stdin.isatty():
        what = message[:1].lower() + message[1:].rstrip(".")
        raise UsageError(f"this {what}, and nobody can be asked here; add --yes to do it, or {see} to see it")
    if not typer.confirm(f"{visible(message)} Continue?", err=True):
        raise UsageError(declined, code="not-confirmed")
