"""What the loader needs from the world: a target to write to, a journal to remember in, and a clock to wait by.

The same loader runs against the real service, the sandbox and an in-memory model of both under enumerated faults.
Every write answers with a *value* that says what is known about it; nothing here raises for a lost answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from migrate_cli.convert.canonical import READER
from migrate_cli.model import Draft, Item
from migrate_cli.replies import Page, Refused, Reply


class Target(Protocol):
    """The calls of the Conversations API that loading needs. Pacing and reads' retries happen behind it.

    Raises AuthError and TemporaryError for what ends the whole run, and Draining (see `replies.py`) for a request
    that was not sent because the run is ending; nothing else.
    """

    @property
    def carries(self) -> int:
        """Bytes that one request may have, going by what the line to the target was found to carry."""

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create an empty conversation."""

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append up to 20 encoded items; `images` asks for image URLs in the echo."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """Return up to 100 items after the anchor, ascending. Reads are retried inside."""

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""


@dataclass(slots=True)
class Progress:
    """What the journal knows of one thread's load; the loader reads and updates it, the journal keeps it."""

    thread_id: str
    state: str = "pending"
    conversation_id: str | None = None
    position: int = 0
    """Items known to be in the conversation."""
    anchor: str | None = None
    """Id of the last of them."""
    ambiguous: bool = False
    """Some answer was once lost or unclear, so the thread is read back whole before it counts as loaded."""
    unclear: int = 0
    """How many sends had an unclear answer: there can be that many late duplicates."""
    attempts: int = 0
    digest: str = ""
    """The draft's digest when loading began."""
    reader: int | None = READER
    """The generation of reading (`canonical.READER`) that made that draft; None where nobody noted it."""
    code: str | None = None
    """Why it stands where it does, for threads that failed, that differ, or that a person set aside."""
    detail: str | None = None
    """The sentence to it."""
    touched_at: float | None = None
    """Wall clock (Unix seconds) of the last thing noted about the thread by an earlier run."""
    restored: int = 0
    """Items that are in the conversation of a thread that was loaded, where their ids were lost with the state file."""
    unheard: bool = False
    """Nothing was ever noted of the thread, so the journal has nothing to clear away."""


class Journal(Protocol):
    """Durable memory. Calls note; `durable` waits until all that was noted before is on disk."""

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the thread's load starts or goes on, with the draft's digest, counts, findings and asides."""

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note that a note will stand for the item at this place; must be durable before the note is sent."""

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now: `loaded`, `failed`, `in_doubt`, or `loading` when deferred."""

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids of the thread's items that are known to be loaded, in order, as far as they are committed."""

    async def durable(self) -> None:
        """Return once everything noted so far is on disk."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Seconds, monotonic."""

    def wall(self) -> float:
        """Unix seconds, to compare with what an earlier run noted."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
