"""Settings: where values come from, what is refused, and that keys stay out of everything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.convert.options import ConvertOptions, Tail, ToolCalls, VectorStores
from migrate_cli.errors import ExitCode, SettingsError
from migrate_cli.model import OF_NO_ITEM, YOUNGER
from migrate_cli.settings.layers import flat
from migrate_cli.settings.model import ConvertSettings, Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / "migration.yaml.example"
KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder and an environment without settings."""
    import os

    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("MIGRATE_", "OPENAI_", "SOURCE_")):
            monkeypatch.delenv(name)
    yield


def write(text: str, name: str = "migration.yaml") -> Path:
    """Write a file in the working folder."""
    Path(name).write_text(text, "utf-8")
    return Path(name)


def refused(text: str) -> str:
    """The sentence with which a settings file is refused."""
    with pytest.raises(SettingsError) as caught:
        load_settings(write(text))
    assert caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_layer_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.load.workers == 16
    assert settings.state == Path("migration.db")
    assert settings.convert_options() == ConvertOptions()
    assert settings.where("load.workers") == "default"


def test_each_layer_beats_the_one_below_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write("load:\n  workers: 2\n")
    assert load_settings().load.workers == 2
    assert load_settings().where("load.workers") == "migration.yaml:2"
    write("MIGRATE_LOAD__WORKERS=3\n", ".env")
    assert load_settings().load.workers == 3
    assert load_settings().where("load.workers") == ".env MIGRATE_LOAD__WORKERS"
    monkeypatch.setenv("MIGRATE_LOAD__WORKERS", "4")
    assert load_settings().load.workers == 4
    assert load_settings().where("load.workers") == "environment MIGRATE_LOAD__WORKERS"
    flags = load_settings(None, {"load.workers": 5})
    assert flags.load.workers == 5
    assert flags.where("load.workers") == "option load.workers"


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    write("report: {output: json}")
    assert load_settings(None, {"report.output": None}).report.output == "json"


def test_layers_of_one_section_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    write("target: {base_url: 'https://a.example/v1', project: p}")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://b.example/v1/")
    settings = load_settings()
    assert (settings.target.base_url, settings.target.project) == ("https://b.example/v1", "p")
    monkeypatch.setenv("MIGRATE_TARGET__BASE_URL", "https://c.example/v1")
    assert load_settings().target.base_url == "https://c.example/v1"


def test_organisation_and_project_come_from_the_official_clients_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj_1")
    target = load_settings(write("{}")).target
    assert (target.organization, target.project) == ("org-1", "proj_1")
    assert load_settings(write("target: {project: other}")).target.project == "proj_1"


def test_a_wrong_value_in_a_call_is_named_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"load.workers": 0})
    assert str(caught.value) == "load.workers must be at least 1."


def test_the_entries_of_a_mapping_tell_where_it_came_from() -> None:
    path = write("source:\n  columns: {thread_id: conversation}\n  roles: {bot: assistant}\n")
    settings = load_settings(path)
    assert [settings.where(f"source.{name}") for name in ("columns", "roles", "path")] == [
        f"{path}:2",
        f"{path}:3",
        "default",
    ]


def test_an_empty_variable_and_an_empty_section_are_as_if_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__WORKERS", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    assert load_settings(write("load:\ntarget:\n")).model_dump() == Settings().model_dump()


def test_the_tail_may_be_a_number_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(write("convert: {tail: 50}")).convert_options().tail == Tail(messages=50)
    assert load_settings(write("convert: {tail: {tokens: 9}}")).convert_options().tail == Tail(tokens=9)
    monkeypatch.setenv("MIGRATE_CONVERT__TAIL__MESSAGES", "7")
    assert load_settings(write("{}")).convert_options().tail == Tail(messages=7)


