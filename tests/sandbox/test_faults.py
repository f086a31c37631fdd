"""Every kind of misbehaviour over HTTP: what the client sees, and what was really done (read past the server)."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai as sdk
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI

BROKEN = (httpx2.ReadError, httpx2.RemoteProtocolError)
"""How a client sees a connection that was reset: when it was still sending, it learns of it by reading nothing."""


class Bench:
    """A sandbox with one conversation and a plan that begins after it was made."""

    def __init__(self, sandbox: EmbeddedSandbox, http: httpx2.Client) -> None:
        self.sandbox = sandbox
        self.http = http
        self.conversation = http.post("/conversations", json={}).json()["id"]

    def plan(self, *rules: str, seed: int = 0) -> None:
        answer = self.control("POST", "faults", json={"rules": list(rules), "seed": seed})
        assert answer.status_code == 200, answer.text

    def control(self, method: str, name: str, **more: Any) -> httpx2.Response:
        return httpx2.request(method, f"{self.sandbox.control_url}/{name}", headers=CONTROL_HEADERS, **more)

    def append(self, *texts: str, timeout: float = 10) -> httpx2.Response:
        items = [{"role": "user", "content": text} for text in texts or ("x",)]
        return self.http.post(f"/conversations/{self.conversation}/items", json={"items": items}, timeout=timeout)

    def stored(self) -> list[str]:
        return next(
            [item["content"][0]["text"] for item in items]
            for name, _, items in read_conversations(self.sandbox.data)
            if name == self.conversation
        )

    def faults(self) -> dict[str, int]:
        counted: dict[str, int] = self.control("GET", "stats").json()["faults"]
        return counted

    def until(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not ready():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.01)


@pytest.fixture
def bench(start: Any) -> Bench:
    return Bench(*start())


def code_of(answer: httpx2.Response) -> str | None:
    code: str | None = answer.json()["error"]["code"]
    return code


@pytest.mark.parametrize(
    ("kind", "status"), [("500", 500), ("502", 502), ("503", 503), ("529", 529), ("408", 408), ("413", 413)]
)
def test_an_error_before_the_commit_stores_nothing(bench: Bench, kind: str, status: int) -> None:
    bench.plan(f"append:{kind}")
    assert bench.append().status_code == status
    assert bench.stored() == []
    assert bench.faults() == {f"append:{kind}": 1}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("500-after", 500), ("502-after", 502), ("503-after", 503), ("529-after", 529), ("408-after", 408)],
)
def test_an_error_after_the_commit_hides_what_was_stored(bench: Bench, kind: str, status: int) -> None:
    bench.plan(f"append:{kind}")
    assert bench.append("kept").status_code == status
    assert bench.stored() == ["kept"]


def test_429_says_when_to_come_back(bench: Bench) -> None:
    bench.plan("append:429:retry_after=7")
    answer = bench.append()
    assert (answer.status_code, code_of(answer), answer.headers["retry-after"]) == (429, "rate_limit_exceeded", "7")
    assert bench.stored() == []


def test_429_can_be_silent_about_it(bench: Bench) -> None:
    bench.plan("append:429-bare")
    answer = bench.append()
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


def test_quota_can_be_used_up(bench: Bench) -> None:
    bench.plan("append:quota")
    answer = bench.append()
    assert (answer.status_code, code_of(answer)) == (429, "insufficient_quota")
    assert "retry-after" not in answer.headers


def test_a_conversation_can_be_called_locked(bench: Bench) -> None:
    bench.plan("append:locked")
    answer = bench.append()
    assert (answer.status_code, code_of(answer)) == (400, "conversation_locked")


def test_a_marked_text_is_refused_and_others_are_not(bench: Bench) -> None:
    bench.plan("append:poison:text=SKULL")
    answer = bench.append("fine", "a SKULL here")
    assert (answer.status_code, code_of(answer)) == (400, "invalid_item")
    assert bench.append("fine").status_code == 200
    assert bench.stored() == ["fine"]


def test_a_reset_before_the_request_is_read_stores_nothing(bench: Bench) -> None:
    bench.plan("append:reset-before")
    with pytest.raises(BROKEN):
        bench.append()
    assert bench.stored() == []


def test_a_reset_after_the_commit_hides_what_was_stored(bench: Bench) -> None:
    bench.plan("append:reset-after")
    with pytest.raises(BROKEN):
        bench.append("kept")
    assert bench.stored() == ["kept"]


def test_the_official_client_sees_a_reset_as_a_connection_error(bench: Bench) -> None:
    bench.plan("create:reset-after")
    with (
        OpenAI(base_url=bench.sandbox.base_url, api_key="test-key", max_retries=0) as client,
        pytest.raises(sdk.APIConnectionError),
    ):
        client.conversations.create()


@pytest.mark.parametrize("answer", ["reset", "hang"])
def test_a_commit_can_arrive_after_the_client_gave_up(bench: Bench, answer: str) -> None:
    bench.plan(f"append:late:seconds=600:answer={answer}:count=1")
    with pytest.raises((*BROKEN, httpx2.ReadTimeout)):
        bench.append("late", timeout=0.1)
    bench.until(lambda: bench.control("GET", "stats").json()["late"] == 1)
    assert bench.stored() == []
    assert bench.control("POST", "land").json() == {"landed": 1}
    assert bench.stored() == ["late"]
    assert bench.control("GET", "stats").json()["late"] == 0


def test_a_late_commit_lands_by_itself_behind_what_came_in_between(bench: Bench) -> None:
    bench.plan("append:late:seconds=0.5:count=1")
    with pytest.raises(BROKEN):
        bench.append("first")
    assert bench.append("second").status_code == 200
    bench.until(lambda: bench.stored() == ["second", "first"])


def test_an_answer_can_be_cut_inside_its_json(bench: Bench) -> None:
    bench.plan("append:cut")
    answer = bench.append("kept")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert bench.stored() == ["kept"]


def test_a_connection_can_break_inside_the_answer(bench: Bench) -> None:
    bench.plan("append:break")
    with pytest.raises(httpx2.RemoteProtocolError):
        bench.append("kept")
    assert bench.stored() == ["kept"]


@pytest.mark.parametrize(("kind", "stored"), [("html", []), ("html-after", ["kept"])])
def test_a_page_can_come_with_status_200(bench: Bench, kind: str, stored: list[str]) -> None:
    bench.plan(f"append:{kind}")
    answer = bench.append("kept")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert bench.stored() == stored


@pytest.mark.parametrize(("kind", "stored"), [("hang", []), ("hang-after", ["kept"])])
def test_an_answer_can_never_come(bench: Bench, kind: str, stored: list[str]) -> None:
    bench.plan(f"append:{kind}")
    with pytest.raises(httpx2.ReadTimeout):
        bench.append("kept", timeout=0.1)
    bench.until(lambda: bench.stored() == stored)


@pytest.mark.parametrize("kind", ["hang", "hang-after"])
def test_a_hang_can_end_with_an_answer(bench: Bench, kind: str) -> None:
    bench.plan(f"append:{kind}:seconds=0.05")
    assert bench.append("kept").status_code == 200
    assert bench.stored() == ["kept"]


def test_a_server_with_a_hanging_request_still_stops(start: Any) -> None:
    bench = Bench(*start())
    bench.plan("append:hang", "create:late:seconds=1000")
    with pytest.raises(BROKEN):
        bench.http.post("/conversations", json={})
    with pytest.raises(httpx2.ReadTimeout):
        bench.append(timeout=0.05)
    bench.sandbox.stop()


@pytest.mark.parametrize(("status", "seen"), [(500, 500), (400, 400), (200, 200)])
def test_a_batch_can_be_stored_in_part(bench: Bench, status: int, seen: int) -> None:
    bench.plan(f"append:partial:items=2:status={status}")
    answer = bench.append("a", "b", "c")
    assert answer.status_code == seen
    assert bench.stored() == ["a", "b"]
    if status == 200:
        assert len(answer.json()["data"]) == 2


def test_a_batch_stored_in_part_can_end_in_a_reset(bench: Bench) -> None:
    bench.plan("append:partial:status=0")
    with pytest.raises(BROKEN):
        bench.append("a", "b")
    assert bench.stored() == ["a"]


def test_the_server_can_be_down_for_a_while(bench: Bench) -> None:
    bench.plan("append:down:seconds=1:count=1")
    with pytest.raises(BROKEN):
        bench.append()
    with pytest.raises(httpx2.ConnectError):
        bench.append()

    def back() -> bool:
        try:
            return bench.append("back").status_code == 200
        except httpx2.ConnectError:
            return False

    bench.until(back)
    assert bench.stored() == ["back"]


def test_latency_is_counted_and_changes_nothing(bench: Bench) -> None:
    bench.plan("append:latency:ms=2", "append:lognormal:median=2", "append:500:nth=2")
    assert bench.append("kept").status_code == 200
    assert bench.append("lost").status_code == 500
    assert bench.stored() == ["kept"]
    assert bench.faults() == {"append:latency": 2, "append:lognormal": 2, "append:500": 1}


def test_a_client_that_gives_up_on_a_slow_server_has_still_stored_its_items(bench: Bench) -> None:
    bench.plan("append:latency:ms=400")
    with pytest.raises(httpx2.ReadTimeout):
        bench.append("kept", timeout=0.1)
    bench.until(lambda: bench.stored() == ["kept"])


def test_a_request_that_breaks_off_in_its_body_does_nothing(bench: Bench) -> None:
    bench.plan("*:latency:ms=1")
    address = urlsplit(bench.sandbox.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(
            b"POST /v1/conversations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\n"
            b"Content-Length: 9\r\n\r\n"
        )
        bench.until(lambda: bench.control("GET", "stats").json()["requests"]["create"] == 2)
    bench.append("next")
    assert len(list(read_conversations(bench.sandbox.data))) == 1


def test_a_second_writer_finds_the_conversation_locked(bench: Bench) -> None:
    bench.plan("append:hang:count=1")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(bench.append, "first", timeout=60)
        bench.until(lambda: bench.control("GET", "stats").json()["requests"].get("append") == 1)
        second = bench.append("second")
        assert (second.status_code, code_of(second)) == (400, "conversation_locked")
        assert bench.http.get(f"/conversations/{bench.conversation}/items").status_code == 200
        bench.sandbox.stop()
        with pytest.raises(BROKEN):
            first.result()


def test_a_limit_is_enforced_and_can_change_while_it_runs(bench: Bench) -> None:
    bench.plan("append:rpm:limit=60:burst=2")
    first, _, over = bench.append(), bench.append(), bench.append()
    assert (first.headers["x-ratelimit-limit-requests"], first.headers["x-ratelimit-remaining-requests"]) == ("60", "1")
    assert (over.status_code, code_of(over)) == (429, "rate_limit_exceeded")
    assert over.headers["retry-after"] == "1"
    assert over.headers["x-ratelimit-remaining-requests"] == "0"
    assert bench.http.get(f"/conversations/{bench.conversation}").status_code == 200
    bench.plan("append:rpm:limit=600000")
    bench.until(lambda: bench.append().status_code == 200)
    assert bench.faults()["append:rpm"] >= 1


def test_some_servers_turn_a_batch_round(bench: Bench) -> None:
    bench.plan("append:scramble")
    bench.append("a", "b", "c")
    assert bench.stored() == ["c", "b", "a"]


def test_some_servers_drop_the_items_of_a_create(bench: Bench) -> None:
    bench.plan("create:ignore-items")
    made = bench.http.post("/conversations", json={"items": [{"role": "user", "content": "x"}]}).json()
    assert bench.http.get(f"/conversations/{made['id']}/items").json()["data"] == []


def test_some_servers_lie_about_more_and_ignore_after(bench: Bench) -> None:
    ids = [item["id"] for item in bench.append("a", "b").json()["data"]]
    items = f"/conversations/{bench.conversation}/items?order=asc"
    bench.plan("list:always-more")
    assert bench.http.get(items).json()["has_more"] is True
    bench.plan("list:never-more")
    assert bench.http.get(f"{items}&limit=1").json()["has_more"] is False
    bench.plan("list:ignore-after")
    assert [item["id"] for item in bench.http.get(f"{items}&after={ids[0]}").json()["data"]] == ids


def test_faults_strike_only_where_they_were_asked_for(bench: Bench) -> None:
    bench.plan("writes:500:nth=2")
    assert [bench.append().status_code for _ in range(3)] == [200, 500, 200]
    assert bench.http.get(f"/conversations/{bench.conversation}").status_code == 200


def test_the_plan_can_be_read_changed_and_taken_away(bench: Bench) -> None:
    bench.plan("append:500:0.5", "create:late:seconds=2", seed=9)
    assert bench.control("GET", "faults").json() == {"seed": 9, "rules": ["append:500:0.5", "create:late:seconds=2"]}
    bench.plan()
    assert bench.append().status_code == 200


def test_a_wrong_plan_is_refused_and_the_old_one_stays(bench: Bench) -> None:
    bench.plan("append:500")
    answer = bench.control("POST", "faults", json={"rules": ["append:501"]})
    assert answer.status_code == 400
    assert "501" in answer.json()["error"]["message"]
    assert bench.append().status_code == 500


def test_what_it_did_is_counted(bench: Bench) -> None:
    bench.plan("append:500:nth=1", "append:reset-after:nth=2")
    bench.append()
    with pytest.raises(BROKEN):
        bench.append()
    bench.append()
    stats = bench.control("GET", "stats").json()
    assert stats["requests"] == {"append": 3, "create": 1}
    assert stats["statuses"] == {"200": 2, "500": 1}
    assert stats["faults"] == {"append:500": 1, "append:reset-after": 1}


def test_a_plan_can_be_given_at_the_start(start: Any) -> None:
    _, http = start(SandboxOptions(faults=plan_from_specs(["create:503"])))
    assert http.post("/conversations", json={}).status_code == 503


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("detail", {"detail": "Conversation with id 'conv_no' not found."}),
        ("text", {"error": "Conversation with id 'conv_no' not found."}),
        (
            "details",
            {"detail": [{"type": "value_error", "loc": ["body", "request"],
                         "msg": "Conversation with id 'conv_no' not found."}]},
        ),
        (
            "problem",
            {"type": "about:blank", "title": "The request was refused",
             "detail": "Conversation with id 'conv_no' not found."},
        ),
    ],
)  # fmt: skip
def test_errors_can_be_told_as_servers_of_another_make_do(bench: Bench, form: str, body: dict[str, Any]) -> None:
    bench.plan(f"*:errors:form={form}")
    answer = bench.http.get("/conversations/conv_no")
    assert (answer.status_code, answer.json()) == (404, body)
    assert bench.append("still as usual").status_code == 200


def test_whatever_strikes_besides_is_told_in_that_form_too(bench: Bench) -> None:
    bench.plan("*:errors:form=text", "append:413")
    assert bench.append().json() == {"error": "The request is too large."}


@pytest.mark.parametrize("name", ["include[]", "include"])
def test_a_server_can_refuse_include_and_take_all_else(bench: Bench, name: str) -> None:
    bench.plan("list,append:no-include")
    path = f"/conversations/{bench.conversation}/items"
    assert bench.http.get(path, params={name: "message.input_image.image_url"}).status_code == 400
    assert bench.http.get(path).status_code == 200
    assert bench.append("x").status_code == 200


def test_requests_of_one_second_can_be_listed_in_the_wrong_order(bench: Bench) -> None:
    bench.plan("append,list:mix-seconds")
    for number in range(6):
        bench.append(f"{number}a", f"{number}b")
    listed = bench.http.get(f"/conversations/{bench.conversation}/items", params={"order": "asc"}).json()["data"]
    texts = [item["content"][0]["text"] for item in listed]
    assert sorted(texts) == bench.stored() != texts
    assert all(texts[place][0] == texts[place + 1][0] for place in range(0, 12, 2)), "each request stays in one piece"


def test_a_write_that_is_never_answered_is_done_and_reads_are_answered(bench: Bench) -> None:
    bench.plan("*:post-unanswered")
    with pytest.raises(httpx2.ReadTimeout):
        bench.append("kept", timeout=0.1)
    bench.until(lambda: bench.stored() == ["kept"])
    assert (
        bench.http.get(f"/conversations/{bench.conversation}/items").json()["data"][0]["content"][0]["text"] == "kept"
    )


def test_only_the_head_of_an_answer_comes(bench: Bench) -> None:
    bench.plan("append:headers-only")
    with (
        bench.http.stream(
            "POST",
            f"/conversations/{bench.conversation}/items",
            json={"items": [{"role": "user", "content": "kept"}]},
            timeout=0.2,
        ) as answer,
        pytest.raises(httpx2.ReadTimeout),
    ):
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) > 0
        answer.read()
    assert bench.stored() == ["kept"]


def test_an_answer_can_trickle(bench: Bench) -> None:
    bench.plan("append:trickle:100000")
    assert bench.append("kept").json()["data"][0]["content"][0]["text"] == "kept"
    bench.plan("append:trickle:1")
    with bench.http.stream(
        "POST", f"/conversations/{bench.conversation}/items", json={"items": [{"role": "user", "content": "b"}]}
    ) as answer:
        assert next(answer.iter_raw()) == b"{"
