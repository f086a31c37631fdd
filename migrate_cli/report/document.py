"""A report as a small document: a headline, a few tables, next steps. All formats for people render this value.

`build` picks the builder for the result's command; a command without one gets the generic builder, so every command can
be rendered in every format. Pure. Texts in a document are raw: each renderer must escape them for its own format.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from itertools import takewhile
from typing import cast

from migrate_cli.model import JsonObject, Result, placed
from migrate_cli.report.escape import NOTHING, number, percent, plural

_COMMAND = re.compile(r"migrate-cli (?:map export|[a-z]+)")
_RUNS_THERE = frozenset(f"migrate-cli {name}" for name in ("apply", "verify", "replay"))
_LOOKS_THERE = frozenset(
    f"migrate-cli {name}" for name in ("status", "map", "map export", "doctor", "report", "resolve", "undo")
)
"""Commands that find the state file of a rehearsal by `--target sandbox`, and those that do by `--rehearsal`."""
EMPTY_SOURCE = "The source is empty: it holds no threads."
SHOWN_ERRORS = 50
"""Rows of the table of errors on a terminal and in Markdown; the other formats have all of them."""


class Tone(StrEnum):
    """How the headline should feel."""

    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and whether it holds numbers (set to the right)."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. Cells are formatted already, but not escaped."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str | None = None
    """One sentence under the table, such as how many rows were left out."""
    prose: bool = False
    """The last column holds sentences: a terminal shows them below their row, and has no heading for them."""
    reference: bool = False
    """To be looked up, not read: a terminal shows it only to those who ask for details."""
    most: int | None = None
    """Rows that a terminal and Markdown show; a page has all, in pages. None: all of them everywhere."""
    unlisted: int = 0
    """Rows that the result itself leaves out."""
    what: str = "row"
    """What one row is, for the sentence on those that are not shown."""
    content: bool = False
    """Holds texts of messages: only for those who asked for them."""
    anchors: tuple[str, ...] = ()
    """Where the first cell of each row leads on a page: the anchor of a fold, or nowhere where it is empty."""

    def shortened(self) -> Table:
        """The table as formats without pages show it, with a sentence on the rows that it leaves out."""
        rows = self.rows if self.most is None else self.rows[: self.most]
        cut = len(self.rows) - len(rows) + self.unlisted
        note = " ".join(filter(None, (self.note, cut_note(len(rows), cut, self.what)))) or None
        return replace(self, rows=rows, most=None, unlisted=0, note=note)


@dataclass(frozen=True, slots=True)
class Bar:
    """Shares of a whole, drawn as one horizontal bar."""

    title: str
    segments: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The whole."""
        return sum(count for _, count in self.segments)

    def as_table(self) -> Table:
        """The same as rows, for formats that do not draw."""
        rows = tuple((name, number(count), percent(count, self.total)) for name, count in self.segments)
        return Table(self.title, (Column(""), Column("count", numeric=True), Column("share", numeric=True)), rows)


@dataclass(frozen=True, slots=True)
class SentenceList:
    """A titled list of sentences."""

    title: str
    lines: tuple[str, ...]
    verbatim: bool = False
    """The lines are of one text, in which the blanks that lines begin with tell something."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of one of two texts that stand side by side."""

    text: str
    differs: bool = False
    """The other text does not have it."""


@dataclass(frozen=True, slots=True)
class TextPair:
    """One text as it was sent, and as it was found; None where one of them does not exist."""

    heading: str
    left: str | None
    right: str | None
    by_words: bool = False
    """The texts are two answers: every word that differs is told. Else they are copies, with one place that differs."""

    @property
    def is_alone(self) -> bool:
        """An answer to which none was expected: it stands beside nothing."""
        return self.by_words and self.left is None

    def pieces(self) -> tuple[tuple[TextPiece, ...], tuple[TextPiece, ...]]:
        """Both texts in pieces, each shared by both or not; no pieces for one that does not exist."""
        if self.left is None or self.right is None:
            return _whole(self.left), _whole(self.right)
        if self.by_words:
            from migrate_cli.report.words import differing_words  # noqa: PLC0415 - only where answers are shown

            one, other = differing_words(self.left, self.right)
            return _pieces(one), _pieces(other)
        begin = _shared(self.left, self.right)
        end = _shared(self.left[begin:][::-1], self.right[begin:][::-1])
        return _parted(self.left, begin, end), _parted(self.right, begin, end)


