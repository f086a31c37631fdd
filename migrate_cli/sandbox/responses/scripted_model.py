"""The deterministic model: the same request and context always give the same output. Pure.

It follows the cues in the last user message (`cues.py`), answers questions about the context (`context_queries.py`),
and quotes the outputs of the client's tools. Only the ids of calls and containers differ from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.responses import client_calls, hosted_tools, mcp
from migrate_cli.sandbox.responses.comparison import verdict_on
from migrate_cli.sandbox.responses.context_queries import ModelContext, answer
from migrate_cli.sandbox.responses.cues import Cue, CueKind, without_cues
from migrate_cli.sandbox.responses.hosted_tools import AnnotatedText, CueResult, FileSearch
from migrate_cli.sandbox.responses.request import ResponseRequest
from migrate_cli.sandbox.responses.schemas import example_of
from migrate_cli.sandbox.responses.tokens import item_tokens, tokens_in
from migrate_cli.sandbox.responses.tools import chosen
from migrate_cli.sandbox.responses.turn_state import ANSWERS, cues_of_round, runs_of_answers, since_last_user

_REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the model has generated for a response."""

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
class _OutputBuilder:
    """A response being generated."""

    request: ResponseRequest
    context: ModelContext
    files: FileSearch
    output: list[JsonObject] = field(default_factory=list)
    sentences: list[AnnotatedText] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refusal: str | None = None
    pending: bool = False
    status: str = "completed"
    reason: str | None = None
    error: str | None = None

    def take(self, result: CueResult) -> None:
        self.output += result.items
        self.pending = self.pending or result.pending
        if result.sentence is not None:
            self.sentences.append(result.sentence)

    def offered(self, *kinds: str) -> JsonObject | None:
        """The first tool of these kinds that the model may use now."""
        return next((tool for tool in self.tools() if tool["type"].startswith(kinds)), None)

    def tools(self) -> Sequence[JsonObject]:
        choice = self.request.tool_choice
        if choice == "none":
            return ()
        if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            return [tool for each in choice["tools"] if (tool := chosen(each, self.request.tools))]
        return self.request.tools


def generate(request: ResponseRequest, context: ModelContext, files: FileSearch) -> ModelOutput:
    """Generate the whole output of one response."""
    builder = _OutputBuilder(request, context, files)
    since = since_last_user(context.items)
    runs = runs_of_answers(since)
    fresh = not since or bool(runs and since[-1]["type"] in ANSWERS)
    asked = context.last_user_text()
    verdict = verdict_on(asked)
    meant = fresh and verdict is None
    cues = cues_of_round(asked, len(runs), parallel=request.parallel) if meant else []
    if verdict is not None:
        builder.said.append(verdict)
    _list_servers(builder, cues)
    if runs and fresh:
        _take_answers(builder, runs[-1])
    for cue in cues:
        _DO[cue.kind](builder, cue)
    if not cues:
        _forced_call(builder)
    _limit_hosted_calls(builder)
    if builder.status not in ("failed", "error"):
        _say(builder)
    tool = builder.offered("image_generation")
    partial = int(tool.get("partial_images") or 0) if tool else 0
    return ModelOutput(builder.output, builder.status, builder.reason, builder.error, partial)


def _list_servers(builder: _OutputBuilder, cues: Sequence[Cue]) -> None:
    known = {item["server_label"] for item in builder.context.items if item["type"] == "mcp_list_tools"}
    for tool in builder.tools():
        if tool["type"] == "mcp" and tool["server_label"] not in known:
            called = [cue.text.partition(" ")[2].strip() for cue in cues if cue.kind is CueKind.MCP]
            builder.output.append(mcp.listing(tool, [name for name in called if name]))


def _take_answers(builder: _OutputBuilder, answers: Sequence[JsonObject]) -> None:
    calls = {item.get("call_id"): item for item in builder.context.items if item["type"].endswith("_call")}
    for item in answers:
        if item["type"] != "mcp_approval_response":
            name = calls.get(item["call_id"], {}).get("name", item["type"])
            builder.sentences.append(AnnotatedText(f"{name} returned: {_shown(item.get('output') or item['type'])}"))
    responses = [item for item in answers if item["type"] == "mcp_approval_response"]
    for result in mcp.carry_out_approved(responses, builder.context.items):
        builder.take(result)


