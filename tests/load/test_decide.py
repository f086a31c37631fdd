"""What to do with a thread that earlier runs may know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from migrate_cli.load.decide import Action, decide
from migrate_cli.model import Progress

from support.world import draft_of

DRAFT = draft_of(["a", "b", "c"])
EMPTY = replace(draft_of([]), skip_reason="no-messages")


def known(state: str, digest: str = DRAFT.digest, conversation: str | None = "conv_1") -> Progress:
    return Progress("thread_1", state=state, conversation_id=conversation, digest=digest)


def test_an_unknown_thread_is_loaded_unless_there_is_nothing_to_load() -> None:
    assert decide(DRAFT, None, []) is Action.LOAD
    assert decide(EMPTY, None, []) is Action.SKIP


@pytest.mark.parametrize("state", ["loaded", "verified", "differs"])
def test_a_loaded_thread_is_done_unless_its_source_changed(state: str) -> None:
    assert decide(DRAFT, known(state), []) is Action.DONE
    assert decide(DRAFT, known(state, "blake2b-128:other"), []) is Action.CHANGED


def test_a_thread_that_was_begun_is_resumed_while_the_source_still_begins_the_same() -> None:
    recorded = [item.digest for item in DRAFT.items[:2]]
    assert decide(DRAFT, known("loading"), recorded) is Action.RESUME
    assert decide(draft_of(["a", "x", "c"]), known("loading"), recorded) is Action.CONFLICT
    assert decide(draft_of(["a"]), known("loading"), recorded) is Action.CONFLICT


def test_a_thread_without_a_conversation_starts_anew() -> None:
    assert decide(DRAFT, known("creating", conversation=None), []) is Action.LOAD
    assert decide(DRAFT, known("undone"), []) is Action.LOAD


def test_failed_threads_wait_until_a_retry_is_asked_for_and_doubtful_ones_for_a_person() -> None:
    assert decide(DRAFT, known("failed"), []) is Action.LEAVE
    assert decide(DRAFT, known("failed"), [], retry_failed=True) is Action.RESUME
    assert decide(DRAFT, known("in_doubt"), [], retry_failed=True) is Action.LEAVE