def _pieces(found: list[tuple[str, bool]]) -> tuple[TextPiece, ...]:
    return tuple(TextPiece(text, differs) for text, differs in found)


def _whole(text: str | None) -> tuple[TextPiece, ...]:
    """A text that stands alone."""
    return (TextPiece(text),) if text else ()


def _parted(text: str, begin: int, end: int) -> tuple[TextPiece, ...]:
    """A text of which so many characters are shared at its beginning and at its end."""
    middle = len(text) - end
    pieces = (TextPiece(text[:begin]), TextPiece(text[begin:middle], differs=True), TextPiece(text[middle:]))
    return tuple(piece for piece in pieces if piece.text)


def _shared(one: str, other: str) -> int:
    """How many characters two texts share at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@dataclass(frozen=True, slots=True)
class TextComparison:
    """Texts side by side, for those who asked for contents."""

    title: str
    left: str
    """What stands on the left, such as `source`."""
    right: str
    rows: tuple[TextPair, ...]


Plain = Table | Bar | SentenceList | TextComparison
"""A section that holds no others."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Sections on one thing, under its name: open where it matters, closed where nobody has to look."""

    title: str
    sections: tuple[Plain, ...]
    status: str = ""
    """A word on how it ended, such as `failed`."""
    is_open: bool = True
    anchor: str = ""
    """What tables of the same document call it, to lead to it on a page."""


@dataclass(frozen=True, slots=True)
class FoldList:
    """Many folds of one kind, such as the cases that failed."""

    title: str
    folds: tuple[Fold, ...]
    most: int
    """Folds that a terminal and Markdown show; a page has all."""
    what: str
    unlisted: int = 0

    def shortened(self) -> FoldList:
        """The list as formats without pages show it."""
        kept = self.folds[: self.most]
        return replace(self, folds=kept, unlisted=self.unlisted + len(self.folds) - len(kept))

    @property
    def note(self) -> str | None:
        """A sentence on the folds that are not shown."""
        return cut_note(len(self.folds), self.unlisted, self.what)


Section = Plain | Fold | FoldList


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of problem: how bad it is, how often it occurs, what it is, and the first threads that have it."""

    severity: str
    code: str
    count: int
    """0 for what cannot be there more than once."""
    meaning: str
    where: tuple[str, ...] = ()
    """Up to five threads, or places in the source."""


@dataclass(frozen=True, slots=True)
class Brief:
    """The short form of a report."""

    facts: tuple[str, ...] = ()
    """Lines of a few numbers."""
    troubles: tuple[Trouble, ...] = ()
    """The worst kinds of problem, worst first."""
    hidden: int = 0
    """Kinds of problem that are not shown."""
    notes: int = 0
    """Kinds of finding that are no problem; none of them is shown."""
    listing: str = ""
    """The command that lists all threads of a problem that is shown; empty where there is none."""
    asked: tuple[Plain, ...] = ()
    """Sections that a person asked for by an option."""
    whole: bool = False
    """Every problem is told whole: there are few. Else only the worst, and of the others what a line takes."""

    @property
    def more(self) -> tuple[str, ...]:
        """What was left out, and how it is shown, in lines."""
        kinds, notes = self.hidden, self.notes
        rest = [f"{kinds} more {'kind' if kinds == 1 else 'kinds'} of problem"] if kinds else []
        rest += [f"{notes} {'kind' if notes == 1 else 'kinds'} of note"] if notes else []
        lines = [f"{' and '.join(rest)}: add -v, or --report report.html"] if rest else []
        return (*lines, *([f"All threads of a finding: {self.listing}"] if self.listing else []))

    def shorter(self) -> Brief:
        """The same without the last of its problems, which is counted with those that are not shown."""
        return replace(self, troubles=self.troubles[:-1], hidden=self.hidden + 1)


@dataclass(frozen=True, slots=True)
class AboutFact:
    """What a reader must know of a run before its numbers, such as its mode and what that means."""

    name: str
    value: str
    meaning: str = ""

    def said(self) -> str:
        """The value with its meaning: `copy (in a copy of each conversation)`."""
        return f"{self.value} ({self.meaning})" if self.meaning else self.value


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A whole report."""

    title: str
    headline: str
    tone: Tone
    sections: tuple[Section, ...]
    next_steps: tuple[str, ...] = ()
    verbatim: str | None = None
    """When set, the text format is exactly this (a settings file, generated code), so that it can be piped on."""
    lead: int = 0
    """So many sections carry the verdict: a page shows them before its charts."""
    brief: Brief | None = None
    """What a terminal shows in place of the sections, unless details are asked for."""
    notice: str | None = None
    """What must be read before anything else, such as that this was a rehearsal."""
    about: tuple[AboutFact, ...] = ()
    """What was run, for those who see nothing but the report: every format has it at its head."""


