"""What stands after `migrate-cli: ` has one style, whoever raised it."""

from __future__ import annotations

import pytest
from migrate_cli.cli.frame import as_clause


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("There is no file x; name the export.", "there is no file x; name the export"),
        ("there is no key: set OPENAI_API_KEY", "there is no key: set OPENAI_API_KEY"),
        ("The state file m.db is full. Make room.", "the state file m.db is full. Make room."),
        ("the port 1 is taken. Name another", "the port 1 is taken. Name another."),
        ("OpenAI shut it down; use an export.", "OpenAI shut it down; use an export"),
        ("JSON is expected.", "JSON is expected"),
        ("Theodor.json is damaged.", "Theodor.json is damaged"),
        ("--plan: did you mean plan.json?", "--plan: did you mean plan.json?"),
        ("", ""),
    ],
)
def test_a_failure_is_told_as_a_clause(raised: str, told: str) -> None:
    assert as_clause(raised) == told
