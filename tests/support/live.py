"""A live host, from end to end: migrated by `--discover` under faults and kills, verified, saved, migrated again.

`python -m support.live --threads 2000 --kills 5` (in `tests/`) prints the figures. The host is a sandbox with the
quirks of Foundry: it lists its threads, insists on `api-version`, and its tokens expire. The target is a project of
Foundry's, as strict as those are with items. Host and target misbehave.
The same threads are then migrated from a snapshot of the host and from the export that it was filled with, each to a
target of its own, and everything that stands in the three targets is compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from migrate_cli.sandbox.audit import read_conversations

from support import crash
from support.rich_exports import write_rich_export

THROTTLED = "*:429:0.0005:retry_after=0.05"
"""Rare: the limiter takes each refusal for a limit, and goes more slowly from then on."""
SOURCE_FAULTS = (
    "reads:lognormal:median=2:sigma=0.8", "reads:500:0.002", "reads:502:0.001", "reads:503:0.001",
    "reads:reset-before:0.002", "reads:reset-after:0.002", "reads:cut:0.002", "reads:break:0.002", THROTTLED,
)  # fmt: skip
TARGET_FAULTS = (*(rule for rule in crash.FAULTS if ":429:" not in rule), THROTTLED)
TOKEN_REQUESTS = 150
"""So many requests, and the host refuses the token."""
TOKEN = "import os, sys; open(sys.argv[1], 'a').write('t'); print('live-token-' + os.urandom(12).hex())"
"""Prints a new token each time, and leaves a mark of it in a file."""
MOST_LIVES = 200
SOURCES = {"snapshot": "the snapshot", "straight": "the export"}
"""The folders of the other two migrations, and where their threads come from."""

Bodies = dict[str, list[dict[str, Any]]]


@dataclass
class Figures:
    """What came of it."""

    threads: int = 0
    messages: int = 0
    kills: int = 0
    lives: int = 0
    snapshot_kills: int = 0
    snapshot_lives: int = 0
    tokens: int = 0
    """How many the host was given, the first one of each life included."""
    requests: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    verified: dict[str, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    compared_threads: int = 0
    compared_items: int = 0
    unequal: dict[str, int] = field(default_factory=dict)
    """Threads whose hashes, or whose conversations at the target, are not those of the live migration."""
    doubled: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    """Exit codes of the commands that were not killed."""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether everything ended well and everything is equal."""
        bad = [sign for sign, count in self.outcomes.items() if sign != "=" and count]
        every = self.compared_items == self.outcomes["="] > 0
        return every and not (bad or self.doubled or any(self.unequal.values()) or any(self.codes.values()))

    def lines(self) -> list[str]:
        """The figures as a table."""
        rows: list[tuple[str, object]] = [
            ("threads", self.threads),
            ("messages", self.messages),
            ("kills of apply (SIGKILL)", self.kills),
            ("kills of snapshot (SIGKILL)", self.snapshot_kills),
            ("tokens fetched", self.tokens),
            *((f"requests served, {name}", count) for name, count in sorted(self.requests.items())),
            *((f"faults injected, {name}", count) for name, count in sorted(self.faults.items())),
            *((f"verify: items {sign}", count) for sign, count in self.outcomes.items()),
            ("threads compared", self.compared_threads),
            ("items compared, hash by hash", self.compared_items),
            *((f"threads unequal, {name}", count) for name, count in self.unequal.items()),
            ("data in two conversations", self.doubled),
            *((f"exit code of {name}", code) for name, code in self.codes.items()),
            ("seconds", round(self.seconds)),
        ]
        return [f"{name:40} {value:>9,}" for name, value in rows]


