"""A key that is placed wherever one can be turns up in nothing that the program writes."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

KEY = "sk-canary-4f9d1c7e2b8a6035"
OTHER = "canary-gateway-77aa55cc33ee"


class _Leaky(BaseHTTPRequestHandler):
    """A target that repeats the key that it was sent, in bodies and headers, and fails in a chosen way."""

    status = 400
    whole = True
    refuse = ("POST",)

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        sent = str(self.headers.get("authorization"))
        message = f"Incorrect API key provided: {sent}. Also {OTHER} and api-key: {KEY}"
        body = json.dumps({"error": {"message": message, "code": f"invalid {sent}", "type": KEY}}).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", f"req {sent}")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.whole else body[: len(body) // 2])

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names are the library's

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[type[_Leaky]]:
    """The target, named by the environment, with the key in every place that takes one."""
    handler = type("Leaky", (_Leaky,), {})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MIGRATE_LOAD__CONNECT_PATIENCE", "0.1")
        yield handler
        server.shutdown()


def everything_written(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "export" not in path.parts:
            yield str(path.relative_to(folder)), path.read_bytes()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 200])
@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "junit"])
def test_no_report_log_or_state_file_holds_the_key(
    cli: Cli, tmp_path: Path, leaky: type[_Leaky], status: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if status in (429, 500, 200):
        monkeypatch.setattr("migrate_cli.http.retry.SHORTEST_WAIT", 0.0)
        monkeypatch.setattr("migrate_cli.http.rate_limiter.LATENESS", 0.0)
        monkeypatch.setattr("migrate_cli.commands.context.LoadPolicy", _impatient)
    leaky.status = status
    leaky.whole = status != 200
    export = write_export(tmp_path / "export", [2])
    outcome = cli("apply", export, "-vv", "--log-file", "run.log", "--output", form, "--report", f"report.{form}")
    assert outcome.code != 0
    shown = [("stdout", outcome.out.encode()), ("stderr", outcome.err.encode()), *everything_written(tmp_path)]
    assert len(shown) > 4
    for name, content in shown:
        assert KEY.encode() not in content, name
        assert KEY[3:].encode() not in content, name


def _impatient(**values: object) -> object:
    from migrate_cli.load.policy import LoadPolicy

    return LoadPolicy(**{**values, "patience": 0.0, "unclear_patience": 1, "settle": 0.0})  # type: ignore[arg-type]


def test_a_bug_leaves_a_traceback_without_the_key(
    cli: Cli, tmp_path: Path, leaky: type[_Leaky], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"headers were {{'Authorization': 'Bearer {KEY}'}}")

    monkeypatch.setattr("migrate_cli.load.run.decide", broken)
    outcome = cli("apply", write_export(tmp_path / "export", [2]), "--log-file", "run.log")
    assert outcome.code == 1
    log = Path("run.log").read_text()
    assert "Traceback" in log
    for name, content in [("out", outcome.out), ("err", outcome.err), ("log", log)]:
        assert KEY[3:] not in content, name


def test_a_key_in_the_settings_file_is_refused_without_being_repeated(cli: Cli, tmp_path: Path) -> None:
    Path("migration.yaml").write_text(f"target: {{api_key: {KEY}, api_key_env: {KEY}}}\n")
    outcome = cli("plan", write_export(tmp_path / "export", [1]))
    assert outcome.code == 2
    assert KEY[3:] not in outcome.out + outcome.err
