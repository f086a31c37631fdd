from __future__ import annotations

import re
from pathlib import Path

import migrate_cli
import pytest
from migrate_cli.findings import CATALOGUE, finding
from migrate_cli.model import Severity

PACKAGE = Path(migrate_cli.__file__).parent
_MADE = re.compile(r"""\b(?:find|finding|info|warn|error|Finding)\(\s*"([a-z0-9]+(?:-[a-z0-9]+)+)"[\s,]""")


def codes_in_the_package() -> set[str]:
    return {code for path in PACKAGE.rglob("*.py") for code in _MADE.findall(path.read_text("utf-8"))}


def test_every_code_that_the_package_makes_is_in_the_catalogue() -> None:
    assert codes_in_the_package() - CATALOGUE.keys() == set()


def test_every_code_of_conversion_is_used() -> None:
    text = "\n".join(
        path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name not in {"findings.py", "table.py"}
    )
    reading = set(list(CATALOGUE)[: list(CATALOGUE).index("no-messages")])
    assert {code for code in CATALOGUE.keys() - reading if f'"{code}"' not in text} == set()


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_code_is_kebab_case_and_says_what_to_do(code: str) -> None:
    entry = CATALOGUE[code]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert entry.meaning.endswith(".") and entry.action.endswith(".")
    assert "|" not in entry.meaning + entry.action


def test_a_finding_takes_its_severity_from_the_catalogue() -> None:
    assert finding("message-without-role", "x").severity is Severity.ERROR
    with pytest.raises(KeyError):
        finding("no-such-code", "x")
