"""Outputs of functions and custom tools as the thread recorded them, found by name and arguments. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.model import JsonObject
from migrate_cli.replay.client_calls import KINDS, RUN_HERE, call_of

_OUTPUTS = frozenset(KINDS[kind].answer for kind in RUN_HERE)


class RecordedOutputs:
    """The recorded outputs of one thread. A call that was made several times is answered in that order."""

    def __init__(self, items: Iterable[JsonObject]) -> None:
        self._outputs: dict[tuple[str, str], list[str]] = {}
        open_calls: dict[str, tuple[str, str]] = {}
        for item in items:
            call_id, kind = str(item.get("call_id")), item.get("type")
            if kind in RUN_HERE:
                call = call_of(item)
                open_calls[call_id] = call.full_name, _canonical(call.arguments)
            elif kind in _OUTPUTS and call_id in open_calls:
                self._outputs.setdefault(open_calls[call_id], []).append(_text(item.get("output")))

    def find(self, name: str, arguments: JsonObject | str) -> str | None:
        """Return the output for the same name and arguments, or None; the last one stays for further calls."""
        outputs = self._outputs.get((name, _canonical(arguments)))
        if not outputs:
            return None
        return outputs.pop(0) if len(outputs) > 1 else outputs[0]


def _canonical(arguments: Any) -> str:
    """The arguments without the differences that mean nothing: spaces, and the order of keys."""
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments or "{}")
        except ValueError:
            return str(arguments)
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)


def _text(output: Any) -> str:
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False)
