"""`replay` as evidence: likeness that models find, what the old setup took, and how a result came about."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Result
from migrate_cli.report.document import build
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures
from .test_replay import MODEL, case_of, run, write_suite  # noqa: TID252 - as above

SHIPS = "[[say The lamp ships on Monday.]]"
PRICES = {MODEL: {"input": 1_000_000, "output": 1_000_000}, "judge": {"input": 2_000_000, "output": 2_000_000}}


def likened(folder: Path, method: str, text: str = "On Monday the lamp ships", **more: Any) -> Path:
    expect = {"similar_to": {"text": text, "threshold": 0.9, "method": method, **more}}
    return write_suite(folder, [{"id": "lamp", "input": SHIPS, "expect": expect}])


@pytest.mark.parametrize("method", ["embedding", "model"])
def test_a_model_of_the_target_finds_answers_alike_that_say_the_same(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__JUDGE_MODEL", "judge")
    result = run(cli, likened(tmp_path, method))
    case = case_of(result, "lamp")
    assert (result["exit_code"], case["status"]) == (0, "passed"), case
    assert case["likeness"] == {"value": 1.0, "threshold": 0.9, "method": method}
    assert case["judging"]["input_tokens"] > 0
    other = run(cli, likened(tmp_path, method, "Our returns desk is closed"))
    assert case_of(other, "lamp")["kinds"] == ["similar_to"]
    assert f"likeness by {method} 0." in case_of(other, "lamp")["detail"]


def test_what_a_judge_takes_counts_into_tokens_and_cost(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__JUDGE_MODEL", "judge")
    monkeypatch.setenv("MIGRATE_REPLAY__PRICES", json.dumps(PRICES))
    data = run(cli, likened(tmp_path, "model"))["data"]
    case = data["cases"][0]
    asked, judging = case["turns"][0], case["judging"]
    assert data["totals"]["input_tokens"] == case["input_tokens"] == asked["input_tokens"] + judging["input_tokens"]
    assert judging["cost"] == 2 * (judging["input_tokens"] + judging["output_tokens"])
    assert data["cost"] == case["cost"] == asked["cost"] + judging["cost"]
    assert data["unpriced"] == []


@pytest.mark.parametrize(
    ("method", "variable"), [("model", "MIGRATE_REPLAY__JUDGE_MODEL"), ("embedding", "MIGRATE_REPLAY__EMBEDDING_MODEL")]
)
def test_a_model_that_does_not_exist_is_told_and_lets_no_case_pass(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, method: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "no-such-model")
    result = run(cli, likened(tmp_path, method))
    case = case_of(result, "lamp")
    assert (result["exit_code"], case["status"], case["code"]) == (4, "error", "likeness-unknown")
    assert "refused the model no-such-model" in case["detail"]
    assert "does not exist" in case["detail"]
    assert case["kinds"] == ["likeness-unknown"], "nobody knows that it is not like enough"


def test_a_judge_that_nobody_named_is_asked_for_before_anything_is_sent(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    outcome = cli("replay", likened(tmp_path, "model"))
    assert outcome.code == 2
    assert "the case lamp lets a model judge" in outcome.err
    assert "replay.judge_model" in outcome.err


def test_a_limit_on_cost_needs_the_prices_of_models_that_compare_too(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__PRICES", json.dumps(PRICES))
    outcome = cli("replay", likened(tmp_path, "embedding"), "--max-cost", 100)
    assert outcome.code == 2
    assert "text-embedding-3-small" in outcome.err


def test_an_unknown_method_is_refused_with_its_line(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    outcome = cli("replay", likened(tmp_path, "feeling"))
    assert outcome.code == 2
    assert "suite.yaml:" in outcome.err
    assert "embedding" in outcome.err


def export_with_a_run(folder: Path) -> Path:
    """One thread whose last answer has a run with times and tokens."""
    own = thread_id(1)
    run_of_answer = {
        "id": "run_1", "object": "thread.run", "created_at": 1_700_000_100, "started_at": 1_700_000_101,
        "completed_at": 1_700_000_109, "assistant_id": "asst_1", "thread_id": own, "status": "completed",
        "model": MODEL, "usage": {"prompt_tokens": 700, "completion_tokens": 40, "total_tokens": 740},
    }  # fmt: skip
    messages = [
        message(own, 0, "How many messages do you see?"),
        message(
            own,
            1,
            "I see 1 message in this conversation.",
            run_id="run_1",
            assistant_id="asst_1",
            created_at=1_700_000_103,
        ),
    ]
    folder.mkdir()
    (folder / f"{own}.json").write_text(
        json.dumps({**thread(1, 0), "messages": messages, "runs": [run_of_answer]}), "utf-8"
    )
    return folder


def last_turn(cli: Cli, export: Path, *more: object) -> dict[str, Any]:
    return run(cli, "--last-turn", "--source", export, "--model", MODEL, *more)


def test_a_last_turn_stands_beside_what_the_old_setup_took(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = export_with_a_run(tmp_path / "export")
    assert cli("apply", export).code == 0
    result = last_turn(cli, export)
    case = case_of(result, thread_id(1))
    assert case["baseline"] == {"total_ms": 9000.0, "first_ms": 3000.0, "input_tokens": 700, "output_tokens": 40}
    assert result["data"]["likeness"]["compared"] == 1
    assert case["turns"][0]["expected_length"] == len("I see 1 message in this conversation.")
    assert "content" not in case["turns"][0]


def test_question_old_and_new_answer_are_shown_to_those_who_ask_and_kept_nowhere(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = export_with_a_run(tmp_path / "export")
    assert cli("apply", export).code == 0
    content = case_of(last_turn(cli, export, "--with-content"), thread_id(1))["turns"][0]["content"]
    assert content["question"] == "How many messages do you see?"
    assert content["expected"] == "I see 1 message in this conversation."
    assert content["answer"].startswith("I see 1 message")
    kept = cli("report", "-o", "json").out
    assert "How many messages" not in kept
    assert "I see 1 message" not in kept
    for path in (tmp_path / "migration.db", tmp_path / "migration.db-wal"):
        assert not path.exists() or b"How many messages" not in path.read_bytes()


def test_the_method_of_last_turns_is_a_setting(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = export_with_a_run(tmp_path / "export")
    assert cli("apply", export).code == 0
    monkeypatch.setenv("MIGRATE_REPLAY__SIMILARITY_METHOD", "embedding")
    assert case_of(last_turn(cli, export), thread_id(1))["likeness"]["method"] == "embedding"


def test_the_next_command_of_a_failed_replay_runs_as_it_stands(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    suite = write_suite(tmp_path, [{"id": "it's odd", "input": SHIPS, "expect": {"contains": "tomorrow"}}])
    result = run(cli, suite)
    step = build(Result("replay", result["data"], 4)).next_steps[0]
    command = step[step.index("migrate-cli ") :]
    again = cli(*shlex.split(command)[1:])
    assert again.code == 4
    assert "The lamp ships on Monday." in again.out


def test_a_report_that_is_made_later_tells_how_its_run_came_about(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    suite = write_suite(tmp_path, [{"id": "x", "input": SHIPS}])
    now = run(cli, suite, "--workers", 7)
    later = cli("report", now["run_id"], "-o", "json").json
    for name in ("version", "started_at", "ended_at"):
        assert now[name]
        assert later[name][:16] == now[name][:16] or later[name] <= now[name]
    assert later["provenance"] == now["provenance"]
    assert later["provenance"]["target"] == target.base_url
    settings = {entry["setting"]: entry["value"] for entry in later["provenance"]["settings"]}
    assert settings["replay.workers"] == 7
    page = cli("report", now["run_id"], "-o", "html").out
    assert now["provenance"]["settings_digest"] in page
    assert now["run_id"] in page


def test_equal_settings_have_equal_digests_and_others_have_others(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    def digest(*args: object) -> str:
        found: str = cli("status", *args, "-o", "json").json["provenance"]["settings_digest"]
        return found

    assert cli("apply", export_with_a_run(tmp_path / "export")).code == 0
    assert digest() == digest("-v")
    one = run(cli, write_suite(tmp_path, [{"id": "x", "input": SHIPS}]))["provenance"]["settings_digest"]
    other = run(cli, write_suite(tmp_path, [{"id": "x", "input": SHIPS}]), "--workers", 3)["provenance"][
        "settings_digest"
    ]
    assert one != other


def test_masked_reports_mask_every_place_in_which_a_text_may_stand(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__RETRIES", "0")
    asked = {
        "id": "x",
        "input": "Write to ann@example.org [[fail ann@example.org is down]]",
        "expect": {"similar_to": "Ask bob@example.org", "contains": "eve@example.org"},
    }
    suite = write_suite(tmp_path, [asked])
    assert "ann@example.org is down" in cli("replay", suite, "-o", "json").out
    for form in ("text", "json", "markdown", "junit", "html"):
        shown = cli("replay", suite, "--with-content", "--redact", "-o", form).out
        assert "@example.org" not in shown, form
        assert "e-mail" in shown, form
