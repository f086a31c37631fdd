"""The document of `verify`: what was compared, and what differs."""

from __future__ import annotations

import shlex
from dataclasses import replace

from migrate_cli.findings import HOLES
from migrate_cli.model import JsonObject, Result
from migrate_cli.report import chosen
from migrate_cli.report.brief import NAMED, brief
from migrate_cli.report.document import (
    EMPTY_SOURCE,
    Bar,
    Column,
    ReportDocument,
    Section,
    Table,
    TextComparison,
    TextPair,
    Tone,
    Trouble,
    counts,
    known_incomplete,
    objects,
    problems,
    state_option,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import duration, number, plural
from migrate_cli.report.source_words import source_words, target_words

OUTCOMES = {
    "=": "= identical",
    "-": "- missing in the target",
    "+": "+ only in the target",
    "*": "* differs",
    "!": "! could not be read",
}
PHRASES = {"-": "missing in the target", "+": "only in the target", "*": "different", "!": "could not be read"}
BESIDE = {"metadata": "metadata pair", "files": "file", "vector_stores": "vector store"}
"""What is compared beside items, each with the key that counts it."""
SHOWN = 100
COPIES = frozenset({"doubled-item"})
"""Codes of what is only in the target, and wrong anyway."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    data = result.data
    outcomes = counts(data, "outcomes")
    segments = tuple((OUTCOMES.get(sigil, sigil), count) for sigil, count in outcomes.items())
    sections: list[Section | None] = [
        Bar("Items", segments) if sum(outcomes.values()) else None,
        _threads(data),
        _differences(data),
        _side_by_side(data),
        _time(data),
    ]
    return ReportDocument(
        title="migrate-cli verify",
        headline=_verify_headline(data, outcomes) + _so_far(result),
        tone=_verify_tone(result),
        sections=(*(section for section in sections if section is not None), *problems(_not_told_yet(result))),
        next_steps=steps(result, *_after_verify(result)),
        brief=brief(_not_told_yet(result), (), *_different(data)),
    )


def _different(data: JsonObject) -> tuple[Trouble, ...]:
    """The differences by code, each with the first conversations that have it."""
    found: dict[str, list[JsonObject]] = {}
    for entry in objects(data, "differences"):
        found.setdefault(text(entry.get("code")), []).append(entry)
    return tuple(
        Trouble(
            "warning" if all(one.get("outcome") == "+" for one in met) and code not in COPIES else "error",
            code,
            len(met),
            _told(met[0]).partition(": ")[2],
            tuple(dict.fromkeys(text(one.get("thread_id")) for one in met))[:NAMED],
        )
        for code, met in found.items()
    )


def _not_told_yet(result: Result) -> Result:
    """The result without the errors of threads whose differences are in the table already."""
    told = {entry.get("thread_id") for entry in objects(result.data, "differences")[:SHOWN]} - {None}
    return replace(result, errors=[problem for problem in result.errors if problem.thread_id not in told])


def _verify_tone(result: Result) -> Tone:
    """What is only in the target may pass, but not unseen."""
    if result.exit_code == 4:
        return Tone.BAD
    tone = tone_of(result)
    if "nothing" in result.data and tone is Tone.GOOD:
        return Tone.MIXED
    extra = any(counts(result.data, key).get("+") for key in ("outcomes", *BESIDE))
    return Tone.MIXED if tone is Tone.GOOD and extra else tone


def _so_far(result: Result) -> str:
    if result.exit_code != 130:
        return chosen.not_selected(result.data)
    over = chosen.time_over(result.data)
    so_far = "his is only what was compared so far."
    return f"{over} T{so_far}" if over else f" The run was interrupted: t{so_far}"


def _verify_headline(data: JsonObject, outcomes: dict[str, int]) -> str:
    compared = sum(outcomes.values())
    beside = [part for key, one in BESIDE.items() if (part := _beside(counts(data, key), one))]
    bad = {sigil: count for sigil, count in outcomes.items() if sigil != "=" and count}
    if compared == 0 and not beside:
        return f"There was nothing to compare.{_why_nothing(data)}{_after_all(data)}"
    if not bad and not beside:
        return f"All {plural(compared, 'item')} are identical.{_after_all(data)}"
    named = [f"{number(count)} {PHRASES.get(sigil, sigil)}" for sigil, count in bad.items()]
    items = f"{number(outcomes.get('=', 0))} of {plural(compared, 'item')} are identical"
    items = items if bad else f"All {plural(compared, 'item')} are identical"
    return f"{'; '.join([items, *filter(None, [', '.join(named)]), *beside])}.{_after_all(data)}"


def _why_nothing(data: JsonObject) -> str:
    """Why no conversation was there to be compared, where that is the whole story."""
    if data.get("nothing") == "empty":
        return f" {EMPTY_SOURCE}"
    skipped = counts(data, "threads").get("skipped", 0)
    return f" {plural(skipped, 'thread')} skipped, because nothing in them could be sent." if skipped else ""


def _beside(outcomes: dict[str, int], one: str) -> str:
    """What is wrong with metadata or files, which are not counted as items."""
    bad = [
        f"{plural(count, one)} {PHRASES.get(sigil, sigil)}"
        for sigil, count in outcomes.items()
        if sigil != "=" and count
    ]
    return ", ".join(bad)


def _after_all(data: JsonObject) -> str:
    """What explains differences, and threads that there was nothing to compare with."""
    continued, threads = data.get("continued"), counts(data, "threads")
    said = ""
    if isinstance(continued, int) and continued:
        said = f" {plural(continued, 'conversation was', 'conversations were')} continued since."
    if repeated := data.get("repeated"):
        said += f" In {number(repeated)} of them, new items repeat the history: `resolve` shows them."
    if changed := threads.get("source_changed"):
        said += f" The source of {plural(changed, 'thread')} has changed since."
    if reread := threads.get("read_differently"):
        said += (
            f" This version reads {plural(reread, 'thread')} differently from the one that loaded "
            f"{'it' if reread == 1 else 'them'}: compared with what was sent then."
        )
    if away := threads.get("from_state"):
        which = "and was" if away == 1 else "and were"
        said += f" {plural(away, 'thread')} did not come from the source {which} compared with the state file's hashes."
    if waiting := threads.get("not_loaded"):
        said += f" {plural(waiting, 'thread')} {'is' if waiting == 1 else 'are'} not loaded."
    if unread := threads.get("unreadable"):
        said += f" {plural(unread, 'place')} in the source could not be read."
    if isinstance(images := data.get("images_by_presence"), int):
        said += (
            f" {plural(images, 'image')} by URL could only be checked for presence: the target does not return URLs."
        )
    if isinstance(unseen := data.get("items_not_compared"), int):
        said += f" {plural(unseen, 'item')} with such images could not be compared without the source."
    return said + known_incomplete(threads)


def _threads(data: JsonObject) -> Table | None:
    rows = [(name.replace("_", " "), number(count)) for name, count in counts(data, "threads").items()]
    if isinstance(data.get("continued"), int):
        rows.append(("continued since", number(data["continued"])))
    return Table("Threads", (Column(""), Column("count", numeric=True)), tuple(rows)) if rows else None


def _differences(data: JsonObject) -> Table | None:
    found = objects(data, "differences")
    if not found:
        return None
    rows = tuple(
        (*(text(entry.get(name)) for name in ("outcome", "thread_id", "position", "code")), _told(entry))
        for entry in found
    )
    columns = (
        Column("outcome"),
        Column("thread"),
        Column("item", numeric=True),
        Column("code"),
        Column("what differs"),
    )
    cut = data.get("differences_cut") or 0
    return Table("Differences", columns, rows, prose=True, most=SHOWN, unlisted=cut, what="difference")


def _told(entry: JsonObject) -> str:
    """`conv_…: content[0].text: differs at character 3: …`, as far as each of them is known."""
    return ": ".join(str(entry[name]) for name in ("conversation_id", "field", "detail") if entry.get(name))


def _side_by_side(data: JsonObject) -> TextComparison | None:
    """What the source says and what the conversation says, where they differ and texts were asked for."""
    rows = tuple(
        TextPair(_place(entry), entry.get("expected"), entry.get("got"))
        for entry in objects(data, "differences")[:SHOWN]
        if entry.get("expected") is not None or entry.get("got") is not None
    )
    return TextComparison("Side by side", "source", "conversation", rows) if rows else None


def _place(entry: JsonObject) -> str:
    place = "" if entry.get("position") is None else f", item {entry['position']}"
    return f"{text(entry.get('thread_id'))}{place}{', ' + str(entry['field']) if entry.get('field') else ''}"


def _time(data: JsonObject) -> Table | None:
    seconds = data.get("seconds")
    if not isinstance(seconds, int | float):
        return None
    return Table("Run", (Column(""), Column("")), (("time", duration(seconds)),))


def _after_verify(result: Result) -> tuple[str, ...]:
    data, held = result.data, state_option(result.data)
    if result.exit_code == 0:
        return (f"Write a suite to try the new setup with real prompts: migrate-cli replay --init{held}",)
    if result.exit_code == 4:
        differences = objects(data, "differences")
        named = (entry.get("thread_id") for entry in differences if entry.get("outcome") != "!")
        first = next((shlex.quote(str(one)) for one in named if one), None)
        if first is not None:
            return (f"See what differs, and settle it: migrate-cli resolve {first}{held}", *_after_doubles(result))
        if differences:
            again = f"migrate-cli verify{source_words(data)}{target_words(data)}{held} --failed"
            return (f"Look again at the conversations that could not be read: {again}",)
        return (f"See which threads differ: migrate-cli status{held}",)
    return _after_partial(result) if result.exit_code == 3 else ()


def _after_partial(result: Result) -> tuple[str, ...]:
    """What helps with threads that could not be compared, or are known not to be whole."""
    data, held = result.data, state_option(result.data)
    threads, states = counts(data, "threads"), {str(entry.get("state")) for entry in objects(data, "not_loaded")}
    where = f"{source_words(data)}{target_words(data)}{held}"
    again = f"migrate-cli apply{where} && migrate-cli verify{where}"
    found = []
    if doubtful := _first_in(data, "in_doubt"):
        found.append(f"Look at a thread in doubt, and settle it: migrate-cli resolve {shlex.quote(doubtful)}{held}")
    if "failed" in states:
        found.append(f"Retry failed threads, once the cause is removed: migrate-cli apply{where} --retry-failed")
    if states - {"in_doubt", "failed", "unknown"}:
        found.append(f"Load what is missing, then compare again: {again}")
    if threads.get("unreadable"):
        found.append(f"Fix or remove the entries that cannot be read, then load and compare again: {again}")
    hole = next((problem.code for problem in result.errors if problem.code in HOLES), None)
    if hole is not None:
        listed = f"migrate-cli report{held} --finding {hole}"
        found.append(f"Export the threads again of which messages are missing; these are they: {listed}")
    if threads.get("not_compared"):
        found.append(f"Compare with the source: migrate-cli verify{where}")
    return tuple(found) or (f"See where the migration stands: migrate-cli status{held}",)


def _first_in(data: JsonObject, state: str) -> str | None:
    """The first thread in a state of those that are not loaded."""
    return next((str(entry["thread_id"]) for entry in objects(data, "not_loaded") if entry.get("state") == state), None)


def _after_doubles(result: Result) -> tuple[str, ...]:
    """How to be rid of copies, where some were found."""
    found = objects(result.data, "differences")
    first = next((entry for entry in found if entry.get("code") == "doubled-item"), None)
    if first is None:
        return ()
    options = f"--drop-copies{state_option(result.data)}"
    return (f"Delete the duplicates: migrate-cli resolve {shlex.quote(first['thread_id'])} {options}",)
