"""Threads for tests of conversion: short constructors for one case, and random threads of all parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from migrate_cli.model import Attachment, Draft, Message, Origin, Run, RunStep, Thread

ORIGIN = Origin("thread.json")


def text(value: Any, *annotations: Any) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def message(*parts: Any, id: str = "msg_1", role: str | None = "user", **fields: Any) -> Message:
    content = tuple(text(part) if isinstance(part, str) else part for part in parts)
    return Message(id=id, role=role, content=content, **fields)


def thread(*messages: Message, id: str = "thread_1", **fields: Any) -> Thread:
    return Thread(id=id, messages=list(messages), origin=ORIGIN, shape="test", **fields)


def step(*calls: Any, id: str = "step_1", run_id: str | None = "run_1", created_at: float | None = None) -> RunStep:
    details = {"type": "tool_calls", "tool_calls": list(calls)}
    return RunStep(id, run_id, "tool_calls", details, "completed", created_at)


def made(
    message_id: str, id: str = "step_made", run_id: str | None = "run_1", created_at: float | None = None
) -> RunStep:
    details = {"type": "message_creation", "message_creation": {"message_id": message_id}}
    return RunStep(id, run_id, "message_creation", details, "completed", created_at)


def function(name: Any = "add", arguments: Any = "{}", output: Any = "3", id: Any = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments, "output": output}}


def bodies(draft: Draft) -> list[dict[str, Any]]:
    return [json.loads(item.body) for item in draft.items]


def said(draft: Draft) -> list[str]:
    """The texts of all messages and notes, part by part."""
    return [part["text"] for body in bodies(draft) for part in body.get("content", ()) if "text" in part]


def codes(draft: Draft) -> list[str]:
    return [found.code for found in draft.findings]


texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "a\x00b", "lone \ud800 half", "pair \ud83d\ude00", "【4:0†notes.txt】", "see 【4:0†source】."]
    ),
)
ids = st.one_of(
    st.text(alphabet="abcXYZ019_-", min_size=1, max_size=20).map(lambda tail: f"file-{tail}"),
    st.sampled_from(["", "not a file id", "x" * 65, "nul\x00", "file-known"]),
)
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)),
    max_leaves=4,
)


@st.composite
def citations(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["file_citation", "file_path", "url_citation", "future_kind"]))
    inner = {"file_id": draw(ids), "quote": "q", "url": draw(texts), "title": draw(texts)}
    found: dict[str, Any] = {
        "type": kind,
        "text": draw(st.sampled_from(["【4:0†notes.txt】", "【4:0†source】", "sandbox:/mnt/data/a.csv", "absent", ""])),
        "start_index": draw(st.one_of(st.integers(-2, 40), st.none())),
        "end_index": draw(st.one_of(st.integers(-2, 60), st.none())),
        kind: draw(st.sampled_from([inner, inner, inner, None, []])),
    }
    return draw(st.sampled_from([found, found, found, None, "text"]))


def _image_url(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


urls = st.one_of(
    st.sampled_from(
        [
            "https://example.com/a.png",
            "data:image/png;base64,AAAA",
            "file:///a",
            "javascript:1",
            "http://a b",
            "",
            "data:text/html,x",
        ]
    ),
    texts,
)
_CITED = {
    "type": "file_citation",
    "text": "【4:0†notes.txt】",
    "start_index": 4,
    "end_index": 19,
    "file_citation": {"file_id": "file-known"},
}
content_parts = st.one_of(
    st.just(text("see 【4:0†notes.txt】.", _CITED)),
    st.builds(text, st.one_of(texts, texts, texts, st.none()), citations(), citations()),
    st.builds(text, texts),
    st.builds(text, texts, citations()),
    texts,
    st.builds(_image_url, st.one_of(urls, st.none())),
    st.builds(
        lambda i: {"type": "image_file", "image_file": {"file_id": i, "detail": "odd"}}, st.one_of(ids, st.none())
    ),
    st.builds(lambda value: {"type": "refusal", "refusal": value}, st.one_of(texts, st.none())),
    json_values,
    st.builds(lambda value: {"type": "hologram", "hologram": value}, json_values),
)
attachments = st.builds(
    Attachment,
    st.one_of(ids, st.none()),
    st.sampled_from([(), ("file_search",), ("code_interpreter", "file_search")]),
    st.one_of(
        st.none(), st.just({"filename": "notes.txt"}), st.just({"filename": "speech.mp3"}), st.just({"name": "a.zip"})
    ),
)
metadata = st.dictionaries(st.one_of(texts, st.text(min_size=60, max_size=70)), json_values, max_size=3)


_logs = st.builds(lambda logs: {"type": "logs", "logs": logs}, texts)
_image = st.just({"type": "image", "image": {"file_id": "file-i"}})
_outputs = st.one_of(st.lists(st.one_of(_image, _logs, json_values), max_size=3), st.none())
_result = st.builds(
    lambda file_id, found: {
        "file_id": file_id,
        "file_name": "known.txt",
        "score": 0.5,
        "content": [{"type": "text", "text": found}],
    },
    ids,
    texts,
)


def _code_call(code: Any, outputs: Any) -> dict[str, Any]:
    return {"id": "ci", "type": "code_interpreter", "code_interpreter": {"input": code, "outputs": outputs}}


def _search_call(search: Any) -> dict[str, Any]:
    return {"id": "fs", "type": "file_search", "file_search": search}


_host_fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["add", "bad name", "", None]),
        "arguments": st.one_of(st.just("{}"), json_values),
        "output": st.one_of(
            texts, json_values, st.fixed_dictionaries({}, optional={"image_url": urls, "file_id": ids})
        ),
        "thread_id": st.one_of(st.just("thread_child"), json_values),
        "error": json_values,
    },
)


def _host_call(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A call whose fields stand beside its type, as those of MCP do, or in an object of their own."""
    return {"id": "h", "type": kind, **(fields if kind == "mcp" else {kind: fields})}


