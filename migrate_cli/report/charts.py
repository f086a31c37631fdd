"""Charts of the HTML report as inline SVG: drawn by pygal, then stripped to shapes and text.

No script, style or id of the library's stays: the page's own style sheet colours the charts, for light and dark, and
the same data always gives the same bytes. Each shape also says its own colours, which any style sheet outweighs: where
a mail program or a viewer removes the style sheet, shapes would be black otherwise.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.checks import OUTCOMES
from migrate_cli.report.document import counts, objects
from migrate_cli.report.escape import number, plural, visible

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 520
BAR_HEIGHT = 34
MOST_BARS = 15
LONG_NUMBER = 1000
ROOM = 1.15
"""How much longer than the longest bar the axis is, so that the number behind the bar has its place."""
NO_OUTCOME = ("total", "unchanged", "changed", "resumed", "unreadable")
"""Counts of threads that are part of another count, so that every thread stands in one bar."""
INK, LINE, PART, GOOD, MILD, BAD, QUIET = "#1b2430", "#d9dee5", "#1878a8", "#1a7f4b", "#9a6700", "#b42332", "#5f6a78"
"""Colours of the light theme in page.css, where each has the same name."""
FILLS = {
    **dict.fromkeys(("state-passed", "state-loaded", "state-verified", "fate-kept", "outcome-identical"), GOOD),
    **dict.fromkeys(("state-failed", "state-error", "state-differs", "fate-dropped", "severity-error"), BAD),
    **dict.fromkeys(("outcome-missing-in-the-target", "outcome-differs", "outcome-could-not-be-read"), BAD),
    **dict.fromkeys(("state-in-doubt", "fate-noted", "severity-warning", "outcome-only-in-the-target"), MILD),
    **dict.fromkeys(("then", "state-stopped", "state-skipped", "state-pending", "severity-info"), QUIET),
}
"""The colour of a bar by its class, as page.css has it; all others have that of `PART`."""
SIZE_EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Thread sizes are grouped between these numbers of messages."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure."""

    title: str
    summary: str
    """What it shows in words, for those who do not see it."""
    svg: str
    note: str = ""
    """What it leaves out, in a sentence that everybody sees."""


def charts_of(result: Result) -> list[Chart]:
    """Return the charts that the data has something to show in."""
    drawn = (
        _outcomes(result.data),
        _fates(result.data),
        _findings(result.data),
        _sizes(result.data),
        _pace(result.data),
    )
    return [chart for chart in drawn if chart is not None]


def _outcomes(data: JsonObject) -> Chart | None:
    sigils = counts(data, "outcomes")
    if sigils:
        pairs = [
            (OUTCOMES.get(sigil, sigil), count, f"outcome-{_slug(OUTCOMES.get(sigil, sigil))}")
            for sigil, count in sigils.items()
        ]
        return bars("Items compared", "item", pairs)
    threads = {name: count for name, count in counts(data, "threads").items() if name not in NO_OUTCOME and count}
    return bars(
        "Threads by outcome", "thread", [(_words(name), n, f"state-{_slug(name)}") for name, n in threads.items()]
    )


def _fates(data: JsonObject) -> Chart | None:
    parts = counts(data, "parts")
    fates = [(fate, parts.get(fate, 0), f"fate-{fate}") for fate in ("kept", "converted", "noted", "dropped")]
    return bars("Parts by fate", "part", fates) if parts.get("read") else None


def _findings(data: JsonObject) -> Chart | None:
    rows = sorted(finding_rows(data), key=lambda row: -row.count)
    pairs = [(row.code, row.count, f"severity-{_slug(row.severity)}") for row in rows[:MOST_BARS]]
    others = rows[MOST_BARS:]
    rest = sum(row.count for row in others)
    pairs += [("all others", rest, "severity-info")] if rest else []
    note = f"The bar “all others” is {plural(len(others), 'code')} together; the table below has each." if rest else ""
    return bars("Findings by code", "finding", pairs, note=note)


def _sizes(data: JsonObject) -> Chart | None:
    sizes = [entry["messages"] for entry in objects(data, "thread_list") if isinstance(entry.get("messages"), int)]
    pairs = [(label, count, "size") for label, count in _grouped(sizes)]
    cut = data.get("thread_list_cut")
    note = ""
    if isinstance(cut, int) and cut > 0:
        note = f"Of {plural(len(sizes) + cut, 'thread')}, only the first {number(len(sizes))} are listed and drawn."
    return bars("Thread sizes, in messages", "thread", pairs, note=note) if len(sizes) > 1 else None


def _grouped(sizes: Iterable[int]) -> list[tuple[str, int]]:
    groups = [0] * (len(SIZE_EDGES) + 1)
    for size in sizes:
        groups[sum(size >= edge for edge in SIZE_EDGES)] += 1
    labels = ["0"] + [_range(low, high) for low, high in zip(SIZE_EDGES, (*SIZE_EDGES[1:], None), strict=True)]
    used = [index for index, count in enumerate(groups) if count]
    return [(labels[index], groups[index]) for index in range(used[0], used[-1] + 1)] if used else []


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,} and more"
    return f"{low:,}" if high == low + 1 else f"{low:,} to {high - 1:,}"


