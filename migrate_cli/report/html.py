"""The report as one HTML file that needs no network: totals, charts, tables, and contents when asked for.

Everything from outside must pass `_text`, which escapes markup and makes control characters visible. As a second
defence, the page's policy allows exactly this one style sheet and this one script, by their hashes: should an escape
ever be forgotten, the browser still runs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from importlib.resources import files
from itertools import chain, repeat

from migrate_cli.model import JsonObject, Provenance, Result
from migrate_cli.report.charts import Chart, charts_of
from migrate_cli.report.document import (
    Bar,
    Column,
    Fold,
    FoldList,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    TextComparison,
    TextPair,
    TextPiece,
    build,
    counts,
    objects,
    parted,
    visible_sections,
)
from migrate_cli.report.escape import NOTHING, number, plural, visible, visible_block
from migrate_cli.report.interface import View
from migrate_cli.report.made import period
from migrate_cli.report.replay_charts import replay_charts
from migrate_cli.report.verdict_kinds import STATUSES

TONES = {
    "loaded": "good", "verified": "good", "ready": "good", "passed": "good", "ok": "good",
    "in_doubt": "mixed", "warning": "mixed",
    "failed": "bad", "differs": "bad", "error": "bad", "failure": "bad", "not judged": "bad",
    "worse": "bad", "gone": "bad", "better": "good", "stopped": "plain",
    "skipped": "plain", "pending": "plain", "info": "plain",
}  # fmt: skip
"""The colour of a cell that is exactly one of these words; the word stays, so colour is never the only sign."""

PAGE = 100
"""Rows of a table that a page shows at once: more are in a box of their own, or in pages where scripts run."""
ONE = {
    "threads": "thread", "messages": "message", "items": "item", "parts": "part", "findings": "finding",
    "requests": "request", "cases": "case", "tokens": "token", "calls": "call", "differ": "differs",
}  # fmt: skip
"""What is counted, and what it does, in the singular."""
LONG_WORD = 40
"""Characters of a word that may be broken in a narrow table, such as the id of a conversation."""

THREAD_COLUMNS = (
    ("thread_id", "Thread"),
    ("conversation_id", "Conversation"),
    ("state", "State"),
    ("messages", "Messages"),
    ("items", "Items"),
    ("findings", "Findings"),
)


def render(result: Result, view: View) -> str:
    """Return the whole page."""
    document = build(result)
    sections = visible_sections(document, with_content=view.with_content)
    style, script = _asset("page.css"), _asset("page.js")
    body = "\n".join(
        part
        for part in (
            _header(document, result),
            "<main>",
            _next(document),
            _totals(result),
            *(_section(section) for section in sections[: document.lead]),
            _charts(result),
            *(_section(section) for section in sections[document.lead :]),
            _threads(result.data),
            _content(result.data) if view.with_content else "",
            _verbatim(document),
            "</main>",
            _footer(result),
        )
        if part
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_text(document.title)}: {_text(document.headline)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return files("migrate_cli.report").joinpath("assets", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    allowed = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    return f"{allowed}; base-uri 'none'; form-action 'none'"


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def _text(value: object) -> str:
    return html.escape(visible(value))


def _prose(value: object) -> str:
    """Text in which `names` between backquotes are set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(value))


def _header(document: ReportDocument, result: Result) -> str:
    notice = "" if document.notice is None else f'<p class="headline mixed">{_text(document.notice)}</p>\n'
    return (
        f"<header>\n{notice}<h1>{_text(document.title)}</h1>\n"
        f'<p class="headline {document.tone.value}">{_text(document.headline)}</p>\n{_about(document, result)}</header>'
    )


def _about(document: ReportDocument, result: Result) -> str:
    """What was run, and how the result came about: what makes the page evidence."""
    made, state = result.provenance, result.data.get("state")
    facts = [(_text(fact.name.capitalize()), _text(fact.said())) for fact in document.about]
    if made is not None:
        facts += [("Date", _text(period(made))), ("Version", f"migrate-cli {_text(made.version)}")]
        facts += [(name, _text(value)) for name, value in (("Source", made.source), ("Target", made.target)) if value]
    facts += [("State file", _text(state))] if state else []
    facts += [("Run", f'<span class="mono">{_text(result.run_id)}</span>')] if result.run_id else []
    long: list[tuple[str, str]] = []
    if made is not None and made.command_line:
        long.append(("Command", f"<code>{_text(made.command_line)}</code>"))
    if made is not None and made.settings_digest:
        long.append(("Settings", f'digest <span class="mono">{_text(made.settings_digest)}</span>'))
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    listed += "".join(f'<div class="broad"><dt>{name}</dt><dd>{value}</dd></div>' for name, value in long)
    return f'<dl class="about">{listed}</dl>\n{_settings(made)}' if listed else ""


