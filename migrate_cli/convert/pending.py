"""Calls that a run still waited for when it was saved: outputs of functions, or leave to call a tool. Pure.

They are in the run's `required_action`, and mostly in its steps, too; here are those that no step holds, and what is
no list of calls. It must not place or convert them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate_cli.model import Run, RunStep, Thread


def pending_steps(thread: Thread) -> dict[str, RunStep]:
    """Return, by run id, a step that holds the run's pending calls, as if the server had listed it."""
    waiting = {run.id: calls for run in thread.runs if (calls := list(_required(run)))}
    if not waiting:
        return {}
    listed = {call.get("id") for step in thread.run_steps for call in _calls(step.details)}
    found: dict[str, RunStep] = {}
    for run_id, calls in waiting.items():
        missing = [call for call in calls if call.get("id") is None or call["id"] not in listed]
        if missing:
            details = {"type": "tool_calls", "tool_calls": missing}
            found[run_id] = RunStep(f"{run_id}#required_action", run_id, "tool_calls", details, "requires_action")
    return found


def unknown_actions(run: Run) -> dict[str, Any]:
    """Return what a run waited for that is not a list of calls, by its name; for the state file."""
    action = run.raw.get("required_action")
    if not isinstance(action, Mapping):
        return {"required_action": action} if action else {}
    return {
        str(name): details
        for name, details in action.items()
        if name != "type"
        and details
        and not (isinstance(details, Mapping) and isinstance(details.get("tool_calls"), list))
    }


def _required(run: Run) -> Iterator[Mapping[str, Any]]:
    """Yield the calls of `submit_tool_outputs`, `submit_tool_approval` and what may come beside them."""
    action = run.raw.get("required_action")
    for details in action.values() if isinstance(action, Mapping) else ():
        if isinstance(details, Mapping):
            yield from _calls(details)


def _calls(details: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    calls = details.get("tool_calls")
    yield from (call for call in calls if isinstance(call, Mapping)) if isinstance(calls, list) else ()
