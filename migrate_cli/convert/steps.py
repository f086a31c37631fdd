"""Decides where the run steps of a thread belong among its messages. It places steps; it does not convert them.

The steps of a run keep the order of their list, which is reversed if their times show that it is newest first. If all
times are equal the order is kept, unless that would put a message before the calls that produced it. A step is placed

1. before the next message that its run created;
2. otherwise after the last message that its run created earlier;
3. otherwise before the first message that names the run;
4. otherwise, by time, after the last message that existed when the run started (ties count as earlier);
5. otherwise, if there are no times, after the last message of the thread.

Calls that a run was still waiting for follow everything else of that run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.pending import pending_steps, unknown_actions
from migrate_cli.convert.text import counted, short
from migrate_cli.model import Fate, Run, RunStep, Thread

_ENDED_WELL = frozenset({None, "completed"})


class PlacedStep(NamedTuple):
    """A step, and the message that its run created, if there is one."""

    step: RunStep
    message_id: str | None


@dataclass(slots=True)
class StepPlacement:
    """The steps by position: before the first message, and before and after other messages, by message id."""

    first: list[PlacedStep] = field(default_factory=list)
    before: dict[str, list[PlacedStep]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[PlacedStep]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class _Timeline:
    """The message ids in order, the latest time up to each, and the first and last message of each run."""

    ids: list[str] = field(default_factory=list)
    latest: list[float] = field(default_factory=list)
    by_run: dict[str, str] = field(default_factory=dict)
    last_by_run: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


def place_steps(thread: Thread, draft: DraftBuilder) -> StepPlacement | None:
    """Return the positions of the steps and report runs that did not complete; None if the thread has no steps.

    This reads the messages one extra time, but only for threads that have steps.
    """
    for run in thread.runs:
        if run.status not in _ENDED_WELL:
            draft.find("run-not-completed", f"The run {short(run.id)} ended as {short(str(run.status), 60)}.")
        for name, waited_for in unknown_actions(run).items():
            draft.count(Fate.NOTED)
            draft.set_aside("required_action", {"run_id": run.id, name: waited_for})
            draft.find("action-unknown", f"The run {short(run.id)} waited for {short(name, 60)}.")
    pending = pending_steps(thread)
    if not thread.run_steps and not pending:
        return None
    timeline = _timeline(thread)
    runs = {run.id: run for run in thread.runs}
    placement = StepPlacement()
    for run_id, steps in _by_run(thread.run_steps, pending, runs):
        if run_id not in runs:
            named = f"of the run {short(run_id)}, which is not in the source" if run_id else "without the id of a run"
            draft.find("step-without-run", f"{counted(len(steps), 'step')} {named}.")
        known = runs.get(run_id or "")
        _place_run(steps, known, run_id, timeline, placement)
        if run_id is not None and run_id in pending:
            _place_pending(pending[run_id], steps, known, timeline, placement)
    return placement


def made_message(step: RunStep) -> tuple[bool, str | None]:
    """Return whether the step created a message, and the id of that message."""
    details = step.details
    if isinstance(details.get("tool_calls"), list) or "message_creation" not in (step.type, details.get("type")):
        return False, None
    creation = details.get("message_creation")
    message_id = creation.get("message_id") if isinstance(creation, dict) else None
    return True, message_id if isinstance(message_id, str) else None


def oldest_first(steps: Sequence[RunStep]) -> list[RunStep]:
    """Return the steps of one run in chronological order."""
    times = [step.created_at for step in steps if step.created_at is not None]
    if times and times[0] != times[-1]:
        return list(steps) if times[0] < times[-1] else list(reversed(steps))
    if len(steps) > 1 and made_message(steps[0])[0] and not made_message(steps[-1])[0]:
        return list(reversed(steps))
    return list(steps)


def _timeline(thread: Thread) -> _Timeline:
    timeline = _Timeline()
    latest = float("-inf")
    for message in thread.messages:
        if message.created_at is not None:
            latest = max(latest, message.created_at)
        timeline.ids.append(message.id)
        timeline.latest.append(latest)
        if message.run_id is not None:
            timeline.by_run.setdefault(message.run_id, message.id)
            timeline.last_by_run[message.run_id] = message.id
    timeline.known = set(timeline.ids)
    return timeline


def _by_run(
    steps: Sequence[RunStep], pending: Iterable[str], runs: dict[str, Run]
) -> list[tuple[str | None, list[RunStep]]]:
    """Group the steps by run, and order the groups by start time; if any has no start time, keep the list order.

    A run that has only pending calls is a group without steps.
    """
    groups: dict[str | None, list[RunStep]] = {}
    for step in steps:
        groups.setdefault(step.run_id, []).append(step)
    for run_id in pending:
        groups.setdefault(run_id, [])
    ordered = [(run_id, oldest_first(group)) for run_id, group in groups.items()]
    starts = {run_id: _start(group, runs.get(run_id or "")) for run_id, group in ordered}
    if any(start is None for start in starts.values()):
        return ordered
    return sorted(ordered, key=lambda entry: starts[entry[0]] or 0.0)


def _start(steps: Sequence[RunStep], run: Run | None) -> float | None:
    if run is not None and run.created_at is not None:
        return run.created_at
    return next((step.created_at for step in steps if step.created_at is not None), None)


def _place_run(
    steps: list[RunStep], run: Run | None, run_id: str | None, timeline: _Timeline, placement: StepPlacement
) -> None:
    waiting: list[RunStep] = []
    made: str | None = None
    for step in steps:
        is_creation, message_id = made_message(step)
        if not is_creation:
            waiting.append(step)
        elif message_id in timeline.known and message_id is not None:
            placement.before[message_id] += [PlacedStep(earlier, message_id) for earlier in waiting]
            waiting, made = [], message_id
    if waiting:
        named = timeline.by_run.get(run_id) if run_id is not None else None
        if made is not None:
            placement.after[made] += [PlacedStep(step, made) for step in waiting]
        elif named is not None:
            placement.before[named] += [PlacedStep(step, named) for step in waiting]
        else:
            _place_by_time(waiting, _start(steps, run), timeline, placement)


def _place_pending(
    step: RunStep, others: list[RunStep], run: Run | None, timeline: _Timeline, placement: StepPlacement
) -> None:
    """Place the pending calls of a run at its end: after the last message that it created, otherwise by time."""
    created = [message_id for one in others if (message_id := made_message(one)[1]) in timeline.known]
    last = created[-1] if created else timeline.last_by_run.get(step.run_id or "")
    if last is not None:
        placement.after[last].append(PlacedStep(step, last))
    else:
        _place_by_time([step], _start(others, run), timeline, placement)


def _place_by_time(steps: list[RunStep], start: float | None, timeline: _Timeline, placement: StepPlacement) -> None:
    placed = [PlacedStep(step, None) for step in steps]
    has_times = bool(timeline.latest) and timeline.latest[-1] != float("-inf")
    index = bisect_right(timeline.latest, start) - 1 if start is not None and has_times else len(timeline.ids) - 1
    if index < 0:
        placement.first += placed
    else:
        placement.after[timeline.ids[index]] += placed
