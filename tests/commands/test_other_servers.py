"""Targets and hosts that are not OpenAI's: they work alike, and tell errors in forms of their own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id, write_export

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


# ---- targets that refuse include[]


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


IMAGES = 3


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A thread that is one image alone, and one with two that look alike without their addresses."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    alone, several = thread_id(1), thread_id(2)
    first = [message(alone, 0, content=[image("https://example.com/0.png")])]
    then = [
        message(several, 0, content=[text("Look"), image("https://example.com/1.png")]),
        message(several, 1),
        message(several, 2, content=[text("Look"), image("https://example.com/2.png")]),
        message(several, 3),
    ]
    for number, messages in ((1, first), (2, then)):
        value = thread(number, 0) | {"messages": messages}
        (folder / f"{thread_id(number)}.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


NO_INCLUDE = "append,list:no-include"


@pytest.mark.parametrize("where", [NO_INCLUDE, "list:no-include", "append:no-include"])
def test_a_target_that_refuses_include_is_migrated_to_and_verified(
    cli: Cli, serve: Serve, pictures: Path, where: str
) -> None:
    serve(where)
    loaded = cli("apply", pictures, "--output", "json")
    assert (loaded.code, loaded.json["data"]["threads"]["loaded"]) == (0, 2)
    compared = cli("verify", pictures, "--output", "json")
    assert (compared.code, compared.json["data"]["threads"]["verified"]) == (0, 2)
    assert compared.json["data"].get("images_by_presence", 0) == (0 if "list" not in where else IMAGES)
    assert loaded.json["data"].get("images_by_presence", 0) == (0 if "append" not in where else IMAGES)
    assert ("images-by-presence" in loaded.json["data"]["findings"]) is ("append" in where)


def test_it_is_found_out_once_and_remembered(cli: Cli, serve: Serve, pictures: Path) -> None:
    sandbox = serve(NO_INCLUDE)
    assert cli("apply", pictures, "--workers", "1", "--output", "json").code == 0
    stats = httpx2.get(f"{sandbox.control_url}/stats").json()
    assert stats["statuses"]["400"] == 2, "once for appends, once for lists"


def test_what_was_lost_on_the_way_is_found_again_there(cli: Cli, serve: Serve, pictures: Path) -> None:
    serve(NO_INCLUDE, "append:reset-after:nth=2,3")
    assert cli("apply", pictures, "--output", "json").code == 0
    assert cli("verify", pictures, "--strict").code == 0


def test_a_late_copy_of_an_image_is_known_as_ours_there(cli: Cli, serve: Serve, pictures: Path) -> None:
    serve(NO_INCLUDE, "append:late:nth=3:seconds=0.1")
    assert cli("apply", pictures, "--output", "json").code == 0
    assert cli("verify", pictures, "--strict").code == 0


def test_an_item_that_is_refused_there_is_still_named(cli: Cli, serve: Serve, pictures: Path) -> None:
    serve("append:poison:text=2.png", NO_INCLUDE)
    outcome = cli("apply", pictures, "--output", "json")
    (error,) = outcome.json["errors"]
    assert (outcome.code, error["code"], error["thread_id"]) == (3, "invalid_item", thread_id(2))
    assert "item 2 " in error["message"]


def test_a_text_that_changed_beside_a_hidden_image_is_found(cli: Cli, serve: Serve, pictures: Path) -> None:
    sandbox = serve(NO_INCLUDE)
    assert cli("apply", pictures).code == 0
    with sqlite3.connect(sandbox.data) as data:
        data.execute(
            "UPDATE item SET body = CAST(replace(CAST(body AS TEXT), 'Look', 'Lock') AS BLOB) WHERE position = 2"
        )
    data.close()
    outcome = cli("verify", pictures, "--output", "json")
    assert outcome.code == 4
    assert [one["code"] for one in outcome.json["data"]["differences"]] == ["changed-text"]


def test_hashes_alone_cannot_be_compared_there_and_that_is_told(cli: Cli, serve: Serve, pictures: Path) -> None:
    serve(NO_INCLUDE)
    assert cli("apply", pictures).code == 0
    outcome = cli("verify", "--from-state", "--output", "json")
    assert (outcome.code, outcome.json["data"]["items_not_compared"]) == (3, IMAGES)
    assert {error["code"] for error in outcome.json["errors"]} == {"not-compared"}
    assert not outcome.json["data"]["differences"]


def test_resolve_knows_items_with_hidden_images_as_sent(
    cli: Cli, serve: Serve, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(pictures))
    serve("append:scramble", NO_INCLUDE)
    assert cli("apply", "--thread", thread_id(2)).code == 3
    shown = cli("resolve", thread_id(2), "--output", "json").json["data"]
    assert shown["message"] == "2 differences; 3 items identical.", "only the last one is out of its place"


def test_a_replay_says_which_images_it_could_not_copy(cli: Cli, serve: Serve, pictures: Path) -> None:
    serve(NO_INCLUDE)
    assert cli("apply", pictures).code == 0
    suite = {"model": "gpt-5.4-mini", "cases": [{"id": "one", "conversation": thread_id(2), "input": "Hello?"}]}
    Path("suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    outcome = cli("replay", "suite.yaml", "--output", "json")
    assert outcome.json["data"]["cases"][0]["status"] == "passed"
    assert "2 images in 1 conversations" in outcome.json["data"]["warnings"][0]


def test_only_a_conversation_that_is_not_there_is_called_gone(cli: Cli, serve: Serve, export: Path) -> None:
    serve("append:reset-after:nth=1", "list:413")
    outcome = cli("apply", export, "--workers", "1", "--output", "json")
    assert outcome.code == 3
    codes = {error["code"] for error in outcome.json["errors"] if error.get("thread_id")}
    assert codes == {"conversation-unreadable"}