_plain_calls = st.builds(function, output=st.sampled_from(["3", None]), id=st.sampled_from(["call_1", "call_2"]))
calls = st.one_of(
    _plain_calls,
    _plain_calls,
    st.builds(
        function,
        st.one_of(st.sampled_from(["add", "bad name", "", "x" * 200]), st.none(), texts),
        st.one_of(st.sampled_from(["{}", '{"a":1}', "{broken", ""]), st.none(), json_values),
        st.one_of(texts, st.none(), json_values),
        st.one_of(st.sampled_from(["call_1", "call_2", "c" * 80, "", "\ud800"]), st.none()),
    ),
    st.builds(_code_call, st.one_of(texts, st.none()), _outputs),
    st.builds(_search_call, st.just([])),
    st.builds(
        lambda results: _search_call({"results": results}), st.lists(st.one_of(_result, json_values), max_size=3)
    ),
    st.builds(lambda value: {"id": "b", "type": "bing_grounding", "bing_grounding": value}, json_values),
    st.builds(
        _host_call, st.sampled_from(["mcp", "azure_function", "connected_agent", "computer_use_preview"]), _host_fields
    ),
    json_values,
)


call_ids = st.sampled_from(["call_1", "call_2", "call_2", "call_0", "x" * 70, "", None, 7])
tool_parts = st.one_of(
    st.builds(
        lambda id, name, arguments, output: {
            "type": "tool_call",
            "id": id,
            "name": name,
            "arguments": arguments,
            "output": output,
        },
        call_ids,
        st.sampled_from(["add", "add", "not a name", None]),
        st.one_of(st.just("{}"), json_values),
        st.one_of(st.none(), st.none(), json_values),
    ),
    st.builds(
        lambda id, output: {"type": "tool_output", "call_id": id, "output": output, "name": "add"},
        call_ids,
        st.one_of(texts, json_values),
    ),
    st.builds(lambda call: {"type": "tool_call", "call": call}, calls),
    st.builds(lambda value: {"type": "reasoning", "text": value}, texts),
    st.builds(lambda id: {"type": "input_file", "file_id": id}, ids),
    st.builds(lambda url: {"type": "input_file", "file_data": url, "filename": url}, urls),
    st.builds(lambda url: {"type": "input_file", "file_url": url}, urls),
    st.builds(lambda url: {"type": "input_image", "image_url": url}, urls),
)


@st.composite
def messages(draw: st.DrawFn, number: int = 0) -> Message:
    return Message(
        id=f"msg_{number}",
        role=draw(
            st.sampled_from(["user", "assistant", "assistant", "user", "system", "developer", "tool", "\ud800", None])
        ),
        content=tuple(draw(st.lists(st.one_of(content_parts, content_parts, tool_parts), max_size=4))),
        attachments=tuple(draw(st.lists(attachments, max_size=3))),
        metadata=draw(metadata),
        created_at=draw(st.one_of(st.none(), st.integers(0, 50))),
        status=draw(st.sampled_from([None, "completed", "incomplete", "in_progress"])),
        run_id=draw(st.sampled_from([None, "run_0", "run_1"])),
    )


@st.composite
def run_steps(draw: st.DrawFn, number: int = 0, messages: int = 3) -> RunStep:
    run_id = draw(st.sampled_from(["run_0", "run_1", "run_lost", None]))
    at = draw(st.one_of(st.none(), st.integers(0, 50)))
    kind = draw(st.sampled_from(["calls", "calls", "calls", "made", "odd"]))
    if kind == "made":
        return made(f"msg_{draw(st.integers(0, messages + 1))}", f"step_{number}", run_id, at)
    if kind == "odd":
        return RunStep(f"step_{number}", run_id, "odd", {"type": "odd"}, None, at)
    return step(*draw(st.lists(calls, max_size=3)), id=f"step_{number}", run_id=run_id, created_at=at)


@st.composite
def threads(draw: st.DrawFn, max_messages: int = 4) -> Thread:
    count = draw(st.integers(0, max_messages))
    listed: Sequence[Message] = [draw(messages(number)) for number in range(count)]
    steps = tuple(draw(run_steps(number, count)) for number in range(draw(st.integers(0, 4))))
    runs = tuple(
        Run(f"run_{n}", draw(st.sampled_from(["completed", "failed", None])), created_at=n * 10)
        for n in range(draw(st.integers(0, 2)))
    )
    return Thread(
        id=draw(st.sampled_from(["thread_1", "thread_é", "t" * 600])),
        messages=listed,
        origin=ORIGIN,
        shape="random",
        created_at=draw(st.one_of(st.none(), st.integers(0, 10**10), st.just(1e300))),
        metadata=draw(metadata),
        tool_resources=draw(
            st.sampled_from([{}, {"file_search": {"vector_store_ids": ["vs_1"]}, "code_interpreter": {}}])
        ),
        runs=runs,
        run_steps=steps,
    )
