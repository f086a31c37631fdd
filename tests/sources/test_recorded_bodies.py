"""Bodies of recordings: decoded whatever way they were written, or told with their place."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.bounds import Bounds, bounds, set_bounds
from migrate_cli.sources.shapes.recorded_bodies import NO_BODY, BodyDecoder, BodyError
from migrate_cli.sources.shapes.recorded_exchange import RecordedBody

VALUE = {"object": "list", "data": [{"id": "msg_1", "text": "Größe\n" * 9}]}
TEXT = json.dumps(VALUE)
DATA = TEXT.encode()
STREAM = 'event: thread.run.created\ndata: {"id": "run_1", "object": "thread.run"}\n\n'
URL = "https://api.openai.com/v1/threads/thread_A/messages?limit=5&api-key=abc"


def decoded(value: Any, encoding: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): held for name, held in headers.items()}
    return BodyDecoder().decoded(RecordedBody(value, encoding, named))


def deflated() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(DATA) + packer.flush()


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (7, data[:7], len(data) - 7, data[7:])


def gzipped(data: bytes) -> bytes:
    """Packed data without the moment of packing: every process must collect the same tests."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("value", "encoding", "packing"),
    [
        (VALUE, "", ""),
        (TEXT, "", ""),
        (TEXT, "", "gzip"),
        (json.dumps(TEXT), "", ""),
        (DATA, "", ""),
        (TEXT.encode("utf-16"), "", ""),
        (base64.b64encode(DATA).decode(), "base64", ""),
        (base64.encodebytes(DATA).decode(), "", ""),
        (base64.urlsafe_b64encode(DATA).decode().rstrip("="), "base64", ""),
        ("data:application/json;base64," + base64.b64encode(DATA).decode(), "", ""),
        (DATA.hex(), "", ""),
        (DATA.hex(), "hex", ""),
        (gzipped(DATA), "", "gzip"),
        (gzipped(DATA), "", ""),
        (gzipped(DATA[:9]) + gzipped(DATA[9:]), "", "gzip"),
        (gzipped(DATA).decode("latin-1"), "", "gzip"),
        (base64.b64encode(gzipped(DATA)).decode(), "", "gzip"),
        ([gzipped(DATA)[:6].hex(), gzipped(DATA)[6:].hex()], "", "gzip"),
        (json.dumps([gzipped(DATA)[:6].hex(), gzipped(DATA)[6:].hex()]), "", "gzip"),
        ([base64.b64encode(gzipped(DATA)).decode()], "", "gzip"),
        (zlib.compress(DATA), "", "deflate"),
        (deflated(), "", "deflate"),
        (deflated(), "", ""),
        (gzipped(zlib.compress(DATA)), "", "deflate, gzip"),
        (gzipped(DATA), "", "br"),
        (chunked(DATA), "", ""),
        (chunked(gzipped(DATA)), "", "gzip"),
        (chunked(DATA).decode(), "", ""),
        ({"type": "Buffer", "data": list(DATA)}, "", ""),
        (json.dumps(VALUE, indent=1).split("\n"), "", ""),
        (json.dumps(VALUE, indent=1).splitlines(keepends=True), "", ""),
        ([TEXT[:20], TEXT[20:]], "", ""),
    ],
)
def test_a_body_is_decoded_however_it_was_written(value: Any, encoding: str, packing: str) -> None:
    assert decoded(value, encoding, **({"content_encoding": packing} if packing else {})) == VALUE


@pytest.mark.parametrize("value", [STREAM, STREAM.encode(), gzipped(STREAM.encode()), STREAM.splitlines()])
def test_a_stream_is_decoded_to_its_text(value: Any) -> None:
    assert "thread.run.created" in decoded(value)


@pytest.mark.parametrize("value", [None, "", b"", [], " \n", "null"])
def test_an_empty_body_is_none(value: Any) -> None:
    assert decoded(value) is NO_BODY


def test_brotli_and_zstandard_are_read_with_their_packages() -> None:
    brotli, zstd = pytest.importorskip("brotli"), pytest.importorskip("backports.zstd")

    assert decoded(brotli.compress(DATA), content_encoding="br") == VALUE
    assert decoded(brotli.compress(DATA)) == VALUE
    assert decoded(zstd.compress(DATA), content_encoding="zstd") == VALUE
    assert decoded(zstd.compress(DATA)) == VALUE
    for packed, name in ((brotli.compress(DATA), "br"), (zstd.compress(DATA), "zstd")):
        with pytest.raises(BodyError, match=r"is truncated|is damaged"):
            decoded(packed[:-3], content_encoding=name)


