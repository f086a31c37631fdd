"""The values that flow through the program: what was read, what will be sent, what was found on the way.

Values only: nothing here does I/O, and nothing here knows a file format, a server or a database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

JsonObject = dict[str, Any]

READER = 3
"""The generation of reading and converting. Raise it whenever a source that has not changed may become other items or
metadata than before: what was loaded is then known to be read differently, not changed in the source."""


YOUNGER = frozenset({
    "convert.progress_messages", "convert.unknown_fields",
    "source.join", "source.map", "source.order", "source.time_format",
})  # fmt: skip
"""Settings that change what items come out, and that earlier versions did not know: a recorded setup holds them only
where they are not the default, so that a setup without them means the default."""

OF_NO_ITEM = frozenset({"convert.vector_stores"})
"""Settings of the conversion that change no item, so that they may change in the middle of a migration."""


class Severity(StrEnum):
    """How much a finding matters: an error is a loss, a warning a visible change, info a change of form only."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure from *kept*, or one oddity of the source, with a stable kebab-case code."""

    code: str
    severity: Severity
    detail: str
    """One sentence for a person. Never message text; ids, names, counts and limits only."""
    thread_id: str | None = None
    message_id: str | None = None


class Fate(StrEnum):
    """What became of one part of the source; every part has exactly one fate."""

    KEPT = "kept"
    CONVERTED = "converted"
    NOTED = "noted"
    DROPPED = "dropped"


_FIELDS = {fate: fate.value for fate in Fate}
"""Where each fate is counted; an enum's `value` takes longer than all the rest of counting."""


