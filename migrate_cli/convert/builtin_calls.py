"""The forms of code, search and host tool calls: a text with everything in it and, on request, native items.

Functions from a call's own fields to text or to an item; they report nothing and count no fates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from migrate_cli.convert.text import plain
from migrate_cli.model import JsonObject, Thread


def code_interpreter_text(inner: Mapping[str, Any]) -> str:
    """Code, logs, and the ids of images that the code made."""
    lines = ["[Tool call: code_interpreter]", "Code:", _text(inner.get("input"))]
    outputs = inner.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        lines += _code_output(output)
    if not outputs:
        lines.append("No output was recorded.")
    return "\n".join(lines)


def file_search_text(inner: Mapping[str, Any]) -> str:
    """The ranking, and each result with its file, score and text."""
    lines = ["[Tool call: file_search]"]
    if queries := _queries(inner):
        lines.append(f"Queries: {_json(queries)}")
    ranking = inner.get("ranking_options")
    if ranking:
        lines.append(f"Ranking: {_json(ranking)}")
    results = inner.get("results")
    for number, result in enumerate(results if isinstance(results, list) else (), start=1):
        lines += _search_result(number, result)
    if not results:
        lines.append("No results were recorded.")
    return "\n".join(lines)


def other_text(kind: str, raw: Mapping[str, Any]) -> str:
    """A call of any other type with all its data."""
    return f"[Tool call: {kind}]\n{_json({key: raw[key] for key in raw if key not in {'id', 'type'}})}"


def code_interpreter_call(inner: Mapping[str, Any], item_id: str, container_id: str) -> JsonObject:
    """The native item. Old steps name no container, and their images have file ids in place of URLs: told as logs."""
    outputs = inner.get("outputs")
    logs = [
        {"type": "logs", "logs": plain("\n".join(_code_output(output)[1:] or _code_output(output)))}
        for output in (outputs if isinstance(outputs, list) else ())
    ]
    return {
        "type": "code_interpreter_call",
        "id": item_id,
        "status": "completed",
        "container_id": container_id,
        "code": plain(_text(inner.get("input"))),
        "outputs": logs,
    }


def file_search_call(inner: Mapping[str, Any], item_id: str) -> JsonObject:
    """The native item. Run steps store no queries, so the list is empty there."""
    results = inner.get("results")
    return {
        "type": "file_search_call",
        "id": item_id,
        "status": "completed",
        "queries": [plain(query) for query in _queries(inner)],
        "results": [_native_result(result) for result in (results if isinstance(results, list) else ())],
    }


def _queries(inner: Mapping[str, Any]) -> list[str]:
    """What was searched for, as items tell it."""
    queries = inner.get("queries")
    return [query for query in queries if isinstance(query, str)] if isinstance(queries, list) else []


def names_in(thread: Thread) -> dict[str, str]:
    """Return file names by file id, as the thread's own search results tell them."""
    names: dict[str, str] = {}
    for step in thread.run_steps:
        calls = step.details.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            search = call.get("file_search") if isinstance(call, Mapping) else None
            results = search.get("results") if isinstance(search, Mapping) else None
            for result in results if isinstance(results, list) else ():
                if isinstance(result, Mapping):
                    file_id, name = result.get("file_id"), result.get("file_name")
                    if isinstance(file_id, str) and isinstance(name, str) and name:
                        names.setdefault(file_id, name)
    return names


def _code_output(output: Any) -> list[str]:
    """A heading and the output below it, or one line for an image."""
    if isinstance(output, Mapping):
        if output.get("type") == "logs":
            return ["Logs:", _text(output.get("logs"))]
        image = output.get("image")
        if output.get("type") == "image" and isinstance(image, Mapping):
            return [f"Image: {_text(image.get('file_id'))}"]
    return ["Output:", _json(output)]


def _search_result(number: int, result: Any) -> list[str]:
    if not isinstance(result, Mapping):
        return [f"Result {number}: {_json(result)}"]
    name, file_id = result.get("file_name"), result.get("file_id")
    named = f"{name} ({file_id})" if name and file_id else str(name or file_id or "unnamed")
    score = result.get("score")
    lines = [f"Result {number}: {named}" + (f", score {score}" if score is not None else "")]
    if result.get("attributes"):
        lines.append(f"Attributes: {_json(result['attributes'])}")
    content = result.get("content")
    lines += [_result_text(entry) for entry in (content if isinstance(content, list) else ())]
    return lines


def _result_text(entry: Any) -> str:
    text = entry.get("text") if isinstance(entry, Mapping) else entry
    return text if isinstance(text, str) else _json(entry)


def _native_result(result: Any) -> JsonObject:
    if not isinstance(result, Mapping):
        return {"text": plain(_json(result))}
    content = result.get("content")
    texts = [_result_text(entry) for entry in (content if isinstance(content, list) else ())]
    native: JsonObject = {"text": plain("\n".join(texts))}
    for ours, theirs in (("file_id", "file_id"), ("filename", "file_name")):
        if isinstance(result.get(theirs), str):
            native[ours] = plain(result[theirs])
    score = result.get("score")
    if isinstance(score, (int, float)) and not isinstance(score, bool):
        native["score"] = score
    return native


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "(not recorded)" if value is None else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
