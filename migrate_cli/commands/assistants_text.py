"""A response configuration as a suite for `replay`, and the name of its file. It must not write the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import yaml

from migrate_cli.convert.assistant import Configuration
from migrate_cli.model import Finding

FIRST_CASE = {"id": "hello", "input": "Hello! What can you do for me?"}
"""So that the suite can be tried at once."""

LONGEST_STEM = 60


def suite_text(configuration: Configuration, findings: Iterable[Finding]) -> str:
    """Return YAML: a head of comments, the configuration, and one case to begin with."""
    title = f"{configuration.name or 'An assistant'} ({configuration.assistant_id or 'without id'})"
    head = [f"{title}, as a suite for `migrate-cli replay`. Each request is sent with these settings."]
    head += [f"{found.code}: {found.detail}" for found in findings]
    comments = "".join(f"# {_one_line(line)}\n" for line in head)
    body = yaml.dump(
        configuration.config | {"cases": [FIRST_CASE]},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )
    return f"{comments}\n{body}"


def file_stem(name: str | None, assistant_id: str, taken: set[str]) -> str:
    """Return a file's name without ending: from the assistant's name, with its id where that is taken."""
    ascii_name = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode()
    stem = _slug(ascii_name) or _slug(assistant_id) or "assistant"
    if stem not in taken:
        return stem
    stem = f"{stem}-{_slug(assistant_id)}"
    number = 2
    while stem in taken:
        stem, number = f"{stem}-{number}", number + 1
    return stem


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:LONGEST_STEM].strip("-")


def _one_line(text: str) -> str:
    """YAML takes no control characters, not even in comments."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and never refers from one place to another."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
