"""The kill loop: the real program against a sandbox that misbehaves, killed at random moments until it is done.

`python -m support.crash --kills 200` (in `tests/`) prints the figures. An auditor that shares nothing with the loader
then compares the sandbox's own data file with the export. The program runs in a forked process, so that a kill ends it
as it would any other, and no time is lost with imports.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate_cli.errors import ExitCode
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS

from support.exports import thread, thread_id

FAULTS = (
    "*:lognormal:median=8:sigma=0.8",
    "append:reset-after:0.02", "append:reset-before:0.01", "append:500-after:0.01", "append:503:0.005",
    "append:late:0.01:seconds=0.3", "append:late:0.01:seconds=1.2", "append:partial:0.005",
    "append:cut:0.005", "append:break:0.005",
    "append:html-after:0.005", "append:502-after:0.005", "append:locked:0.01", "create:reset-after:0.01",
    "create:500-after:0.005", "create:reset-before:0.01", "list:500:0.02", "list:reset-before:0.01", "list:cut:0.01",
    "delete-item:reset-after:0.05", "*:429:0.01:retry_after=0.05",
)  # fmt: skip
SIZES = (0, 1, 2, 5, 6, 12, 19, 20, 21, 40, 41, 60, 99, 100, 101)
PATIENCE = {"MIGRATE_LOAD__SETTLE": "0.4", "MIGRATE_LOAD__LATE": "1.5"}
"""A late request may take effect after the first look, yet not after the last."""


@dataclass
class Figures:
    """What came of a loop."""

    rounds: int = 0
    threads: int = 0
    messages: int = 0
    kills: int = 0
    lost_files: int = 0
    lives: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    duplicated: int = 0
    lost: int = 0
    misordered: int = 0
    unfinished: int = 0
    wrong_rows: int = 0
    orphans_empty: int = 0
    orphans_counted: int = 0
    orphans_with_data: int = 0
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled, misplaced or left astray."""
        wrong = self.duplicated + self.lost + self.misordered + self.unfinished + self.wrong_rows
        return not (wrong or self.orphans_with_data)

    def lines(self) -> list[str]:
        """The figures as a table."""
        injected = sum(self.faults.values())
        return [
            f"rounds                       {self.rounds:>9,}",
            f"threads                      {self.threads:>9,}",
            f"messages                     {self.messages:>9,}",
            f"kills (SIGKILL)              {self.kills:>9,}",
            f"of them with files lost      {self.lost_files:>9,}",
            f"requests served              {self.requests:>9,}",
            f"faults injected              {injected:>9,}",
            f"threads with a duplicate     {self.duplicated:>9,}",
            f"threads with a loss          {self.lost:>9,}",
            f"threads out of order         {self.misordered:>9,}",
            f"threads not finished         {self.unfinished:>9,}",
            f"wrong rows in the map        {self.wrong_rows:>9,}",
            f"orphans that hold data       {self.orphans_with_data:>9,}",
            f"empty orphans at the target  {self.orphans_empty:>9,}",
            f"possible ones counted        {self.orphans_counted:>9,}",
            f"seconds                      {self.seconds:>9,.0f}",
        ]


def make_export(folder: Path, threads: int, chance: random.Random) -> tuple[dict[str, list[str]], Path]:
    """Write an export of awkward sizes and contents; return the texts of each thread."""
    export, expected = folder / "export", {}
    export.mkdir()
    for number in range(1, threads + 1):
        size = chance.choice(SIZES)
        make = chance.choice([_distinct, _equal, _periodic])
        data = thread(number, size)
        for place, message in enumerate(data["messages"]):
            message["content"][0]["text"]["value"] = make(number, place)
        expected[thread_id(number)] = [entry["content"][0]["text"]["value"] for entry in data["messages"]]
        (export / f"{thread_id(number)}.json").write_text(json.dumps(data), encoding="utf-8")
    return expected, export


def _distinct(number: int, place: int) -> str:
    return f"{number} {place}"


def _equal(_: int, __: int) -> str:
    return "ok"


def _periodic(_: int, place: int) -> str:
    return f"turn {place % 20}"


