"""What `doctor` says of the disk and of the versions."""

from __future__ import annotations

import shutil
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest
from migrate_cli.doctor.check import CheckVerdict
from migrate_cli.doctor.machine import LIBRARIES, LITTLE, NOTHING, check_disk, check_versions, versions
from migrate_cli.errors import ExitCode
from migrate_cli.version import __version__

Usage = namedtuple("Usage", "total used free")


def with_free(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40 - free, free))


def test_the_versions_name_program_python_sqlite_system_and_libraries() -> None:
    found = versions()
    assert found["migrate-cli"] == __version__
    assert {"python", "sqlite", "system", *LIBRARIES} <= set(found)
    assert found["openai"] == metadata.version("openai")
    check = check_versions(found)
    assert check.verdict is CheckVerdict.OK
    assert f"migrate-cli {__version__}" in check.detail and f"openai {found['openai']}" in check.detail


def test_a_library_that_is_missing_is_a_failure_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "aiohttp":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    check = check_versions(versions())
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.USAGE)
    assert check.detail == f"aiohttp cannot be found beside migrate-cli {__version__}"
    assert "Install migrate-cli again" in str(check.next)


def test_enough_room_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(LITTLE, monkeypatch)
    check = check_disk(tmp_path / "migration.db")
    assert (check.verdict, check.next) == (CheckVerdict.OK, None)
    assert check.detail.startswith("1.0 GiB free")


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(LITTLE - 1, monkeypatch)
    check = check_disk(tmp_path / "migration.db")
    assert (check.verdict, check.exit_code) == (CheckVerdict.WARNING, ExitCode.OK)
    assert "Free some room" in str(check.next)


def test_no_room_is_a_failure_that_offers_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(NOTHING - 1, monkeypatch)
    check = check_disk(tmp_path / "migration.db")
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.STATE)
    assert "another disk (--state)" in str(check.next)


def test_a_folder_that_is_not_there_is_a_failure_that_names_it(tmp_path: Path) -> None:
    check = check_disk(tmp_path / "nowhere" / "migration.db")
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.STATE)
    assert str(tmp_path / "nowhere") in check.detail and "No such file" in check.detail
    assert check.next == "Make the folder, or correct --state."
