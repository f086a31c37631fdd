"""The page: one file, no network, and it works in a real browser."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
    "--enable-logging=stderr",
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def page_of(result: Result) -> str:
    return render(result, OutputFormat.HTML, with_content=True)


def test_the_page_asks_for_nothing_from_outside(applied: Result) -> None:
    page = page_of(applied)
    assert not re.search(r"""(src|href|action|xlink:href)\s*=|@import|url\(|fetch\(|XMLHttp""", page)
    assert "default-src 'none'" in page


def test_the_policy_allows_exactly_the_style_and_the_script_that_are_there(applied: Result) -> None:
    page = page_of(applied)
    for tag in ("style", "script"):
        source = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(source) == 1
        digest = base64.b64encode(hashlib.sha256(source[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page


def test_every_chart_is_there_with_words_for_those_who_do_not_see_it(applied: Result) -> None:
    page = page_of(applied)
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert titles == [
        "Threads by outcome",
        "Parts by fate",
        "Findings by code",
        "Thread sizes, in messages",
        "Throughput, messages a second",
    ]
    assert "loaded: 1,199 threads" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)


def test_the_bars_are_as_many_as_the_numbers_and_coloured_by_meaning(applied: Result) -> None:
    page = page_of(applied)
    for name in ("state-loaded", "state-failed", "fate-kept", "fate-dropped", "severity-error", "severity-warning"):
        assert f'class="{name}"' in page


def test_every_table_has_a_caption_and_every_heading_a_scope(applied: Result) -> None:
    page = page_of(applied)
    assert page.count("<table") == page.count("<caption")
    assert page.count("<th ") == page.count('<th scope="col"')
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page


def test_light_dark_and_print_are_styled(applied: Result) -> None:
    page = page_of(applied)
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(applied: Result, theme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", page_of(applied), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0 if theme == "light" else 1]))
    pairs = [
        (ink, back) for ink in ("ink", "soft", "good", "mild", "bad", "quiet", "accent") for back in ("page", "card")
    ]
    pairs += [("ink", "good-bg"), ("ink", "mild-bg"), ("ink", "bad-bg")]
    for ink, back in pairs:
        assert contrast(colours[ink], colours[back]) >= 4.5, (ink, back)


def contrast(one: str, two: str) -> float:
    """The ratio that the Web Content Accessibility Guidelines define."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contents_stand_side_by_side_with_the_finding_where_it_occurred(applied: Result) -> None:
    page = page_of(applied)
    row = page[page.index('<div class="pair">') : page.index("</details>")]
    assert (
        row.index("It was sent on Monday.") < row.index("message · user") < row.index("<code>unsupported-part</code>")
    )


def test_a_result_without_data_still_makes_a_page() -> None:
    page = page_of(Result("apply", {}, 2))
    assert "</html>" in page


def test_odd_data_is_left_out_rather_than_raised() -> None:
    data: JsonObject = {"threads": [], "findings": None, "thread_list": ["x"], "timeline": [{}], "parts": {"read": "x"}}
    for fmt in OutputFormat:
        assert render(Result("apply", data), fmt, with_content=True)


def browse(page: str, tmp_path: Path, *, driver: str = "") -> str:
    """The page's DOM after its script and `driver` ran; what the browser complained about stands in `data-errors`.

    The policy forbids a second script, so the page under test is loaded without its policy when a driver is given.
    """
    if driver:
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        watch = "<script>onerror=(m)=>{document.documentElement.dataset.errors=m}</script>"
        page = page.replace("<head>", f"<head>{watch}", 1).replace("</body>", f"<script>{driver}</script></body>")
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    return done.stdout


@needs_browser
def test_in_a_browser_the_page_runs_under_its_own_policy_without_an_error(applied: Result, tmp_path: Path) -> None:
    dom = browse(page_of(applied), tmp_path)
    assert "23 of 23 threads shown" in dom
    assert dom.count("<button") == 6


@needs_browser
def test_in_a_browser_the_table_filters_and_sorts(applied: Result, tmp_path: Path) -> None:
    driver = """
      const words = document.getElementById("thread-words");
      document.querySelectorAll("#threads button")[3].click();
      document.querySelectorAll("#threads button")[3].click();
      words.value = "LOADED conv_"; words.dispatchEvent(new Event("input"));
      const rows = [...document.querySelectorAll("#threads tbody tr")].filter((row) => !row.hidden);
      document.body.dataset.sizes = rows.map((row) => row.cells[3].textContent).join(" ");
      document.body.dataset.sort = document.querySelectorAll("#threads th")[3].getAttribute("aria-sort");
    """
    dom = browse(page_of(applied), tmp_path, driver=driver)
    assert "20 of 23 threads shown" in dom
    assert 'data-sort="descending"' in dom
    found = re.search(r'data-sizes="([\d ]+)"', dom)
    assert found is not None
    sizes = [int(size) for size in found[1].split()]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 20
    assert "data-errors" not in dom


@needs_browser
def test_in_a_browser_hostile_content_is_text(hostile: Result, tmp_path: Path) -> None:
    driver = """
      document.body.dataset.images = document.images.length;
      document.body.dataset.seen = document.body.textContent.includes("<script>alert(1)</" + "script>]]>");
    """
    dom = browse(page_of(hostile), tmp_path, driver=driver)
    assert 'data-images="0"' in dom
    assert 'data-seen="true"' in dom
    assert "data-errors" not in dom