def _settings(made: Provenance | None) -> str:
    if made is None or not made.settings:
        return ""
    rows = tuple((str(one.get("setting")), number(one.get("value")), str(one.get("from"))) for one in made.settings)
    table = Table("", (Column("setting"), Column("value"), Column("from")), rows)
    differ = "differs" if len(rows) == 1 else "differ"
    said = f"{plural(len(rows), 'setting')} {differ} from the default"
    return f"<details><summary>{said}</summary>{_table(table)}</details>\n"


def _totals(result: Result) -> str:
    data = result.data
    parts, findings = counts(data, "parts"), counts(data, "findings")
    unasked = ("loaded", "in_doubt") if result.command == "plan" else ()
    threads = {name: count for name, count in counts(data, "threads").items() if name not in unasked}
    cards = [(f"threads {_verb(name)}" if name != "total" else "threads", count) for name, count in threads.items()]
    cards += [(f"messages {name}" if name == "read" else name, n) for name, n in counts(data, "messages").items()]
    cards += [("parts read", parts["read"]), ("parts dropped", parts.get("dropped", 0))] if parts.get("read") else []
    cards += [("findings", sum(findings.values()))] if "findings" in data else []
    if result.command == "replay":
        # What was sent again is counted by question there, and requests stand among what the run took.
        cards += _case_cards(data)
    else:
        cards += [(f"requests {name}", count) for name, count in counts(data, "requests").items()]
    if not cards:
        return ""
    items = "".join(
        f"<li><b>{number(count)}</b><span>{_text(_named(name, count))}</span></li>" for name, count in cards
    )
    return f'<ul class="totals" aria-label="Totals">{items}</ul>'


def _case_cards(data: JsonObject) -> list[tuple[str, int]]:
    totals = counts(data, "totals")
    cards = [(f"cases {said}", totals[name]) for name, said in STATUSES.items() if totals.get(name)]
    names = {"input_tokens": "tokens in", "output_tokens": "tokens out", "tool_calls": "tool calls"}
    return [*cards, *((said, totals[name]) for name, said in names.items() if name in totals)]


def _verb(state: str) -> str:
    """The state of several threads: they differ, where one differs."""
    return "differ" if state == "differs" else state.replace("_", " ")


def _named(name: str, count: int) -> str:
    """What is counted, in the singular where there is one."""
    return " ".join(ONE.get(word, word) for word in name.split()) if count == 1 else name


def _charts(result: Result) -> str:
    figures = "\n".join(_figure(chart) for chart in (*charts_of(result), *replay_charts(result)))
    return f'<h2>Charts</h2>\n<div class="charts">\n{figures}\n</div>' if figures else ""


def _figure(chart: Chart) -> str:
    note = f'<p class="note">{_text(chart.note)}</p>' if chart.note else ""
    return (
        f"<figure><figcaption>{_text(chart.title)}</figcaption>{chart.svg}"
        f'<p class="hidden-text">{_text(chart.summary)}</p>{note}</figure>'
    )


def _section(section: Section, level: int = 2) -> str:
    heading = f"<h{level}>{_text(section.title)}</h{level}>\n" if section.title else ""
    if isinstance(section, Fold):
        return _fold(section)
    if isinstance(section, FoldList):
        note = f'<p class="note">{_text(section.note)}</p>' if section.note else ""
        return f'{heading}<div class="folds">\n{chr(10).join(_fold(fold) for fold in section.folds)}\n</div>{note}'
    if isinstance(section, Table):
        return "" if section.title == "Totals" else heading + _table(section)
    if isinstance(section, Bar):
        return heading + _table(section.as_table())
    if isinstance(section, TextComparison):
        return heading + "\n".join(_pair(section, row) for row in section.rows)
    return heading + _list(section)


