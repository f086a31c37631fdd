"""The report for a person at a terminal: a sentence, a few aligned tables, the next command. Drawn with rich.

Without colour it is plain text. Ids and paths are wrapped, never cut. Nothing from outside may steer the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from typing import Any

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from migrate_cli.disk.plain import made_plain
from migrate_cli.model import Result
from migrate_cli.report.document import (
    Bar,
    Brief,
    Column,
    Fold,
    FoldList,
    Plain,
    ReportDocument,
    SentenceList,
    Table,
    TextComparison,
    TextPiece,
    Tone,
    build,
    visible_sections,
)
from migrate_cli.report.escape import NOTHING, number, percent, visible, visible_block
from migrate_cli.report.interface import View
from migrate_cli.report.plain import in_encoding, with_texts

TONES = {Tone.GOOD: ("✓", "green"), Tone.MIXED: ("!", "yellow"), Tone.BAD: ("✗", "red")}
FILLS = {"kept": ("█", "green"), "converted": ("▓", "cyan"), "noted": ("▒", "yellow"), "dropped": ("░", "red")}
OTHER_FILLS = (("█", "green"), ("▓", "cyan"), ("▒", "yellow"), ("░", "red"), ("▚", "magenta"))
WORDS = {
    "error": "red", "failed": "red", "failure": "red", "not judged": "red", "warning": "yellow", "differs": "yellow",
    "info": "dim",
}  # fmt: skip
"""Cells that are exactly one of these words are coloured."""
TROUBLES = {"error": ("✗", "red"), "warning": ("!", "yellow"), "info": ("·", "dim")}
NARROWEST = 40
_COMMAND = re.compile(r"`migrate-cli [^`]+`")
_BLANK = "\u2800"
"""Stands in for a blank while lines are laid out: as wide as one, and none to whoever breaks lines."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
SCREEN = 23
"""Lines of a terminal of the usual size, without that of the prompt."""
INDENT = 2
GAP = 2


def render(result: Result, view: View) -> str:
    """Return the report, no line longer than the view is wide; the short form as long as a screen, if it can be."""
    document = build(result)
    if document.verbatim is not None:
        return visible_block(document.verbatim).rstrip("\n") + "\n"
    document = with_texts(in_encoding(document, view.encoding), partial(_in_one_piece, width=view.width))
    lines = _drawn(document, view)
    while document.brief is not None and len(document.brief.troubles) > 1 and _height(lines, view) > SCREEN:
        if view.detailed:
            break
        document = replace(document, brief=document.brief.shorter())
        lines = _drawn(document, view)
    return "\n".join(lines) + "\n"


