"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on loopback, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "correct horse battery"
USER = "owner"
UNPRIVILEGED = ("postgres", "nobody")


def folder_of_programs() -> Path | None:
    """Return where initdb and postgres are, or None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return debian[-1].parent if debian else None


@contextmanager
def cluster(programs: Path) -> Iterator[str]:
    """Start a cluster and yield its URL, password and all; stop and delete it afterwards."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        data, secret = folder / "data", folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        data.mkdir()
        user = _unprivileged(data, secret)
        login = ["-A", "scram-sha-256", "-U", USER, f"--pwfile={secret}"]
        _run([programs / "initdb", "-D", data, "-E", "UTF8", "--no-sync", *login], user)
        port = _free_port()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={data} -c fsync=off"
        _run([programs / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start"], user)
        try:
            yield f"postgresql+psycopg://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/postgres"
        finally:
            _run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)


def _run(command: list[str | Path], user: str | None) -> None:
    """Run a program; as root, as the unprivileged user that PostgreSQL insists on."""
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=user,
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _unprivileged(*paths: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in UNPRIVILEGED if name in names)
    for path in paths:
        shutil.chown(path, user)
    return user


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
