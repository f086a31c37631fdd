"""Results to render: one that uses every key, and one in which everything from outside is hostile."""

from __future__ import annotations

import pytest
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.secrets import forget_secrets

HOSTILE = "<script>alert(1)</script>]]>&\"'|`*\x1b[31m\x00\x07\ud800\u202e\ufffe<img src=x onerror=alert(2)>"


def thread(number: int, state: str, messages: int, findings: int = 0) -> JsonObject:
    gone = state in ("failed", "skipped")
    return {
        "thread_id": f"thread_{number:024d}",
        "conversation_id": None if gone else f"conv_{number:048x}",
        "state": state,
        "messages": messages,
        "items": 0 if gone else messages + 1,
        "findings": findings,
    }


@pytest.fixture(autouse=True)
def no_registered_secrets() -> None:
    forget_secrets()


@pytest.fixture
def applied() -> Result:
    """An `apply` that went well for the most part, with every key of its data."""
    threads = [thread(n, "loaded", (n * 7) % 60 + 1, n % 3) for n in range(1, 21)]
    threads += [thread(21, "failed", 12, 1), thread(22, "in_doubt", 30), thread(23, "skipped", 0)]
    data: JsonObject = {
        "threads": {"total": 1204, "loaded": 1199, "skipped": 1, "failed": 1, "in_doubt": 1, "unchanged": 2},
        "messages": {"read": 14310, "items": 15102},
        "parts": {"read": 16001, "kept": 15020, "converted": 920, "noted": 60, "dropped": 1},
        "findings": {"attachment-file-missing": 12, "image-in-assistant-message": 4, "unsupported-part": 1},
        "requests": {"sent": 2300, "retried": 3, "ambiguous": 1},
        "finding_list": [
            {
                "code": "unsupported-part",
                "severity": "error",
                "thread_id": "thread_000000000000000000000001",
                "message_id": "msg_000000000000000000000001",
                "detail": "A part of type hologram.",
            }
        ],
        "finding_list_cut": 16,
        "unreadable": [
            {"origin": "export/threads/thread_9.json:12", "code": "bad-json", "detail": "Line 12 is not JSON."}
        ],
        "shapes": [{"shape": "thread-file", "files": 1203, "example": "export/threads/thread_1.json"}],
        "skipped": [{"thread_id": "thread_000000000000000000000023", "reason": "no-messages"}],
        "thread_list": threads,
        "thread_list_cut": 1181,
        "target": {"base_url": "http://127.0.0.1:8123/v1", "sandbox": True},
        "state": "migration.db",
        "seconds": 12.4,
        "writes": 2300,
        "timeline": [{"seconds": n, "messages_per_second": 900 + (n * 137) % 400} for n in range(13)],
        "content": [
            {
                "thread_id": "thread_000000000000000000000001",
                "conversation_id": f"conv_{1:048x}",
                "rows": [
                    {
                        "position": 0,
                        "message_id": "msg_000000000000000000000001",
                        "source": {"role": "user", "text": "Where is my order?\nIt was sent on Monday."},
                        "target": [{"kind": "message", "role": "user", "text": "Where is my order?"}],
                        "findings": [{"code": "unsupported-part", "severity": "error", "detail": "Type hologram."}],
                    }
                ],
            }
        ],
    }
    problem = Problem("item-refused", "The target refused item 3: invalid_item.", "thread_000000000000000000000021")
    return Result("apply", data, exit_code=3, run_id="run_1", errors=[problem])


