"""The choices that a user has in conversion, as one frozen value that the settings fill and the converter obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Attachments(StrEnum):
    """What becomes of attachments."""

    AUTO = "auto"
    INPUT_FILE = "input_file"
    NOTE = "note"
    DROP = "drop"


class ToolCalls(StrEnum):
    """What becomes of tool calls in run steps."""

    NATIVE = "native"
    TEXT = "text"
    DROP = "drop"


class AssistantImages(StrEnum):
    """What becomes of images in assistant messages, which the target refuses there."""

    USER_NOTE = "user_note"
    TEXT = "text"
    DROP = "drop"


class Citations(StrEnum):
    """What becomes of file and URL citations and file paths."""

    KEEP = "keep"
    FOOTNOTES = "footnotes"
    STRIP = "strip"
    ANNOTATIONS = "annotations"


class Timestamps(StrEnum):
    """Whether each message says when it was written."""

    NONE = "none"
    PREFIX = "prefix"


class Incomplete(StrEnum):
    """What becomes of messages that the assistant never finished."""

    KEEP = "keep"
    SKIP = "skip"


class UnknownFields(StrEnum):
    """What becomes of fields of the source that nothing carries."""

    NAME = "name"
    KEEP = "keep"


class ProgressMessages(StrEnum):
    """What becomes of messages that tell how a research goes on, and answer nothing."""

    KEEP = "keep"
    MARK = "mark"
    DROP = "drop"


class Files(StrEnum):
    """Whether file ids are used as they are, or the bytes are uploaded again."""

    KEEP = "keep"
    UPLOAD = "upload"


class VectorStores(StrEnum):
    """What becomes of vector stores, which belong to the organisation that made them."""

    KEEP = "keep"
    REBUILD = "rebuild"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Tail:
    """Only the last messages of a thread: at most `messages` of them, or as many as fit in about `tokens`."""

    messages: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """Everything that changes what a thread becomes; part of the setup that the state file records."""

    attachments: Attachments = Attachments.AUTO
    tool_calls: ToolCalls = ToolCalls.NATIVE
    assistant_images: AssistantImages = AssistantImages.USER_NOTE
    citations: Citations = Citations.KEEP
    timestamps: Timestamps = Timestamps.NONE
    incomplete: Incomplete = Incomplete.KEEP
    files: Files = Files.KEEP
    tail: Tail | None = None
    strict_assistant: bool = False
    """Send assistant messages with `id` and `status`, for targets that insist on the specification's letter."""
    native_builtin: bool = False
    """Write code and search calls as native items under made-up ids, where `tool_calls` is `native`."""
    vector_stores: VectorStores = VectorStores.KEEP
    """Ids stay, stores are created again at the target, or they are named and left behind."""
    unknown_fields: UnknownFields = UnknownFields.NAME
    """Name fields that nothing carries, or keep their values in the state file too."""
    progress_messages: ProgressMessages = ProgressMessages.KEEP
    message_characters: int | None = None
    """How many characters of text one message may have, where the target has such a limit; follows from its preset."""


@dataclass(frozen=True, slots=True)
class FileFact:
    """What is known of one source file when a thread is converted."""

    status: str = "unknown"
    """`present` (the target has it), `missing` (it does not), `uploaded` (under another id), `unknown`."""
    target_id: str | None = None
    """The id to use in the target; None means the source id."""
    filename: str | None = None
    bytes: int | None = None
    media_type: str | None = None
    """Told from the content where the bytes are there."""
    transcript: str | None = None
    """The text of an audio file, when it was transcribed."""
    reason: str | None = None
    """Why it is missing or could not be transcribed."""


FileFacts = Mapping[str, FileFact]
"""Facts by source file id."""

NO_FACTS: FileFacts = {}
