"""The deterministic model: from a request and its context to the output, the same every time. Pure.

It follows the cues of the last user message (`cues.py`), answers questions about the context (`context_queries.py`),
and puts the outputs of the client's tools into its answer. Only ids of calls and containers are new each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.responses import hosted_tools, mcp
from migrate_cli.sandbox.responses.context_queries import Sight, answer
from migrate_cli.sandbox.responses.cues import Cue, CueKind, without_cues
from migrate_cli.sandbox.responses.hosted_tools import Act, Note, Shelf
from migrate_cli.sandbox.responses.request import Asked
from migrate_cli.sandbox.responses.schemas import example_of
from migrate_cli.sandbox.responses.tokens import item_tokens, tokens_in
from migrate_cli.sandbox.responses.tools import chosen
from migrate_cli.sandbox.responses.turn_state import ANSWERS, cues_of_round, runs_of_answers, since_last_user

_REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class Thought:
    """What a response will be."""

    output: list[JsonObject]
    """Finished items, still without ids."""
    status: str = "completed"
    """`completed`, `incomplete`, `failed`, or `error` for a stream that ends with a top-level error."""
    reason: str | None = None
    """Why it is incomplete."""
    error: str | None = None
    """What failed, in words."""
    partial_images: int = 0


@dataclass(slots=True)
class _Turn:
    """One response in the making."""

    asked: Asked
    sight: Sight
    shelf: Shelf
    output: list[JsonObject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refusal: str | None = None
    pending: bool = False
    status: str = "completed"
    reason: str | None = None
    error: str | None = None

    def take(self, act: Act) -> None:
        self.output += act.items
        self.pending = self.pending or act.pending
        if act.note is not None:
            self.notes.append(act.note)

    def offered(self, *kinds: str) -> JsonObject | None:
        """The first tool of these kinds that the model may use now."""
        return next((tool for tool in self.tools() if tool["type"].startswith(kinds)), None)

    def tools(self) -> Sequence[JsonObject]:
        choice = self.asked.tool_choice
        if choice == "none":
            return ()
        if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            return [tool for each in choice["tools"] if (tool := chosen(each, self.asked.tools))]
        return self.asked.tools


def think(asked: Asked, sight: Sight, shelf: Shelf) -> Thought:
    """Decide on the whole output of one response."""
    turn = _Turn(asked, sight, shelf)
    since = since_last_user(sight.items)
    runs = runs_of_answers(since)
    fresh = not since or bool(runs and since[-1]["type"] in ANSWERS)
    cues = cues_of_round(sight.last_user_text(), len(runs), parallel=asked.parallel) if fresh else []
    _list_servers(turn, cues)
    if runs and fresh:
        _take_answers(turn, runs[-1])
    for cue in cues:
        _DO[cue.kind](turn, cue)
    if not cues:
        _forced_call(turn)
    _limit_hosted_calls(turn)
    if turn.status not in ("failed", "error"):
        _say(turn)
    tool = turn.offered("image_generation")
    partial = int(tool.get("partial_images") or 0) if tool else 0
    return Thought(turn.output, turn.status, turn.reason, turn.error, partial)


def _list_servers(turn: _Turn, cues: Sequence[Cue]) -> None:
    known = {item["server_label"] for item in turn.sight.items if item["type"] == "mcp_list_tools"}
    for tool in turn.tools():
        if tool["type"] == "mcp" and tool["server_label"] not in known:
            called = [cue.text.partition(" ")[2].strip() for cue in cues if cue.kind is CueKind.MCP]
            turn.output.append(mcp.listing(tool, [name for name in called if name]))


def _take_answers(turn: _Turn, answers: Sequence[JsonObject]) -> None:
    calls = {item.get("call_id"): item for item in turn.sight.items if item["type"].endswith("_call")}
    for item in answers:
        if item["type"] != "mcp_approval_response":
            name = calls.get(item["call_id"], {}).get("name", item["type"])
            turn.notes.append(Note(f"{name} returned: {_shown(item['output'])}"))
    responses = [item for item in answers if item["type"] == "mcp_approval_response"]
    for act in mcp.answered(responses, turn.sight.items):
        turn.take(act)


def _shown(output: Any) -> str:
    if isinstance(output, list):
        return " ".join(str(part.get("text") or part.get("file_id") or part["type"]) for part in output)
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def _call(turn: _Turn, cue: Cue) -> None:
    names = [tool["name"] for tool in turn.tools() if tool["type"] == "function"]
    if cue.kind is CueKind.CALL and cue.text not in names:
        turn.notes.append(Note(f"I have no function named {cue.text}."))
    else:
        turn.take(hosted_tools.function_call(cue.text, cue.arguments, ids.call_id()))


def _hosted(kinds: tuple[str, ...], act: Callable[[_Turn, Cue, JsonObject], Act]) -> Callable[[_Turn, Cue], None]:
    """Use a hosted tool, if the request offers it."""

    def do(turn: _Turn, cue: Cue) -> None:
        tool = turn.offered(*kinds)
        turn.take(Act(note=Note(f"I have no {kinds[0]} tool.")) if tool is None else act(turn, cue, tool))

    return do


def _reason(turn: _Turn, cue: Cue) -> None:
    turn.take(hosted_tools.reason(cue.text, encrypted="reasoning.encrypted_content" in turn.asked.include))


def _say_cue(turn: _Turn, cue: Cue) -> None:
    turn.said.append(cue.text)


def _echo(turn: _Turn, _: Cue) -> None:
    turn.said.append(without_cues(turn.sight.last_user_text()) or "(nothing)")


def _refuse(turn: _Turn, cue: Cue) -> None:
    turn.refusal = cue.text or _REFUSAL


def _incomplete(turn: _Turn, cue: Cue) -> None:
    turn.status, turn.reason = "incomplete", cue.text or "max_output_tokens"


def _fail(turn: _Turn, cue: Cue) -> None:
    turn.status = "failed" if cue.kind is CueKind.FAIL else "error"
    turn.error = cue.text or "The server had an error while processing your request. Sorry about that!"


_DO: dict[CueKind, Callable[[_Turn, Cue], None]] = {
    CueKind.CALL: _call,
    CueKind.CALL_UNKNOWN: _call,
    CueKind.WEB_SEARCH: _hosted(("web_search",), lambda _, cue, __: hosted_tools.web_search(cue.text)),
    CueKind.FILE_SEARCH: _hosted(
        ("file_search",), lambda turn, cue, tool: hosted_tools.file_search(cue.text, tool, turn.shelf)
    ),
    CueKind.CODE: _hosted(
        ("code_interpreter",), lambda _, cue, tool: hosted_tools.run_code(cue.text, tool, ids.container_id())
    ),
    CueKind.IMAGE: _hosted(("image_generation",), lambda _, cue, tool: hosted_tools.make_image(cue.text, tool)),
    CueKind.MCP: lambda turn, cue: turn.take(mcp.call(cue, turn.tools())),
    CueKind.REASON: _reason,
    CueKind.SAY: _say_cue,
    CueKind.ECHO: _echo,
    CueKind.REFUSE: _refuse,
    CueKind.INCOMPLETE: _incomplete,
    CueKind.FAIL: _fail,
    CueKind.ERROR: _fail,
}


def _forced_call(turn: _Turn) -> None:
    """Call the function that `tool_choice` insists on, with arguments that fit its schema."""
    choice, tool = turn.asked.tool_choice, None
    if choice == "required" or (isinstance(choice, dict) and choice.get("mode") == "required"):
        tool = turn.offered("function")
    elif isinstance(choice, dict) and choice.get("type") == "function":
        tool = chosen(choice, turn.asked.tools)
    if tool is not None:
        arguments = example_of(tool.get("parameters") or {"type": "object"}, "example")
        turn.take(hosted_tools.function_call(tool["name"], json.dumps(arguments, ensure_ascii=False), ids.call_id()))


def _limit_hosted_calls(turn: _Turn) -> None:
    """Leave out the hosted calls beyond `max_tool_calls`, as the real service ignores them."""
    left = turn.asked.max_tool_calls
    if left is None:
        return
    kept = []
    for item in turn.output:
        if item["type"].endswith("_call") and item["type"] != "function_call":
            left -= 1
            if left < 0:
                continue
        kept.append(item)
    turn.output = kept


def _say(turn: _Turn) -> None:
    """Put the message where it belongs: at the end, or before calls that wait for their answers."""
    if turn.refusal is not None:
        turn.output.append(hosted_tools.message([{"type": "refusal", "refusal": turn.refusal}]))
        return
    if turn.pending and not turn.said:
        return
    note = Note("\n".join(turn.said)) if turn.said else _answer(turn)
    note = _cut(turn, _formatted(turn, note))
    part = hosted_tools.text_part(note.text, note.annotations)
    item = hosted_tools.message([part], complete=turn.status == "completed")
    waiting = [place for place, each in enumerate(turn.output) if each["type"] in _WAITING]
    turn.output.insert(waiting[0] if waiting else len(turn.output), item)


_WAITING = frozenset({"function_call", "mcp_approval_request"})


def _answer(turn: _Turn) -> Note:
    if turn.notes:
        return hosted_tools.joined(turn.notes)
    return Note(answer(turn.sight))


def _formatted(turn: _Turn, note: Note) -> Note:
    form = turn.asked.format
    if form["type"] == "text":
        return note
    if turn.said and _is_json(note.text):
        return Note(note.text)
    value = {"answer": note.text} if form["type"] == "json_object" else example_of(form["schema"], note.text)
    return Note(json.dumps(value, ensure_ascii=False))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _cut(turn: _Turn, note: Note) -> Note:
    """Stop in the middle where that is wanted, or where `max_output_tokens` does not reach further."""
    most = turn.asked.max_output_tokens
    room = len(note.text)
    if most is not None:
        used = sum(item_tokens(item) for item in turn.output)
        if used + tokens_in(note.text) > most:
            turn.status, turn.reason = "incomplete", "max_output_tokens"
            room = max(4, (most - used) * 4)
    elif turn.status == "incomplete":
        room = (len(note.text) + 1) // 2
    if turn.status == "completed":
        return note
    return replace(
        note,
        text=note.text[:room],
        annotations=tuple(
            each for each in note.annotations if int(each.get("end_index") or each.get("index") or 0) <= room
        ),
    )
