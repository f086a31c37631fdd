"""Tool calls that no recorded run step shows: from the runs that asked for them and the requests that answered. Pure.

Programs that run functions poll the run and hand in outputs; few of them list the steps, in which both would stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id


@dataclass(slots=True)
class RecordedCalls:
    """The calls of one thread's runs."""

    asked: dict[str, dict[str, JsonObject]] = field(default_factory=dict)
    """By run, the calls that it waited for, by their id."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """By call, what a request handed in."""

    def take_run(self, known: str, raw: JsonObject) -> None:
        """Note what a run waits for."""
        for call in _calls_of(_inside(raw, "required_action", "submit_tool_outputs")):
            call_id = clean_id(call.get("id"))
            if call_id is not None:
                self.asked.setdefault(known, {})[call_id] = call

    def take_outputs(self, body: JsonObject) -> None:
        """Note what a request hands in."""
        handed = body.get("tool_outputs")
        for one in handed if isinstance(handed, list) else []:
            call_id = clean_id(one.get("tool_call_id")) if isinstance(one, dict) else None
            if call_id is not None:
                self.outputs[call_id] = one.get("output")

    def completed(self, steps: Iterable[JsonObject]) -> list[JsonObject]:
        """Return the steps, with outputs that were handed in after they were recorded."""
        return [self._completed(step) for step in steps]

    def _completed(self, step: JsonObject) -> JsonObject:
        calls = _calls_of(_inside(step, "step_details"))
        if not any(self._lacks(call) for call in calls):
            return step
        step = deepcopy(step)
        for call in filter(self._lacks, _calls_of(_inside(step, "step_details"))):
            call["function"]["output"] = self.outputs[str(clean_id(call["id"]))]
        return step

    def _lacks(self, call: JsonObject) -> bool:
        function = call.get("function")
        known = isinstance(function, dict) and function.get("output") is None
        return known and clean_id(call.get("id")) in self.outputs

    def steps(self, runs: Mapping[str, JsonObject], shown: Iterable[JsonObject]) -> Iterator[JsonObject]:
        """Yield a step for each run whose calls no step shows; what a run still waits for is told by the run."""
        known = {clean_id(call.get("id")) for step in shown for call in _calls_of(_inside(step, "step_details"))}
        for run_id, calls in self.asked.items():
            run = runs.get(run_id, {})
            waits = _calls_of(_inside(run, "required_action", "submit_tool_outputs"))
            left = known | ({clean_id(call.get("id")) for call in waits} - self.outputs.keys())
            made = [self._with_output(call_id, call) for call_id, call in calls.items() if call_id not in left]
            if made:
                yield {
                    "id": f"{run_id}#calls",
                    "object": "thread.run.step",
                    "type": "tool_calls",
                    "status": "completed",
                    "run_id": run_id,
                    "thread_id": run.get("thread_id"),
                    "assistant_id": run.get("assistant_id"),
                    "created_at": run.get("created_at"),
                    "step_details": {"type": "tool_calls", "tool_calls": made},
                }

    def _with_output(self, call_id: str, call: JsonObject) -> JsonObject:
        function = call.get("function")
        if not isinstance(function, dict) or call_id not in self.outputs:
            return call
        return {**call, "function": {**function, "output": self.outputs[call_id]}}


def _inside(raw: JsonObject, *names: str) -> JsonObject:
    """Return the object that lies under names, one in the other; an empty one where there is none."""
    held: Any = raw
    for name in names:
        held = held.get(name) if isinstance(held, dict) else None
    return held if isinstance(held, dict) else {}


def _calls_of(raw: JsonObject) -> list[JsonObject]:
    calls = raw.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
