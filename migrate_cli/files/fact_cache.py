"""What is known of files right now: from the state file and the source, at hand while threads are converted.

It answers; it must not ask the target, send anything or write to the state.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from migrate_cli.convert.limits import FILE_ID
from migrate_cli.convert.options import FileFact
from migrate_cli.files import local
from migrate_cli.files.needs import FilePolicy
from migrate_cli.files.record import fact_of
from migrate_cli.model import FileRecord
from migrate_cli.sources.interface import FileInfo

HELD = 10_000
"""Facts that are held in memory; all others are read again from the state file."""

Recorded = Callable[[str], FileRecord | None]
"""How the record of a file is found by its source id."""
OwnRecorded = Callable[[str, str], FileRecord | None]
"""How a record is found that is a thread's own, by thread id and source id; see `FileRecords.own_record`."""


def no_record(_file_id: str) -> None:
    """Nothing was recorded yet."""
    return


def no_own_record(_thread_id: str, _file_id: str) -> None:
    """All threads go by the same records."""
    return


class FileFactCache:
    """Facts by file id, with whether they are settled. `files` is `source.files`, called when the first is asked."""

    def __init__(
        self,
        files: Callable[[], Mapping[str, FileInfo]],
        policy: FilePolicy,
        recorded: Recorded = no_record,
        held: int = HELD,
        *,
        own: OwnRecorded = no_own_record,
    ) -> None:
        self.policy = policy
        self._files = files
        self._infos: Mapping[str, FileInfo] | None = None
        self._recorded, self._own = recorded, own
        self._most = held
        self._held: OrderedDict[str, tuple[FileFact, bool]] = OrderedDict()
        self._lock = threading.RLock()
        """Threads of a live source are converted beside the event loop."""

    def info(self, file_id: str) -> FileInfo | None:
        """What the source knows of a file."""
        if self._infos is None:
            self._infos = self._files()
        return self._infos.get(file_id)

    def record(self, file_id: str) -> FileRecord | None:
        """What the state file knows of a file."""
        return self._recorded(file_id)

    def look(self, file_id: str, thread_id: str) -> tuple[FileFact, bool]:
        """Return the fact as a thread goes by it, and whether it is settled: False where work may be left to do."""
        own = self._own(thread_id, file_id)
        if own is not None:
            source = self.info(file_id)
            if self.policy.settled(own, source):
                return self._fact(own, source), True
        with self._lock:
            held = self._held.get(file_id)
            if held is not None:
                self._held.move_to_end(file_id)
                return held
        if FILE_ID.fullmatch(file_id) is None:
            return FileFact(), True
        record, info = self.record(file_id), self.info(file_id)
        settled = self.policy.settled(record, info)
        return self._hold(file_id, self._fact(record, info), settled=settled)

    def learn(self, file_id: str, record: FileRecord | None) -> FileFact:
        """Take what was found out; from now on the file is settled.

        None says that nothing had to be done at one place. That settles nothing for the others, or what becomes of a
        thread would depend on the threads that were read before it.
        """
        info = self.info(file_id)
        settled = record is not None or self.policy.settled(None, info)
        return self._hold(file_id, self._fact(record, info), settled=settled)[0]

    def _fact(self, record: FileRecord | None, info: FileInfo | None) -> FileFact:
        if record is not None and record.media_type is not None:
            return fact_of(record, info)
        here = local.of_source(info)
        return fact_of(record, info, here.media_type if here else None)

    def _hold(self, file_id: str, fact: FileFact, *, settled: bool) -> tuple[FileFact, bool]:
        with self._lock:
            self._held[file_id] = fact, settled
            self._held.move_to_end(file_id)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return fact, settled


class Lookup(Mapping[str, FileFact]):
    """The facts for the conversion of one thread, which notes what was asked for. `found` outlasts what is held."""

    def __init__(self, known: FileFactCache, thread_id: str, found: Mapping[str, FileFact] | None = None) -> None:
        self._known, self._thread_id = known, thread_id
        self._found = found or {}
        self.used: dict[str, FileFact] = {}
        self.unsettled = False

    def __getitem__(self, file_id: str) -> FileFact:
        fact = self.used.get(file_id)
        if fact is None:
            fact = self._found.get(file_id)
            if fact is None:
                fact, settled = self._known.look(file_id, self._thread_id)
                self.unsettled |= not settled
            self.used[file_id] = fact
        return fact

    def __iter__(self) -> Iterator[str]:
        return iter(self.used)

    def __len__(self) -> int:
        return len(self.used)
