"""`doctor --live`: observes how a target behaves where its documentation is silent or unreliable.

Each question has a scratch conversation of its own (see `probe.py`), made-up text, and an answer in one word and one
sentence. Nothing of the user's data is sent, and what was made is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex

from migrate_cli.doctor.check import Check, CheckVerdict, Fact, failure, ok, warning
from migrate_cli.doctor.lists import BATCH, conversation_list, include, order_and_listing, request_order
from migrate_cli.doctor.probe import TargetProbe, said, strictly, text_of
from migrate_cli.doctor.target import brief
from migrate_cli.errors import ExitCode
from migrate_cli.http.endpoint import Endpoint, segment
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.model import JsonObject
from migrate_cli.target.scratch import Sleep, Unclear

TRIES = 3
"""Attempts per question before its answer counts as unknown."""
ODD_TEXT = (
    "  blanks, a tab\t, CRLF \r\n, e\u0301 and \u00e9, \U0001f469\u200d\U0001f680, \u202eRTL\u202c, \\u0041, <b>&amp; "
)
"""Characters that servers have been seen to trim, normalise, unescape or strip."""


_NOT_FOUND_OUT = "could not be found out: "

Question = Callable[[TargetProbe], Awaitable[list[Fact]]]


async def find_out(
    endpoint: Endpoint, *, strict: bool = False, sleep: Sleep = brief
) -> tuple[list[Check], list[JsonObject]]:
    """Ask all questions; returns what needs attention as checks, and all facts as JSON.

    `strict` says that the settings send assistant messages in the strict form.
    """
    probe = TargetProbe(endpoint, sleep=sleep, strict=strict)
    facts: list[Fact] = []
    async with probe:
        for name, question in QUESTIONS.items():
            facts += await _ask(probe, name, question)
            if not probe.answered:
                break
    if not probe.answered:
        return [_unanswered(endpoint, facts), *_remains(probe)], [fact.as_dict() for fact in facts]
    checks = [check for fact in facts if (check := fact.as_check()) is not None]
    return [_summary(facts), *checks, *_remains(probe)], [fact.as_dict() for fact in facts]


async def _ask(probe: TargetProbe, name: str, question: Question) -> list[Fact]:
    reason = ""
    for _ in range(TRIES):
        try:
            return await question(probe)
        except Unclear as unclear:
            reason = str(unclear)
    return [
        Fact(
            name,
            "unknown",
            f"{_NOT_FOUND_OUT}{reason}",
            "Run doctor --live again when the target is calm.",
            CheckVerdict.WARNING,
        )
    ]


def _unanswered(endpoint: Endpoint, facts: list[Fact]) -> Check:
    why = facts[0].detail.removeprefix(_NOT_FOUND_OUT)
    return failure(
        "live",
        f"{endpoint.base_url} answers GET requests, but no POST had a clear answer: {why}",
        "Look whether a proxy or a limit stops POST requests there, then run doctor --live again.",
        ExitCode.TEMPORARY,
    )


def _summary(facts: list[Fact]) -> Check:
    known = sum(fact.answer != "unknown" for fact in facts)
    return ok("live", f"{known} of {len(facts)} facts about the target were found out in scratch conversations")


def _remains(probe: TargetProbe) -> list[Check]:
    found = []
    if probe.scratches.left:
        named = ", ".join(probe.scratches.left)
        found.append(warning("live clean-up", f"not deleted: {named}", "Delete these scratch conversations by hand."))
    if probe.lost:
        found.append(
            warning(
                "live clean-up",
                f"{probe.lost} creates were not answered; each may have left an empty conversation",
                "Nothing needs to be done: they hold no data, and cannot be found.",
            )
        )
    return found


async def _item_limit(probe: TargetProbe) -> list[Fact]:
    for size in (BATCH + 1, BATCH, BATCH // 2, 5, 1):
        conversation = await probe.create()
        reply = await probe.append(conversation, [said(f"{number}") for number in range(size)])
        if isinstance(reply, Refused):
            continue
        stored = len(await probe.items(conversation))
        if stored < size:
            detail = f"of {size} items in one request, {stored} were stored, and success was answered"
            return [
                Fact("item-limit", "lossy", detail, f"Set load.batch_items to {stored or 1}.", CheckVerdict.FAILURE)
            ]
        if size > BATCH:
            return [Fact("item-limit", "none-at-20", f"{size} items in one request are taken; 20 are sent")]
        if size == BATCH:
            return [Fact("item-limit", "20", "20 items in one request are taken, 21 are refused")]
        detail = f"{size} items in one request are taken, larger requests were refused"
        return [Fact("item-limit", str(size), detail, f"Set load.batch_items to {size}.", CheckVerdict.WARNING)]
    detail = f"not even one item was taken: {reply.message if isinstance(reply, Refused) else ''}"
    return [Fact("item-limit", "0", detail, "Look whether this is the right target and key.", CheckVerdict.FAILURE)]


async def _refused_batch(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create()
    bad = {"type": "message", "role": "nobody", "content": [{"type": "input_text", "text": "b"}]}
    reply = await probe.append(conversation, [said("a"), bad, said("c")])
    stored = len(await probe.items(conversation))
    if isinstance(reply, Applied):
        detail = f"an item with a role that does not exist was taken ({stored} of 3 are listed)"
        return [Fact("refused-batch", "not-refused", detail)]
    if stored == 0:
        return [Fact("refused-batch", "all-or-nothing", "of a request with one bad item, nothing is stored")]
    detail = f"of a request with one bad item, {stored} of 3 are stored; the loader looks before it goes on"
    return [Fact("refused-batch", "partial", detail)]


async def _text(probe: TargetProbe) -> list[Fact]:
    question, answer = said(ODD_TEXT), said(ODD_TEXT, "assistant")
    # Try both forms: whether the target requires the strict one is a separate question.
    for form in (answer, strictly(answer)):
        conversation = await probe.create()
        reply = await probe.append(conversation, [question, form])
        if isinstance(reply, Applied):
            break
    if isinstance(reply, Refused):
        detail = f"a text with unusual characters was refused: {reply.message}"
        return [
            Fact("text", "refused", detail, "Expect such messages to fail; see --on-refused.", CheckVerdict.WARNING)
        ]
    texts = [text_of(item) for item in await probe.items(conversation)]
    if texts == [ODD_TEXT, ODD_TEXT]:
        return [Fact("text", "exact", "texts come back to the letter: blanks, line ends, accents, emoji, markup")]
    detail = "texts do not come back to the letter (blanks, line ends, accents, emoji or markup change)"
    return [
        Fact("text", "changed", detail, "Do not migrate to this target: verify would differ.", CheckVerdict.FAILURE)
    ]


async def _metadata(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create({"old": "1", "both": "1"})
    reply = await probe.send("POST", f"/conversations/{segment(conversation)}", {"metadata": {"both": "2", "new": "2"}})
    if isinstance(reply, Refused):
        return [Fact("metadata-update", "refused", f"metadata cannot be changed: {reply.message}")]
    pairs = (await probe.retrieve(conversation)).get("metadata")
    answers = {
        str({"both": "2", "new": "2"}): ("replaces", "an update replaces all metadata"),
        str({"both": "2", "new": "2", "old": "1"}): ("merges", "an update adds to the metadata that stands"),
    }
    known = str(dict(sorted(pairs.items()))) if isinstance(pairs, dict) else ""
    answer, detail = answers.get(known, ("other", "an update of metadata neither replaces nor adds"))
    return [Fact("metadata-update", answer, detail)]


async def _items_in_create(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create(items=[said("first")])
    stored = len(await probe.items(conversation))
    if stored:
        return [Fact("items-in-create", "stored", "items given with a create are stored; the loader gives none")]
    return [Fact("items-in-create", "ignored", "items given with a create are dropped silently; the loader gives none")]


async def _assistant_content(probe: TargetProbe) -> list[Fact]:
    plain = said("a", "assistant")
    as_string = {"type": "message", "role": "assistant", "content": "a"}
    forms = {"plain": plain, "strict": strictly(plain), "string": as_string}
    taken = [name for name, item in forms.items() if await _takes(probe, item)]
    sent = "strict" if probe.strict else "plain"
    detail = f"assistant messages are taken as: {', '.join(taken) or 'nothing that was tried'} (sent: {sent})"
    answer = next((name for name in ("plain", "strict") if name in taken), "refused")
    if answer == "refused":
        return [Fact("assistant-content", answer, detail, "This target cannot hold answers.", CheckVerdict.FAILURE)]
    if sent in taken:
        return [Fact("assistant-content", answer, detail)]
    change = f"Set convert.strict_assistant to {'false' if probe.strict else 'true'}."
    return [Fact("assistant-content", answer, detail, change, CheckVerdict.FAILURE)]


async def _string_content(probe: TargetProbe) -> list[Fact]:
    if await _takes(probe, {"type": "message", "role": "user", "content": "a"}):
        return [Fact("string-content", "taken", "content may be a plain text; lists of parts are sent")]
    return [Fact("string-content", "refused", "content must be a list of parts, which is what is sent")]


async def _takes(probe: TargetProbe, item: JsonObject) -> bool:
    return isinstance(await probe.append(await probe.create(), [item]), Applied)


async def _idempotency(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create()
    headers = {"Idempotency-Key": f"migrate-cli-doctor-{token_hex(12)}"}
    for _ in range(2):
        if isinstance(await probe.append(conversation, [said("once")], headers), Refused):
            return [Fact("idempotency-key", "refused", "a request with Idempotency-Key is refused; none is sent")]
    if len(await probe.items(conversation)) == 1:
        return [Fact("idempotency-key", "honoured", "a repeated request with the same Idempotency-Key is done once")]
    return [Fact("idempotency-key", "ignored", "Idempotency-Key is ignored: a repeated request is done twice")]


async def _client_ids(probe: TargetProbe) -> list[Fact]:
    conversation, identifier = await probe.create(), f"msg_{token_hex(24)}"
    item = said("mine") | {"id": identifier}
    if isinstance(await probe.append(conversation, [item]), Refused):
        return [Fact("client-item-ids", "refused", "items with an id of ours are refused; none are sent")]
    ids = [entry.get("id") for entry in await probe.items(conversation)]
    if identifier not in ids:
        return [Fact("client-item-ids", "replaced", "an id of ours is replaced by the target's; none are sent")]
    again = await probe.append(conversation, [item])
    if isinstance(again, Refused):
        return [Fact("client-item-ids", "unique", "an id of ours is kept, and refused the second time")]
    count = len(await probe.items(conversation))
    return [Fact("client-item-ids", "kept", f"an id of ours is kept; sent twice, it is there {count} times")]


async def _second_delete(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create()
    path = f"/conversations/{segment(conversation)}"
    if isinstance(first := await probe.send("DELETE", path), Refused):
        detail = f"a conversation cannot be deleted: {first.message}"
        return [Fact("delete", "refused", detail, "undo will not work at this target.", CheckVerdict.WARNING)]
    if isinstance(await probe.send("DELETE", path), Refused):
        return [Fact("delete", "gone", "a conversation is gone once deleted; a second delete is refused")]
    return [Fact("delete", "repeatable", "a second delete of a conversation is answered like the first")]


async def _two_writers(probe: TargetProbe) -> list[Fact]:
    conversation = await probe.create()
    batches = [[said(f"{name}{number}") for number in range(BATCH)] for name in "ab"]
    await asyncio.gather(*(probe.append(conversation, batch) for batch in batches))
    order = "".join((text_of(item) or "?")[0] for item in await probe.items(conversation))
    apart = order in ("a" * BATCH + "b" * BATCH, "b" * BATCH + "a" * BATCH)
    if apart:
        return [Fact("two-writers", "apart", "two requests at once to one conversation stay in one piece each")]
    return [
        Fact("two-writers", "mixed", "two requests at once to one conversation mix their items; one is sent at a time")
    ]


async def _agents(probe: TargetProbe) -> list[Fact]:
    reply = await probe.agents()
    if reply is None:
        return []
    if isinstance(reply, Refused):
        detail = f"the project does not list its agents: {reply.message} ({reply.status})"
        change = "Give the key or the identity a role for agents in that project, or do without assistants --create."
        return [Fact("agents", "refused", detail, change, CheckVerdict.WARNING)]
    return [Fact("agents", "listed", "the project lists its agents, so that assistants --create can make some")]


QUESTIONS: dict[str, Question] = {
    "item-limit": _item_limit,
    "item-order": order_and_listing,
    "request-order": request_order,
    "include": include,
    "refused-batch": _refused_batch,
    "text": _text,
    "metadata-update": _metadata,
    "items-in-create": _items_in_create,
    "assistant-content": _assistant_content,
    "string-content": _string_content,
    "idempotency-key": _idempotency,
    "client-item-ids": _client_ids,
    "delete": _second_delete,
    "two-writers": _two_writers,
    "conversation-list": conversation_list,
    "agents": _agents,
}
"""Every question, by the name of its first fact."""
