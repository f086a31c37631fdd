"""The commands that are measured: what each is called with, and what is right for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from stalls import hosts
from stalls.hosts import CONNECT, STALLS
from stalls.scene import Scene, thread_id

UNANSWERED = "writes unanswered"
_LOCKED = "a lock"


@dataclass(frozen=True, slots=True)
class Measured:
    """One command."""

    name: str
    arguments: Callable[[Scene], list[str]]
    goes_on: str | None = None
    """The command that the last line names after an interruption; None where nothing is resumed."""
    fresh: bool = False
    """Whether it begins without a state file."""
    writes: bool = False
    """Whether it sends anything, so that writes without an answer concern it."""
    from_host: bool = False
    """The source stalls, and the target is well."""
    obeys_within: float = 5.0
    finishes: tuple[str, ...] = ()
    """Stalls under which it finishes in one run."""
    database: bool = False
    """A database stalls, and no host."""
    project: bool = False
    """The target is a Foundry project."""
    stores: bool = False
    """Vector stores are rebuilt."""
    rebuilt: bool = False
    """Vector stores were rebuilt before."""
    signal_after: float = 17.0
    """Seconds after which the first Ctrl-C comes: the word of five seconds, and what Python takes on a busy machine."""

    def stalls(self) -> list[str]:
        """The kinds that concern it."""
        if self.database:
            return [CONNECT, "no answer", _LOCKED]
        return [stall for stall in STALLS if self.writes or stall != UNANSWERED]


COMMANDS = [
    Measured("plan (host)", lambda scene: ["plan", scene.url, "--threads-from", "ids.txt"], fresh=True),
    Measured(
        "plan --since (host)",
        lambda scene: ["plan", scene.url, "--threads-from", "ids.txt", "--since", "2020-01-01"],
        fresh=True,
    ),
    Measured(
        "apply",
        lambda scene: ["apply", str(scene.export)],
        goes_on="migrate-cli apply",
        fresh=True,
        writes=True,
        obeys_within=10.0,
    ),
    Measured(
        "apply (host)",
        lambda scene: ["apply", scene.url, "--threads-from", "ids.txt"],
        goes_on="migrate-cli apply",
        fresh=True,
        from_host=True,
        obeys_within=10.0,
    ),
    Measured("verify", lambda scene: ["verify", str(scene.export)], goes_on="migrate-cli verify"),
    Measured("replay", lambda _: ["replay", "replay.yaml"], writes=True),
    Measured(
        "undo",
        lambda _: ["undo", "--thread", thread_id(1), "--thread", thread_id(2), "--yes"],
        goes_on="migrate-cli undo",
        writes=True,
        finishes=(UNANSWERED,),
    ),
    Measured(
        "apply (stores)",
        lambda scene: ["apply", str(scene.export)],
        goes_on="migrate-cli apply",
        writes=True,
        finishes=(UNANSWERED,),
        obeys_within=10.0,
        stores=True,
    ),
    Measured(
        "verify --files (stores)",
        lambda scene: ["verify", str(scene.export), "--files"],
        goes_on="migrate-cli verify",
        rebuilt=True,
    ),
    Measured(
        "undo (stores)",
        lambda scene: ["undo", "--run", scene.rebuilding(), "--yes"],
        goes_on="migrate-cli undo",
        writes=True,
        finishes=(UNANSWERED,),
        rebuilt=True,
    ),
    Measured("status --orphans", lambda _: ["status", "--orphans"]),
    Measured(
        "undo --orphans",
        lambda _: ["undo", "--orphans", "--yes"],
        goes_on="migrate-cli undo",
        writes=True,
        finishes=(UNANSWERED,),
    ),
    Measured("recover", lambda scene: ["recover", str(scene.export)], goes_on="migrate-cli recover", fresh=True),
    Measured("resolve", lambda _: ["resolve", thread_id(1)]),
    Measured(
        "snapshot",
        lambda scene: ["snapshot", scene.url, "--threads-from", "ids.txt", "--out", "saved"],
        goes_on="migrate-cli snapshot",
        fresh=True,
    ),
    Measured(
        "snapshot --refresh",
        lambda scene: ["snapshot", scene.url, "--threads-from", "ids.txt", "--out", "kept", "--refresh"],
        goes_on="migrate-cli snapshot",
        fresh=True,
    ),
    Measured(
        "assistants --create",
        lambda scene: ["assistants", str(scene.export), "--create", "--yes"],
        goes_on="migrate-cli assistants",
        fresh=True,
        writes=True,
        finishes=(UNANSWERED,),
        project=True,
    ),
    Measured("doctor", lambda scene: ["doctor", str(scene.export)], fresh=True),
    Measured("doctor --live", lambda scene: ["doctor", str(scene.export), "--live"], fresh=True, writes=True),
    Measured(
        "map export --to-sql",
        lambda _: ["map", "export", "--to-sql", "--url", "{database}", "--table", "chats", "--yes"],
        goes_on="migrate-cli map export",
        database=True,
        signal_after=9.0,
    ),
]


@contextmanager
def database(scene: Scene, stall: str) -> Iterator[str]:
    """Yield the URL of a database that stalls."""
    if stall == _LOCKED:
        with closing(sqlite3.connect(scene.folder / "app.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield f"sqlite:///{scene.folder / 'app.db'}"
        return
    with hosts.full_queue() if stall == CONNECT else hosts.mute() as port:
        yield f"postgresql://user:secret-word@127.0.0.1:{port}/app"
