"""What `doctor` says of the source, and how little of it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.commands.context import open_configured
from migrate_cli.doctor.check import Check, CheckVerdict
from migrate_cli.doctor.source import LOOKED_AT, check_source
from migrate_cli.errors import AuthError, ExitCode, MigrateError, SourceError, TemporaryError, UsageError
from migrate_cli.model import Origin, Thread, Unreadable
from migrate_cli.settings.model import Settings, load_settings
from migrate_cli.sources.interface import Selection, Source

from support.exports import write_export

pytestmark = pytest.mark.usefixtures("clean")


def look(path: Path | None = None, **source: Any) -> Check:
    given = {f"source.{name}": value for name, value in source.items()}
    return check_source(load_settings(None, given | ({"source.path": str(path)} if path else {})), open_configured)


def test_no_source_is_a_warning_that_names_both_ways_to_name_one() -> None:
    check = look()
    assert (check.verdict, check.exit_code) == (CheckVerdict.WARNING, ExitCode.OK)
    assert "migrate-cli doctor ./export" in str(check.next) and "source.path" in str(check.next)


def test_a_source_that_opens_is_told_with_its_format_and_its_messages(tmp_path: Path) -> None:
    check = look(write_export(tmp_path / "export", [1, 3]))
    assert check.verdict is CheckVerdict.OK
    assert str(tmp_path / "export") in check.detail
    assert check.detail.endswith("the first 2 hold 4 messages")


def test_a_path_that_is_not_there_is_a_failure_of_usage(tmp_path: Path) -> None:
    check = look(tmp_path / "nowhere")
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.USAGE)
    assert "nowhere" in check.detail
    assert "migrate-cli plan --help" in str(check.next)


def test_threads_without_messages_are_a_warning_of_nothing_to_migrate(tmp_path: Path) -> None:
    check = look(write_export(tmp_path / "export", [0, 0]))
    assert check.verdict is CheckVerdict.WARNING
    assert check.detail.endswith("nothing to migrate")
    assert "folder that holds the messages" in str(check.next)


def test_entries_that_cannot_be_read_are_a_warning_that_counts_them(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    (export / "broken.json").write_text("{")
    check = look(export)
    assert check.verdict is CheckVerdict.WARNING
    assert ", 1 entry could not be read" in check.detail
    assert check.next == f"See which and why: migrate-cli plan {export}"


class Endless(Source):
    """A source that never ends, and counts what was taken from it."""

    kind = "api"
    identity = "api:https://example.com"

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.asked: Selection | None = None
        self.taken = 0

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        self.asked = selection
        while True:
            self.taken += 1
            yield Unreadable(Origin("https://example.com"), "unreadable", "it is broken")


@pytest.mark.parametrize(("live", "limit"), [(True, 3), (False, LOOKED_AT)])
def test_only_the_first_threads_are_read_and_of_a_host_fewer_still(live: bool, limit: int) -> None:
    source = Endless(live=live)
    check_source(load_settings(None, {"source.kind": "api"}), lambda _: source)
    assert source.asked is not None and source.asked.limit == limit
    assert source.taken <= 5 * limit


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthError("the key was refused"), ExitCode.AUTH),
        (TemporaryError("the host does not answer"), ExitCode.TEMPORARY),
        (UsageError("no address"), ExitCode.USAGE),
        (SourceError("it is no list"), SourceError("").exit_code),
    ],
)
def test_a_host_that_cannot_be_read_keeps_its_exit_code_and_names_the_settings(
    error: MigrateError, code: ExitCode
) -> None:
    def refuse(_: Settings) -> Source:
        raise error

    check = check_source(load_settings(None, {"source.kind": "api"}), refuse)
    assert (check.verdict, check.detail, check.exit_code) == (CheckVerdict.FAILURE, str(error), code)
    assert "section `source`" in str(check.next)
