"""Which part of a source one of several processes takes: told by a person, or by the scheduler that started it.

Pure: the environment is handed in. What a shard selects is `interface.shard_of`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.errors import UsageError

AUTO = "auto"
"""In place of I, or of I/N: the environment tells."""
_FORM = re.compile(r"(\d{1,9}|auto)(?:/(\d{1,9}))?")
_WAYS = "name the part yourself: --shard I/N, counted from 1"


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The variables in which one scheduler tells a task its number."""

    name: str
    index: str
    total: str | None
    """None where only a person knows how many there are."""
    first: int = 0
    """The number of the first task."""


SCHEDULERS = (
    Scheduler("Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", None),
    Scheduler("GitLab CI", "CI_NODE_INDEX", "CI_NODE_TOTAL", first=1),
    Scheduler("Azure Pipelines", "SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", first=1),
    Scheduler("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"),
    Scheduler("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"),
    Scheduler("Bitbucket Pipelines", "BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT"),
    Scheduler("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
    Scheduler("Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
)
"""All but Slurm, whose arrays begin and step as the user likes."""
SLURM = "SLURM_ARRAY_TASK_ID"


@dataclass(frozen=True, slots=True)
class _Told:
    """What one scheduler says: the task's place from 0, and how many tasks there are."""

    variable: str
    place: int
    total: int | None
    lasting: bool = True
    """Whether the total is the same when some of the tasks are started again."""


def shard_from_environment(text: str, environ: Mapping[str, str]) -> tuple[int, int]:
    """Return (I, N), counted from 1, for `I/N`, `auto/N` or `auto`. Raises UsageError, in one sentence.

    With `auto` the number comes from the scheduler's variables; N too, where it sets one that outlives a task's retry.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or (form[1] != AUTO and form[2] is None):
        raise UsageError(f"--shard takes I/N with I from 1 to N, such as 2/4, or auto/N, not {text}")
    total = None if form[2] is None else int(form[2])
    if form[1] == AUTO:
        return _auto(total, environ)
    index, total = int(form[1]), total or 0
    if index == 0 and total:
        raise UsageError(
            f"--shard counts from 1, so {text} is not a part; auto/{total} takes a scheduler's number, which may "
            "count from 0"
        )
    if not 1 <= index <= total:
        raise UsageError(f"--shard takes I/N with I from 1 to N, such as 2/4, not {text}")
    return index, total


def state_file_of(state: Path, shard: tuple[int, int] | None) -> Path:
    """Return the state file of a shard: `migration.db` becomes `migration-3of8.db`, with zeros so that names sort."""
    if shard is None:
        return state
    index, total = shard
    return state.with_name(f"{state.stem}-{index:0{len(str(total))}}of{total}{state.suffix}")


def share_of(limit: int, shard: tuple[int, int] | None) -> int:
    """Return the part of a limit for the whole organisation that one shard may use; all parts add up to the limit.

    Raises UsageError where a part would be nothing.
    """
    if shard is None:
        return limit
    index, total = shard
    if limit < total:
        raise UsageError(
            f"{limit} requests per minute cannot be divided among {total} shards; use fewer shards, raise the limit, "
            "or set load.divide_limits: false if it applies to each of them"
        )
    return limit // total + (index <= limit % total)


def _auto(total: int | None, environ: Mapping[str, str]) -> tuple[int, int]:
    told = [one for one in (*(_of(scheduler, environ) for scheduler in SCHEDULERS), _of_slurm(environ)) if one]
    if len(told) > 1:
        # Some set their variables for every job, as one of one.
        told = [one for one in told if one.total != 1] or told[:1]
    if not told:
        raise UsageError(
            "--shard auto: no variable of a known scheduler is set (such as JOB_COMPLETION_INDEX, "
            f"SLURM_ARRAY_TASK_ID or CI_NODE_INDEX); {_WAYS}"
        )
    first = told[0]
    for other in told[1:]:
        if (other.place, other.total) != (first.place, first.total):
            raise UsageError(f"--shard auto: {first.variable} and {other.variable} contradict each other; {_WAYS}")
    if total is None and not (first.total and first.lasting):
        raise UsageError(
            f"--shard auto: {first.variable} is set, but the number of shards is not certain; write --shard auto/N"
        )
    if total is not None and first.total not in (None, total):
        raise UsageError(
            f"--shard auto/{total}: {first.variable} belongs to one of {first.total} tasks, not of {total}; {_WAYS}"
        )
    shards = total or first.total or 0
    if first.place >= shards:
        raise UsageError(f"--shard auto/{shards}: {first.variable} belongs to a task after the last shard; {_WAYS}")
    return first.place + 1, shards


def _of(scheduler: Scheduler, environ: Mapping[str, str]) -> _Told | None:
    index = _number(environ, scheduler.index)
    if index is None:
        return None
    total = None if scheduler.total is None else _number(environ, scheduler.total)
    if index < scheduler.first:
        raise UsageError(f"--shard auto: {scheduler.index} is {index}, and counts from {scheduler.first}; {_WAYS}")
    return _Told(scheduler.index, index - scheduler.first, total)


def _of_slurm(environ: Mapping[str, str]) -> _Told | None:
    """A task of an evenly spaced array. Of tasks that are submitted again, Slurm counts those only."""
    number = _number(environ, SLURM)
    if number is None:
        return None
    first, last, step, count = (
        _number(environ, f"SLURM_ARRAY_TASK_{name}") for name in ("MIN", "MAX", "STEP", "COUNT")
    )
    first, step = first or 0, step or 1
    if count is None or last is None or last != first + step * (count - 1) or (number - first) % step:
        raise UsageError(f"--shard auto: the numbers of this Slurm array are not evenly spaced; {_WAYS}")
    return _Told(SLURM, (number - first) // step, count, lasting=False)


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"--shard auto: {name} is {text!r}, which is not a number; {_WAYS}")
    return int(text)