def _fold(fold: Fold) -> str:
    """One thing that can be opened; what matters is open already."""
    tag = f" {_tag(fold.status)}" if fold.status else ""
    inside = "\n".join(_section(section, level=3) for section in fold.sections)
    opened = " open" if fold.is_open else ""
    # The name is on what is folded: a browser opens the fold for whoever follows a link to something inside it.
    name = f' id="{_text(fold.anchor)}"' if fold.anchor else ""
    heading = f"<summary>{_text(fold.title)}{tag}</summary>"
    return f'<details class="fold"{opened}>{heading}\n<div{name}>{inside}</div></details>'


def _pair(pairs: TextComparison, row: TextPair) -> str:
    sides = [
        f'<div><span class="role">{_text(name)}</span>{_said(pieces)}</div>'
        for name, pieces in zip((pairs.left, pairs.right), row.pieces(), strict=True)
    ]
    kind, shown = ("pair alone", sides[1:]) if row.is_alone else ("pair", sides)
    heading = _text(row.heading)
    return f'<details open><summary>{heading}</summary>\n<div class="{kind}">{"".join(shown)}</div></details>'


def _said(pieces: tuple[TextPiece, ...]) -> str:
    """A text in which the pieces that the other does not have are marked."""
    if not pieces:
        return f'<p class="said">{NOTHING}</p>'
    shown = ((html.escape(visible_block(piece.text)), piece.differs) for piece in pieces)
    return f'<p class="said">{"".join(f"<mark>{text}</mark>" if differs else text for text, differs in shown)}</p>'


def _table(table: Table) -> str:
    headed = any(column.name for column in table.columns)
    head = "".join(f'<th scope="col"{_number(column.numeric)}>{_text(column.name)}</th>' for column in table.columns)
    anchors = chain(table.anchors, repeat(""))
    rows = "\n".join(
        f"<tr>{_row(row, table.columns, anchor)}</tr>" for row, anchor in zip(table.rows, anchors, strict=False)
    )
    told = replace(table, most=None).shortened().note
    note = f'<p class="note">{_text(told)}</p>' if told else ""
    caption = f'<caption class="hidden-text">{_text(table.title or "Facts")}</caption>'
    thead = f"<thead><tr>{head}</tr></thead>" if headed else ""
    tall = _tall(len(table.rows))
    return (
        f'<div class="scroll{tall}" tabindex="0"><table>{caption}{thead}<tbody>\n{rows}\n</tbody></table></div>{note}'
    )


def _row(cells: tuple[str, ...], columns: tuple[Column, ...], anchor: str) -> str:
    """The cells of a row; the first leads to the anchor, if there is one."""
    places = (anchor, *[""] * (len(cells) - 1))
    return "".join(_cell(cell, column, place) for cell, column, place in zip(cells, columns, places, strict=True))


def _tall(rows: int) -> str:
    """The class of a table that is too long to be shown whole."""
    return " tall" if rows > PAGE else ""


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _cell(cell: str, column: Column, anchor: str = "") -> str:
    label = f' data-label="{_text(column.name)}"' if column.name else ""
    if cell in TONES and not anchor:
        return f"<td{label}>{_tag(cell)}</td>"
    shown = f'<a href="#{_text(anchor)}">{_text(cell)}</a>' if anchor else _prose(cell)
    return f"<td{_number(column.numeric) or _broad(cell)}{label}>{shown}</td>"


def _broad(cell: str) -> str:
    """Sentences take what room there is; words that are long themselves may be broken, and no others."""
    if len(cell) > 60:
        return ' class="wide"'
    return ' class="long"' if any(len(word) > LONG_WORD for word in cell.split()) else ""


def _tag(word: str) -> str:
    return f'<span class="tag {TONES.get(word, "plain")}">{_text(word.replace("_", " "))}</span>'


def _list(section: SentenceList) -> str:
    if section.verbatim:
        return f"<pre>{html.escape(visible_block(chr(10).join(section.lines)))}</pre>"
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in section.lines)}</ul>"


