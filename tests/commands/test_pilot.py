"""The pilot: a run that it stopped says so everywhere, and the next run begins with one again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

Faults = Callable[..., httpx2.Response]


@pytest.fixture
def faults(target: EmbeddedSandbox) -> Iterator[Faults]:
    with httpx2.Client(headers=CONTROL_HEADERS) as client:
        yield lambda *rules: client.post(f"{target.control_url}/faults", json={"rules": list(rules)})


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nine threads of two batches each, one at a time, so that the number of a request says whose it is."""
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "3")
    monkeypatch.setenv("MIGRATE_LOAD__WORKERS", "1")
    return write_export(tmp_path / "export", [30] * 9)


def apply_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("apply", *args, "--output", "json").json


def made(target: EmbeddedSandbox) -> int:
    return len(list(read_conversations(target.data)))


def test_a_run_that_the_pilot_stopped_says_so_in_every_report_and_in_the_log(
    cli: Cli, export: Path, target: EmbeddedSandbox, faults: Faults, tmp_path: Path
) -> None:
    faults("append:scramble:nth=2")
    result = cli("apply", export, "--output", "json", "--log-file", tmp_path / "run.log")
    assert result.code == 3
    assert result.json["data"]["pilot"] == {"threads": 1, "passed": False, "stopped_by": thread_id(1)}
    assert result.json["errors"][0]["code"] == "pilot-stopped"
    assert made(target) == 1
    assert "pilot-stopped" in (tmp_path / "run.log").read_text()
    for fmt in ("text", "markdown", "html", "junit"):
        told = " ".join(cli("report", "--output", fmt).out.split())
        assert "pilot stopped the run" in told, fmt
    assert "pilot stopped" in " ".join(cli("status").out.split())
    assert cli("status", "--output", "json").json["data"]["pilot"]["stopped_by"] == thread_id(1)


def test_the_next_run_begins_with_a_pilot_again(
    cli: Cli, export: Path, target: EmbeddedSandbox, faults: Faults
) -> None:
    faults("append:scramble:nth=6")
    assert apply_json(cli, export)["data"]["pilot"] == {"threads": 3, "passed": False, "stopped_by": thread_id(3)}
    assert made(target) == 3
    faults("append:scramble:nth=2")
    assert apply_json(cli, export)["data"]["pilot"] == {"threads": 1, "passed": False, "stopped_by": thread_id(4)}
    assert made(target) == 4
    faults()
    result = apply_json(cli, export)
    assert result["data"]["pilot"] == {"threads": 3, "passed": True}
    assert result["data"]["threads"]["loaded"] == 7
    assert "pilot" not in cli("status", "--output", "json").json["data"]
    assert "pilot" not in apply_json(cli, export)["data"]


def test_a_pilot_that_was_passed_after_one_that_was_not_is_the_last(
    cli: Cli, export: Path, target: EmbeddedSandbox, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "2")
    faults("append:scramble:nth=2")
    apply_json(cli, export)
    faults()
    assert cli("resolve", thread_id(1), "--skip").code == 0
    assert apply_json(cli, export, "--limit", "3")["data"]["pilot"] == {"threads": 2, "passed": True}
    assert "pilot" not in apply_json(cli, export)["data"]


def test_a_pilot_that_was_cut_short_is_not_passed(
    cli: Cli, export: Path, target: EmbeddedSandbox, faults: Faults
) -> None:
    faults("create:quota:nth=2")
    first = apply_json(cli, export)
    assert first["data"]["pilot"] == {"threads": 1, "passed": False}
    faults()
    assert apply_json(cli, export)["data"]["pilot"] == {"threads": 3, "passed": True}


def test_few_threads_are_all_of_the_pilot(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    small = write_export(tmp_path / "small", [2, 2])
    assert apply_json(cli, small)["data"]["pilot"] == {"threads": 2, "passed": True}
    result = apply_json(cli, small)
    assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
