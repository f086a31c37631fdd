"""Files of a host, with a client that answers as it is told: what came, and whether it is what was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.origins import redirected
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.sources.api.downloads import MOST_ALIKE, HostFiles
from migrate_cli.sources.api.host import Host
from migrate_cli.sources.api.presets import PRESETS
from migrate_cli.sources.interface import FileInfo

PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>"


class Client:
    """Gives the same bytes, or the same refusal, for every file."""

    def __init__(self, gives: bytes | Refused | UsageError, *, well: bool = True) -> None:
        self.endpoint = Endpoint("http://host.example/v1", "a-key-0123456789")
        self.asked: list[str] = []
        self._gives, self._well = gives, well

    async def read(self, path: str, query: Any = None, *, attempts: int = 1) -> Applied | Refused:
        if not self._well:
            raise TemporaryError("the host is unwell")
        return Applied({"id": "file-x", "filename": "plan.pdf"})

    async def download(self, file_id: str, path: Path) -> Applied | Refused:
        self.asked.append(file_id)
        if isinstance(self._gives, UsageError):
            raise self._gives
        if isinstance(self._gives, Refused):
            return self._gives
        await asyncio.to_thread(path.write_bytes, self._gives)
        return Applied({"bytes": len(self._gives)})


def files(client: Client) -> HostFiles:
    return HostFiles(Host(cast(ApiClient, client), PRESETS["foundry"]))


def fetch(own: HostFiles, folder: Path, name: str = "plan.pdf", size: int | None = None) -> str | None:
    known = FileInfo("file-a", name, size, "assistants_output")
    return asyncio.run(own.fetch(known, folder / "file"))


@pytest.mark.parametrize("size", [8, None, 0])
def test_bytes_that_are_as_they_were_told_are_taken(tmp_path: Path, size: int | None) -> None:
    assert fetch(files(Client(b"%PDF-1.7")), tmp_path, size=size) is None
    assert (tmp_path / "file").read_bytes() == b"%PDF-1.7"


def test_other_bytes_than_the_host_tells_of_are_not_taken(tmp_path: Path) -> None:
    assert fetch(files(Client(b"%PDF-1.7")), tmp_path, size=9_000) == "8 bytes arrived, but the host announced 9,000"


@pytest.mark.parametrize("size", [9_000, None])
def test_a_web_page_is_no_file(tmp_path: Path, size: int | None) -> None:
    assert fetch(files(Client(PAGE)), tmp_path, size=size) == "the host answers, but does not send this file"
    with pytest.raises(TemporaryError, match="proxy"):
        fetch(files(Client(PAGE, well=False)), tmp_path, size=size)


@pytest.mark.parametrize("size", [len(PAGE), None])
def test_a_web_page_that_somebody_attached_is_one(tmp_path: Path, size: int | None) -> None:
    assert fetch(files(Client(PAGE)), tmp_path, "saved.html", size) is None


def test_a_host_that_sends_no_file_at_all_ends_the_run(tmp_path: Path) -> None:
    own = files(Client(PAGE))
    for _ in range(MOST_ALIKE - 1):
        assert fetch(own, tmp_path) is not None
    with pytest.raises(TemporaryError):
        fetch(own, tmp_path)


@pytest.mark.parametrize(
    ("message", "requests"), [("Not allowed to download files of purpose: assistants", 1), ("No such file", 2)]
)
def test_a_refusal_is_taken_for_other_files_only_where_it_is_for_their_purpose(
    tmp_path: Path, message: str, requests: int
) -> None:
    client = Client(Refused(400, "invalid", message))
    own = files(client)
    for _ in range(2):
        assert message in str(fetch(own, tmp_path))
    assert len(client.asked) == requests


def test_a_file_that_lies_at_another_host_is_told_of_and_others_go_on(tmp_path: Path) -> None:
    client = Client(redirected("http://host.example/v1", "https://store.example/f?sig=canary"))
    reason = str(fetch(files(client), tmp_path))
    assert "https://store.example" in reason
    assert "canary" not in reason


def test_what_else_is_wrong_with_the_host_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="certificate"):
        fetch(files(Client(UsageError("the certificate is not accepted", code="tls"))), tmp_path)
