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


SHAPES = ("rect", "path", "text", "line", "circle", "ellipse", "polygon", "polyline")


@pytest.mark.parametrize("name", ["applied", "verified", "replayed"])
def test_where_the_style_sheet_is_taken_away_charts_have_the_same_colours_and_labels(
    name: str, request: pytest.FixtureRequest
) -> None:
    page = page_of(request.getfixturevalue(name))
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", page, re.DOTALL)[0]))
    styled = {
        one.strip(): light.get(colour, colour)
        for selectors, colour in re.findall(r"^(\.chart[^{]+)\{[^}]*?fill: (?:var\(--)?([\w-]+)", page, re.MULTILINE)
        for one in selectors.split(",")
    }
    seen = set()
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        for shape in ET.fromstring(svg).iter():
            if shape.tag not in SHAPES:
                continue
            rules = [f".chart .{one}" for one in shape.attrib.get("class", "").split()] + [f".chart {shape.tag}"]
            colour = next(styled[rule] for rule in rules if rule in styled)
            assert shape.attrib["fill"] == colour, shape.attrib
            seen.add(shape.attrib["fill"])
        for axis, anchor in (("x", "middle"), ("y", "end")):
            for group in ET.fromstring(svg).findall(".//g[@class]"):
                if {"axis", axis} <= set(group.attrib["class"].split()):
                    assert {one.attrib["text-anchor"] for one in group.iter("text")} == {anchor}
    assert {"none", light["ink"]} < seen


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


def browse(page: str, tmp_path: Path, *, driver: str = "", width: int = 1200) -> str:
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
    command = [CHROMIUM, *FLAGS, f"--window-size={width},900", f"--user-data-dir={tmp_path / 'profile'}"]
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


def many(threads: int) -> Result:
    listed = [
        {"thread_id": f"thread_{n:05}", "state": "loaded", "messages": n, "items": n, "findings": 0}
        for n in range(threads)
    ]
    return Result("apply", {"threads": {"total": threads, "loaded": threads}, "thread_list": listed}, 0)


def test_without_scripts_a_long_table_scrolls_in_a_box_of_its_own() -> None:
    assert '<div class="scroll tall" tabindex="0" role="region"' in page_of(many(101))
    assert '<div class="scroll" tabindex="0" role="region"' in page_of(many(100))
    page = page_of(many(2000))
    assert "thread_01999" in page
    assert ".scroll.tall { max-height:" in page


def test_cells_carry_the_name_of_their_column_for_narrow_screens(applied: Result) -> None:
    page = page_of(applied)
    rows = re.findall(r"<tr[^>]*>(<td.*?)</tr>", page)
    headed = [row for row in rows if "data-label" in row]
    assert headed
    assert "@media (max-width: 40rem)" in page
    assert "content: attr(data-label)" in page


def test_threads_differ_where_one_differs() -> None:
    for count, said in ((1, "thread differs"), (2, "threads differ")):
        assert f"<b>{count}</b><span>{said}</span>" in page_of(Result("verify", {"threads": {"differs": count}}))


def test_what_there_is_one_of_stands_in_the_singular() -> None:
    data: JsonObject = {"threads": {"total": 1, "loaded": 1}, "requests": {"sent": 1}, "messages": {"read": 2}}
    page = page_of(Result("apply", data))
    assert "<b>1</b><span>thread</span>" in page
    assert "<b>1</b><span>thread loaded</span>" in page
    assert "<b>1</b><span>request sent</span>" in page
    assert "<b>2</b><span>messages read</span>" in page


def test_a_chart_says_what_it_leaves_out(applied: Result) -> None:
    page = page_of(applied)
    assert "Of 1,204 threads, only the first 23 are listed and drawn." in page
    codes = {f"code-{number}": 1 for number in range(20)}
    assert "The bar “all others” is 5 codes together" in page_of(
        Result("apply", {"threads": {"total": 1}, "findings": codes})
    )


