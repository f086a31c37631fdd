"""Results to render: one that uses every key, and one in which everything from outside is hostile."""

from __future__ import annotations

import pytest
from migrate_cli.model import JsonObject, Problem, Provenance, Result
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
            "detail": "differs from character 15 on: 2 of the 22 characters sent, 2 of the 22 found",
            "expected": "It was sent on Monday.", "got": "It was sent on Sunday.",
        },
        {"outcome": "*", "code": "changed-metadata", "field": "metadata.customer", "detail": "another value"},
        {"outcome": "-", "code": "missing-item", "position": 1, "detail": "this message is not in the conversation"},
        {"outcome": "+", "code": "doubled-item", "position": 2, "detail": "a duplicate of item 1"},
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
        Problem("not-loaded", "this thread is failed and has no complete conversation: invalid_item", "thread_9"),
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


def turn(number: int, **more: object) -> JsonObject:
    return {
        "turn": number, "status": "completed", "ttft_ms": 412.0, "total_ms": 1830.5, "input_tokens": 920,
        "output_tokens": 61, "cost": 0.0021, "requests": 1, "retries": [], "answer_length": 44, "expected_length": None,
        "likeness": None, "tools": [],
        **more,
    }  # fmt: skip


def replay_case(name: str, status: str, **more: object) -> JsonObject:
    ran = status not in ("stopped", "skipped")
    return {
        "case_id": name, "thread_id": None, "conversation_id": None, "status": status, "code": None,
        "ttft_ms": 412.0 if ran else None, "total_ms": 1830.5 if ran else None,
        "input_tokens": 920 if ran else 0, "output_tokens": 61 if ran else 0, "tools": [], "tool_calls": 0,
        "rounds": 1, "retries": 0, "cost": 0.0021, "detail": None, "expectations": [], "notes": {}, "tool_problems": [],
        "kinds": [], "reasons": [], "likeness": None, "turns": [turn(1)] if ran else [],
        **more,
    }  # fmt: skip