@dataclass(frozen=True)
class Place:
    """Where a command runs: its folder, and the settings that it finds there."""

    folder: Path
    environment: Mapping[str, str]

    def start(self, *args: str) -> int:
        """Fork the program; returns its process id."""
        pid = os.fork()
        if pid:
            return pid
        code = 70
        try:
            os.chdir(self.folder)
            sys.stdout, sys.stderr = (Path(name).open("w") for name in ("out", "err"))  # noqa: SIM115 - until the end
            os.dup2(sys.stdout.fileno(), 1)
            os.dup2(sys.stderr.fileno(), 2)
            os.environ |= self.environment
            sys.argv = ["migrate-cli", *args]
            from migrate_cli.cli.app import run

            code = run() or 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 70
        finally:  # a forked child must never return into its parent's code
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def run(self, *args: str) -> tuple[int, dict[str, Any]]:
        """Run the program to its end; returns its exit code and what it printed."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.start(*args, "--output", "json"), 0)[1])
        out = (self.folder / "out").read_text(encoding="utf-8")
        if code:
            sys.stderr.write(f"{' '.join(args)} ended with {code}:\n{self.said()}\n")
        return code, json.loads(out) if out.startswith("{") else {}

    def said(self) -> str:
        """What the last command wrote, for whoever has to find out why it failed."""
        return "\n".join((self.folder / name).read_text(encoding="utf-8")[-2000:] for name in ("out", "err"))


def run_until_done(
    place: Place, args: tuple[str, ...], progress: Callable[[], int], kill_at: list[int]
) -> tuple[int, int, int]:
    """Run a command again and again, killing it whenever the progress reaches the next mark.

    Returns the last exit code, how often it was killed and how often it was started. Exit 5 (the host did not answer
    for too long) is gone on from, as its sentence says.
    """
    marks, kills = list(kill_at), 0
    for life in range(1, MOST_LIVES):
        pid = place.start(*args, "--output", "json")
        while (code := crash.ended(pid)) is None:
            if marks and progress() >= marks[0]:
                marks.pop(0)
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                kills += 1
                break
            time.sleep(0.02)
        if code is not None and code != 5:
            return code, kills, life
    raise AssertionError("it never ended")


def requests(url: str, name: str) -> int:
    """How many requests an endpoint of a sandbox was asked."""
    return int(crash.control(url, "stats")["requests"].get(name, 0))


def live(threads: int, kills: int, *, seed: int = 1) -> Figures:
    """Do all of it, in a folder that is removed again. Returns the figures."""
    crash.preload()
    figures = Figures(threads)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        figures.messages = write_rich_export(folder / "export", threads, seed=seed)
        with host(folder, seed) as source:
            migrate_host(figures, folder, source, threads, kills, seed)
            save_host(figures, folder, source, threads, kills)
            book(figures, "source", source)
        figures.tokens = (folder / "tokens").stat().st_size
        for name, what in SOURCES.items():
            with target(folder, name, seed) as url:
                place = Place(folder / name, to_target(url))
                figures.codes[f"apply, {what}"] = place.run("apply", str(folder / name / "saved"))[0]
                book(figures, f"target of {what}", url)
        compare(figures, folder)
    finally:
        figures.seconds = time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)
    return figures


@contextlib.contextmanager
def host(folder: Path, seed: int) -> Iterator[str]:
    """Serve the export as Foundry would; yields the sandbox's base URL."""
    quirks = ("--source-from", str(folder / "export"), "--source-preset", "foundry")
    tokens = ("--token-requests", str(TOKEN_REQUESTS))
    with crash.sandbox(folder / "source.db", seed, SOURCE_FAULTS, *quirks, *tokens) as url:
        yield url


@contextlib.contextmanager
def target(folder: Path, name: str, seed: int) -> Iterator[str]:
    """Serve a target that misbehaves, and prepare the folder of the migration to it; yields its base URL."""
    (folder / name).mkdir(exist_ok=True)
    saved = folder / name / "saved"
    if name == "straight":
        saved.symlink_to(folder / "export")
    with crash.sandbox(folder / name / "target.db", seed, TARGET_FAULTS, "--target-preset", "foundry") as url:
        yield url


def to_target(url: str) -> dict[str, str]:
    """The settings of the target."""
    project = url.removesuffix("/v1") + "/api/projects/new"
    own = {"OPENAI_BASE_URL": project, "OPENAI_API_KEY": "any-key", "MIGRATE_TARGET__PRESET": "foundry"}
    return {**own, **crash.PATIENCE}