@pytest.mark.parametrize(("name", "data"), [("br", b"\x8b\x03\x80"), ("zstd", b"\x28\xb5\x2f\xfd\x04")])
def test_a_missing_package_is_named(name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("brotli", "backports.zstd", "backports", "compression"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BodyError, match=rf"compressed as {name}; to read it: pip install"):
        decoded(data, content_encoding=name)


@pytest.mark.parametrize(
    ("value", "encoding", "packing", "why"),
    [
        ("not base64 at all!", "base64", "", "marked as base64"),
        (b"\x00\x01\x02\x03", "", "gzip", "marked as gzip but is not"),
        (gzipped(DATA)[:-9], "", "gzip", "gzip but is truncated"),
        (gzipped(DATA)[:12] + b"\0\0\0" + gzipped(DATA)[15:], "", "gzip", "gzip but is damaged"),
        (b"\xff\xfe\xfd\x00\x81", "", "compress", "compressed as compress"),
        (b"\xff\xff\xfd\x00\x81", "", "", "neither text nor compressed"),
        ("<html>gateway</html>", "", "", "neither JSON nor an event stream"),
        (TEXT[:-5], "", "", "ends in the middle"),
        ("\x1f\ufffd\x08\0", "", "gzip", "which damaged it"),
        ([300, -1], "", "", ""),
    ],
)
def test_a_body_that_cannot_be_decoded_says_why(value: Any, encoding: str, packing: str, why: str) -> None:
    if not why:
        assert decoded(value) == value
        return
    with pytest.raises(BodyError, match=why):
        decoded(value, encoding, **({"content_encoding": packing} if packing else {}))


def test_a_bomb_is_stopped_at_the_bound() -> None:
    before = bounds()
    set_bounds(Bounds(answer_bytes=50_000))
    try:
        with pytest.raises(BodyError, match=r"larger than 50,000 bytes .* limits.answer_bytes"):
            decoded(gzipped(b" " * 10_000_000), content_encoding="gzip")
        decoder = BodyDecoder()
        body = RecordedBody(gzipped(json.dumps({"a": "x" * 40_000}).encode()), headers={"content-encoding": "gzip"})
        with pytest.raises(BodyError, match=r"limits\.answer_bytes"):
            for _ in range(9):
                decoder.decoded(body)
    finally:
        set_bounds(before)


def har(folder: Path, *contents: dict[str, Any], url: str = URL) -> Path:
    entries = [{"request": {"method": "GET", "url": url}, "response": {"status": 200, "content": c}} for c in contents]
    path = folder / "session.har"
    path.write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
    return path


def test_an_undecodable_body_of_a_thread_that_is_read_is_a_finding(tmp_path: Path, read: Any, wire: Any) -> None:
    page = json.dumps({"object": "list", "data": [wire(2), wire(1)], "has_more": False})
    reading = read(har(tmp_path, {"text": page}, {"text": "H4sIAAAA", "encoding": "base64"}))
    found = [(one.code, one.detail) for one in reading.thread("thread_A").findings]

    assert [code for code, _ in found] == ["thread-may-be-incomplete", "body-not-decoded"]
    assert "entry 2 (GET /v1/threads/thread_A/messages)" in found[1][1]
    assert "abc" not in str(found)


def test_an_undecodable_body_that_a_later_list_makes_good_is_still_told(tmp_path: Path, read: Any, wire: Any) -> None:
    page = json.dumps({"object": "list", "data": [wire(2), wire(1)], "has_more": False})
    reading = read(har(tmp_path, {"text": "H4sIAAAA", "encoding": "base64"}, {"text": page}))

    assert reading.finding_codes("thread_A") == ["body-not-decoded"]


def test_a_thread_of_which_nothing_can_be_decoded_is_unreadable(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "good.json").write_text(json.dumps([wire(1, thread="thread_B")]))
    har(tmp_path, {"text": "H4sIAAAA", "encoding": "base64"})
    reading = read(tmp_path)

    assert reading.ids == ["thread_B"]
    assert [(one.code, one.thread_id) for one in reading.unreadable] == [("answer-not-decoded", "thread_A")]


def test_a_list_whose_answer_was_not_recorded_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    page = json.dumps({"object": "list", "data": [wire(2), wire(1)], "has_more": False})
    reading = read(har(tmp_path, {"text": page}, {"size": 900, "mimeType": "application/json"}))
    (found,) = reading.thread("thread_A").findings

    assert found.code == "thread-may-be-incomplete"
    assert "entry 2 (GET /v1/threads/thread_A/messages) asked for them" in found.detail


def test_bodies_of_other_addresses_are_nobodys_concern(tmp_path: Path, read: Any, wire: Any) -> None:
    page = json.dumps({"object": "list", "data": [wire(1)], "has_more": False})
    har(tmp_path, {"text": "iVBORw0KGgo=", "encoding": "base64", "mimeType": "image/png"}, url="https://app.example/a")
    (tmp_path / "session.har").rename(tmp_path / "other.har")
    har(tmp_path, {"text": page})
    reading = read(tmp_path)

    assert reading.finding_codes("thread_A") == []
    assert reading.codes == ["no-thread-in-recording"]


def test_a_body_in_another_file_is_named(tmp_path: Path, read: Any, wire: Any) -> None:
    answer = {"status": 200, "bodyFileName": "messages.json"}
    mappings = {"mappings": [{"request": {"method": "GET", "urlPath": "/v1/threads/thread_A"}, "response": answer}]}
    (tmp_path / "mappings.json").write_text(json.dumps(mappings))
    (tmp_path / "good.json").write_text(json.dumps([wire(1, thread="thread_B")]))
    (problem,) = read(tmp_path).unreadable

    assert problem.code == "answer-not-decoded"
    assert "the file messages.json" in problem.detail


def test_binary_bodies_of_ruby_and_go_cassettes_are_read(tmp_path: Path, read: Any, wire: Any) -> None:
    page = gzipped(json.dumps({"object": "list", "data": [wire(1)], "has_more": False}).encode())
    packed = base64.encodebytes(page).decode().replace("\n", "\n          ")
    entry = f"  request:\n    method: get\n    uri: {URL}\n  response:\n    headers:\n      Content-Encoding: [gzip]\n"
    ruby = f"{entry}    body:\n      encoding: ASCII-8BIT\n      string: !binary |-\n          {packed}\n"
    go = f"{entry}    code: 200\n    body: !!binary |\n          {packed}\n"
    for name, text in (("ruby", ruby), ("go", go)):
        listed = "- " + text[2:]
        content = f"---\nversion: 1\ninteractions:\n{listed}"
        (tmp_path / f"{name}.yaml").write_text(content)
        reading = read(tmp_path / f"{name}.yaml")
        assert reading.message_ids("thread_A") == ["msg_1"]
        assert reading.finding_codes("thread_A") == []


def cassette(*answers: Any) -> str:
    entries = [
        {"request": {"method": "GET", "uri": URL.replace("_A", f"_{place}")}, "response": {"body": {"string": answer}}}
        for place, answer in enumerate(answers)
    ]
    return yaml.safe_dump({"interactions": entries, "version": 1}, sort_keys=True)


def test_whole_entries_of_a_cut_cassette_are_read_and_the_cut_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    pages = [
        json.dumps({"object": "list", "data": [wire(place, thread=f"thread_{place}")], "has_more": False})
        for place in range(3)
    ]
    text = cassette(*pages)
    # In the middle of the quoted body of the last entry.
    (tmp_path / "c.yaml").write_text(text[: text.rindex("thread.message")])
    reading = read(tmp_path / "c.yaml")

    assert reading.ids == ["thread_0", "thread_1"]
    assert reading.codes == ["file-cut-off"]
    assert "middle of an entry" in reading.unreadable[0].detail


def test_a_cassette_without_its_last_line_may_be_cut_off(tmp_path: Path, read: Any, wire: Any) -> None:
    page = json.dumps({"object": "list", "data": [wire(1, thread="thread_0")], "has_more": False})
    text = cassette(page)
    (tmp_path / "c.yaml").write_text(text[: text.rindex("version")])
    (found,) = read(tmp_path / "c.yaml").thread("thread_0").findings

    assert found.code == "thread-may-be-incomplete"
    assert "may be truncated" in found.detail
