"""Keys, request ids and unknown addresses."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer wrong", "Bearer sk-wrong-123"])
def test_a_missing_or_wrong_key_is_a_401(http: httpx2.Client, header: str | None) -> None:
    request = http.build_request("GET", "/conversations/conv_x")
    del request.headers["Authorization"]
    if header is not None:
        request.headers["Authorization"] = header
    answer = http.send(request)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_one_key_can_be_demanded(start: Any) -> None:
    _, http = start(SandboxOptions(api_key="sk-right"))
    assert http.post("/conversations", json={}).status_code == 401
    assert http.post("/conversations", json={}, headers={"Authorization": "Bearer sk-right"}).status_code == 200


def test_a_refused_key_is_not_repeated_in_the_answer(http: httpx2.Client) -> None:
    answer = http.get("/conversations/conv_x", headers={"Authorization": "Bearer sk-wrong-secret"})
    assert "secret" not in answer.text


def test_every_answer_has_a_request_id_of_its_own(http: httpx2.Client) -> None:
    answers = [
        http.post("/conversations", json={}),
        http.get("/conversations/conv_x"),
        http.get("/nowhere"),
        http.get("/conversations/conv_x", headers={"Authorization": "Bearer wrong"}),
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 4


def test_an_unknown_address_is_a_404_in_the_shape_of_the_api(http: httpx2.Client) -> None:
    answer = http.get("/assistants?limit=1")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_conversations_cannot_be_listed(http: httpx2.Client) -> None:
    assert http.get("/conversations").status_code == 405


def test_a_body_over_the_limit_is_a_413(start: Any) -> None:
    _, http = start(SandboxOptions(max_body_bytes=1000))
    assert http.post("/conversations", json={"metadata": {"a": "x" * 2000}}).status_code == 413
    assert http.post("/conversations", content=iter([b'{"metadata": "', b"x" * 2000])).status_code == 413
    assert http.post("/conversations", json={}).status_code == 200


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "localhost@evil", "", "10.0.0.1:80"])
@pytest.mark.parametrize("path", ["/v1/conversations/conv_x", "/_sandbox/faults", "/_sandbox/stats", "/nowhere"])
def test_a_web_page_whose_name_leads_here_gets_nothing(sandbox: EmbeddedSandbox, host: str, path: str) -> None:
    answer = httpx2.get(sandbox.base_url.removesuffix("/v1") + path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:8000"])
def test_loopback_names_are_answered(sandbox: EmbeddedSandbox, host: str) -> None:
    assert httpx2.get(f"{sandbox.control_url}/stats", headers={"Host": host}).status_code == 200


FOREIGN: list[dict[str, str]] = [
    {},
    {"content-type": "application/json"},
    {"x-sandbox-control": "1"},
    {"x-sandbox-control": "1", "content-type": "text/plain"},
    {"x-sandbox-control": "1", "content-type": "application/x-www-form-urlencoded"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("name", ["faults", "land"])
def test_what_a_form_or_a_script_of_another_site_could_send_changes_nothing(
    start: Any, name: str, headers: dict[str, str]
) -> None:
    sandbox, _ = start()
    answer = httpx2.post(f"{sandbox.control_url}/{name}", content=b'{"rules": ["append:500"]}', headers=headers)
    assert answer.status_code == 403
    assert httpx2.get(f"{sandbox.control_url}/faults").json()["rules"] == []


def test_controls_with_their_header_are_taken(start: Any) -> None:
    sandbox, _ = start()
    answer = httpx2.post(f"{sandbox.control_url}/faults", json={"rules": ["append:500"]}, headers=CONTROL_HEADERS)
    assert (answer.status_code, len(answer.json()["rules"])) == (200, 1)
    assert httpx2.post(f"{sandbox.control_url}/land", headers=CONTROL_HEADERS).status_code == 200
