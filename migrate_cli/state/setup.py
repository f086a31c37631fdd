"""The setup that a state file records: what must not change, and what only says where something was last seen. Pure.

An export is known by the threads that it holds, so its path is not a part of what must stay. Databases and hosts are
known by their place.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from migrate_cli.model import YOUNGER

SANDBOX = "sandbox"
"""The target of a rehearsal, whose port changes from run to run."""
SOURCE = "source"
TARGET = "target."
"""How the names of fields begin that tell the target."""
SEEN = "source.seen"
"""Where an export was last seen: its resolved path, or `stdin:` and a hash."""
RECOVERY = "recovery"
"""How far `recover` has rebuilt the file, and from what. Files that were never rebuilt do not have it."""
FROM_TARGET, FROM_IDS, FINISHED = "unfinished", "unfinished, from the list of ids", "finished"
"""Rebuilt from the list of the target, which alone knows the rest; from the list of ids, which is whole; and done."""
EXPORT = "export"
"""The value of `source` for sources that are identified by their content."""
LOADS_ALL = "a new state file is a new migration, which loads every thread again"
"""The warning that accompanies every suggestion to use another state file."""


def as_option(path: Path) -> str:
    """Return the option that names a state file, with a space before it; empty for the one that is taken without."""
    return "" if str(path) == "migration.db" else f" --state {shlex.quote(str(path))}"


def host_of(setup: Mapping[str, str]) -> str:
    """Return the base URL of the host that was the source; empty for a source of any other kind."""
    address = setup.get(SOURCE, "").removeprefix("api:")
    return address if address.startswith(("https://", "http://")) else ""


def database_of(setup: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the SQLite file that was the source, and its table; None for a query, and for any other source."""
    place, found, table = setup.get(SOURCE, "").rpartition("#")
    known = found and place.startswith("sqlite:") and not table.startswith("select:")
    return (place.removeprefix("sqlite:"), table) if known else None


def upgraded(setup: Mapping[str, str]) -> dict[str, str]:
    """Return a setup as this version records it; earlier versions identified an export by its path."""
    source = setup.get(SOURCE)
    if source is None or not _is_place_of_export(source):
        return dict(setup)
    return {**setup, SOURCE: EXPORT, SEEN: source}


def differences(known: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Describe each recorded field that must not change but did: its old and its new value."""
    return [
        f"{key} was {_shown(known, key)} and is now {_shown(now, key)}"
        for key in sorted({*known, *(now.keys() & YOUNGER)} if SOURCE in known else known)
        if key not in (SEEN, RECOVERY) and now.get(key) != known.get(key)
    ]


def refusal(path: Path, known: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Return the sentence that refuses a setup because another one is recorded, or None if they agree."""
    if is_half_recovered(known) and not is_half_recovered(now):
        return half_recovered(path)
    differing = differences(known, now)
    if not differing:
        return None
    rehearsed = (known.get("target.base_url") == SANDBOX, now.get("target.base_url") == SANDBOX)
    if rehearsed == (True, False):
        return (
            f"{path} is the state file of a rehearsal in the sandbox, and nothing in it is at the target. Move it away "
            "with the files next to it, or name another one with --state, and run again: the migration loads every "
            "thread."
        )
    if rehearsed == (False, True):
        return (
            f"{path} is the state file of a migration to {known.get('target.base_url')}, and a rehearsal has its own "
            "state file: omit --state, or name another one."
        )
    return (
        f"The state file {path} belongs to another source, target or settings: {'; '.join(differing)}. Restore "
        f"the old value; {LOADS_ALL}."
    )


def is_half_recovered(setup: Mapping[str, str]) -> bool:
    """Whether `recover` has not come to the end of a file with this setup."""
    return setup.get(RECOVERY) in (FROM_TARGET, FROM_IDS)


def half_recovered(path: Path) -> str:
    """Return the sentence that refuses a state file which `recover` has not come to the end of."""
    return (
        f"{path} is only partly rebuilt: the last `recover` did not finish, and what it has not reached would "
        f"be loaded again. Run `migrate-cli recover{as_option(path)}` first; it resumes where that stopped."
    )


def refusal_of_target(path: Path, known: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Return the sentence that refuses a target because another one is recorded, or None if they agree."""
    return refusal(path, {key: value for key, value in known.items() if key.startswith(TARGET)}, now)


def _shown(setup: Mapping[str, str], key: str) -> str:
    value = setup.get(key)
    if key == SOURCE and value == EXPORT and SEEN in setup:
        return f"an export ({setup[SEEN]})"
    return "not set" if value is None else value


def _is_place_of_export(source: str) -> bool:
    """Whether an earlier version recorded this value for an export: an absolute path, or a hash of standard input."""
    absolute = PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute()
    return absolute or source.startswith("stdin:sha256:")
