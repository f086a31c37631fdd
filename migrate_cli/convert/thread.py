"""One thread becomes one draft. Pure: the same thread, options and facts give the same draft, on every machine."""

from __future__ import annotations

from migrate_cli.convert.book import Book
from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.convert.census import count_frame, count_message
from migrate_cli.convert.message import convert_message
from migrate_cli.convert.metadata import convert_metadata
from migrate_cli.convert.options import NO_FACTS, ConvertOptions, FileFacts
from migrate_cli.model import Draft, Fate, Ledger, Thread

_DEFAULTS = ConvertOptions()


def convert_thread(thread: Thread, options: ConvertOptions = _DEFAULTS, facts: FileFacts = NO_FACTS) -> Draft:
    """Return the thread's draft; its messages are read once and none is held."""
    book = Book(thread.id, options, facts)
    book.findings += thread.findings
    metadata = convert_metadata(thread, book)
    read = count_frame(thread)
    messages = 0
    last_id = None
    for message in thread.messages:
        read += count_message(message)
        messages += 1
        last_id = message.id
        convert_message(message, book)
    rest = count_frame(thread) - len(thread.metadata)
    if rest:
        book.count(Fate.DROPPED, rest)
        book.find("tool-call-dropped", f"{rest} parts of run steps and tool resources were left out.")
    book.ledger.read = read
    return _draft(thread, book, metadata, messages, last_id)


def _draft(thread: Thread, book: Book, metadata: dict[str, str], messages: int, last_id: str | None) -> Draft:
    ledger, reason = book.ledger, None
    if not book.items or not messages:
        reason = "nothing-to-send" if messages else "no-messages"
        book.find(reason, f"{messages} messages hold nothing to send; all {ledger.read} parts are dropped.")
        ledger = Ledger(read=ledger.read, dropped=ledger.read)
        book.items.clear()
    return Draft(
        thread_id=thread.id,
        metadata=metadata,
        items=tuple(book.items),
        ledger=ledger,
        messages=messages,
        findings=tuple(book.findings),
        aside=tuple(book.aside),
        skip_reason=reason,
        last_message_id=last_id,
        created_at=thread.created_at,
        digest=digest_of_all((item.digest for item in book.items), metadata),
    )