@pytest.fixture
def verified() -> Result:
    """A `verify` that met every outcome, with texts as if they had been asked for."""
    names = [f"thread_{number:024d}" for number in range(1, 7)]
    conversations = [f"conv_{number:048x}" for number in range(1, 7)]
    found: list[JsonObject] = [
        {
            "outcome": "*", "code": "changed-text", "position": 3, "message_id": "msg_000000000000000000000004",
            "item_id": "msg_0a", "kind": "message", "field": "content[0].text",
            "detail": "differs at character 15: 2 of 22 characters sent, 2 of 22 found",
            "expected": "It was sent on Monday.", "got": "It was sent on Sunday.",
        },
        {"outcome": "*", "code": "changed-metadata", "field": "metadata.customer", "detail": "another value"},
        {"outcome": "-", "code": "missing-item", "position": 1, "detail": "this message is not in the conversation"},
        {"outcome": "+", "code": "doubled-item", "position": 2, "detail": "another copy of item 1"},
        {"outcome": "!", "code": "forbidden", "detail": "the conversation cannot be read (403): no access"},
    ]  # fmt: skip
    places = (0, 0, 1, 2, 3)
    states = ("differs", "differs", "verified", "differs", "verified", "skipped")
    data: JsonObject = {
        "threads": {"total": 7, "verified": 2, "differs": 3, "not_loaded": 1, "skipped": 1},
        "outcomes": {"=": 1204, "-": 1, "+": 1, "*": 1, "!": 12},
        "metadata": {"=": 15, "-": 0, "+": 0, "*": 1, "!": 0},
        "files": {"=": 3, "-": 1, "+": 0, "*": 0, "!": 0},
        "continued": 1,
        "differences": [
            {"thread_id": names[place], "conversation_id": conversations[place], **one}
            for place, one in zip(places, found, strict=True)
        ],
        "differences_cut": 2,
        "not_loaded": [{"thread_id": "thread_9", "state": "failed", "detail": "invalid_item"}],
        "thread_list": [
            {
                "thread_id": name,
                "conversation_id": None if state == "skipped" else conversation,
                "state": state,
                "messages": 12,
                "items": 12,
            }
            | ({"detail": "no-messages"} if state == "skipped" else {})
            for name, conversation, state in zip(names, conversations, states, strict=True)
        ],
        "unreadable": [],
        "compared_with": "the source",
        "requests": {"sent": 12, "retried": 0, "ambiguous": 0},
        "target": {"base_url": "https://api.openai.com/v1", "sandbox": False},
        "state": "migration.db",
        "seconds": 3.2,
    }
    errors = [
        Problem("changed-text", "item 3: content[0].text differs at character 15 (and 1 more)", names[0]),
        Problem("missing-item", "item 1: this message is not in the conversation", names[1]),
        Problem("forbidden", "the conversation cannot be read (403): no access", names[3]),
        Problem("not-loaded", "this thread is failed and has no whole conversation: invalid_item", "thread_9"),
    ]
    return Result("verify", data, exit_code=4, run_id="run_2", errors=errors)


@pytest.fixture
def hostile() -> Result:
    """Everything that comes from outside tries to break out of its format."""
    data: JsonObject = {
        "threads": {"total": 1, "loaded": 0, "failed": 1},
        "messages": {"read": 1, "items": 1},
        "parts": {"read": 1, "kept": 1, "converted": 0, "noted": 0, "dropped": 0},
        "findings": {HOSTILE: 1},
        "finding_list": [
            {"code": HOSTILE, "severity": "error", "thread_id": HOSTILE, "message_id": HOSTILE, "detail": HOSTILE}
        ],
        "unreadable": [{"origin": HOSTILE, "code": HOSTILE, "detail": HOSTILE}],
        "skipped": [{"thread_id": HOSTILE, "reason": HOSTILE}],
        "thread_list": [
            {
                "thread_id": HOSTILE,
                "conversation_id": HOSTILE,
                "state": HOSTILE,
                "messages": 2,
                "items": 1,
                "findings": 1,
            }
        ],
        "target": {"base_url": HOSTILE, "sandbox": False},
        "state": HOSTILE,
        "content": [
            {
                "thread_id": HOSTILE,
                "conversation_id": HOSTILE,
                "rows": [
                    {
                        "source": {"role": HOSTILE, "text": HOSTILE},
                        "target": [{"kind": HOSTILE, "role": HOSTILE, "text": HOSTILE}],
                        "findings": [{"code": HOSTILE, "severity": HOSTILE, "detail": HOSTILE}],
                    }
                ],
            }
        ],
    }
    return Result("apply", data, exit_code=3, run_id=HOSTILE, errors=[Problem(HOSTILE, HOSTILE, HOSTILE)])
