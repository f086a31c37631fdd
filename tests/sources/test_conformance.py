"""One suite that every export shape passes: the same threads, saved in any shape, are read as the same threads."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from migrate_cli.model import Message
from migrate_cli.sources.export.open import SHAPES
from migrate_cli.sources.interface import Selection

START = 1_755_000_000
ONE, TIED, LONG = "thread_One00000000000000000000", "thread_Tied0000000000000000000", "thread_Long0000000000000000000"
TEXT = 'Two lines,\n"quotes", a comma; Umlaute: äöü, an emoji: 🏮 and a line separator: \u2028.'

Threads = dict[str, list[dict[str, Any]]]


def wire(thread: str, number: int, at: int) -> dict[str, Any]:
    return {
        "id": f"msg_{thread[7:11]}{number:03}",
        "object": "thread.message",
        "created_at": START + at,
        "thread_id": thread,
        "role": "assistant" if number % 2 else "user",
        "content": [{"type": "text", "text": {"value": f"{TEXT} {number}", "annotations": []}}],
        "assistant_id": "asst_1" if number % 2 else None,
        "run_id": "run_1" if number % 2 else None,
        "metadata": {},
    }


THREADS: Threads = {
    ONE: [wire(ONE, 0, 0)],
    TIED: [wire(TIED, number, at) for number, at in enumerate([0, 0, 0, 1, 1])],
    LONG: [wire(LONG, number, number // 3) for number in range(45)],
}
EVERY = [message for messages in THREADS.values() for message in messages]


def expected() -> dict[str, list[Message]]:
    return {thread: [as_read(message) for message in messages] for thread, messages in THREADS.items()}


def as_read(raw: dict[str, Any]) -> Message:
    return Message(
        id=raw["id"],
        role=raw["role"],
        content=tuple(raw["content"]),
        created_at=raw["created_at"],
        assistant_id=raw["assistant_id"],
        run_id=raw["run_id"],
    )


def dump(path: Path, value: Any, **kwargs: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, **kwargs), encoding="utf-8")


def lines(path: Path, values: list[Any]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def thread(thread_id: str) -> dict[str, Any]:
    return {"id": thread_id, "object": "thread", "created_at": START, "metadata": {}, "tool_resources": {}}


def whole(thread_id: str) -> dict[str, Any]:
    return {"thread": thread(thread_id), "messages": THREADS[thread_id], "runs": [], "run_steps": []}


def page(messages: list[Any], *, more: bool = False) -> dict[str, Any]:
    ends = {"first_id": messages[0]["id"], "last_id": messages[-1]["id"]}
    return {"object": "list", "data": messages, **ends, "has_more": more}


def flat(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "thread_id": raw["thread_id"],
        "assistant_id": raw["assistant_id"],
        "message_id": raw["id"],
        "role": raw["role"],
        "text": raw["content"][0]["text"]["value"],
        "created_at": raw["created_at"],
        "run_id": raw["run_id"],
    }


# How each shape is written


def thread_file(folder: Path) -> None:
    for thread_id in THREADS:
        dump(folder / f"{thread_id}.json", whole(thread_id), indent=1)


def thread_at_the_top(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        dump(folder / f"{thread_id}.json", {**thread(thread_id), "messages": messages})


def thread_array(folder: Path) -> None:
    dump(folder / "backup.json", [whole(thread_id) for thread_id in THREADS])


def thread_lines(folder: Path) -> None:
    lines(folder / "backup.jsonl", [whole(thread_id) for thread_id in THREADS])


def threads_by_id(folder: Path) -> None:
    dump(folder / "backup.json", THREADS)


def list_page_ascending(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        dump(folder / f"{thread_id}.json", page(messages), indent=2)


def list_pages_newest_first(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        newest = messages[::-1]
        for number, at in enumerate(range(0, len(newest), 4), 1):
            dump(folder / thread_id / f"page-{number}.json", page(newest[at : at + 4], more=at + 4 < len(newest)))


def list_pages_in_one_array(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        dump(folder / f"{thread_id}.json", [page(messages[at : at + 20]) for at in range(0, len(messages), 20)])


def messages_capped(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        dump(folder / f"{thread_id}.json", {"Messages": messages[::-1]})


def message_array(folder: Path) -> None:
    dump(folder / "messages.json", EVERY)


def message_array_newest_first(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        dump(folder / f"backup-{thread_id}.json", messages[::-1])


def message_lines(folder: Path) -> None:
    lines(folder / "messages.jsonl", EVERY)


def message_lines_mixed(folder: Path) -> None:
    turns = [[t[n] for t in THREADS.values() if n < len(t)] for n in range(45)]
    lines(folder / "messages.jsonl", [message for turn in turns for message in turn])


def flat_lines(folder: Path) -> None:
    lines(folder / "rows.ndjson", [flat(message) for message in EVERY])


def flat_array(folder: Path) -> None:
    dump(folder / "rows.json", [flat(message) for message in EVERY])


def flat_csv(folder: Path) -> None:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(flat(EVERY[0])), delimiter=";")
        writer.writeheader()
        for message in EVERY:
            row = flat(message)
            moment = datetime.fromtimestamp(row["created_at"], UTC)
            writer.writerow({**row, "created_at": moment.isoformat().replace("+00:00", "Z")})


def record_csv(folder: Path) -> None:
    columns = ["messageId", "conversationId", "isCreatedByUser", "text", "createdAt", "assistant_id", "run_id"]
    with (folder / "messages.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        for message in EVERY:
            row = flat(message)
            by_user = "true" if row["role"] == "user" else "false"
            said = (row["message_id"], row["thread_id"], by_user, row["text"], row["created_at"])
            writer.writerow([*said, row["assistant_id"], row["run_id"]])


def recorded() -> list[tuple[str, Any]]:
    """Return the requests and answers of a session: each first message alone, then all as newest-first pages."""
    calls: list[tuple[str, Any]] = []
    for thread_id, messages in THREADS.items():
        uri = f"https://api.openai.com/v1/threads/{thread_id}/messages"
        calls.append(("https://api.openai.com/v1/threads", thread(thread_id)))
        calls.append((uri, messages[0]))
        newest = messages[::-1]
        calls += [(f"{uri}?limit=20", page(newest[at : at + 20])) for at in range(0, len(newest), 20)]
    return calls


def http_session(folder: Path) -> None:
    entries = [{"RequestUri": uri, "RequestMethod": "GET", "ResponseBody": answer} for uri, answer in recorded()]
    dump(folder / "session.json", {"Entries": entries})


def har(folder: Path) -> None:
    entries = [
        {"request": {"url": uri}, "response": {"content": {"text": json.dumps(answer)}}} for uri, answer in recorded()
    ]
    dump(folder / "session.har.json", {"log": {"entries": entries}})


def har_in_base64(folder: Path) -> None:
    def content(answer: Any) -> dict[str, Any]:
        return {"text": base64.b64encode(json.dumps(answer).encode()).decode(), "encoding": "base64"}

    calls = [{"request": {"url": uri}, "response": {"content": content(answer)}} for uri, answer in recorded()]
    dump(folder / "session.har", {"log": {"entries": calls}})


def polly_store(folder: Path) -> None:
    calls = [
        {"request": {"url": uri}, "response": {"content": {"text": json.dumps(answer)}}} for uri, answer in recorded()
    ]
    logs = {"One_1": {"log": {"entries": calls[:3]}}, "Two_2": {"log": {"entries": calls[3:]}}}
    dump(folder / "recordings.json", logs)


def charles(folder: Path) -> None:
    calls = []
    for uri, answer in recorded():
        path, _, query = uri.removeprefix("https://api.openai.com").partition("?")
        body = {"encoded": base64.b64encode(json.dumps(answer).encode()).decode()}
        named = {"host": "api.openai.com", "path": path, "query": query, "method": "GET"}
        calls.append({**named, "request": {}, "response": {"status": 200, "body": body}})
    dump(folder / "session.chlsj", calls)


def node_pages(folder: Path) -> None:
    for thread_id, messages in THREADS.items():
        body = page(messages[::-1])
        dump(folder / f"{thread_id}.json", {"options": {"path": f"/threads/{thread_id}/messages"}, "body": body})


def nock_fixture(folder: Path) -> None:
    dump(folder / "nock.json", [nocked(uri, answer) for uri, answer in recorded()])


def nocked(uri: str, answer: Any) -> dict[str, Any]:
    host, path = uri[:22], uri[22:]
    chunks = gzip.compress(json.dumps(answer).encode())
    if "limit" in uri:
        packed = [chunks[:7].hex(), chunks[7:].hex()]
        return {"scope": host, "path": path, "response": packed, "rawHeaders": ["Content-Encoding", "gzip"]}
    return {"scope": host, "path": path, "status": 200, "response": answer}


def mock_mappings(folder: Path) -> None:
    mappings = [{"request": {"url": uri}, "response": {"jsonBody": answer}} for uri, answer in recorded()]
    dump(folder / "mappings.json", {"mappings": mappings})


def postman(folder: Path) -> None:
    saved = [
        {"originalRequest": {"url": {"raw": uri}}, "code": 200, "body": json.dumps(answer)}
        for uri, answer in recorded()
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    dump(folder / "api.json", {"info": {"schema": schema}, "item": [{"item": [{"response": saved}]}]})


def events() -> list[tuple[str, Any]]:
    """Return what the events of three streams hold, one after the other."""
    told: list[tuple[str, Any]] = []
    for thread_id, messages in THREADS.items():
        told.append(("thread.created", thread(thread_id)))
        told += [("thread.message.completed", message) for message in messages]
        told.append(("done", "[DONE]"))
    return told


def event_list(folder: Path) -> None:
    dump(folder / "events.json", [{"event": name, "data": data} for name, data in events()])


def event_lines(folder: Path) -> None:
    lines(folder / "events.jsonl", [{"event": name, "data": data} for name, data in events()])


def event_stream(folder: Path) -> None:
    text = "".join(
        f"event: {name}\ndata: {data if name == 'done' else json.dumps(data)}\n\n" for name, data in events()
    )
    (folder / "run.sse").write_text(text, encoding="utf-8")


def log_lines(folder: Path) -> None:
    told = [f"2024-07-01 12:00:00,{n:03} INFO app - {json.dumps(data)}\n" for n, (_, data) in enumerate(recorded())]
    (folder / "app.log").write_text("".join(["2024-07-01 app: starting\n", *told]), encoding="utf-8")


def cassette() -> dict[str, Any]:
    calls = [
        {"request": {"uri": uri, "method": "GET"}, "response": {"body": {"string": json.dumps(answer)}}}
        for uri, answer in recorded()
    ]
    return {"version": 1, "interactions": calls}


def vcr_json(folder: Path) -> None:
    dump(folder / "cassette.json", cassette())


def vcr_cassette(folder: Path) -> None:
    (folder / "cassette.yaml").write_text(yaml.safe_dump(cassette()), encoding="utf-8")


def packed_cassette(folder: Path) -> None:
    calls = cassette()
    for call in calls["interactions"]:
        call["response"]["body"]["string"] = gzip.compress(call["response"]["body"]["string"].encode())
        call["response"]["headers"] = {"Content-Encoding": ["gzip"]}
    (folder / "cassette.yaml").write_text(yaml.safe_dump(calls), encoding="utf-8")


def snapshot(folder: Path) -> None:
    named = {"object": "migrate-cli.snapshot", "version": 1, "holds": "threads"}
    records = [{"object": "migrate-cli.snapshot.thread", **whole(thread_id), "findings": []} for thread_id in THREADS]
    lines(folder / "part-00001.jsonl", [named, *records])


def objects(folder: Path) -> None:
    dump(folder / "everything.json", [*map(thread, THREADS), *EVERY])


WRITERS: dict[Callable[[Path], None], str] = {
    thread_file: "thread-file",
    thread_at_the_top: "thread-file",
    thread_array: "thread-array",
    thread_lines: "thread-lines",
    threads_by_id: "threads-by-id",
    list_page_ascending: "list-page",
    list_pages_newest_first: "list-page",
    list_pages_in_one_array: "list-page",
    messages_capped: "messages-capped",
    message_array: "message-array",
    message_array_newest_first: "message-array",
    message_lines: "message-lines",
    message_lines_mixed: "message-lines",
    record_csv: "record-csv",
    flat_lines: "flat-lines",
    flat_array: "flat-array",
    flat_csv: "flat-csv",
    http_session: "http-session",
    har: "http-session",
    vcr_json: "vcr-json",
    vcr_cassette: "vcr-cassette",
    har_in_base64: "http-session",
    polly_store: "http-session",
    charles: "http-session",
    node_pages: "http-session",
    packed_cassette: "vcr-cassette",
    nock_fixture: "nock-fixture",
    mock_mappings: "mock-mappings",
    postman: "mock-mappings",
    event_list: "event-list",
    event_lines: "event-stream",
    event_stream: "event-stream",
    log_lines: "event-stream",
    objects: "objects",
    snapshot: "snapshot",
}


# How an export may be wrapped; each gives the path to name


def plain(folder: Path, wrapped: Path) -> Path:
    return folder


def gzipped(folder: Path, wrapped: Path) -> Path:
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


def zipped(folder: Path, wrapped: Path) -> Path:
    with zipfile.ZipFile(wrapped / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return wrapped / "export.zip"


def tarred(folder: Path, wrapped: Path) -> Path:
    with tarfile.open(wrapped / "export.tar.gz", "w:gz") as archive:
        archive.add(folder, "export")
    return wrapped / "export.tar.gz"


def zip_in_a_folder(folder: Path, wrapped: Path) -> Path:
    zipped(folder, wrapped)
    return wrapped


WRAPPINGS = [plain, gzipped, zipped, tarred, zip_in_a_folder]


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    """Write the three threads in one shape."""
    folder, wrapped = tmp_path / "export", tmp_path / "wrapped"
    folder.mkdir()
    wrapped.mkdir()
    request.param(folder)
    return SimpleNamespace(folder=folder, wrapped=wrapped, shape=WRITERS[request.param], writer=request.param)


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_the_same_threads_are_read_from_every_shape(written: Any, wrap: Any, read: Any) -> None:
    reading = read(wrap(written.folder, written.wrapped))

    assert reading.unreadable == []
    assert {found.id: list(found.messages) for found in reading.threads} == expected()
    assert {found.shape for found in reading.threads} == {written.shape}


def test_no_shape_makes_findings_of_threads_that_are_in_order(written: Any, read: Any) -> None:
    findings = [finding.code for found in read(written.folder).threads for finding in found.findings]

    # A stream shows what a run wrote, and cannot prove that nothing else was written.
    streamed = written.writer in {event_list, event_lines, event_stream}
    assert findings == (["thread-may-be-incomplete"] * len(THREADS) if streamed else [])


def test_messages_and_threads_can_be_read_twice(written: Any, read: Any) -> None:
    reading = read(written.folder)
    again = {found.id: list(found.messages) for found in reading.source.threads(Selection())}

    assert {found.id: list(found.messages) for found in reading.threads} == again == expected()


def test_the_order_of_threads_is_stable(written: Any, read: Any) -> None:
    assert read(written.folder).ids == read(written.folder).ids


def test_a_selection_by_id_finds_one_thread(written: Any, read: Any) -> None:
    reading = read(written.folder, Selection(thread_ids=frozenset({TIED})))

    assert reading.ids == [TIED]
    assert list(reading.threads[0].messages) == expected()[TIED]


def test_a_limit_stops_early(written: Any, read: Any) -> None:
    assert len(read(written.folder, Selection(limit=2)).threads) == 2


def test_shards_are_disjoint_and_complete(written: Any, read: Any) -> None:
    shards = [read(written.folder, Selection(shard=(number, 3))).ids for number in (1, 2, 3)]

    assert sorted(thread_id for shard in shards for thread_id in shard) == sorted(THREADS)


def test_the_shape_of_every_file_is_told(written: Any, read: Any) -> None:
    taken = read(written.folder).source.shapes()

    assert [shape.shape for shape in taken] == [written.shape]
    assert sum(shape.files for shape in taken) == sum(path.is_file() for path in written.folder.rglob("*"))


def test_the_shape_can_be_named(written: Any, read: Any) -> None:
    reading = read(written.folder, shape=written.shape)

    assert {found.id: list(found.messages) for found in reading.threads} == expected()


def test_the_number_of_threads_is_told_where_it_is_known(written: Any, read: Any) -> None:
    assert read(written.folder).source.expected() in {3, None}


def test_standard_input_is_read_like_a_file(written: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path for path in written.folder.rglob("*") if path.is_file()]
    data = files[0].read_bytes() if len(files) == 1 else zipped(written.folder, written.wrapped).read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    assert {found.id: list(found.messages) for found in read("-").threads} == expected()


def test_huge_files_are_read_like_small_ones(written: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 600)
    monkeypatch.setattr("migrate_cli.sources.export.recognise._LARGE_PACKED", 20)
    monkeypatch.setattr("migrate_cli.sources.shapes.base.Shape.batch", 4)
    monkeypatch.setattr("migrate_cli.sources.spool.LONG", 10)

    assert {found.id: list(found.messages) for found in read(written.folder).threads} == expected()


WITHOUT_THREADS = {"agent", "agent-yaml", "assistants"}
"""Shapes of files that describe agents alone."""


def test_every_shape_has_its_place_here() -> None:
    assert set(WRITERS.values()) == set(SHAPES) - WITHOUT_THREADS
