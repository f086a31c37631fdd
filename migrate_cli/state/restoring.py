"""Decides which files of a state can be trusted, and how to rebuild a lost one from the others.

A state consists of three files, each of which may be missing, truncated, or older than the others: the state file with
its write-ahead log, its backup, and its list of ids. They are checked here, under the lock, whenever a state is
opened: a run that starts from an outdated state would repeat what was already done. Files that do not verify are
refused; nothing is deleted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from migrate_cli.errors import StateError, StateForeign
from migrate_cli.state import identity
from migrate_cli.state.backup import ListSummary, look_at_list
from migrate_cli.state.check import sound
from migrate_cli.state.identity import StateIdentity
from migrate_cli.state.lock import holder
from migrate_cli.state.opening import backup_path, check_is_ours, damaged, map_path, missing, private_file
from migrate_cli.state.setup import as_option


class RestoreBase(StrEnum):
    """What an opened state file is based on."""

    NEW = "new"
    ITSELF = "itself"
    BACKUP = "backup"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class FoundState:
    """The files found for one state."""

    path: Path
    main: StateIdentity | None
    """The state file without its log; None if it is missing or empty."""
    logged: StateIdentity | None
    """The state file with its log; None if there is no state file."""
    is_sound: bool
    """Whether the state file without its log is consistent; checked only if it matters."""
    has_backup: bool
    backup: StateIdentity | None
    """None if it is missing or damaged."""
    listed: ListSummary | None

    @property
    def log_is_its_own(self) -> bool:
        """Whether the write-ahead log belongs to this state file."""
        if self.main is None or self.logged is None or self.main.backup:
            return False
        return self.main.older or (self.main.state, self.main.session) == (self.logged.state, self.logged.session)

    @property
    def is_blank(self) -> bool:
        """Whether the state file was created but never written: the process, perhaps restoring it, was killed."""
        known = self.logged if self.log_is_its_own else self.main
        return known is not None and not known.state


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """How to open a state."""

    base: RestoreBase
    aside: tuple[Path, ...] = ()
    """Files that do not belong to the state and are renamed."""
    state: str | None = None
    """The id of a state that is rebuilt."""
    takes_list: bool = False
    """Whether the list of ids is newer than the base."""
    older: bool = False
    """Whether items may have been sent, to threads that the base knows, after the base was written."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """What was rebuilt, for reports."""

    base: RestoreBase
    takes_list: bool
    told: str

    def as_dict(self) -> dict[str, object]:
        """The restoration as reports show it; `from` names the files that were used."""
        made_of = [
            name for name, used in (("backup", self.base is RestoreBase.BACKUP), ("list", self.takes_list)) if used
        ]
        return {"from": made_of, "message": self.told}


def look(path: Path) -> FoundState:
    """Inspect all files of a state without changing them. Raises StateForeign or StateDamaged for a foreign file."""
    main = logged = None
    if _size(path):
        check_is_ours(path)
        main = identity.look(path, log=False)
        if main is None:
            raise damaged(path, "its pages cannot be read")
        # An empty log means that nothing was written since the file was marked as open.
        logged = identity.look(path, log=True) if _size(_log(path)) else main if _log(path).exists() else None
    held = backup_path(path)
    backup = identity.look(held, log=False) if _size(held) and _is_database(held) else None
    seen = FoundState(path, main, logged, True, held.exists(), backup, look_at_list(map_path(path)))
    return seen if main is None or seen.log_is_its_own or not main.open else replace(seen, is_sound=sound(path))


def decide(seen: FoundState) -> RestorePlan:
    """Return how to open the state. Raises StateError if the remaining files do not verify."""
    log = (_log(seen.path),) if _log(seen.path).exists() else ()
    if seen.main is None or (seen.is_blank and (seen.has_backup or seen.listed)):
        if not (seen.has_backup or seen.listed):
            if log:
                raise _refused(seen, f"only {log[0].name} is left of it, which is useless without the rest")
            return RestorePlan(RestoreBase.NEW)
        return _from_copies(seen, log)
    here = seen.logged if seen.log_is_its_own and seen.logged else seen.main
    aside = () if seen.log_is_its_own else log
    _check_same_state(seen, here)
    listed = seen.listed.line if seen.listed else -1
    held = seen.backup
    if seen.main.older and not seen.main.backup:
        return RestorePlan(RestoreBase.ITSELF, aside)
    settled = seen.log_is_its_own or not here.open
    proven = settled and not _left_behind(here, held)
    if listed >= max(here.line, held.line if held else 0) and (proven or seen.is_sound):
        state, takes_list = seen.listed.state if seen.listed else None, listed > here.line
        return RestorePlan(RestoreBase.ITSELF, aside, state, takes_list, older=takes_list or not settled)
    if proven and (held is None or held.line <= here.line):
        return RestorePlan(RestoreBase.ITSELF, aside)
    return _from_copies(seen, (seen.path, *log))


def _left_behind(here: StateIdentity, backup: StateIdentity | None) -> bool:
    """Whether the backup records a session that is newer than this file."""
    return backup is not None and backup.line >= here.line and backup.open not in ("", here.session, here.open)


def _from_copies(seen: FoundState, aside: tuple[Path, ...]) -> RestorePlan:
    """Return how to rebuild the state file from its copies alone."""
    held, listed, kept = seen.backup, seen.listed, backup_path(seen.path)
    if held is not None and listed is not None and listed.state not in (None, held.state) and not held.older:
        raise _strange(map_path(seen.path), kept)
    if held is not None and not held.older:
        if listed is not None and (listed.line >= held.line or listed.state is None):
            takes_list = listed.line > held.line or listed.state is None
            return RestorePlan(RestoreBase.BACKUP, aside, held.state, takes_list, older=True)
        if not held.open:
            return RestorePlan(RestoreBase.BACKUP, aside, held.state, older=True)
        raise _refused(
            seen, f"its backup {kept.name} says that more was loaded after it was made, and no file says what"
        )
    if listed is not None:
        return RestorePlan(
            RestoreBase.LIST, (*aside, kept) if seen.has_backup else aside, listed.state, True, older=True
        )
    if held is not None:
        raise _refused(
            seen, f"its backup {kept.name} is of an older version, which did not say whether it is the newest"
        )
    what = f"its backup {kept.name} is damaged" if seen.has_backup else f"{_log(seen.path).name} is missing"
    raise _refused(seen, f"{what}, and no other file says what was loaded")


def _check_same_state(seen: FoundState, here: StateIdentity) -> None:
    if not here.state:
        return
    if seen.listed is not None and seen.listed.state not in (None, here.state):
        raise _strange(map_path(seen.path), seen.path)
    if seen.backup is not None and seen.backup.state not in ("", here.state) and seen.backup.older == here.older:
        raise _strange(backup_path(seen.path), seen.path)


def prepare(path: Path) -> tuple[RestorePlan, Restoration | None]:
    """Prepare the state file for opening, under its lock; rebuild it if it is lost. Raises StateError."""
    plan, restored = foresee(path)
    for strange in plan.aside:
        _set_aside(strange)
    if plan.base is RestoreBase.BACKUP:
        _copy_back(path)
    return plan, restored


def foresee(path: Path) -> tuple[RestorePlan, Restoration | None]:
    """Return what `prepare` would do, without changing anything. Raises StateError if it would refuse."""
    seen = look(path)
    plan = decide(seen)
    if plan.base is RestoreBase.BACKUP and not sound(backup_path(path)):
        seen = replace(seen, backup=None)
        plan = decide(seen)
    told = _sentence(plan, seen)
    return plan, Restoration(plan.base, plan.takes_list, told) if told else None


def check_current(path: Path) -> None:
    """Raise StateError for an outdated state file, on behalf of commands that only read it.

    They do not restore it; the next `apply` does.
    """
    if holder(path) is not None or not _size(path):
        return
    main, log = identity.look(path, log=False), _log(path)
    if main is None:
        return
    if not main.state and (seen := look(path)).is_blank and (seen.has_backup or seen.listed):
        raise missing(path)
    if main.older or not (log.exists() or main.open):
        return
    seen = look(path)
    if seen.log_is_its_own or seen.main is None or not (seen.main.open or log.exists()):
        return
    listed = seen.listed
    if not log.exists() and listed is not None and (listed.state, listed.line) == (main.state, main.line):
        return
    raise StateError(
        f"{path} is older than what was done: a run that was killed left the rest in its {log.name}, which is missing "
        f"or belongs to another file; run `migrate-cli apply{as_option(path)}`, which takes the rest from the "
        "copies next to it.",
        code="state-behind",
    )


def _sentence(plan: RestorePlan, seen: FoundState) -> str:
    """The sentence that reports a rebuilt state; empty if nothing had to be rebuilt."""
    name, listed, held = seen.path.name, map_path(seen.path).name, backup_path(seen.path).name
    why = "is missing" if seen.main is None else "is empty" if seen.is_blank else "is older than what was done"
    if plan.base is RestoreBase.LIST:
        return f"{name} {why}; it is rebuilt from {listed}."
    if plan.base is RestoreBase.BACKUP:
        return f"{name} {why}; it is restored from {held}{f' and {listed}' if plan.takes_list else ''}."
    if plan.base is RestoreBase.ITSELF and (plan.aside or (seen.main is not None and plan.takes_list)):
        return f"{name} is older than what was done; the rest is taken from {listed}." if plan.takes_list else ""
    return ""


def _refused(seen: FoundState, why: str) -> StateError:
    path = seen.path
    return StateError(
        f"The state file {path} cannot be restored: {why}. Put {path.name} with its {_log(path).name}, or "
        f"{map_path(path).name}, back from your own copy, and run again; a new state file would load everything "
        "again.",
        code="state-unproven",
    )


def _strange(path: Path, other: Path) -> StateForeign:
    return StateForeign(
        f"{path} and {other.name} are of different migrations; move the wrong one elsewhere, and run again."
    )


def _set_aside(path: Path) -> None:
    """Rename a file so that nothing opens it any more."""
    number = 1
    while (kept := path.with_name(f"{path.name}.set-aside-{number}")).exists():
        number += 1
    with contextlib.suppress(FileNotFoundError):
        path.rename(kept)
    if path.name.endswith("-wal"):
        path.with_name(path.name.removesuffix("-wal") + "-shm").unlink(missing_ok=True)


def _copy_back(path: Path) -> None:
    """Replace the state file with a copy of the backup, atomically."""
    fresh = path.with_name(path.name + ".new")
    fd = private_file(fresh, os.O_WRONLY | os.O_TRUNC)
    with backup_path(path).open("rb") as old, os.fdopen(fd, "wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(path)


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