Builder = Callable[[Result], ReportDocument]

BUILDERS: dict[str, str] = {
    "plan": "migrate_cli.report.migration",
    "apply": "migrate_cli.report.migration",
    "verify": "migrate_cli.report.checks",
    "replay": "migrate_cli.report.replay",
    "status": "migrate_cli.report.status",
    "map": "migrate_cli.report.mapping",
    "assistants": "migrate_cli.report.assistants",
    "doctor": "migrate_cli.report.doctor",
    "report": "migrate_cli.report.runs",
    "undo": "migrate_cli.report.undo",
    "resolve": "migrate_cli.report.resolve",
    "recover": "migrate_cli.report.conversations",
}
"""Which module's `build` makes the document of which command; all others are generic."""

BY_KEY = {"explained": "migrate_cli.report.explained", "orphan_list": "migrate_cli.report.conversations"}
"""Data by which results of several commands are laid out alike."""

REHEARSAL = "Rehearsal: all of this is in the embedded sandbox, and none of it at the target."
NEEDED: dict[str, tuple[str, ...]] = {
    "migrate_cli.report.migration": ("threads",),
    "migrate_cli.report.checks": ("outcomes",),
    "migrate_cli.report.replay": ("cases",),
    "migrate_cli.report.status": ("threads",),
    "migrate_cli.report.mapping": ("rows",),
    "migrate_cli.report.assistants": ("assistants",),
    "migrate_cli.report.doctor": ("checks",),
    "migrate_cli.report.runs": ("runs",),
    "migrate_cli.report.undo": ("would_delete",),
    "migrate_cli.report.conversations": ("threads", "orphan_list"),
}
"""Data of which a builder needs one key: a command that ended before its work has only errors to show."""


def build(result: Result) -> ReportDocument:
    """Return the document of any result."""
    own = next((module for key, module in BY_KEY.items() if key in result.data), None)
    name = own or BUILDERS.get(result.command)
    if name is None or not any(key in result.data for key in NEEDED.get(name, result.data)):
        name = "migrate_cli.report.generic"
    document = cast(Builder, import_module(name).build)(result)
    return replace(document, notice=REHEARSAL) if result.data.get("rehearsal") is True else document


def tone_of(result: Result) -> Tone:
    """Good for exit 0, mixed for a partial run or an interrupted one, bad otherwise."""
    if result.exit_code == 0:
        return Tone.GOOD
    return Tone.MIXED if result.exit_code in (3, 5, 130) else Tone.BAD


def problems(result: Result) -> tuple[Section, ...]:
    """The result's errors as a section, without those that stand among the unreadable places already."""
    told = {placed(str(entry.get("origin")), str(entry.get("detail"))) for entry in objects(result.data, "unreadable")}
    errors = [problem for problem in result.errors if problem.message not in told]
    if not errors:
        return ()
    if all(problem.thread_id is None for problem in errors):
        return (SentenceList("Errors", tuple(f"{problem.code}: {problem.message}" for problem in errors)),)
    rows = tuple((problem.thread_id or NOTHING, problem.code, problem.message) for problem in errors)
    columns = (Column("thread"), Column("code"), Column("what happened"))
    return (Table("Errors", columns, rows, most=SHOWN_ERRORS, what="error"),)


