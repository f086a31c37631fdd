"""YAML that is not YAML is explained in plain words, with line and column, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from migrate_cli.errors import MigrateError
from migrate_cli.model import Thread, Unreadable
from migrate_cli.replay.suite import load_suite
from migrate_cli.settings.layers import file_layer
from migrate_cli.settings.model import Settings
from migrate_cli.settings.yaml_document import read_document
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection


def read_settings(path: Path) -> object:
    return file_layer(path, Settings, relative=())


@pytest.mark.parametrize("read", [read_settings, load_suite])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2\nb: : c\n", "2:2: this is not YAML: the [ of line 1 is not closed"),
        ("a: {b: 1\nc: 2", "2:2: this is not YAML: the { of line 1 is not closed"),
        ("a: b: c", "1:5: this is not YAML: a colon is not allowed here"),
        ("a:\n\tb: 1", "2:1: this is not YAML: there is a tab"),
        ("a: @x", "1:4: this is not YAML: a value cannot begin with @"),
        ("a: 'x\nb: 1", "2:5: this is not YAML: the quotation mark of line 1 is not closed"),
        ("a: 1\nb\nc: 2", "3:1: this is not YAML: the colon after the key of line 2 is missing"),
        ("- a\nb: 1", "2:1: this is not YAML: it does not fit the lines above it"),
        ("a: *x", "1:4: this is not YAML: a value cannot begin with * or &"),
    ],
)
def test_the_place_the_reason_and_a_way_on_are_told(tmp_path: Path, read: object, text: str, told: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(MigrateError) as refused:
        read(path)  # type: ignore[operator]  # both take a path
    assert str(refused.value).startswith(f"{path}:{told}; ")
    assert "expected" not in str(refused.value)


LEVELS = "\n".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 12))
BOMB = f"l0: &l0 [a, b, c, d, e, f, g, h, i]\n{LEVELS}\n"


@pytest.mark.parametrize("read", [read_settings, load_suite])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "the YAML has more than 500,000 values, its aliases written out; limits.yaml_nodes raises the bound"),
        ("a: &a [1, *a]\n", "the YAML has a value that holds itself (*a)"),
        ("a: " + "[" * 5_000 + "]" * 5_000, "the YAML is nested more than 200 levels deep; limits.json_depth"),
        ("a: " + "[" * 100_000, "the YAML is nested more than 200 levels deep; limits.json_depth"),
    ],
)
def test_yaml_that_would_become_too_much_is_never_loaded(tmp_path: Path, read: object, text: str, told: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(MigrateError) as refused:
        read(path)  # type: ignore[operator]  # both take a path
    assert told in str(refused.value)


def test_aliases_in_measure_are_as_good_as_what_they_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]\n")
    assert read_document(path).value == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}, {"x": 1}]}


@pytest.mark.parametrize(
    ("text", "code"),
    [(BOMB, "yaml-too-large"), ("a: " + "[" * 500 + "]" * 500, "json-too-deep")],
)
def test_a_recording_that_would_become_too_much_is_one_file_that_is_told(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "cassette.yaml").write_text(f"interactions:\n- request: x\n{text}")
    (tmp_path / "good.json").write_text(
        '{"thread": {"id": "thread_a"}, "messages": [{"role": "user", "content": "a"}]}'
    )
    found = list(open_source(str(tmp_path)).threads(Selection()))
    assert [one.code for one in found if isinstance(one, Unreadable)] == [code]
    assert [one.id for one in found if isinstance(one, Thread)] == ["thread_a"]
