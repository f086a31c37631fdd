"""How recorders write exchanges down: HAR, sessions, cassettes, fixtures and mappings become `Exchange`s. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from migrate_cli.model import JsonObject
from migrate_cli.sources.record_kinds import is_list_answer
from migrate_cli.sources.shapes.recorded_exchange import Exchange, RecordedBody

_LOOK_AT = 20
_ENCODINGS = frozenset({"base64", "hex"})
_ANSWERED = ("response", "status")
_MAPPED_BODIES = frozenset({"body", "jsonBody", "base64Body", "bodyFileName"})


# Sessions: {"Entries": …} and HAR


def session_entries(value: JsonObject) -> list[Any] | None:
    """Return the entries of a session or of a HAR, None for something else."""
    if _is_client_page(value):
        return [value]
    for entries in (value.get("Entries"), _object(value.get("log")).get("entries")):
        if isinstance(entries, list):
            return entries
    logs = [_object(_object(one).get("log")).get("entries") for one in list(value.values())[:_LOOK_AT]]
    if logs and all(isinstance(entries, list) for entries in logs):
        # The browser's store of Polly.JS: a recording under each name.
        every = (_object(_object(one).get("log")).get("entries") for one in value.values())
        return [entry for entries in every if isinstance(entries, list) for entry in entries]
    return None


def is_client_pages(value: Any) -> bool:
    """Whether a value is an array of pages as the JavaScript client prints them, request and answer in one."""
    return isinstance(value, list) and bool(value) and all(map(_is_client_page, value[:_LOOK_AT]))


def _is_client_page(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("options"), dict)
        and isinstance(value["options"].get("path"), str)
        and is_list_answer(value.get("body"))
    )


def _of_client_page(number: int, page: JsonObject) -> Exchange:
    options = page["options"]
    asked = {str(name): str(held) for name, held in _object(options.get("query")).items() if held is not None}
    uri = f"{options['path']}?{urlencode(asked)}" if asked else options["path"]
    return Exchange(number, uri, _method(options.get("method")), answer=RecordedBody(page["body"]))


def session_exchanges(entries: Iterable[Any]) -> Iterator[Exchange]:
    """Yield the exchanges of a session or of a HAR."""
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            yield Exchange(number)
        elif _is_client_page(entry):
            yield _of_client_page(number, entry)
        elif "RequestUri" in entry:
            yield Exchange(
                number,
                str(entry["RequestUri"]),
                _method(entry.get("RequestMethod")),
                _status(entry.get("StatusCode")),
                RecordedBody(entry.get("RequestBody"), headers=_headers(entry.get("RequestHeaders"))),
                RecordedBody(entry.get("ResponseBody"), headers=_headers(entry.get("ResponseHeaders"))),
            )
        else:
            yield _of_two_sides(number, entry)


def _of_two_sides(number: int, entry: JsonObject) -> Exchange:
    """Return an exchange of which request and response are objects, whatever their fields are called."""
    request = _object(_first_of(entry, "request", "Request"))
    response = _object(_first_of(entry, "response", "Response"))
    return Exchange(
        number,
        _url(_first_of(request, "url", "uri", "URL")),
        _method(_first_of(request, "method", "Method")),
        _status(_first_of(response, "status", "code", "StatusCode", "status_code")),
        _body_of(request),
        _body_of(response),
    )


def _body_of(side: JsonObject) -> RecordedBody:
    """Return the body of a request or a response, as HAR, cassettes and sessions hold it."""
    headers = _headers(_first_of(side, "headers", "Header"))
    held = _first_of(side, "postData", "body", "content", "Body", "BodyParts")
    if not isinstance(held, dict):
        return RecordedBody(held, headers=headers)
    encoding = str(held.get("encoding", "")).lower()
    mime = held.get("mimeType")
    if isinstance(mime, str) and mime:
        headers = {"content-type": mime.lower(), **headers}
    if isinstance(packed := held.get("base64_string"), str) and packed.strip():
        return RecordedBody(packed, "base64", headers)
    for key in ("text", "string"):
        if key in held:
            return RecordedBody(held[key], encoding if encoding in _ENCODINGS else "", headers)
    elsewhere = held.get("_file")
    if isinstance(elsewhere, str):
        return RecordedBody(headers=headers, elsewhere=elsewhere)
    if held.keys() <= {"size", "mimeType", "encoding", "base64_string", "compression", "comment"}:
        return RecordedBody(headers=headers)
    return RecordedBody(held, headers=headers)


# Cassettes


def cassette_entries(value: JsonObject) -> list[Any] | None:
    """Return the interactions of a cassette, None for something else."""
    entries = _first_of(value, "interactions", "http_interactions")
    return entries if isinstance(entries, list) else None


def cassette_exchanges(entries: Iterable[Any]) -> Iterator[Exchange]:
    """Yield the exchanges of a cassette, of whichever language's recorder."""
    for number, entry in enumerate(entries, 1):
        yield _of_two_sides(number, entry) if isinstance(entry, dict) else Exchange(number)


