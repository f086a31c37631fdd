"""How far a turn has come: which calls the client has answered since the last user message, and what is next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.responses.cues import Cue, CueKind, stages_of

ANSWERS = frozenset(
    {
        "function_call_output", "mcp_approval_response", "custom_tool_call_output", "computer_call_output",
        "local_shell_call_output", "shell_call_output", "apply_patch_call_output", "tool_search_output",
    }
)  # fmt: skip
"""Items with which a client answers a call."""

_CALLS = frozenset({CueKind.CALL, CueKind.CALL_UNKNOWN, CueKind.CUSTOM, CueKind.CLIENT})


def since_last_user(items: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """What came after the last user message; everything where there is none."""
    for place in range(len(items) - 1, -1, -1):
        if items[place]["type"] == "message" and items[place]["role"] == "user":
            return items[place + 1 :]
    return items


def runs_of_answers(items: Sequence[JsonObject]) -> list[list[JsonObject]]:
    """The answers of the client, those of one round together."""
    runs: list[list[JsonObject]] = []
    inside = False
    for item in items:
        if item["type"] in ANSWERS:
            runs = runs if inside else [*runs, []]
            runs[-1].append(item)
        inside = item["type"] in ANSWERS
    return runs


def cues_of_round(text: str, number: int, *, parallel: bool) -> list[Cue]:
    """The cues of a message that are due after so many rounds; without `parallel`, one call in each round."""
    stages = stages_of(text)
    if not parallel:
        stages = [part for stage in stages for part in _one_call_each(stage)]
    return stages[number] if number < len(stages) else []


def _one_call_each(stage: list[Cue]) -> list[list[Cue]]:
    parts: list[list[Cue]] = [[]]
    for cue in stage:
        if cue.kind in _CALLS and any(other.kind in _CALLS for other in parts[-1]):
            parts.append([])
        parts[-1].append(cue)
    return parts
