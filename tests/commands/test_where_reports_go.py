"""`--output`, `--report` and `--quiet` together: what stands on stdout, on stderr and in the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small export."""
    return write_export(tmp_path / "export", [2, 2])


@pytest.mark.parametrize(("form", "name"), [("html", "r.html"), ("junit", "r.xml"), ("markdown", "r.md")])
def test_a_page_that_goes_into_a_file_is_not_printed_as_well(cli: Cli, export: Path, form: str, name: str) -> None:
    done = cli("plan", export, "-o", form, "--report", name)
    assert done.out.startswith("✓ 2 threads")
    written = Path(name).read_text()
    assert written[:20] == cli("plan", export, "-o", form).out[:20] != done.out[:20]


def test_json_is_printed_whatever_else_is_written(cli: Cli, export: Path) -> None:
    done = cli("plan", export, "-o", "json", "--report", "r.json")
    assert done.json["command"] == json.loads(Path("r.json").read_text())["command"] == "plan"


def test_two_forms_that_differ_are_both_given(cli: Cli, export: Path) -> None:
    done = cli("plan", export, "-o", "markdown", "--report", "r.html")
    assert done.out.startswith("#")
    assert Path("r.html").read_text().startswith("<!doctype html>")


def test_an_ending_that_names_no_form_is_refused_before_any_work(cli: Cli, export: Path) -> None:
    refused = cli("plan", export, "--report", "r.pdf")
    assert refused.code == 2
    assert refused.out == ""
    assert refused.err == ("migrate-cli: there is no report format .pdf; end r.pdf in .txt, .json, .md, .xml, .html\n")
    assert not Path("r.pdf").exists()


def test_a_name_without_an_ending_takes_the_form_of_stdout(cli: Cli, export: Path) -> None:
    assert cli("plan", export, "-o", "json", "--report", "report").code == 0
    assert json.loads(Path("report").read_text())["command"] == "plan"


def test_quiet_leaves_reports_that_programs_read(cli: Cli, export: Path) -> None:
    assert cli("plan", export, "-q", "-o", "json").json["exit_code"] == 0
    assert cli("plan", export, "-q", "-o", "html").out.startswith("<!doctype html>")


def test_quiet_means_no_text_and_no_log_lines_when_all_is_well(cli: Cli, export: Path) -> None:
    done = cli("apply", export, "--target", "sandbox", "-q", "-v")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_quiet_still_shows_what_went_wrong(cli: Cli, export: Path) -> None:
    (export / "bad.json").write_text("{")
    assert "export/bad.json" in cli("plan", export.relative_to(Path.cwd()), "-q").out, (
        "no line is too long for its place"
    )
