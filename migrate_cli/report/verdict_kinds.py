"""The words of a replay for readers who know no suites: statuses, modes, reasons, and what a likeness means.

Tables; expectations are those of `replay/expectations.py`. A name that is not here is shown without a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_cli.model import JsonObject

STATUSES: dict[str, str] = {
    "passed": "passed",
    "failed": "failed",
    "error": "not judged",
    "stopped": "stopped",
    "skipped": "skipped",
}
"""What reports call each status of a case, in their order."""
MODES: dict[str, str] = {
    "copy": "each case asks in a copy of its conversation",
    "stateless": "each request carries the history, and the target stores nothing",
    "in-place": "each case asks in the migrated conversation itself",
    "chain": "the history is sent once, then each response follows the one before",
}
LIKENESS: dict[str, str] = {
    "letters": "Likeness by letters: 1 means the same words in any order, 0 no letters in common. Unrelated texts "
    "often reach 0.4, and an answer that means the same in other words can have a low one.",
    "embedding": "Likeness by embeddings: 1 means the same meaning, 0 none in common, whatever the wording. Unrelated "
    "texts often reach 0.2.",
    "model": "Likeness as a model judges it: 1 means that both answers say the same, 0 that they contradict each other "
    "or have nothing in common, whatever the wording.",
}
"""What 0 and 1 mean, by the method by which likeness was found."""

MEANINGS: dict[str, str] = {
    "status": "The response did not end as the suite expects (completed, unless it says otherwise).",
    "contains": "A text that the answer must contain is missing.",
    "not_contains": "The answer contains a text that it must not contain.",
    "regex": "The answer does not match a pattern.",
    "json_schema": "The answer is not JSON of the expected form.",
    "equals": "The answer is not the expected one, letter by letter.",
    "similar_to": "The answer is less like the expected one than the threshold asks for.",
    "tool_called": "A tool that must be called was not, or not with the expected arguments.",
    "tool_not_called": "A tool that must not be called was called.",
    "citations_at_least": "The answer cites fewer sources than expected.",
    "refused": "The model refused where it should answer, or answered where it should refuse.",
    "max_seconds": "The answer took longer than the suite allows.",
    "max_ttft": "The first token took longer than the suite allows.",
    "max_tokens": "The answer took more tokens than the suite allows.",
    "approval-unanswered": "An MCP tool waited for an approval that was not given.",
    "call-unanswered": "The model called a tool that nothing here can run.",
    "call-without-output": "The conversation holds a call without an output, so every response on it is refused.",
    "program-unfinished": "The turn ended before a program that the model wrote came to an output.",
    "conversation-left-open": "A call in the conversation stayed open, so every later response on it is refused.",
    "copy-refused": "The target did not take a copy of the conversation.",
    "scratch-refused": "The target made no conversation for the copy.",
    "stream-broken": "No complete answer arrived, however often it was asked for.",
    "too-many-rounds": "The model kept calling tools and gave no answer.",
    "question-gone": "The question is no longer in the conversation.",
    "conversation-unreadable": "The conversation could not be read, so the case could not run.",
    "audio-refused": "The audio of the question was not transcribed.",
    "likeness-unknown": "The model that compares answers gave no usable result, so their likeness is not known.",
    "interrupted": "The run was interrupted before the case was judged.",
    "limit-reached": "A limit on cost, tokens or tool calls was reached before the case was judged.",
}


def likeness_sentence(cases: Iterable[JsonObject]) -> str:
    """Say how the likeness of these cases was found, and what its numbers mean; empty where none is known."""
    found = [case["likeness"] for case in cases if isinstance(case.get("likeness"), dict)]
    methods = dict.fromkeys(str(one.get("method") or "letters") for one in found)
    return " ".join(LIKENESS[method] for method in methods if method in LIKENESS)
