"""The report as JSON, for programs: the envelope of the result and the headline that people read, as one object.

ASCII only, so that it survives any terminal, log or locale; every JSON parser reads the same value.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import build
from migrate_cli.report.interface import View
from migrate_cli.secrets import scrub


def render(result: Result, view: View) -> str:
    """Return the envelope, indented, with a newline at the end; content only where the view allows it."""
    envelope = result.envelope() | {"headline": build(result).headline}
    if not view.with_content:
        envelope["data"] = _without_texts(result)
    return json.dumps(_clean(envelope), indent=2) + "\n"


def _without_texts(result: Result) -> JsonObject:
    """The data without texts of messages: `content` of threads, and those of each case of a replay."""
    data = {key: value for key, value in result.data.items() if key != "content"}
    if result.command == "replay" and isinstance(data.get("cases"), list):
        data["cases"] = [_case_without_texts(case) if isinstance(case, dict) else case for case in data["cases"]]
    return data


def _case_without_texts(case: JsonObject) -> JsonObject:
    kept = {key: value for key, value in case.items() if key != "answers"}
    if isinstance(case.get("turns"), list):
        kept["turns"] = [{key: turn[key] for key in turn if key != "content"} for turn in case["turns"]]
    return kept


def _clean(value: Any) -> Any:
    """Make any value JSON can hold out of it, with secrets masked; tuples and sets become lists, the rest text."""
    if isinstance(value, str):
        return scrub(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _clean(child) for key, child in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(child) for child in value]
    return scrub(str(value))
