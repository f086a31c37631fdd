"""Which settings files may be used without being named, and what must be said about those that are used.

A `migration.yaml` or `.env` that nobody named may have come with the data. In the source it is not trusted; elsewhere,
addresses and commands in it are announced. Pure except for checking where files are. It must not read a file.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from migrate_cli.errors import SettingsError
from migrate_cli.http.origins import origin_of
from migrate_cli.settings.layers import Layer, merged

_SECTIONS = ("target", "source")


def source_among(layers: Sequence[Layer]) -> Path | None:
    """The path of the source, as these layers give it; None where they name none."""
    section = merged(layers).get("source")
    path = section.get("path") if isinstance(section, Mapping) else None
    return Path(path).expanduser() if isinstance(path, str | Path) and str(path) not in ("", "-") else None


def lies_in(file: Path, source: Path | None) -> bool:
    """Whether a file is part of the source: by its name, or by where its links lead."""
    if source is None:
        return False
    try:
        whole = source.resolve()
        named, meant = file.parent.resolve() / file.name, file.resolve()
    except (OSError, RuntimeError):  # links in a circle, which the source's reader tells of
        return False
    return named.is_relative_to(whole) or meant.is_relative_to(whole)


def refuse_in_source(file: Path, source: Path | None) -> None:
    """Raise SettingsError for a settings file that nobody named and that is part of the source."""
    if lies_in(file, source):
        raise SettingsError(
            f"{file} lies in the source {source}, so it may have come with the data, and is not used; if it is yours, "
            f"name it: --config {shlex.quote(str(file))}; if not, run the command in another folder."
        )


def not_read(file: Path, source: Path | None) -> str:
    """The sentence about variables that were left alone because they are part of the source."""
    return (
        f"{file} was not read: it lies in the source {source}, so it may have come with the data; if it is yours, "
        f"name it: --env-file {shlex.quote(str(file))}"
    )


def told_of(
    layers: Sequence[Layer], value: Callable[[str], Any], default: Callable[[str], Any], where: Callable[[str], str]
) -> list[str]:
    """Sentences about the addresses and commands that these layers, which nobody named, decide.

    `value`, `default` and `where` tell of a setting by its dotted name: what holds, what would without any layer, and
    the place that decided.
    """
    told = []
    for name in _telling():
        here = where(name)
        if value(name) == default(name) or not any(here == layer.place(name) for layer in layers):
            continue
        told += _sentence(name, here, value)
    return told


def _telling() -> list[str]:
    return [f"{section}.{name}" for section in _SECTIONS for name in ("base_url", "token_command")] + ["source.url"]


def _sentence(name: str, here: str, value: Callable[[str], Any]) -> list[str]:
    section, _, last = name.partition(".")
    if last == "token_command":
        command = value(name)
        words = command.split() if isinstance(command, str) else list(command)
        host = origin_of(value(f"{section}.base_url") or "") or f"the {section}"
        return [f"{here} sets {name}: the command {words[0] if words else '(empty)'} is run for a token for {host}"]
    host = origin_of(value(name) or "")
    return [f"{here} sets {name}: the {section} is {host}"] if host else []