def _pace(data: JsonObject) -> Chart | None:
    points = [
        (float(entry["seconds"]), float(entry["messages_per_second"]))
        for entry in objects(data, "timeline")
        if all(isinstance(entry.get(key), int | float) for key in ("seconds", "messages_per_second"))
    ]
    if len(points) < 2:
        return None
    highest = max(1, *(rate for _, rate in points))
    chart = _pygal("XY", height=240, fill=True, show_dots=False, range=(0, highest))
    chart.x_labels = _ticks(math.ceil(points[-1][0]))
    chart.y_labels = _ticks(math.ceil(highest))
    chart.x_value_formatter = lambda seconds: f"{number(round(seconds))} s"
    chart.value_formatter = lambda rate: number(round(rate))
    chart.add("", points)
    over = number(round(points[-1][0]))
    summary = f"{len(points)} measurements over {over} s; at most {number(round(highest))} messages a second."
    return Chart("Throughput, messages a second", summary, _stripped(chart, ["pace"]))


def bars(
    title: str,
    what: str,
    drawn: Sequence[tuple[str, int, str]],
    *,
    note: str = "",
) -> Chart | None:
    """Horizontal bars (label, count, CSS class), the first at the top; None where all are 0.

    `what` names one that is counted, in the words that stand for the picture; empty where the title does.
    """
    if not any(count for _, count, _ in drawn):
        return None
    highest = max(count for _, count, _ in drawn)
    chart = _pygal("HorizontalBar", height=BAR_HEIGHT * len(drawn) + 60, print_values=True, range=(0, highest * ROOM))
    chart.x_labels = [_label(label) for label, _, _ in reversed(drawn)]
    # Show long numbers on every second line only, or they would overlap on a narrow screen.
    chart.y_labels = _ticks(highest)[:: 2 if highest >= LONG_NUMBER else 1]
    chart.value_formatter = lambda count: number(round(count))
    chart.add("", [count for _, count, _ in reversed(drawn)])
    said = ((label, plural(count, what) if what else number(count)) for label, count, _ in drawn)
    summary = ", ".join(f"{visible(label)}: {told}" for label, told in said)
    return Chart(title, f"{summary}.", _stripped(chart, [name for _, _, name in reversed(drawn)]), note)


def _ticks(highest: int) -> list[int]:
    """Three to six round numbers from 0 up to the highest."""
    step = 10 ** math.floor(math.log10(highest)) if highest else 1
    step = next((step // part for part in (5, 2) if step % part == 0 and highest / (step // part) <= 5), step)
    while highest / step > 5:
        step *= 2
    return list(range(0, highest + 1, step))


def _pygal(kind: str, **options: Any) -> Any:
    # pygal costs a tenth of a second to import, which the other formats need not pay.
    import pygal  # noqa: PLC0415

    # Its hook for map plugins has only the old import interface, which makes every later import warn on Python 3.11.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
    # The library reserves room for labels by these sizes; page.css sets none larger.
    style = pygal.style.Style(label_font_size=16, major_label_font_size=16, value_font_size=16)
    fixed = {"css": [], "js": [], "width": WIDTH, "margin": 10, "style": style, "no_prefix": True, "truncate_label": -1}
    return getattr(pygal, kind)(**fixed, show_legend=False, print_values_position="top", **options)


def _label(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= 34 else f"{shown[:33]}…"


def _stripped(chart: Any, classes: Sequence[str]) -> str:
    root: ET.Element = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_ballast(child):
                parent.remove(child)
    drawn = [shape for shape in root.iter() if "reactive" in shape.get("class", "").split()]
    for shape, name in zip(drawn, classes, strict=True):
        shape.set("class", name)
    for shape in root.iter():
        _coloured(shape)
    for axis, anchor in (("x", "middle"), ("y", "end")):
        for group in (one for one in root.iter() if {"axis", axis} <= set(one.get("class", "").split())):
            for label in (one for one in group.iter() if _kind(one) == "text"):
                label.set("text-anchor", anchor)
    root.attrib = {"viewBox": root.get("viewBox", ""), "class": "chart", "aria-hidden": "true", "focusable": "false"}
    return _serialised(root)


def _coloured(shape: ET.Element) -> None:
    """Give a shape the look that it has where there is no style sheet: that of the page in the light theme."""
    name, classes = _kind(shape), shape.get("class", "").split()
    if name == "text":
        look = {"fill": INK, "font-size": "14", "font-family": "sans-serif"}
        look |= {"text-anchor": "start"} if "value" in classes else {}
    elif "background" in classes:
        look = {"fill": "none"}
    elif "pace" in classes:
        look = {"fill": PART, "fill-opacity": "0.25", "stroke": PART, "stroke-width": "2"}
    elif name == "rect":
        look = {"fill": next((FILLS[one] for one in classes if one in FILLS), PART)}
    elif name in ("path", "line"):
        look = {"fill": "none", "stroke": LINE, "stroke-width": "1"}
    else:
        return
    for key, value in look.items():
        shape.set(key, value)


def _kind(element: ET.Element) -> str:
    """The name of an element, such as `rect`; the library gives a namespace to some only."""
    return str(element.tag).removeprefix(SVG)


def _is_ballast(element: ET.Element) -> bool:
    if callable(element.tag):
        return True
    name = _kind(element)
    overlay = "tooltip-overlay" in element.get("class", "")
    return name in ("defs", "title", "desc", "script", "style") or overlay


def _serialised(root: ET.Element) -> str:
    for element in root.iter():
        element.tag = _kind(element)
        for name, value in element.attrib.items():
            element.set(name, re.sub(r"-?\d+\.\d{3,}", lambda hit: f"{float(hit.group()):.2f}", value))
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