@needs_browser
def test_in_a_browser_thousands_of_rows_come_in_pages(tmp_path: Path) -> None:
    driver = """
      const rows = () => [...document.querySelectorAll("#threads tbody tr")].map((row) => row.cells[0].textContent);
      const press = (name) => [...document.querySelectorAll("nav button")].find((b) => b.textContent === name).click();
      document.body.dataset.first = `${rows().length} ${rows()[0]}`;
      press("Last");
      document.body.dataset.last = `${rows().length} ${rows().at(-1)}`;
      document.getElementById("thread-words").value = "thread_0199";
      document.getElementById("thread-words").dispatchEvent(new Event("input"));
      document.body.dataset.found = rows().length;
      document.body.dataset.bar = document.querySelector(".pager").hidden;
      document.body.dataset.height = document.documentElement.scrollHeight;
    """
    dom = browse(page_of(many(2050)), tmp_path, driver=driver)
    assert 'data-first="100 thread_00000"' in dom
    assert 'data-last="50 thread_02049"' in dom
    assert 'data-found="10"' in dom
    assert 'data-bar="true"' in dom
    assert "10 of 2,050 threads shown" in dom
    assert "data-errors" not in dom


@needs_browser
def test_in_a_browser_failing_cases_come_in_pages(replayed: Result, tmp_path: Path) -> None:
    lamp = replayed.data["cases"][0]
    replayed.data["cases"] = [lamp | {"case_id": f"thread_{number}"} for number in range(45)]
    driver = """
      const folds = () => document.querySelectorAll(".folds > details").length;
      const press = (name) => [...document.querySelectorAll("nav button")].find((b) => b.textContent === name).click();
      document.body.dataset.first = folds();
      press("Last");
      document.body.dataset.last = folds();
    """
    dom = browse(page_of(replayed), tmp_path, driver=driver)
    assert 'data-first="20"' in dom
    assert 'data-last="5"' in dom
    assert "data-errors" not in dom


