"""Any thread, recorded in any format and encoding, is read as it was; damage is told, or does no harm."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from migrate_cli.errors import SourceError

HOST = "https://api.openai.com"
THREAD = "thread_Recorded00000000000000000"
START = 1_720_000_000

Call = dict[str, Any]
"""`method`, `path`, `sent`, `status` and `answer`."""
Packing = Callable[[str], tuple[Any, dict[str, str]]]


def message(number: int, role: str, text: str, at: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"msg_{number:03}",
        "object": "thread.message",
        "created_at": START + at,
        "thread_id": THREAD,
        "role": role,
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        "metadata": {},
        **fields,
    }


def call(method: str, path: str, answer: Any, sent: Any = None) -> Call:
    return {"method": method, "path": f"/v1{path}", "sent": sent, "status": 200, "answer": answer}


def stream(events: list[tuple[str, Any]]) -> str:
    told = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return f"{told}event: done\ndata: [DONE]\n\n"


def listing(messages: list[Any], *, size: int, newest_first: bool) -> list[Call]:
    """Return the calls that list all messages, a page after the other."""
    order = messages[::-1] if newest_first else messages
    path = f"/threads/{THREAD}/messages?limit={size}&order={'desc' if newest_first else 'asc'}"
    calls: list[Call] = []
    for at in range(0, max(1, len(order)), size):
        page = order[at : at + size]
        after = f"&after={order[at - 1]['id']}" if at else ""
        answer = {"object": "list", "data": page, "has_more": at + size < len(order)}
        calls.append(call("GET", path + after, answer))
    return calls


def pieces(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)] or [""]


def turn(number: int, question: str, answer: str, at: int, *, width: int) -> list[Call]:
    """Return a question and the stream of the run that answers it."""
    asked = message(2 * number, "user", question, at)
    run = {"id": f"run_{number}", "object": "thread.run", "thread_id": THREAD, "created_at": START + at}
    said = message(2 * number + 1, "assistant", answer, at + 1, run_id=run["id"], status="completed")
    deltas = [
        {
            "id": said["id"],
            "object": "thread.message.delta",
            "delta": {"content": [{"index": 0, "type": "text", "text": {"value": piece}}]},
        }
        for piece in pieces(answer, width)
    ]
    events: list[tuple[str, Any]] = [
        ("thread.run.created", {**run, "status": "queued"}),
        ("thread.message.created", {**said, "content": [], "status": "in_progress"}),
        *(("thread.message.delta", delta) for delta in deltas),
        ("thread.message.completed", said),
        ("thread.run.completed", {**run, "status": "completed"}),
    ]
    sent = {"role": "user", "content": question}
    return [
        call("POST", f"/threads/{THREAD}/messages", asked, sent),
        call("POST", f"/threads/{THREAD}/runs", stream(events), {"assistant_id": "asst_1", "stream": True}),
    ]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Call], list[str]]:
    """A recording of one thread, and the texts that its messages have."""
    turns = draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
    gap = draw(st.sampled_from([0, 1, 100]))
    width = draw(st.integers(1, 20))
    made = {"id": THREAD, "object": "thread", "created_at": START, "metadata": {}}
    calls = [call("POST", "/threads", made, {})]
    for number, (question, answer) in enumerate(turns):
        calls += turn(number, question, answer, number * gap, width=width)
    told = [text for one in turns for text in one]
    shown = [text for number, one in enumerate(turns) for text in one]
    messages = [
        message(number, "assistant" if number % 2 else "user", text, number // 2 * gap + number % 2)
        for number, text in enumerate(shown)
    ]
    if gap == 0:
        for raw in messages:
            raw["created_at"] = START
    way = draw(st.sampled_from(["streams", "lists", "both"]))
    pages = listing(messages, size=draw(st.sampled_from([1, 3, 20, 100])), newest_first=draw(st.booleans()))
    if way == "lists":
        calls = [calls[0], *pages] if draw(st.booleans()) else pages
    elif way == "both" and gap:
        calls += pages
    elif gap == 0:
        # Only a list tells the order within one second.
        calls = pages
    return calls, told


# Encodings


def as_json(body: str) -> tuple[Any, dict[str, str]]:
    return body, {}


def as_base64(body: str) -> tuple[Any, dict[str, str]]:
    return base64.b64encode(body.encode()).decode(), {}


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "gzip without its header": ("", gzip.compress),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
}


for name, package in (("br", "brotli"), ("zstd", "backports.zstd")):
    # Extras, without which such bodies are told instead.
    with suppress(ImportError):
        PACKERS[name] = (name, importlib.import_module(package).compress)


# Formats: each writes calls whose bodies are bytes of that packing, or text


def text_of(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def packed(one: Call, packing: str | None) -> tuple[bytes, str]:
    """Return the bytes of an answer, and the header that says how they are packed."""
    data = text_of(one["answer"]).encode()
    if packing is None:
        return one.get("damaged", data), ""
    name, pack = PACKERS[packing]
    return one.get("damaged", pack(data)), name


def har(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        content = {"mimeType": "application/json", "text": base64.b64encode(data).decode(), "encoding": "base64"}
        request = {"method": one["method"], "url": HOST + one["path"], "postData": {"text": text_of(one["sent"])}}
        headers = [{"name": "Content-Encoding", "value": name}] if name else []
        entries.append({"request": request, "response": {"status": 200, "headers": headers, "content": content}})
    return "session.har", json.dumps({"log": {"entries": entries}})


def vcr(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        headers = {"content-encoding": [name]} if name else {}
        request = {"method": one["method"], "uri": HOST + one["path"], "body": text_of(one["sent"]), "headers": {}}
        try:
            body: Any = data if packing else data.decode()
        except UnicodeDecodeError:
            body = data
        response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}}
        entries.append({"request": request, "response": response})
    return "cassette.yaml", yaml.safe_dump({"version": 1, "interactions": entries})


def ruby(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        request = {
            "method": one["method"].lower(),
            "uri": HOST + one["path"],
            "body": {"encoding": "UTF-8", "string": text_of(one["sent"])},
        }
        body = {"encoding": "ASCII-8BIT", "base64_string": base64.b64encode(data).decode()}
        headers = {"Content-Encoding": [name]} if name else {}
        entries.append({"request": request, "response": {"status": {"code": 200}, "headers": headers, "body": body}})
    return "cassette.yml", yaml.safe_dump({"http_interactions": entries, "recorded_with": "VCR 6.2.0"})


def nock(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        entry = {
            "scope": f"{HOST}:443",
            "method": one["method"],
            "path": one["path"],
            "body": one["sent"],
            "status": 200,
            "response": [data[:9].hex(), data[9:].hex()] if name else data.hex(),
            "rawHeaders": ["content-encoding", name] if name else [],
            "responseIsBinary": not name,
        }
        entries.append(entry)
    return "nock.json", json.dumps(entries)


def polly(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        text = json.dumps([data[:5].hex(), data[5:].hex()]) if name else data.hex()
        request = {"method": one["method"], "url": HOST + one["path"], "postData": {"text": text_of(one["sent"])}}
        headers = [{"name": "content-encoding", "value": name}] if name else []
        content = {"mimeType": "application/json", "size": len(text), "text": text}
        entries.append(
            {"_order": 0, "request": request, "response": {"status": 200, "headers": headers, "content": content}}
        )
    return "recording.har", json.dumps({"log": {"_recordingName": "r", "entries": entries}})


def mappings(calls: list[Call], packing: str | None) -> tuple[str, str]:
    entries = []
    for one in calls:
        data, name = packed(one, packing)
        response = {"status": 200, "base64Body": base64.b64encode(data).decode(), "headers": {"Content-Encoding": name}}
        entries.append({"request": {"method": one["method"], "url": one["path"]}, "response": response})
    return "mappings.json", json.dumps({"mappings": entries})


FORMATS = [har, vcr, ruby, nock, polly, mappings]
PACKINGS = [None, *PACKERS]


def outcome(path: Path, read: Any) -> tuple[list[str], set[str]]:
    """Return the texts that are read, and the codes of what is told."""
    try:
        reading = read(path)
    except SourceError as error:
        return [], {error.code or "refused"}
    told = {finding.code for thread in reading.threads for finding in thread.findings} | set(reading.codes)
    found = [part["text"]["value"] for thread in reading.threads for raw in thread.messages for part in raw.content]
    return found, told


SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(recording=recordings(), form=st.sampled_from(FORMATS), packing=st.sampled_from(PACKINGS))
def test_any_recording_of_a_thread_is_read_as_the_thread(
    recording: tuple[list[Call], list[str]], form: Any, packing: str | None, tmp_path: Path, read: Any
) -> None:
    calls, texts_ = recording
    name, content = form(calls, packing)
    (tmp_path / name).write_text(content, encoding="utf-8")
    found, told = outcome(tmp_path / name, read)
    (tmp_path / name).unlink()

    assert found == texts_
    assert told <= {"thread-may-be-incomplete"}
    if "GET" in calls[-1]["method"]:
        assert told == set()


@SETTINGS
@given(recording=recordings(), form=st.sampled_from(FORMATS), packing=st.sampled_from(PACKINGS), data=st.data())
def test_a_damaged_body_is_told_or_does_no_harm(
    recording: tuple[list[Call], list[str]],
    form: Any,
    packing: str | None,
    data: st.DataObject,
    tmp_path: Path,
    read: Any,
) -> None:
    calls, texts_ = recording
    one = data.draw(st.sampled_from(calls))
    whole, _ = packed(one, packing)
    place = data.draw(st.integers(0, len(whole) - 1))
    checked = packing is not None and packing.startswith(("gzip", "deflate", "twice"))
    if checked and data.draw(st.booleans()):
        one["damaged"] = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    else:
        one["damaged"] = whole[:place]
    name, content = form(calls, packing)
    (tmp_path / name).write_text(content, encoding="utf-8")
    found, told = outcome(tmp_path / name, read)
    (tmp_path / name).unlink()

    assert found == texts_ or told


@SETTINGS
@given(recording=recordings(), form=st.sampled_from(FORMATS), data=st.data())
def test_an_exchange_that_is_missing_is_told_or_does_no_harm(
    recording: tuple[list[Call], list[str]], form: Any, data: st.DataObject, tmp_path: Path, read: Any
) -> None:
    calls, texts_ = recording
    del calls[data.draw(st.integers(0, len(calls) - 1))]
    assume(calls)
    name, content = form(calls, None)
    (tmp_path / name).write_text(content, encoding="utf-8")
    found, told = outcome(tmp_path / name, read)
    (tmp_path / name).unlink()

    assert found == texts_ or told


@SETTINGS
@given(recording=recordings(), data=st.data())
def test_a_cassette_that_is_cut_anywhere_is_told_or_is_whole(
    recording: tuple[list[Call], list[str]], data: st.DataObject, tmp_path: Path, read: Any
) -> None:
    calls, texts_ = recording
    name, content = data.draw(st.sampled_from([vcr, ruby]))(calls, None)
    whole = content.encode()
    (tmp_path / name).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    found, told = outcome(tmp_path / name, read)
    (tmp_path / name).unlink()

    assert found == texts_ or told
