"""The document of `plan` and `apply`: what was read, what became of it, what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Result
from migrate_cli.report import chosen
from migrate_cli.report.brief import brief
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.document import (
    EMPTY_SOURCE,
    Bar,
    Brief,
    Column,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    Tone,
    counts,
    known_incomplete,
    objects,
    pilot_stopped,
    problems,
    state_option,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import NOTHING, duration, enumerated, number, percent, plural
from migrate_cli.report.source_words import source_alone, source_words, target_words
from migrate_cli.report.unread import SHOWN, not_read_line, unreadable_table

FATES = ("kept", "converted", "noted", "dropped")
_FEW = 5
"""Fields that a headline names."""
_WITH_UNITS = frozenset({("estimate", "seconds"), ("estimate", "requests_per_minute")})
"""Counts that the table of the estimate shows."""


def build(result: Result) -> ReportDocument:
    """Return the document; every part of it is left out when the data has nothing to say on it."""
    data = result.data
    planning = result.command == "plan"
    sections: list[Section | None] = [
        _overview(data, planning=planning),
        _estimate(data) if planning else None,
        _against(data) if planning else None,
        _parts(data),
        _findings(data),
        _aside(data),
        unreadable_table(data, data.get("unreadable_cut") or 0),
        *_outlines(data),
        _reading(data),
        _carried(data),
        _shapes(data) if planning else None,
        _run(result),
    ]
    return ReportDocument(
        title=f"migrate-cli {result.command}",
        headline=_plan_headline(result) if planning else _apply_headline(result),
        tone=_tone(result),
        sections=(*(section for section in sections if section is not None), *problems(result)),
        next_steps=steps(result, *(_after_plan(result) if planning else _after_apply(result))),
        brief=_brief(result, planning=planning),
    )


def _brief(result: Result, *, planning: bool) -> Brief:
    """Nothing but the headline where nothing was sent and nothing is wrong: the report of that was read before."""
    data = result.data
    if not planning and data.get("writes") == 0 and result.exit_code == 0:
        return Brief()
    parts = counts(data, "parts")
    fates = " · ".join(f"{number(parts.get(fate, 0))} {fate}" for fate in FATES)
    facts = [f"{plural(parts['read'], 'part')}: {fates}" if parts.get("read") else ""]
    run = dict(_run_facts(result))
    facts += [
        f"Shard {run['shard']}" if "shard" in run else "",
        not_read_line(data),
        _left_out(data),
        _stores_line(data, planning=planning),
    ]
    if planning:
        facts.append(_estimate_line(data))
    elif isinstance(data.get("seconds"), int | float):
        rate = f" at {run['pace']}" if "pace" in run else ""
        facts.append(f"{run['time']}{rate} · state in {run.get('state file', NOTHING)} · run {run.get('run', NOTHING)}")
    rehearsal = " --rehearsal" if data.get("rehearsal") and not state_option(data) else ""
    listing = "" if planning else f"migrate-cli report{rehearsal}{state_option(data)} --finding"
    asked = (_against(data), _estimate(data) if _was_asked_for(data) else None) if planning else ()
    if data.get("nothing") == "unreadable":
        asked = (*asked, *_outlines(data)[:1])
    return brief(result, facts, listing=listing, asked=asked)


def _left_out(data: JsonObject) -> str:
    """The first fields that nothing carries, in the records and beside them."""
    entries = objects(data, "reading")
    inside = (counts(one["fields"], "set_aside") for one in entries if isinstance(one.get("fields"), dict))
    names = dict.fromkeys(name for met in (*inside, *(counts(one, "frame") for one in entries)) for name in met)
    named = ", ".join(list(names)[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
    return f"Fields left out: {named}" if names else ""


def _stores_line(data: JsonObject, *, planning: bool) -> str:
    """What becomes, or would become, of vector stores; empty where none are rebuilt."""
    found = counts(data, "vector_stores")
    if not found:
        return ""
    if planning:
        files = f"{plural(found.get('files', 0), 'file')} of {number(found.get('bytes', 0))} bytes"
        return f"{plural(found.get('stores', 0), 'vector store')} to rebuild, with {files}"
    stores = [f"{number(count)} {name.replace('_', ' ')}" for name, count in found.items() if "files" not in name]
    indexed = plural(found.get("files_completed", 0), "file")
    return f"Vector stores: {' · '.join(stores)}, with {indexed} that can be searched"


def _was_asked_for(data: JsonObject) -> bool:
    """Whether the estimate says more than a plan says unasked."""
    found = data.get("estimate")
    return isinstance(found, dict) and any(name in found for name in ("seconds", "window"))


def _estimate_line(data: JsonObject) -> str:
    found = data.get("estimate")
    if not isinstance(found, dict) or not isinstance(found.get("requests"), int):
        return ""
    target = data.get("target")
    where = target.get("base_url") if isinstance(target, dict) else None
    tokens = counts(found, "tokens").get("total")
    size = f" · about {number(tokens)} tokens" if tokens else ""
    return f"{plural(found['requests'], 'request')} to {where or 'the target'}{size}"


def _tone(result: Result) -> Tone:
    tone = tone_of(result)
    if "nothing" in result.data or counts(result.data, "threads").get("total", 0) == 0:
        return Tone.BAD if tone is Tone.BAD else Tone.MIXED
    lossy = counts(result.data, "parts").get("dropped") or objects(result.data, "unreadable")
    return Tone.MIXED if tone is Tone.GOOD and lossy else tone


def _plan_headline(result: Result) -> str:
    data = result.data
    threads, messages, parts = counts(data, "threads"), counts(data, "messages"), counts(data, "parts")
    total, skipped = threads.get("total", 0), threads.get("skipped", 0)
    if total == 0 or "nothing" in data:
        return _nothing(data)
    ready = total - skipped - threads.get("failed", 0)
    sentence = (
        f"{plural(ready, 'thread')} with {plural(messages.get('read', 0), 'message')} can be migrated, as "
        f"{plural(messages.get('items', 0), 'conversation item')}."
    )
    unread = threads.get("unreadable", 0)
    if unread:
        sentence += f" {plural(unread, 'entry', 'entries')} of the source cannot be read."
    sentence += known_incomplete(threads) + chosen.not_selected(data)
    return f"{sentence} {_fate_sentence(data, parts)} Nothing was sent.{_checked(result)}"


def _nothing(data: JsonObject) -> str:
    """Why there is nothing to report on: an empty source, one of which nothing can be carried over, unknown ids."""
    threads = counts(data, "threads")
    total, skipped, unread = (threads.get(name, 0) for name in ("total", "skipped", "unreadable"))
    if threads.get("unknown"):
        return "None of the requested threads is in the source."
    if total == 0:
        if (none := chosen.none_selected(data)) is not None:
            return none
        if "shard" in data:
            return "No thread of the source belongs to this part."
        return EMPTY_SOURCE
    if unread == total:
        return f"Nothing of the source was read: {plural(unread, 'entry', 'entries')} cannot be read. Nothing was sent."
    messages = counts(data, "messages").get("read", 0)
    why = f"none of {plural(messages, 'message')} can be sent" if messages else "they hold no messages"
    sentence = f"No thread can be migrated: {plural(skipped, 'thread')} skipped, since {why}."
    if unread:
        sentence += f" {plural(unread, 'entry', 'entries')} of the source cannot be read."
    return f"{sentence} Nothing was sent."


def _checked(result: Result) -> str:
    """What came of `plan --check`, where it was asked for."""
    if "blocking" not in result.data:
        return ""
    return " The check failed." if result.exit_code == ExitCode.CHECK_FAILED else " The check passed."


def _frames(data: JsonObject) -> str:
    """That files have fields beside their records, which nothing carries."""
    names = sorted({name for entry in objects(data, "reading") for name in counts(entry, "frame")})
    named = ", ".join(names[:_FEW]) + (" …" if len(names) > _FEW else "")
    return f"; what files hold besides them is left out: {named}" if names else ""


def _fate_sentence(data: JsonObject, parts: dict[str, int]) -> str:
    read, dropped = parts.get("read", 0), parts.get("dropped", 0)
    if read == 0:
        return "There are no parts to carry over."
    if parts.get("kept", 0) == read:
        return f"All {plural(read, 'part')} keep their form{_frames(data)}."
    if dropped == 0:
        return (
            f"Of {plural(read, 'part')}, {percent(parts.get('kept', 0), read)} keep their form and nothing is dropped."
        )
    return f"Of {plural(read, 'part')}, {number(dropped)} ({percent(dropped, read)}) would be dropped."


def _apply_headline(result: Result) -> str:
    data = result.data
    threads = counts(data, "threads")
    failed, doubt = threads.get("failed", 0), threads.get("in_doubt", 0)
    differing, gone, silent = (threads.get(name, 0) for name in ("differs", "gone", "unread"))
    where = _where(data)
    if threads.get("total", 0) == 0 or "nothing" in data:
        return f"No thread was reached.{chosen.time_over(data)}" if "reached" in data else _nothing(data)
    unread = threads.get("unreadable", 0)
    if data.get("writes") == 0 and not (failed > unread or doubt or differing or gone or silent or "reached" in data):
        did = "written" if counts(data, "requests").get("sent") else "sent"
        there = f"{_loaded(threads, data)}{where}.{known_incomplete(threads)}"
        all_of_it = "everything that can be read" if unread else "everything"
        told = f" {plural(unread, 'entry', 'entries')} of the source could not be read." if unread else ""
        return f"Nothing was {did}: {all_of_it} is already there. {there}{told}{chosen.not_selected(data)}"
    sentence = f"{_loaded(threads, data)}{where}.{_reached(data)}"
    aside = [plural(failed - unread, "thread") + " failed"] if failed > unread else []
    aside += [f"{plural(unread, 'entry', 'entries')} of the source could not be read"] if unread else []
    aside += [f"{plural(doubt, 'thread')} {'is' if doubt == 1 else 'are'} in doubt"] if doubt else []
    differ = "differs" if differing == 1 else "differ"
    aside += [f"{plural(differing, 'thread')} {differ} from the source"] if differing else []
    aside += [f"{plural(gone, 'conversation')} {'is' if gone == 1 else 'are'} gone from the target"] if gone else []
    aside += [f"{plural(silent, 'conversation')} could not be read when last verified"] if silent else []
    skipped = threads.get("skipped", 0)
    ending = f" {plural(skipped, 'thread')} had nothing to load." if skipped else ""
    ending += chosen.not_selected(data)
    if result.exit_code == 130:
        ending += chosen.time_over(data) or " The run was interrupted and can be resumed."
    target = data.get("target")
    if isinstance(target, dict) and target.get("sandbox"):
        ending += " This was a rehearsal: nothing real was written."
    ending += known_incomplete(threads) + pilot_stopped(data)
    return f"{sentence} {enumerated(aside)}.{ending}" if aside else sentence + ending


def _of(data: JsonObject) -> int | None:
    """How many threads there are, where a run ended before it had met them all and that is known."""
    of = counts(data, "reached").get("of")
    return of if of is not None and of > counts(data, "threads").get("total", 0) else None


def _reached(data: JsonObject) -> str:
    """How far a run came that ended before it had met all threads."""
    total, of = counts(data, "threads").get("total", 0), _of(data)
    if of is not None:
        return f" {number(total)} of {number(of)} {'was' if total == 1 else 'were'} reached."
    return " Only threads that were reached are counted." if "reached" in data else ""


def _loaded(threads: dict[str, int], data: JsonObject) -> str:
    total, loaded = _of(data) or threads.get("total", 0), threads.get("loaded", 0)
    if loaded == 0:
        return f"None of {plural(total, 'thread')} is loaded"
    if loaded < total:
        return f"{number(loaded)} of {plural(total, 'thread')} {'is' if loaded == 1 else 'are'} loaded"
    items = plural(counts(data, "messages").get("items", 0), "item")
    return (
        f"All {plural(total, 'thread')} are loaded, with {items}"
        if total > 1
        else f"The thread is loaded, with {items}"
    )


def _where(data: JsonObject) -> str:
    target = data.get("target")
    if not isinstance(target, dict) or not target.get("base_url"):
        return ""
    return ", in the sandbox" if target.get("sandbox") else f", at {target['base_url']}"


def _overview(data: JsonObject, *, planning: bool) -> Table | None:
    threads, messages = counts(data, "threads"), counts(data, "messages")
    hidden = {"loaded", "in_doubt"} if planning else set()
    names = {"total": "reached"} if "reached" in data else {}
    rows = [
        ("threads", names.get(name, name.replace("_", " ")), number(count))
        for name, count in threads.items()
        if name not in hidden
    ]
    if of := _of(data):
        rows.insert(0, ("threads", "in the source", number(of)))
    if messages:
        rows.append(("messages", "read", number(messages.get("read"))))
        rows.append(("items", "for conversations", number(messages.get("items"))))
    for group in ("files", "vector_stores", "requests", "estimate"):
        rows += [
            (group, name.replace("_", " "), number(count))
            for name, count in counts(data, group).items()
            if (group, name) not in _WITH_UNITS
        ]
    if not rows:
        return None
    return Table("Totals", (Column(""), Column(""), Column("count", numeric=True)), tuple(rows))


def _parts(data: JsonObject) -> Bar | None:
    parts = counts(data, "parts")
    return Bar("Parts", tuple((fate, parts.get(fate, 0)) for fate in FATES)) if parts.get("read") else None


def _findings(data: JsonObject) -> Table | None:
    rows = tuple(
        (row.code, row.severity, number(row.count), " ".join(filter(None, (row.meaning, row.advice))) or NOTHING)
        for row in finding_rows(data)
    )
    columns = (
        Column("finding"),
        Column("severity"),
        Column("count", numeric=True),
        Column("what it means, and what to do"),
    )
    return Table("Findings", columns, rows, prose=True) if rows else None


def _aside(data: JsonObject) -> Table | None:
    skipped = objects(data, "skipped")
    if not skipped:
        return None
    rows = tuple((text(entry.get("thread_id")), text(entry.get("reason"))) for entry in skipped)
    cut = data.get("skipped_cut") or 0
    columns = (Column("thread"), Column("reason"))
    return Table("Skipped threads", columns, rows, most=SHOWN, unlisted=cut, what="thread")


def _reading(data: JsonObject) -> Table | None:
    """How the source was read: a few lines for each format."""
    rows: list[tuple[str, ...]] = []
    for entry in objects(data, "reading"):
        name = text(entry.get("shape"))
        for what, how in reading_lines(entry):
            rows.append((name, what, how))
            name = ""
    return Table("Reading", (Column("format"), Column(""), Column("")), tuple(rows)) if rows else None


def _carried(data: JsonObject) -> Table | None:
    """Which fields were carried, for those who look it up."""
    rows = tuple(
        (text(entry.get("shape")), _listed(counts(entry["fields"], "carried"), besides=entry.get("messages")))
        for entry in objects(data, "reading")
        if isinstance(entry.get("fields"), dict)
    )
    return Table("Fields carried", (Column("format"), Column("fields")), rows, reference=True) if rows else None


def reading_lines(entry: JsonObject) -> list[tuple[str, str]]:
    """Return what one entry of `data["reading"]` tells in few lines: what, and how."""
    fields = entry["fields"] if isinstance(entry.get("fields"), dict) else {}
    threads = entry.get("threads", 0)
    read = [plural(entry[name], word) for name, word in (("files", "file"), ("threads", "thread")) if name in entry]
    read.append(plural(entry.get("messages", 0), "message"))
    known = (
        f"{what}: {_listed(counts(entry, key), besides=threads)}"
        for what, key in (("ids", "identity"), ("order", "order"), ("complete", "completeness"))
        if counts(entry, key)
    )
    lines = [
        ("read", ", ".join(read)),
        ("known by", " · ".join(known)),
        ("spelling", _listed({str(one): 1 for one in entry.get("spelling") or ()}, besides=1)),
        ("left out", _listed(counts(fields, "set_aside"))),
        ("beside records", _listed(counts(entry, "frame"), besides=entry.get("files"))),
    ]
    return [(what, how) for what, how in lines if how]


def _listed(met: dict[str, int], besides: object = None) -> str:
    """Names with their counts, where these are not what everybody expects."""
    named = [name if count == besides else f"{name} {number(count)}" for name, count in met.items()]
    return ", ".join(named[:SHOWN]) + (" …" if len(named) > SHOWN else "")


def _outlines(data: JsonObject) -> list[SentenceList]:
    """How files of unknown formats are built, and a map to start from."""
    return [
        SentenceList(f"What is in {text(entry.get('origin'))}", tuple(map(str, entry["outline"])), verbatim=True)
        for entry in objects(data, "unreadable")
        if isinstance(entry.get("outline"), list)
    ]


def _shapes(data: JsonObject) -> Table | None:
    rows = tuple(
        (text(entry.get("shape")), number(entry.get("files")), text(entry.get("example")))
        for entry in objects(data, "shapes")
    )
    return (
        Table("Detected formats", (Column("format"), Column("files", numeric=True), Column("example")), rows)
        if rows
        else None
    )


def _run(result: Result) -> Table | None:
    facts = _run_facts(result)
    return Table("Run", (Column(""), Column("")), tuple(facts)) if facts else None


def _run_facts(result: Result) -> list[tuple[str, str]]:
    data = result.data
    facts: list[tuple[str, str]] = []
    target = data.get("target")
    if isinstance(target, dict) and target.get("base_url"):
        facts.append(("target", _sandbox(target) if target.get("sandbox") else str(target["base_url"])))
    if data.get("state"):
        facts.append(("state file", str(data["state"])))
    if isinstance(data.get("seconds"), int | float):
        facts.append(("time", duration(data["seconds"])))
        messages = counts(data, "messages").get("read", 0)
        if data["seconds"] >= 1 and messages:
            facts.append(("pace", f"{number(round(messages / data['seconds']))} messages/s"))
    if shard := counts(data, "shard"):
        rate = shard.get("requests_per_minute")
        part = f", with {plural(rate, 'request')} per minute as its share" if rate else ""
        facts.append(("shard", f"{shard['index']} of {shard['of']}{part}"))
    if result.run_id:
        facts.append(("run", result.run_id))
    return facts


def _sandbox(target: JsonObject) -> str:
    """The embedded sandbox, whose address was good for this run only."""
    kept = f"; its data is in {target['data']}" if target.get("data") else ""
    return f"the embedded sandbox, which ended with the run{kept}"


def _after_plan(result: Result) -> tuple[str, ...]:
    data = result.data
    source, rehearsal = source_words(data), _rehearsal_state(data)
    again, rehearse = f"migrate-cli plan{source}", f"migrate-cli apply{source} --target sandbox{rehearsal}"
    if chosen.none_selected(data) is not None:
        every = f"migrate-cli plan{source_alone(data)}{' --discover' if data.get('discover') else ''}"
        return (f"Change the selection, or omit it to take every thread: {every}",)
    if counts(data, "threads").get("total", 0) == 0:
        return (f"Check the path of the source and its format: migrate-cli doctor{source_alone(data)}",)
    if data.get("unreadable"):
        return _after_unreadable(data, again, rehearse)
    page = f"As a page, with all of it: {again} --report plan.html"
    if data.get("nothing") == "skipped":
        return (f"Look at the findings above: they say why no thread contains anything that can be sent. {page}",)
    if result.exit_code != 0:
        rest = (f"Rehearse with what can be sent: {rehearse}",) if result.exit_code == ExitCode.PARTIAL else ()
        return (
            "Look at the findings above; the section convert of migration.yaml changes what becomes of each kind. "
            f"{page}",
            *rest,
        )
    planned = f" --plan {shlex.quote(str(data['saved']))}" if data.get("saved") else ""
    return (
        f"Rehearse without the network: {rehearse}{planned}",
        f"Migrate: migrate-cli apply{source}{state_option(data)}{planned}",
    )


def _after_unreadable(data: JsonObject, again: str, rehearse: str) -> tuple[str, ...]:
    """What helps with entries that cannot be read, and what can be done with the rest, where there is one."""
    fix = f"Fix or remove the unreadable entries listed above, then plan again: {again}"
    if data.get("nothing") == "unreadable":
        return (fix,)
    shown = (f"See what is in them, and settings to start from: {again} -v",) if _outlines(data) else ()
    return (fix, *shown, f"The rest can be migrated; rehearse it: {rehearse}")


def _after_apply(result: Result) -> tuple[str, ...]:
    threads = counts(result.data, "threads")
    held, where = state_option(result.data), target_words(result.data)
    source = source_words(result.data)
    again = f"migrate-cli apply{source}{where}{held}"
    if result.exit_code in (5, 6, 130):
        return (f"Resume where this run stopped: {again}",)
    first = {name: _first(result, name) for name in ("in_doubt", "differs", "gone")}
    advice = {
        "in_doubt": f"Look at a thread in doubt, and settle it: {_resolve(first['in_doubt'], held)}",
        "differs": f"See how a thread differs, and settle it: {_resolve(first['differs'], held)}",
        "gone": f"Reload a thread whose conversation is gone: {_resolve(first['gone'], ' --restart' + held)}"
        + (f" && {again}" if first["gone"] else ""),
        "unread": f"Look again: migrate-cli verify{source}{held}{where} --failed",
        "failed": _after_failures(threads, again),
        "loaded": f"Compare every conversation with its source: migrate-cli verify{source}{held}{where}",
    }
    found = tuple(step for state, step in advice.items() if threads.get(state))
    wanting = result.exit_code == ExitCode.PARTIAL and not found
    return (f"See where the migration stands: migrate-cli status{held}",) if wanting else found


def _first(result: Result, state: str) -> str | None:
    """The first thread in a state, if the list has one."""
    listed = objects(result.data, "thread_list")
    return next((str(entry["thread_id"]) for entry in listed if entry.get("state") == state), None)


def _resolve(thread_id: str | None, options: str) -> str:
    """The command that shows or settles a thread; what lists them all, where none is named."""
    if thread_id is None:
        return f"migrate-cli status{options.removeprefix(' --restart')}"
    return f"migrate-cli resolve {shlex.quote(thread_id)}{options}"


def _after_failures(threads: dict[str, int], again: str) -> str:
    if threads.get("failed", 0) > threads.get("unreadable", 0):
        return f"Retry the failed threads: {again} --retry-failed"
    return f"Fix the unreadable entries listed above, then run the command again: {again}"


def _rehearsal_state(data: JsonObject) -> str:
    """The state file of a rehearsal, where the one of the migration is named: it must be another."""
    state = Path(str(data.get("state") or "migration.db"))
    return state_option({"state": str(state.with_name(f"{state.stem}.rehearsal{state.suffix}")), "rehearsal": True})


def _estimate(data: JsonObject) -> Table | None:
    """Time, tokens and the model's window, where the plan has them."""
    found = data.get("estimate")
    if not isinstance(found, dict):
        return None
    rows: list[tuple[str, str]] = []
    if isinstance(found.get("seconds"), int):
        rate = plural(found.get("requests_per_minute") or 0, "request")
        rows.append(("time", f"{duration(found['seconds'])} at {rate} a minute"))
    tokens = counts(found, "tokens")
    if tokens:
        rows += [
            ("tokens in all", number(tokens.get("total"))),
            (
                "tokens of a conversation",
                ", ".join(f"{name} {number(tokens.get(name))}" for name in ("median", "p90", "max")),
            ),
            ("tokens by", text(found.get("tokens_by"))),
        ]
    window = found.get("window")
    if isinstance(window, dict):
        over, share = window.get("threads_over", 0), percent(window.get("threads_over", 0), found.get("threads", 0))
        what = f"{number(over)} ({share}), longer than the {number(window.get('tokens'))} tokens of "
        known = f" (as of {text(window['as_of'])})" if window.get("as_of") else ""
        rows.append(("too long for the model", f"{what}{text(window.get('model'))}{known}"))
    return Table("Estimate", (Column(""), Column("")), tuple(rows)) if rows else None


def _against(data: JsonObject) -> Table | None:
    """What differs from the plan of `--against`."""
    found = data.get("against")
    if not isinstance(found, dict):
        return None
    rows = [("setting", str(sentence)) for sentence in found.get("settings", ())]
    ids, codes = found.get("thread_ids") or {}, found.get("codes") or {}
    for kind, count in counts(found, "threads").items():
        rows.append((f"threads {kind}", _ids(count, ids.get(kind) or ())))
    for kind, names in codes.items():
        rows.append((f"findings {kind}", _ids(len(names), names)))
    return Table(f"Since the plan {text(found.get('file'))}", (Column(""), Column("")), tuple(rows))


def _ids(count: int, names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(text(name) for name in names[:SHOWN])
    more = " …" if count > SHOWN else ""
    return f"{number(count)}: {shown}{more}" if shown else number(count)
