"""Applies the citation policy to an assistant's text; the original annotations always go to the state file.

Only the text of an assistant is ever edited: a user's text stays unchanged under every policy. An Assistants
annotation has a marker in the text (`【4:0†source】`, or a `sandbox:` link), the position of that marker, and a file id
or a URL. An annotation of the target has a file name and an index, or a URL and its span.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from migrate_cli.convert.limits import FILE_ID
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.options import Citations
from migrate_cli.convert.text import counted, plain, short
from migrate_cli.model import Fate, JsonObject

MARKER_OPENS = "【"
"""A text without this character has no markers."""
_MARKER = re.compile(r"【[^【】]{1,300}†[^【】]{0,500}】")
_MARKER_NAME = re.compile(r"†(?P<name>[^【】†]+\.[A-Za-z0-9]{1,8})】$")
"""Newer markers contain the file name; older ones contain the word `source`."""


_SHORTEST_WITNESS = 4
"""Minimum length of a marker for it to be searched for elsewhere in the text."""


class CitedText(NamedTuple):
    """An annotation whose position in the text is known."""

    start: int
    end: int
    kind: str
    target: str
    """The id of the file at the source, or the URL."""
    name: str | None
    """The name of the file, or the title of the page."""


class Edit(NamedTuple):
    """A span of the text and its replacement."""

    start: int
    end: int
    text: str


def cite(builder: MessageBuilder, text: str, annotations: list[Any]) -> tuple[str, list[JsonObject]]:
    """Apply the policy: return the text and its native annotations, and count the fate of each original annotation.

    `text` is already tidied. Without annotations it is still searched for markers that have none.
    """
    if annotations:
        builder.draft.set_aside("annotations", annotations, builder.message.id)
    cited = [found for found in (_read(builder, text, annotation) for annotation in annotations) if found]
    policy = builder.draft.options.citations if builder.role == "assistant" else Citations.KEEP
    text, native, converted = _POLICIES[policy](builder, text, cited)
    builder.draft.count(Fate.CONVERTED, converted)
    noted = len(annotations) - converted
    if noted:
        builder.draft.count(Fate.NOTED, noted)
        builder.find("citation-aside", f"{counted(noted, 'annotation')} went to the state file only.")
    return text, native


_Outcome = tuple[str, list[JsonObject], int]
"""The text, its native annotations, and the number of original annotations that were converted."""


def _keep(_sheet: MessageBuilder, text: str, _cited: list[CitedText]) -> _Outcome:
    return text, [], 0


def _strip(_sheet: MessageBuilder, text: str, cited: list[CitedText]) -> _Outcome:
    edits = [_without_link(text, found) if found.kind == "file_path" else _cut(text, found) for found in cited]
    edits += [_cut(text, match) for match in map(_span, _MARKER.finditer(text))]
    return _apply(text, edits), [], 0


def _footnotes(builder: MessageBuilder, text: str, cited: list[CitedText]) -> _Outcome:
    """Replace each marker with `[1]` and list the sources at the end; a sandbox link stays, and its file is listed."""
    numbers: dict[str, int] = {}
    lines: list[str] = []
    places: dict[tuple[int, int], list[int]] = {}
    for found in sorted(cited):
        is_new = found.target not in numbers
        number = numbers.setdefault(found.target, len(numbers) + 1)
        if is_new:
            lines.append(f"[{number}] {_source_line(builder, text, found)}")
        if found.kind != "file_path":
            marks = places.setdefault((found.start, found.end), [])
            if number not in marks:
                marks.append(number)
    _report_lone_markers(builder, text, cited)
    if not lines:
        return text, [], 0
    edits = [Edit(*span, "".join(f"[{number}]" for number in marks)) for span, marks in places.items()]
    return "\n".join((f"{_apply(text, edits)}\n", *lines)), [], len(cited)


def _annotations(builder: MessageBuilder, text: str, cited: list[CitedText]) -> _Outcome:
    """Keep the markers and return native annotations that point to them."""
    native = [annotation for annotation in (_native(builder, found) for found in cited) if annotation]
    _report_lone_markers(builder, text, cited)
    return text, native, len(native)


_POLICIES: dict[Citations, Callable[[MessageBuilder, str, list[CitedText]], _Outcome]] = {
    Citations.KEEP: _keep,
    Citations.STRIP: _strip,
    Citations.FOOTNOTES: _footnotes,
    Citations.ANNOTATIONS: _annotations,
}


def _read(builder: MessageBuilder, text: str, annotation: Any) -> CitedText | None:
    """Return the annotation with its position; None, with a finding, if it has no position or no known type."""
    kind = annotation.get("type") if isinstance(annotation, Mapping) else None
    inner = annotation.get(kind) if isinstance(kind, str) else None
    target = inner.get(_TARGET_KEYS.get(kind, "")) if isinstance(inner, Mapping) and isinstance(kind, str) else None
    if not isinstance(kind, str) or not isinstance(inner, Mapping) or not isinstance(target, str) or not target:
        builder.find("annotation-unknown", f"An annotation of type {short(str(kind), 60)} is not known in this form.")
        return None
    span = locate(text, annotation)
    if span is None:
        builder.find("annotation-outside-text", f"An annotation of type {kind} does not point at its own marker.")
        return None
    return CitedText(*span, kind, plain(target), _name(builder, annotation, inner, kind, target))


_TARGET_KEYS = {"file_citation": "file_id", "file_path": "file_id", "url_citation": "url"}


def locate(text: str, annotation: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the span of an annotation: by its indexes, or else the nearest occurrence of its marker; or None.

    Some clients count UTF-16 units or bytes, so the text of the marker is more reliable than the indexes, unless the
    marker is so short that it could occur anywhere.
    """
    start, end, marker = annotation.get("start_index"), annotation.get("end_index"), annotation.get("text")
    within = type(start) is int and type(end) is int and 0 <= start < end <= len(text)
    if not isinstance(marker, str) or not marker:
        return (start, end) if within else None  # type: ignore[return-value]  # `within` has checked both
    if within and text[start:end] == marker:
        return start, end  # type: ignore[return-value]  # `within` has checked both
    if len(marker) < _SHORTEST_WITNESS:
        return None
    places = [match.start() for match in re.finditer(re.escape(marker), text)]
    wanted = start if type(start) is int else 0
    place = min(places, key=lambda at: abs(at - wanted), default=None)
    return None if place is None else (place, place + len(marker))


