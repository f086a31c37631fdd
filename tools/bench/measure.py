"""Runs a command as a child and says what it cost: wall time, CPU time, the most memory it held, its output."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, seconds of CPU, bytes; of the whole command, its start included."""

    seconds: float
    cpu: float
    peak: int
    stdout: str


class CommandFailed(Exception):
    """A measured command did not do its work; figures of it would be worthless."""


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, *, expect: Sequence[int] = (0,)) -> Cost:
    """Run a command to its end. Raises CommandFailed when it ends with an exit code that was not expected."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(
            argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if child.returncode not in expect:
        raise CommandFailed(f"{' '.join(argv)} ended with {child.returncode}\n{stdout[-2000:]}\n{stderr[-2000:]}")
    # Linux counts the peak in kibibytes.
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, stdout)
