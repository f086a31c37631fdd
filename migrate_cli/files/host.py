"""The Files and transcription endpoints of a host, as calls that answer with values.

It must not decide what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from migrate_cli.errors import TemporaryError
from migrate_cli.files import audio
from migrate_cli.files.local import LocalFile
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import segment
from migrate_cli.http.outcomes import Ambiguous, Applied, Refused, Reply
from migrate_cli.http.sdk import MultipartForm
from migrate_cli.secrets import holds_secret

PAGE = 100
MOST_PAGES = 500
"""Fifty thousand files that are newer than an upload that was lost: then the list is left."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as the host lists it."""

    id: str
    filename: str
    bytes: int
    purpose: str
    created_at: float


@dataclass(frozen=True, slots=True)
class FileListing:
    """The newest files of a host."""

    files: list[ListedFile]
    whole: bool
    """Whether all that are as new as was asked are among them."""
    ahead: float
    """Seconds by which the host's clock is ahead of this machine's."""


class FileHost:
    """Files and transcripts at one host. Every call may raise AuthError and TemporaryError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def retrieve(self, file_id: str) -> Applied | Refused:
        """Return what the host tells of a file: filename, bytes, purpose; reads are retried inside."""
        reply = await self._client.read(f"/files/{segment(file_id)}")
        if isinstance(reply, Applied) and reply.body.get("id") is None:
            raise TemporaryError("the target answered a request for a file with something else; is a proxy answering?")
        return reply

    async def has_files(self) -> bool:
        """Whether the host has files at all: one without them answers 404 to every question for one."""
        return isinstance(await self._client.read("/files", {"limit": 1}), Applied)

    async def made_since(self, moment: float, wall: Callable[[], float]) -> FileListing | None:
        """Return the files that were made since a moment of the clock `wall`; None where the host does not list any.

        Newest first is asked for, so that few pages do; a host that lists in another order is read to its end.
        """
        found: dict[str, ListedFile] = {}
        query: dict[str, Any] = {"limit": PAGE, "order": "desc"}
        ahead, promised = 0.0, False
        for number in range(MOST_PAGES):
            reply = await self._client.read("/files", query)
            if number == 0 and isinstance(reply, Refused) and reply.status in (400, 422):
                query = {}
                reply = await self._client.read("/files", query)
            data = reply.body.get("data") if isinstance(reply, Applied) else None
            if not isinstance(reply, Applied) or not isinstance(data, list):
                return None
            if number == 0:
                ahead = _ahead(reply.headers, wall())
            page = [one for one in map(listed_file, data) if one is not None]
            fresh = [one for one in page if one.id not in found]
            found |= {one.id: one for one in fresh}
            if not fresh:
                # An empty page is the end; one that brings the same again is a list that does not go on.
                return FileListing(list(found.values()), not (data and promised), ahead)
            times = [one.created_at for one in page]
            if times[-1] < moment + ahead and times == sorted(times, reverse=True):
                return FileListing(list(found.values()), True, ahead)
            promised = bool(reply.body.get("has_more"))
            if not promised and len(data) < PAGE:
                return FileListing(list(found.values()), True, ahead)
            query = {**query, "after": page[-1].id}
        return FileListing(list(found.values()), False, ahead)

    async def delete(self, file_id: str) -> Reply:
        """Delete a file, once."""
        return await self._client.write("DELETE", f"/files/{segment(file_id)}")

    async def upload(self, local: LocalFile, purpose: str) -> Reply:
        """Send a file, once; `Applied` only when the answer holds an id. Raises OSError where it cannot be read."""
        reply = await self._send("/files", local, local.filename, {"purpose": purpose})
        identifier = reply.body.get("id") if isinstance(reply, Applied) else None
        if isinstance(reply, Applied) and not (
            isinstance(identifier, str) and identifier and not holds_secret(identifier)
        ):
            return Ambiguous("the response has no file id", reply.request_id)
        return reply

    async def transcribe(self, local: LocalFile, model: str) -> Reply:
        """Send a file to be transcribed; `Applied` only when the answer holds a text."""
        name = audio.sent_name(local.filename, local.media_type) or local.filename
        reply = await self._send("/audio/transcriptions", local, name, {"model": model, "response_format": "json"})
        if isinstance(reply, Applied) and not isinstance(reply.body.get("text"), str):
            return Ambiguous("the response has no text", reply.request_id)
        return reply

    async def _send(self, path: str, local: LocalFile, name: str, fields: dict[str, str]) -> Reply:
        with local.path.open("rb") as stream:
            form = MultipartForm(fields, stream, name, local.content_type, local.bytes)
            return await self._client.write("POST", path, form)


def listed_file(entry: object) -> ListedFile | None:
    """One entry of a list; None for one that does not tell enough to be known again."""
    if not isinstance(entry, dict):
        return None
    name, size, made = entry.get("filename"), entry.get("bytes"), entry.get("created_at")
    if not (isinstance(entry.get("id"), str) and isinstance(size, int) and isinstance(made, int | float)):
        return None
    return ListedFile(entry["id"], str(name), size, str(entry.get("purpose")), float(made))


def _ahead(headers: Mapping[str, str], now: float) -> float:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp() - now
    except ValueError:
        return 0.0
