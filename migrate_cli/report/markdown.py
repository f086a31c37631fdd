"""The report as Markdown, for a pull request or the summary of a CI job.

GitHub's dialect. Text from outside is escaped: it must not start a heading, a table cell, a tag or a mention.
"""

from __future__ import annotations

import html
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

from migrate_cli.disk.output import open_for_writing
from migrate_cli.model import Result
from migrate_cli.report.document import (
    Bar,
    Fold,
    FoldList,
    Section,
    SentenceList,
    Table,
    TextComparison,
    TextPiece,
    Tone,
    build,
    parted,
    visible_sections,
)
from migrate_cli.report.escape import NOTHING, plural, visible, visible_block
from migrate_cli.report.interface import View
from migrate_cli.report.made import made_line

SUMMARY_LIMIT = 1024 * 1024
"""Bytes that GitHub accepts as the summary of one step."""
FOLD_AFTER = 25
"""Tables with more rows start folded."""

_SIGNS = {Tone.GOOD: "✅", Tone.MIXED: "⚠️", Tone.BAD: "❌"}
_SPECIAL = re.compile(r"([\\`*_\[\]#+!|~])")
_ENDS_CODE = re.compile(r"[`<>|\n]")
_MENTION = re.compile(r"@(?=\w)")

_log = logging.getLogger(__name__)


def render(result: Result, view: View) -> str:
    """Return the report, with a heading of level 2."""
    document = build(result)
    notice = [] if document.notice is None else [f"> ⚠️ **{escape(document.notice)}**"]
    blocks = [*notice, f"## {escape(document.title)}", f"{_SIGNS[document.tone]} **{escape(document.headline)}**"]
    facts = " · ".join(f"{fact.name} {fact.said()}" for fact in document.about)
    blocks += [escape(line) for line in (facts, made_line(result)) if line]
    if document.verbatim is not None:
        blocks.append(_fence(visible_block(document.verbatim)))
    if document.next_steps:
        blocks.append("**Next**\n\n" + "\n".join(f"- {_step(step)}" for step in document.next_steps))
    blocks += [_section(section) for section in visible_sections(document, with_content=view.with_content)]
    return "\n\n".join(blocks) + "\n"


def escape(value: object) -> str:
    """Return one line of Markdown that shows the text as it is."""
    text = html.escape(visible(value), quote=False)
    return _MENTION.sub("@&#8203;", _SPECIAL.sub(r"\\\1", text))


def _step(step: str) -> str:
    """A next step with its command as code, to be copied; one with signs that could end the code stays text."""
    what, command = parted(step)
    return escape(step) if command is None or _ENDS_CODE.search(command) else f"{escape(what)} `{visible(command)}`"


def _fence(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text.rstrip()}\n{ticks}"


def _section(section: Section) -> str:
    if isinstance(section, FoldList):
        shown = section.shortened()
        blocks = [f"### {escape(section.title)}", *(_fold(fold) for fold in shown.folds)]
        return "\n\n".join([*blocks, escape(shown.note)] if shown.note else blocks)
    if isinstance(section, Fold):
        return _fold(section)
    if isinstance(section, Table):
        table = section.shortened()
        body = _table(table)
        if len(table.rows) > FOLD_AFTER:
            return _folded(f"{section.title or 'Table'}: {plural(len(table.rows), 'row')}", body)
    elif isinstance(section, Bar):
        body = _table(section.as_table())
    elif isinstance(section, TextComparison):
        body = _pairs(section)
    else:
        body = _lines(section)
    return f"### {escape(section.title)}\n\n{body}" if section.title else body


def _fold(fold: Fold) -> str:
    """One thing that can be opened; what matters is open already."""
    title = f"{fold.title} ({fold.status})" if fold.status else fold.title
    return _folded(title, "\n\n".join(_section(section) for section in fold.sections), is_open=fold.is_open)


