"""A replay under latency, faults of streams and kills: are the verdicts right, and is nothing changed or left behind?

`python -m support.replays --cases 200 --kills 5` (in `tests/`) prints the figures. The target is a sandbox that is slow
and whose streams break in every way; the program is killed in the middle, at any moment, and called again until it
comes to its end. What the target holds afterwards is read from its file, not from what the program says.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from migrate_cli.sandbox.audit import read_conversations, read_deleted
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

BREAKS = ("cut", "cut-after", "end", "stall", "garbage", "shuffle", "error")
THREADS = 40
KEY = "sk-test-key-0123456789"
HANDLERS = "async def look(n):\n    return f'look-{n}'\n"
PATIENCE = 600.0
"""Seconds that one call of the program may take."""


@dataclass
class Figures:
    """What came of it."""

    cases: int = 0
    kills: int = 0
    broken: int = 0
    """Streams that were sent again, in the last run."""
    copies: int = 0
    """Conversations that all runs together made for cases."""
    found: int = 0
    """Of these, what killed runs had left and the last run found."""
    left: int = 0
    """Of these, what was still there at the end, with data in it."""
    empty: int = 0
    """Of these, what was still there at the end, and is empty: made while the program was killed."""
    with_data: int = 0
    """Items in conversations that were deleted or should have been."""
    changed: int = 0
    """Migrated conversations that are not as they were."""
    wrong: list[str] = field(default_factory=list)
    """Cases whose verdict is not the right one."""
    counters: dict[str, Any] = field(default_factory=dict)
    """What the last run says of its copies."""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether all is as it should be, and the counters add up."""
        said = self.counters
        adds_up = bool(said) and said["found"] + said["made"] == said["deleted"] + said["swept"] + len(said["left"])
        counted = bool(said) and self.empty <= said["unclear"]
        return not (self.left or self.with_data or self.changed or self.wrong) and adds_up and counted


