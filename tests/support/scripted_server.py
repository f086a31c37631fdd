"""A server that plays streams of responses which a test has written, as bytes over HTTP. It answers nothing else."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.events import Event

Streams = Sequence[Sequence[Event]]
"""The streams of one question, one for each request."""


class ScriptedServer:
    """Serves `POST /v1/responses`. The first text of the user names the streams that are played."""

    def __init__(self, streams: Mapping[str, Streams]) -> None:
        self._streams = streams
        self._lock = threading.Lock()
        self.requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
        """The bodies of all requests, by that name."""

    def answer(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        """Return status, type and bytes of the next answer."""
        if path != "/v1/responses":
            return _refused(404, f"there is no {path}")
        asked: dict[str, Any] = json.loads(body)
        name = _first_text(asked["input"])
        with self._lock:
            place = len(self.requests[name])
            self.requests[name].append(asked)
        streams = self._streams.get(name, ())
        if place >= len(streams):
            return _refused(400, f"{name} has {len(streams)} streams, and this is request {place + 1}")
        lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in streams[place])
        return 200, "text/event-stream", "".join(lines).encode()


def _first_text(items: list[dict[str, Any]]) -> str:
    return next(str(part["text"]) for item in items if item.get("role") == "user" for part in item["content"])


def _refused(status: int, message: str) -> tuple[int, str, bytes]:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return status, "application/json", json.dumps({"error": error}).encode()


@contextmanager
def scripted_server(streams: Mapping[str, Streams]) -> Iterator[tuple[ScriptedServer, str]]:
    """Serve these streams on a free port; yield the server and its base URL."""
    script = ScriptedServer(streams)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*_refused(404, f"there is no {self.path}"))

        def do_POST(self) -> None:
            self._send(*script.answer(self.path, self.rfile.read(int(self.headers["content-length"]))))

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield script, f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
