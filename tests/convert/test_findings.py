from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import migrate_cli
import pytest
from migrate_cli.findings import CATALOGUE, UNREADABLE, finding
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


_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_REFUSING = {
    "Unreadable",
    "NotOursError",
    "BadJsonError",
    "ArchiveError",
    "refuse",
    "problem",
    "append",
    "Fault",
    "CassetteError",
}
"""Whatever of `sources` takes a code of what could not be read; `append` is that of lists of problems."""
_REMARKING = {"add", "notice", "Remark"}


def codes_given_to(functions: set[str]) -> set[str]:
    """The codes that modules of `sources` give to these functions, as texts or by a name of the module."""
    found: set[object] = set()
    for path in (PACKAGE / "sources").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        named = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for given in (arg for node in ast.walk(tree) if _calls(node, functions) for arg in _arguments(node)):
            found.add(named.get(given.id) if isinstance(given, ast.Name) else getattr(given, "value", None))
    return {code for code in found if isinstance(code, str) and _KEBAB.fullmatch(code)}


def _calls(node: ast.AST, functions: set[str]) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in functions


def _arguments(node: ast.AST) -> Iterator[ast.expr]:
    """The arguments of a call, those in a tuple too."""
    assert isinstance(node, ast.Call)
    for argument in node.args:
        yield from argument.elts if isinstance(argument, ast.Tuple) else [argument]


def test_every_code_of_what_cannot_be_read_is_in_its_table_and_the_table_holds_no_other() -> None:
    assert codes_given_to(_REFUSING) == UNREADABLE.keys()


def test_every_remark_of_a_source_is_in_the_catalogue() -> None:
    remarks = codes_given_to(_REMARKING)
    assert remarks and remarks - CATALOGUE.keys() == set()


@pytest.mark.parametrize("code", UNREADABLE)
def test_a_code_of_what_cannot_be_read_says_what_to_do(code: str) -> None:
    entry = UNREADABLE[code]
    assert code not in CATALOGUE and _KEBAB.fullmatch(code)
    assert entry.meaning.endswith(".") and entry.action.endswith(".")
    assert "|" not in entry.meaning + entry.action
