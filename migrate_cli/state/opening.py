"""Opens the state file for writing: all checks that must pass before a run relies on it, and its file mode.

This module writes no rows. Each refusal says what is wrong, where, and what to do.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from glob import escape
from pathlib import Path

from migrate_cli.errors import MigrateError, StateDamaged, StateError, StateForeign, UsageError
from migrate_cli.state import migrations
from migrate_cli.state.setup import LOADS_ALL, as_option

_MAGIC = b"SQLite format 3\x00"
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "davfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"}
    | {"fuse.gcsfuse", "fuse.davfs2", "fuse.glusterfs"}
)
_BUSY = "Another program holds the state file {path}; close it (a database viewer?) and run again."
_SENTENCES: tuple[tuple[str, type[StateError], str], ...] = (
    (
        "SQLITE_FULL",
        StateDamaged,
        "The disk of the state file {path} is full; free some space and run again: it resumes.",
    ),
    (
        "SQLITE_READONLY",
        StateError,
        "Cannot write the state file {path}; make it and its folder writable, or move it, with the files next to "
        "it, to "
        "a folder that is, and name it there with --state.",
    ),
    ("SQLITE_BUSY", StateError, _BUSY),
    ("SQLITE_LOCKED", StateError, _BUSY),
    ("SQLITE_CANTOPEN", StateError, "Cannot open the state file {path}; check that you may write to its folder."),
)


def check_place(path: Path, *, create: bool) -> None:
    """Check the path before anything is created there. Raises UsageError or StateError."""
    _refuse_other_kinds(path, StateError)
    wal = followed(path).with_name(followed(path).name + "-wal")
    for beside in (backup_path(path), map_path(path), wal):
        if beside.exists() and not beside.is_file():
            raise StateError(
                f"{beside} is not a file, but has the name of one that belongs to the state file {path}; move it away."
            )
    if not path.parent.is_dir():
        raise StateError(f"The folder {path.parent} for the state file does not exist; create it or correct --state.")
    if not path.exists() and not create:
        raise missing(path)
    filesystem = _filesystem_of(path.parent)
    if filesystem in _NETWORK:
        raise StateError(
            f"The state file {path} would be on a network file system ({filesystem}), where SQLite cannot "
            "protect it; keep it on a local disk, and name it there with --state. One that is already in use must be "
            f"moved, with the files next to it: {LOADS_ALL}."
        )


def missing(path: Path) -> UsageError | StateError:
    """Return the error for a missing state file. Raises UsageError if the path cannot be one."""
    _refuse_other_kinds(path, UsageError)
    copies = [copy.name for copy in (backup_path(path), map_path(path)) if copy.exists()]
    if copies:
        what, left = (
            "empty" if path.exists() else "missing",
            f"{' and '.join(copies)} {'are' if copies[1:] else 'is'} left",
        )
        return StateError(
            f"The state file {path} is {what}, but {left} of it; run `migrate-cli apply{as_option(path)}`, which "
            "restores it from there before it does anything else.",
            code="state-missing",
        )
    shards = f"{path.stem}-*of*{path.suffix}"
    pattern = f"{escape(path.stem)}-*of*{escape(path.suffix)}"
    first = min((one.name for one in path.parent.glob(pattern)), default=None)
    if first is not None:
        return UsageError(
            f"There is no state file {path}, but there are those of shards, such as {first}; name one with --state, or "
            f"join them first: migrate-cli merge {shards}"
        )
    rehearsal = path.with_name(f"{path.stem}.rehearsal{path.suffix}")
    if rehearsal.is_file():
        return UsageError(
            f"There is no state file {path}, but there is one of a rehearsal, {rehearsal.name}; look at it with "
            "--rehearsal (apply, verify and replay: --target sandbox)."
        )
    return UsageError(
        f"There is no state file {path}; name the right one with --state. Where the target lists conversations, "
        f"`migrate-cli recover{as_option(path)}` rebuilds a lost one. Only if nothing was migrated yet, start one with "
        f"`migrate-cli apply{as_option(path)}`, which loads every thread."
    )


def _refuse_other_kinds(path: Path, kind: type[MigrateError]) -> None:
    """Raise an error for a path that cannot be a state file: a folder, a pipe or a device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise kind(
            f"The state file {path} cannot be reached ({error.strerror}); correct --state ({LOADS_ALL})."
        ) from error
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or a socket"
        raise kind(f"The state file {path} is {what}; name the file itself with --state.")


def check_is_ours(path: Path) -> None:
    """Check the header of the file. Raises StateForeign or StateDamaged if it is not a state file."""
    with path.open("rb") as file:
        head = file.read(72)
    if not head:
        return
    if head[:16] != _MAGIC:
        if backup_path(path).exists() or map_path(path).exists():
            raise damaged(path, "its header is gone")
        raise StateForeign(f"{path} is not a state file of migrate-cli; correct --state ({LOADS_ALL}).")
    if len(head) == 72 and int.from_bytes(head[68:72], "big") not in (migrations.APPLICATION_ID, 0):
        raise StateForeign(f"{path} belongs to another program; correct --state ({LOADS_ALL}).")


