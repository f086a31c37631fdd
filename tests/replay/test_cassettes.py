"""Recorded streams through the whole command, with nothing listening: what is on the wire is pinned here.

A cassette that is deleted is recorded anew from the sandbox, when the test runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml
from migrate_cli.cli.app import app
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets
from typer.testing import CliRunner

CASSETTES = Path(__file__).parents[1] / "cassettes"
PORT = 8765
LOOK = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "command": ["printf", "seen"],
}
SHOP = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}


def _bare(request: Any) -> Any:
    """Only what says how to read the body: no key, and nothing about the machine."""
    request.headers = {
        name: value for name, value in request.headers.items() if name.lower() in ("accept", "content-type")
    }
    return request


@contextmanager
def played(name: str, tmp_path: Path) -> Iterator[None]:
    """Play the cassette, or record it."""
    path = CASSETTES / f"{name}.yaml"
    server = nullcontext() if path.exists() else EmbeddedSandbox(tmp_path / "sandbox.db", port=PORT)
    recorder = vcr.VCR(
        record_mode="none" if path.exists() else "once",
        match_on=["method", "path"],
        before_record_request=_bare,
    )
    with server, recorder.use_cassette(str(path)):
        yield


@pytest.fixture
def replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{PORT}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(name: str, case: dict[str, Any], *options: str, **setup: Any) -> dict[str, Any]:
        suite = tmp_path / "suite.yaml"
        suite.write_text(yaml.safe_dump({"model": "gpt-5.4-mini", **setup, "cases": [{"id": name, **case}]}), "utf-8")
        with played(name, tmp_path):
            outcome = CliRunner().invoke(app, ["replay", str(suite), "--output", "json", *options])
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
        found: dict[str, Any] = json.loads(outcome.stdout)
        return found

    yield run
    forget_secrets()


def test_three_parallel_calls(replayed: Any) -> None:
    cues = " ".join(f'[[call look {{"n": {n}}}]]' for n in (1, 2, 3))
    result = replayed("parallel-calls", {"input": cues, "expect": {"contains": "seen"}}, tools=[LOOK])
    assert result["exit_code"] == 0, result
    case = result["data"]["cases"][0]
    assert (case["tools"], case["rounds"]) == (["look"] * 3, 2)


def test_a_web_search_with_citations(replayed: Any) -> None:
    asked = {"input": "[[web_search lamps]]", "expect": {"citations_at_least": 2}}
    result = replayed("web-search", asked, "--mode", "stateless", tools=[{"type": "web_search"}])
    assert result["exit_code"] == 0, result


def test_an_approval_round(replayed: Any) -> None:
    asked = {"input": '[[mcp shop track {"order_id": 1}]]', "approve": ["shop.track"]}
    result = replayed("approval", asked | {"expect": {"tool_called": "track"}}, tools=[SHOP])
    assert result["exit_code"] == 0, result


def test_an_image_with_sketches(replayed: Any, tmp_path: Path) -> None:
    tools = [{"type": "image_generation", "partial_images": 1}]
    result = replayed("image", {"input": "[[image a lamp]]"}, "--images", str(tmp_path / "images"), tools=tools)
    assert result["exit_code"] == 0, result
    assert len(result["data"]["images"]) == 2


@pytest.mark.parametrize(
    ("name", "cue", "status"),
    [("incomplete", "[[incomplete]]", "incomplete"), ("failed", "[[fail Out of lamps]]", "failed")],
)
def test_responses_that_do_not_complete(replayed: Any, name: str, cue: str, status: str) -> None:
    result = replayed(name, {"input": cue, "expect": {"status": status}})
    assert result["exit_code"] == 0, result


def test_a_refusal(replayed: Any) -> None:
    result = replayed("refusal", {"input": "[[refuse Not this]]", "expect": {"refused": True, "contains": "Not this"}})
    assert result["exit_code"] == 0, result


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_cassette_names_no_host_but_loopback_and_holds_no_key(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "sk-" not in text
    assert "authorization" not in text.lower()
    for entry in yaml.safe_load(text)["interactions"]:
        assert entry["request"]["uri"].startswith(f"http://127.0.0.1:{PORT}/")