def test_a_version_that_yaml_reads_as_a_day_is_the_text_that_was_written() -> None:
    text = "source: {query: {api-version: 2025-05-01}}\ntarget: {query: {api-version: 2025-05-15-preview}}\n"
    settings = load_settings(write(text))
    assert settings.source.query == {"api-version": "2025-05-01"}
    assert settings.target.query == {"api-version": "2025-05-15-preview"}


def test_every_choice_of_the_converter_is_a_setting_with_the_same_default() -> None:
    fields = {field.name for field in dataclasses.fields(ConvertOptions)}
    # How long a message may be is no choice: it follows from the target.
    assert fields - {"message_characters"} == set(ConvertSettings.model_fields)
    assert Settings().convert_options() == ConvertOptions()


def test_an_unknown_key_is_refused_with_its_line_and_the_closest_right_one() -> None:
    sentence = refused("load:\n  max_error: 3\n")
    assert sentence == "migration.yaml:2: there is no setting load.max_error; did you mean load.max_errors?"


def test_a_key_at_the_wrong_level_is_pointed_to_its_section() -> None:
    assert refused("workers: 3\n").endswith("did you mean load.workers?")


def test_several_mistakes_are_told_at_once() -> None:
    sentence = refused("load: {workers: many}\nreport: {output: pdf}\n")
    assert "migration.yaml:1: load.workers must be a whole number" in sentence
    assert "migration.yaml:2: report.output must be one of text, json, markdown, junit, html" in sentence


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("convert: {tool_calls: nativ}", "one of native, text, drop"),
        ("load: {workers: 0}", "at least 1"),
        ("load: {batch_items: 21}", "at most 20"),
        ("load: {timeout: 0}", "more than 0"),
        ("load: {timeout: .inf}", "a finite number"),
        ("load: {settle: .nan}", "a finite number"),
        ("load: {timeout: true}", "a number"),
        ("load: {workers: true}", "a whole number"),
        ("load: {max_errors: false}", "a whole number"),
        ("replay: {prices: {m: {input: true, output: 1}}}", "a number"),
        ("audio: {transcribe: perhaps}", "true or false"),
        ("target: openai", "a section with keys"),
        ("target: {base_url: api.example}", "a URL that starts with https://"),
        ("state: [1]", "a path"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(text: str, allowed: str) -> None:
    assert f"must be {allowed}" in refused(text)
    assert refused(text).startswith("migration.yaml:1: ")


@pytest.mark.parametrize("name", ["api_key", "apikey", "api-key", "token", "password"])
def test_a_key_in_the_file_is_refused_without_repeating_it(name: str) -> None:
    sentence = refused(f"target:\n  {name}: {KEY}\n")
    assert sentence.startswith("migration.yaml:2:")
    assert "api_key_env" in sentence
    assert KEY not in sentence


def test_a_key_in_place_of_a_variable_name_is_not_repeated() -> None:
    sentence = refused(f"target: {{api_key_env: {KEY}}}")
    assert "the name of an environment variable" in sentence
    assert KEY not in sentence


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    assert "hunter2" not in refused("target: {base_url: 'https://me:hunter2@host.example/v1'}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("load:\n  workers: 3\n bad\n", "migration.yaml:3"),
        ("load: {workers: 3\n", "migration.yaml:2"),
        ("a: 1\na: 2\n", "migration.yaml:2"),
        ("load: {workers: 1, workers: 2}", "load.workers was already set"),
        ("source: {options: {a: [{b: 1, b: 2}]}}", "source.options.a.0.b was already set"),
        ("- a\n- b\n", "must hold settings"),
        ("state: !!python/object:os.system x\n", "migration.yaml:1"),
    ],
)
def test_broken_yaml_is_refused_with_its_line(text: str, place: str) -> None:
    assert place in refused(text)


def test_a_price_that_is_missing_is_said_to_be_missing() -> None:
    assert "replay.prices.m.output must be there" in refused("replay: {prices: {m: {input: 1}}}")


