"""What the vector store endpoints accept: expiry, chunking, attributes, filters. Pure; a violation raises ApiError.

The limits are those of the official specification; unknown fields are refused, as they are everywhere in the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.responses.values import (
    a_choice,
    a_flag,
    a_list,
    a_number,
    a_text,
    an_integer,
    an_object,
    missing,
    refuse_unknown,
    wrong_type,
)
from migrate_cli.sandbox.rules import MAX_FILE_ID, MAX_KEY, MAX_PAIRS, MAX_VALUE, KnownFile, check_metadata

MOST_FIRST_FILES = 500
"""Files that a new store may name at once."""
MOST_BATCH_FILES = 2000
MOST_RESULTS = 50
MOST_DAYS = 365
SEARCH_RANKERS = ("none", "auto", "default-2024-11-15")
AUTO: JsonObject = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
"""What `auto` means, and what the service says of a file that was attached without a strategy."""

Attributes = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class CheckedStore:
    """The body of a request that makes a store."""

    name: str
    description: str | None
    metadata: dict[str, str]
    days: int | None
    """It expires so many days after its last use."""
    files: tuple[CheckedStoreFile, ...]


@dataclass(frozen=True, slots=True)
class CheckedStoreFile:
    """A file that is to be attached."""

    file_id: str
    chunking: JsonObject
    attributes: JsonObject


def check_store(body: Any, known_file: KnownFile) -> CheckedStore:
    """Return what a new store is to be."""
    value = an_object(body, "body")
    refuse_unknown(value, ("name", "description", "file_ids", "expires_after", "chunking_strategy", "metadata"))
    files = _file_ids(value.get("file_ids"), "file_ids", MOST_FIRST_FILES, known_file)
    if value.get("chunking_strategy") is not None and not files:
        raise bad_request("'chunking_strategy' is only applicable with 'file_ids'.", param="chunking_strategy")
    chunking = _chunking(value.get("chunking_strategy"))
    return CheckedStore(
        a_text(value.get("name"), "name", 256) or "",
        a_text(value.get("description"), "description", 512),
        check_metadata(value.get("metadata")),
        check_expiry(value.get("expires_after")),
        tuple(CheckedStoreFile(one, chunking, {}) for one in files),
    )


def check_changes(body: Any) -> JsonObject:
    """Return the fields of a store that change: `name`, `days`, `metadata`, as far as they are given."""
    value = an_object(body, "body")
    refuse_unknown(value, ("name", "expires_after", "metadata"))
    changes: JsonObject = {}
    if "name" in value:
        changes["name"] = a_text(value["name"], "name", 256) or ""
    if "expires_after" in value:
        changes["days"] = check_expiry(value["expires_after"])
    if "metadata" in value:
        changes["metadata"] = check_metadata(value["metadata"])
    return changes


def check_attachment(body: Any, known_file: KnownFile, path: str = "") -> CheckedStoreFile:
    """Return the file that a body attaches, with its own strategy and attributes."""
    value = an_object(body, path.rstrip(".") or "body")
    refuse_unknown(value, ("file_id", "chunking_strategy", "attributes"), path)
    if value.get("file_id") is None:
        raise missing(f"{path}file_id")
    identifier = a_text(value["file_id"], f"{path}file_id") or ""
    _check_file(identifier, known_file)
    return CheckedStoreFile(
        identifier,
        _chunking(value.get("chunking_strategy"), path),
        check_attributes(value.get("attributes"), f"{path}attributes"),
    )


def check_batch_of_files(body: Any, known_file: KnownFile) -> list[CheckedStoreFile]:
    """Return the files of a batch: `file_ids` that share strategy and attributes, or `files` with their own."""
    value = an_object(body, "body")
    refuse_unknown(value, ("file_ids", "files", "chunking_strategy", "attributes"))
    if (value.get("file_ids") is None) == (value.get("files") is None):
        raise bad_request("Send either 'file_ids' or 'files', not both.", param="file_ids")
    if value.get("files") is not None:
        entries = _some(a_list(value["files"], "files"), "files", MOST_BATCH_FILES)
        return [check_attachment(entry, known_file, f"files[{place}].") for place, entry in enumerate(entries)]
    ids = _some(_file_ids(value["file_ids"], "file_ids", MOST_BATCH_FILES, known_file), "file_ids", MOST_BATCH_FILES)
    chunking = _chunking(value.get("chunking_strategy"))
    attributes = check_attributes(value.get("attributes"), "attributes")
    return [CheckedStoreFile(one, chunking, attributes) for one in ids]


def check_expiry(value: Any) -> int | None:
    """Return after how many days without use a store expires; None for never."""
    given = an_object(value, "expires_after")
    if not given:
        return None
    refuse_unknown(given, ("anchor", "days"), "expires_after.")
    a_choice(given.get("anchor"), "expires_after.anchor", ("last_active_at",), None)
    days = an_integer(given.get("days"), "expires_after.days", 1, MOST_DAYS)
    if days is None or given.get("anchor") is None:
        raise missing("expires_after.days" if days is None else "expires_after.anchor")
    return days


def check_attributes(value: Any, path: str) -> JsonObject:
    """Return the attributes of a file: at most 16, of texts, numbers and booleans."""
    given = an_object(value, path)
    if len(given) > MAX_PAIRS:
        raise bad_request(
            f"Invalid '{path}': too many properties. Expected an object with at most {MAX_PAIRS} properties, "
            f"but got an object with {len(given)} properties instead.",
            code="object_above_max_properties",
            param=path,
        )
    for key, held in given.items():
        a_text(key, f"{path} key", MAX_KEY)
        if isinstance(held, str):
            a_text(held, f"{path}.{key}", MAX_VALUE)
        elif not isinstance(held, int | float):
            raise wrong_type(f"{path}.{key}", "a string, a number or a boolean", held)
    return given


@dataclass(frozen=True, slots=True)
class CheckedSearch:
    """The body of a search."""

    queries: tuple[str, ...]
    most: int
    fits: Callable[[Attributes], bool]
    """Whether a file's attributes pass the filter."""
    threshold: float