def _threads(data: JsonObject) -> str:
    entries = objects(data, "thread_list")
    if not entries:
        return ""
    states = list(dict.fromkeys(str(entry.get("state") or "") for entry in entries))
    options = "".join(
        f'<option value="{_text(state)}">{_text(state.replace("_", " "))}</option>' for state in states if state
    )
    head = "".join(
        f'<th scope="col"{_number(name in ("messages", "items", "findings"))}>{label}</th>'
        for name, label in THREAD_COLUMNS
    )
    cut = data.get("thread_list_cut")
    more = f" {plural(cut, 'thread')} more are not listed here." if isinstance(cut, int) and cut else ""
    tall = _tall(len(entries))
    return f"""<h2 id="threads-heading">Threads</h2>
<div class="tools" id="thread-tools" hidden>
<label>Filter <input id="thread-words" type="search" autocomplete="off" placeholder="id or state"></label>
<label>State <select id="thread-state"><option value="">all</option>{options}</select></label>
<output id="thread-shown" for="thread-words thread-state" aria-live="polite"></output>
</div>
<div class="scroll{tall}" tabindex="0" role="region" aria-labelledby="threads-heading"><table id="threads">
<caption>{plural(len(entries), "thread")}.{more}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{chr(10).join(_thread_row(entry) for entry in entries)}
</tbody></table></div>"""


def _thread_row(entry: JsonObject) -> str:
    state = str(entry.get("state") or "")
    return f'<tr data-state="{_text(state)}">{"".join(_thread_cell(entry, *column) for column in THREAD_COLUMNS)}</tr>'


def _thread_cell(entry: JsonObject, name: str, label: str) -> str:
    value = entry.get(name)
    if name in ("thread_id", "conversation_id"):
        return f'<td class="mono" data-label="{label}">{_text(value or NOTHING)}</td>'
    if name == "state":
        return f'<td data-label="{label}">{_tag(str(value)) if value else NOTHING}</td>'
    count = value if isinstance(value, int) else 0
    return f'<td class="number" data-label="{label}" data-value="{count}">{count:,}</td>'


def _verbatim(document: ReportDocument) -> str:
    return "" if document.verbatim is None else f"<pre>{html.escape(visible_block(document.verbatim))}</pre>"


def _next(document: ReportDocument) -> str:
    if not document.next_steps:
        return ""
    items = "".join(f"<li>{_step(step)}</li>" for step in document.next_steps)
    return f'<h2>Next</h2>\n<ul class="next">{items}</ul>'


def _step(step: str) -> str:
    """A step in which a command that is at its end is set as one, to be copied."""
    said, command = parted(step)
    return _text(step) if command is None else f"{_text(said)} <code class='command'>{_text(command)}</code>"


def _footer(result: Result) -> str:
    run = f" Run {_text(result.run_id)}." if result.run_id else ""
    return f"<footer>Made by migrate-cli.{run} Exit code {int(result.exit_code)}.</footer>"


def _content(data: JsonObject) -> str:
    """Threads beside their conversations, with findings where they occur; masked texts were masked before.

    `report/side_by_side.py` says what `data["content"]` holds.
    """
    threads = objects(data, "content")
    if not threads:
        return ""
    cut = data.get("content_cut")
    note = f'<p class="note">{plural(cut, "thread")} more are not shown.</p>' if isinstance(cut, int) and cut else ""
    return "<h2>Contents</h2>\n" + "\n".join(_content_thread(thread) for thread in threads) + note


def _content_thread(thread: JsonObject) -> str:
    rows = objects(thread, "rows")
    found = sum(len(objects(row, "findings")) for row in rows)
    arrow = f" → {_text(thread['conversation_id'])}" if thread.get("conversation_id") else ""
    summary = f"{_text(thread.get('thread_id'))}{arrow} · {plural(len(rows), 'message')}, {plural(found, 'finding')}"
    return f"<details><summary>{summary}</summary>\n" + "\n".join(_content_row(row) for row in rows) + "\n</details>"


def _content_row(row: JsonObject) -> str:
    source = row.get("source")
    left = _content_side("thread", source) if isinstance(source, dict) else ""
    right = "".join(_content_side("conversation", item) for item in objects(row, "target"))
    found = "".join(
        f"<li><code>{_text(entry.get('code'))}</code> {_text(entry.get('severity'))}: {_text(entry.get('detail'))}</li>"
        for entry in objects(row, "findings")
    )
    below = f'<div class="found"><ul>{found}</ul></div>' if found else ""
    return f'<div class="pair"><div>{left}</div><div>{right}</div>{below}</div>'


def _content_side(side: str, part: JsonObject) -> str:
    names = " · ".join(_text(part[key]) for key in ("kind", "role") if part.get(key))
    text = html.escape(visible_block(part.get("text") or ""))
    return f'<span class="role"><span class="hidden-text">{side}: </span>{names}</span><p class="said">{text}</p>'
