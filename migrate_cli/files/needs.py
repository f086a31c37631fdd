"""What has to be done for one file before a thread that names it can be converted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.convert.file_references import FilePlace
from migrate_cli.convert.limits import MAX_FILE_BYTES
from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.convert.options import Attachments, Citations, ConvertOptions, Files
from migrate_cli.files import audio
from migrate_cli.files.local import FileLook
from migrate_cli.model import LASTING, FileRecord, Status
from migrate_cli.sources.interface import FileInfo

MAX_UPLOAD_BYTES = 512_000_000
"""The service takes no larger file."""
MAX_REQUEST_BYTES = 50_000_000
"""All files of one request to `/responses` together."""


class Need(StrEnum):
    """The work that one file asks for."""

    NOTHING = "nothing"
    CHECK = "check"
    """Ask the target whether it has the file."""
    UPLOAD = "upload"
    LACKING = "lacking"
    """It would have to be uploaded, and there are no bytes."""
    TRANSCRIBE = "transcribe"


@dataclass(frozen=True, slots=True)
class FilePolicy:
    """What the user chose about files, as far as it decides what is to be done."""

    options: ConvertOptions
    transcribe: bool = False
    check: bool = True
    """Whether the target can be asked for files (a rehearsal cannot: it knows none)."""
    distant: bool = False
    """Whether the source gives bytes although they lie on no disk of ours."""

    def settled(self, record: FileRecord | None, info: FileInfo | None) -> bool:
        """Whether nothing is to be done for a file, wherever it is mentioned."""
        if record is not None:
            keeps = self.options.files is Files.KEEP
            return record.status in LASTING or record.sent or (keeps and record.status is Status.MISSING)
        if self.options.files is Files.UPLOAD or self.check:
            return False
        return not (self.transcribe and (self.distant or (info is not None and info.path is not None)))

    def need(self, place: FilePlace, info: FileInfo | None, local: FileLook | None) -> Need:
        """Return what a file needs of which nothing definite is recorded; `local` may be a promise."""
        if place is FilePlace.RESOURCE:
            return self._aside(local)
        if place is FilePlace.ATTACHMENT and self.transcribe and local is not None and _sounds(local):
            return Need.TRANSCRIBE
        if place is FilePlace.CITATION and self.options.citations not in (
            Citations.FOOTNOTES,
            Citations.ANNOTATIONS,
        ):
            return Need.NOTHING
        if self.options.files is Files.KEEP:
            return Need.CHECK if self.check else Need.NOTHING
        return self._upload(place, info, local)

    def _aside(self, local: FileLook | None) -> Need:
        """What a file needs that no conversation names: the code interpreter takes any kind."""
        if self.options.files is Files.KEEP:
            return Need.NOTHING
        return Need.LACKING if local is None else Need.UPLOAD

    def _upload(self, place: FilePlace, info: FileInfo | None, local: FileLook | None) -> Need:
        if place is FilePlace.CITATION and self.options.citations is not Citations.ANNOTATIONS:
            return Need.NOTHING
        if (
            place is not FilePlace.CITATION
            and local is not None
            and (local.bytes or 0) >= MAX_FILE_BYTES
            and _sent(local)
        ):
            # The converter writes a text for it, and tells why.
            return Need.NOTHING
        if place is FilePlace.ATTACHMENT:
            if self.options.attachments in (Attachments.NOTE, Attachments.DROP):
                return Need.NOTHING
            kind = local.kind if local else kind_of(info.filename if info else None)
            if kind in (MediaKind.AUDIO, MediaKind.REFUSED):
                # The same; nothing could use an upload.
                return Need.NOTHING
        return Need.LACKING if local is None else Need.UPLOAD


def too_large(local: FileLook, *, aside: bool = False) -> str | None:
    """Return why a file is not uploaded, as half a sentence; None where it can be.

    `aside`: no conversation names it, so that only the limit of uploads counts.
    """
    if local.bytes == 0:
        return "it is empty"
    limit = MAX_FILE_BYTES if _sent(local) and not aside else MAX_UPLOAD_BYTES
    if local.bytes is None or local.bytes < limit:
        return None
    return f"it has {local.bytes:,} bytes, and the limit is {limit:,}"


def purpose_of(kind: MediaKind, preset: str) -> str:
    """Return the purpose to upload a file for; hosts at Azure take only `assistants`."""
    if preset != "openai":
        return "assistants"
    return "vision" if kind is MediaKind.IMAGE else "user_data"


def _sent(local: FileLook) -> bool:
    """Whether it is of a kind that is in a conversation, and so in every request."""
    return local.kind in (MediaKind.IMAGE, MediaKind.DOCUMENT)


def _sounds(local: FileLook) -> bool:
    """Audio by content, or by name where the content does not say otherwise; and the containers of sound and film."""
    return local.kind is MediaKind.AUDIO or audio.sent_name(local.filename, local.media_type) is not None
