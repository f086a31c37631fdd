"""Assembles the events of one streamed response. Pure: it takes events as dicts, and must not ask or raise anything.

Events of several items may be interleaved in any way, arrive late or twice, be unknown or make no sense. Deltas are
ordered by their sequence numbers; a `done` event outweighs deltas, and the last event outweighs both. A stream without
a last event (`completed`, `incomplete`, `failed` or `error`) is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate_cli.http.error_bodies import holds_error
from migrate_cli.model import JsonObject
from migrate_cli.replay import items as parts
from migrate_cli.replay.client_calls import open_calls
from migrate_cli.replay.response import Ending, Image, ModelResponse

_PIECES: dict[str, tuple[str, str]] = {
    "response.output_text": ("text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.function_call_arguments": ("arguments", "arguments"),
    "response.mcp_call_arguments": ("arguments", "arguments"),
    "response.code_interpreter_call_code": ("code", "code"),
    "response.custom_tool_call_input": ("input", "input"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.reasoning_text": ("reasoning", "text"),
    "response.shell_call_command": ("command", "command"),
    "response.audio.transcript": ("spoken", "transcript"),
}
"""What comes in pieces: event type without `.delta` or `.done`, to the kind of text and the field of the whole."""

_TOKENS = frozenset({"response.audio.delta", *(f"{name}.delta" for name in _PIECES)})
_ENDINGS = {f"response.{ending}": ending for ending in (Ending.COMPLETED, Ending.INCOMPLETE, Ending.FAILED)}
_STATES = frozenset({"response.created", "response.queued", "response.in_progress"})
_PROGRESS = (
    "response.file_search_call.", "response.web_search_call.", "response.code_interpreter_call.",
    "response.image_generation_call.", "response.mcp_call.", "response.mcp_list_tools.",
    "response.content_part.", "response.reasoning_summary_part.", "response.shell_call_command.",
    "response.shell_call_output_content.", "response.compaction.", "response.audio.",
)  # fmt: skip
"""Events that only tell how far an item is, or bring sound; the item's own events hold what counts."""
_FILLED: dict[str, tuple[str, str]] = {
    "function_call": ("arguments", "arguments"),
    "mcp_call": ("arguments", "arguments"),
    "custom_tool_call": ("input", "input"),
    "code_interpreter_call": ("code", "code"),
}
"""Items of which a field is streamed: the field, and the kind of text that fills it."""
MOST_KEPT = 1000
"""Unknown events that are kept; a broken server may send them without end."""

_INNER = {"summary": "summary_index", "command": "command_index"}
"""What counts the texts of one kind inside an item, where it is not the content."""
_Key = tuple[str, int, int]
"""Kind of text, output index, index inside the item."""


def is_token(event: JsonObject) -> bool:
    """Whether an event carries output of the model: what the time to the first token waits for."""
    kind = event.get("type")
    return isinstance(kind, str) and kind in _TOKENS