def _shown(output: Any) -> str:
    if isinstance(output, list):
        return " ".join(str(part.get("text") or part.get("file_id") or part.get("stderr") or part) for part in output)
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def _call(builder: _OutputBuilder, cue: Cue) -> None:
    known = {full: (name, namespace) for full, name, namespace in _called_by_name(builder, "function")}
    if cue.kind is CueKind.CALL and cue.text not in known:
        builder.sentences.append(AnnotatedText(f"I have no function named {cue.text}."))
        return
    name, namespace = known.get(cue.text, (cue.text, None))
    builder.take(client_calls.function_call(name, cue.arguments, namespace))


def _called_by_name(builder: _OutputBuilder, kind: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield the client's tools of a type: full name, name and namespace."""
    for tool in builder.tools():
        if tool["type"] == kind:
            yield tool["name"], tool["name"], None
        elif tool["type"] == "namespace":
            for inner in tool["tools"]:
                if inner["type"] == kind:
                    yield f"{tool['name']}.{inner['name']}", inner["name"], tool["name"]


def _custom(builder: _OutputBuilder, cue: Cue) -> None:
    known = {full: (name, namespace) for full, name, namespace in _called_by_name(builder, "custom")}
    if cue.text not in known:
        builder.sentences.append(AnnotatedText(f"I have no custom tool named {cue.text}."))
        return
    name, namespace = known[cue.text]
    builder.take(client_calls.custom_call(name, cue.arguments, namespace))


def _client(builder: _OutputBuilder, cue: Cue) -> None:
    call = client_calls.other_call(cue.text)
    builder.take(call or CueResult(sentence=AnnotatedText(f"I know no call of the type {cue.text}.")))


def _comment(builder: _OutputBuilder, cue: Cue) -> None:
    builder.output.append(hosted_tools.message([hosted_tools.text_part(cue.text)], phase="commentary"))


def _hosted(
    kinds: tuple[str, ...], use: Callable[[_OutputBuilder, Cue, JsonObject], CueResult]
) -> Callable[[_OutputBuilder, Cue], None]:
    """Use a hosted tool, if the request offers it."""

    def do(builder: _OutputBuilder, cue: Cue) -> None:
        tool = builder.offered(*kinds)
        builder.take(
            CueResult(sentence=AnnotatedText(f"I have no {kinds[0]} tool."))
            if tool is None
            else use(builder, cue, tool)
        )

    return do


def _reason(builder: _OutputBuilder, cue: Cue) -> None:
    builder.take(hosted_tools.reason(cue.text, encrypted="reasoning.encrypted_content" in builder.request.include))


def _say_cue(builder: _OutputBuilder, cue: Cue) -> None:
    builder.said.append(cue.text)


def _echo(builder: _OutputBuilder, _: Cue) -> None:
    builder.said.append(without_cues(builder.context.last_user_text()) or "(nothing)")


def _refuse(builder: _OutputBuilder, cue: Cue) -> None:
    builder.refusal = cue.text or _REFUSAL


def _incomplete(builder: _OutputBuilder, cue: Cue) -> None:
    builder.status, builder.reason = "incomplete", cue.text or "max_output_tokens"


def _fail(builder: _OutputBuilder, cue: Cue) -> None:
    builder.status = "failed" if cue.kind is CueKind.FAIL else "error"
    builder.error = cue.text or "The server had an error while processing your request. Sorry about that!"


_DO: dict[CueKind, Callable[[_OutputBuilder, Cue], None]] = {
    CueKind.CALL: _call,
    CueKind.CALL_UNKNOWN: _call,
    CueKind.CUSTOM: _custom,
    CueKind.CLIENT: _client,
    CueKind.COMMENT: _comment,
    CueKind.WEB_SEARCH: _hosted(("web_search",), lambda _, cue, __: hosted_tools.web_search(cue.text)),
    CueKind.FILE_SEARCH: _hosted(
        ("file_search",), lambda builder, cue, tool: hosted_tools.file_search(cue.text, tool, builder.files)
    ),
    CueKind.CODE: _hosted(
        ("code_interpreter",), lambda _, cue, tool: hosted_tools.run_code(cue.text, tool, ids.container_id())
    ),
    CueKind.IMAGE: _hosted(("image_generation",), lambda _, cue, tool: hosted_tools.generate_image(cue.text, tool)),
    CueKind.MCP: lambda builder, cue: builder.take(mcp.call(cue, builder.tools())),
    CueKind.REASON: _reason,
    CueKind.SAY: _say_cue,
    CueKind.ECHO: _echo,
    CueKind.REFUSE: _refuse,
    CueKind.INCOMPLETE: _incomplete,
    CueKind.FAIL: _fail,
    CueKind.ERROR: _fail,
}


def _forced_call(builder: _OutputBuilder) -> None:
    """Call the function that `tool_choice` insists on, with arguments that fit its schema."""
    choice, tool = builder.request.tool_choice, None
    if choice == "required" or (isinstance(choice, dict) and choice.get("mode") == "required"):
        tool = builder.offered("function")
    elif isinstance(choice, dict) and choice.get("type") == "function":
        tool = chosen(choice, builder.request.tools)
    if tool is not None:
        arguments = example_of(tool.get("parameters") or {"type": "object"}, "example")
        builder.take(client_calls.function_call(tool["name"], json.dumps(arguments, ensure_ascii=False)))


def _limit_hosted_calls(builder: _OutputBuilder) -> None:
    """Leave out the hosted calls beyond `max_tool_calls`, as the real service ignores them."""
    left = builder.request.max_tool_calls
    if left is None:
        return
    kept = []
    for item in builder.output:
        if item["type"].endswith("_call") and item["type"] not in client_calls.WAITING:
            left -= 1
            if left < 0:
                continue
        kept.append(item)
    builder.output = kept


def _say(builder: _OutputBuilder) -> None:
    """Put the message where it belongs: at the end, or before calls that wait for their answers."""
    if builder.refusal is not None:
        builder.output.append(hosted_tools.message([{"type": "refusal", "refusal": builder.refusal}]))
        return
    if builder.pending and not builder.said:
        return
    sentence = AnnotatedText("\n".join(builder.said)) if builder.said else _answer(builder)
    sentence = _cut(builder, _formatted(builder, sentence))
    part = hosted_tools.text_part(sentence.text, sentence.annotations)
    item = hosted_tools.message([part], complete=builder.status == "completed")
    waiting = [place for place, each in enumerate(builder.output) if each["type"] in client_calls.WAITING]
    builder.output.insert(waiting[0] if waiting else len(builder.output), item)


def _answer(builder: _OutputBuilder) -> AnnotatedText:
    if builder.sentences:
        return hosted_tools.joined(builder.sentences)
    return AnnotatedText(answer(builder.context))


def _formatted(builder: _OutputBuilder, sentence: AnnotatedText) -> AnnotatedText:
    form = builder.request.format
    if form["type"] == "text":
        return sentence
    if builder.said and _is_json(sentence.text):
        return AnnotatedText(sentence.text)
    value = {"answer": sentence.text} if form["type"] == "json_object" else example_of(form["schema"], sentence.text)
    return AnnotatedText(json.dumps(value, ensure_ascii=False))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _cut(builder: _OutputBuilder, sentence: AnnotatedText) -> AnnotatedText:
    """Stop in the middle where that is wanted, or where `max_output_tokens` does not reach further."""
    most = builder.request.max_output_tokens
    room = len(sentence.text)
    if most is not None:
        used = sum(item_tokens(item) for item in builder.output)
        if used + tokens_in(sentence.text) > most:
            builder.status, builder.reason = "incomplete", "max_output_tokens"
            room = max(4, (most - used) * 4)
    elif builder.status == "incomplete":
        room = (len(sentence.text) + 1) // 2
    if builder.status == "completed":
        return sentence
    return replace(
        sentence,
        text=sentence.text[:room],
        annotations=tuple(
            each for each in sentence.annotations if int(each.get("end_index") or each.get("index") or 0) <= room
        ),
    )
