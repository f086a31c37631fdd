"""The most memory that a command holds, and whether that grows with the migration: `python -m bench.memory`.

Each command is run on 10,000 messages and on many, in threads of one size and of very different ones, and on one long
thread in several shapes. It measures and shows; what may be imported is small, so that nothing of it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import corpora
from bench.corpora import Corpus
from bench.hosting import Host, hosted
from bench.measure import CommandFailed
from bench.moving import program, target_environment

MOST_GROWTH = 1.3
"""How many times the memory of 10,000 messages any number of messages may take."""
MOST_LONG = 200_000_000
"""Bytes that one long thread may take."""
FEW = 10_000
LONG = 100_000
COMMANDS = ("plan", "apply", "verify")

# A child's peak counts what its parent held when it was started, so a parent that holds next to nothing starts it.
_BETWEEN = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as told:
    told.write(f"{usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")
"""


def peak_memory(argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a command, its program given by path, and return the most memory it held, in bytes.

    Raises CommandFailed when it does not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "told")
        between = [sys.executable, "-I", "-S", "-c", _BETWEEN, str(told), *argv]
        environment = {**os.environ, **(env or {})}
        done = subprocess.run(between, env=environment, capture_output=True, text=True, check=False)
        peak, code = told.read_text().split() if told.exists() else ("0", str(done.returncode))
    if code != "0":
        raise CommandFailed(f"{' '.join(argv)} ended with {code}\n{done.stderr[-2000:]}")
    # Linux counts the peak in kibibytes.
    return int(peak) * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: what a command held. Bytes."""

    command: str
    threads: str
    messages: int
    peak: int
    peak_few: int | None
    """The same with 10,000 messages; None where the bar is a number of bytes."""

    @property
    def held(self) -> bool:
        """Whether the bar is kept."""
        return self.peak <= (MOST_LONG if self.peak_few is None else MOST_GROWTH * self.peak_few)

    def told(self) -> str:
        """The row as text."""
        if self.peak_few is None:
            figure = f"{self.peak / 1e6:.0f} MB, bar {MOST_LONG / 1e6:.0f} MB"
        else:
            few, ratio = f"{self.peak_few / 1e6:.0f}", self.peak / self.peak_few
            figure = f"{few} MB with {FEW:,}, {self.peak / 1e6:.0f} MB: {ratio:.2f} ×, bar {MOST_GROWTH} ×"
        return f"{self.command:<7} {self.threads:<28} {self.messages:>9,}  {figure}{'' if self.held else '  MISSED'}"


def with_messages(name: str, size: int | None, messages: int) -> Corpus:
    """Return a corpus of about so many messages."""
    threads = total = 0
    while total < messages:
        total += size or corpora.long_tailed(threads)
        threads += 1
    return Corpus(name, threads, size)


def rows(folder: Path, host: Host, messages: int) -> Iterator[Row]:
    """Measure everything, one row after the other."""
    for name, size in (("12 messages each", 12), ("5 messages each", 5), ("very different sizes", None)):
        few = corpora.write_export(with_messages("few", size, FEW), folder / "few.jsonl")
        before = dict(_peaks(folder, host, few))
        much = with_messages("much", size, messages)
        for command, peak in _peaks(folder, host, corpora.write_export(much, folder / "much.jsonl")):
            yield Row(command, name, much.messages, peak, before[command])
    for name, write in _LONG_THREADS.items():
        path = folder / name.replace(" ", "-")
        write(path)
        for command, peak in _peaks(folder, host, path):
            yield Row(command, f"one, {name}", LONG, peak, None)
        path.unlink()


def _peaks(folder: Path, host: Host, export: Path) -> Iterator[tuple[str, int]]:
    """Plan, load and read back one export; yield each command with its peak."""
    host.reset()
    state = folder / "state.db"
    options = ["--state", str(state), "--output", "json", "--quiet"]
    for command in COMMANDS:
        workers = [] if command == "plan" else ["--workers", "64"]
        yield command, peak_memory([*program(), command, str(export), *options, *workers], target_environment(host))
    for file in folder.glob("state.db*"):
        file.unlink()


def _lines_of_threads(path: Path) -> None:
    corpora.write_export(Corpus("long", 1, LONG), path)


def _array_of_messages(path: Path) -> None:
    _write_messages(path, "[", ",", "]")


def _lines_of_messages(path: Path) -> None:
    _write_messages(path, "", "\n", "\n")


def _long_line_among_others(path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        for corpus in (Corpus("short", 3, 12), Corpus("long", 1, LONG)):
            part = corpora.write_export(corpus, path.with_suffix(".part"))
            with part.open(encoding="utf-8") as lines:
                # Both corpora count from 0; the long thread is another one.
                out.writelines(line for line in lines if corpus.threads == 1 or '"thread_0000000x' not in line[:40])
            part.unlink()


def _write_messages(path: Path, before: str, between: str, behind: str) -> None:
    thread = f"thread_{0:07d}x{LONG}"
    with path.open("w", encoding="utf-8") as out:
        out.write(before)
        for place in range(LONG):
            out.write((between if place else "") + corpora.message(thread, place))
        out.write(behind)


_LONG_THREADS: dict[str, Callable[[Path], None]] = {
    "a line": _lines_of_threads,
    "a line among others": _long_line_among_others,
    "an array of messages": _array_of_messages,
    "lines of messages": _lines_of_messages,
}


def main() -> int:
    """Measure and show; exit code 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.memory", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many are many (default 1,000,000)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, hosted(Path(folder)) as host:
        for row in rows(Path(folder), host, asked.messages):
            found.append(row)
            (sys.stderr if asked.json else sys.stdout).write(f"{row.told()}\n")
            sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps([asdict(row) | {"held": row.held} for row in found], indent=1) + "\n")
    return 0 if all(row.held for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
