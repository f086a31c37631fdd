"""Reads the YAML of cassettes: with Ruby's tag for bytes, and as far as whole entries go where it breaks off."""

from __future__ import annotations

import re
from typing import Any

import yaml

from migrate_cli.bounds import TooDeepError
from migrate_cli.settings.yaml_bounds import TooLargeYamlError, check_yaml
from migrate_cli.sources.export.json_text import TOO_DEEP

_LIST = re.compile(rb"^(?:http_)?interactions:[ \t]*\r?\n(?P<indent>[ ]*)- ", re.MULTILINE)
_BROKEN = "The cassette ends in the middle of an entry, or is damaged there; copy or record it again."


class CassetteError(ValueError):
    """A cassette cannot be read; its text is the sentence that says why."""

    def __init__(self, code: str, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.line = line


def load_cassette(text: bytes) -> tuple[Any, str]:
    """Return what the YAML says, and the sentence about where it breaks off, if it does. Raises CassetteError."""
    loader = _loader()
    try:
        try:
            check_yaml(text, loader)
            documents = list(yaml.load_all(text, loader))
            return documents[0] if len(documents) == 1 else documents, ""
        except yaml.YAMLError as error:
            whole = _whole_entries(text, error)
            if whole is None:
                raise
            return yaml.load(whole, loader), _BROKEN  # noqa: S506 - made of a safe one
    except TooDeepError as error:
        raise CassetteError(TOO_DEEP, f"The YAML is {error}.") from None
    except TooLargeYamlError as error:
        raise CassetteError("yaml-too-large", f"The YAML has {error}.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise CassetteError("not-yaml", f"The text is not YAML (line {line}); record or copy it again.", line) from None


def _loader() -> type[Any]:
    """Return a safe loader that also knows `!binary`, as Ruby writes what others call `!!binary`."""
    safe: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: type[Any] = type("CassetteLoader", (safe,), {})
    loader.add_constructor("!binary", yaml.constructor.SafeConstructor.construct_yaml_binary)
    return loader


def _whole_entries(text: bytes, error: yaml.YAMLError) -> bytes | None:
    """Return a cassette up to the entry in which it cannot be read; None where not even the first is whole."""
    found = _LIST.search(text)
    mark = getattr(error, "problem_mark", None)
    if found is None or mark is None:
        return None
    until = sum(len(line) + 1 for line in text.split(b"\n")[: mark.line + 1])
    begins = re.compile(rb"^" + found["indent"] + rb"- ", re.MULTILINE)
    starts = [entry.start() for entry in begins.finditer(text, found.start("indent"), min(until, len(text)))]
    return text[: starts[-1]] if len(starts) > 1 else None