# Fixtures


def is_fixture(value: Any) -> bool:
    """Whether a value is a nock fixture: an array of requests with their scope."""
    return isinstance(value, list) and bool(value) and all(map(_is_definition, value[:_LOOK_AT]))


def _is_definition(entry: Any) -> bool:
    return isinstance(entry, dict) and {"scope", "path"} <= entry.keys() and not entry.keys().isdisjoint(_ANSWERED)


def fixture_exchanges(value: Iterable[Any]) -> Iterator[Exchange]:
    """Yield the exchanges of a nock fixture."""
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, dict):
            yield Exchange(number)
            continue
        encoding = "hex" if entry.get("responseIsBinary") is True else ""
        headers = _headers(_first_of(entry, "rawHeaders", "headers"))
        yield Exchange(
            number,
            f"{entry.get('scope', '')}{entry.get('path', '')}",
            _method(entry.get("method", "GET")),
            _status(entry.get("status", 200)),
            RecordedBody(entry.get("body"), headers=_headers(entry.get("reqheaders"))),
            RecordedBody(entry.get("response"), encoding, headers),
        )


# Mappings of WireMock, collections of Postman, sessions of Charles


def mapping_entries(value: Any) -> list[JsonObject] | None:
    """Return the mappings of WireMock, None for something else."""
    if not isinstance(value, dict):
        return None
    entries = value.get("mappings", [value])
    if not isinstance(entries, list) or not entries:
        return None
    return (
        [entry for entry in entries if isinstance(entry, dict)] if all(map(_is_mapping, entries[:_LOOK_AT])) else None
    )


def _is_mapping(entry: Any) -> bool:
    request, response = _object(_object(entry).get("request")), _object(_object(entry).get("response"))
    return any(key.startswith("url") for key in request) and not _MAPPED_BODIES.isdisjoint(response)


def mapping_exchanges(entries: Iterable[JsonObject]) -> Iterator[Exchange]:
    """Yield the exchanges that the mappings stand for."""
    for number, entry in enumerate(entries, 1):
        request, response = _object(entry.get("request")), _object(entry.get("response"))
        headers = _headers(response.get("headers"))
        elsewhere = response.get("bodyFileName")
        packed = response.get("base64Body")
        answer = RecordedBody(
            packed if packed is not None else _first_of(response, "jsonBody", "body"),
            "base64" if packed is not None else "",
            headers,
            elsewhere if isinstance(elsewhere, str) else "",
        )
        patterns = map(_object, _list(request.get("bodyPatterns")))
        sent = next((_first_of(one, "equalToJson", "equalTo") for one in patterns), None)
        yield Exchange(
            number,
            _mapped_url(request),
            _method(request.get("method")),
            _status(response.get("status", 200)),
            RecordedBody(sent),
            answer,
        )