def steps(result: Result, *computed: str) -> tuple[str, ...]:
    """The next steps that the command named (`data["next"]`, text or list); else those computed here.

    Commands in them take the settings from the file that this command took them from.
    """
    named = result.data.get("next")
    if isinstance(named, str):
        computed = (named,)
    elif isinstance(named, list):
        computed = tuple(str(step) for step in named)
    files = (("--config", result.data.get("config")), ("--env-file", result.data.get("env_file")))
    option = "".join(f" {flag} {shlex.quote(str(file))}" for flag, file in files if file is not None)
    there = (_with_state(step, result.data) for step in computed)
    return tuple(_COMMAND.sub(lambda found: found[0] + option, step) for step in there)


def parted(step: str) -> tuple[str, str | None]:
    """Return what a next step does, with its colon, and the command that does it, which ends the step; or None."""
    what, found, command = step.partition(": migrate-cli ")
    return (f"{what}:", f"migrate-cli {command}") if found else (step, None)


def _with_state(step: str, data: JsonObject) -> str:
    """A step with the options by which its commands take the state file that it comes from."""
    state, rehearsal = state_option(data), data.get("rehearsal") is True

    def with_options(found: re.Match[str]) -> str:
        runs, looks = found[0] in _RUNS_THERE, found[0] in _LOOKS_THERE
        target = " --target sandbox" if rehearsal and runs and "--target sandbox" not in step else ""
        if not (runs or looks) or "--state" in step or "--rehearsal" in step:
            return found[0] + target
        return found[0] + target + (state or (" --rehearsal" if rehearsal and looks else ""))

    return _COMMAND.sub(with_options, step)


def pilot_stopped(data: JsonObject) -> str:
    """That the pilot stopped a run, and at which thread; empty where it did not."""
    pilot = data.get("pilot")
    if not isinstance(pilot, dict) or not pilot.get("stopped_by"):
        return ""
    return f" The pilot stopped the run: {pilot['stopped_by']} does not read back as sent."


def state_option(data: JsonObject) -> str:
    """The state file as a command takes it, with a space before it; empty where it is the usual one."""
    state = str(data.get("state") or "")
    usual = ("", "migration.rehearsal.db" if data.get("rehearsal") else "migration.db")
    return f" --state {shlex.quote(state)}" if state not in usual else ""


def seen(section: Section, *, with_content: bool) -> Section | None:
    """A section as a reader may see it who did, or did not, ask for texts of messages; None where nothing is left."""
    if isinstance(section, TextComparison) or (isinstance(section, Table) and section.content):
        return section if with_content else None
    if isinstance(section, Fold):
        inner = (seen(one, with_content=with_content) for one in section.sections)
        return replace(section, sections=tuple(cast(Plain, one) for one in inner if one is not None))
    if isinstance(section, FoldList):
        folds = (cast(Fold, seen(fold, with_content=with_content)) for fold in section.folds)
        return replace(section, folds=tuple(folds))
    return section


def visible_sections(document: ReportDocument, *, with_content: bool) -> list[Section]:
    """The sections of a document for such a reader."""
    found = (seen(section, with_content=with_content) for section in document.sections)
    return [section for section in found if section is not None]


def counts(data: JsonObject, key: str) -> dict[str, int]:
    """The integers under a key of the data; empty when it is absent or of another form."""
    found = data.get(key)
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, int) and not isinstance(value, bool)}


def known_incomplete(threads: Mapping[str, int]) -> str:
    """The sentence of a headline about threads that the source does not give whole; empty where there are none."""
    count = threads.get("incomplete", 0)
    return f" Of {plural(count, 'thread')}, messages are known to be missing in the source." if count else ""


def objects(data: JsonObject, key: str) -> list[JsonObject]:
    """The objects in a list of the data; empty when it is absent or of another form."""
    found = data.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def cut_note(shown: int, cut: object, what: str) -> str | None:
    """Say how many rows are not shown, if any."""
    if not isinstance(cut, int) or cut <= 0:
        return None
    return f"{plural(cut, what)} more, not shown here: the first {shown:,} are."


def text(value: object) -> str:
    """A cell: a dash for nothing."""
    return NOTHING if value is None or value == "" else str(value)
