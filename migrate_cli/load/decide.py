"""What to do with a thread, given what the state remembers of it: pure, so that every case can be read and tested."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from migrate_cli.convert.canonical import digest_of_all, read_alike
from migrate_cli.model import Draft, Progress, ThreadState


class Action(StrEnum):
    """The next step for one thread."""

    LOAD = "load"
    """Never tried, or undone: from the beginning."""
    RESUME = "resume"
    """Begun by an earlier run: look what is there, then go on."""
    DONE = "done"
    """Loaded, and the source still says the same."""
    GROWN = "grown"
    """Loaded, and the source has new messages at the end: reported, or appended when that is asked for."""
    CHANGED = "changed"
    """Loaded, but the source has changed since: reported, never followed silently."""
    REREAD = "reread"
    """Loaded by a version that read or hashed otherwise, so that nobody can say whether the source has changed."""
    LEARN = "learn"
    """Loaded, but the ids of its items were lost with the state file: asked for again, and nothing is sent."""
    CONFLICT = "conflict"
    """Begun, but what was sent is no longer the beginning of what the source says."""
    LEAVE = "leave"
    """Failed or in doubt: waits for a person, or for `--retry-failed`. Or set aside by a person, for good."""
    SKIP = "skip"
    """Nothing to load."""


SET_ASIDE = "set-aside"
"""The code of a thread that a person chose to skip."""

_LOADED = frozenset({ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.DIFFERS})


def decide(draft: Draft, known: Progress | None, recorded: Sequence[bytes], *, retry_failed: bool = False) -> Action:
    """Return the action; `recorded` holds the digests of the items that earlier runs know to be loaded."""
    if known is None:
        return Action.SKIP if draft.skip_reason else Action.LOAD
    state = ThreadState(known.state)
    if state in _LOADED:
        return _of_loaded(draft, known, recorded)
    if state is ThreadState.IN_DOUBT or known.code == SET_ASIDE or (state is ThreadState.FAILED and not retry_failed):
        return Action.LEAVE
    if known.conversation_id is not None and state is not ThreadState.UNDONE:
        return Action.RESUME if is_prefix(recorded, draft) else Action.CONFLICT
    return Action.SKIP if draft.skip_reason else Action.LOAD


def _of_loaded(draft: Draft, known: Progress, recorded: Sequence[bytes]) -> Action:
    if known.restored and _may_learn(draft, known):
        return Action.LEARN
    if known.digest == draft.digest and not known.restored:
        return Action.DONE
    same_start = known.digest == digest_of_all(recorded, draft.metadata)
    if same_start and is_prefix(recorded, draft):
        return Action.GROWN
    return Action.CHANGED if read_alike(known.digest, known.reader) else Action.REREAD


def _may_learn(draft: Draft, known: Progress) -> bool:
    """Whether the draft begins with what was loaded, of which only the digest of the whole is left."""
    first = [item.digest for item in draft.items[: known.restored]]
    return len(first) == known.restored and known.digest in (draft.digest, digest_of_all(first, draft.metadata))


def is_prefix(recorded: Sequence[bytes], draft: Draft) -> bool:
    """Whether a draft begins with the items of which these are the digests."""
    ours = draft.items[: len(recorded)]
    return len(ours) == len(recorded) and all(item.digest == known for item, known in zip(ours, recorded, strict=True))