def _mapped_url(request: JsonObject) -> str:
    url = str(_first_of(request, "url", "urlPath", "urlPattern", "urlPathPattern") or "")
    asked = {
        str(name): str(_object(rule).get("equalTo"))
        for name, rule in _object(request.get("queryParameters")).items()
        if _object(rule).get("equalTo") is not None
    }
    return f"{url}?{urlencode(asked)}" if asked and "?" not in url else url


def collection_entries(value: Any) -> list[JsonObject] | None:
    """Return the saved answers of a Postman collection, None for something else."""
    if not isinstance(value, dict) or "postman" not in str(_object(value.get("info")).get("schema", "")):
        return None
    return list(_saved(value, 0))


def _saved(item: JsonObject, depth: int) -> Iterator[JsonObject]:
    for response in _list(item.get("response")):
        if isinstance(response, dict):
            request = response.get("originalRequest", item.get("request"))
            yield {"request": _postman_request(_object(request)), "response": response}
    for inner in _list(item.get("item")) if depth < _LOOK_AT else ():
        if isinstance(inner, dict):
            yield from _saved(inner, depth + 1)


def _postman_request(request: JsonObject) -> JsonObject:
    body = _object(request.get("body"))
    return {**request, "headers": request.get("header"), "body": body.get("raw")}


def collection_exchanges(entries: Iterable[JsonObject]) -> Iterator[Exchange]:
    """Yield the exchanges of a Postman collection."""
    for number, entry in enumerate(entries, 1):
        response = _object(entry["response"])
        shown = {**response, "status": response.get("code"), "headers": response.get("header")}
        yield _of_two_sides(number, {"request": entry["request"], "response": shown})


def is_charles(value: Any) -> bool:
    """Whether a value is a session that Charles saved as JSON."""
    return isinstance(value, list) and bool(value) and all(map(_is_charles_entry, value[:_LOOK_AT]))


def _is_charles_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and {"host", "path", "request", "response"} <= entry.keys()


def charles_exchanges(value: Iterable[Any]) -> Iterator[Exchange]:
    """Yield the exchanges of a session that Charles saved as JSON."""
    for number, entry in enumerate(map(_object, value), 1):
        request, response = _object(entry.get("request")), _object(entry.get("response"))
        query = entry.get("query")
        yield Exchange(
            number,
            f"https://{entry.get('host')}{entry.get('path')}" + (f"?{query}" if query else ""),
            _method(entry.get("method")),
            _status(response.get("status")),
            _charles_body(request),
            _charles_body(response),
        )


def _charles_body(side: JsonObject) -> RecordedBody:
    headers = _headers(_object(side.get("header")).get("headers"))
    body = _object(side.get("body"))
    packed = body.get("encoded")
    return RecordedBody(body.get("text") if packed is None else packed, "" if packed is None else "base64", headers)


# Fields


def _first_of(value: JsonObject, *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _url(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("raw")
    return value if isinstance(value, str) else ""


def _method(value: Any) -> str:
    return value.strip(":").upper() if isinstance(value, str) else ""


def _status(value: Any) -> int | None:
    """Return the status code; 0 stands for an answer that was broken off, which may have come in part."""
    if isinstance(value, dict):
        value = _first_of(value, "code", "status_code", "status")
    if isinstance(value, str):
        value = value.split(" ")[0]
        value = int(value) if value.isdecimal() and len(value) == 3 else None
    return value if type(value) is int and value > 0 else None


def _headers(value: Any) -> Mapping[str, str]:
    """Return headers by lower-case name, written as an object, as pairs, or as a list of names and values in turn."""
    found: dict[str, str] = {}
    if isinstance(value, dict):
        for name, held in value.items():
            found[str(name).lower()] = ", ".join(map(str, held)) if isinstance(held, list) else str(held)
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        found = {name.lower(): held for name, held in zip(value[::2], value[1::2], strict=False)}
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                found[str(_first_of(one, "name", "key")).lower()] = str(one.get("value"))
            elif isinstance(one, list) and len(one) == 2:
                found[str(one[0]).lower()] = str(one[1])
    return found
