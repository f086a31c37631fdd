"""`plan` as a gate: checks, estimates, and plans that are kept, held to and compared."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.commands.plan_gate import MostDropped, PlanGate
from migrate_cli.convert.model_catalogue import AS_OF, WINDOWS
from migrate_cli.errors import UsageError
from migrate_cli.files import tokens
from migrate_cli.files.tokens import model_window, token_counter
from migrate_cli.findings import CATALOGUE
from migrate_cli.model import Ledger, Severity
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def write_thread(folder: Path, number: int, messages: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    whole = {**thread(number, 0), "messages": messages}
    (folder / f"{thread_id(number)}.json").write_text(json.dumps(whole), "utf-8")


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    """An export with one warning (a message that was never finished) among 12 parts."""
    folder = write_export(tmp_path / "export", [5, 6])
    write_thread(folder, 3, [message(thread_id(3), 0, status="incomplete")])
    return folder


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    """An export with one error: a message without a role, one part of 6, which is dropped."""
    folder = write_export(tmp_path / "export", [5])
    write_thread(folder, 2, [{**message(thread_id(2), 0), "role": None}, message(thread_id(2), 1)])
    return folder


def codes(outcome: Any) -> list[str]:
    return [entry["code"] for entry in outcome.json["errors"]]


# ---- the check


def test_a_clean_source_passes_the_check(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", write_export(tmp_path / "export", [2]), "--check", "-o", "json")
    assert outcome.code == 0
    assert outcome.json["data"]["blocking"] == []


def test_the_first_sentence_says_what_came_of_the_check(cli: Cli, tmp_path: Path, lossy: Path) -> None:
    clean = write_export(tmp_path / "clean", [2])
    assert "Nothing was sent. The check passed." in " ".join(cli("plan", clean, "--check").out.split())
    assert "Nothing was sent. The check failed." in " ".join(cli("plan", lossy, "--check").out.split())
    assert "The check" not in cli("plan", clean).out


def test_without_a_check_errors_do_not_change_the_exit_code(cli: Cli, lossy: Path) -> None:
    outcome = cli("plan", lossy, "-o", "json")
    assert outcome.code == 0
    assert "blocking" not in outcome.json["data"]


def test_an_error_breaks_the_check_and_the_report_says_which_rule(cli: Cli, lossy: Path) -> None:
    outcome = cli("plan", lossy, "--check", "-o", "json")
    assert outcome.code == 4
    assert outcome.json["data"]["blocking"] == ["message-without-role"]
    assert codes(outcome) == ["message-without-role"]
    assert "--fail-on error" in outcome.json["errors"][0]["message"]


def test_a_warning_breaks_the_check_only_when_asked(cli: Cli, warned: Path) -> None:
    assert cli("plan", warned, "--check").code == 0
    outcome = cli("plan", warned, "--check", "--fail-on", "warning", "-o", "json")
    assert outcome.code == 4
    assert outcome.json["data"]["blocking"] == ["message-incomplete"]


def test_asking_for_warnings_asks_for_errors_too(cli: Cli, lossy: Path) -> None:
    assert cli("plan", lossy, "--check", "--fail-on", "warning").code == 4


def test_named_codes_break_the_check_and_others_do_not(cli: Cli, warned: Path) -> None:
    assert cli("plan", warned, "--check", "--fail-on", "citation-aside,tool-call-as-text").code == 0
    assert cli("plan", warned, "--check", "--fail-on", "citation-aside,message-incomplete").code == 4


def test_naming_a_rule_is_asking_for_the_check(cli: Cli, warned: Path) -> None:
    assert cli("plan", warned, "--fail-on", "warning").code == 4


def test_an_unknown_code_is_refused_with_the_closest_right_one(cli: Cli, warned: Path) -> None:
    outcome = cli("plan", warned, "--check", "--fail-on", "mesage-incomplet")
    assert outcome.code == 2
    assert "did you mean message-incomplete?" in outcome.err


@pytest.mark.parametrize(("limit", "code"), [("0", 4), ("1", 0), ("10%", 4), ("20%", 0), ("100%", 0)])
def test_dropped_parts_are_held_to_a_number_or_a_share(cli: Cli, lossy: Path, limit: str, code: int) -> None:
    outcome = cli("plan", lossy, "--fail-on", "item-invalid", "--max-dropped", limit, "-o", "json")
    assert outcome.json["data"]["parts"]["dropped"] == 1
    assert outcome.code == code
    assert codes(outcome) == (["too-many-dropped"] if code else [])


@pytest.mark.parametrize("limit", ["many", "-1", "101%", "5 parts", ""])
def test_a_limit_that_is_none_is_refused(cli: Cli, lossy: Path, limit: str) -> None:
    outcome = cli("plan", lossy, "--max-dropped", limit)
    assert outcome.code == 2
    assert "0.5%" in outcome.err


def test_a_broken_check_goes_before_unreadable_files(cli: Cli, warned: Path) -> None:
    (warned / "broken.json").write_text('{"thread": {', "utf-8")
    assert cli("plan", warned, "--check").code == 3
    assert cli("plan", warned, "--check", "--fail-on", "warning").code == 4


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 100))
def test_a_share_is_broken_exactly_when_more_is_dropped(kept: int, dropped: int, share: int) -> None:
    parts = Ledger(read=kept + dropped, kept=kept, dropped=dropped)
    allowed = (kept + dropped) * share // 100
    assert MostDropped.parse(f"{share}%").broken_by(parts) == (dropped > allowed)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_code_blocks_when_it_is_as_bad_as_asked(code: str) -> None:
    severity = CATALOGUE[code].severity
    assert bool(PlanGate.parse("error", None).blocking({code: 1})) == (severity is Severity.ERROR)
    assert bool(PlanGate.parse("warning", None).blocking({code: 1})) == (severity is not Severity.INFO)
    assert PlanGate.parse(code, None).blocking({code: 1}) == [code]


# ---- the estimate


def test_the_estimate_counts_what_apply_would_send(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1, 20, 21, 0])
    estimate = cli("plan", export, "-o", "json").json["data"]["estimate"]
    applied = cli("apply", export, "--target", "sandbox", "-o", "json").json["data"]
    assert (estimate["threads"], estimate["batches"]) == (3, 4)
    assert estimate["requests"] == applied["writes"] == 7


def test_the_time_follows_the_rate_and_is_left_out_without_one(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [1, 20, 21])
    assert "seconds" not in cli("plan", export, "-o", "json").json["data"]["estimate"]
    assert cli("plan", export, "--rate", 60, "-o", "json").json["data"]["estimate"]["seconds"] == 7
    monkeypatch.setenv("MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE", "30")
    assert cli("plan", export, "-o", "json").json["data"]["estimate"]["seconds"] == 14


def test_tokens_are_told_by_conversation(cli: Cli, tmp_path: Path) -> None:
    for number, size in enumerate([39, 399, 3999], 1):
        write_thread(tmp_path / "export", number, [message(thread_id(number), 0, "x" * size)])
    estimate = cli("plan", tmp_path / "export", "--model", "short=100", "-o", "json").json["data"]["estimate"]
    assert estimate["tokens"] == {"total": 1110, "median": 100, "p90": 1000, "max": 1000}
    assert estimate["tokens_by"].startswith("estimate")
    assert estimate["window"] == {"model": "short", "tokens": 100, "threads_over": 1, "share_over": 0.3333}


def test_the_estimate_stands_in_the_report_for_people(cli: Cli, tmp_path: Path) -> None:
    out = cli("plan", write_export(tmp_path / "export", [1]), "--model", "gpt-4o", "--rate", "100").out
    assert "at 100 requests a minute" in out
    assert f"0 (0 %), longer than the 128,000 tokens of gpt-4o (as of {AS_OF})" in " ".join(out.split())


def test_without_tiktoken_the_estimate_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert "pip install tiktoken" in token_counter()[1]


def test_tiktoken_without_its_encoding_is_said_and_never_fetches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace())
    for folder in (str(tmp_path), ""):
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", folder)
        count, by = token_counter()
        assert "tiktoken cannot count" in by
        assert count("x" * 40) == 11


def test_a_damaged_encoding_is_never_fetched_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    (tmp_path / tokens.CACHED_AS).write_bytes(b"damaged")
    assert "tiktoken cannot count" in token_counter()[1]


def test_tiktoken_counts_where_its_encoding_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = SimpleNamespace(encode_ordinary=str.split)
    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace(get_encoding=lambda name: words))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tokens, "SHA256", hashlib.sha256(b"encoding").hexdigest())
    (tmp_path / tokens.CACHED_AS).write_bytes(b"encoding")
    count, by = token_counter()
    assert by.startswith("tiktoken, o200k_base")
    assert count("three words here") == 3


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-06", "ft:gpt-4o:team::id", "ft:gpt-4o-2024-08-06:team::id"])
def test_snapshots_and_tuned_models_have_the_window_of_their_model(name: str) -> None:
    assert model_window(name) == (name, WINDOWS["gpt-4o"])


@pytest.mark.parametrize(("name", "hint"), [("gpt-4oo", "did you mean gpt-4o?"), ("house=x", "NAME=TOKENS")])
def test_a_model_without_a_known_window_names_the_way_on(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="TOKENS") as refused:
        model_window(name)
    assert hint in str(refused.value)


# ---- plans that are kept


@pytest.fixture
def planned(cli: Cli, tmp_path: Path) -> Path:
    """The folder of an export of three threads; its plan lies beside it, as plan.json."""
    export = write_export(tmp_path / "export", [2, 3, 4])
    assert cli("plan", export, "--save", tmp_path / "plan.json").code == 0
    return export


def apply_planned(cli: Cli, export: Path, *more: object) -> Any:
    return cli("apply", export, "--target", "sandbox", "--plan", export.parent / "plan.json", "-o", "json", *more)


def test_an_unchanged_source_is_applied_as_planned(cli: Cli, planned: Path) -> None:
    outcome = apply_planned(cli, planned)
    assert outcome.code == 0
    assert outcome.json["data"]["threads"]["loaded"] == 3


def test_a_part_of_a_plan_may_be_applied(cli: Cli, planned: Path) -> None:
    assert apply_planned(cli, planned, "--thread", thread_id(2)).code == 0
    assert apply_planned(cli, planned, "--limit", 1).code == 0


def test_a_single_changed_character_is_refused_before_anything_is_sent(cli: Cli, planned: Path) -> None:
    file = planned / f"{thread_id(2)}.json"
    file.write_text(file.read_text("utf-8").replace(f"{thread_id(2)} 1", f"{thread_id(2)} I"), "utf-8")
    outcome = apply_planned(cli, planned)
    assert outcome.code == 2
    assert codes(outcome) == ["plan-changed"]
    assert f"1 changed: {thread_id(2)}" in outcome.json["errors"][0]["message"]
    assert not (planned.parent / "migration.db").exists()


def test_new_and_missing_threads_are_refused_and_named(cli: Cli, planned: Path) -> None:
    (planned / f"{thread_id(1)}.json").unlink()
    write_thread(planned, 4, [message(thread_id(4), 0)])
    told = apply_planned(cli, planned).json["errors"][0]["message"]
    assert f"1 new: {thread_id(4)}" in told
    assert f"1 gone: {thread_id(1)}" in told


def test_a_changed_setting_is_refused_and_named(cli: Cli, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__CITATIONS", "strip")
    outcome = apply_planned(cli, planned)
    assert outcome.code == 2
    assert "convert.citations was keep and is strip" in outcome.json["errors"][0]["message"]


def test_another_target_than_planned_is_refused(cli: Cli, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    outcome = cli("apply", planned, "--plan", planned.parent / "plan.json")
    assert outcome.code == 2
    assert "target.base_url was" in outcome.err


def test_a_plan_made_without_a_key_holds_for_a_target_that_knows_the_files(
    cli: Cli, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = [{"file_id": "file-abc123", "tools": [{"type": "file_search"}]}]
    write_thread(tmp_path / "export", 1, [message(thread_id(1), 0, attachments=attached)])
    server = request.getfixturevalue("target")
    monkeypatch.delenv("OPENAI_API_KEY")
    assert cli("plan", tmp_path / "export", "--save", "plan.json").code == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    assert cli("apply", tmp_path / "export", "--plan", "plan.json").code == 0
    assert thread_id(1) in conversations(server.data)


def test_a_plan_holds_no_text_and_is_readable_by_its_owner_only(cli: Cli, tmp_path: Path) -> None:
    write_thread(tmp_path / "export", 1, [message(thread_id(1), 0, "a secret sentence")])
    cli("plan", tmp_path / "export", "--save", "plan.json")
    file = tmp_path / "plan.json"
    assert "secret" not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"threads":{}}', "\ufeff{", "[" * 100_000])
def test_what_is_no_plan_is_refused_in_one_sentence(cli: Cli, planned: Path, text: str) -> None:
    (planned.parent / "plan.json").write_text(text, "utf-8")
    outcome = apply_planned(cli, planned)
    assert outcome.code == 2
    assert "is not a plan; create one with: migrate-cli plan --save" in outcome.json["errors"][0]["message"]


def test_a_plan_of_another_version_is_refused_in_one_sentence(cli: Cli, planned: Path) -> None:
    (planned.parent / "plan.json").write_text('{"migrate_cli_plan": 2}', "utf-8")
    for outcome in (apply_planned(cli, planned), cli("plan", planned, "--against", "plan.json", "-o", "json")):
        assert outcome.code == 2
        assert "plan of version 2" in outcome.json["errors"][0]["message"]


def test_a_plan_that_is_not_there_or_not_writable_is_said_before_any_work(cli: Cli, planned: Path) -> None:
    assert "cannot be read" in cli("plan", planned, "--against", "nowhere.json").err
    assert "there is no folder" in cli("plan", planned, "--save", "no/such/plan.json").err
    assert "is a folder" in cli("plan", planned, "--save", planned).err


# ---- plans that are compared


def test_two_plans_of_one_source_differ_in_nothing(cli: Cli, planned: Path) -> None:
    data = cli("plan", planned, "--against", "plan.json", "-o", "json").json["data"]["against"]
    assert data["threads"] == {"new": 0, "changed": 0, "gone": 0}
    assert data["codes"] == {"new": [], "gone": []}
    assert data["settings"] == []


def test_what_is_new_since_a_plan_is_named(cli: Cli, planned: Path) -> None:
    (planned / f"{thread_id(1)}.json").unlink()
    write_thread(planned, 2, [message(thread_id(2), 0)])
    write_thread(planned, 4, [message(thread_id(4), 0, status="incomplete")])
    outcome = cli("plan", planned, "--against", "plan.json", "-o", "json")
    assert outcome.code == 0
    data = outcome.json["data"]["against"]
    assert data["thread_ids"] == {"new": [thread_id(4)], "changed": [thread_id(2)], "gone": [thread_id(1)]}
    assert data["codes"] == {"new": ["message-incomplete"], "gone": []}


def test_a_plan_may_be_compared_and_renewed_at_once(cli: Cli, planned: Path) -> None:
    write_thread(planned, 4, [message(thread_id(4), 0)])
    again = ("plan", planned, "--against", "plan.json", "--save", "plan.json", "-o", "json")
    assert cli(*again).json["data"]["against"]["threads"]["new"] == 1
    assert cli(*again).json["data"]["against"]["threads"]["new"] == 0


def test_the_comparison_stands_in_the_report_for_people(cli: Cli, planned: Path) -> None:
    write_thread(planned, 4, [message(thread_id(4), 0)])
    out = cli("plan", planned, "--against", "plan.json").out
    assert "Since the plan plan.json" in out
    assert thread_id(4) in out


def test_the_commands_that_come_next_take_the_same_settings_and_the_same_state_file(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2])
    (tmp_path / "my own.yaml").write_text(f"source:\n  path: {export}\n")
    common = ("--config", "my own.yaml", "--state", "other.db")
    planned = " ".join(cli("plan", *common).out.split())
    assert "migrate-cli apply --config 'my own.yaml' --state other.db" in planned
    applied = cli("apply", *common)
    assert "migrate-cli verify --config 'my own.yaml' --state other.db" in " ".join(applied.out.split())
    assert cli("verify", *common).code == 0
    assert "--config" not in cli("status", "--state", "other.db").out