def _name(builder: MessageBuilder, annotation: Any, inner: Mapping[str, Any], kind: str, target: str) -> str | None:
    if kind == "url_citation":
        title = inner.get("title")
        return plain(title) if isinstance(title, str) and title else None
    known = builder.draft.filename(target)
    if known:
        return plain(known)
    match = _MARKER_NAME.search(str(annotation.get("text")))
    return plain(match["name"]) if match else None


def _native(builder: MessageBuilder, found: CitedText) -> JsonObject | None:
    if found.kind == "url_citation":
        span = {"start_index": found.start, "end_index": found.end}
        return {"type": "url_citation", "url": found.target, "title": found.name or found.target, **span}
    fact = builder.draft.fact(found.target)
    file_id = fact.target_id or found.target
    if FILE_ID.fullmatch(file_id) is None:
        builder.find("file-id-invalid", "A citation's file id is not one that a server could know.")
        return None
    if fact.status == "missing":
        builder.find("attachment-file-missing", f"The cited file {found.target} is missing.")
        return None
    if found.kind == "file_path":
        return {"type": "file_path", "file_id": file_id, "index": found.start}
    if found.name is None:
        builder.find("annotation-without-filename", f"No name is known for the cited file {found.target}.")
        return None
    return {"type": "file_citation", "file_id": file_id, "filename": found.name, "index": found.start}


def _source_line(builder: MessageBuilder, text: str, found: CitedText) -> str:
    if found.kind == "url_citation":
        return f"{found.name}: {found.target}" if found.name else found.target
    file_id = plain(builder.draft.fact(found.target).target_id or found.target)
    named = f"{found.name} ({file_id})" if found.name else file_id
    return f"{text[found.start : found.end]}: {named}" if found.kind == "file_path" else named


def _report_lone_markers(builder: MessageBuilder, text: str, cited: list[CitedText]) -> None:
    known = {(found.start, found.end) for found in cited}
    alone = sum(1 for match in _MARKER.finditer(text) if match.span() not in known)
    if alone:
        builder.find("citation-marker-alone", f"{counted(alone, 'marker')} without an annotation.")


def _span(match: re.Match[str]) -> CitedText:
    return CitedText(match.start(), match.end(), "marker", "", None)


def _cut(text: str, found: CitedText) -> Edit:
    """Remove a marker, and the space before it if that would be left dangling."""
    start = found.start
    if start and text[start - 1] == " " and (found.end == len(text) or text[found.end] in " .,;:!?)\n"):
        start -= 1
    return Edit(start, found.end, "")


def _without_link(text: str, found: CitedText) -> Edit:
    """Replace `[label](sandbox:…)` with its label; remove a bare path."""
    opening = re.search(r"!?\[(?P<label>[^\[\]\n]*)\]\($", text[max(0, found.start - 1000) : found.start])
    if opening is None or text[found.end : found.end + 1] != ")":
        return _cut(text, found)
    return Edit(found.start - len(opening[0]), found.end + 1, opening["label"])


def _apply(text: str, edits: list[Edit]) -> str:
    """Apply the edits from left to right; skip an edit that overlaps an earlier one."""
    written: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position:
            continue
        written += (text[position : edit.start], edit.text)
        position = edit.end
    return "".join((*written, text[position:]))
