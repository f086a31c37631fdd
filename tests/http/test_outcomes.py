"""What is known after an answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.outcomes import (
    Ambiguous,
    Applied,
    NotApplied,
    NotAppliedKind,
    Refused,
    of_error,
    of_success,
    retry_after,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def error_body(code: str | None, message: str = "No.") -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    ).encode()


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b'{"id": "conv_1", "obj', b"[]", b""])
def test_a_success_that_cannot_be_read_leaves_open_what_was_done(content: bytes) -> None:
    assert isinstance(of_success(content, {"x-request-id": "req_1"}), Ambiguous)


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "quota used up."}}, {"error": "quota used up"}, {"detail": [{"msg": "quota used up"}]}],
)
def test_an_error_with_the_status_of_a_success_gives_its_reason(body: object) -> None:
    reply = of_success(json.dumps(body).encode(), {"x-request-id": "req_1"})
    assert reply == Ambiguous("the answer was an error: quota used up", "req_1")


@pytest.mark.parametrize("body", [{"id": "resp_1", "error": {"message": "x"}}, {"text": "", "error": "x"}, {"a": 1}])
def test_an_answer_that_holds_more_than_an_error_is_applied(body: dict[str, object]) -> None:
    assert of_success(json.dumps(body).encode(), {}) == Applied(body)


def test_a_success_with_an_object_is_applied() -> None:
    reply = of_success(b'{"id": "conv_1"}', {"x-request-id": "req_1"})
    assert reply == Applied({"id": "conv_1"})
    assert reply.request_id == "req_1"


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_a_status_that_may_come_after_the_change_is_ambiguous(status: int) -> None:
    assert isinstance(of_error(status, {}, error_body(None)), Ambiguous)


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_other_client_errors_are_definite(status: int) -> None:
    reply = of_error(status, {}, error_body("invalid_item", "Bad item."))
    assert reply == Refused(status, "invalid_item", "Bad item.")


def test_throttling_and_a_locked_conversation_were_not_applied() -> None:
    assert of_error(429, {"retry-after": "7"}, error_body("rate_limit_exceeded")) == NotApplied(
        NotAppliedKind.THROTTLED, "rate_limit_exceeded", 7.0
    )
    assert of_error(400, {}, error_body("conversation_locked")) == NotApplied(
        NotAppliedKind.LOCKED, "conversation_locked", None
    )


def test_an_error_without_a_json_body_still_has_a_sentence() -> None:
    reply = of_error(404, {}, b"<html>gone</html>")
    assert isinstance(reply, Refused)
    assert reply.code == "http-404"
    assert "404" in reply.message


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ({"detail": "Conversation not found"}, "http-404", "Conversation not found"),
        (
            {"detail": [{"type": "missing", "loc": ["body", "items", 0, "role"], "msg": "Field required", "input": 1}]},
            "http-404",
            "body.items.0.role: Field required",
        ),
        ({"detail": {"code": "no_such", "message": "Not here"}}, "no_such", "Not here"),
        ({"detail": {"error": {"code": "no_such", "message": "Not here"}}}, "no_such", "Not here"),
        ({"error": "no such conversation"}, "http-404", "no such conversation"),
        ({"error": "not_found", "message": "No such conversation"}, "http-404", "No such conversation"),
        ({"error": "no such conversation", "code": "no_such"}, "no_such", "no such conversation"),
        ({"error": {"message": "Not here", "code": 404}}, "http-404", "Not here"),
        ({"error": {"detail": {"errors": [{"loc": ["items"], "msg": "too long"}]}}}, "http-404", "items: too long"),
        ({"type": "about:blank", "title": "Not Found", "status": 404}, "http-404", "Not Found"),
        ({"title": "Not Found", "detail": "no conversation c"}, "http-404", "Not Found: no conversation c"),
        ({"object": "error", "message": "Not here", "code": "no_such"}, "no_such", "Not here"),
        ({"errors": [{"message": "one"}, {"message": "two"}]}, "http-404", "one; two"),
        ({"message": "Not here"}, "http-404", "Not here"),
    ],
)
def test_the_reason_is_read_in_every_form_that_servers_give_it(body: object, code: str, sentence: str) -> None:
    assert of_error(404, {}, json.dumps(body).encode()) == Refused(404, code, sentence)


def test_the_line_of_a_proxy_is_a_reason_too() -> None:
    assert of_error(404, {}, b"no healthy upstream\n") == Refused(404, "http-404", "no healthy upstream")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["error", "detail", "message", "errors", "title", "code", "loc", "msg"]), inner
            )
        ),
    )
)
def test_any_body_at_all_gives_one_sentence_of_sane_length(body: object) -> None:
    reply = of_error(400, {}, json.dumps(body).encode())
    if isinstance(reply, Refused):
        assert 0 < len(reply.message) <= 500
        assert reply.code


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe\x00", b"", b"null", b'{"error": {"message": null}}'])
def test_a_body_that_tells_nothing_still_has_a_sentence(content: bytes) -> None:
    assert of_error(404, {}, content) == Refused(404, "http-404", "the server answered 404")


def test_a_key_in_an_error_message_is_masked() -> None:
    reply = of_error(400, {}, error_body(None, "Incorrect key sk-proj-abcdefghijklmnop1234 given."))
    assert isinstance(reply, Refused)
    assert "abcdefghijklmnop" not in reply.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "200"}, 200.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds
