"""What the steps of one thread's load share: its draft, its progress, the world around it, and how it ends early.

It must not send or compare anything; the steps do (`thread.py`, `append.py`, `read_back.py`, `refusal.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from migrate_cli.http.outcomes import Reply
from migrate_cli.http.retry import Retry
from migrate_cli.load.interface import Journal, LoadTarget
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import Draft, Progress, ThreadState
from migrate_cli.work.clock import Clock
from migrate_cli.work.waiting import waiting


class ThreadStopped(Exception):
    """The thread ends here for now, in this state; never leaves `ThreadLoad.run`."""

    def __init__(self, state: ThreadState, code: str, detail: str) -> None:
        super().__init__(detail)
        self.state, self.code, self.detail = state, code, detail


INTERRUPTED = ("interrupted", "the run ended before this thread was loaded; the next run resumes here")


@dataclass
class LoadContext:
    """One thread on its way."""

    draft: Draft
    progress: Progress
    target: LoadTarget
    journal: Journal
    clock: Clock
    policy: LoadPolicy
    draining: Callable[[], bool]
    ids: list[str] = field(default_factory=list)
    """Ids of the items that this run knows to be in the conversation."""
    known_from: int = 0
    """The position where this run took over; the ids before it are the journal's to tell."""
    last_doubt: float | None = None
    """When an answer was last unclear."""
    quiet: float = 0.0
    """Seconds after which a request whose answer was lost has landed, or never will."""
    batch_items: int = 0
    """Items in one request; fewer once the target found a request too large."""

    def __post_init__(self) -> None:
        self.known_from = self.progress.position
        self.quiet = self.policy.settle
        self.batch_items = self.policy.batch_items

    @property
    def conversation(self) -> str:
        """The conversation's id; it exists before anything is sent to it."""
        if self.progress.conversation_id is None:
            raise AssertionError("the conversation is created before anything is sent to it")
        return self.progress.conversation_id

    @property
    def images(self) -> bool:
        """Whether any item names an image by URL, which servers return only when asked."""
        return any(b'"image_url"' in item.body for item in self.draft.items)

    @property
    def due(self) -> float | None:
        """When a late copy of what was in doubt has landed, or never will; None where this run had no doubt."""
        if self.last_doubt is None:
            return None
        return self.last_doubt + max(self.policy.latest, 2 * self.quiet)

    def retry(self, what: str) -> Retry:
        """A new series of attempts at one request; `what` is its name in sentences."""
        return Retry(self.clock.now, self.policy, what)

    async def wait(self, retry: Retry, reply: Reply) -> None:
        """Wait before the next attempt. Raises TemporaryError when there should be none, Stopped when draining."""
        await self.sleep(retry.pause(reply))

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped when the run drains."""
        with waiting("what was sent before to take effect, or not", moves=False):
            await self.clock.sleep(seconds)
        self.leave_if_draining()

    def leave_if_draining(self) -> None:
        """Raise Stopped when the run was asked to stop; nothing of this thread is under way at this moment."""
        if self.draining():
            raise ThreadStopped(self.resting_state(), *INTERRUPTED)

    def resting_state(self) -> ThreadState:
        """The state that says where the next run has to begin."""
        return ThreadState.LOADING if self.progress.conversation_id else ThreadState(self.progress.state)
