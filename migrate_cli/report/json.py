"""The report as JSON, for programs: exactly the envelope of the result, as one object.

ASCII only, so that it survives any terminal, log or locale; every JSON parser reads the same value.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from migrate_cli.model import Result
from migrate_cli.report.interface import View
from migrate_cli.secrets import scrub


def render(result: Result, view: View) -> str:
    """Return the envelope, indented, with a newline at the end; content only where the view allows it."""
    envelope = result.envelope()
    if not view.with_content and "content" in result.data:
        envelope["data"] = {key: value for key, value in result.data.items() if key != "content"}
    return json.dumps(_clean(envelope), indent=2) + "\n"


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
