"""Downloads files from one host: facts, bytes, and in half a sentence why there are none.

What goes wrong with one file is told; what concerns the host as a whole is raised. It must not decide what a file is
for.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.http.endpoint import segment
from migrate_cli.http.origins import REDIRECTED
from migrate_cli.http.outcomes import Refused
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.export.stored_files import file_info
from migrate_cli.sources.interface import FileInfo

MOST_ALIKE = 10
"""So many files in a row that the host cannot send, and it is the host that is unwell."""
_PAGES = (".html", ".htm", ".xhtml", ".mht")
_HEAD = 512
TRIES = 3
"""How often a file is fetched that comes with other bytes than were told."""
_PAGE = "the host sent a web page"


class HostFiles:
    """The files of one host. A purpose whose files it does not give out is asked for once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._kept_back: dict[str, str] = {}
        self._given: set[str] = set()
        """Purposes of which the host gave out a file."""
        self._first: dict[str, asyncio.Lock] = {}
        """Held by the first request for a file of a purpose, so that others learn from its answer."""
        self._unwell = 0

    def refusal(self, known: FileInfo) -> str | None:
        """Return why the host gives out no file of this purpose, once it has said so."""
        return self._kept_back.get(known.purpose or "")

    async def facts(self, file_id: str) -> FileInfo | str:
        """Return what the host tells of a file, or why it tells nothing."""
        try:
            raw = await self._host.get(f"/files/{segment(file_id)}")
        except RefusedError as error:
            return f"the host does not have it ({error})"
        except TemporaryError as error:
            return await self._unwell_for(error)
        return replace(file_info(raw), file_id=file_id)

    async def fetch(self, known: FileInfo, path: Path) -> str | None:
        """Write a file's bytes to `path`; return why they did not come. Raises TemporaryError, AuthError, OSError."""
        purpose = known.purpose or ""
        if not purpose or purpose in self._given:
            return self.refusal(known) or await self._fetch(known, path)
        async with self._first.setdefault(purpose, asyncio.Lock()):
            reason = self.refusal(known) or await self._fetch(known, path)
        if reason is None:
            self._given.add(purpose)
        return reason

    async def _fetch(self, known: FileInfo, path: Path) -> str | None:
        try:
            reply, fault = await self._download(known, path)
        except TemporaryError as error:
            return await self._unwell_for(error)
        except UsageError as error:
            if error.code != REDIRECTED:
                raise
            return f"the host does not hand it out itself ({error})"
        if reply is None:
            self._unwell = 0
            return fault
        reason = f"the host does not hand it out ({reply.status}: {reply.message})"
        if known.purpose and reply.status in (400, 403) and "purpose" in reply.message.lower():
            self._kept_back[known.purpose] = reason
        return reason

    async def _download(self, known: FileInfo, path: Path) -> tuple[Refused | None, str | None]:
        """Return the host's refusal, or what is wrong with what came, after some tries; None where nothing is.

        Raises TemporaryError for a web page in a file's place.
        """
        fault: str | None = None
        for _ in range(TRIES):
            reply = await self._host.client.download(known.file_id, path)
            if isinstance(reply, Refused):
                return reply, None
            fault = await asyncio.to_thread(_fault, path, known)
            if fault is None:
                return None, None
        if fault == _PAGE:
            raise TemporaryError("the host sent web pages instead of a file; is a proxy answering?")
        return None, fault

    async def _unwell_for(self, error: TemporaryError) -> str:
        """Tell a file that the host fails on from a host that fails."""
        self._unwell += 1
        if self._unwell >= MOST_ALIKE or error.code != TemporaryError.code or not await self._host.is_well():
            raise error
        return "the host answers, but does not send this file"


def _fault(path: Path, known: FileInfo) -> str | None:
    """Return what is wrong with the bytes that came."""
    size = path.stat().st_size
    differs = bool(known.bytes) and size != known.bytes
    named_page = (known.filename or "").lower().endswith(_PAGES)
    if (differs or (not known.bytes and not named_page)) and _is_page(path):
        return _PAGE
    return f"{size:,} bytes arrived, but the host announced {known.bytes:,}" if differs else None


def _is_page(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html"))
