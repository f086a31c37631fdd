"""Prints every type of content, annotation, attachment, step and tool call that an installed azure-ai-agents knows.

For a new version of the package, run it with a Python that has the package, put what it prints into
`tests/convert/agent_types.json`, and let the tests say what is not carried yet:

    python tools/agent_types.py > tests/convert/agent_types.json      # add --merge to keep other versions

The package itself is no dependency of this project, and nothing here imports the project.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "tests" / "convert" / "agent_types.json"
_BASES = {
    "content": "MessageContent",
    "input": "MessageInputContentBlock",
    "annotations": "MessageTextAnnotation",
    "tool_calls": "RunStepToolCall",
    "required": "RequiredToolCall",
}
"""What is enumerated, and the class from which its types descend."""
_SINGLE = {"attachments": "MessageAttachment", "activities": "RunStepDetailsActivity"}
_DEEPEST = 4


def table() -> dict[str, Any]:
    """Return the types by kind, each with the paths of its fields as they are in JSON."""
    models = import_module("azure.ai.agents.models")
    found: dict[str, Any] = {}
    for kind, base in _BASES.items():
        subtypes = getattr(getattr(models, base), "__mapping__", {})
        found[kind] = {_text(name): sorted(_paths(cls)) for name, cls in sorted(subtypes.items())}
    found["steps"] = sorted(map(_text, models.RunStepDetails.__mapping__))
    for kind, name in _SINGLE.items():
        cls = getattr(models, name, None)
        found[kind] = sorted(_paths(cls)) if cls is not None else []
    return found


def _text(name: Any) -> str:
    return str(getattr(name, "value", name))


def _paths(cls: type, place: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the path of each field; of a class with types of its own, those of all types, with the type's name."""
    hints = _hints(cls)
    for attribute, name in _fields(cls).items():
        path = f"{place}{name}"
        inner = _model_in(hints.get(attribute))
        if inner is None or depth == _DEEPEST:
            yield path
            continue
        for subtype_name, subtype in (vars(inner).get("__mapping__") or {"": inner}).items():
            inside = f"{path}<{_text(subtype_name)}>." if subtype_name else f"{path}."
            yield from _paths(subtype, inside, depth + 1)


def _fields(cls: type) -> dict[str, str]:
    """The names that attributes have in JSON; the package completes its own list when an object is made."""
    found = {}
    for owner in reversed(cls.__mro__):
        for attribute, field in vars(owner).items():
            if hasattr(field, "_rest_name_input"):
                found[attribute] = field._rest_name_input or attribute
    return found


def _hints(cls: type) -> dict[str, Any]:
    module = sys.modules["azure.ai.agents.models._models"]
    names = {**vars(module), "_models": sys.modules["azure.ai.agents.models"], "datetime": __import__("datetime")}
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        for name, hint in getattr(owner, "__annotations__", {}).items():
            try:
                found[name] = eval(hint, names) if isinstance(hint, str) else hint  # noqa: S307 - the package's own
            except NameError:
                continue
    return found


def _model_in(hint: Any) -> type | None:
    """Return the class of the package's that a type names, within a list or a choice."""
    if isinstance(hint, str | typing.ForwardRef):
        name = hint if isinstance(hint, str) else hint.__forward_arg__
        return getattr(sys.modules["azure.ai.agents.models"], name.rpartition(".")[2], None)
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return hint if hasattr(hint, "as_dict") and _fields(hint) else None
    return next((cls for part in typing.get_args(hint) if (cls := _model_in(part)) is not None), None)


def main() -> None:
    """Print the table, with other versions of the kept one where asked."""
    kept = json.loads(TABLE.read_text(encoding="utf-8")) if "--merge" in sys.argv and TABLE.exists() else {}
    sys.stdout.write(json.dumps({**kept, version("azure-ai-agents"): table()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
