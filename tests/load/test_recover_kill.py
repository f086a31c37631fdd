"""`recover`, killed again and again under faults, ends with the state file that was lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from support import crash, live
from support.exports import write_export

FAULTS = (
    "reads:lognormal:median=6:sigma=0.8", "conversations:500:0.2", "conversations:cut:0.1", "list:reset-before:0.03",
    "list:503:0.02", "retrieve:cut:0.02", "retrieve:reset-after:0.02",
)  # fmt: skip
SIZES = [1, 25, 0, 3, 120, 7] * 8


def known(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(folder / "migration.db")) as db:
        threads = "SELECT id, state, conversation_id, position, items, messages, digest FROM thread ORDER BY id"
        items = "SELECT * FROM message_map ORDER BY thread_id, position"
        return [*db.execute(threads), *db.execute(items)]


def test_what_was_lost_is_known_again_however_often_it_is_killed(tmp_path: Path) -> None:
    crash.preload()
    export = write_export(tmp_path / "export", SIZES)
    with crash.sandbox(tmp_path / "target.db", 1, FAULTS, "--target-preset", "foundry") as url:
        place = live.Place(tmp_path, live.to_target(url))
        assert place.run("apply", str(export))[0] == 0
        before = known(tmp_path)
        for path in tmp_path.glob("migration.db*"):
            path.unlink()
        writes = sum(live.requests(url, name) for name in ("create", "append", "delete-item"))
        read = partial(live.requests, url, "list")
        marks = [read() + step for step in (4, 12, 25, 40)]
        code, kills, _ = live.run_until_done(place, ("recover", str(export), "--workers", "4"), read, marks)
        assert (code, kills) == (0, 4)
        assert known(tmp_path) == before
        verified, result = place.run("verify", str(export))
        assert (verified, {sign for sign, count in result["data"]["outcomes"].items() if count}) == (0, {"="})
        assert place.run("apply", str(export))[0] == 0
        assert sum(live.requests(url, name) for name in ("create", "append", "delete-item")) == writes


def test_a_migration_that_loses_its_state_at_every_kill_ends_with_nothing_lost_or_doubled(tmp_path: Path) -> None:
    crash.preload()
    chance = random.Random(5)
    expected, export = crash.make_export(tmp_path, 40, chance)
    figures = crash.Figures()
    with crash.sandbox(tmp_path / "target.db", 5, crash.FAULTS, "--target-preset", "foundry") as url:
        place = live.Place(tmp_path, live.to_target(url))
        created = partial(live.requests, url, "append")
        for step in (20, 20, 15):
            assert kill_when(place, ("apply", str(export), "--workers", "8"), created, step)
            for path in tmp_path.glob("migration.db*"):
                path.unlink()
            assert place.run("recover", str(export))[0] == 3, "something is left to load"
        code, _, _ = live.run_until_done(place, ("apply", str(export), "--workers", "8"), created, [])
        assert code == 0
        crash.control(url, "land", post=True)
    crash.audit(figures, tmp_path, expected)
    assert figures.clean, "\n".join(figures.lines())


def kill_when(place: live.Place, args: tuple[str, ...], progress: Callable[[], int], step: int) -> bool:
    """Run a command and kill it once so many more requests were answered; returns whether it came to that."""
    mark = progress() + step
    pid = place.start(*args, "--output", "json")
    while crash.ended(pid) is None:
        if progress() >= mark:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
        time.sleep(0.02)
    return False