def check_search(body: Any) -> CheckedSearch:
    """Return what is searched for."""
    value = an_object(body, "body")
    refuse_unknown(value, ("query", "rewrite_query", "max_num_results", "filters", "ranking_options"))
    query = value.get("query")
    if query is None:
        raise missing("query")
    queries = [a_text(one, "query") or "" for one in (query if isinstance(query, list) else [query])]
    if not any(one.strip() for one in queries):
        raise bad_request("Invalid 'query': empty string.", code="empty_string", param="query")
    a_flag(value.get("rewrite_query"), "rewrite_query", False)
    ranking = an_object(value.get("ranking_options"), "ranking_options")
    refuse_unknown(ranking, ("ranker", "score_threshold"), "ranking_options.")
    a_choice(ranking.get("ranker"), "ranking_options.ranker", SEARCH_RANKERS, "auto")
    threshold = a_number(ranking.get("score_threshold"), "ranking_options.score_threshold", 0, 1) or 0.0
    most = an_integer(value.get("max_num_results"), "max_num_results", 1, MOST_RESULTS) or 10
    return CheckedSearch(tuple(queries), most, check_filter(value.get("filters"), "filters"), threshold)


def check_filter(value: Any, path: str) -> Callable[[Attributes], bool]:
    """Return a filter as a test of attributes; none is passed by all."""
    given = an_object(value, path)
    if not given:
        return lambda _: True
    kind = a_choice(given.get("type"), f"{path}.type", (*_COMPARISONS, "and", "or"), "eq") or "eq"
    if kind in ("and", "or"):
        refuse_unknown(given, ("type", "filters"), f"{path}.")
        inner = [
            check_filter(one, f"{path}.filters[{place}]")
            for place, one in enumerate(a_list(given.get("filters"), f"{path}.filters"))
        ]
        together = all if kind == "and" else any
        return lambda attributes: together(test(attributes) for test in inner)
    refuse_unknown(given, ("type", "key", "value"), f"{path}.")
    if "key" not in given or "value" not in given:
        raise missing(f"{path}.{'value' if 'key' in given else 'key'}")
    key, wanted, compare = a_text(given["key"], f"{path}.key") or "", given["value"], _COMPARISONS[kind]
    if kind in ("in", "nin"):
        wanted = a_list(wanted, f"{path}.value")
    return lambda attributes: compare(attributes.get(key), wanted)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison that only values of one kind can pass."""

    def test(held: Any, wanted: Any) -> bool:
        alike = isinstance(held, str) == isinstance(wanted, str)
        return held is not None and alike and compare(held, wanted)

    return test


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda held, wanted: bool(held == wanted),
    "ne": lambda held, wanted: bool(held != wanted),
    "gt": _ordered(lambda held, wanted: bool(held > wanted)),
    "gte": _ordered(lambda held, wanted: bool(held >= wanted)),
    "lt": _ordered(lambda held, wanted: bool(held < wanted)),
    "lte": _ordered(lambda held, wanted: bool(held <= wanted)),
    "in": lambda held, wanted: held in wanted,
    "nin": lambda held, wanted: held not in wanted,
}


def _chunking(value: Any, path: str = "") -> JsonObject:
    place = f"{path}chunking_strategy"
    given = an_object(value, place)
    if not given or a_choice(given.get("type"), f"{place}.type", ("auto", "static"), None) == "auto":
        refuse_unknown(given, ("type",), f"{place}.")
        return AUTO
    refuse_unknown(given, ("type", "static"), f"{place}.")
    static = an_object(given.get("static"), f"{place}.static")
    refuse_unknown(static, ("max_chunk_size_tokens", "chunk_overlap_tokens"), f"{place}.static.")
    size = an_integer(static.get("max_chunk_size_tokens"), f"{place}.static.max_chunk_size_tokens", 100, 4096)
    overlap = an_integer(static.get("chunk_overlap_tokens"), f"{place}.static.chunk_overlap_tokens", 0)
    if size is None or overlap is None:
        raise missing(f"{place}.static.{'max_chunk_size_tokens' if size is None else 'chunk_overlap_tokens'}")
    if overlap > size / 2:
        raise bad_request(
            "Invalid 'chunk_overlap_tokens': it must not exceed half of 'max_chunk_size_tokens'.",
            param=f"{place}.static.chunk_overlap_tokens",
        )
    return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}


def _file_ids(value: Any, param: str, most: int, known_file: KnownFile) -> list[str]:
    ids = [a_text(one, f"{param}[{place}]") or "" for place, one in enumerate(a_list(value, param))]
    if len(ids) > most:
        raise _too_long(param, most, len(ids))
    for one in ids:
        _check_file(one, known_file)
    return ids


def _some(values: list[Any], param: str, most: int) -> list[Any]:
    if not values:
        raise bad_request(
            f"Invalid '{param}': empty array. Expected an array with minimum length 1.", code="empty_array", param=param
        )
    if len(values) > most:
        raise _too_long(param, most, len(values))
    return values


def _too_long(param: str, most: int, length: int) -> Exception:
    return bad_request(
        f"Invalid '{param}': array too long. Expected an array with maximum length {most}, "
        f"but got an array with length {length} instead.",
        code="array_above_max_length",
        param=param,
    )


def _check_file(identifier: str, known_file: KnownFile) -> None:
    if re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_FILE_ID}}}", identifier) is None:
        raise bad_request(f"Invalid 'file_id': '{identifier[:80]}'.", code="invalid_value", param="file_id")
    if not known_file(identifier):
        raise ApiError(404, f"No such File object: {identifier}", param="file_id")
