"""The part of the HTML report that shows message texts: thread beside conversation, findings where they occurred.

Only called when contents were asked for. Reads `data["content"]`:
`[{thread_id, conversation_id, rows: [{position, message_id, source: {role, text}, target: [{kind, role, text}],
findings: [{code, severity, detail}]}]}]`; what is masked in the texts was masked before.
"""

from __future__ import annotations

import html

from migrate_cli.model import JsonObject
from migrate_cli.report.document import objects
from migrate_cli.report.escape import plural, visible, visible_block


def content_section(data: JsonObject) -> str:
    """Return the section, or nothing when the data holds no contents."""
    threads = objects(data, "content")
    if not threads:
        return ""
    cut = data.get("content_cut")
    note = f'<p class="note">{plural(cut, "thread")} more are not shown.</p>' if isinstance(cut, int) and cut else ""
    return "<h2>Contents</h2>\n" + "\n".join(_thread(thread) for thread in threads) + note


def _thread(thread: JsonObject) -> str:
    rows = objects(thread, "rows")
    found = sum(len(objects(row, "findings")) for row in rows)
    arrow = f" → {_text(thread['conversation_id'])}" if thread.get("conversation_id") else ""
    summary = f"{_text(thread.get('thread_id'))}{arrow} · {plural(len(rows), 'message')}, {plural(found, 'finding')}"
    return f"<details><summary>{summary}</summary>\n" + "\n".join(_row(row) for row in rows) + "\n</details>"


def _row(row: JsonObject) -> str:
    source = row.get("source")
    left = _said("thread", source) if isinstance(source, dict) else ""
    right = "".join(_said("conversation", item) for item in objects(row, "target"))
    found = "".join(
        f"<li><code>{_text(entry.get('code'))}</code> {_text(entry.get('severity'))}: {_text(entry.get('detail'))}</li>"
        for entry in objects(row, "findings")
    )
    below = f'<div class="found"><ul>{found}</ul></div>' if found else ""
    return f'<div class="pair"><div>{left}</div><div>{right}</div>{below}</div>'


def _said(side: str, part: JsonObject) -> str:
    names = " · ".join(_text(part[key]) for key in ("kind", "role") if part.get(key))
    text = html.escape(visible_block(part.get("text") or ""))
    return f'<span class="role"><span class="hidden-text">{side}: </span>{names}</span><p class="said">{text}</p>'


def _text(value: object) -> str:
    return html.escape(visible(value))
