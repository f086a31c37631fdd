"""Settings of a suite that are deprecated: which, until when, and what replaces them. Pure.

The dates come from the deprecation notes of the API, as in `convert/model_catalogue.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from migrate_cli.convert.model_catalogue import Retirement
from migrate_cli.convert.model_catalogue import going as model_going
from migrate_cli.files.audio import going as audio_going
from migrate_cli.replay.suite import Suite
from migrate_cli.replay.toolspec import Tool

IMAGE_MODELS_GOING = {"gpt-image-1": Retirement("2026-10-23", "no model at all, which takes the current one")}
CONNECTORS_GOING = Retirement("2026-09-01", "server_url with the address of an MCP server")
"""Models released after this day do not take `connector_id`."""


def warnings(suite: Suite, transcription_model: str | None, today: date | None = None) -> list[str]:
    """One sentence for each setting that is going or gone; `transcription_model` is None where nothing is said.

    `today` tells what is gone from what is going.
    """
    found = dict.fromkeys(_models([suite.model, *(case.model for case in suite.cases)], today))
    for tools in (suite.tools, *(case.tools for case in suite.cases)):
        found |= dict.fromkeys(_tools(tools or (), today))
    if transcription_model is not None:
        end = audio_going(transcription_model)
        if end is not None:
            found[_sentence(f"the transcription model {transcription_model}", end, today)] = None
    return list(found)


def _models(models: Iterable[str | None], today: date | None) -> Iterator[str]:
    for model in models:
        end = model_going(model) if model else None
        if end is not None:
            yield _sentence(f"the model {model}", end, today)


def _tools(tools: Iterable[Tool], today: date | None) -> Iterator[str]:
    for tool in tools:
        given: dict[str, Any] = tool.given
        if tool.type == "mcp" and given.get("connector_id"):
            name, (day, successor) = given["connector_id"], CONNECTORS_GOING
            yield f"connector_id ({name}) is not taken by models released after {day}; use {successor}"
        model = given.get("model")
        if tool.type == "image_generation" and isinstance(model, str) and model in IMAGE_MODELS_GOING:
            yield _sentence(f"the image model {model}", IMAGE_MODELS_GOING[model], today)
        if tool.type == "web_search_preview":
            yield "web_search_preview is the old name of web_search; use web_search"


def _sentence(what: str, end: Retirement, today: date | None) -> str:
    return f"{what} {end.told(today)}; use {end.successor}"
