"""A world in memory for the loader: a target, a journal and a clock, with faults placed at chosen operations.

Every request and every commit is one operation, numbered from 1. A plan maps numbers to faults. Process death is an
exception that nothing in the program catches; what the target holds and what the journal made durable survive it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from migrate_cli.convert.canonical import digest_of, digest_of_all, encode
from migrate_cli.http.outcomes import Ambiguous, Applied, Page, Refused, Reply
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.thread import ThreadLoad
from migrate_cli.model import Draft, Item, JsonObject, Ledger, Progress, ThreadState


class Fault(StrEnum):
    """What can go wrong at one operation."""

    REQUEST_LOST = "request-lost"
    ANSWER_LOST = "answer-lost"
    LATE = "late"
    """The client gives up, and the request takes effect after the next look."""
    VERY_LATE = "very-late"
    """The same, as late as one ever may: when a whole timeout has passed since the client gave up."""
    KILL_BEFORE = "kill-before"
    KILL_AFTER = "kill-after"
    KILL_LATE = "kill-late"
    """The process dies with the request on its way, and it lands late."""
    KILL_VERY_LATE = "kill-very-late"
    """The same, as late as one ever may."""

    @property
    def kills_after(self) -> bool:
        """Whether the process dies once the request is on its way."""
        return self in (Fault.KILL_AFTER, Fault.KILL_LATE, Fault.KILL_VERY_LATE)


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """The target's data, the durable journal, the clock and the plan of faults."""

    plan: Mapping[int, Fault] = field(default_factory=dict)
    settle: float = 5.0
    timeout: float = 60.0
    operation: int = 0
    time: float = 1000.0
    wall_offset: float = 0.0
    """How far the machine's clock is off; people and time servers set it, in both directions."""
    conversations: dict[str, list[tuple[str, JsonObject]]] = field(default_factory=dict)
    late: list[tuple[float, str, list[JsonObject]]] = field(default_factory=list)
    durable_progress: dict[str, Progress] = field(default_factory=dict)
    durable_items: dict[str, dict[int, tuple[str, bytes]]] = field(default_factory=dict)
    durable_orphans: int = 0
    requests: int = 0
    posts: int = 0
    drain: Callable[[], None] | None = None
    """Asks the run to end, after operation `drain_after`."""
    drain_after: int = 0
    _next_id: int = 0

    def step(self) -> Fault | None:
        """Count one operation and return its fault."""
        self.operation += 1
        if self.drain is not None and self.operation >= self.drain_after:
            self.drain()
        return self.plan.get(self.operation)

    def new_id(self, kind: str) -> str:
        """Return a fresh id."""
        self._next_id += 1
        return f"{kind}_{self._next_id}"

    def land(self) -> None:
        """Let everything take effect whose time has come."""
        due = [entry for entry in self.late if entry[0] <= self.time]
        self.late = [entry for entry in self.late if entry[0] > self.time]
        for _, conversation_id, items in due:
            self.store(conversation_id, items)

    def store(self, conversation_id: str, items: Iterable[JsonObject]) -> list[JsonObject]:
        """Append items as the server would, and return them with their ids."""
        stored = [(self.new_id("msg"), item) for item in items]
        self.conversations[conversation_id].extend(stored)
        return [{**item, "id": item_id, "status": "completed"} for item_id, item in stored]


class MemoryClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> float:
        """Seconds."""
        return self.world.time

    def wall(self) -> float:
        """The machine's clock, which goes on over a restart."""
        return self.world.time + self.world.wall_offset

    async def sleep(self, seconds: float) -> None:
        """Pass time; what is late lands on the way."""
        self.world.time += max(0.0, seconds)
        self.world.land()


