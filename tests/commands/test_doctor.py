"""`doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.lock import StateLock

from support.exports import write_export
from support.hosts import KEY, host

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small export."""
    return write_export(tmp_path / "export", [1, 3])


def checks(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The checks of a JSON report, by name."""
    return {check["check"]: check for check in outcome.json["data"]["checks"]}


def test_all_is_well_with_a_source_a_key_and_a_target(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    outcome = cli("doctor", export, "--output", "json")
    assert outcome.code == 0
    assert {check["verdict"] for check in checks(outcome).values()} == {"ok"}
    assert {"settings", "versions", "source", "key", "target", "target key", "target API", "state", "disk"} == set(
        checks(outcome)
    )


def test_nothing_is_written_without_live(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    cli("doctor", export)
    assert list(read_conversations(target.data)) == []
    assert not Path("migration.db").exists()


def test_each_failure_names_its_next_step(cli: Cli) -> None:
    outcome = cli("doctor", "no-such-folder", "--output", "json")
    assert outcome.code == 2
    found = checks(outcome)
    assert found["source"]["verdict"] == found["key"]["verdict"] == "failure"
    assert "OPENAI_API_KEY" in found["key"]["next"]
    assert all(check["next"] for check in found.values() if check["verdict"] != "ok")
    assert {error["code"] for error in outcome.json["errors"]} == {"doctor-source", "doctor-key"}


def test_a_missing_source_is_a_warning_only(cli: Cli, target: EmbeddedSandbox) -> None:
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 0
    assert checks(outcome)["source"]["verdict"] == "warning"


def test_a_refused_key_is_exit_6(cli: Cli, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 6
    assert checks(outcome)["target"]["verdict"] == "ok"
    assert checks(outcome)["target key"]["verdict"] == "failure"


def test_a_key_with_a_line_end_is_said_before_anything_is_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789\n")
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 6
    assert "line ends" in checks(outcome)["key"]["detail"]


def test_a_target_that_is_down_is_exit_5(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("migrate_cli.doctor.target.LONGEST_PAUSE", 0.0)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 5
    assert checks(outcome)["target"]["verdict"] == "failure"


def test_a_host_without_conversations_is_told_apart(
    cli: Cli, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", target.base_url.removesuffix("/v1") + "/v7")
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 2
    assert "no Conversations API" in checks(outcome)["target API"]["detail"]


def test_a_state_file_of_another_program_is_exit_10(cli: Cli, export: Path) -> None:
    Path("other.db").write_text("these are notes of mine\n" * 9)
    outcome = cli("doctor", export, "--target", "sandbox", "--state", "other.db", "--output", "json")
    assert outcome.code == 10
    assert checks(outcome)["state"]["verdict"] == "failure"


def test_a_state_file_in_use_is_a_warning_that_names_its_holder(cli: Cli, export: Path) -> None:
    cli("apply", export, "--target", "sandbox", "--state", "m.db")
    lock = StateLock(Path("m.db"), "migrate-cli apply")
    try:
        outcome = cli("doctor", export, "--target", "sandbox", "--state", "m.db", "--output", "json")
    finally:
        lock.release()
    assert outcome.code == 0
    assert "migrate-cli apply" in checks(outcome)["state"]["detail"]
    assert checks(outcome)["state"]["verdict"] == "warning"


def test_every_setting_is_shown_with_its_place(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("migration.yaml").write_text("load:\n  workers: 3\n")
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "2")
    rows = {
        row["setting"]: row for row in cli("doctor", "--state", "a.db", "--output", "json").json["data"]["settings"]
    }
    assert rows["load.workers"] == {"setting": "load.workers", "value": 3, "from": "migration.yaml:2", "changed": True}
    assert rows["load.pilot"]["from"] == "environment MIGRATE_LOAD__PILOT"
    assert rows["state"]["from"] == "option state"
    assert rows["load.max_errors"]["from"] == "default"
    assert not rows["load.max_errors"]["changed"]


def test_no_report_shows_a_key(cli: Cli, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-without-any-pattern-77")
    for form in ("text", "json", "markdown", "html", "junit"):
        outcome = cli("doctor", "--output", form)
        assert "a-key-without-any-pattern-77" not in outcome.out + outcome.err


def test_the_text_report_lists_checks_and_the_settings_that_differ(cli: Cli, target: EmbeddedSandbox) -> None:
    outcome = cli("doctor")
    assert "A migration can run" in outcome.out
    assert "target API" in outcome.out
    assert "target.base_url" in outcome.out
    assert "as by default" in outcome.out


def test_live_shows_the_facts_and_leaves_nothing_behind(cli: Cli, target: EmbeddedSandbox) -> None:
    outcome = cli("doctor", "--live", "--output", "json")
    assert outcome.code == 0
    facts = {fact["fact"]: fact["answer"] for fact in outcome.json["data"]["facts"]}
    assert facts["item-limit"] == "20"
    assert list(read_conversations(target.data, deleted=False)) == []


@pytest.mark.parametrize("preset", [SourcePreset.FOUNDRY, SourcePreset.SELF_HOSTED])
def test_a_host_is_asked_for_a_few_threads_and_its_odd_habits_are_named(
    preset: SourcePreset, cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", preset.value)
    with host(tmp_path, write_export(tmp_path / "export", [3] * 9), preset) as running:
        url = running.url
        outcome = cli("doctor", url, "--output", "json")
    source = checks(outcome)["source"]
    assert [outcome.code, source["verdict"]] == [0, "ok"]
    assert f"api:{url} opens: 3 threads or more, as api" in source["detail"]
    assert "the first 3 hold 9 messages" in source["detail"]
    assert ("host-milliseconds" in source["detail"]) is (preset is SourcePreset.SELF_HOSTED)


def test_live_advises_the_strict_form_and_with_it_the_migration_succeeds(
    cli: Cli, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedSandbox(tmp_path / "strict.db", SandboxOptions(strict_assistant=True)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        advised = cli("doctor", export, "--live", "--output", "json")
        assert advised.code == 3
        assert checks(advised)["live assistant-content"]["next"] == "Set convert.strict_assistant to true."

        monkeypatch.setenv("MIGRATE_CONVERT__STRICT_ASSISTANT", "true")
        assert cli("doctor", export, "--live").code == 0
        assert cli("apply", export).code == 0
        assert cli("verify", export).code == 0


def shown(outcome: Outcome) -> list[str]:
    """The lines of a report; each takes more than one of a terminal that is narrower."""
    return [line[at : at + 80] for line in outcome.out.splitlines() for at in range(0, max(len(line), 1), 80)]


@pytest.mark.parametrize(
    "words", [("export",), ("export", "--live"), (), ("nowhere",), ("export", "--target", "sandbox")]
)
@pytest.mark.parametrize("key", ["sk-test-key-0123456789", "sk-wrong-0123456789", None])
def test_what_doctor_says_fits_on_a_screen(
    words: tuple[str, ...],
    key: str | None,
    cli: Cli,
    export: Path,
    target: EmbeddedSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if key is None:
        monkeypatch.delenv("OPENAI_API_KEY")
    else:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    brief = cli("doctor", *words)
    lines = shown(brief)
    assert len(lines) <= 23, brief.out  # and the prompt
    assert any(line.startswith("Next: ") for line in lines)
    whole = cli("doctor", *words, "-v")
    assert "Settings that differ from the default" in whole.out
    assert whole.out.splitlines()[0] == brief.out.splitlines()[0]


def test_the_source_that_the_state_file_knows_is_looked_at(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    cli("apply", export)
    outcome = cli("doctor", "--output", "json")
    assert checks(outcome)["source"]["detail"].startswith(f"{export} opens: 2 threads")
    assert outcome.json["data"]["source_argument"] == str(export)
    export.rename(export.with_name("moved"))
    outcome = cli("doctor", "--output", "json")
    assert outcome.code == 2
    assert "is no longer there" in checks(outcome)["source"]["detail"]
