"""Targets and hosts that are not OpenAI's: they work alike, and tell errors in forms of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures

FORMS = ["detail", "details", "text", "problem"]

Serve = Callable[..., EmbeddedSandbox]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[Serve]:
    """Start a target that behaves as these faults say, and name it in the settings."""
    running: list[EmbeddedSandbox] = []

    def start(*faults: str) -> EmbeddedSandbox:
        sandbox = EmbeddedSandbox(tmp_path / "target.db", SandboxOptions(faults=plan_from_specs(faults))).start()
        running.append(sandbox)
        monkeypatch.setenv("OPENAI_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        return sandbox

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two threads, one of which says what the target will refuse."""
    return write_export(tmp_path / "export", [2, 3])


def of_target(outcome: Outcome) -> dict[str, str]:
    """The verdicts of the checks that look at the target."""
    found = {check["check"]: check["verdict"] for check in outcome.json["data"]["checks"]}
    return {name: verdict for name, verdict in found.items() if name.startswith("target")}


@pytest.mark.parametrize("form", FORMS)
def test_doctor_knows_a_working_target_whatever_form_its_errors_have(cli: Cli, serve: Serve, form: str) -> None:
    serve(f"*:errors:form={form}")
    outcome = cli("doctor", "--output", "json")
    assert (outcome.code, set(of_target(outcome).values())) == (0, {"ok"})


@pytest.mark.parametrize("form", FORMS)
def test_doctor_still_knows_a_host_without_conversations(
    cli: Cli, serve: Serve, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = serve(f"*:errors:form={form}")
    monkeypatch.setenv("OPENAI_BASE_URL", sandbox.base_url.removesuffix("/v1") + "/v7")
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 2
    assert "/v7/conversations" in next(
        check["detail"] for check in outcome.json["data"]["checks"] if check["check"] == "target API"
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_reason_for_a_refused_item_is_told(cli: Cli, serve: Serve, export: Path, form: str) -> None:
    text = f"{thread_id(2)} 1"
    serve(f"*:errors:form={form}", f"append:poison:text={text}")
    outcome = cli("apply", export, "--output", "json")
    (error,) = outcome.json["errors"]
    assert (outcome.code, error["code"], error["thread_id"]) == (3, "http-400", thread_id(2))
    assert "Invalid item: it holds the marked text." in error["message"]


def test_doctor_knows_a_target_that_says_no_more_than_not_found(
    cli: Cli, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("*:errors:form=detail")
    monkeypatch.setattr("migrate_cli.sandbox.conversations.not_found", _bare)
    outcome = cli("doctor", "--output", "json")
    assert (outcome.code, set(of_target(outcome).values())) == (0, {"ok"})


def _bare(_what: str) -> Exception:
    return ApiError(404, "Not Found")
