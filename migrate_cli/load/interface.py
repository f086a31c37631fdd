"""What the loader needs from the world: a target to write to, a journal to remember in, and a clock to wait by.

The same loader runs against the real service, the sandbox and an in-memory model of both under enumerated faults.
Every write answers with a *value* that says what is known about it; nothing here raises for a lost answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from migrate_cli.model import Draft, Item, JsonObject


@dataclass(frozen=True, slots=True)
class Applied:
    """2xx with a JSON object in the body. Whether it holds what was sent is the loader's to check."""

    body: JsonObject
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Certainly not applied, and worth sending again later: never sent, 429, `conversation_locked`."""

    reason: str
    wait: float | None = None
    """Seconds that the server asked for."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not applied, and the same request will be refused again: 400, 403, 404, 413, 422."""

    status: int
    code: str
    message: str
    """The server's sentence, scrubbed of secrets and cut to a sane length."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Perhaps applied, perhaps not, perhaps later: the target must be asked before anything is sent again."""

    reason: str
    request_id: str | None = None


Reply = Applied | NotApplied | Refused | Ambiguous


@dataclass(frozen=True, slots=True)
class Page:
    """One page of items, in the order asked for."""

    items: list[JsonObject]
    has_more: bool


class Target(Protocol):
    """The calls of the Conversations API that loading needs. Pacing and reads' retries happen behind it.

    Raises AuthError and TemporaryError (and nothing else) for what ends the whole run.
    """

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
    attempts: int = 0
    digest: str = ""
    """The draft's digest when loading began."""


class Journal(Protocol):
    """Durable memory. Calls note; `durable` waits until all that was noted before is on disk."""

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the thread's load starts: state `creating`, with the draft's digest and counts."""

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now: `loaded`, `failed`, `in_doubt`, or `loading` when deferred."""

    async def durable(self) -> None:
        """Return once everything noted so far is on disk."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Seconds, monotonic."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