class MemoryTarget:
    """A target that behaves as the real one, and fails as planned."""

    carries = 8_000_000

    def __init__(self, world: World) -> None:
        self.world = world

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create an empty conversation."""
        fault = self._post()
        if fault is Fault.REQUEST_LOST:
            return Ambiguous("lost")
        conversation_id = self.world.new_id("conv")
        self.world.conversations[conversation_id] = []
        if fault is not None and fault.kills_after:
            raise Killed
        if fault is not None:
            return Ambiguous("lost")
        return Applied({"id": conversation_id, "metadata": metadata})

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append items."""
        fault = self._post()
        items = [json.loads(body) for body in bodies]
        if fault is Fault.REQUEST_LOST:
            return Ambiguous("lost")
        if (lands := self._lands(fault)) is not None:
            self.world.late.append((lands, conversation_id, items))
            if fault is not None and fault.kills_after:
                raise Killed
            return Ambiguous("timeout")
        stored = self.world.store(conversation_id, items)
        if fault is Fault.KILL_AFTER:
            raise Killed
        if fault is Fault.ANSWER_LOST:
            return Ambiguous("lost")
        return Applied({"object": "list", "data": stored})

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """List items, oldest first, 100 a page."""
        fault = self.world.step()
        self.world.requests += 1
        if fault is not None and fault.name.startswith("KILL"):
            raise Killed
        stored = self.world.conversations[conversation_id]
        ids = [item_id for item_id, _ in stored]
        first = ids.index(after) + 1 if after is not None else 0
        page = [{**item, "id": item_id} for item_id, item in stored[first : first + 100]]
        return Page(page, first + 100 < len(stored))

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""
        fault = self._post()
        if fault is Fault.REQUEST_LOST:
            return Ambiguous("lost")
        kept = [entry for entry in self.world.conversations[conversation_id] if entry[0] != item_id]
        gone = len(kept) == len(self.world.conversations[conversation_id])
        self.world.conversations[conversation_id] = kept
        if fault is not None and fault.kills_after:
            raise Killed
        if fault is not None:
            return Ambiguous("lost")
        return Refused(404, "http-404", "no such item") if gone else Applied({"id": conversation_id})

    def _lands(self, fault: Fault | None) -> float | None:
        """When a late request takes effect."""
        if fault in (Fault.LATE, Fault.KILL_LATE):
            return self.world.time + 1.5 * self.world.settle
        return self.world.time + self.world.timeout if fault in (Fault.VERY_LATE, Fault.KILL_VERY_LATE) else None

    def _post(self) -> Fault | None:
        fault = self.world.step()
        self.world.requests += 1
        self.world.posts += 1
        if fault is Fault.KILL_BEFORE:
            raise Killed
        return fault


class MemoryJournal:
    """Notes that are lost with the process unless a commit made them durable."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._notes: list[Any] = []

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note the start."""
        self._note(progress)

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note a possible orphan."""
        self._notes.append("orphan")

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id."""
        self._note(progress)

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note items."""
        self._note(progress)
        for place, (item, item_id) in enumerate(zip(items, ids, strict=True), start):
            self._notes.append((progress.thread_id, place, item_id, item.digest))

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note a doubt."""
        self._note(progress)

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note a refused item; nothing is refused in this world."""

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note the end."""
        self._note(progress)

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids that earlier runs made durable."""
        rows = self.world.durable_items.get(thread_id, {})
        return [rows[place][0] for place in sorted(rows)]

    async def durable(self) -> None:
        """Commit."""
        fault = self.world.step()
        if fault is Fault.KILL_BEFORE:
            raise Killed
        self.commit()
        if fault is not None and fault.kills_after:
            raise Killed

    def commit(self) -> None:
        """Make everything noted durable."""
        for note in self._notes:
            if isinstance(note, Progress):
                self.world.durable_progress[note.thread_id] = note
            elif note == "orphan":
                self.world.durable_orphans += 1
            else:
                thread_id, place, item_id, digest = note
                self.world.durable_items.setdefault(thread_id, {})[place] = (item_id, digest)
        self._notes.clear()

    def _note(self, progress: Progress) -> None:
        self._notes.append(replace(progress, touched_at=self.world.time))


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("nothing in this world waits")


def migrate(world: World, draft: Draft, *, lives: int = 12, buffer_survives: bool = False) -> Progress:
    """Load one thread, restarting after each death, until it comes to rest."""
    for _ in range(lives):
        known = world.durable_progress.get(draft.thread_id)
        progress = replace(known) if known is not None else Progress(draft.thread_id)
        if progress.state in (ThreadState.LOADED, ThreadState.IN_DOUBT, ThreadState.FAILED):
            return progress
        journal = MemoryJournal(world)
        load = ThreadLoad(
            draft,
            progress,
            target=MemoryTarget(world),
            journal=journal,
            clock=MemoryClock(world),
            policy=LoadPolicy(settle=world.settle, timeout=world.timeout),
        )
        try:
            finish(load.run())
            if load.due is not None:
                finish(load.look_again())
            finish(journal.durable())
        except Killed:
            if buffer_survives:
                journal.commit()
    raise AssertionError("the thread never came to rest")


def draft_of(texts: Iterable[str], thread_id: str = "thread_1") -> Draft:
    """Return a draft with one user message for each text."""
    items = tuple(item_of(text, number) for number, text in enumerate(texts))
    metadata = {"source_thread_id": thread_id}
    return Draft(
        thread_id,
        metadata,
        items,
        Ledger(read=len(items), kept=len(items)),
        len(items),
        digest=digest_of_all([item.digest for item in items], metadata),
    )


def item_of(text: str, number: int = 0) -> Item:
    """Return one user message as an item."""
    body = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return Item(encode(body), digest_of(body), "message", f"msg_source_{number}")