def connect(path: Path) -> sqlite3.Connection:
    """Open the state file (create it with mode 0600), check it, and migrate it to the newest schema."""
    _make_private(path)
    check_is_ours(path)
    # Opened here and written by one thread of its own, never by two at once; so statements may be kept for reuse.
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        check_content(conn, path)
        tune(conn, path)
        migrations.catch_up(conn)
    except sqlite3.Error as error:
        conn.close()
        raise translate(error, path) from error
    except BaseException:
        conn.close()
        raise
    return conn


def check_content(conn: sqlite3.Connection, path: Path) -> None:
    """Check owner, schema version and pages. Raises StateForeign or StateDamaged; sqlite3 errors pass through."""
    application = conn.execute("PRAGMA application_id").fetchone()[0]
    tables = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = application == migrations.APPLICATION_ID
    if not ours and (application or tables - {"_sqlite_migrations"}):
        raise StateForeign(f"{path} is a database of another program; correct --state ({LOADS_ALL}).")
    if ours:
        steps = {row[0] for row in conn.execute("SELECT name FROM _sqlite_migrations")}
        unknown = sorted(steps - set(migrations.STEP_NAMES))
        if unknown:
            raise StateForeign(
                f"{path} was written by a newer migrate-cli (its schema has {unknown[-1]}); update migrate-cli."
            )
    verdict = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise damaged(path, " ".join(str(verdict).split())[:200])


def tune(conn: sqlite3.Connection, path: Path) -> None:
    """Set a write-ahead log, full durability, and a cache of 8 MB.

    The system caches the pages anyway; a cache as large as the indexes of a large run would save no time.
    """
    mode = conn.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StateError(f"The file system of {path} does not support SQLite's write-ahead log; use a local disk.")
    for pragma in ("synchronous = FULL", "fullfsync = 1", "checkpoint_fullfsync = 1", "cache_size = -8192"):
        conn.execute(f"PRAGMA {pragma}")
    conn.execute("PRAGMA wal_autocheckpoint = 4000")
    conn.execute("PRAGMA busy_timeout = 10000")
    conn.execute("BEGIN IMMEDIATE")
    conn.execute("ROLLBACK")


def translate(error: Exception, path: Path) -> StateError:
    """Return the sentence for an error of SQLite or of the disk."""
    if isinstance(error, OSError):
        return StateDamaged(
            f"Cannot write next to the state file {path}: {error.strerror}; free some space, then run again."
        )
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(path, str(error))
    for prefix, kind, sentence in _SENTENCES:
        if name.startswith(prefix):
            return kind(sentence.format(path=path))
    return StateDamaged(f"The state file {path} cannot be used ({error}); check the disk, then run again.")


def damaged(path: Path, why: str) -> StateDamaged:
    """Return the error for a damaged file. Never start over, because that would duplicate everything."""
    copies = [copy for copy in (backup_path(path), map_path(path)) if copy.exists()]
    cure = f"recover it with `sqlite3 {path} .recover`"
    if copies:
        cure = (
            f"move it (with {path.name}-wal and {path.name}-shm, if they are there) to another folder, and run "
            f"`migrate-cli apply{as_option(path)}`, which restores it from {' and '.join(map(str, copies))}"
        )
    return StateDamaged(
        f"The state file {path} is damaged ({why}); {cure}. Do not start a new one: that would "
        "migrate everything twice."
    )


def backup_path(path: Path) -> Path:
    """The path of the backup of a state file."""
    path = followed(path)
    return path.with_name(path.name + ".bak")


def map_path(path: Path) -> Path:
    """The path of the list of ids."""
    path = followed(path)
    return path.with_name(path.name + ".map.jsonl")


def followed(path: Path) -> Path:
    """Return the target of a link, or the path itself, because the other files of a state lie next to the real file.

    Otherwise two links to one state file would have two locks.
    """
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def private_file(path: Path, flags: int) -> int:
    """Open a file, created readable by its owner only. Raises OSError if it is not a regular file."""
    fd = os.open(path, flags | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return fd


def _make_private(path: Path) -> None:
    try:
        os.close(private_file(path, os.O_RDWR))
    except OSError as error:
        raise StateError(
            f"The state file {path} cannot be written ({error.strerror}); "
            "make it and its folder writable, or move it, with the files next to it, to a folder that is, and name it "
            "there with --state."
        ) from error


def _filesystem_of(folder: Path) -> str | None:
    """The type of the mounted file system, if the system says so (Linux)."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    target = folder.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        fields = line.split()
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if target.is_relative_to(mount) and (best is None or len(mount.parts) >= best[0]):
            best = (len(mount.parts), fields[2])
    return None if best is None else best[1]
