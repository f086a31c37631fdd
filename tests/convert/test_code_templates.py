"""Code that is made of a configuration: user data stays data, and every function of the model has a place."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.code_templates import LANGUAGES, as_python
from migrate_cli.model import JsonObject

TYPESCRIPT = [name for name in LANGUAGES if name != "python"]
WORDS = 'He said """quit""" \\ \n${process.exit()} `x` \u2028 é @CONFIG@ @FUNCTIONS@ \'"*/ {x}'


def configured(*functions: JsonObject, **fields: Any) -> JsonObject:
    tools = [{"type": "function", "function": function} for function in functions]
    return convert_assistant({"id": "asst_1", "model": "gpt-5.4-mini", "tools": tools, **fields}).config


def function(name: str, **fields: Any) -> JsonObject:
    return {"name": name, "parameters": {"type": "object", "properties": {}}, **fields}


NASTY = configured(function("look-up", description=WORDS), function("class"), instructions=WORDS, name="*/ '''")


def assigned(code: str) -> dict[str, ast.expr]:
    """The values of a program's annotated names."""
    nodes = [node for node in ast.parse(code).body if isinstance(node, ast.AnnAssign)]
    return {node.target.id: node.value for node in nodes if isinstance(node.target, ast.Name) and node.value}


def literal(code: str) -> str:
    return code.partition("const config: Config = ")[2].partition(";\n\nconst seconds")[0]


def test_python_holds_the_configuration_to_the_letter() -> None:
    assert ast.literal_eval(assigned(as_python(NASTY))["CONFIG"]) == NASTY


@pytest.mark.parametrize("name", TYPESCRIPT)
def test_typescript_holds_the_configuration_as_json(name: str) -> None:
    code = LANGUAGES[name](NASTY)
    assert json.loads(literal(code)) == NASTY
    assert "\u2028" not in code


@pytest.mark.parametrize("name", TYPESCRIPT)
def test_a_key_that_would_set_the_prototype_stays_a_key(name: str) -> None:
    parameters = {"type": "object", "properties": {"__proto__": {"type": "string"}}}
    code = LANGUAGES[name](configured(function("odd", parameters=parameters), instructions='"__proto__": no key'))
    assert '["__proto__"]: {' in code
    assert json.loads(literal(code).replace('["__proto__"]', '"__proto__"'))["instructions"] == '"__proto__": no key'


@given(st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True), max_size=6), st.text(max_size=40))
def test_every_function_has_a_place_of_its_own_in_python(names: list[str], told: str) -> None:
    code = as_python(configured(*(function(name, description=told) for name in names)))
    table = assigned(code)["FUNCTIONS"]
    assert isinstance(table, ast.Dict)
    keys = [ast.literal_eval(key) for key in table.keys if key is not None]
    called = [value.id for value in table.values if isinstance(value, ast.Name)]
    defined = [node.name for node in ast.parse(code).body if isinstance(node, ast.AsyncFunctionDef)]
    assert keys == list(dict.fromkeys(names))
    assert len(set(called)) == len(keys)
    assert set(called) <= set(defined)
    assert len(defined) == len(set(defined)), "nothing takes the place of something else"


@pytest.mark.parametrize("name", LANGUAGES)
def test_what_a_function_is_told_to_be_stays_on_one_line_of_comment(name: str) -> None:
    code = LANGUAGES[name](NASTY)
    mark = "#" if name == "python" else "//"
    [line] = [line for line in code.splitlines() if line.strip().startswith(f"{mark} He said")]
    assert "{x}" in line


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_mark_is_left_and_those_in_the_data_stay(name: str) -> None:
    code = LANGUAGES[name](configured())
    assert not re.search("@[A-Z]+@", code)
    assert LANGUAGES[name](NASTY).count("@FUNCTIONS@") == 3, "in instructions, description, comment"


def test_a_function_without_a_word_of_its_strictness_has_one_for_the_types_of_typescript() -> None:
    flat = {"type": "function", "name": "plain", "parameters": {"type": "object", "properties": {}}}
    config = convert_assistant({"id": "asst_1", "model": "gpt-5.4-mini", "tools": [flat]}).config
    assert "strict" not in config["tools"][0]
    assert json.loads(literal(LANGUAGES["next"](config)))["tools"] == [flat | {"strict": None}]


AGENT = {"agent": {"name": "Help", "version": "1"}, "tools": configured(function("look-up"))["tools"]}
REFERENCE = {"agent_reference": {"type": "agent_reference", "name": "Help", "version": "1"}}


def test_an_agent_is_named_in_place_of_all_that_it_has_and_its_functions_are_answered() -> None:
    values = assigned(as_python(AGENT))
    assert ast.literal_eval(values["CONFIG"]) == {"extra_body": REFERENCE}
    assert isinstance(values["FUNCTIONS"], ast.Dict)
    assert [ast.literal_eval(key) for key in values["FUNCTIONS"].keys if key is not None] == ["look-up"]


@pytest.mark.parametrize("language", TYPESCRIPT)
def test_typescript_names_an_agent_in_the_body(language: str) -> None:
    code = LANGUAGES[language](AGENT)
    assert json.loads(literal(code)) == REFERENCE
    assert '["look-up", async (_given)' in code