def test_a_file_that_is_not_there_not_a_file_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="migrate-cli init"):
        load_settings(tmp_path / "other.yaml")
    with pytest.raises(SettingsError, match="is a folder"):
        load_settings(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"state: \xe9")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("MIGRATE_TARGET__BASEURL", "x", "did you mean target.base_url?"),
        ("MIGRATE_TARGETS__PROJECT", "x", "did you mean MIGRATE_TARGET__"),
        ("MIGRATE_LOAD_WORKERS", "8", "MIGRATE_LOAD_WORKERS names no setting; did you mean MIGRATE_LOAD__WORKERS?"),
        ("migrate_load_max_errors", "8", "did you mean MIGRATE_LOAD__MAX_ERRORS?"),
        ("MIGRATE__STATE", "x", "did you mean MIGRATE_STATE?"),
        ("MIGRATE_LOAD__WORKERS", "-1", "environment MIGRATE_LOAD__WORKERS: load.workers must be at least 1"),
        ("MIGRATE_TARGET", "{oops", "MIGRATE_TARGET is not JSON"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value)


def test_variables_of_other_programs_are_left_alone_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_HTTPD_USER", "x")
    assert load_settings().model_dump() == Settings().model_dump()
    (told,) = load_settings().told
    assert told.startswith("environment: MIGRATE_HTTPD_USER names no setting and is ignored; the nearest is MIGRATE_")


def test_keys_come_from_the_named_variables_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    write("OPENAI_API_KEY=sk-from-file\nSHOP_KEY=sk-shop\n", ".env")
    key = load_settings().target_key()
    assert key is not None
    assert key.get_secret_value() == "sk-from-file"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = load_settings(None, {"source.api_key_env": "SHOP_KEY"})
    target, source = settings.target_key(), settings.source_key()
    assert target is not None
    assert source is not None
    assert (target.get_secret_value(), source.get_secret_value()) == (KEY, "sk-shop")
    assert load_settings().source_key() is None


def test_keys_are_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = load_settings()
    texts = [repr(settings), str(settings), settings.model_dump_json(), json.dumps(settings.setup("here"))]
    assert not any(KEY in text for text in [*texts, repr(settings.target_key())])


def test_the_setup_names_source_target_and_every_choice_of_conversion() -> None:
    setup = load_settings(None, {"convert.tool_calls": "text", "target.project": "p"}).setup("export:abc")
    assert setup["source"] == "export:abc"
    assert setup["target.base_url"] == "https://api.openai.com/v1"
    assert setup["target.project"] == "p"
    assert setup["convert.tool_calls"] == ToolCalls.TEXT
    assert {f"convert.{name}" for name in ConvertSettings.model_fields} - YOUNGER - OF_NO_ITEM <= set(setup)
    assert not any(name.startswith(("load.", "report.")) for name in setup)


def test_what_becomes_of_vector_stores_changes_no_item_and_may_change_at_any_time() -> None:
    given = load_settings(overrides={"convert.vector_stores": "rebuild"})
    assert given.convert.vector_stores is VectorStores.REBUILD
    assert given.setup("export") == load_settings().setup("export")


def test_paths_in_a_file_are_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "m.yaml"
    file.write_text("source: {path: ./export}\nstate: my.db\n")
    settings = load_settings(Path("conf/m.yaml"))
    assert settings.source.path == Path("conf/export")
    assert settings.state == Path("conf/my.db")
    assert load_settings(Path("conf/m.yaml"), {"state": "here.db"}).state == Path("here.db")


def test_the_example_holds_every_setting_with_its_default() -> None:
    values: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    assert set(flat(values)) == set(flat(Settings().model_dump(mode="json")))
    assert load_settings(write(EXAMPLE.read_text("utf-8"))).model_dump() == Settings().model_dump()


def test_a_younger_setting_is_recorded_only_where_it_is_not_the_default() -> None:
    assert "convert.unknown_fields" not in load_settings().setup("export")
    given = load_settings(overrides={"convert.unknown_fields": "keep"}).setup("export")
    assert given["convert.unknown_fields"] == "keep"
