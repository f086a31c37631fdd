"""`migrate-cli report`: shows an earlier run again, from the state file alone, without lock or network.

The recorded result is shown; lists that it cut short are completed from the tables. A run that never recorded a result
is described from the tables too. The state file holds no texts of messages, so none can be shown.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from migrate_cli.commands.provenance import provenance_recorded
from migrate_cli.errors import ExitCode, UsageError, closest
from migrate_cli.findings import CATALOGUE
from migrate_cli.model import CONVERSATION_GONE, JsonObject, Problem, Result
from migrate_cli.settings.model import Settings
from migrate_cli.state.reader import StateReader
from migrate_cli.state.setup import as_option

_FACTS = ("thread_id", "conversation_id", "state", "messages", "items", "findings")
_LOADS = ("apply", "resolve")
_ASIDE = ("failed", "in_doubt", "differs")


def report(settings: Settings, run_id: str | None = None) -> Result:
    """Return a run's result as it was, with whole lists; the last run, unless one is named.

    Raises UsageError when there is no state file, no run, or no run of that name.
    """
    held = as_option(settings.state)
    with StateReader(settings.state) as reader:
        run = reader.runs.one(run_id)
        if run is None and run_id is None:
            raise UsageError(f"{settings.state} has no run yet; start one with `migrate-cli apply{held}`.")
        if run is None:
            raise UsageError(f"{settings.state} has no run {run_id}; `migrate-cli report --list{held}` lists them.")
        provenance = provenance_recorded(run, reader.setup())
        if run["result"] is None:
            result = _from_tables(reader, run)
            result.provenance = provenance
            return result
        result = _result(run["result"])
        result.provenance = provenance
        _fill_threads(reader, result.data, str(run["id"]))
        _fill_findings(reader, result.data)
        return result


def complete(state: Path, result: Result) -> None:
    """Put everything into lists that the result of a run cut short, as far as the state file has it."""
    with StateReader(state) as reader:
        _fill_threads(reader, result.data, str(result.run_id))
        _fill_findings(reader, result.data)


def list_finding(settings: Settings, code: str) -> Result:
    """Return everything that the state file holds under a finding code: `rows` {thread_id, message_id, detail}.

    Raises UsageError when there is no state file, or for a code that does not exist.
    """
    if code not in CATALOGUE:
        near = closest(code, CATALOGUE)
        hint = (
            f"; did you mean {near}?"
            if near
            else f"; `migrate-cli status -v{as_option(settings.state)}` shows those of this state file"
        )
        raise UsageError(f"there is no finding {code}{hint}")
    with StateReader(settings.state) as reader:
        names = ("thread_id", "message_id", "detail")
        rows = [{name: row[name] for name in names} for row in reader.findings.listed(code=code)]
    threads = len({row["thread_id"] for row in rows})
    found = "no thread" if not rows else f"{threads} thread{'' if threads == 1 else 's'}, {len(rows)} in all"
    return Result("report", {"message": f"{code}: {found}. {CATALOGUE[code].meaning}", "code": code, "rows": rows})


def list_runs(settings: Settings) -> Result:
    """Return the runs of the state file, newest first. Raises UsageError when there is no state file."""
    with StateReader(settings.state) as reader:
        runs = list(reader.runs.listed(newest_first=True))
    message = f"{len(runs)} run{'' if len(runs) == 1 else 's'} in {settings.state}."
    return Result("report", {"message": message, "runs": runs})


# ---- a run that ended


def _result(envelope: JsonObject) -> Result:
    errors = [Problem(one["code"], one["message"], one.get("thread_id")) for one in envelope.get("errors", ())]
    return Result(
        envelope["command"], envelope.get("data") or {}, envelope.get("exit_code") or 0, envelope.get("run_id"), errors
    )


def _fill_threads(reader: StateReader, data: JsonObject, run_id: str) -> None:
    """Put the missing threads at the end of the list, as they stand now, where it is sure which they are."""
    missing = data.get("thread_list_cut")
    if not missing:
        return
    listed = {row["thread_id"] for row in data["thread_list"]}
    for run in (run_id, None):
        rest = [row for row in reader.threads.of_run(run) if row["thread_id"] not in listed]
        if len(rest) == missing:
            data["thread_list"] += [_thread(row) for row in rest]
            del data["thread_list_cut"]
            return


def _fill_findings(reader: StateReader, data: JsonObject) -> None:
    """Put the findings of the tables in place of a list that was cut, if they are the same ones by their counts."""
    if not data.get("finding_list_cut"):
        return
    found = list(reader.findings.listed())
    if Counter(row["code"] for row in found) == Counter(data.get("findings") or {}):
        data["finding_list"] = [_finding(row) for row in found]
        del data["finding_list_cut"]


# ---- a run without a result


def _from_tables(reader: StateReader, run: JsonObject) -> Result:
    """Say where things stand: a run that was killed, or that is still at work, left no result of its own."""
    busy = run["status"] == "running"
    data: JsonObject = {"state": str(reader.path), "started_at": run["started_at"]}
    if busy:
        data["next"] = "It is still running; watch it: migrate-cli status"
    told = _load_data(reader, run) if run["command"] in _LOADS else _other_data(reader, run)
    exit_code = ExitCode.PARTIAL if busy else ExitCode.INTERRUPTED
    command = "apply" if run["command"] in _LOADS else str(run["command"])
    return Result(command, data | told, exit_code, str(run["id"]), _problems(reader))


def _load_data(reader: StateReader, run: JsonObject) -> JsonObject:
    """The data of `apply` as far as tables hold it: all threads of the state file, whichever run loaded them."""
    rows = list(reader.threads.of_run(None))
    found = list(reader.findings.listed())
    unreadable = reader.findings.unreadable(str(run["id"]))
    threads = _counts(Counter(_state(row) for row in rows), len(unreadable))
    return {
        "threads": threads,
        "reached": {"threads": threads["total"], "of": run["options"].get("expected")},
        "messages": {"read": _sum(rows, "messages"), "items": _sum(rows, "items")},
        "findings": dict(sorted(Counter(row["code"] for row in found).items())),
        "severities": dict(sorted(Counter(row["severity"] for row in found).items())),
        "finding_list": [_finding(row) for row in found],
        "thread_list": [_thread(row) for row in rows],
        "skipped": [
            {"thread_id": row["thread_id"], "reason": row["code"]} for row in rows if row["state"] == "skipped"
        ],
        "unreadable": [{name: row[name] for name in ("origin", "code", "detail")} for row in unreadable],
    }


def _counts(states: Counter[str], unreadable: int) -> JsonObject:
    """Threads by outcome, in the terms of `apply`: verified ones are loaded, those on their way are deferred."""
    waiting = sum(states.pop(state, 0) for state in ("pending", "creating", "loading"))
    loaded = sum(states.pop(state, 0) for state in ("loaded", "verified"))
    shown = {
        "total": sum(states.values()) + waiting + loaded + unreadable,
        "loaded": loaded,
        "skipped": states.pop("skipped", 0),
        "failed": states.pop("failed", 0) + unreadable,
        "in_doubt": states.pop("in_doubt", 0),
    }
    rest = {"deferred": waiting, "unreadable": unreadable, **states}
    return shown | {name: count for name, count in sorted(rest.items()) if count}


def _other_data(reader: StateReader, run: JsonObject) -> JsonObject:
    """What is known of any other run: where the threads stand, and each case of a replay that was done."""
    ended = "is still running" if run["status"] == "running" else "was interrupted before it could report what it found"
    cases = [dict(row) for row in reader.runs.replay_results(str(run["id"]))]
    return {
        "message": f"This run of {run['command']} {ended}.",
        "threads": dict(Counter(row["state"] for row in reader.threads.of_run(None))),
        **({"done": cases} if cases else {}),
    }


def _problems(reader: StateReader) -> list[Problem]:
    return [
        Problem(row["code"] or row["state"], row["detail"] or "no reason was recorded", row["thread_id"])
        for row in reader.threads.listed(*_ASIDE)
    ]


def _state(row: JsonObject) -> str:
    """The thread's state; a conversation that is gone is told from one that differs."""
    gone = row["state"] == "differs" and row["code"] == CONVERSATION_GONE
    return "gone" if gone else str(row["state"])


def _thread(row: JsonObject) -> JsonObject:
    """A thread as results list it; only a skipped one has a reason there."""
    return {name: row[name] for name in _FACTS} | {"reason": row["code"] if row["state"] == "skipped" else None}


def _finding(row: JsonObject) -> JsonObject:
    return {name: row[name] for name in ("code", "severity", "thread_id", "message_id", "detail")}


def _sum(rows: list[JsonObject], name: str) -> int:
    return sum(row[name] or 0 for row in rows)
