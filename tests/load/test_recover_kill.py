"""`recover`, killed again and again under faults, ends with the state file that was lost."""

from __future__ import annotations

import sqlite3
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