def _height(lines: list[str], view: View) -> int:
    """How many lines of the screen these take: a command that is too long for one takes several."""
    width = max(view.width, NARROWEST)
    return sum(max(1, -(-cell_len(_COLOUR.sub("", line)) // width)) for line in lines)


def _drawn(document: ReportDocument, view: View) -> list[str]:
    out = StringIO()
    console = Console(
        file=out,
        width=max(view.width, NARROWEST),
        force_terminal=view.colour,
        color_system="standard" if view.colour else None,
        no_color=not view.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _draw(console, document, view)
    return [line.rstrip() for line in made_plain(out.getvalue().replace(_BLANK, " "), view.encoding).splitlines()]


def _in_one_piece(text: str, width: int) -> str:
    """Return the text with other blanks in its commands, at which no line is broken; not in those that fill a line."""
    return _COMMAND.sub(lambda found: found[0].replace(" ", _BLANK) if len(found[0]) < width // 2 else found[0], text)


def _draw(console: Console, document: ReportDocument, view: View) -> None:
    sign, colour = TONES[document.tone]
    if document.notice is not None:
        console.print(Text(visible(document.notice), style="bold yellow", overflow="fold"))
    head = Grid.grid(padding=(0, 1))
    head.add_row(Text(sign, style=f"bold {colour}"), Text(visible(document.headline), style="bold", overflow="fold"))
    console.print(head)
    if document.about:
        facts = " · ".join(f"{fact.name} {fact.said()}" for fact in document.about)
        console.print(Padding(Text(visible(facts), style="dim", overflow="fold"), (0, 0, 0, INDENT)))
    if document.brief is not None and not view.detailed:
        _draw_brief(console, document, view)
        _draw_next(console, document.next_steps)
        return
    for section in visible_sections(document, with_content=view.with_content):
        if isinstance(section, Table) and section.reference and not view.detailed:
            continue
        console.print()
        if isinstance(section, FoldList):
            _draw_folds(console, section, view)
        elif isinstance(section, Fold):
            _draw_fold(console, section, view)
        else:
            _draw_section(console, section)
    _draw_next(console, document.next_steps)


def _draw_brief(console: Console, document: ReportDocument, view: View) -> None:
    """A few numbers and the worst problems; texts that were asked for follow whole."""
    brief = document.brief or Brief()
    for line in brief.facts:
        console.print(Padding(Text(visible(line), overflow="fold"), (0, 0, 0, INDENT)))
    if brief.troubles:
        console.print()
    for place, trouble in enumerate(brief.troubles):
        sign, colour = TROUBLES.get(trouble.severity, TROUBLES["warning"])
        head = Text.assemble((f"{sign} ", colour), (visible(trouble.code), "bold"), "  ")
        head.append(f"{number(trouble.count)}  " if trouble.count else "")
        head.append(visible(trouble.meaning), style="dim")
        # The worst one is told whole; of the others, as much as a line takes.
        if place and not brief.whole:
            head.truncate(console.width - INDENT, overflow="ellipsis")
        console.print(Padding(head, (0, 0, 0, INDENT)))
        if trouble.where:
            named = _fitting(trouble.where, trouble.count, console.width - 2 * INDENT)
            console.print(Padding(Text(visible(named), overflow="fold"), (0, 0, 0, 2 * INDENT)))
    for line in brief.more:
        _draw_step(console, Text(" " * INDENT), line)
    texts = (one for one in document.sections if isinstance(one, TextComparison) and view.with_content)
    for section in (*brief.asked, *texts):
        console.print()
        _draw_section(console, section)


def _fitting(names: tuple[str, ...], count: int, width: int) -> str:
    """As many of the names as one line takes, one at least, and whether there may be more."""
    for shown in range(len(names), 0, -1):
        rest = count - shown
        line = ", ".join(names[:shown]) + (" and others" if rest > 0 else "")
        if cell_len(line) <= width or shown == 1:
            return line
    return ""


def _draw_next(console: Console, steps: tuple[str, ...]) -> None:
    """What to do next; several steps are told apart by dashes, since each may take more than one line."""
    dash = "- " if len(steps) > 1 else ""
    for index, step in enumerate(steps):
        if index == 0:
            console.print()
        _draw_step(console, Text.assemble(("Next: " if index == 0 else " " * 6, "bold"), (dash, "dim")), step)


def _draw_step(console: Console, lead: Text, step: str) -> None:
    """A sentence with its command: on one line, or the command on a line of its own, which is never broken.

    A command that the report broke in two could not be pasted; the terminal itself may wrap it.
    """
    sentence, mark, command = visible(step).partition(": migrate-cli ")
    if not mark or lead.cell_len + cell_len(visible(step)) <= console.width:
        row = Grid.grid()
        row.add_row(lead, Text(visible(step), overflow="fold"))
        console.print(row)
        return
    row = Grid.grid()
    row.add_row(lead, Text(f"{sentence}:", overflow="fold"))
    console.print(row)
    console.print(Text(f"{' ' * lead.cell_len}migrate-cli {command}"), soft_wrap=True)


def _draw_folds(console: Console, folds: FoldList, view: View) -> None:
    """The first of many things, each under its name; whoever asks for details sees all."""
    shown = folds if view.detailed else folds.shortened()
    console.print(Text(visible(shown.title), style="bold"))
    for place, fold in enumerate(shown.folds):
        if place:
            console.print()
        _draw_fold(console, replace(fold, is_open=True), view)
    if shown.note:
        console.print(Padding(Text(visible(shown.note), style="dim"), (0, 0, 0, INDENT)))


def _draw_fold(console: Console, fold: Fold, view: View) -> None:
    """One thing under its name; what is folded away is named only, unless details are asked for."""
    title = Text(visible(fold.title), style="bold", overflow="fold")
    if fold.status:
        title.append(f"  {fold.status}", style=WORDS.get(fold.status, ""))
    if not fold.is_open and not view.detailed:
        console.print(title.append(" (-v lists them)", style="dim"))
        return
    console.print(title)
    for section in fold.sections:
        if section.title:
            console.print(Padding(Text(visible(section.title), style="dim bold"), (0, 0, 0, INDENT)))
        _draw_section(console, replace(section, title=""))


def _draw_section(console: Console, section: Plain) -> None:
    if section.title:
        console.print(Text(visible(section.title), style="bold"))
    if isinstance(section, Table):
        table = section.shortened()
        _draw_table(console, table)
        if table.note:
            console.print(Padding(Text(visible(table.note), style="dim"), (0, 0, 0, INDENT)))
    elif isinstance(section, Bar):
        _draw_bar(console, section)
    elif isinstance(section, TextComparison):
        _draw_pairs(console, section)
    else:
        _draw_lines(console, section)


def _draw_table(console: Console, table: Table) -> None:
    if table.prose:
        _draw_prose(console, table)
        return
    widths = column_widths(table, console.width - INDENT)
    aside = too_wide(table, console.width - INDENT) if widths is None else ()
    if aside:
        _draw_aside(console, table, aside)
        return
    drawn = _records(table, console.width - INDENT) if widths is None else _grid(table, widths)
    console.print(Padding(drawn, (0, 0, 0, INDENT)))


def _draw_prose(console: Console, table: Table) -> None:
    """Each row as a line, with the sentences of its last column below."""
    facts = Table("", table.columns[:-1], tuple(row[:-1] for row in table.rows))
    widths = column_widths(facts, console.width - INDENT)
    for index, row in enumerate(table.rows):
        one = Table("", facts.columns if index == 0 else tuple(_unnamed(facts)), (row[:-1],))
        drawn = _records(one, console.width - INDENT) if widths is None else _grid(one, widths)
        console.print(Padding(drawn, (0, 0, 0, INDENT)))
        console.print(Padding(Text(visible(row[-1]), style="dim", overflow="fold"), (0, 0, 0, 2 * INDENT)))


def too_wide(table: Table, available: int) -> tuple[int, ...]:
    """The columns, two at most, without which the others fit beside each other.

    None where that does not help, or where there is one row only, which reads best as a list of its fields.
    """
    if len(table.rows) < 2:
        return ()
    longest = [_least(cells) for cells in zip(_names(table), *table.rows, strict=True)]
    widest_first = sorted(range(len(longest)), key=lambda index: (-longest[index], index))
    for count in (1, 2):
        aside = tuple(sorted(widest_first[:count]))
        if len(longest) - count >= 2 and column_widths(_without(table, aside), available) is not None:
            return aside
    return ()


def _without(table: Table, aside: tuple[int, ...]) -> Table:
    def kept(cells: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(cell for index, cell in enumerate(cells) if index not in aside)

    return replace(table, columns=kept(table.columns), rows=tuple(kept(row) for row in table.rows))


def _draw_aside(console: Console, table: Table, aside: tuple[int, ...]) -> None:
    """Each row as a line, with its widest cells below, each after the name of its column."""
    narrow = _without(table, aside)
    widths = column_widths(narrow, console.width - INDENT) or []
    for index, row in enumerate(narrow.rows):
        one = Table("", narrow.columns if index == 0 else tuple(_unnamed(narrow)), (row,))
        console.print(Padding(_grid(one, widths), (0, 0, 0, INDENT)))
        for column in aside:
            line = Text.assemble((f"{table.columns[column].name} ", "dim"), _cell(table.rows[index][column]))
            console.print(Padding(line, (0, 0, 0, 2 * INDENT)))


def _unnamed(table: Table) -> Iterator[Column]:
    return (replace(column, name="") for column in table.columns)


def _grid(table: Table, widths: list[int]) -> Grid:
    headed = any(column.name for column in table.columns)
    grid = Grid(box=None, show_header=headed, header_style="dim", padding=(0, GAP, 0, 0), pad_edge=False)
    for column, width in zip(table.columns, widths, strict=True):
        justify: JustifyMethod = "right" if column.numeric else "left"
        grid.add_column(Text(visible(column.name)), justify=justify, overflow="fold", width=width)
    before: tuple[str, ...] = ()
    for row in table.rows:
        # A group is named once, on its first row.
        repeated = not _first_is_headed(table) and len(row) > 2 and before[:1] == row[:1]
        grid.add_row(*(_cell("" if repeated and index == 0 else cell) for index, cell in enumerate(row)))
        before = row
    return grid


def _first_is_headed(table: Table) -> bool:
    """Whether the first column holds values; without a heading it holds the names of groups."""
    return bool(table.columns[0].name)


def _cell(cell: str) -> Text:
    return Text(visible(cell), style=WORDS.get(cell, ""), overflow="fold")


def column_widths(table: Table, available: int) -> list[int] | None:
    """Share the width among the columns so that no word (an id, a path) is broken; None when that is impossible."""
    columns = [[visible(cell) for cell in cells] for cells in zip(_names(table), *table.rows, strict=True)]
    least = [_least(cells) for cells in columns]
    spare = available - GAP * len(columns)
    natural = [max(cell_len(cell) for cell in cells) for cells in columns]
    widths = [max(low, min(wanted, spare)) for low, wanted in zip(least, natural, strict=True)]
    if sum(least) > spare:
        return None
    while sum(widths) > spare:
        _, widest = max((width, index) for index, width in enumerate(widths) if width > least[index])
        widths[widest] -= 1
    return widths


def _least(cells: Iterable[str]) -> int:
    """The narrowest a column of these cells can be without breaking a word."""
    return max(cell_len(word) for cell in cells for word in (visible(cell).split() or [""]))


def _names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _records(table: Table, available: int) -> Grid:
    """The rows one below the other, each as `name  value` lines, for tables that are too wide for the terminal.

    Where the names leave too little room for some word, values stand below them.
    """
    names = [visible(column.name) for column in table.columns]
    longest = max(_least(cells) for cells in zip(*table.rows, strict=True)) if table.rows else 0
    beside = max(map(cell_len, names), default=0) + GAP + longest <= available
    grid = Grid(box=None, show_header=False, padding=(0, GAP if beside else 0, 0, 0), pad_edge=False)
    grid.add_column(style="dim" if beside else "", no_wrap=beside)
    if beside:
        grid.add_column(overflow="fold")
    for index, row in enumerate(table.rows):
        if index:
            grid.add_row("")
        for name, cell in zip(names, row, strict=True):
            if beside:
                grid.add_row(Text(name), _cell(cell))
            else:
                grid.add_row(Text(name, style="dim"))
                grid.add_row(Padding(_cell(cell), (0, 0, 0, INDENT)))
    return grid


def _draw_bar(console: Console, bar: Bar) -> None:
    width = min(console.width - 4, 60)
    line = Text("  ")
    for (name, _), cells in zip(bar.segments, shares([count for _, count in bar.segments], width), strict=True):
        fill, colour = _fill(bar, name)
        line.append(fill * cells, style=colour)
    console.print(line)
    grid = Grid.grid(padding=(0, GAP, 0, 0))
    for name, count in bar.segments:
        fill, colour = _fill(bar, name)
        label = Text.assemble((fill, colour), " ", visible(name))
        grid.add_row(label, Text(number(count), justify="right"), Text(percent(count, bar.total), justify="right"))
    console.print(Padding(grid, (0, 0, 0, INDENT)))


def _fill(bar: Bar, name: str) -> tuple[str, str]:
    names = [segment for segment, _ in bar.segments]
    return FILLS.get(name) or OTHER_FILLS[names.index(name) % len(OTHER_FILLS)]


def _draw_pairs(console: Console, pairs: TextComparison) -> None:
    half = (console.width - INDENT - GAP) // 2
    for index, row in enumerate(pairs.rows):
        if index:
            console.print()
        console.print(Padding(Text(visible(row.heading), style="dim", overflow="fold"), (0, 0, 0, INDENT)))
        grid = Grid(box=None, show_header=True, header_style="dim", padding=(0, GAP, 0, 0), pad_edge=False)
        marks = (("[-", "-]"), ("{+", "+}")) if row.by_words and console.no_color else (("", ""), ("", ""))
        sides = list(zip((pairs.left, pairs.right), row.pieces(), marks, strict=True))[row.is_alone :]
        for name, _, _ in sides:
            grid.add_column(name, width=None if row.is_alone else half - GAP, overflow="fold")
        grid.add_row(*(_pieced(pieces, mark) for _, pieces, mark in sides))
        console.print(Padding(grid, (0, 0, 0, 2 * INDENT)))


def _pieced(pieces: tuple[TextPiece, ...], mark: tuple[str, str]) -> Text:
    """A text in which the pieces that the other does not have stand out: by colour, or between marks without it."""
    if not pieces:
        return Text(NOTHING)
    begin, end = mark
    shown = Text()
    for piece in pieces:
        text = visible_block(piece.text)
        shown.append(*((f"{begin}{text}{end}", "bold yellow") if piece.differs else (text, "")))
    return shown


def _draw_lines(console: Console, section: SentenceList) -> None:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    if section.verbatim:
        text = Text(visible_block("\n".join(section.lines)), overflow="fold")
        console.print(Padding(text, (0, 0, 0, INDENT)))
        return
    for line in section.lines:
        grid.add_row(Text("-", style="dim"), Text(visible(line), overflow="fold"))
    console.print(Padding(grid, (0, 0, 0, INDENT)))


def shares(amounts: list[int], width: int) -> list[int]:
    """Split `width` cells by the amounts: they add up, and whatever is not zero gets at least one cell."""
    total = sum(amounts)
    if total <= 0 or width < len(amounts):
        return [0] * len(amounts)
    cells = [max(1, round(width * amount / total)) if amount > 0 else 0 for amount in amounts]
    while (excess := sum(cells) - width) != 0:
        largest = cells.index(max(cells))
        cells[largest] -= 1 if excess > 0 else -1
    return cells
