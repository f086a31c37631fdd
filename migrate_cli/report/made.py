"""How a result came about, in the words that all reports use. Pure."""

from __future__ import annotations

from migrate_cli.model import Provenance, Result
from migrate_cli.report.escape import NOTHING


def period(made: Provenance) -> str:
    """When it was, in UTC: `2026-11-30 18:20:00 to 18:20:40 UTC`; a run that is still at work has no end."""
    began, ended = ((moment or "").replace("T", " ").removesuffix("Z") for moment in (made.started_at, made.ended_at))
    if not began:
        return NOTHING
    return f"{began} to {ended.removeprefix(began[:11])} UTC" if ended else f"{began} UTC"


def made_line(result: Result) -> str:
    """One line for reports that have no room for more; empty where nothing is known."""
    made = result.provenance
    if made is None:
        return ""
    facts = (
        f"run {result.run_id}" if result.run_id else "",
        period(made),
        f"migrate-cli {made.version}",
        f"target {made.target}" if made.target else "",
        f"settings {made.settings_digest}" if made.settings_digest else "",
    )
    return " · ".join(fact for fact in facts if fact)
