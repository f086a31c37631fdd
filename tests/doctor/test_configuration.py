"""What `doctor` says of the settings and of the target's key, and what it never shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.doctor.check import Check, CheckVerdict
from migrate_cli.doctor.configuration import check_key, check_settings
from migrate_cli.errors import ExitCode
from migrate_cli.settings.model import Settings, load_settings
from migrate_cli.settings.shown import settings_rows

pytestmark = pytest.mark.usefixtures("clean")

KEY = "k3y-0123456789-abcdef"


def settings(**target: Any) -> Settings:
    return load_settings(None, {f"target.{name}": value for name, value in target.items()})


def rows(chosen: Settings) -> dict[str, dict[str, Any]]:
    return {row["setting"]: row for row in settings_rows(chosen)}


def key(**target: Any) -> Check:
    return check_key(settings(**target))


def test_settings_that_nobody_touched_say_how_to_change_them() -> None:
    check = check_settings(settings_rows(load_settings(None, {})))
    assert check.verdict is CheckVerdict.OK
    assert check.detail.startswith("all ") and "as by default" in check.detail and "migrate-cli init" in check.detail


def test_settings_name_each_place_once_and_how_many_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("migration.yaml").write_text("load:\n  workers: 3\n  batch_items: 20\n")
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "2")
    found = settings_rows(load_settings())
    check = check_settings(found)
    assert check.detail == f"2 of {len(found)} differ from the default; read from environment, migration.yaml"


def test_every_setting_has_a_row_with_a_value_that_json_can_hold() -> None:
    found = rows(load_settings(None, {}))
    assert {"state", "target.base_url", "load.workers", "convert.strict_assistant", "source.kind"} <= set(found)
    assert found["state"]["value"] == "migration.db"
    assert found["convert.strict_assistant"]["value"] is False
    json.dumps(list(found.values()))


def test_values_of_mappings_that_may_hold_secrets_are_masked() -> None:
    found = rows(settings(headers={"X-Gateway": "hush-hush-0123"}, query={"code": "hush-hush-0123"}))
    assert "X-Gateway" in found["target.headers"]["value"] and "code" in found["target.query"]["value"]
    assert "hush" not in str(found)


def test_of_a_command_that_fetches_a_token_only_the_program_is_shown() -> None:
    assert rows(settings(token_command="vault read hush"))["target.token_command"]["value"] == "vault ***"
    assert rows(settings(token_command=["vault"]))["target.token_command"]["value"] == "vault"


def test_a_key_in_an_address_is_not_shown() -> None:
    found = rows(settings(organization="sk-proj-0123456789abcdefghijklmnop"))
    assert "0123456789abcdefghijklmnop" not in str(found)


def test_no_key_is_a_failure_of_usage_that_names_the_variable_and_the_rehearsal() -> None:
    check = key(api_key_env="MY_KEY", base_url="https://example.com/v1")
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.USAGE)
    assert check.detail == "MY_KEY is not set, so nothing can be sent to https://example.com/v1"
    assert check.next == "Set MY_KEY, or rehearse without a key: --target sandbox."


def test_an_empty_key_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    assert "is not set" in key().detail


@pytest.mark.parametrize("wrong", [f"{KEY}\n", f" {KEY}", f"{KEY[:5]} {KEY[5:]}", f"{KEY[:5]}\t{KEY[5:]}"])
def test_blanks_in_a_key_are_a_failure_of_authentication_that_does_not_show_it(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    check = key()
    assert (check.verdict, check.exit_code) == (CheckVerdict.FAILURE, ExitCode.AUTH)
    assert "OPENAI_API_KEY" in check.detail and "blanks or line ends" in check.detail
    assert check.next == "Set OPENAI_API_KEY again, without quotes or blanks around it."
    assert KEY[:5] not in f"{check.detail}{check.next}"


def test_a_key_is_told_by_its_length_and_the_place_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    check = key()
    assert check.detail == f"OPENAI_API_KEY is set (***, {len(KEY)} characters, from the environment)"


def test_a_key_from_a_file_of_variables_names_the_file() -> None:
    Path(".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    check = key()
    assert check.verdict is CheckVerdict.OK
    assert "from .env)" in check.detail and KEY not in check.detail


def test_a_server_of_ones_own_may_need_no_key() -> None:
    check = key(preset="self-hosted", base_url="http://127.0.0.1:1/v1")
    assert check.verdict is CheckVerdict.OK
    assert check.detail == "none is set, and http://127.0.0.1:1/v1 may need none"


def test_a_command_that_fetches_tokens_stands_for_the_key() -> None:
    check = key(token_command="print-token", base_url="https://example.com/v1")
    assert check.verdict is CheckVerdict.OK
    assert check.detail == "target.token_command fetches a token for https://example.com/v1"
