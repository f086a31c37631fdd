"""What can go wrong with a host while its threads are migrated: one sentence each, and the rest goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.server import EmbeddedSandbox

from commands.conftest import Cli, conversations
from support.exports import texts_of, thread_id, write_export
from support.hosts import RunningHost, host
from support.identity import identity_package

SIZES = [3] * 40
FIRST = "first-source-key-012345"
TOKENS = """
import pathlib, sys
count = pathlib.Path("tokens")
number = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (number + 1))
if number == 1:
    sys.exit("AADSTS70043: the refresh token has expired, please run az login")
print(f"token-number-{number}")
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once; the waits have tests of their own."""
    monkeypatch.setattr("migrate_cli.http.retry.LONGEST_WAIT", 0.001)
    monkeypatch.setenv("SOURCE_API_KEY", FIRST)


@contextmanager
def foundry(folder: Path, *faults: str, sizes: list[int] = SIZES, **tokens: Any) -> Iterator[RunningHost]:
    """Serve threads of these sizes as Foundry does, and write the settings that list them."""
    export = write_export(folder / "export", sizes)
    with host(folder, export, SourcePreset.FOUNDRY, *faults, **tokens) as running:
        settings(folder, base_url=running.url)
        yield running


def settings(folder: Path, **source: object) -> None:
    """Write a settings file for such a host."""
    own = {"kind": "api", "preset": "foundry", "discover": True, **source}
    (folder / "migration.yaml").write_text(json.dumps({"source": own}), encoding="utf-8")


def everything(folder: Path) -> dict[str, list[str]]:
    """What must stand in the target in the end."""
    return {thread_id(number): texts_of(folder / "export", thread_id(number)) for number in range(1, len(SIZES) + 1)}


def test_a_key_that_expires_in_the_middle_ends_the_run_and_another_key_goes_on(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foundry(tmp_path, token_requests=140) as running:
        with httpx2.Client(headers={"Authorization": f"Bearer {FIRST}"}) as client:
            for _ in range(100):
                client.get(f"{running.url}/threads?api-version=v1")
        stopped = cli("apply", "--output", "json")
        assert [stopped.code, [error["code"] for error in stopped.json["errors"]]] == [6, ["auth"]]
        assert "refused the key: Access token is missing" in stopped.json["errors"][0]["message"]
        loaded = conversations(target.data)
        assert 0 < len(loaded) < len(SIZES)

        monkeypatch.setenv("SOURCE_API_KEY", "second-source-key-012345")
        assert cli("apply", "--output", "json").code == 0
    assert conversations(target.data) == everything(tmp_path)


def test_a_token_command_that_fails_in_the_middle_is_named_without_its_words_and_the_next_run_goes_on(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    (tmp_path / "tokens.py").write_text(TOKENS, encoding="utf-8")
    with foundry(tmp_path, token_requests=60) as running:
        settings(tmp_path, base_url=running.url, token_command=[sys.executable, "tokens.py"])
        stopped = cli("apply", "--output", "json")
        assert [stopped.code, [error["code"] for error in stopped.json["errors"]]] == [6, ["no-token"]]
        assert "source.token_command" in stopped.json["errors"][0]["message"]
        assert "please run az login" not in stopped.json["errors"][0]["message"]

        assert cli("apply", "--output", "json").code == 0
    assert conversations(target.data) == everything(tmp_path)


def test_a_thread_deleted_between_listing_and_reading_is_named_and_the_others_are_loaded(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path) as running:
        assert cli("plan").code == 0
        gone = httpx2.delete(
            f"{running.url}/threads/{thread_id(7)}?api-version=v1", headers={"Authorization": "Bearer some-key"}
        )
        assert gone.status_code == 200

        result = cli("apply", "--output", "json")
    assert [result.code, [error["code"] for error in result.json["errors"]]] == [3, ["thread-gone"]]
    assert thread_id(7) in result.json["errors"][0]["message"]
    expected = everything(tmp_path)
    del expected[thread_id(7)]
    assert conversations(target.data) == expected


def test_web_pages_in_place_of_some_answers_are_asked_for_again(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "reads:html:0.1"):
        assert cli("apply").code == 0
    assert conversations(target.data) == everything(tmp_path)


def test_a_host_that_answers_with_web_pages_only_is_to_be_tried_later(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "reads:html"):
        result = cli("apply", "--output", "json")
    assert [result.code, [error["code"] for error in result.json["errors"]]] == [5, ["temporary"]]
    assert "web page" in result.json["errors"][0]["message"]


def test_lists_of_messages_that_never_end_are_left_with_a_finding_and_nothing_twice(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "messages:always-more"):
        result = cli("apply", "--output", "json")
    assert [result.code, result.json["data"]["findings"]] == [0, {"page-without-news": len(SIZES)}]
    assert conversations(target.data) == everything(tmp_path)


@pytest.mark.parametrize(("threads", "loaded", "errors"), [(130, 130, []), (230, 200, ["thread-list-incomplete"])])
def test_a_list_of_threads_whose_cursor_is_ignored_is_read_from_both_ends(
    threads: int, loaded: int, errors: list[str], cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "threads:ignore-after", sizes=[1] * threads):
        result = cli("apply", "--output", "json")
    assert [result.code, [error["code"] for error in result.json["errors"]]] == [3 if errors else 0, errors]
    assert result.json["data"]["threads"]["loaded"] == loaded


def test_a_thread_whose_cursor_is_ignored_is_read_from_both_ends_and_every_command_says_what_is_missing(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "messages:ignore-after", sizes=[130, 230]):
        result = cli("apply", "--output", "json")
        commands = [cli("plan"), cli("apply"), cli("verify", "--strict")]
        gated = cli("plan", "--check")
    assert result.json["data"]["messages"]["read"] == 130 + 200
    assert result.json["data"]["findings"] == {"host-refuses-cursors": 1, "messages-missing": 1}
    assert result.json["data"]["threads"]["incomplete"] == 1
    assert [[one["code"], one["thread_id"]] for one in result.json["errors"]] == [["messages-missing", thread_id(2)]]
    assert [result.code, gated.code, *(one.code for one in commands)] == [3, 4, 3, 3, 3]
    for one in commands:
        text = " ".join(one.out.split())
        assert "Of 1 thread, messages are known to be missing in the source." in text
        assert thread_id(2) in text


def test_what_was_listed_by_option_is_verified_by_the_command_that_the_report_names(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path) as running:
        settings(tmp_path, base_url=running.url, discover=False)
        applied = cli("apply", "--discover")
        assert "migrate-cli verify --discover" in applied.out
        verified = cli("verify", "--discover", "--output", "json")
    assert [verified.code, verified.json["data"]["outcomes"]["="]] == [0, sum(SIZES)]


def test_an_identity_of_the_machine_serves_in_place_of_a_key_and_its_tokens_are_replaced_as_they_expire(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_API_KEY")
    with foundry(tmp_path, token_requests=30), identity_package(tmp_path, monkeypatch):
        assert cli("apply").code == 0
    assert conversations(target.data) == everything(tmp_path)


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_host_that_never_answers_holds_nobody_who_wants_to_stop(
    command: str, sign: signal.Signals, cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    with foundry(tmp_path, "reads:hang") as running:
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate_cli", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while not httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]:
            assert process.poll() is None
        process.send_signal(sign)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert ("run the same command again" in said) == (command == "apply"), "only where going on is what it does"
