"""Tables and the chart of a bench, from its JSON; the page in docs is filled by `make docs`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

from bench.figures import short
from bench.moving import WAYS

_SVG = "http://www.w3.org/2000/svg"
Json = dict[str, Any]
_TITLES = {way.name: way.title for way in WAYS}


def bars_table(found: Json) -> str:
    """The bars, held or missed."""
    held = {True: "yes", False: "**no**", None: "–"}
    rows = [[bar["figure"], bar["bar"], bar["measured"], held[bar["held"]]] for bar in found["bars"]]
    return _table(["figure", "bar", "measured: median (least to most)", "held"], rows)


def moves_tables(found: Json) -> str:
    """One table for each corpus: every way at every latency."""
    return "\n\n".join(_corpus_tables(found))


def _corpus_tables(found: Json) -> Iterator[str]:
    moves = found["moves"]
    for corpus in dict.fromkeys(move["corpus"] for move in moves):
        rows = []
        for latency in dict.fromkeys(move["latency"] for move in moves if move["corpus"] == corpus):
            for way in _TITLES:
                rounds = [
                    move for move in moves if (move["corpus"], move["latency"], move["way"]) == (corpus, latency, way)
                ]
                if rounds:
                    rows.append(_move_row(latency, way, rounds))
        yield f"`{corpus}`:\n\n" + _table(
            ["latency", "way", "messages moved", "messages/s", "requests/s", "CPU µs a message", "peak memory"], rows
        )


def _move_row(latency: float, way: str, rounds: list[Json]) -> list[str]:
    def middle(value: Callable[[Json], float]) -> float:
        return statistics.median(value(move) for move in rounds)

    return [
        f"{latency * 1000:.0f} ms",
        _TITLES[way],
        f"{rounds[0]['moved']:,}",
        short(middle(lambda move: move["messages"] / move["seconds"])),
        short(middle(lambda move: sum(move["requests"].values()) / move["seconds"])),
        short(middle(lambda move: move["cpu"] / move["messages"] * 1e6)),
        f"{middle(lambda move: move['peak']) / 1e6:,.0f} MB",
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def chart(found: Json) -> bytes:
    """Messages a second of each way on the first corpus, by latency, on a logarithmic axis; SVG without scripts."""
    import pygal  # noqa: PLC0415 - slow to import, and only the chart needs it
    from pygal.style import CleanStyle  # noqa: PLC0415 - the same

    # Its hook for map plugins has only the old import interface, which makes every later import warn on Python 3.11.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
    moves = found["moves"]
    corpus = moves[0]["corpus"]
    latencies = list(dict.fromkeys(move["latency"] for move in moves if move["corpus"] == corpus))
    drawn = pygal.Bar(
        js=(),
        logarithmic=True,
        style=CleanStyle,
        width=960,
        height=420,
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        truncate_legend=-1,
        print_values=True,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    drawn.title = f"Messages a second, corpus `{corpus}` (logarithmic)"
    drawn.x_labels = [f"{latency * 1000:.0f} ms" for latency in latencies]
    for way, title in _TITLES.items():
        drawn.add(title, [_rate(moves, corpus, latency, way) for latency in latencies])
    return _without_scripts(drawn.render())


def _without_scripts(svg: bytes) -> bytes:
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # noqa: S314 - pygal has just written it
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}script":
                parent.remove(child)
    return bytes(ET.tostring(root, encoding="utf-8"))


def _rate(moves: list[Json], corpus: str, latency: float, way: str) -> float | None:
    rates = [
        move["messages"] / move["seconds"]
        for move in moves
        if (move["corpus"], move["latency"], move["way"]) == (corpus, latency, way)
    ]
    return round(statistics.median(rates)) if rates else None