class Collector:
    """Collects one response; `feed` every event in the order of arrival, then read `response`."""

    def __init__(self) -> None:
        self._pieces: dict[_Key, list[tuple[int | None, str]]] = {}
        self._wholes: dict[_Key, str] = {}
        self._items: dict[int, JsonObject] = {}
        self._notes: dict[tuple[int, int, int], JsonObject] = {}
        self._partial: dict[tuple[str, int], Image] = {}
        self._seen: dict[int, JsonObject] = {}
        self._unknown: list[JsonObject] = []
        self._response: JsonObject = {}
        self._error: JsonObject | None = None
        self._ending: Ending | None = None
        self._last = -1
        self._disorder = self._unreadable = 0

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return self._ending is not None

    def feed(self, event: Any) -> None:
        """Take one event; never raises, whatever it is."""
        kind = event.get("type") if isinstance(event, dict) else None
        if kind is None and isinstance(event, dict) and holds_error(event):
            # Servers that are no OpenAI break off with an error that does not call itself one.
            kind, event = "error", {**event, "type": "error"}
        if not isinstance(kind, str) or not kind.startswith(("response.", "error")):
            self._unreadable += 1
        elif not self._repeated(event):
            self._take(kind, event)

    def _repeated(self, event: JsonObject) -> bool:
        """Note the event's number; True for the same event again (some servers give every event the same number)."""
        number = event.get("sequence_number")
        if not isinstance(number, int) or isinstance(number, bool):
            return False
        late = number <= self._last
        self._disorder += late
        self._last = max(self._last, number)
        if late and self._seen.get(number) == event:
            return True
        self._seen[number] = event
        return False

    def _take(self, kind: str, event: JsonObject) -> None:
        name, _, what = kind.rpartition(".")
        if name in _PIECES and what in ("delta", "done"):
            self._piece(_PIECES[name], what, event)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._item(what, event)
        elif kind == "response.output_text.annotation.added":
            note = event.get("annotation")
            if isinstance(note, dict):
                where = (_index(event, "output_index"), _index(event, "content_index"))
                self._notes[*where, _index(event, "annotation_index", len(self._notes))] = note
        elif kind == "response.image_generation_call.partial_image":
            self._sketch(event)
        elif kind in _ENDINGS or kind in _STATES:
            self._state(kind, event)
        elif kind == "error":
            self._error, self._ending = event, self._ending or Ending.FAILED
        elif not kind.startswith(_PROGRESS) and len(self._unknown) < MOST_KEPT:
            self._unknown.append(event)

    def _piece(self, names: tuple[str, str], what: str, event: JsonObject) -> None:
        kind, field = names
        inner = _INNER.get(kind, "content_index")
        key = (kind, _index(event, "output_index"), _index(event, inner))
        text = event.get("delta" if what == "delta" else field)
        if not isinstance(text, str):
            return
        if what == "done":
            self._wholes[key] = text
        else:
            number = event.get("sequence_number")
            self._pieces.setdefault(key, []).append((number if isinstance(number, int) else None, text))

    def _item(self, what: str, event: JsonObject) -> None:
        item, place = event.get("item"), _index(event, "output_index")
        if isinstance(item, dict) and (what == "done" or place not in self._items):
            self._items[place] = item

    def _sketch(self, event: JsonObject) -> None:
        data, item = event.get("partial_image_b64"), str(event.get("item_id") or "")
        number = _index(event, "partial_image_index", len(self._partial))
        if isinstance(data, str):
            form = event.get("output_format")
            self._partial[item, number] = Image(item, data, number, form if isinstance(form, str) else "png")

    def _state(self, kind: str, event: JsonObject) -> None:
        response = event.get("response")
        ending = _ENDINGS.get(kind)
        if ending is not None:
            self._ending = ending
        if isinstance(response, dict) and (ending is not None or self._ending is None):
            self._response = self._response | response

    def response(self) -> ModelResponse:
        """Return what has come so far; `broken` when no last event was among it."""
        response, output = self._response, self._output()
        streamed, whole = "".join(self._texts("text")), parts.text_of(output)
        # Servers that leave the items out stream the text anyway; and sound comes with the words.
        text = parts.answer_of(output) if whole else streamed or "".join(self._texts("spoken"))
        ending = self._ending or Ending.BROKEN
        code, message = parts.error_of(self._error or response)
        notes = parts.annotations_of(output) or [self._notes[key] for key in sorted(self._notes)]
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return ModelResponse(
            ending=ending,
            response_id=parts.string(response.get("id")),
            model=parts.string(response.get("model")),
            text=text,
            refusal=parts.refusal_of(output) or "".join(self._texts("refusal")),
            items=tuple(output),
            calls=open_calls(output),
            approvals=parts.approvals_of(output),
            uses=parts.uses_of(output),
            annotations=tuple(notes),
            images=(*self._partial.values(), *parts.images_of(output)),
            reasoning="\n".join(self._texts("summary") or self._texts("reasoning")),
            usage=parts.usage_of(response.get("usage")),
            usage_told=parts.tells_usage(response.get("usage")),
            error_code=code,
            error_message=message,
            incomplete_reason=parts.string(reason),
            unknown=tuple(self._unknown),
            unknown_items=parts.unknown_in(output),
            disorder=self._disorder,
            unreadable=self._unreadable,
            mismatch=bool(streamed) and ending is Ending.COMPLETED and (whole or streamed) != streamed,
        )

    def _output(self) -> list[JsonObject]:
        """The output items: the last event's, or (some servers leave them out there) those that were streamed."""
        told = self._response.get("output")
        whole = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
        if self._ending is not None and whole:
            return whole
        return [self._filled(place, self._items[place]) for place in sorted(self._items)]

    def _filled(self, place: int, item: JsonObject) -> JsonObject:
        """An item as `added` has no text yet; put in what was streamed for it."""
        kind = item.get("type")
        field, piece = _FILLED.get(str(kind), (None, ""))
        if field is not None and not item.get(field):
            return item | {field: "".join(self._texts(piece, place))}
        if kind == "shell_call" and (commands := self._texts("command", place)):
            action = item.get("action")
            given = action if isinstance(action, dict) else {}
            return item if given.get("commands") else item | {"action": {**given, "commands": commands}}
        if kind == "message" and not item.get("content"):
            texts = [{"type": "output_text", "text": text} for text in self._texts("text", place)]
            refusals = [{"type": "refusal", "refusal": text} for text in self._texts("refusal", place)]
            return item | {"content": texts + refusals}
        return item

    def _texts(self, kind: str, place: int | None = None) -> list[str]:
        keys = {key for key in (*self._pieces, *self._wholes) if key[0] == kind and place in (None, key[1])}
        return [self._wholes.get(key, _joined(self._pieces.get(key, ()))) for key in sorted(keys)]


def _joined(pieces: Iterable[tuple[int | None, str]]) -> str:
    found = list(pieces)
    numbers = [number for number, _ in found if number is not None]
    if len(set(numbers)) == len(found):
        found.sort(key=lambda piece: piece[0] or 0)
    return "".join(text for _, text in found)


def _index(event: JsonObject, name: str, otherwise: int = 0) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else otherwise
