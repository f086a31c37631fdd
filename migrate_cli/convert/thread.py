"""One thread becomes one draft. Pure: the same thread, options and facts give the same draft, on every machine."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_cli.convert.builtin_calls import names_in
from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.convert.configuration import without_secrets
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.file_references import resource_files, vector_stores
from migrate_cli.convert.message import convert_message
from migrate_cli.convert.metadata import convert_metadata
from migrate_cli.convert.options import NO_FACTS, ConvertOptions, FileFacts, Files, UnknownFields, VectorStores
from migrate_cli.convert.part_count import count_frame, count_message
from migrate_cli.convert.pending import pending_steps
from migrate_cli.convert.steps import StepPlacement, place_steps
from migrate_cli.convert.tail import TailCutter, TokenEstimate, estimate_tokens
from migrate_cli.convert.text import counted, short
from migrate_cli.convert.tool_calls import convert_steps
from migrate_cli.convert.tool_pairs import ToolPairs
from migrate_cli.model import Draft, Fate, JsonObject, Ledger, Message, Thread

_DEFAULTS = ConvertOptions()
MOST_FIELDS = 20
"""Unknown fields that a thread's findings name one by one."""


def convert_thread(
    thread: Thread,
    options: ConvertOptions = _DEFAULTS,
    facts: FileFacts = NO_FACTS,
    *,
    estimate: TokenEstimate = estimate_tokens,
) -> Draft:
    """Return the thread's draft. No message is held; threads with run steps are read twice, those whose messages hold
    tool calls three times at most, all others once.

    `estimate` counts the tokens of a text and matters only where `options.tail.tokens` is set.
    """
    draft = DraftBuilder(thread.id, options, facts, names_in(thread) if thread.run_steps else None)
    draft.findings += thread.findings
    draft.pairs = ToolPairs(thread.messages, (*thread.run_steps, *pending_steps(thread).values()), options)
    metadata = convert_metadata(thread, draft)
    _set_resources_aside(thread, draft)
    draft.unknown(thread.unknown)
    for run in thread.runs:
        draft.unknown(run.unknown)
    for step in thread.run_steps:
        draft.unknown(step.unknown)
    counter = _Counter(thread, draft.pairs)
    placement = place_steps(thread, draft)
    if options.tail is None:
        for message in counter.messages():
            _convert_place(message, placement, draft)
    else:
        cutter = TailCutter(draft, options.tail, estimate)
        for message in counter.messages():
            portion = draft.portion()
            _convert_place(message, placement, portion)
            cutter.add(portion)
        cutter.finish()
    draft.ledger.read = counter.parts
    if draft.unknown_paths:
        _tell_unknown_fields(draft)
    return _draft(thread, draft, metadata, counter)


class _Counter:
    """Passes messages on and counts them and their parts."""

    def __init__(self, thread: Thread, pairs: ToolPairs) -> None:
        self._thread = thread
        self._pairs = pairs
        self.parts = count_frame(thread)
        self.count = 0
        self.last_id: str | None = None

    def messages(self) -> Iterator[Message]:
        """Yield each message of the thread."""
        for message in self._thread.messages:
            self.parts += count_message(message)
            self.count += 1
            self._pairs.message = self.count
            self.last_id = message.id
            yield message


def _convert_place(message: Message, placement: StepPlacement | None, draft: DraftBuilder) -> None:
    """Convert a message and the run steps that are before and after it."""
    if placement is None:
        convert_message(message, draft)
        return
    if placement.first:
        convert_steps(placement.first, draft)
        placement.first = []
    convert_steps(placement.before.pop(message.id, []), draft)
    convert_message(message, draft)
    convert_steps(placement.after.pop(message.id, []), draft)


def _set_resources_aside(thread: Thread, draft: DraftBuilder) -> None:
    """Conversations have no tool resources; they come back in the response configuration."""
    held = {tool: value for tool, value in thread.tool_resources.items() if value}
    if held:
        draft.count(Fate.NOTED, len(held))
        # The headers of a server hold keys.
        draft.set_aside("tool_resources", without_secrets(held))
        draft.find("tool-resources-aside", f"Resources of {counted(len(held), 'tool')} went to the state file.")
    _say_what_stays_behind(held, draft)


def _tell_unknown_fields(draft: DraftBuilder) -> None:
    """Name the fields that nothing carries, the most frequent first; a record may have any number of them."""
    fate = "kept in the state file only" if draft.options.unknown_fields is UnknownFields.KEEP else "left out"
    met = draft.unknown_paths
    for path, count in met.most_common(MOST_FIELDS):
        draft.find("field-not-carried", f"The field {short(path, 120)} was {fate}, {counted(count, 'time')}.")
    if len(met) > MOST_FIELDS:
        rest = sum(met.values()) - sum(count for _, count in met.most_common(MOST_FIELDS))
        what = counted(len(met) - MOST_FIELDS, "other field")
        draft.find("field-not-carried", f"{what} of the thread: {fate}, {counted(rest, 'time')}.")


def _say_what_stays_behind(resources: JsonObject, draft: DraftBuilder) -> None:
    """Where the target is another organisation's, only what was uploaded is there, or is rebuilt by the run."""
    elsewhere = draft.options.files is Files.UPLOAD
    for file_id in resource_files(resources) if elsewhere else ():
        fact = draft.fact(file_id)
        if fact.status != "uploaded":
            reason = f" ({fact.reason})" if fact.reason else ""
            draft.find(
                "resource-file-missing", f"The code interpreter's file {short(file_id)} was not uploaded{reason}."
            )
    stays = draft.options.vector_stores
    if stays is VectorStores.REBUILD or (stays is VectorStores.KEEP and not elsewhere):
        return
    for store in vector_stores(resources):
        draft.find("vector-store-not-carried", f"The vector store {short(store)} stays behind.")


def _draft(thread: Thread, draft: DraftBuilder, metadata: dict[str, str], counter: _Counter) -> Draft:
    ledger, reason = draft.ledger, None
    if not draft.items:
        reason = "nothing-to-send" if counter.count else "no-messages"
        draft.find(
            reason, f"Nothing to send in {counted(counter.count, 'message')}; all parts are dropped: {ledger.read:,}."
        )
        ledger = Ledger(read=ledger.read, dropped=ledger.read)
    return Draft(
        thread_id=thread.id,
        metadata=metadata,
        items=tuple(draft.items),
        ledger=ledger,
        messages=counter.count,
        findings=tuple(draft.findings),
        aside=tuple(draft.aside),
        skip_reason=reason,
        last_message_id=counter.last_id,
        created_at=thread.created_at,
        digest=digest_of_all((item.digest for item in draft.items), metadata),
    )
