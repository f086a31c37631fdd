"""Whatever a file holds, it is read, told or refused: never a traceback, and no thread twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.errors import SourceError
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import SHAPES, open_source
from migrate_cli.sources.interface import Selection

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["thread_A", "user"])
)
WORDS = [
    "object", "id", "thread_id", "role", "content", "messages", "Messages", "thread", "threads", "runs", "run_steps",
    "data", "first_id", "has_more", "created_at", "attachments", "file_ids", "metadata", "step_details", "Entries",
    "RequestUri", "ResponseBody", "interactions", "request", "response", "body", "string", "text", "log", "entries",
]  # fmt: skip
KINDS = ["list", "thread", "thread.message", "thread.run", "thread.run.step", "assistant", "file", "thread.deleted"]
KEYS = st.sampled_from(WORDS) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS | st.sampled_from(KINDS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.fixed_dictionaries(
            {"object": st.sampled_from(KINDS)},
            optional=dict.fromkeys(("id", "thread_id", "role", "content", "data"), inner),
        )
    ),
    max_leaves=25,
)
SUFFIXES = st.sampled_from([".json", ".jsonl", ".csv", ".yaml", ""])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def read(path: Path, shape: str = "auto") -> None:
    seen = set()
    source: Any = open_source(str(path), format=shape)
    try:
        for found in source.threads(Selection()):
            if isinstance(found, Thread):
                assert found.id not in seen
                seen.add(found.id)
                ids = [message.id for message in found.messages]
                assert all(ids)
        source.files()
        list(source.assistants())
    except SourceError as error:
        assert str(error)
    finally:
        source.close()


RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RELAXED
@given(JSON, SUFFIXES)
def test_any_json_is_read_or_told(folder: Path, value: Any, suffix: str) -> None:
    path = folder / f"one{suffix}"
    path.write_text(json.dumps(value))
    read(path)


@RELAXED
@given(st.lists(JSON, max_size=6), st.sampled_from(["auto", *SHAPES]))
def test_any_lines_in_any_format_are_read_or_told(folder: Path, values: list[Any], shape: str) -> None:
    path = folder / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, values)))
    read(path, shape)


@RELAXED
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")), SUFFIXES
)
def test_any_bytes_are_read_or_told(folder: Path, data: bytes, suffix: str) -> None:
    path = folder / f"bytes{suffix}"
    path.write_bytes(data)
    read(path)


@RELAXED
@given(JSON, st.floats(0, 1))
def test_any_cut_is_told(folder: Path, value: Any, where: float) -> None:
    text = json.dumps([{"object": "thread.message", "id": "m", "thread_id": "t", "content": value}])
    path = folder / "cut.json"
    path.write_text(text[: int(len(text) * where)])
    read(path)
