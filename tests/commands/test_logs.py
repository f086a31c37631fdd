"""What the log says, and what `-v` and `-vv` show of it: each line once, every request and doubt, nothing secret."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export
from support.hosts import KEY, host

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

LOG = Path("migration.db.log")
LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (?:DEBUG|INFO|WARNING|ERROR) migrate_cli\.\S+  (.*)")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "export", [3] * 6)


def said(text: str) -> list[str]:
    """The lines without the time; whatever is no line of the log stays as it is."""
    return [found[1] if (found := LINE.fullmatch(line)) else line for line in text.splitlines()]


@pytest.mark.parametrize("more", [[], ["--log-file", "own.log"]])
@pytest.mark.parametrize("source", ["export", "nowhere"])
def test_each_line_is_shown_once(cli: Cli, target: EmbeddedSandbox, export: Path, source: str, more: list[str]) -> None:
    outcome = cli("apply", source, "-v", *more)
    lines = said(outcome.err)
    assert lines[0].endswith("begins: apply")
    assert [line for line, count in Counter(lines).items() if count > 1] == []
    assert ("no such file or folder: nowhere" in outcome.err) == (source == "nowhere")
    assert outcome.err.count("nowhere") <= 1
    # The file has them all, whatever stderr shows.
    kept = said((Path("own.log") if more else LOG).read_text("utf-8"))
    assert kept[0].endswith("begins: apply") and "apply ends with exit code" in kept[-1]


def test_without_v_nothing_of_the_log_is_shown(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    assert "begins: apply" not in cli("apply", export).err
    assert LOG.read_text("utf-8").count("begins: apply") == 1


def test_with_vv_every_request_has_its_answer_and_no_text_of_a_message(
    cli: Cli, target: EmbeddedSandbox, export: Path
) -> None:
    outcome = cli("apply", export, "-vv", "-o", "json")
    asked = dict(re.findall(r"#(\d+) (POST|GET) \S+", outcome.err))
    answered = dict(re.findall(r"#(\d+) (200), [\d,]+ bytes, request \S+ in \d+\.\d{3} s", outcome.err))
    assert len(asked) == outcome.json["data"]["requests"]["sent"] and asked.keys() == answered.keys()
    assert re.search(rf"POST {target.base_url}/conversations/conv_\w+/items\n", outcome.err)
    assert re.search(r"GET \S+/items\?order=asc&limit=\d+", outcome.err)
    for text in (outcome.err, LOG.read_text("utf-8")):
        assert "sk-test-key-0123456789" not in text
        assert not any(message in text for message in texts_of(export, thread_id(1)))
    assert LOG.read_text("utf-8").count(f"#{min(asked, key=int)} ") == 2


def test_a_value_of_the_query_that_may_be_a_secret_is_not_shown(
    cli: Cli, tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    monkeypatch.setenv("MIGRATE_SOURCE__QUERY__CODE", "c4nary-9f8e7d6c5b4a")
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        outcome = cli("plan", running.url, "--discover", "-vv")
    assert outcome.code == 0
    assert "code=…" in outcome.err and "api-version=" in outcome.err
    assert "c4nary" not in outcome.err and KEY not in outcome.err


def test_requests_whose_outcome_is_unclear_are_in_the_log_of_the_run(
    cli: Cli, target: EmbeddedSandbox, export: Path
) -> None:
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        rules = ["append:reset-after:count=2", "create:500:count=1"]
        assert control.post("/faults", json={"rules": rules}).status_code == 200
    outcome = cli("apply", export, "-o", "json")
    assert outcome.code == 0
    doubts = [line for line in said(LOG.read_text("utf-8")) if "not known whether it was carried out" in line]
    assert len(doubts) == outcome.json["data"]["requests"]["ambiguous"] == 3
    assert sum(line.startswith("POST /conversations/conv_") for line in doubts) == 2
    assert sum(line.startswith("POST /conversations: ") for line in doubts) == 1
