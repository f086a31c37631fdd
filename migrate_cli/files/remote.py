"""Files at a live source: downloaded one by one for `apply`, and assumed from what the source says for `plan`.

It must not decide what is done with a file, nor send anything to the target.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.errors import TemporaryError
from migrate_cli.files.local import FileLook, look_at
from migrate_cli.files.needs import MAX_UPLOAD_BYTES
from migrate_cli.http.outcomes import Draining
from migrate_cli.sources.interface import FileFetcher, FileInfo

AT_ONCE = 8
"""Files that are on this disk at a time."""
SMALL = 1_000_000
"""A file of so many bytes may be fetched only to see whether the source gives out files of its purpose."""

Opens = Callable[[], AbstractAsyncContextManager[FileFetcher] | None]
"""Opens the source's fetcher; `Source.fetching`."""


@dataclass(frozen=True, slots=True)
class Got:
    """A file as far as it was available: `look` (a LocalFile where the bytes are here), or the reason why not."""

    look: FileLook | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Promised:
    """What a source tells of a file whose bytes it may give; a FileLook."""

    filename: str
    bytes: int | None
    media_type: str | None
    kind: MediaKind


def promised(file_id: str, info: FileInfo | None) -> Promised:
    """Return what is known of a file before its bytes are here."""
    name = info.filename if info else None
    return Promised(name or file_id, info.bytes if info else None, None, kind_of(name))


class RemoteFiles(Protocol):
    """Files that lie elsewhere. An asynchronous context manager, open for as long as `of` is used."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def of(self, file_id: str, info: FileInfo | None) -> AbstractAsyncContextManager[Got]:
        """Hold a file for as long as the context lasts. Raises TemporaryError, AuthError, Draining."""


class _Fetching:
    """The source's fetcher, opened when it is first needed."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._fetcher: FileFetcher | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _known(self, file_id: str, info: FileInfo | None) -> FileInfo | str:
        return info or await (await self._opened()).facts(file_id)

    async def _opened(self) -> FileFetcher:
        async with self._opening:
            if self._fetcher is None:
                context = self._opens()
                if context is None:
                    raise TypeError("a source that fetches nothing was asked for bytes")
                self._fetcher = await self._stack.enter_async_context(context)
            return self._fetcher


class Spool(_Fetching):
    """Brings bytes into a private folder of its own, and removes each file once it is done with."""

    def __init__(self, opens: Opens, folder: Path, draining: Callable[[], bool] = lambda: False) -> None:
        super().__init__(opens)
        self._folder, self._draining = folder, draining
        self._room = asyncio.Semaphore(AT_ONCE)
        self._number = 0
        self.fetched = 0
        """Files that came."""

    async def __aenter__(self) -> Self:
        # What a run that was killed has left; the lock of the state file says that it runs no more.
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        shutil.rmtree(self._folder, ignore_errors=True)

    @asynccontextmanager
    async def of(self, file_id: str, info: FileInfo | None) -> AsyncIterator[Got]:
        """Fetch a file; it is gone when the context ends."""
        async with self._room:
            if self._draining():
                raise Draining
            self._number += 1
            # Ids differ in case, and file names on some disks do not.
            path = self._folder / str(self._number)
            try:
                yield await self._got(file_id, info, path)
            finally:
                path.unlink(missing_ok=True)

    async def _got(self, file_id: str, info: FileInfo | None, path: Path) -> Got:
        known = await self._known(file_id, info)
        if isinstance(known, str):
            return Got(None, known)
        if (known.bytes or 0) >= MAX_UPLOAD_BYTES:
            # Nobody takes it, so that its size is all that is wanted of it.
            return Got(promised(file_id, known))
        fetcher = await self._opened()
        try:
            _make(path)
            reason = await fetcher.fetch(known, path)
            if reason is not None:
                return Got(None, reason)
            self.fetched += 1
            return Got(look_at(path, known.filename or file_id))
        except OSError as error:
            raise TemporaryError(
                f"the file {file_id} cannot be kept in {self._folder} while it is sent: {error.strerror or error}; "
                "free some space, then run the same command again",
                code="no-room-for-files",
            ) from error


def _make(path: Path) -> None:
    """Make an empty file that nobody else may read, and its folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


class Promises(_Fetching):
    """Foretells what would come. One small file of each purpose is fetched, since some are not given out."""

    def __init__(self, opens: Opens) -> None:
        super().__init__(opens)
        self._given: set[str] = set()
        self._trying = asyncio.Lock()
        self.files = self.bytes = self.tried = 0
        """What `apply` would fetch, as far as sizes are told; and how many files were fetched to see."""

    @asynccontextmanager
    async def of(self, file_id: str, info: FileInfo | None) -> AsyncIterator[Got]:
        """Say what the source tells of a file, and whether it would give it."""
        known = await self._known(file_id, info)
        reason = known if isinstance(known, str) else await self._refusal(known)
        if isinstance(known, str) or reason is not None:
            yield Got(None, reason or "")
            return
        self.files += 1
        self.bytes += known.bytes or 0
        yield Got(promised(file_id, known))

    async def _refusal(self, known: FileInfo) -> str | None:
        purpose = known.purpose or ""
        fetcher = await self._opened()
        async with self._trying:
            reason = fetcher.refusal(known)
            if reason is not None or purpose in self._given or known.bytes is None or known.bytes > SMALL:
                return reason
            self.tried += 1
            with tempfile.TemporaryDirectory(prefix="migrate-cli-") as folder:
                reason = await fetcher.fetch(known, Path(folder) / "file")
            if reason is None:
                self._given.add(purpose)
            return reason
