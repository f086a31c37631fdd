"""Runs one command against one stall, three times: to its end, to the first Ctrl-C, and to the second.

It says what was seen, and whether that is what the rule wants. It must not know how the table looks.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from migrate_cli.errors import ExitCode

from stalls.commands import UNANSWERED, Measured, database
from stalls.scene import Scene, copied

TIMEOUT = 2.0
"""Seconds that a request may take in the run to the end."""
ENDS_WITHIN = 12 * TIMEOUT
PATIENT = 60.0
"""The same in the runs to Ctrl-C: the default, so that nothing ends by itself meanwhile."""
STARTS_WITHIN = 6.0
"""Seconds that Python, the imports and the report may take on a busy machine."""
SPEAKS_AFTER = 5.0
_LONGEST = 180.0
_IMPORTS = 1.0
_STARTING = threading.Lock()
"""One starts at a time."""


@dataclass(slots=True)
class Seen:
    """What one run did."""

    code: int | None
    seconds: float
    """From its start, or from the signal, to its end; `code` None where it did not end."""
    lines: list[tuple[float, str]] = field(default_factory=list)
    """What it said on stderr, with the seconds since its start."""
    out: str = ""

    @property
    def said(self) -> str:
        """Everything that a person could read."""
        return "\n".join([*(line for _, line in self.lines), self.out])


@dataclass(frozen=True, slots=True)
class Verdict:
    """One field of the table."""

    right: bool
    told: str


@dataclass(frozen=True, slots=True)
class Row:
    """One command and one stall."""

    command: str
    stall: str
    end: Verdict
    word: Verdict
    stop: Verdict


def measure(command: Measured, stall: str, prepared: Scene, folder: Path) -> Row:
    """Run it as often as it takes."""
    ended = _run(command, stall, prepared, folder / "end", TIMEOUT, None)
    once = _run(command, stall, prepared, folder / "once", PATIENT, (command.signal_after,))
    twice = _run(command, stall, prepared, folder / "twice", PATIENT, (STARTS_WITHIN, STARTS_WITHIN + 0.3))
    return Row(command.name, stall, _end(command, stall, ended), _word(stall, once), _stop(command, once, twice))


def _run(
    command: Measured, stall: str, prepared: Scene, folder: Path, timeout: float, signals: tuple[float, ...] | None
) -> Seen:
    with ExitStack() as stack:
        scene = stack.enter_context(copied(prepared, folder, None if command.database else stall))
        url = stack.enter_context(database(scene, stall)) if command.database else ""
        arguments = [each.replace("{database}", url) for each in command.arguments(scene)]
        known = scene.rebuilt if command.rebuilt else scene.state
        arguments += ["--state", str(folder / "fresh.db" if command.fresh else known)]
        log = folder / "began.log"
        arguments += ["--log-file", str(log)]
        environment = scene.environment(
            timeout, target=scene.well if command.from_host else None, project=command.project, stores=command.stores
        )
        with _STARTING:
            process = subprocess.Popen(
                [sys.executable, "-m", "migrate_cli", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            # What Python takes to start is not the command's, and many that start at once take longer.
            while not log.exists() and process.poll() is None:
                time.sleep(0.02)
            began = time.monotonic()
            time.sleep(_IMPORTS)
        seen = Seen(None, 0.0)
        readers = [
            threading.Thread(target=_listen, args=(process, seen, began)),
            threading.Thread(target=_take, args=(process, seen)),
        ]
        for reader in readers:
            reader.start()
        for moment in signals or ():
            try:
                process.wait(max(0.0, began + moment - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                seen.seconds = time.monotonic()
        since = seen.seconds or began
        try:
            seen.code = process.wait(_LONGEST if signals is None else 30.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        seen.seconds = time.monotonic() - since
        for reader in readers:
            reader.join()
        return seen


def _listen(process: subprocess.Popen[str], seen: Seen, began: float) -> None:
    for line in process.stderr or ():
        seen.lines.append((time.monotonic() - began, line.rstrip("\n")))


def _take(process: subprocess.Popen[str], seen: Seen) -> None:
    seen.out = process.stdout.read() if process.stdout else ""


def _end(command: Measured, stall: str, seen: Seen) -> Verdict:
    if seen.code is None:
        return Verdict(False, f"not within {_LONGEST:.0f} s")
    told = f"{seen.seconds:.0f} s"
    if stall in command.finishes:
        return Verdict(
            seen.code == ExitCode.OK, f"{told}, all done" if seen.code == ExitCode.OK else f"{told}, exit {seen.code}"
        )
    wrong = []
    if seen.seconds > ENDS_WITHIN + STARTS_WITHIN:
        wrong.append("too late")
    if seen.code != ExitCode.TEMPORARY:
        wrong.append(f"exit {seen.code}")
    if "127.0.0.1" not in seen.said and not (command.database and "app.db" in seen.said):
        wrong.append("no host")
    if "othing is lost" not in seen.said:
        wrong.append("not: nothing is lost")
    return Verdict(not wrong, ", ".join([told, *wrong]))


def _word(stall: str, seen: Seen) -> Verdict:
    words = [re.search(r"\((\d+) s so far\)", line) for _, line in seen.lines if line.startswith("Waiting")]
    if stall == UNANSWERED and not words and seen.code is not None:
        return Verdict(True, "nothing to wait for")
    if not words:
        return Verdict(False, "none")
    said = int(words[0][1]) if words[0] is not None else 0
    # It knows best since when it waits; what Python takes to start on a busy machine is none of it.
    right = len(words) == 1 and 0 < said <= SPEAKS_AFTER + 1
    return Verdict(right, f"after {said} s" if len(words) == 1 else f"{len(words)} words")


def _stop(command: Measured, once: Seen, twice: Seen) -> Verdict:
    wrong = []
    if once.code is None:
        wrong.append("never")
    elif once.seconds > command.obeys_within + 0.5:
        wrong.append("too late")
    elif once.code != ExitCode.INTERRUPTED:
        wrong.append(f"exit {once.code}")
    last = once.lines[-1][1] if once.lines else ""
    if command.goes_on is not None and command.goes_on not in last:
        wrong.append("no command that goes on")
    if command.goes_on is None and "go on" in last:
        wrong.append("promises to go on")
    if twice.code is None or twice.seconds > 1.0:
        wrong.append(f"second after {twice.seconds:.0f} s")
    return Verdict(not wrong, ", ".join([f"{once.seconds:.1f} s", *wrong]))
