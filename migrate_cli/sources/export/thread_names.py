"""Which thread a wire object belongs to: by its own word, else by the name of its file or folder.

It must not look at what the objects hold beside the thread's id.
"""

from __future__ import annotations

from pathlib import PurePath

from migrate_cli.sources import containers
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.export.index import ThreadIndex
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.recognise import named_thread, stem
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Loose, Remark, Shape, Whole
from migrate_cli.sources.shapes.thread_file import ThreadFile

NAMED_BY_FILE = Remark(
    "thread-id-from-file-name", "No message gives the thread's id, so it is taken from the file name."
)


class ThreadNames:
    """Names the threads of pieces; what is odd about a name goes to the index, as a remark or a problem."""

    def __init__(self, index: ThreadIndex) -> None:
        self._index = index
        self._files = DiskSet()
        """The names that files gave to threads, each with the file that gave it first."""
        self._last_named: str | None = None
        """The thread that was last named after its file: the lines of one file are to repeat no remark."""

    def thread_of(self, input_: Input, piece: Loose) -> str | None:
        """Return the thread that a piece belongs to, by its own word or by the file's name."""
        if piece.thread_id is not None:
            return piece.thread_id
        if not piece.raws:
            return named_thread(input_)
        known = named_thread(input_)
        named = known or (self._of_file(input_) if piece.kind is RecordKind.MESSAGE else None)
        if named is not None and named != self._last_named:
            self._last_named = named
            self._index.remark(named, NAMED_BY_FILE if known else _one_for_all(input_, named))
        if named is None:
            detail = f"The {piece.kind.value} objects name no thread; put them into a file named after their thread."
            self._index.problem(input_.origin, "object-without-thread", detail)
        return named

    def whole_id(self, input_: Input, shape: Shape, whole: Whole, nameless: int) -> str:
        """Return the id of a whole thread, and remark on how it is known.

        `nameless` counts the threads of the same file before it that tell none: only where a thread has the file for
        itself, or is its first, the file's name is the id as it stands.
        """
        one = isinstance(shape, ThreadFile)
        if whole.thread_id is not None:
            if one and (remark := name_remark(input_, whole.thread_id)) is not None:
                whole.remarks = (*whole.remarks, remark)
            return whole.thread_id
        name = named_thread(input_) or self._of_file(input_)
        if one:
            says_nothing = named_thread(input_) is None and containers.is_word(stem(input_))
            whole.remarks = (*whole.remarks, _one_for_all(input_, name) if says_nothing else NAMED_BY_FILE)
            return name
        made = f"{name}#{nameless + 1}" if nameless else name
        detail = (
            f"Record {nameless + 1} of those in {input_.origin} that name no thread; its id is generated from "
            f"that: {made}."
        )
        whole.remarks = (*whole.remarks, Remark("thread-id-made", detail))
        return made

    def _of_file(self, input_: Input) -> str:
        """Return the name that a file gives: its own, or with its folders where another file has that already."""
        name, here = stem(input_), str(input_.origin)
        if self._files.add(name, here) or self._files.note(name) == here:
            return name
        longer = "-".join([*PurePath(input_.name).parts[:-1], name]).lstrip("/-")
        while not self._files.add(longer, here) and self._files.note(longer) != here:
            longer = f"{longer}#"
        return longer

    def check(self, input_: Input, piece: Loose) -> None:
        """Remark on a file whose name tells another thread than its messages."""
        remark = name_remark(input_, piece.thread_id)
        if remark is not None and piece.thread_id is not None:
            self._index.remark(piece.thread_id, remark)


def _one_for_all(input_: Input, name: str) -> Remark:
    """Return the finding for messages that nothing parts: they may be of several threads."""
    detail = f"No message in {input_.origin} names a thread; all are read as one, which is called {name}."
    return Remark("thread-id-made", detail)


def name_remark(input_: Input, thread_id: str | None) -> Remark | None:
    """Return the finding for a file whose name tells another thread than its messages."""
    named = named_thread(input_, folders=False)
    if named is None or thread_id is None or named == thread_id:
        return None
    detail = f"The file is named after {named}, but its messages belong to {thread_id}; the id in the messages is used."
    return Remark("thread-id-from-message", detail)
