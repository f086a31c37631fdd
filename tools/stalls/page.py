"""Makes the table of docs/reliability.md, between its two marks."""

from __future__ import annotations

from pathlib import Path

from stalls.measure import Row, Verdict

BEGIN, END = "<!-- stalls: begin -->", "<!-- stalls: end -->"


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table; what does not hold is in bold."""
    lines = ["| command | stall | ends | speaks | obeys Ctrl-C |", "|---|---|---|---|---|"]
    lines += [
        f"| `{row.command}` | {row.stall} | {_shown(row.end)} | {_shown(row.word)} | {_shown(row.stop)} |"
        for row in rows
    ]
    return "\n".join(lines)


def held(rows: list[Row]) -> tuple[int, int]:
    """Return how many combinations hold the rule, and of how many."""
    return sum(row.end.right and row.word.right and row.stop.right for row in rows), len(rows)


def write(page: Path, rows: list[Row]) -> None:
    """Put the table into the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def _shown(verdict: Verdict) -> str:
    return verdict.told if verdict.right else f"**{verdict.told}**"
