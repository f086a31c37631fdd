"""Whether the state file can be used: its place, its lock, its health. Reads only; a missing file is no fault."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.doctor.check import Check, failed, ok, warning
from migrate_cli.errors import MigrateError
from migrate_cli.state.lock import holder
from migrate_cli.state.opening import check_is_ours, check_place
from migrate_cli.state.reader import StateReader

_CURE = "Do what the sentence says; a state file is never made anew, because that would migrate everything twice."


def check_state(path: Path) -> Check:
    """Look at the state file as the next `apply` would, without taking its lock."""
    try:
        check_place(path, create=True)
        if not path.exists():
            return ok("state", f"there is no {path} yet; the first apply starts it")
        check_is_ours(path)
        with StateReader(path) as reader:
            summary = reader.summary()
    except MigrateError as error:
        return failed("state", error, _CURE)
    threads = summary["threads"]
    done = f"{path} knows {sum(threads.values()):,} threads ({_told(threads)})"
    running = holder(path)
    if running is not None:
        return warning(
            "state", f"{done} and is held by {running}", "Watch it with migrate-cli status, or wait for it to end."
        )
    people = {state: count for state, count in threads.items() if state in ("failed", "in_doubt", "differs")}
    if people:
        return warning(
            "state", done, f"Settle the threads that wait for a person: migrate-cli status --state {path} lists them."
        )
    return ok("state", done)


def _told(threads: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in threads.items()) or "none"