def replayed_under_fire(
    folder: Path,
    *,
    cases: int,
    workers: int,
    kills: int,
    latency_ms: float,
    share: float = 0.03,
    seed: int = 7,
    lists: bool = False,
) -> Figures:
    """Migrate threads, replay a suite on them under all of that, and return what came of it.

    `lists`: the target lists its conversations.
    """
    preset = TargetPreset.FOUNDRY if lists else TargetPreset.OPENAI
    plan = plan_from_specs([f"responses:stream-{kind}:{share}" for kind in BREAKS], seed=seed)
    figures, data = Figures(cases=cases), folder / "target.db"
    environment = os.environ | {
        "OPENAI_API_KEY": KEY,
        "MIGRATE_LOAD__SETTLE": "0.3",
        "MIGRATE_REPLAY__IDLE_TIMEOUT": "3",
        # So many that no question is lost by chance.
        "MIGRATE_REPLAY__RETRIES": "12",
        "MIGRATE_REPLAY__TOOL_TIMEOUT": "60",
    }
    with EmbeddedSandbox(data, SandboxOptions(preset=preset)) as calm:
        sizes = [1 + number % 7 for number in range(THREADS)]
        export = write_export(folder / "export", sizes)
        where = environment["OPENAI_BASE_URL"] = calm.base_url
        _call(folder, environment, "apply", str(export), "--quiet").communicate(timeout=PATIENCE)
    port = int(where.rpartition(":")[2].partition("/")[0])
    before, suite = _stored(data), _suite(folder, cases)
    began = time.monotonic()
    with EmbeddedSandbox(data, SandboxOptions(latency_ms=latency_ms, faults=plan, preset=preset), port=port):
        arguments = ("replay", str(suite), "--workers", str(workers), "--output", "json")
        chance = random.Random(seed)
        for _ in range(kills):
            _killed(_call(folder, environment, *arguments), data, chance.randint(1, max(1, cases // 2)))
            figures.kills += 1
        process = _call(folder, environment, *arguments)
        out, _ = process.communicate(timeout=PATIENCE)
    figures.seconds = time.monotonic() - began
    _compare(figures, json.loads(out), data, before)
    return figures


def _suite(folder: Path, cases: int) -> Path:
    (folder / "fire_tools.py").write_text(HANDLERS, "utf-8")
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tool = {"type": "function", "name": "look", "parameters": parameters, "handler": "fire_tools:look"}
    path = folder / "suite.yaml"
    whole = {"model": "gpt-5.4-mini", "tools": [tool], "cases": [_case(number) for number in range(cases)]}
    path.write_text(yaml.safe_dump(whole), "utf-8")
    return path


def _case(number: int) -> dict[str, Any]:
    """Most cases pass; of ten, one asks for what nobody can answer, and one expects what does not come."""
    case: dict[str, Any] = {"id": f"case-{number}", "conversation": thread_id(number % THREADS + 1)}
    if number % 10 == 3:
        return case | {"input": "[[client shell_call]]"}
    calls = f'Case {number} [[call look {{"n": {number}}}]] [[call look {{"n": {number + 1}}}]]'
    wanted = "what nobody says" if number % 10 == 7 else f"look-{number + 1}"
    return case | {"input": calls, "expect": {"contains": [f"look-{number}", wanted], "tool_called": "look"}}


def _verdict(number: int) -> tuple[str, str | None]:
    if number % 10 == 3:
        return "failed", "call-unanswered"
    return ("failed" if number % 10 == 7 else "passed"), None


def _call(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "migrate_cli", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _killed(process: subprocess.Popen[bytes], data: Path, ended: int) -> None:
    """Kill the program once so many of its cases have deleted their copies; the others are anywhere then."""
    before, until = len(read_deleted(data)), time.monotonic() + PATIENCE
    while process.poll() is None and len(read_deleted(data)) < before + ended and time.monotonic() < until:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _count(data: Path) -> int:
    return sum(1 for _ in read_conversations(data))


def _stored(data: Path) -> dict[str, str]:
    """A hash of each conversation that is there."""
    gone = read_deleted(data)
    return {
        identifier: hashlib.sha256(json.dumps(items, sort_keys=True).encode()).hexdigest()
        for identifier, _, items in read_conversations(data)
        if identifier not in gone
    }


def _compare(figures: Figures, result: dict[str, Any], data: Path, before: dict[str, str]) -> None:
    after, gone = _stored(data), read_deleted(data)
    standing = [
        items for identifier, _, items in read_conversations(data) if identifier in after.keys() - before.keys()
    ]
    figures.left, figures.empty = sum(map(bool, standing)), sum(not items for items in standing)
    figures.changed = sum(after.get(identifier) != digest for identifier, digest in before.items())
    figures.copies = _count(data) - len(before)
    figures.with_data = sum(len(items) for identifier, _, items in read_conversations(data) if identifier in gone)
    if "cases" not in result["data"]:
        figures.wrong = [json.dumps(result)]
        return
    verdicts = {case["case_id"]: (case["status"], case["code"]) for case in result["data"]["cases"]}
    for number in range(figures.cases):
        name = f"case-{number}"
        if verdicts.get(name) != _verdict(number):
            figures.wrong.append(f"{name}: {verdicts.get(name)}, not {_verdict(number)}")
    figures.counters = result["data"]["scratch"]
    figures.found, figures.broken = figures.counters["found"], result["data"]["totals"]["retries"]


def main() -> None:
    """Print the figures; exit with 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--latency", type=float, default=100.0, help="milliseconds of each answer")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lists", action="store_true", help="the target lists its conversations")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = replayed_under_fire(
            Path(folder),
            cases=asked.cases,
            workers=asked.workers,
            kills=asked.kills,
            latency_ms=asked.latency,
            seed=asked.seed,
            lists=asked.lists,
        )
    verdicts = Counter(_verdict(number)[0] for number in range(figures.cases))
    sys.stdout.write(
        f"{figures.cases} cases ({verdicts['passed']} to pass, {verdicts['failed']} to fail), {asked.workers} at a "
        f"time, {asked.latency:g} ms: {len(figures.wrong)} wrong verdicts\n"
        f"{figures.kills} kills, {figures.broken} streams sent again, {figures.seconds:.0f} s\n"
        f"{figures.copies} copies: {figures.left} left, {figures.empty} empty ones, {figures.with_data} items "
        f"in deleted ones; "
        f"{figures.changed} of {THREADS} conversations changed\n"
        f"counters of the last run: {figures.counters}\n" + "".join(f"WRONG {line}\n" for line in figures.wrong)
    )
    sys.exit(0 if figures.right else 1)


if __name__ == "__main__":
    main()
