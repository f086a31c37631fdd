"""What is wrong with a text that is not YAML, in words for its author: where, what, and what to do. Pure."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from migrate_cli.bounds import TooDeepError
from migrate_cli.settings.yaml_bounds import TooLargeYamlError

_MEANINGS = (
    (r"expected ',' or '\]'", "the [ of {opened} is not closed; close it, or put a comma between the values"),
    (r"expected ',' or '\}'", "the {{ of {opened} is not closed; close it, or put a comma between the values"),
    (
        r"mapping values are not allowed",
        "a colon is not allowed here; put the value in quotes, or check the line above",
    ),
    (r"could not find expected ':'", "the colon after the key of {opened} is missing; put one there"),
    (r"found character '\\t'", "there is a tab; indent with blanks instead"),
    (r"found character '(.)'", "a value cannot begin with {0}; put it in quotes"),
    (r"unexpected end of stream", "the quotation mark of {opened} is not closed; close it"),
    (r"found '<(?:stream|document) end>'", "it ends where a value is missing; check the last bracket or key"),
    (r"expected the node content, but found '(.*)'", "there is a {0} where a value is missing; write the value"),
    (r"expected <block end>", "it does not fit the lines above it; check the indentation, brackets and quotes"),
    (r"undefined alias|alphabetic or numeric", "a value cannot begin with * or &; put it in quotes"),
    (r"constructor for the tag '(.*)'", "the tag {0} is not known here; write a plain value"),
)
"""What the library's words mean, in the order in which they are looked for."""


def yaml_fault(error: yaml.YAMLError | ValueError | RecursionError, path: Path) -> str:
    """Return `file.yaml:3:5: this is not YAML: …`, line and column from 1, without the stop at the end."""
    if isinstance(error, TooDeepError):
        return f"{path}: the YAML is {error}"
    if isinstance(error, TooLargeYamlError):
        return f"{path}: the YAML has {error}"
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"{path}: this is not YAML: {' '.join(str(error).split())[:120]}"
    mark = error.problem_mark or error.context_mark
    place = str(path) if mark is None else f"{path}:{mark.line + 1}:{mark.column + 1}"
    opened = "this line" if error.context_mark is None else f"line {error.context_mark.line + 1}"
    problem = error.problem or ""
    for pattern, meaning in _MEANINGS:
        if found := re.search(pattern, problem):
            return f"{place}: this is not YAML: {meaning.format(*found.groups(), opened=opened)}"
    return f"{place}: this is not YAML: {problem or 'it cannot be read from here on'}; correct this line"
