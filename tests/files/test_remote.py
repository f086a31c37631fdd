"""Bytes that lie at a source: here only while they are needed, private, few at a time; for a plan, foretold."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from migrate_cli.errors import TemporaryError
from migrate_cli.files.local import LocalFile
from migrate_cli.files.remote import AT_ONCE, SMALL, Promises, Spool
from migrate_cli.http.outcomes import Draining
from migrate_cli.sources.interface import FileInfo


class Fetcher:
    """Gives the same bytes for every file, except for those of purposes that it keeps back."""

    def __init__(self, *kept_back: str, failure: OSError | None = None) -> None:
        self.kept_back, self.failure = kept_back, failure
        self.fetched: list[str] = []
        self.modes: list[int] = []
        self.opened = self.closed = 0
        self._said: set[str | None] = set()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Fetcher]:
        self.opened += 1
        yield self
        self.closed += 1

    def refusal(self, known: FileInfo) -> str | None:
        return "not given out" if known.purpose in self._said else None

    async def facts(self, file_id: str) -> FileInfo | str:
        return f"no {file_id}"

    async def fetch(self, known: FileInfo, path: Path) -> str | None:
        self.fetched.append(known.file_id)
        if self.failure is not None:
            raise self.failure
        if known.purpose in self.kept_back:
            self._said.add(known.purpose)
            return "not given out"
        await asyncio.to_thread(self._write, path)
        return None

    def _write(self, path: Path) -> None:
        if path.exists():
            self.modes += [path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777]
        path.write_bytes(b"%PDF-1.7")


def info(number: int, purpose: str = "vision", size: int | None = 8) -> FileInfo:
    return FileInfo(f"file-{number}", f"{number}.pdf", size, purpose)


def test_bytes_are_private_and_gone_once_they_are_done_with(tmp_path: Path) -> None:
    fetcher, folder = Fetcher(), tmp_path / "spool"

    async def use() -> None:
        async with Spool(fetcher, folder) as spool, spool.of("file-1", info(1)) as got:
            assert isinstance(got.look, LocalFile)
            assert [got.look.filename, got.look.bytes, got.look.media_type] == ["1.pdf", 8, "application/pdf"]
            assert got.look.path.parent == folder

    asyncio.run(use())
    assert fetcher.modes == [0o600, 0o700]
    assert not folder.exists()
    assert [fetcher.opened, fetcher.closed] == [1, 1]


def test_a_run_that_needs_no_bytes_opens_nothing_and_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    fetcher, folder = Fetcher(), tmp_path / "spool"
    folder.mkdir()
    (folder / "1").write_bytes(b"left behind")

    async def use() -> None:
        async with Spool(fetcher, folder):
            assert not folder.exists()

    asyncio.run(use())
    assert fetcher.opened == 0


def test_only_so_many_files_are_here_at_a_time(tmp_path: Path) -> None:
    most = 0

    async def one(spool: Spool, number: int) -> None:
        nonlocal most
        async with spool.of(f"file-{number}", info(number)):
            now = await asyncio.to_thread(_count, tmp_path / "spool")
            most = max(most, now)
            await asyncio.sleep(0)

    async def use() -> None:
        async with Spool(Fetcher(), tmp_path / "spool") as spool:
            await asyncio.gather(*(one(spool, number) for number in range(50)))

    asyncio.run(use())
    assert most == AT_ONCE


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def test_a_full_disk_ends_the_run_in_one_sentence(tmp_path: Path) -> None:
    fetcher = Fetcher(failure=OSError(errno.ENOSPC, "No space left on device"))

    async def use() -> None:
        async with Spool(fetcher, tmp_path / "spool") as spool, spool.of("file-1", info(1)):
            raise AssertionError("it came")

    with pytest.raises(TemporaryError, match="No space left on device; free some space"):
        asyncio.run(use())
    assert not (tmp_path / "spool").exists()


def test_a_run_that_ends_fetches_nothing_more(tmp_path: Path) -> None:
    fetcher = Fetcher()

    async def use() -> None:
        async with Spool(fetcher, tmp_path / "spool", lambda: True) as spool, spool.of("file-1", info(1)):
            raise AssertionError("it came")

    with pytest.raises(Draining):
        asyncio.run(use())
    assert not fetcher.fetched


def test_a_file_that_the_source_does_not_list_is_asked_for(tmp_path: Path) -> None:
    async def use() -> str:
        async with Spool(Fetcher(), tmp_path / "spool") as spool, spool.of("file-9", None) as got:
            assert got.look is None
            return got.reason

    assert asyncio.run(use()) == "no file-9"


def test_a_plan_fetches_a_small_file_of_each_purpose_and_believes_the_rest() -> None:
    fetcher = Fetcher("assistants")
    files = [
        info(1, "vision", SMALL + 1), info(2, "vision"), info(3, "vision"), info(4, "assistants"),
        info(5, "assistants"), info(6, "assistants", SMALL + 1), info(7, "other", None),
    ]  # fmt: skip

    async def use() -> tuple[list[bool], int, int]:
        async with Promises(fetcher) as promises:
            given = []
            for one in files:
                async with promises.of(one.file_id, one) as got:
                    given.append(got.look is not None)
            return given, promises.files, promises.bytes

    assert asyncio.run(use()) == ([True, True, True, False, False, False, True], 4, SMALL + 1 + 8 + 8)
    assert fetcher.fetched == ["file-2", "file-4"]
