"""Turns a suite into jobs, before any work: conversations found by old or new id, and requests made ready."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from migrate_cli.convert.model_catalogue import is_reasoning
from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.modes import Mode
from migrate_cli.replay.requests import Secret, fields_of
from migrate_cli.replay.run import ReplayJob
from migrate_cli.replay.suite import Suite, SuiteCase
from migrate_cli.replay.toolspec import Tool

_CONVERSATION = re.compile(r"conv_[A-Za-z0-9_-]+")
_SHOWN = 5

Find = Callable[[list[str]], list[JsonObject]]
"""Rows for ids, old or new, as `MapQueries.of` gives them."""


@dataclass(frozen=True, slots=True)
class FoundConversation:
    """A conversation, and the thread it came from where that is known."""

    conversation_id: str
    thread_id: str | None


def jobs_of(
    suite: Suite, cases: Iterable[SuiteCase], find: Find, secret: Secret, mapped: Callable[[str], str], mode: Mode
) -> list[ReplayJob]:
    """Return the jobs of these cases of a suite.

    Raises UsageError for conversations that are not known, variables that are not set, cases without a model, and
    cases that need a conversation in a mode that has to have one.
    """
    wanted = list(cases)
    found = _conversations([case.conversation for case in wanted if case.conversation], find)
    return [_job(suite, case, found, secret, mapped, mode) for case in wanted]


def thinks(model: str | None) -> bool:
    """Whether a model reasons, so that its thoughts have to be handed back in a stateless turn."""
    return model is not None and is_reasoning(model)


def _job(
    suite: Suite,
    case: SuiteCase,
    found: Mapping[str, FoundConversation],
    secret: Secret,
    mapped: Callable[[str], str],
    mode: Mode,
) -> ReplayJob:
    setup, tools = suite.setup_of(case)
    if "agent_reference" in setup:
        _check_tools(case, tools)
    elif not setup.get("model"):
        raise UsageError(f"the case {case.id} has no model; set model in the suite, or give --model")
    if mode is Mode.IN_PLACE and case.conversation is None:
        raise UsageError(f"the case {case.id} names no conversation; with --mode in-place each must")
    place = found[case.conversation] if case.conversation else None
    return ReplayJob(
        case=case,
        fields=fields_of(setup, tools, secret, mapped),
        tools=tools,
        conversation_id=place.conversation_id if place else None,
        thread_id=place.thread_id if place else None,
        approve=(*case.approve, *suite.approve),
        deny=(*case.deny, *suite.deny),
    )


def _check_tools(case: SuiteCase, tools: Iterable[Tool]) -> None:
    """Raise UsageError for tools that would not be sent, since an agent has its own, and that nothing here answers."""
    left = [tool.name for tool in tools if not any(tool.run_here())]
    if left:
        raise UsageError(
            f"the case {case.id} names an agent, which has its tools itself: take {', '.join(left)} out of the suite; "
            "only functions and custom tools may be listed there, for their handlers"
        )


def _conversations(names: list[str], find: Find) -> dict[str, FoundConversation]:
    found: dict[str, FoundConversation] = {}
    missing: list[str] = []
    rows = {row["id"]: row for row in find(list(dict.fromkeys(names)))}
    for name in names:
        row = rows.get(name, {})
        if row.get("conversation_id"):
            found[name] = FoundConversation(row["conversation_id"], row.get("thread_id"))
        elif _CONVERSATION.fullmatch(name):
            found[name] = FoundConversation(name, None)
        elif name not in missing:
            missing.append(name)
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        raise UsageError(
            f"the state file knows no conversation for {shown}; migrate them first, or name the state file that "
            "does with --state"
        )
    return found
