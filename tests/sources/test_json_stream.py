"""Files of any size are read with flat memory, and give what a small file gives."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection


@pytest.fixture
def large_from_1_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count files as large from a megabyte on."""
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 1 << 20)
    monkeypatch.setattr("migrate_cli.sources.export.recognise._LARGE_PACKED", 1 << 16)


def array(entries: Iterator[str]) -> Iterator[str]:
    yield "["
    for place, entry in enumerate(entries):
        yield ("," if place else "") + entry
    yield "]"


def message(thread: int, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{thread}_{number}",
        "object": "thread.message",
        "created_at": 1_700_000_000 + number,
        "thread_id": f"thread_{thread}",
        "role": "user",
        "content": [{"type": "text", "text": {"value": "long text " * 100, "annotations": []}}],
    }


def message_array() -> Iterator[str]:
    return array(json.dumps(message(thread, number)) for number in range(20) for thread in range(500))


def thread_array() -> Iterator[str]:
    threads = ([message(thread, number) for number in range(20)] for thread in range(500))
    return array(json.dumps({"thread": {"id": messages[0]["thread_id"]}, "messages": messages}) for messages in threads)


def threads_by_id() -> Iterator[str]:
    for thread in range(500):
        yield ("," if thread else "{") + f'"thread_{thread}": '
        yield json.dumps([message(thread, number) for number in range(20)])
    yield "}"


def one_long_thread() -> Iterator[str]:
    yield '{"thread": {"id": "thread_0", "metadata": {"a": "b"}}, "messages": '
    yield from array(json.dumps(message(0, number)) for number in range(10_000))
    yield ', "runs": [{"id": "run_1", "object": "thread.run"}]}'


def message_lines() -> Iterator[str]:
    return (json.dumps(message(thread, number)) + "\n" for number in range(20) for thread in range(500))


def thread_line(thread: int, count: int) -> str:
    messages = [message(thread, number) for number in range(count)]
    return json.dumps({"thread": {"id": f"thread_{thread}"}, "messages": messages}) + "\n"


def long_line_first() -> Iterator[str]:
    yield thread_line(0, 9_900)
    yield from (thread_line(thread, 10) for thread in range(1, 11))


def long_line_among_others() -> Iterator[str]:
    yield from (thread_line(thread, 10) for thread in range(1, 6))
    yield thread_line(0, 9_900)
    yield from (thread_line(thread, 10) for thread in range(6, 11))


WRITERS = [
    message_array,
    thread_array,
    threads_by_id,
    one_long_thread,
    message_lines,
    long_line_first,
    long_line_among_others,
]


@pytest.mark.usefixtures("large_from_1_mb")
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_memory_stays_flat(writer: Any, tmp_path: Path) -> None:
    path = tmp_path / "export"
    with path.open("w", encoding="utf-8") as text:
        text.writelines(writer())
    assert path.stat().st_size > 11_000_000

    tracemalloc.start()
    try:
        count = 0
        for thread in open_source(str(path)).threads(Selection()):
            assert isinstance(thread, Thread)
            count += sum(1 for _ in thread.messages)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 10_000
    assert peak < 6_000_000


@pytest.mark.usefixtures("large_from_1_mb")
def test_a_huge_array_that_is_cut_off_gives_what_was_whole(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "export.json"
    path.write_text("".join(thread_array())[:6_000_000])
    reading = read(path)

    assert len(reading.threads) > 200
    assert reading.codes == ["file-cut-off"]
    assert len(reading.messages("thread_0")) == 20


@pytest.mark.usefixtures("large_from_1_mb")
def test_a_long_line_that_is_broken_spoils_no_other_line(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(thread_line(1, 2) + thread_line(0, 2_000)[:1_500_000] + "\n" + thread_line(2, 2))
    reading = read(path)

    assert len(reading.messages("thread_1")) == len(reading.messages("thread_2")) == 2
    assert len(reading.unreadable) == 1
    assert f"{path}:2" in reading.unreadable[0].detail


@pytest.mark.usefixtures("large_from_1_mb")
def test_a_long_line_is_the_same_thread_in_every_walk(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(thread_line(1, 2) + thread_line(0, 2_000))
    source = read(path).source

    again = {found.id: sum(1 for _ in found.messages) for found in source.threads(Selection())}
    assert again == {"thread_1": 2, "thread_0": 2_000}


@pytest.mark.usefixtures("large_from_1_mb")
@pytest.mark.parametrize("odd", ["\\ud83d", "\\udc00 low", "\\ud83d\\ud83d\\ude00"])
def test_half_surrogates_survive_in_huge_files(odd: str, tmp_path: Path, read: Any, wire: Any) -> None:
    filler = json.dumps([wire(number, content="\U0001f3ee " * 100) for number in range(2, 1500)])[1:]
    first = json.dumps(wire(1, content="ODD")).replace("ODD", odd)
    (tmp_path / "m.json").write_text(f"[{first},{filler}")

    assert read(tmp_path).messages("thread_A")[0].content[0]["text"]["value"] == json.loads(f'"{odd}"')


def test_the_temporary_index_is_private_and_goes(tmp_path: Path, read: Any, wire: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    export = tmp_path / "export"
    export.mkdir()
    (export / "m.jsonl").write_text(json.dumps(wire(1)) + "\n")
    source = read(export).source
    (folder,) = [path for path in tmp_path.iterdir() if path != export]

    assert folder.stat().st_mode & 0o777 == 0o700
    source.close()
    assert not folder.exists()