@contextlib.contextmanager
def sandbox(data: Path, seed: int, faults: tuple[str, ...], *more: str) -> Iterator[str]:
    """Serve a misbehaving sandbox from a process of its own, with `more` options; yields its base URL."""
    command = [sys.executable, "-m", "migrate_cli", "sandbox", "--port", "0", "--data", str(data), "--quiet", *more]
    for rule in faults:
        command += ["--fault", rule]
    process = subprocess.Popen([*command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def control(url: str, name: str, *, post: bool = False) -> dict[str, Any]:
    """Ask one of the sandbox's own endpoints."""
    place = url.removesuffix("/v1") + f"/_sandbox/{name}"
    request = urllib.request.Request(place, data=b"{}", headers=CONTROL_HEADERS) if post else place
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def preload() -> None:
    """Import what a life needs, so that none of them spends time on it."""
    import aiohttp  # noqa: F401
    import httpx2  # noqa: F401
    import migrate_cli.cli.app
    import migrate_cli.commands.apply
    import openai
    import sqlite_utils  # noqa: F401

    assert migrate_cli.cli.app.app
    assert openai.AsyncOpenAI(api_key="x", base_url="http://127.0.0.1:1/v1", http_client=None)


def start(folder: Path, export: Path, url: str) -> int:
    """Fork one life of the program; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.chdir(folder)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "any-key", **PATIENCE}
        from migrate_cli.cli.app import app

        code = app(args=["apply", str(export), "--workers", "8", "--output", "json"], standalone_mode=False) or 0
    except BaseException as end:  # a forked child must never return into its parent's code
        code = getattr(end, "exit_code", getattr(end, "code", 1)) or 0
    finally:
        os._exit(int(code))


def ended(pid: int) -> int | None:
    """Return a process's exit code, or None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return None if not found else os.waitstatus_to_exitcode(status)


def live_and_die(figures: Figures, folder: Path, export: Path, url: str, chance: random.Random, kills: int) -> bool:
    """One life: killed at a random moment of its work, or ended by itself. Returns whether no other one follows.

    Exit 5 asks for the same command again. Whatever else ends a migration before it is done is found by the audit.
    """
    pid = start(folder, export, url)
    figures.lives += 1
    deadline = None
    if figures.kills < kills:
        deadline = time.monotonic() + 0.25 + chance.expovariate(1 / 0.45)
    while (code := ended(pid)) is None:
        if deadline is not None and time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            figures.kills += 1
            figures.lost_files += lose_files(folder, chance)
            return False
        time.sleep(0.005)
    if code not in (0, ExitCode.TEMPORARY):
        sys.stderr.write(f"apply ended with {code}:\n{(folder / 'log').read_text('utf-8', 'replace')}\n")
    return code != ExitCode.TEMPORARY


ENOUGH = (("", "-wal"), (".map.jsonl",))
"""Files of a state that a killed run can go on from, as soon as there is something in them."""


def lose_files(folder: Path, chance: random.Random) -> bool:
    """Half of the time, take away files of the state, and never what is needed to go on; return whether any is gone."""
    if chance.random() < 0.5:
        return False
    needed = chance.choice(ENOUGH)
    if not _holds_state(folder, needed):
        return False
    gone = [ending for ending in ("", "-wal", ".bak", ".map.jsonl") if ending not in needed and chance.random() < 0.7]
    for ending in gone:
        (folder / f"migration.db{ending}").unlink(missing_ok=True)
    if "-wal" in gone or "" in gone:
        (folder / "migration.db-shm").unlink(missing_ok=True)
    return bool(gone)


def _holds_state(folder: Path, endings: tuple[str, ...]) -> bool:
    """Whether these files know the migration: one that was just made, or that is being restored, is empty."""
    if not all((folder / f"migration.db{ending}").exists() for ending in endings):
        return False
    if "" not in endings:
        return (folder / "migration.db.map.jsonl").stat().st_size > 0
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'migration.db'}?mode=ro", uri=True)) as db:
        try:
            return db.execute("SELECT value FROM identity WHERE key = 'state' AND value <> ''").fetchone() is not None
        except sqlite3.OperationalError:  # no such table yet
            return False


def crash_round(figures: Figures, *, seed: int, threads: int, kills: int, faults: tuple[str, ...] = FAULTS) -> None:
    """One migration from beginning to end, killed until it is done (and, after `kills` in all, no more)."""
    began = time.monotonic()
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    try:
        expected, export = make_export(folder, threads, chance)
        with sandbox(folder / "target.db", seed, faults) as url:
            for _ in range(2000):
                if live_and_die(figures, folder, export, url, chance, kills):
                    break
            control(url, "land", post=True)
            stats = control(url, "stats")
        figures.requests += sum(stats["requests"].values())
        figures.faults.update({kind: count for kind, count in stats["faults"].items() if "lognormal" not in kind})
        figures.rounds += 1
        figures.threads += len(expected)
        figures.messages += sum(map(len, expected.values()))
        audit(figures, folder, expected)
    finally:
        figures.seconds += time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)


def audit(figures: Figures, folder: Path, expected: dict[str, list[str]]) -> None:
    """Compare the sandbox's data file, and the map, with the export."""
    with contextlib.closing(sqlite3.connect(folder / "migration.db")) as db:
        chosen = dict(db.execute("SELECT thread_id, conversation_id FROM thread_map WHERE state = 'loaded'"))
        figures.orphans_counted += db.execute("SELECT count(*) FROM orphan").fetchone()[0]
        rows: dict[str, list[str]] = {}
        for thread_, item in db.execute("SELECT thread_id, item_id FROM message_map ORDER BY thread_id, position"):
            rows.setdefault(thread_, []).append(item)
    found: dict[str, tuple[list[str], list[str]]] = {}
    for identifier, metadata, items in read_conversations(folder / "target.db"):
        source = metadata["source_thread_id"]
        if chosen.get(source) == identifier:
            texts = [item["content"][0]["text"] for item in items]
            found[source] = (texts, [item["id"] for item in items])
        elif items:
            figures.orphans_with_data += 1
        else:
            figures.orphans_empty += 1
    for source, texts in expected.items():
        got, ids = found.get(source, ([], []))
        more, less = Counter(got) - Counter(texts), Counter(texts) - Counter(got)
        figures.duplicated += bool(more)
        figures.lost += bool(less)
        figures.misordered += not more and not less and got != texts
        figures.unfinished += bool(texts) and source not in chosen
        figures.wrong_rows += rows.get(source, []) != ids


def run(kills: int, *, seed: int = 1, threads: int = 150, faults: tuple[str, ...] = FAULTS) -> Figures:
    """Run rounds until there were so many kills; every round is finished and audited."""
    preload()
    figures = Figures()
    while figures.kills < kills:
        crash_round(figures, seed=seed + figures.rounds, threads=threads, kills=kills, faults=faults)
    return figures


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--threads", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    figures = run(wanted.kills, seed=wanted.seed, threads=wanted.threads)
    by_kind = [f"  {kind:28}{count:>7,}" for kind, count in sorted(figures.faults.items())]
    sys.stdout.write("\n".join([*figures.lines(), "faults by endpoint and kind", *by_kind]) + "\n")
    sys.exit(0 if figures.clean else 1)


if __name__ == "__main__":
    main()
