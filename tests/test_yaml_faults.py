"""YAML that is not YAML is explained in plain words, with line and column, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from migrate_cli.errors import MigrateError
from migrate_cli.replay.suite import load_suite
from migrate_cli.settings_file import read_yaml


@pytest.mark.parametrize("read", [read_yaml, load_suite])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2\nb: : c\n", "2:2: this is not YAML: the [ of line 1 is not closed"),
        ("a: {b: 1\nc: 2", "2:2: this is not YAML: the { of line 1 is not closed"),
        ("a: b: c", "1:5: this is not YAML: no colon may stand here"),
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