@needs_browser
@pytest.mark.parametrize("name", ["applied", "verified", "replayed", "hostile", "hostile_replay"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_every_cell_says_what_it_is(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    driver = """
      for (const one of document.querySelectorAll("details")) one.open = true;
      const root = document.documentElement;
      document.body.dataset.overflow = root.scrollWidth - root.clientWidth;
      const boxes = [...document.querySelectorAll(".scroll, figure")];
      const wide = boxes.filter((one) => one.scrollWidth > one.clientWidth + 1);
      document.body.dataset.wide = wide.length;
      const labels = [...document.querySelectorAll("td[data-label]")];
      const said = labels.filter((cell) => getComputedStyle(cell, "::before").content === `"${cell.dataset.label}"`);
      document.body.dataset.unlabelled = labels.length - said.length;
      document.body.dataset.labels = labels.length;
    """
    dom = browse(page_of(request.getfixturevalue(name)), tmp_path, driver=driver, width=500)
    assert 'data-overflow="0"' in dom
    assert 'data-wide="0"' in dom
    assert 'data-unlabelled="0"' in dom
    assert not re.search('data-labels="0"', dom)
    assert "data-errors" not in dom


@needs_browser
def test_on_a_phone_threads_can_still_be_sorted(applied: Result, tmp_path: Path) -> None:
    driver = """
      const buttons = [...document.querySelectorAll("#threads th button")];
      document.body.dataset.seen = buttons.filter((one) => one.getBoundingClientRect().width > 10).length;
    """
    assert 'data-seen="6"' in browse(page_of(applied), tmp_path, driver=driver, width=500)


SEEN = """
      const seen = (all) => [...all].filter((one) => one.checkVisibility()).length;
      const look = (name) => {
        document.body.dataset[name + "Rows"] = seen(document.querySelectorAll("tbody tr"));
        document.body.dataset[name + "Folds"] = seen(document.querySelectorAll(".folds > details > div"));
        document.body.dataset[name + "Pagers"] = seen(document.querySelectorAll(".pager"));
      };
"""


@needs_browser
def test_on_paper_everything_is_shown_and_afterwards_it_is_as_before(replayed: Result, tmp_path: Path) -> None:
    lamp, fine = replayed.data["cases"][0], replayed.data["cases"][2]
    replayed.data["cases"] = [lamp | {"case_id": f"thread_{number}"} for number in range(45)]
    replayed.data["cases"] += [fine | {"case_id": f"fine_{number}"} for number in range(250)]
    driver = f"""{SEEN}
      look("before");
      dispatchEvent(new Event("beforeprint"));
      look("printed");
      dispatchEvent(new Event("afterprint"));
      look("after");
    """
    dom = browse(page_of(replayed), tmp_path, driver=driver)
    found = {name: int(value) for name, value in re.findall(r'data-((?:before|printed|after)-\w+)="(\d+)"', dom)}
    assert (found["before-folds"], found["printed-folds"], found["printed-pagers"]) == (10, 45, 0)
    assert found["printed-rows"] == page_of(replayed).count("<tr><td")
    for what in ("rows", "folds", "pagers"):
        assert found[f"after-{what}"] == found[f"before-{what}"]
    assert "data-errors" not in dom


@needs_browser
def test_on_paper_a_filter_stays_and_says_so(applied: Result, tmp_path: Path) -> None:
    driver = """
      document.getElementById("thread-words").value = "failed";
      document.getElementById("thread-words").dispatchEvent(new Event("input"));
      dispatchEvent(new Event("beforeprint"));
      document.body.dataset.rows = document.querySelectorAll("#threads tbody tr").length;
    """
    page = page_of(applied)
    dom = browse(page.replace("@media print {", "@media screen {"), tmp_path, driver=driver)
    assert 'data-rows="1"' in dom
    assert "1 of 23 threads shown" in dom
    assert "@media print" in page
    assert ".tools label, .pager button { display: none; }" in page


@needs_browser
@pytest.mark.parametrize("place", [1, 45])
def test_a_link_opens_its_case_on_whichever_page_that_is(replayed: Result, tmp_path: Path, place: int) -> None:
    lamp = replayed.data["cases"][0]
    replayed.data["cases"] = [lamp | {"case_id": f"thread_{number}"} for number in range(1, 46)]
    driver = f"""
      document.querySelector('a[href="#case-{place}"]').click();
      setTimeout(() => {{
        const found = document.getElementById("case-{place}");
        document.body.dataset.open = found && found.parentNode.open;
        document.body.dataset.title = found && found.parentNode.firstChild.textContent;
      }}, 100);
    """
    dom = browse(page_of(replayed), tmp_path, driver=driver)
    assert 'data-open="true"' in dom
    assert f'data-title="thread_{place}: ' in dom
    assert "data-errors" not in dom


@needs_browser
@pytest.mark.parametrize("name", ["applied", "replayed"])
def test_without_scripts_nothing_is_hidden_on_paper(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = page_of(request.getfixturevalue(name))
    still = re.sub(r'<script>"use strict".*?</script>', "", page, flags=re.DOTALL)
    driver = """
      const inside = [...document.querySelectorAll("details > :not(summary)")];
      document.body.dataset.unseen = inside.filter((one) => !one.checkVisibility()).length;
      const boxes = [...document.querySelectorAll(".scroll")];
      document.body.dataset.cut = boxes.filter((one) => one.scrollHeight > one.clientHeight + 1).length;
      document.body.dataset.folded = document.querySelectorAll("details:not([open])").length;
    """
    dom = browse(still.replace("@media print {", "@media all {"), tmp_path, driver=driver)
    assert 'data-unseen="0"' in dom
    assert 'data-cut="0"' in dom
    assert 'data-folded="0"' not in dom
    assert "data-errors" not in dom
