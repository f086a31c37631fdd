"""Checks of the state file: location, lock, integrity. It must not write, and a missing file is not a failure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from migrate_cli.convert.text import counted
from migrate_cli.doctor.check import Check, failed, failure, ok, warning
from migrate_cli.errors import ExitCode, MigrateError, StateError
from migrate_cli.model import JsonObject
from migrate_cli.state.check import check_file
from migrate_cli.state.lock import holder
from migrate_cli.state.opening import check_is_ours, check_place, damaged
from migrate_cli.state.reader import StateReader
from migrate_cli.state.restoring import Restoration, foresee
from migrate_cli.state.setup import SANDBOX, as_option, half_recovered, is_half_recovered

_CURE = "Do what the sentence says; a state file is never made anew, because that would migrate everything twice."

_REHEARSED = (
    "Move it away, with the files next to it, before the migration; to check it as the rehearsal that it is: "
    "migrate-cli doctor --rehearsal"
)
_COMPARE = (
    "Move the state file (with -wal and -shm, if they are there) to another folder; apply restores it from the .bak "
    "and the .map.jsonl beside it, and verify compares everything: migrate-cli apply && migrate-cli verify"
)
_RESTORE = "Restore it; apply does so before anything else: migrate-cli apply"


def check_state(path: Path, *, sandbox: bool = False) -> Check:
    """Inspect the state file as the next `apply` would (in the `sandbox`: a rehearsal), without taking its lock."""
    try:
        check_place(path, create=True)
        restored = foresee(path)[1] if holder(path) is None else None
        if restored is not None or not path.exists():
            return _before_apply(path, restored)
        check_is_ours(path)
        with StateReader(path) as reader:
            summary = reader.summary()
            setup = reader.setup()
        if not sandbox and setup.get("target.base_url") == SANDBOX:
            return failure(
                "state", f"{path} is the state file of a rehearsal, in the sandbox", _REHEARSED, ExitCode.STATE
            )
        if is_half_recovered(setup):
            raise StateError(half_recovered(path))
        faults = check_file(path)
    except MigrateError as error:
        return failed("state", error, _CURE)
    except sqlite3.Error as error:
        return failed("state", damaged(path, str(error)), _CURE)
    if faults:
        told = "; ".join(f"{fault.check}: {fault.detail}" for fault in faults)
        return failure("state", f"{path} does not agree with itself: {told}", _COMPARE, ExitCode.STATE)
    return _of_summary(path, summary)


def _before_apply(path: Path, restored: Restoration | None) -> Check:
    if restored is None:
        return ok("state", f"there is no {path} yet; the first apply starts it")
    return warning("state", f"the next apply says: {restored.told}", _RESTORE)


def _of_summary(path: Path, summary: JsonObject) -> Check:
    threads = summary["threads"]
    done = f"{path} knows {counted(sum(threads.values()), 'thread')} ({_told(threads)})"
    running = holder(path)
    if running is not None:
        return warning(
            "state", f"{done} and is held by {running}", "Wait for it to end, or watch it: migrate-cli status"
        )
    people = {state: count for state, count in threads.items() if state in ("failed", "in_doubt", "differs")}
    if people:
        return warning(
            "state",
            done,
            f"See the threads that wait for a person: migrate-cli status{as_option(path)}",
        )
    return ok("state", done)


def _told(threads: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in threads.items()) or "none"
