"""When models go: what the target says wins, and without a word of it the table says as of when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import HostKind
from migrate_cli.convert.model_catalogue import (
    AS_OF,
    IMAGE_MODELS_GOING,
    MODELS_GOING,
    going,
    image_model_going,
    transcription_model_going,
)
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.sandbox.fault_exchange import CapturedResponse
from migrate_cli.target.model_dates import shutdown_dates

from support.odd_target import Call, answer, odd_target, refusal


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: CapturedResponse) -> Mapping[str, str]:
    async def habit(call: Call) -> CapturedResponse:
        return reply if call.path == "/models" else await call.forward()

    async def ask() -> Mapping[str, str]:
        async with ApiClient(
            Endpoint(server.base_url, "sk-test-key-0123456789"), RateLimiter(most_in_flight=1)
        ) as client:
            return await shutdown_dates(client)

    with odd_target(tmp_path / "t.db", habit, monkeypatch) as server:
        return asyncio.run(ask())


def test_dates_are_read_in_every_form_and_others_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[Any] = [
        {"id": "a", "shutdown_date": "2027-03-01"},
        {"id": "b", "shutdown_date": "2027-03-01T12:00:00Z"},
        {"id": "c", "shutdown_date": 1_803_859_200},
        {"id": "d", "shutdown_date": None},
        {"id": "e"},
        {"id": "f", "shutdown_date": "soon"},
        {"id": 7, "shutdown_date": "2027-03-01"},
        "g",
    ]
    listed = asked(tmp_path, monkeypatch, answer(200, {"object": "list", "data": entries}))
    assert listed == {"a": "2027-03-01", "b": "2027-03-01", "c": "2027-03-01"}


@pytest.mark.parametrize("reply", [refusal("no", 404), refusal("no", 401), answer(500, {}), answer(200, [1])])
def test_without_an_answer_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: CapturedResponse
) -> None:
    assert asked(tmp_path, monkeypatch, reply) == {}


def test_what_the_target_says_wins() -> None:
    listed = {
        "gpt-4o": "2028-01-01",
        "gpt-9-mini": "2030-05-05",
        "whisper-1": "2029-01-01",
        "gpt-image-9": "2031-01-01",
    }
    assert going("gpt-4o", listed) == ("2028-01-01", "gpt-6-luna", "says the target")
    assert going("ft:gpt-4o:acme::x", listed) == ("2028-01-01", "gpt-6-luna", "says the target")
    new = going("gpt-9-mini", listed)
    assert new is not None and (new.date, new.successor) == ("2030-05-05", "gpt-5.4-mini")
    assert going("gpt-4o-mini", listed) == MODELS_GOING["gpt-4o-mini"]
    assert going("gpt-9", listed) is None
    spoken = transcription_model_going("whisper-1", listed)
    drawn = image_model_going("gpt-image-9", listed)
    assert spoken is not None and spoken.date == "2029-01-01"
    assert drawn is not None and drawn.date == "2031-01-01"


@pytest.mark.parametrize(
    ("model", "day"),
    [
        ("gpt-3.5-turbo-0301", "2024-09-13"), ("gpt-3.5-turbo-0613", "2024-09-13"), ("gpt-4-0314", "2026-03-26"),
        ("gpt-4-0613", "2026-10-23"), ("codex-mini-latest", "2026-02-12"),
        ("o3-deep-research-2025-06-26", "2026-07-23"),
        ("gpt-4o-mini-search-preview", "2026-07-23"), ("gpt-5-pro", "2026-12-11"), ("gpt-5.3-codex", "2027-04-01"),
        ("gpt-audio-mini", "2027-01-20"), ("o1-pro", "2026-10-23"),
    ],
)  # fmt: skip
def test_the_table_is_as_the_vendors_page_was(model: str, day: str) -> None:
    end = going(model)
    assert end is not None and end.date == day


def test_models_of_images_go_too() -> None:
    assert {name: end.date for name, end in IMAGE_MODELS_GOING.items() if name.startswith("gpt-image")} == {
        "gpt-image-1": "2026-10-23",
        "gpt-image-1-mini": "2026-12-01",
        "gpt-image-1.5": "2026-12-01",
    }


def test_every_sentence_says_how_old_the_table_is_or_who_says_so() -> None:
    end = going("gpt-4o")
    assert end is not None and end.told(date(2026, 12, 1)) == f"is shut down on 2027-01-14 (as of {AS_OF})"
    listed = going("gpt-4o", {"gpt-4o": "2026-01-01"})
    assert listed is not None and listed.told(date(2026, 12, 1)) == "was shut down on 2026-01-01 (says the target)"


def test_an_assistant_takes_the_date_of_the_target_and_a_deployment_keeps_its_name() -> None:
    listed = {"gpt-4o": "2028-01-01"}
    found = convert_assistant({"id": "asst_1", "model": "gpt-4o"}, dates=listed)
    assert "2028-01-01 (says the target)" in found.findings[0].detail
    deployed = convert_assistant({"id": "asst_1", "model": "gpt-4o"}, target=HostKind.FOUNDRY)
    assert deployed.config["model"] == "gpt-4o"
    assert f"(as of {AS_OF})" in deployed.findings[0].detail
