"""Which shard a process takes: as a person says, or as the scheduler's variables say, or a sentence that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import UsageError
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.shard_numbers import shard_from_environment, share_of, state_file_of

SLURM = {
    "SLURM_ARRAY_TASK_ID": "6",
    "SLURM_ARRAY_TASK_MIN": "2",
    "SLURM_ARRAY_TASK_MAX": "8",
    "SLURM_ARRAY_TASK_STEP": "2",
    "SLURM_ARRAY_TASK_COUNT": "4",
}


@pytest.mark.parametrize(
    ("text", "environ", "shard"),
    [
        ("3/8", {}, (3, 8)),
        ("3/8", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "8"}, (3, 8)),
        ("auto/8", {"JOB_COMPLETION_INDEX": "0"}, (1, 8)),
        ("auto/8", {"JOB_COMPLETION_INDEX": "7"}, (8, 8)),
        ("auto", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4"}, (1, 4)),
        ("auto", {"SYSTEM_JOBPOSITIONINPHASE": "4", "SYSTEM_TOTALJOBSINPHASE": "4"}, (4, 4)),
        ("auto", {"BUILDKITE_PARALLEL_JOB": "0", "BUILDKITE_PARALLEL_JOB_COUNT": "3"}, (1, 3)),
        ("auto", {"CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "3"}, (3, 3)),
        ("auto", {"BITBUCKET_PARALLEL_STEP": "1", "BITBUCKET_PARALLEL_STEP_COUNT": "3"}, (2, 3)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "9", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}, (10, 10)),
        ("auto", {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "5"}, (1, 5)),
        ("auto/4", SLURM, (3, 4)),
        # Some set their variables for every job, as one of one.
        (
            "auto/4",
            {"JOB_COMPLETION_INDEX": "2", "SYSTEM_JOBPOSITIONINPHASE": "1", "SYSTEM_TOTALJOBSINPHASE": "1"},
            (3, 4),
        ),
        ("auto", {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1"}, (1, 1)),
    ],
)
def test_a_shard_is_told_by_a_person_or_a_scheduler(text: str, environ: dict[str, str], shard: tuple[int, int]) -> None:
    assert shard_from_environment(text, environ) == shard


@pytest.mark.parametrize(
    ("text", "environ", "sentence"),
    [
        ("x", {}, "takes I/N"),
        ("5/4", {}, "I from 1 to N"),
        ("2", {}, "takes I/N"),
        ("1/0", {}, "I from 1 to N"),
        ("0/4", {}, "counts from 1.*auto/4"),
        ("auto", {}, "no variable of a known scheduler.*--shard I/N"),
        ("auto/8", {"CI_NODE_TOTAL": "1"}, "no variable of a known scheduler"),
        ("auto", {"JOB_COMPLETION_INDEX": "0"}, "JOB_COMPLETION_INDEX is set.*--shard auto/N"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "4"}, "JOB_COMPLETION_INDEX belongs to a task after the last shard"),
        ("auto/8", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4"}, "CI_NODE_INDEX belongs to one of 4 tasks, not of 8"),
        ("auto/8", {"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "8"}, "CI_NODE_INDEX is 0, and counts from 1"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "two"}, "JOB_COMPLETION_INDEX is 'two', which is not a number"),
        # Slurm counts only the tasks that are submitted: a part of an array must not pass for the whole.
        ("auto", SLURM, "the number of shards is not certain.*--shard auto/N"),
        ("auto/8", SLURM, "SLURM_ARRAY_TASK_ID belongs to one of 4 tasks, not of 8"),
        ("auto/4", SLURM | {"SLURM_ARRAY_TASK_MAX": "9"}, "not evenly spaced"),
        ("auto/4", {"SLURM_ARRAY_TASK_ID": "1"}, "not evenly spaced"),
        (
            "auto/4",
            {"JOB_COMPLETION_INDEX": "1", "AWS_BATCH_JOB_ARRAY_INDEX": "2", "AWS_BATCH_JOB_ARRAY_SIZE": "4"},
            "JOB_COMPLETION_INDEX and AWS_BATCH_JOB_ARRAY_INDEX contradict each other",
        ),
    ],
)
def test_what_names_no_shard_is_refused_in_one_sentence(text: str, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        shard_from_environment(text, environ)


def test_state_files_of_shards_have_names_of_their_own_that_sort() -> None:
    names = [state_file_of(Path("data/migration.db"), (n, 12)).name for n in range(1, 13)]
    assert names[:2] == ["migration-01of12.db", "migration-02of12.db"]
    assert names == sorted(set(names))
    assert state_file_of(Path("data/migration.db"), (3, 8)) == Path("data/migration-3of8.db")
    assert state_file_of(Path("data/migration.db"), None) == Path("data/migration.db")


@given(st.integers(1, 50), st.integers(0, 10_000))
def test_the_shares_of_a_limit_add_up_to_it_and_are_even(shards: int, more: int) -> None:
    limit = shards + more
    shares = [share_of(limit, (n, shards)) for n in range(1, shards + 1)]
    assert sum(shares) == limit
    assert max(shares) - min(shares) <= 1
    assert min(shares) >= 1


def test_a_limit_that_is_too_small_to_be_divided_is_refused() -> None:
    with pytest.raises(UsageError, match="3 requests per minute cannot be divided among 4 shards"):
        share_of(3, (1, 4))


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 9))
def test_every_thread_is_in_exactly_one_shard(threads: list[str], shards: int) -> None:
    for thread in threads:
        assert sum(Selection(shard=(n, shards)).wants(thread) for n in range(1, shards + 1)) == 1