@pytest.fixture
def replayed() -> Result:
    """A `replay` of last turns in which something of everything went wrong, with texts as if asked for."""
    asked = {
        "question": "When will my lamp arrive?",
        "expected": "It was sent on Monday.",
        "answer": "It was sent on Sunday.",
    }
    lamp = replay_case(
        "thread_lamp", "failed", thread_id="thread_lamp", kinds=["similar_to", "max_seconds"],
        detail="similar_to: likeness by letters 0.48, wanted 0.6 or more; max_seconds: took 31.2 s, wanted at most "
        "20 s",
        expectations=[
            {"name": "status", "passed": True, "detail": "the response is completed, wanted completed", "turn": 1},
            {
                "name": "similar_to", "passed": False, "detail": "likeness by letters 0.48, wanted 0.6 or more",
                "likeness": 0.48, "turn": 1,
            },
            {"name": "max_seconds", "passed": False, "detail": "took 31.2 s, wanted at most 20 s", "turn": 1},
        ],
        likeness={"value": 0.48, "threshold": 0.6, "method": "letters"}, retries=1, notes={"unknown": 2},
        baseline={"first_ms": 1000.0, "total_ms": 4000.0, "input_tokens": 800, "output_tokens": 50},
        turns=[turn(
            1, likeness=0.48, expected_length=22, answer_length=22, total_ms=31200.0, retries=["the stream broke off"],
            tools=[
                {"tool": "lookup_order", "where": "here", "seconds": 30.0, "problem": "timeout"},
                {"tool": "web_search", "where": "server", "seconds": None, "problem": None},
            ],
            content={**asked, "arguments": ['{"order_id": "LS-1"}', "{}"]},
        )],
    )  # fmt: skip
    broken = replay_case(
        "thread_broken",
        "error",
        code="stream-broken",
        kinds=["stream-broken"],
        detail="the stream broke off; sent again 3 times",
        reasons=["the stream broke off"],
        retries=3,
    )
    fine = [
        replay_case(f"thread_fine_{number}", "passed", likeness={"value": 0.9, "threshold": 0.6, "method": "letters"})
        for number in range(3)
    ]
    odd = replay_case("thread_odd", "passed", notes={"mismatch": 1})
    cases = [lamp, broken, *fine, odd, replay_case("thread_late", "stopped", detail="the run was interrupted")]
    data: JsonObject = {
        "suite": "last turns", "rerun": "migrate-cli replay --last-turn --source export --thread", "mode": "copy",
        "models": ["gpt-5.4-mini"], "cases": cases,
        "verdict": {
            "holds": 4, "fails": 1, "errors": 1, "not_run": 1,
            "kinds": [
                {"kind": "max_seconds", "cases": 1, "case_ids": ["thread_lamp"]},
                {"kind": "similar_to", "cases": 1, "case_ids": ["thread_lamp"]},
                {"kind": "stream-broken", "cases": 1, "case_ids": ["thread_broken"]},
            ],
        },
        "likeness": {
            "compared": 4, "median": 0.9, "bins": [0, 0, 0, 0, 1, 0, 0, 0, 0, 3],
            "worst": [
                {"case_id": "thread_lamp", "value": 0.48, "threshold": 0.6, "method": "letters"},
                {"case_id": "thread_fine_0", "value": 0.9, "threshold": 0.6, "method": "letters"},
            ],
        },
        "totals": {
            "cases": 7, "passed": 4, "failed": 1, "error": 1, "stopped": 1, "skipped": 0, "input_tokens": 5520,
            "output_tokens": 366, "tool_calls": 2, "retries": 4,
        },
        "cost": 0.0126, "unpriced": [], "stopped": None,
        "conversations": {"checked": 6, "unchanged": 6, "changed": [], "unread": []},
        "scratch": {"made": 6, "deleted": 6, "left": []},
        "warnings": ["gpt-4o is shut down on 2027-01-14: take gpt-6-luna"],
        "requests": {"sent": 31, "retried": 0, "ambiguous": 1},
        "target": {"base_url": "https://api.openai.com/v1", "sandbox": False}, "state": "migration.db", "seconds": 40.2,
    }  # fmt: skip
    provenance = Provenance(
        version="9.8.7", started_at="2026-11-30T18:20:00Z", ended_at="2026-11-30T18:20:40Z",
        command_line="migrate-cli replay --last-turn --source export", source="export",
        target="https://api.openai.com/v1", settings_digest="blake2b-128:00ff",
        settings=({"setting": "replay.workers", "value": 8, "from": "--workers"},),
    )  # fmt: skip
    return Result("replay", data, 4, "run_3", provenance=provenance)


@pytest.fixture
def hostile_replay() -> Result:
    """A replay in which every name, detail and text tries to break out of its format."""
    texts = {"question": HOSTILE, "expected": HOSTILE, "answer": f"{HOSTILE} more", "arguments": [HOSTILE]}
    tools = [{"tool": HOSTILE, "where": "here", "seconds": 1.0, "problem": HOSTILE}]
    failed = replay_case(
        HOSTILE, "failed", detail=HOSTILE, kinds=[HOSTILE], notes={"unknown": 1},
        expectations=[{"name": HOSTILE, "passed": False, "detail": HOSTILE, "turn": 1}],
        turns=[turn(1, tools=tools, content=texts)],
    )  # fmt: skip
    data: JsonObject = {
        "cases": [failed, replay_case(f"{HOSTILE}2", "passed", detail=HOSTILE)],
        "verdict": {"kinds": [{"kind": HOSTILE, "cases": 1, "case_ids": [HOSTILE]}]},
        "likeness": {"compared": 1, "median": 0, "bins": [1] + [0] * 9, "worst": [{"case_id": HOSTILE, "value": 0}]},
        "comparison": {"run_id": HOSTILE, "cases": [{"case_id": HOSTILE, "change": "worse", "fails_now": [HOSTILE]}]},
        "totals": {"cases": 2},
        "warnings": [HOSTILE],
        "rerun": HOSTILE,
    }
    settings = ({"setting": HOSTILE, "value": HOSTILE, "from": HOSTILE},)
    made = Provenance(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, settings)
    return Result("replay", data, 4, HOSTILE, provenance=made)