def _folded(title: str, body: str, *, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    shown = _MENTION.sub("@&#8203;", html.escape(visible(title), quote=False))
    return f"<details{opened}><summary>{shown}</summary>\n\n{body}\n\n</details>"


def _table(table: Table) -> str:
    lines = [
        _row(tuple(escape(column.name) or " " for column in table.columns)),
        _row(tuple("--:" if column.numeric else ":--" for column in table.columns)),
        *(_row(tuple(escape(cell) for cell in row)) for row in table.rows),
    ]
    if table.note:
        lines += ["", escape(table.note)]
    return "\n".join(lines)


def _pairs(pairs: TextComparison) -> str:
    """A row for each pair; the left column is there for those that have two sides."""
    first = int(all(row.is_alone for row in pairs.rows))
    place = "question" if any(row.by_words for row in pairs.rows) else "where"
    names = (place, *(pairs.left, pairs.right)[first:])
    rows = [_row(tuple(escape(name) for name in names)), _row((":--",) * len(names))]
    for row in pairs.rows:
        sides = [_pieced(side, bold=row.by_words) for side in row.pieces()]
        sides[0] = " " if row.is_alone else sides[0]
        rows.append(_row((escape(row.heading), *sides[first:])))
    return "\n".join(rows)


def _pieced(pieces: tuple[TextPiece, ...], *, bold: bool) -> str:
    """A text in one line; what the other text does not have is bold where that is asked for."""
    if not pieces:
        return NOTHING
    if not bold:
        return escape("".join(piece.text for piece in pieces))
    shown = ((piece.differs and piece.text.strip(), _inside(piece.text)) for piece in pieces)
    return "".join(f"<b>{text}</b>" if marked else text for marked, text in shown).strip()


def _inside(text: str) -> str:
    """A piece of a line, with a blank where it begins or ends in one."""
    return f"{' ' if text[:1].isspace() else ''}{escape(text)}{' ' if text.strip() and text[-1:].isspace() else ''}"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(section: SentenceList) -> str:
    if section.verbatim:
        return _fence(visible_block("\n".join(section.lines)))
    return "\n".join(f"- {escape(line)}" for line in section.lines)


def write_step_summary(text: str, environ: Mapping[str, str] | None = None) -> bool:
    """Append the Markdown to the file that `$GITHUB_STEP_SUMMARY` names; False when it is not set or not writable.

    A summary that cannot be written is logged and never fails the command.
    """
    name = (os.environ if environ is None else environ).get("GITHUB_STEP_SUMMARY")
    if not name:
        return False
    path = Path(name)
    try:
        used = path.stat().st_size if path.exists() else 0
        descriptor = open_for_writing(path, os.O_APPEND, mode=0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(cut_to_bytes(text, SUMMARY_LIMIT - used))
    except OSError as error:
        _log.warning("The summary at GITHUB_STEP_SUMMARY was not written: %s.", error.strerror or error)
        return False
    return True


def cut_to_bytes(text: str, limit: int) -> str:
    """Return the text, or as many of its lines as fit in `limit` bytes of UTF-8 with a sentence on what was cut."""
    lines = text.splitlines(keepends=True)
    sizes = [len(line.encode("utf-8", "backslashreplace")) for line in lines]
    if sum(sizes) < limit:
        return text
    # The sentence, the ends of folds within each other, and room for the numbers in it.
    room, kept, used = limit - 250, 0, 0
    while kept < len(lines) and used + sizes[kept] <= room:
        used += sizes[kept]
        kept += 1
    if kept == 0:
        return ""
    shown = "".join(lines[:kept])
    closing = "\n</details>\n" * max(0, shown.count("<details") - shown.count("</details>"))
    cut = f"{plural(len(lines) - kept, 'line')} ({plural(sum(sizes[kept:]), 'byte')})"
    return f"{shown}{closing}\n**Truncated**: {cut} more did not fit; `--output json` has everything.\n"
