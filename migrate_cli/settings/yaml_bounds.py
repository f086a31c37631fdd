"""Checks how large and how deep a YAML text would be with its aliases expanded, before building anything. Pure.

A few lines of aliases can stand for more values than a machine holds; counting them costs only what is written.
"""

from __future__ import annotations

from typing import Any

import yaml

from migrate_cli.bounds import TooDeepError, bounds, too_many_nodes


class TooLargeYamlError(ValueError):
    """The text has too many values, or one that holds itself; its text is the half sentence that says so."""


def check_yaml(text: str | bytes, loader: type[Any]) -> None:
    """Raise TooLargeYamlError or TooDeepError for a text that must not be loaded, YAMLError where it is not YAML."""
    most, deepest = bounds().yaml_nodes, bounds().json_depth
    sizes: dict[str, int] = {}
    """Values by anchor, its own value included."""
    open_: list[tuple[str | None, int]] = []
    """The anchors of what has begun, and how many values came before."""
    count = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_):
                raise TooLargeYamlError(f"a value that holds itself (*{event.anchor}); write it without that alias")
            count += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            count += 1
            if len(open_) > deepest:
                raise TooDeepError
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if count > most:
            raise TooLargeYamlError(too_many_nodes())
