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
from importlib.resources import files

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.charts import charts_of
from migrate_cli.report.document import (
    Bar,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    TextComparison,
    TextPair,
    build,
    counts,
    objects,
)
from migrate_cli.report.escape import NOTHING, number, plural, visible, visible_block
from migrate_cli.report.interface import View

TONES = {
    "loaded": "good", "verified": "good", "ready": "good", "passed": "good", "ok": "good",
    "in_doubt": "mixed", "warning": "mixed",
    "failed": "bad", "differs": "bad", "error": "bad", "failure": "bad",
    "skipped": "plain", "pending": "plain", "info": "plain",
}  # fmt: skip
"""The colour of a cell that is exactly one of these words; the word stays, so colour is never the only sign."""

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
    style, script = _asset("page.css"), _asset("page.js")
    body = "\n".join(
        part
        for part in (
            _header(document),
            "<main>",
            _totals(result),
            _charts(result),
            *(
                _section(section)
                for section in document.sections
                if view.with_content or not isinstance(section, TextComparison)
            ),
            _threads(result.data),
            _content(result.data) if view.with_content else "",
            _verbatim(document),
            _next(document),
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


def _header(document: ReportDocument) -> str:
    notice = "" if document.notice is None else f'<p class="headline mixed">{_text(document.notice)}</p>\n'
    return (
        f"<header>\n{notice}<h1>{_text(document.title)}</h1>\n"
        f'<p class="headline {document.tone.value}">{_text(document.headline)}</p>\n</header>'
    )


def _totals(result: Result) -> str:
    data = result.data
    parts, findings = counts(data, "parts"), counts(data, "findings")
    unasked = ("loaded", "in_doubt") if result.command == "plan" else ()
    threads = {name: count for name, count in counts(data, "threads").items() if name not in unasked}
    cards = [(name.replace("_", " "), count) for name, count in threads.items()]
    cards = [("threads" if name == "total" else f"threads {name}", count) for name, count in cards]
    cards += [(f"messages {name}" if name == "read" else name, n) for name, n in counts(data, "messages").items()]
    cards += [("parts read", parts["read"]), ("parts dropped", parts.get("dropped", 0))] if parts.get("read") else []
    cards += [("findings", sum(findings.values()))] if "findings" in data else []
    cards += [(f"requests {name}", count) for name, count in counts(data, "requests").items()]
    if not cards:
        return ""
    items = "".join(f"<li><b>{number(count)}</b><span>{_text(name)}</span></li>" for name, count in cards)
    return f'<ul class="totals" aria-label="Totals">{items}</ul>'


def _charts(result: Result) -> str:
    figures = "\n".join(
        f"<figure><figcaption>{_text(chart.title)}</figcaption>{chart.svg}"
        f'<p class="hidden-text">{_text(chart.summary)}</p></figure>'
        for chart in charts_of(result)
    )
    return f'<h2>Charts</h2>\n<div class="charts">\n{figures}\n</div>' if figures else ""


def _section(section: Section) -> str:
    heading = f"<h2>{_text(section.title)}</h2>\n" if section.title else ""
    if isinstance(section, Table):
        return "" if section.title == "Totals" else heading + _table(section)
    if isinstance(section, Bar):
        return heading + _table(section.as_table())
    if isinstance(section, TextComparison):
        return heading + "\n".join(_pair(section, row) for row in section.rows)
    return heading + _list(section)


def _pair(pairs: TextComparison, row: TextPair) -> str:
    begin, end = row.parted()
    sides = (
        f'<div><span class="role">{_text(name)}</span>{_said(said, begin, end)}</div>'
        for name, said in ((pairs.left, row.left), (pairs.right, row.right))
    )
    return f'<details open><summary>{_text(row.heading)}</summary>\n<div class="pair">{"".join(sides)}</div></details>'


def _said(said: str | None, begin: int, end: int) -> str:
    """A text in which the part that the other does not share is marked."""
    if said is None:
        return f'<p class="said">{NOTHING}</p>'
    before, middle, after = (
        html.escape(visible_block(part))
        for part in (said[:begin], said[begin : len(said) - end], said[len(said) - end :])
    )
    return f'<p class="said">{before}{f"<mark>{middle}</mark>" if middle else ""}{after}</p>'


def _table(table: Table) -> str:
    headed = any(column.name for column in table.columns)
    head = "".join(f'<th scope="col"{_number(column.numeric)}>{_text(column.name)}</th>' for column in table.columns)
    rows = "\n".join(
        f"<tr>{''.join(_cell(cell, column.numeric) for cell, column in zip(row, table.columns, strict=True))}</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    caption = f'<caption class="hidden-text">{_text(table.title or "Facts")}</caption>'
    thead = f"<thead><tr>{head}</tr></thead>" if headed else ""
    return f'<div class="scroll" tabindex="0"><table>{caption}{thead}<tbody>\n{rows}\n</tbody></table></div>{note}'


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _cell(cell: str, numeric: bool) -> str:
    if cell in TONES:
        return f"<td>{_tag(cell)}</td>"
    return f"<td{_number(numeric) or _broad(cell)}>{_prose(cell)}</td>"


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
    return f"""<h2 id="threads-heading">Threads</h2>
<div class="tools" id="thread-tools" hidden>
<label>Filter <input id="thread-words" type="search" autocomplete="off" placeholder="id or state"></label>
<label>State <select id="thread-state"><option value="">all</option>{options}</select></label>
<output id="thread-shown" for="thread-words thread-state" aria-live="polite"></output>
</div>
<div class="scroll" tabindex="0" role="region" aria-labelledby="threads-heading"><table id="threads">
<caption>{plural(len(entries), "thread")}.{more}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{chr(10).join(_thread_row(entry) for entry in entries)}
</tbody></table></div>"""


def _thread_row(entry: JsonObject) -> str:
    state = str(entry.get("state") or "")
    ids = "".join(f'<td class="mono">{_text(entry.get(name) or "-")}</td>' for name in ("thread_id", "conversation_id"))
    numbers = "".join(_count_cell(entry.get(name)) for name in ("messages", "items", "findings"))
    return f'<tr data-state="{_text(state)}">{ids}<td>{_tag(state) if state else "-"}</td>{numbers}</tr>'


def _count_cell(value: object) -> str:
    count = value if isinstance(value, int) else 0
    return f'<td class="number" data-value="{count}">{count:,}</td>'


def _verbatim(document: ReportDocument) -> str:
    return "" if document.verbatim is None else f"<pre>{html.escape(visible_block(document.verbatim))}</pre>"


def _next(document: ReportDocument) -> str:
    if not document.next_steps:
        return ""
    items = "".join(f"<li>{_text(step)}</li>" for step in document.next_steps)
    return f'<h2>Next</h2>\n<ul class="next">{items}</ul>'


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
