"""Secrets in every place that takes one, against a host that repeats whatever it is sent: none turns up anywhere."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from support.exports import write_export
from support.hurry import hurry

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures

CANARIES = {
    "key": "canaryKEY0a1b2c3d4e5f",
    "source": "canarySOURCE0a1b2c3d4",
    "header": "canaryHEADER0a1b2c3d4",
    "fixed": "canaryFIXED0a1b2c3d4e",
    "query": "canaryQUERY0a1b2c3d4e",
    "from": "canaryFROM0a1b2c3d4e5",
    "token": "canaryTOKEN0a1b2c3d4e",
    "custom": "canaryCUSTOM0a1b2c3d4",
    "stderr": "canary-stderr-of-the-command",
}

SETTINGS = """
source: {query: {code: %(from)s}}
target:
  headers: {X-Gateway-Token: %(fixed)s}
  headers_env: {X-Gateway: GATEWAY}
  query: {code: %(query)s}
load: {timeout: 2, settle: 0.05, connect_patience: 0.1}
"""

SUITE = "model: m\ncases: [{id: a, input: hello%s}]\n"


class _Echo(BaseHTTPRequestHandler):
    """Repeats headers and query in bodies, ids, headers and events."""

    protocol_version = "HTTP/1.1"
    status = 400
    form = "openai"

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        said = f"{self.path} " + " ".join(f"{name}: {value}" for name, value in self.headers.items())
        values = [value.removeprefix("Bearer ") for name, value in self.headers.items() if "canary" in value]
        if self.status == 200 and self.path.startswith("/v1/responses"):
            self._send(_stream(said, values), "text/event-stream", said)
        elif self.status == 200:
            secret = values[0] if values and self.form != "plain ids" else "id_1"
            entry = {"id": secret, "role": said, "object": said, "content": said, "run_id": secret, "filename": said}
            body = {"id": secret, "text": said, "data": [entry], "metadata": {secret: said}, "bytes": 3, **entry}
            self._send(json.dumps({**body, "has_more": False}).encode(), "application/json", said)
        else:
            self._send(json.dumps(self._error(said)).encode(), "application/json", said)

    def _error(self, said: str) -> object:
        forms = {
            "openai": {"error": {"message": said, "code": said, "type": said, "param": said}},
            "detail": {"detail": said},
            "text": {"error": said},
            "problem": {"title": said, "detail": said, "type": said},
            "list": {"detail": [{"msg": said, "loc": [said]}]},
        }
        return forms[self.form]

    def _send(self, body: bytes, kind: str, said: str) -> None:
        self.send_response(self.status)
        self.send_header("content-type", kind)
        self.send_header("x-request-id", said[:200])
        self.send_header("location", f"http://127.0.0.2:9{self.path}&said={said.replace(' ', '_')}"[:2000])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names are the library's

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _stream(said: str, values: list[str]) -> bytes:
    part = {"type": "output_text", "text": said, "annotations": []}
    item = {"id": values[0], "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    events = [
        {"type": "response.created", "response": {"id": values[0], "status": "in_progress", "output": []}},
        {
            "type": "response.output_text.delta",
            "item_id": values[0],
            "output_index": 0,
            "content_index": 0,
            "delta": said,
        },
        {"type": "response.output_item.done", "output_index": 0, "item": item, values[0]: values},
        {"type": "response.completed", "response": {"id": values[0], "status": "completed", "output": [item]}},
    ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path) -> Iterator[type[_Echo]]:
    """The host, as target and as source, with a secret in each place that takes one."""
    hurry(monkeypatch)
    handler = type("Echo", (_Echo,), {})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("SOURCE_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", CANARIES["key"])
        monkeypatch.setenv("SOURCE_API_KEY", CANARIES["source"])
        monkeypatch.setenv("GATEWAY", CANARIES["header"])
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Custom: {CANARIES['custom']}")
        (tmp_path / "own.yaml").write_text(SETTINGS % CANARIES)
        (tmp_path / "suite.yaml").write_text(SUITE % "")
        (tmp_path / "old.yaml").write_text(SUITE % ", conversation: thread_0")
        (tmp_path / "voice.mp3").write_bytes(b"ID3\x03\x00")
        (tmp_path / "ids.txt").write_text("thread_0\n")
        write_export(tmp_path / "export", [2])
        yield handler
        server.shutdown()


INPUTS = ("own.yaml", "suite.yaml", "old.yaml", "export", "voice.mp3", "ids.txt", "command.yaml")
LIVE = ("--format", "auto")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("doctor", "export"),
    ("doctor", "--live"),
    ("plan", "export"),
    ("plan", "URL", "--threads-from", "ids.txt"),
    ("plan", "URL", "--discover"),
    ("apply", "export", "-vv"),
    ("apply", "URL", "--threads-from", "ids.txt", "--state", "live.db"),
    ("verify", "export", "--with-content"),
    ("status",),
    ("replay", "suite.yaml", "--mode", "stateless", "--events", "events.jsonl", "--with-content"),
    ("replay", "old.yaml", "--with-content"),
    ("replay", "suite.yaml", "--images", "images", "--with-content"),
    ("report", "--with-content"),
    ("transcribe", "voice.mp3"),
    ("map", "thread_0"),
    ("map", "export", "--format", "csv"),
    ("map", "export", "--format", "jsonl"),
    ("assistants", "URL"),
    ("snapshot", "URL", "--threads-from", "ids.txt", "--out", "saved"),
    ("resolve", "thread_0"),
    ("status", "--orphans"),
    ("recover", "export", "--state", "lost.db"),
    ("undo", "--orphans", "--yes", "--force"),
    ("undo", "--all", "--yes"),
)


def written(folder: Path, outcome: Outcome) -> Iterator[tuple[str, bytes]]:
    yield "stdout", outcome.out.encode()
    yield "stderr", outcome.err.encode()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in (*INPUTS, "saved"):
            yield str(path.relative_to(folder)), path.read_bytes()


def run_all(cli: Cli, folder: Path, url: str, config: str) -> None:
    for number, command in enumerate(COMMANDS):
        args = [url if arg == "URL" else arg for arg in command]
        extra = ["--config", config, "--log-file", "run.log"]
        if command[:2] not in (("map", "export"), ("assistants", "URL")):
            form = ("json", "html", "markdown", "junit", "text")[number % 5]
            extra += ["--output", form, "--report", f"report-{number}.json"]
        outcome = cli(*args, *extra)
        assert outcome.code != 1, outcome.err
        for name, content in written(folder, outcome):
            for which, canary in CANARIES.items():
                assert canary.encode() not in content, f"{command}: {which} in {name}"


@pytest.mark.parametrize(
    ("status", "form"),
    [
        (400, "openai"),
        (400, "detail"),
        (401, "openai"),
        (403, "text"),
        (404, "problem"),
        (422, "list"),
        (307, "openai"),
        (200, "ids that echo"),
        (200, "plain ids"),
    ],
)
def test_no_artefact_of_any_command_holds_a_secret(
    cli: Cli, tmp_path: Path, echo: type[_Echo], status: int, form: str
) -> None:
    import os

    echo.status, echo.form = status, form
    run_all(cli, tmp_path, os.environ["SOURCE_BASE_URL"], "own.yaml")
    events = (tmp_path / "events.jsonl").read_text()
    assert ("x-gateway: ***" in events.lower()) == (status == 200)


@pytest.mark.parametrize("status", [400, 200])
def test_no_token_of_a_command_gets_out_either(cli: Cli, tmp_path: Path, echo: type[_Echo], status: int) -> None:
    import os

    echo.status = status
    code = f"print({CANARIES['token']!r})"
    command = json.dumps([sys.executable, "-c", code])
    lines = (SETTINGS % CANARIES).replace("query: {code", f"token_command: {command}\n  query: {{code")
    lines = lines.replace("source: {token_command", "source:\n  token_command").replace("}}\ntarget", "}\ntarget")
    (tmp_path / "command.yaml").write_text(lines)
    run_all(cli, tmp_path, os.environ["SOURCE_BASE_URL"], "command.yaml")


def test_what_a_failing_token_command_says_stays_with_it(cli: Cli, tmp_path: Path, echo: type[_Echo]) -> None:
    code = f"import sys; print({CANARIES['token']!r}); sys.exit('login failed for {CANARIES['stderr']}')"
    (tmp_path / "command.yaml").write_text(f"target: {{token_command: {json.dumps([sys.executable, '-c', code])}}}\n")
    for args in (["apply", "export"], ["doctor"], ["verify"], ["replay", "suite.yaml"], ["undo", "--all", "--yes"]):
        outcome = cli(*args, "--config", "command.yaml", "--log-file", "run.log", "-vv", "--report", "report.json")
        if args[0] == "apply":
            assert outcome.code == 6
            assert "ended with 1" in outcome.out + outcome.err
        for name, content in written(tmp_path, outcome):
            for which in ("stderr", "token"):
                assert CANARIES[which].encode() not in content, f"{args}: {which} in {name}"


def test_doctor_masks_headers_queries_and_the_words_of_a_command(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "source: {query: {flavour: vanilla-sky}, options: {dsn: open-sesame}, token_command: get --as bob-smith}\n"
        "target: {headers: {X-Team: blue-whale}, query: {api: plain-words}, token_command: [get, quiet-word]}\n"
    )
    for form in ("text", "json"):
        outcome = cli("doctor", "--config", "own.yaml", "--output", form)
        for word in ("vanilla-sky", "open-sesame", "bob-smith", "blue-whale", "plain-words", "quiet-word"):
            assert word not in outcome.out + outcome.err
    rows = {
        row["setting"]: row["value"] for row in cli("doctor", "-c", "own.yaml", "-o", "json").json["data"]["settings"]
    }
    assert rows["target.headers"] == "{'X-Team': '***'}"
    assert rows["target.token_command"] == "get ***"
