"""Settings of a suite that are deprecated: which, until when, and what replaces them. Pure.

The dates are those of `convert/model_catalogue.py`, unless the target tells another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from migrate_cli.convert.model_catalogue import (
    AS_OF,
    NOTHING_LISTED,
    Retirement,
    going,
    image_model_going,
    transcription_model_going,
)
from migrate_cli.replay.suite import Suite
from migrate_cli.replay.toolspec import Tool

CONNECTORS_GOING = Retirement("2026-09-01", "server_url with the address of an MCP server")
"""Models released after this day do not take `connector_id`."""


def warnings(
    suite: Suite,
    transcription_model: str | None,
    today: date | None = None,
    listed: Mapping[str, str] = NOTHING_LISTED,
) -> list[str]:
    """One sentence for each setting that is going or gone; `transcription_model` is None where nothing is said.

    `today` tells what is gone from what is going; `listed` are the dates of models that the target tells.
    """
    found = dict.fromkeys(_models([suite.model, *(case.model for case in suite.cases)], today, listed))
    for tools in (suite.tools, *(case.tools for case in suite.cases)):
        found |= dict.fromkeys(_tools(tools or (), today, listed))
    if transcription_model is not None:
        end = transcription_model_going(transcription_model, listed)
        if end is not None:
            found[_sentence(f"the transcription model {transcription_model}", end, today)] = None
    return list(found)


def _models(models: Iterable[str | None], today: date | None, listed: Mapping[str, str]) -> Iterator[str]:
    for model in models:
        end = going(model, listed) if model else None
        if end is not None:
            yield _sentence(f"the model {model}", end, today)


def _tools(tools: Iterable[Tool], today: date | None, listed: Mapping[str, str]) -> Iterator[str]:
    for tool in tools:
        given: dict[str, Any] = tool.given
        if tool.type == "mcp" and given.get("connector_id"):
            name, day, successor = given["connector_id"], CONNECTORS_GOING.date, CONNECTORS_GOING.successor
            yield f"connector_id ({name}) is not taken by models released after {day} (as of {AS_OF}); use {successor}"
        model = given.get("model")
        end = image_model_going(model, listed) if tool.type == "image_generation" and isinstance(model, str) else None
        if end is not None:
            yield _sentence(f"the image model {model}", end, today)
        if tool.type == "web_search_preview":
            yield "web_search_preview is the old name of web_search; use web_search"


def _sentence(what: str, end: Retirement, today: date | None) -> str:
    return f"{what} {end.told(today)}; use {end.successor}"
