"""The summary of a CI job."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.markdown import SUMMARY_LIMIT, cut_to_bytes, write_step_summary
from migrate_cli.report.render import render


def test_the_summary_is_appended_where_the_variable_says(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert write_step_summary("after\n", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text() == "before\nafter\n"


def test_without_the_variable_nothing_is_written() -> None:
    assert not write_step_summary("text", {})


def test_a_summary_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    assert not write_step_summary("text", {"GITHUB_STEP_SUMMARY": str(tmp_path / "missing" / "file")})


def test_a_huge_summary_stays_under_the_limit_and_says_what_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("x" * 1000)
    assert write_step_summary("a line with ümlauts\n" * 100_000, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size <= SUMMARY_LIMIT
    assert "**Truncated**" in path.read_text()[-200:]


def test_a_cut_inside_a_folded_table_closes_it() -> None:
    rows = [{"thread_id": f"thread_{n}", "code": "x"} for n in range(5000)]
    data: JsonObject = {"checks": rows}
    report = render(Result("doctor", data), OutputFormat.MARKDOWN)
    assert "<details>" in report
    cut = cut_to_bytes(report, 20_000)
    assert cut.count("<details>") == cut.count("</details>") == 1


@given(st.text(alphabet="aü\n😀", max_size=2000), st.integers(0, 3000))
def test_a_cut_text_always_fits(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)
    assert len(cut.encode()) <= max(limit, 0)
