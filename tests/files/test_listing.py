"""The newest files of a host, whatever its list is like."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from migrate_cli.files.host import FileHost, FileListing
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sandbox.store import Store

FILES = 250
BEGAN = 1_700_000_000


def listed(folder: Path, moment: float, *faults: str) -> tuple[FileListing | None, int]:
    """Ask a host whose files were made a second apart; returns also how many pages that took."""
    data = folder / "host.db"
    with EmbeddedSandbox(data, SandboxOptions(faults=plan_from_specs(faults))) as sandbox:
        _fill(data)

        async def ask() -> tuple[FileListing | None, int]:
            async with ApiClient(Endpoint(sandbox.base_url, "any-key"), RateLimiter(most_in_flight=1)) as client:
                return await FileHost(client).made_since(moment, time.time), client.traffic.sent

        return asyncio.run(ask())


def _fill(data: Path) -> None:
    store = Store(data)
    for number in range(FILES):
        FileStore(store.connection).add("user_data", f"{number}.txt", None, iter([b"x"]), created_at=BEGAN + number)
    store.close()


def test_only_the_pages_that_are_new_enough_are_read(tmp_path: Path) -> None:
    found, pages = listed(tmp_path, BEGAN + FILES - 20)
    assert found is not None and found.whole and pages == 1
    assert {f"{number}.txt" for number in range(FILES - 20, FILES)} <= {one.filename for one in found.files}


def test_a_list_is_read_to_its_end_where_all_of_it_may_be_new(tmp_path: Path) -> None:
    found, pages = listed(tmp_path, BEGAN)
    assert found is not None and found.whole
    assert ({one.filename for one in found.files}, pages) == ({f"{number}.txt" for number in range(FILES)}, 3)
    assert abs(found.ahead) < 5, "both clocks are this machine's"


@pytest.mark.parametrize(("fault", "whole"), [("ignore-after", False), ("always-more", True), ("never-more", True)])
def test_a_list_that_lies_is_not_taken_for_whole(tmp_path: Path, fault: str, whole: bool) -> None:
    found, _ = listed(tmp_path, BEGAN - 10, f"files:{fault}")
    assert found is not None
    assert (found.whole, len(found.files)) == (whole, FILES if whole else 100)


def test_a_host_that_does_not_list_has_nothing_to_say(tmp_path: Path) -> None:
    assert listed(tmp_path, BEGAN, "files:413")[0] is None
