"""Rebuilds what a lost state file knew: for each thread, which conversation is its own, and what is there.

The target is only read, and what it lists is only a hint: a conversation is a thread's because its items are the
thread's items. What fits in part is left for `apply` to continue with; what does not fit is never adopted. It must not
know where threads come from or how outcomes are shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.convert.placeholders import with_values
from migrate_cli.load.claim import GRACE, Claim, ClaimReader, Holding
from migrate_cli.load.interface import LoadStore
from migrate_cli.load.refusal import with_notes
from migrate_cli.load.run import Prepare
from migrate_cli.model import Draft, Progress, Thread, ThreadState, Unreadable
from migrate_cli.target.listing import SOURCE_THREAD, ConversationIndex
from migrate_cli.work.ordered import Entry
from migrate_cli.work.pool import WorkerPool
from migrate_cli.work.queue import EntryQueue, queue_of

_DONE = frozenset({ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.SKIPPED, ThreadState.UNDONE})
_FITS = (Holding.CONTINUED, Holding.WHOLE)
NOTED = "it was refused here when it was loaded; a note takes its place"
UNNAMED = "unnamed"
LIST_INCOMPLETE = "conversation-list-incomplete"
SEVERAL = "several-conversations"
DIFFERS = "conversation-differs"


class RecoverObserver(Protocol):
    """Hears what came of each thread; counts and shows."""

    def recovered(self, draft: Draft, progress: Progress, claim: Claim | None) -> None:
        """One thread is as `progress` says; `claim` is the conversation that it has now."""

    def earlier(self, draft: Draft, progress: Progress) -> None:
        """One thread was recovered by an earlier run that did not finish."""

    def not_found(self, draft: Draft) -> None:
        """The target lists no conversation of a thread."""

    def unreadable(self, entry: Unreadable) -> None:
        """Something could not be read as a thread."""


class LostFacts(Protocol):
    """What is known of files for which drafts have placeholders."""

    def may_be(self, placeholder: str, value: str) -> bool:
        """Whether a placeholder may stand for this id or transcript."""

    def learn(self, values: Mapping[str, str]) -> None:
        """Note what placeholders stand for."""


@dataclass(frozen=True, slots=True)
class ListFound:
    """What the target was found to hold, before its conversations are read."""

    index: ConversationIndex
    complete: bool
    """Whether nothing says that conversations are missing in the list."""


class RecoverRun:
    """One run over a stream of drafts."""

    def __init__(
        self,
        *,
        reader: ClaimReader,
        found: ListFound,
        store: LoadStore,
        observer: RecoverObserver,
        prepare: Prepare,
        files: LostFacts,
        workers: int,
        live: bool = False,
    ) -> None:
        self._reader, self._drain = reader, reader.drain
        self._found, self._store, self._observer = found, store, observer
        self._files = files
        self._prepare, self._workers, self._live = prepare, workers, live

    async def run(self, drafts: Iterator[Entry] | AsyncIterator[Entry]) -> None:
        """Recover all of them. Raises what ended the run as a whole, after every worker has come to rest."""
        pool = WorkerPool(self._workers, self._drain, grace=GRACE)
        async with queue_of(drafts, self._workers, self._drain, live=self._live) as queue:
            try:
                await pool.run(partial(self._take, queue), self._handle)
            finally:
                await self._store.durable()
        pool.raise_failure()

    async def _take(self, queue: EntryQueue[Entry]) -> Draft | Thread | None:
        """Take the next draft; what could not be read is noted on the way."""
        while not self._drain.is_set():
            entry = await queue.take()
            if not isinstance(entry, Unreadable):
                return entry
            self._store.unreadable(entry)
            self._observer.unreadable(entry)
        return None

    async def _handle(self, entry: Draft | Thread) -> None:
        draft = entry if isinstance(entry, Draft) else await self._prepare(entry)
        if draft is None:
            return
        known = self._store.progress_of(draft.thread_id)
        if known is not None and known.state in _DONE and not known.restored:
            if known.conversation_id is not None:
                self._found.index.take_out(known.conversation_id)
            self._observer.earlier(draft, known)
            return
        claims = await self._claims(draft, known)
        if claims is not None:
            await self._settle(entry, draft, known, claims)

    # ---- at the target

    async def _claims(self, draft: Draft, known: Progress | None) -> list[Claim] | None:
        """Read every conversation that may be this thread's; None when the run ends meanwhile."""
        own = known.conversation_id if known is not None else None
        named = draft.metadata.get(SOURCE_THREAD)
        listed = [one for one in self._found.index.of(named) if one != own] if named is not None else []
        claims: list[Claim] = []
        # A list of ids that was left next to the state file knows better than the target's list.
        for conversation_id in [*([own] if own is not None else []), *listed]:
            thread = named if conversation_id in self._found.index else None
            claim = await self._reader.read(conversation_id, draft.items, thread=thread, may_be=self._files.may_be)
            if claim is None:
                return None
            if claim.holding is Holding.NOT_OURS and conversation_id != own:
                self._found.index.take_out(conversation_id)
            else:
                claims.append(claim)
        return claims

    # ---- in the state file

    async def _settle(
        self, entry: Draft | Thread, draft: Draft, known: Progress | None, claims: Sequence[Claim]
    ) -> None:
        """Note what is known of the thread from now on."""
        own = known.conversation_id if known is not None else None
        # While it was read, another thread of the same name may have got it.
        index = self._found.index
        claims = [one for one in claims if one.conversation_id == own or one.conversation_id in index]
        progress = Progress(draft.thread_id, digest=draft.digest, unheard=known is None)
        if draft.skip_reason is not None and all(claim.holding is Holding.PART for claim in claims):
            self._store.skip(draft, draft.skip_reason)
            progress.state = ThreadState.SKIPPED
            self._observer.recovered(draft, progress, None)
            return
        claim, code, detail = choose(claims, whole_list=self._found.complete)
        if claim is None and code is None and SOURCE_THREAD not in draft.metadata:
            code, detail = UNNAMED, "its id does not fit into the metadata of a conversation, so none can name it"
        elif claim is None and code is None:
            if known is not None:
                self._store.outcome(progress, ThreadState.PENDING)
            self._observer.not_found(draft)
            return
        if claim is not None:
            index.take_out(claim.conversation_id)
            draft = await self._as_sent(entry, draft, claim, certain=code is None)
            progress.digest = draft.digest
        self._note(draft, progress, claim, code, detail)
        self._observer.recovered(draft, progress, claim)

    async def _as_sent(self, entry: Draft | Thread, draft: Draft, claim: Claim, *, certain: bool) -> Draft:
        """The draft as the lost run had sent it: with ids and transcripts of files, and notes for refused items."""
        if claim.files:
            items = tuple(with_values(item, claim.files) for item in draft.items)
            draft = replace(draft, items=items, digest=digest_of_all((item.digest for item in items), draft.metadata))
        if claim.files and certain:
            self._files.learn(claim.files)
            again = await self._prepare(entry) if isinstance(entry, Thread) else None
            # The same items, with findings that name the right files.
            draft = again if again is not None and again.digest == draft.digest else draft
        return with_notes(draft, dict.fromkeys(claim.noted, ("refused", NOTED)))

    def _note(
        self, draft: Draft, progress: Progress, claim: Claim | None, code: str | None, detail: str | None
    ) -> None:
        """Write the rows that `apply` would have written."""
        store = self._store
        progress.code, progress.detail = code, detail
        if claim is not None:
            progress.conversation_id = claim.conversation_id
        if code is not None:
            progress.state = ThreadState.IN_DOUBT
        elif claim is not None:
            progress.state = ThreadState.LOADED if claim.holding in _FITS else ThreadState.LOADING
        if progress.state == ThreadState.LOADING:
            # What the lost run had sent may still take effect: the next `apply` waits, looks, and reads it back whole.
            progress.ambiguous, progress.unclear = True, 1
        store.begin(progress, draft)
        if claim is not None:
            store.conversation(progress)
            for place in claim.noted:
                store.refused_item(draft.thread_id, place, draft.items[place].message_id, "refused", NOTED)
            progress.position, progress.anchor = len(claim.ids), claim.ids[-1] if claim.ids else None
            store.items(progress, 0, draft.items[: progress.position], claim.ids)
        store.outcome(progress, progress.state, code, detail)


def choose(claims: Sequence[Claim], *, whole_list: bool) -> tuple[Claim | None, str | None, str | None]:
    """Return the conversation that is a thread's, and why it is in doubt, as code and sentence.

    One that holds the whole thread wins, before others one that was continued since. The longest part wins only where
    nothing else is there: a conversation that does not fit may be the one that was lost, loaded under other settings.
    """
    fitting = [claim for holding in _FITS for claim in claims if claim.holding is holding]
    if fitting:
        return fitting[0], None, None
    if not claims:
        if whole_list:
            return None, None, None
        detail = "no conversation was listed for it, but the list is incomplete: it may have one"
        return None, LIST_INCOMPLETE, detail
    fullest = max(claims, key=lambda claim: len(claim.ids))
    wrong = [claim for claim in claims if claim.holding is not Holding.PART]
    if not wrong:
        return fullest, None, None
    told = "; ".join(f"conversation {claim.conversation_id}: {claim.why}" for claim in wrong[:3])
    if len(claims) > 1:
        return fullest, SEVERAL, f"{len(claims)} conversations name it, and none holds all of it; {told}"
    return fullest, DIFFERS, told
