"""The document of `status`: how far the migration is, from the state file alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from migrate_cli.model import CONVERSATION_GONE, JsonObject, Result
from migrate_cli.report import chosen
from migrate_cli.report.brief import brief, in_state
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.document import (
    Bar,
    Brief,
    Column,
    ReportDocument,
    Section,
    Table,
    Tone,
    counts,
    objects,
    pilot_stopped,
    problems,
    state_option,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import number, percent, plural
from migrate_cli.report.runs import ending_of
from migrate_cli.report.unread import not_read_line, places, unreadable_table
from migrate_cli.state.setup import SEEN, host_of, is_half_recovered

SHOWN = 50
DONE = ("loaded", "verified", "skipped")
ASIDE_TITLES = {"in_doubt": "In doubt", "failed": "Failed", "differs": "Different from the source"}
FACTS = {
    "messages": "messages read",
    "items": "items in the target",
    "unreadable": "entries that could not be read",
    "orphans": "possible empty orphans",
    "file_copies": "possible copies of files",
    "agents": "assistants that became agents",
    "state": "state file",
}
STORES = {"vector_stores": "vector stores", "vector_store_files": "files in vector stores"}
UNNAMED = "the response to an upload was lost; an unreferenced copy of the file may be at the target"
HARMLESS = "the response to a create was lost; a harmless conversation without items may be left"


def build(result: Result) -> ReportDocument:
    """Return the document."""
    data = result.data
    states = counts(data, "threads")
    tone = Tone.MIXED if tone_of(result) is Tone.GOOD and not _all_done(data, states) else tone_of(result)
    sections: list[Section | None] = [
        _states(data, states),
        _facts(data),
        *(_threads(data, key, title) for key, title in ASIDE_TITLES.items()),
        unreadable_table(data, (data.get("unreadable") or 0) - len(places(data))),
        _findings(data),
        _setup(data),
    ]
    return ReportDocument(
        title="migrate-cli status",
        headline=_headline(data, states),
        tone=tone,
        sections=(*(section for section in sections if section is not None), *problems(result)),
        next_steps=steps(result, *_next(data, states)),
        brief=_brief(result, states),
    )


def _brief(result: Result, states: dict[str, int]) -> Brief:
    data = result.data
    told = [f"{number(count)} {state.replace('_', ' ')}" for state, count in states.items() if count]
    facts = [f"Threads: {' · '.join(told)}" if told else ""]
    stores = [f"{number(count)} {state}" for state, count in counts(data, "vector_stores").items()]
    facts += [f"Vector stores: {' · '.join(stores)}"] if stores else []
    facts += [f"Running: {_inline(data['running'])}"] if data.get("running") else []
    facts += [f"Last run: {_last(data['last_run'])}"] if isinstance(data.get("last_run"), dict) else []
    facts += [not_read_line(data)]
    lost = [f"{FACTS[key]} {number(data[key])}" for key in ("orphans", "file_copies") if data.get(key)]
    facts += [f"Left at the target: {', '.join(lost)}"] if lost else []
    aside = [one for key, title in ASIDE_TITLES.items() for one in in_state(data, key, _first_detail(data, key, title))]
    rehearsal = " --rehearsal" if data.get("rehearsal") and not state_option(data) else ""
    return brief(result, facts, *aside, listing=f"migrate-cli report{rehearsal}{state_option(data)} --finding")


def _first_detail(data: JsonObject, key: str, title: str) -> str:
    """Why the first thread of a state is in it."""
    first = next(iter(objects(data, key)), {})
    return text(first.get("detail") or first.get("code") or title)


def _all_done(data: JsonObject, states: dict[str, int]) -> bool:
    """Whether nothing waits, neither for a person nor for a run."""
    return (
        "reached" not in data
        and not data.get("unreadable")
        and all(state in DONE or not count for state, count in states.items())
    )


def _whole(data: JsonObject, states: dict[str, int]) -> int | None:
    """How many threads there are in all; None where only those are known that were reached."""
    met, of = sum(states.values()), counts(data, "reached").get("of")
    if of is None and ("reached" in data or data.get("selected_only") or data.get("running")):
        return None
    return max(met, of or 0)


def _states(data: JsonObject, states: dict[str, int]) -> Bar | Table | None:
    """The threads by state: as shares of all, or as bare numbers if it is not known how many there are."""
    met, whole = sum(states.values()), _whole(data, states)
    if not met:
        return None
    found = [(state.replace("_", " "), count) for state, count in states.items() if count]
    if whole is None:
        rows = tuple((name, number(count)) for name, count in found)
        return Table("Threads reached so far", (Column(""), Column("count", numeric=True)), rows)
    if whole > met:
        found.append(("not reached", whole - met))
    return Bar("Threads", tuple(found))


def _headline(data: JsonObject, states: dict[str, int]) -> str:
    met = sum(states.values())
    total = max(met, counts(data, "reached").get("of", 0))
    if total == 0:
        return f"Nothing has been migrated yet.{_chosen(data)}"
    done = sum(states.get(state, 0) for state in DONE)
    ending = f" {number(met)} of {number(total)} {'was' if met == 1 else 'were'} reached." if met < total else ""
    if data.get("running"):
        ending += " A run is active" + ("." if ending else "; threads that it has not reached are not counted.")
    unread = data.get("unreadable")
    if isinstance(unread, int) and unread:
        ending += f" {plural(unread, 'entry', 'entries')} of the source could not be read."
    last = data.get("last_run")
    ended = ending_of(last) if isinstance(last, dict) else ""
    ending += pilot_stopped(data) + _chosen(data)
    if ended in ("interrupted", "broken off") and not data.get("running"):
        ending += f" The last run was {ended}: run the same command again to resume."
    verb = "is" if total == 1 else "are"
    if _whole(data, states) is None:
        # Of how many in all, nobody knows yet.
        share = data.get("share_read")
        read = f" About {percent(round(1000 * share), 1000)} of the source had been read." if share else ""
        return f"{number(done)} of {plural(total, 'thread')} reached so far {verb} done.{read}{ending}"
    what = " that could be read" if unread else ""
    share = "" if unread else f" ({percent(done, total)})"
    return f"{number(done)} of {plural(total, 'thread')}{what} {verb} done{share}.{ending}"


def _chosen(data: JsonObject) -> str:
    """That the last apply took only some threads, and which."""
    said = chosen.told(data)
    if not said:
        return ""
    left_out = data.get("not_selected")
    rest = (
        f"; {number(left_out)} {'was' if left_out == 1 else 'were'} not selected" if isinstance(left_out, int) else ""
    )
    return f" The last apply took only threads {said}{rest}."


def _facts(data: JsonObject) -> Table | None:
    rows: list[tuple[str, str]] = []
    rows += [(name, _fact(key, data[key])) for key, name in FACTS.items() if _is_told(key, data.get(key))]
    if isinstance(found := data.get("not_read"), dict):
        rows.append(("files of no known format", f"{number(found.get('files'))}, such as {found.get('example')}"))
    rows += [(f"skipped, {reason}", number(count)) for reason, count in counts(data, "skipped").items()]
    rows += [(name, _inline(told)) for key, name in STORES.items() if (told := counts(data, key))]
    if data.get("running"):
        rows.append(("running", _inline(data["running"])))
    if isinstance(data.get("last_run"), dict):
        rows.append(("last run", _last(data["last_run"])))
    return Table("", (Column(""), Column("")), tuple(rows)) if rows else None


def _is_told(key: str, value: Any) -> bool:
    """Whether a fact belongs into the table; most migrations upload nothing, so that nothing can have been left."""
    return isinstance(value, int | str) and (bool(value) or key != "file_copies")


def _fact(key: str, value: int | str) -> str:
    why = {"orphans": HARMLESS, "file_copies": UNNAMED}.get(key)
    return f"{number(value)} ({why})" if why and value else number(value)


def _setup(data: JsonObject) -> Table | None:
    setup = data.get("setup")
    rows = tuple((str(key), text(value)) for key, value in setup.items()) if isinstance(setup, dict) else ()
    return Table("Setup", (Column("setting"), Column("value")), rows, reference=True) if rows else None


def _last(run: JsonObject) -> str:
    """`apply, ok, began 2026-11-25T02:32:54Z (20261125-023254-bn2r)`."""
    known = [str(run["command"])] if run.get("command") else []
    known += [ending_of(run)] if run.get("status") else []
    began = [f"began {run['started_at']}"] if run.get("started_at") else []
    return ", ".join([*known, *began]) + (f" ({run['id']})" if run.get("id") else "")


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{str(key).replace('_', ' ')} {number(child)}" for key, child in value.items() if child is not None
        )
    return number(value)


def _threads(data: JsonObject, key: str, title: str) -> Table | None:
    entries = objects(data, key)
    if not entries:
        return None
    names = [name for name in ("thread_id", "conversation_id", "code", "detail") if any(name in e for e in entries)]
    rows = tuple(tuple(text(entry.get(name)) for name in names) for entry in entries)
    columns = tuple(Column(name.removesuffix("_id")) for name in names)
    return Table(title, columns, rows, most=SHOWN, what="thread")


def _findings(data: JsonObject) -> Table | None:
    rows = tuple((row.code, row.severity, number(row.count), row.meaning) for row in finding_rows(data))
    columns = (Column("finding"), Column("severity"), Column("count", numeric=True), Column("what it means"))
    return Table("Findings", columns, rows, prose=True) if rows else None


def _next(data: JsonObject, states: dict[str, int]) -> tuple[str, ...]:
    if data.get("running"):
        return ()
    found: list[str] = []
    setup = data.get("setup")
    held = state_option(data)
    where = command_options(setup if isinstance(setup, dict) else {}, str(data.get("state") or ""))
    where += chosen.options(data)
    if isinstance(setup, dict) and is_half_recovered(setup):
        return (f"Rebuild the rest of the state file: migrate-cli recover{where}",)
    if states.get("in_doubt"):
        first = next(str(entry["thread_id"]) for entry in objects(data, "in_doubt"))
        found.append(f"Look at a thread in doubt, and settle it: migrate-cli resolve {shlex.quote(first)}{held}")
    found += _after_verify(data, where)
    if any(states.get(state) for state in ("pending", "creating", "loading")):
        found.append(f"Go on: migrate-cli apply{where}")
    if states.get("failed"):
        found.append(f"Retry failed threads, once the cause is removed: migrate-cli apply{where} --retry-failed")
    if states.get("loaded") and not found:
        found.append(f"Compare every conversation with its source: migrate-cli verify{where}")
    if states.get("verified") and not found:
        found.append(_after_all(setup if isinstance(setup, dict) else {}))
    if data.get("unreadable"):
        found.insert(0, f"Fix or remove the unreadable entries, then load what is in them: migrate-cli apply{where}")
    return tuple(found)


def _after_all(setup: Mapping[str, str]) -> str:
    """What comes after a migration that is verified, or a rehearsal of one."""
    if setup.get("target.base_url") != "sandbox":
        return "Use the new ids in your application: migrate-cli map export"
    real = command_options({name: value for name, value in setup.items() if name != "target.base_url"}, "")
    return f"Check the real target before you migrate: migrate-cli doctor{real}"


def _after_verify(data: JsonObject, where: str) -> list[str]:
    """What helps with threads that `verify` found to differ."""
    differing = objects(data, "differs")
    gone = [entry for entry in differing if entry.get("code") == CONVERSATION_GONE]
    held = state_option(data)
    found = []
    if len(gone) < len(differing):
        first = next(entry for entry in differing if entry not in gone)
        found.append(
            f"See how a thread differs, and settle it: migrate-cli resolve {shlex.quote(first['thread_id'])}{held}"
        )
    if gone:
        lost = shlex.quote(gone[0]["thread_id"])
        found.append(
            "Reload a thread whose conversation is gone: "
            f"migrate-cli resolve {lost} --restart{held} && migrate-cli apply{where}"
        )
    return found


def command_options(setup: Mapping[str, str], state: str) -> str:
    """Source, target and state file as a command takes them, as far as the recorded setup tells."""
    source = setup.get(SEEN) or host_of(setup) or setup.get("source", "")
    words = [shlex.quote(source)] if source.startswith(("/", "https://", "http://")) else []
    words += ["--target sandbox"] if setup.get("target.base_url") == "sandbox" else []
    usual = "migration.rehearsal.db" if setup.get("target.base_url") == "sandbox" else "migration.db"
    words += [f"--state {shlex.quote(state)}"] if state not in ("", usual) else []
    return "".join(f" {word}" for word in words)
