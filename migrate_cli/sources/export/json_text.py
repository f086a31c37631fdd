"""Parses JSON text, and says in one sentence where and why a text is none. Pure."""

from __future__ import annotations

import json
from typing import Any

from migrate_cli.bounds import TooDeepError, check_depth, flawless, too_deep
from migrate_cli.sources.foreign import not_quite_json, not_utf8

_OPENING = frozenset({b"{", b"["})
TOO_DEEP = "json-too-deep"
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
"""Lenient about raw control characters inside strings, which hand-made exports hold, and about NaN, which programs that
work with tables write where there is nothing."""


class BadJsonError(ValueError):
    """The text is not JSON. `code` is `not-json`, `file-empty`, `file-cut-off` or `json-too-deep`.

    `line` and `column` are 1-based.
    """

    def __init__(self, code: str, detail: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line
        self.column = column


def decode(data: bytes) -> str:
    """Return the text of bytes in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or raise BadJsonError."""
    if data[:1] in _OPENING and data[1:2] != b"\0":
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass  # perhaps encoded surrogates, which the slow way lets through
    try:
        return data.decode(json.detect_encoding(data), "surrogatepass")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        told = f"The text is not valid {error.encoding} (line {line})."
        if error.encoding == "utf-8":
            told = not_utf8(data, line)
        raise BadJsonError("not-json", told, line) from None


def parse(data: bytes | str) -> Any:
    """Return the JSON value, or raise BadJsonError."""
    try:
        return flawless(data)
    except ValueError:
        pass  # the slow way is lenient, or says why not
    text = data if isinstance(data, str) else decode(data)
    try:
        return _decoded(text)
    except json.JSONDecodeError as error:
        raise _bad(text, error) from None
    except TooDeepError:
        raise BadJsonError(TOO_DEEP, f"The JSON is {too_deep()}.") from None
    except ValueError as error:  # integers of more than 4300 digits
        raise BadJsonError("not-json", f"The JSON cannot be read: {str(error).split(';')[0]}.") from None


def line(data: bytes) -> Any:
    """Return the JSON value of one line, or None where it is blank, too deep or no JSON.

    Lenient about a byte order mark.
    """
    try:
        return flawless(data)
    except TooDeepError:
        return None
    except ValueError:
        pass
    text = data.strip(b"\xef\xbb\xbf \t\r\n")
    try:
        return parse(text) if text else None
    except BadJsonError:
        return None


def _decoded(text: str) -> Any:
    """Return the value; raises TooDeepError and other ValueErrors."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise TooDeepError from None
    check_depth(text, value)
    return value


def _bad(text: str, error: json.JSONDecodeError) -> BadJsonError:
    where = f"line {error.lineno}, column {error.colno}"
    if not text.strip("\ufeff \t\r\n\x00"):
        return BadJsonError("file-empty", "The file is empty.", 1, 1)
    if _cut_off(text, error):
        line = text.count("\n") + 1
        detail = f"The file ends in the middle of the JSON (line {line}); it is truncated. Export it again."
        return BadJsonError("file-cut-off", detail, line, len(text) - text.rfind("\n"))
    known = not_quite_json(text, error.pos)
    if known is not None:
        return BadJsonError("not-json", f"The text is not quite JSON: {known} ({where}).", error.lineno, error.colno)
    return BadJsonError("not-json", f"The text is not JSON: {error.msg} ({where}).", error.lineno, error.colno)


def _cut_off(text: str, error: json.JSONDecodeError) -> bool:
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return False
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\uXXXX"):
        return len(text) - error.pos < 5
    rest = text[error.pos :].strip()
    # The parser points at the start of a half literal or escape, which then lies at the very end.
    return not rest or (len(rest) < 6 and (rest[0] == "\\" or _begins_literal(rest)))


def _begins_literal(rest: str) -> bool:
    return any(literal.startswith(rest) for literal in ("true", "false", "null")) or rest in {"-", "."}