def from_host(folder: Path, url: str) -> dict[str, str]:
    """The settings of the host."""
    source = {
        "KIND": "api",
        "PRESET": "foundry",
        "BASE_URL": url.removesuffix("/v1") + "/api/projects/live",
        "TOKEN_COMMAND": json.dumps([sys.executable, "-S", "-c", TOKEN, str(folder / "tokens")]),
        "DISCOVER": "true",
    }
    return {f"MIGRATE_SOURCE__{name}": value for name, value in source.items()}


def migrate_host(figures: Figures, folder: Path, source: str, threads: int, kills: int, seed: int) -> None:
    """Migrate the host, killed on the way, and verify what came of it against the host."""
    with target(folder, "live", seed) as url:
        place = Place(folder / "live", to_target(url) | from_host(folder, source))
        marks = [threads * number // (kills + 1) for number in range(1, kills + 1)]
        created = partial(requests, url, "create")
        code, figures.kills, figures.lives = run_until_done(place, ("apply", "--discover"), created, marks)
        figures.codes["apply, the host"] = code
        crash.control(url, "land", post=True)
        figures.codes["verify"], result = place.run("verify", "--strict")
        figures.verified = result.get("data", {}).get("threads", {})
        figures.outcomes.update(result.get("data", {}).get("outcomes", {}))
        book(figures, "target of the host", url)


def save_host(figures: Figures, folder: Path, source: str, threads: int, kills: int) -> None:
    """Save the host to disk, killed on the way, and check what was saved."""
    (folder / "snapshot").mkdir()
    place = Place(folder / "snapshot", from_host(folder, source))
    messages = partial(requests, source, "messages")
    before = messages()
    marks = [before + threads * number // (kills + 1) for number in range(1, kills + 1)]
    args = ("snapshot", "--discover", "--out", "saved")
    code, figures.snapshot_kills, figures.snapshot_lives = run_until_done(place, args, messages, marks)
    figures.codes["snapshot"] = code
    figures.codes["snapshot --verify"], _ = place.run("snapshot", "--verify", "--out", "saved")


def book(figures: Figures, name: str, url: str) -> None:
    """Count what a sandbox served, and what it did wrong."""
    stats = crash.control(url, "stats")
    figures.requests[name] += sum(stats["requests"].values())
    figures.faults[name] += sum(count for kind, count in stats["faults"].items() if "lognormal" not in kind)


def compare(figures: Figures, folder: Path) -> None:
    """Compare hashes in the state files, and conversations in the targets' own files, thread by thread."""
    hashes, bodies = hashes_of(folder / "live"), bodies_of(figures, folder / "live")
    figures.compared_threads = len(hashes)
    figures.compared_items = sum(map(len, hashes.values()))
    for name, what in SOURCES.items():
        figures.unequal[f"{what}, hashes"] = unequal(hashes, hashes_of(folder / name))
        figures.unequal[f"{what}, bodies"] = unequal(bodies, bodies_of(figures, folder / name))


def unequal(own: Mapping[str, object], other: Mapping[str, object]) -> int:
    """How many threads are not the same in both."""
    return sum(own.get(thread) != other.get(thread) for thread in own.keys() | other.keys())


def hashes_of(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """The hashes of all items in a state file, in order, by thread."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    with contextlib.closing(sqlite3.connect(folder / "migration.db")) as db:
        rows = db.execute(
            "SELECT thread.id, coalesce(item.kind, 'message'), item.digest FROM item "
            "JOIN thread ON thread.key = item.thread ORDER BY thread.id, item.idx"
        )
        for thread, kind, digest in rows:
            found.setdefault(thread, []).append((kind, digest))
    return found


def bodies_of(figures: Figures, folder: Path) -> Bodies:
    """What stands in a target, by source thread, without the ids that each target gives anew."""
    found: Bodies = {}
    for _, metadata, items in read_conversations(folder / "target.db"):
        thread = metadata["source_thread_id"]
        if items and found.get(thread):
            figures.doubled += 1
        if items:
            found[thread] = [{name: value for name, value in item.items() if name != "id"} for item in items]
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    figures = live(wanted.threads, wanted.kills, seed=wanted.seed)
    sys.stdout.write("\n".join(figures.lines()) + "\n")
    sys.exit(0 if figures.clean else 1)


if __name__ == "__main__":
    main()