@dataclass(slots=True)
class Ledger:
    """Counts of parts. `read` is counted from the source alone, the fates by the converter, so the sum is a check."""

    read: int = 0
    kept: int = 0
    converted: int = 0
    noted: int = 0
    dropped: int = 0

    def count(self, fate: Fate, parts: int = 1) -> None:
        """Book `parts` parts under one fate."""
        field = _FIELDS[fate]
        setattr(self, field, getattr(self, field) + parts)

    def add(self, other: Ledger) -> None:
        """Add another ledger to this one."""
        self.read += other.read
        self.kept += other.kept
        self.converted += other.converted
        self.noted += other.noted
        self.dropped += other.dropped

    @property
    def balanced(self) -> bool:
        """Whether every part that was read has exactly one fate."""
        return self.read == self.kept + self.converted + self.noted + self.dropped

    def as_dict(self) -> dict[str, int]:
        """The five counts, as reports show them."""
        return {
            "read": self.read,
            "kept": self.kept,
            "converted": self.converted,
            "noted": self.noted,
            "dropped": self.dropped,
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was read: a path, the member inside an archive, a line (1-based) inside a text file."""

    path: str
    member: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        text = self.path if self.member is None else f"{self.path}!{self.member}"
        return text if self.line is None else f"{text}:{self.line}"


class UnknownField(NamedTuple):
    """A field of a record that nothing carries, and its value."""

    place: str
    """The record, such as `thread` or `messages[].content[]`."""
    name: str
    value: Any

    @property
    def path(self) -> str:
        """Where it stands, without the places of lists, so that fields of one kind have one path."""
        return f"{self.place}.{self.name}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was attached to a message, and the tools (`file_search`, `code_interpreter`) it was attached for."""

    file_id: str | None
    tools: tuple[str, ...] = ()
    raw: JsonObject | None = None


class Message(NamedTuple):
    """One message of a thread. `content` holds the parts exactly as the wire has them; the converter reads those.

    A tuple, as `Item` is: there are millions, and a frozen dataclass takes three times as long to make.
    """

    id: str
    role: str | None
    content: tuple[Any, ...]
    attachments: tuple[Attachment, ...] = ()
    metadata: Mapping[str, Any] = MappingProxyType({})
    created_at: float | None = None
    """Unix seconds."""
    status: str | None = None
    """`completed`, `in_progress`, `incomplete`, or None where the source does not say."""
    incomplete_reason: str | None = None
    assistant_id: str | None = None
    run_id: str | None = None
    phase: str | None = None
    """`commentary` or `final_answer`, where the source says so of what an assistant wrote."""
    unknown: tuple[UnknownField, ...] = ()
    """Fields of the message and of its parts that nothing carries."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an assistant on a thread; `raw` is the wire object (model, tools, instructions and so on)."""

    id: str
    status: str | None = None
    assistant_id: str | None = None
    created_at: float | None = None
    raw: JsonObject = field(default_factory=dict)
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run. `details` is the wire's `step_details`: a message that was made, or tool calls."""

    id: str
    run_id: str | None
    type: str | None
    details: JsonObject
    status: str | None = None
    created_at: float | None = None
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """How it is known which thread it is, in which order its messages stand, and that they are all there."""

    identity: str
    order: str
    completeness: str
    fields: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """The sets of fields that its messages fill, and how often each was met."""
    set_aside: Mapping[str, int] = field(default_factory=dict)
    """Fields of messages that nothing carries, by path, and how often each was met."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread as a source gives it: messages oldest first, in the server's order, each id once.

    `messages` may be iterated more than once and need not be a list: long threads are read from disk each time.
    """

    id: str
    messages: Iterable[Message]
    origin: Origin
    shape: str
    """The name of the export shape, such as `thread-file` or `message-lines`."""
    created_at: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tool_resources: JsonObject = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    run_steps: tuple[RunStep, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the source had to put right while reading."""
    unknown: tuple[UnknownField, ...] = ()
    """Fields of the thread's own object that nothing carries."""
    certificate: Certificate | None = None
    """None where the source gives no evidence."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in the source that could not be read as a thread. It travels to the report; the run goes on."""

    origin: Origin
    code: str
    detail: str
    thread_id: str | None = None
    shown: tuple[str, ...] = ()
    """Lines that help to go on, such as the outline of a file of an unknown format."""

    @property
    def sentence(self) -> str:
        """What went wrong, with its place before it."""
        return placed(str(self.origin), self.detail)


def placed(origin: str, detail: str) -> str:
    """Return a sentence with its place before it, once: a sentence about a file may begin with the file."""
    file = re.sub(r":\d+$", "", origin)
    for place in (origin, file):
        if detail.startswith(f"{place}: "):
            return f"{origin}: {detail.removeprefix(place)[2:]}"
        if detail.startswith(f"{place} "):
            return detail
    return f"{origin}: {detail}"


REFUSED_NOTE = "refused-note"
"""The kind of an item that stands for one which the target refused."""


class Item(NamedTuple):
    """One conversation item, ready to send."""

    body: bytes
    """The item as compact UTF-8 JSON, without an id."""
    digest: bytes
    """16 bytes: the hash of the canonical form (see `convert/canonical.py`)."""
    kind: str
    """`message`, `note`, `function_call`, `function_call_output` and so on."""
    message_id: str | None = None
    """The source message that it came from; for tool calls, the message that their run made, when there is one."""
    created_at: float | None = None
    joined: bool = False
    """True when it must travel in the same request as the item before it (a call and its output never part)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole thread, converted: everything that `load` needs, and nothing that it must decide."""

    thread_id: str
    metadata: dict[str, str]
    items: tuple[Item, ...]
    ledger: Ledger
    messages: int
    """Messages read from the source."""
    findings: tuple[Finding, ...] = ()
    aside: tuple[Aside, ...] = ()
    skip_reason: str | None = None
    """Set when there is nothing to load, such as `no-messages`; the thread is reported as skipped."""
    last_message_id: str | None = None
    created_at: float | None = None
    digest: str = ""
    """Names its algorithm: `blake2b-128:` and the hash of all item digests and the metadata."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A fact that the target has no room for (metadata, annotations, tools of a file); kept in the state file."""

    message_id: str | None
    name: str
    """`metadata`, `annotations`, `attachments`, `tool_resources`, `thread_metadata` …"""
    value: Any
    """JSON."""


CHILD_THREAD = "child_thread"
"""The name of the aside that links a connected agent's call to the thread that the agent worked in."""


CONVERSATION_GONE = "conversation-gone"
"""The code of a thread whose conversation the target answers 404 for."""

CONVERSATION_UNREADABLE = "unreadable"
"""The code that a thread has in the state file when its conversation could not be read."""


class ThreadState(StrEnum):
    """Where a thread stands; see README, "How resuming works"."""

    PENDING = "pending"
    CREATING = "creating"
    LOADING = "loading"
    LOADED = "loaded"
    VERIFIED = "verified"
    SKIPPED = "skipped"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    DIFFERS = "differs"
    UNDONE = "undone"


UNKNOWN_THREAD = "unknown-thread"
"""The code of the problem that the source does not have a thread which was asked for by id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of a result's `errors`."""

    code: str
    message: str
    thread_id: str | None = None

    def as_dict(self) -> dict[str, str]:
        """The entry as JSON; `thread_id` only where there is one."""
        entry = {"code": self.code, "message": self.message}
        if self.thread_id is not None:
            entry["thread_id"] = self.thread_id
        return entry


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a result came about, for those who take it as evidence. Secrets in it are masked."""

    version: str
    """Of the program that made it."""
    started_at: str | None = None
    """UTC, such as `2026-11-30T18:20:00Z`."""
    ended_at: str | None = None
    command_line: str | None = None
    """As it was given; None where an application asked."""
    source: str | None = None
    """The path, address or database that the settings name."""
    target: str | None = None
    """The base URL, or `sandbox`."""
    settings_digest: str | None = None
    """Equal for equal settings; names its algorithm."""
    settings: tuple[JsonObject, ...] = ()
    """Settings that differ from the default: `{setting, value, from}`."""

    def as_dict(self) -> JsonObject:
        """What the envelope says of it beside version and times."""
        named = {name: getattr(self, name) for name in ("command_line", "source", "target", "settings_digest")}
        return {**named, "settings": list(self.settings)}


@dataclass(slots=True)
class Result:
    """What a command returns. One function prints it (see `report/`); README documents the JSON form."""

    command: str
    data: JsonObject
    exit_code: int = 0
    run_id: str | None = None
    errors: list[Problem] = field(default_factory=list)
    provenance: Provenance | None = None
    """How it came about; None until it is known."""

    @property
    def status(self) -> str:
        """`ok`, `partial` (exit 3) or `failed`."""
        return {0: "ok", 3: "partial"}.get(self.exit_code, "failed")

    def envelope(self) -> JsonObject:
        """The one object that `--output json` prints. Keys may be added, never renamed."""
        envelope = {
            "schema": 1,
            "command": self.command,
            "status": self.status,
            "exit_code": self.exit_code,
            "run_id": self.run_id,
            "data": self.data,
            "errors": [problem.as_dict() for problem in self.errors],
        }
        if self.provenance is not None:
            made = self.provenance
            envelope |= {"version": made.version, "started_at": made.started_at, "ended_at": made.ended_at}
            envelope["provenance"] = made.as_dict()
        return envelope


class Status(StrEnum):
    """How far one file has come; the column `status` of the public view `file_map`."""

    PRESENT = "present"
    """The target has it, under the source's id."""
    MISSING = "missing"
    """The target does not have it, or there are no bytes to upload."""
    UNKNOWN = "unknown"
    """The target would not say."""
    UPLOADED = "uploaded"
    """Its bytes were sent; `target_id` is the new id."""
    REFUSED = "refused"
    """The target takes no such file, or it is over a limit."""
    TRANSCRIBED = "transcribed"
    UNTRANSCRIBED = "untranscribed"
    """Audio that was to be transcribed and could not be; `detail` says why."""


LASTING = frozenset({Status.PRESENT, Status.UNKNOWN, Status.UPLOADED, Status.TRANSCRIBED})
"""What the target has answered, and what must not change, since drafts were made from it."""


@dataclass(frozen=True, slots=True)
class SentAs:
    """What went out with an upload: by this a copy of it is known again."""

    filename: str
    bytes: int
    purpose: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Uploads of a file whose answer is not known: each may have left a copy at the target that nothing names."""

    count: int = 0
    since: float | None = None
    """When the first of them went out, in Unix seconds of this machine; None if it is no longer known."""
    last: float = 0.0
    """When the last of them did."""
    sent_as: SentAs | None = None
    """What all of them sent; None where they sent different bytes, so that no copy can be told for certain."""

    def one_more(self, sent_as: SentAs, now: float) -> Lost:
        """One more upload goes out."""
        first = not self.count
        alike = first or self.sent_as == sent_as
        since = now if first else self.since
        return Lost(self.count + 1, since if alike else None, now, sent_as if alike else None)


NOTHING_LOST = Lost()


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file; a field is None where nothing is known."""

    status: Status
    target_id: str | None = None
    kind: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    filename: str | None = None
    media_type: str | None = None
    transcript: str | None = None
    detail: str | None = None
    """Why it is missing, refused or without transcript; never content."""
    lost: Lost = NOTHING_LOST

    @property
    def sent(self) -> bool:
        """Whether its bytes went to the target, so that a refusal is the target's and not this program's."""
        return self.sha256 is not None


class AgentStatus(StrEnum):
    """Where an agent that was made of an assistant stands; in the public view `agent_map`, `replaced` comes to it."""

    MAKING = "making"
    """Its request may have gone out, and nobody knows its version."""
    MADE = "made"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class RecordedAgent:
    """One version of an agent."""

    assistant_id: str
    name: str
    digest: str
    """Tells its definition and metadata from those of any other version."""
    version: str | None
    status: AgentStatus


class StoreStatus(StrEnum):
    """How far a vector store has come; the column `status` of the public view `vector_store_map`."""

    MAKING = "making"
    """The request that makes it may have gone out."""
    FILLING = "filling"
    """It is there; some of its files are not in it, or not indexed yet."""
    REBUILT = "rebuilt"
    """Everything that could be done for it is done."""
    MISSING = "missing"
    """The source does not have it, or does not say what is in it."""
    EXPIRED = "expired"
    """It had expired at the source, so that nothing was in it any more."""
    REFUSED = "refused"
    """The target does not make it."""
    UNDONE = "undone"


class InStore(StrEnum):
    """How far one file of a vector store has come; the words of the API, and two of our own."""

    WAITING = "waiting"
    """It is not in the store yet."""
    INDEXING = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LACKING = "lacking"
    """It cannot be put there: no bytes, too large, or refused."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (InStore.WAITING, InStore.INDEXING)


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """One vector store; a field is None where nothing is known."""

    status: StoreStatus
    target_id: str | None = None
    name: str = ""
    detail: str | None = None
    """Why it is missing or refused."""
    lost: int = 0
    """Requests to make it whose answers were lost: each may have left an empty store at the target."""
    lost_at: float = 0.0
    """When the last of them went out, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class StoreFileRecord:
    """One file of a vector store."""

    status: InStore
    target_id: str | None = None
    """The id under which the target has it."""
    detail: str | None = None
    """Why it is not searchable."""


class OnRefused(StrEnum):
    """What becomes of an item that the target refuses for good."""

    FAIL = "fail"
    """The thread fails, with the item's name."""
    NOTE = "note"
    """A note is in the item's place, and the thread goes on."""


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
    """The generation of reading (`READER`) that made that draft; None if it was not recorded."""
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
