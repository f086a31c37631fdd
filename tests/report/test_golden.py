"""All five formats from one value, compared with files that a person has read.

`GOLDEN=write pytest tests/report/test_golden.py` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from migrate_cli.model import Result
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {
    OutputFormat.TEXT: "txt",
    OutputFormat.JSON: "json",
    OutputFormat.MARKDOWN: "md",
    OutputFormat.JUNIT: "xml",
    OutputFormat.HTML: "html",
}


@pytest.mark.parametrize("name", ["applied", "verified", "replayed"])
@pytest.mark.parametrize(
    ("fmt", "detailed"), [(OutputFormat.TEXT, True), *((fmt, False) for fmt in OutputFormat)], ids=str
)
def test_one_result_renders_as_its_golden_file(
    fmt: OutputFormat, detailed: bool, name: str, request: pytest.FixtureRequest
) -> None:
    result: Result = request.getfixturevalue(name)
    text = render(result, fmt, console_width=80, with_content=fmt is OutputFormat.HTML, detailed=detailed)
    path = GOLDEN / f"{result.command}{'-details' if detailed else ''}.{SUFFIXES[fmt]}"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
