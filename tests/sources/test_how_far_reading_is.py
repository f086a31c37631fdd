"""Whoever watches is told how much of a source has been read, in shares of its bytes, where nobody counted threads."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Thread
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources import read_meter
from migrate_cli.sources.export import recognise
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source

from support.exports import thread_id as thread_name
from support.exports import write_export
from support.hosts import host, read

THREADS = 400


def thread(number: int) -> dict[str, Any]:
    message = {
        "id": f"msg_{number}",
        "object": "thread.message",
        "role": "user",
        "created_at": 1_700_000_000,
        "content": [{"type": "text", "text": {"value": "hello " * 20, "annotations": []}}],
    }
    return {"id": f"thread_{number:04}", "object": "thread", "created_at": 1_700_000_000, "messages": [message]}


def lines(folder: Path) -> Path:
    path = folder / "all.jsonl"
    path.write_text("".join(json.dumps(thread(number)) + "\n" for number in range(THREADS)))
    return path


def array(folder: Path) -> Path:
    path = folder / "all.json"
    path.write_text(json.dumps([thread(number) for number in range(THREADS)]))
    return path


def packed(folder: Path) -> Path:
    path = folder / "all.jsonl.gz"
    path.write_bytes(gzip.compress(lines(folder).read_bytes()))
    return path


def archive(folder: Path) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for part in range(4):
            some = range(part * THREADS // 4, (part + 1) * THREADS // 4)
            file.writestr(f"part-{part}.jsonl", "".join(json.dumps(thread(number)) + "\n" for number in some))
    return path


def wide(folder: Path) -> Path:
    path = folder / "all.json"
    path.write_text(json.dumps([thread(number) for number in range(THREADS)]), "utf-16")
    return path


def told(path: Path, selection: Selection | None = None) -> tuple[list[tuple[int, float | None]], Source]:
    source = open_source(str(path))
    heard: list[tuple[int, float | None]] = []
    source.reading = lambda threads, share: heard.append((threads, share))
    found = [one for one in source.threads(selection or Selection()) if isinstance(one, Thread)]
    assert found
    return heard, source


@pytest.mark.parametrize("make", [lines, array, packed, archive, wide])
def test_the_share_that_was_read_tells_how_many_threads_there_are(make: Callable[[Path], Path], tmp_path: Path) -> None:
    heard, _ = told(make(tmp_path))
    assert [threads for threads, _ in heard] == list(range(1, THREADS + 1))
    for threads, share in heard[THREADS // 4 :]:
        assert share is not None
        assert threads / share == pytest.approx(THREADS, rel=0.05)
    assert heard[-1] == (THREADS, 1.0)


def test_an_array_that_is_too_large_to_hold_is_weighed_as_it_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognise, "LARGE", 1 << 12)
    monkeypatch.setattr("migrate_cli.sources.export.json_stream._BUFFER", 1 << 12)
    heard, _ = told(array(tmp_path))
    for threads, share in heard[THREADS // 2 :]:
        assert share is not None
        assert threads / share == pytest.approx(THREADS, rel=0.1)


def test_a_table_is_weighed_while_it_is_looked_through_for_what_belongs_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_meter, "TELL_AFTER", 0.0)
    monkeypatch.setattr(read_meter, "TELL_EVERY", 0.0)
    path = tmp_path / "all.csv"
    rows = "".join(f"thread_{n:04},msg_{n},user,{1_700_000_000 + n},hello {'x' * 200}\n" for n in range(THREADS))
    path.write_text("thread_id,message_id,role,created_at,content\n" + rows)
    source = open_source(str(path))
    heard: list[tuple[int, float | None]] = []
    source.reading = lambda threads, share: heard.append((threads, share))
    assert source.expected() == THREADS
    shares = [share for threads, share in heard if share is not None and not threads]
    assert len(shares) > 5
    assert shares[-1] > 0.9


def test_a_part_of_the_source_that_ends_by_number_says_nothing_of_the_whole(tmp_path: Path) -> None:
    assert told(lines(tmp_path), Selection(limit=5))[0] == []


def test_an_open_file_is_not_held_by_being_weighed(tmp_path: Path) -> None:
    meter = read_meter.ReadMeter(lambda: lambda _threads, _share: None)
    meter.begin(10)
    meter.file(10)
    (tmp_path / "x").write_bytes(b"0123456789")
    with meter.open(tmp_path / "x") as stream:
        assert stream.read(5) == b"01234"
        assert meter.share() == 0.5
    assert meter.share() == 0.0


def test_a_host_tells_how_many_threads_it_has_listed_and_when_that_is_all(tmp_path: Path) -> None:
    with host(tmp_path, write_export(tmp_path / "export", [1] * 250), SourcePreset.FOUNDRY) as running:
        source = running.source(discover=True)
        heard: list[tuple[int, float | None]] = []
        source.reading = lambda threads, share: heard.append((threads, share))
        assert len(read(source)[0]) == 250
        assert heard == [(100, None), (200, None), (250, None), (250, 1.0)]
        heard.clear()
        list(source.records(Selection(), skip=lambda thread_id: thread_id <= thread_name(50)))
        assert heard[-1] == (200, 1.0)
        heard.clear()
        list(source.threads(Selection(limit=3)))
        assert heard == []
