# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pages of benchmarks in a real browser: light and dark, wide and narrow, on a screen and on paper.

What the browser drew is in build/pages, for people to look at.
"""

from __future__ import annotations

import re
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NoReturn

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import page as benchmark_page
from ansible_collections.datasync.turbo.plugins.plugin_utils.reports import benchmark_page as fleet_benchmark_page
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils import benchmark_results
from playwright.sync_api import Browser, Page, sync_playwright

from dev.ansible_environment import CHECKOUT

PICTURES = CHECKOUT / "build" / "pages"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONG_HOST = "upload-server-with-a-long-name.frankfurt-1.customers.example.com"

WIDTHS = {"wide": 1280, "middle": 760, "narrow": 360}
#: Pixels by which a browser may round.
ROUNDING = 1


def fleet() -> str:
    results = {
        f"upload{number:02}.example.com": benchmark_results.full(factor=1 + number / 20) for number in range(1, 7)
    }
    results[LONG_HOST] = benchmark_results.troubled()
    missing = {"upload09.example.com": f"unreachable: {benchmark_results.HOSTILE}"}
    return fleet_benchmark_page.page(results, missing, together=True, pages={LONG_HOST: "hosts/long.html"})


def tuned() -> str:
    result = benchmark_results.full()
    result["tuning"] = benchmark_results.tuning()
    return benchmark_page.page(result)


PAGES: dict[str, Callable[[], str]] = {
    "tuned": tuned,
    "troubled": lambda: benchmark_page.page(benchmark_results.troubled()),
    "one-round": lambda: benchmark_page.page(benchmark_results.one_round()),
    "nothing-measured": lambda: benchmark_page.page(benchmark_results.nothing_measured()),
    "fleet": fleet,
}
every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def browser(cannot_run: Callable[[str], NoReturn]) -> Iterator[Browser]:
    """A browser of this machine, without a window."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        cannot_run("no browser: install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files."""
    made = tmp_path_factory.mktemp("pages")
    for name, make in PAGES.items():
        (made / f"{name}.html").write_text(make(), "utf-8")
    PICTURES.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def show(browser: Browser, folder: Path) -> Iterator[Callable[..., Page]]:
    """Open a page: `show("tuned", width=360, dark=True)`. Whatever it asks for or complains about fails the test."""
    contexts, asked, said = [], [], []

    def open_page(name: str, width: int = 1280, dark: bool = False, scripts: bool = True) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.endswith(".html")] == []
    assert len(asked) == len(contexts)


def test_policy_stops_what_the_page_does_not_bring(show: Callable[..., Page], browser: Browser, folder: Path) -> None:
    """The policy is real: a script, a style and a picture that somebody adds to the file are refused."""
    added = (
        "<script>document.title='hacked'</script><p id=styled style='color:red'>x</p>"
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''>"
    )
    changed = folder / "changed.html"
    changed.write_text(PAGES["tuned"]().replace("<main>", f"<main>{added}"), "utf-8")
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(changed.as_uri())
    assert page.title() == "Upload benchmark of upload01.example.com"
    assert page.evaluate("getComputedStyle(document.querySelector('#styled')).color") != "rgb(255, 0, 0)"
    assert len([text for text in refused if "Content Security Policy" in text]) == 3
    page.close()


#: For each chart: whether it has a size, and the texts that reach out of it or lie over another text.
CHARTS = """() => [...document.querySelectorAll('svg.chart')].map(chart => {
  const box = chart.getBoundingClientRect();
  const texts = [...chart.querySelectorAll('text')].map(text => {
    const inside = text.getBBox();
    return {text: text.textContent, left: inside.x, right: inside.x + inside.width, top: inside.y,
            bottom: inside.y + inside.height, label: text.classList.contains('label'),
            value: text.classList.contains('value') && !text.classList.contains('tick')};
  });
  return {id: chart.id, width: box.width, height: box.height, texts};
})"""


@every_page
def test_page_fits_its_window_and_no_text_of_its_charts_is_cut_off_or_covered(
    show: Callable[..., Page], name: str
) -> None:
    page = show(name)
    for kind, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{kind}: it scrolls sideways"
        check_charts(page.evaluate(CHARTS))
    page.screenshot(path=PICTURES / f"{name}-narrow.png", full_page=True)


def check_charts(charts: list[dict[str, Any]]) -> None:
    assert charts
    for chart in charts:
        assert chart["width"] >= 240, chart["id"]
        assert chart["height"] >= 60, chart["id"]
        for text in chart["texts"]:
            where = f"{chart['id']}: {text['text']!r}"
            assert text["left"] >= -ROUNDING, where
            assert text["right"] <= chart["width"] + ROUNDING, where
            assert text["top"] >= -ROUNDING, where
            assert text["bottom"] <= chart["height"] + ROUNDING, where
        assert overlapping(chart["texts"]) == [], chart["id"]


def overlapping(texts: list[dict[str, Any]]) -> list[str]:
    """Pairs of texts that lie over each other."""
    found = []
    for number, one in enumerate(texts):
        for other in texts[number + 1 :]:
            beside = one["right"] <= other["left"] + ROUNDING or other["right"] <= one["left"] + ROUNDING
            apart = one["bottom"] <= other["top"] + ROUNDING * 3 or other["bottom"] <= one["top"] + ROUNDING * 3
            if not beside and not apart:
                found.append(f"{one['text']!r} and {other['text']!r}")
    return found


#: Every text that is shown, with its colour and the colours of what it lies on, the nearest first.
COLOURS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement, words = walker.currentNode.textContent.trim();
    if (!words || !parent.checkVisibility() || parent.closest('title, desc')) continue;
    const style = getComputedStyle(parent), grounds = [];
    for (let node = parent; node; node = node.parentElement) grounds.push(getComputedStyle(node).backgroundColor);
    found.push({words, colour: parent.closest('svg') ? style.fill : style.color, grounds});
  }
  return found;
}"""


@every_page
def test_every_text_can_be_read(show: Callable[..., Page], name: str) -> None:
    """A contrast of 4.5 to 1 at least: https://www.w3.org/TR/WCAG22/#contrast-minimum"""
    page = show(name)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        texts = page.evaluate(COLOURS)
        assert len(texts) > 50
        ratios = {text["words"][:40]: contrast(text["colour"], ground_of(text["grounds"])) for text in texts}
        assert {words: ratio for words, ratio in ratios.items() if ratio < 4.5} == {}, scheme
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png", full_page=True)


def test_dark_is_dark_and_light_is_light(show: Callable[..., Page]) -> None:
    for dark in (False, True):
        ground = show("tuned", dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
        assert (luminance(rgba(ground)) < 0.02) is dark
        assert (luminance(rgba(ground)) > 0.8) is not dark


def ground_of(grounds: list[str]) -> list[float]:
    return next(colour for colour in map(rgba, grounds) if colour[3] == 1)


def rgba(text: str) -> list[float]:
    """Parts of `rgb(1, 2, 3)` and `rgba(1, 2, 3, 0)`."""
    parts = [float(part) for part in re.findall(r"[0-9.]+", text)]
    return parts if len(parts) == 4 else [*parts, 1.0]


def luminance(colour: list[float]) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, ground: list[float]) -> float:
    lighter, darker = sorted((luminance(rgba(colour)), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_bars_are_drawn_as_long_as_they_should_be(show: Callable[..., Page]) -> None:
    bars = show("tuned").locator("#dataset-2-throughput .bar")
    ours, aws, optimized, s5cmd = bars.evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert ours > s5cmd > aws > optimized > 20
    assert ours / aws == pytest.approx(14.6 / 4.1, rel=0.05)


def test_patterns_are_really_painted(show: Callable[..., Page]) -> None:
    """Without colour: each tool's bar looks different in black and white, so a dot matrix printer is enough."""
    page = show("tuned")
    seen = page.evaluate(
        """() => [...document.querySelectorAll('#dataset-1-throughput rect[fill]')].map(rect => {
          const pattern = document.querySelector(rect.getAttribute('fill').slice(4, -1));
          return [pattern.tagName, getComputedStyle(pattern.firstElementChild).stroke];
        })"""
    )
    assert len(seen) == 3, "the fourth tool's bar is plain"
    card = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert all(entry == ["pattern", card] for entry in seen)
    bars = page.locator("#dataset-1-throughput .bar")
    pictures = {zlib.crc32(bars.nth(number).screenshot()) for number in range(4)}
    assert len(pictures) == 4


def test_page_needs_no_script(show: Callable[..., Page]) -> None:
    page = show("tuned", scripts=False)
    assert page.get_by_text("datasync was faster than AWS CLI on mix and small").is_visible()
    assert page.locator("#dataset-1-throughput .bar").first.is_visible()


def test_runs_can_be_opened_and_tables_reached_by_the_keyboard(show: Callable[..., Page]) -> None:
    page = show("tuned", 360)
    runs = page.locator("#runs")
    assert not runs.is_visible()
    page.get_by_text("Every run (48)").focus()
    page.keyboard.press("Enter")
    assert runs.is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 20
    while not page.evaluate("document.activeElement.scrollLeft > 0"):
        assert time.monotonic() < deadline, "the table does not scroll"
        page.wait_for_timeout(50)


def test_charts_are_read_aloud(show: Callable[..., Page]) -> None:
    page = show("tuned")
    chart = page.get_by_role("img", name="Throughput in MB/s by tool, small", exact=True)
    assert chart.count() == 1
    described = page.evaluate(
        """() => document.querySelector('#dataset-2-throughput').getAttribute('aria-describedby').split(' ')
          .map(id => document.getElementById(id).textContent).join(' ')"""
    )
    assert "AWS CLI: 4.10 MB/s" in described
    assert page.get_by_role("table", name=re.compile("small: medians")).count() == 1


#: A4 between its margins, in pixels. What is wider makes the browser print all of it smaller.
PAPER_WIDTH, PAPER_HEIGHT = 703, 1017


@every_page
def test_paper_is_light_whole_and_wide_enough(show: Callable[..., Page], name: str) -> None:
    page = show(name, PAPER_WIDTH, dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    assert luminance(rgba(page.evaluate("getComputedStyle(document.body).backgroundColor"))) > 0.9
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER_WIDTH
    for text in page.evaluate(COLOURS):
        assert contrast(text["colour"], ground_of([*text["grounds"], "rgb(255, 255, 255)"])) >= 4.5, text["words"]
    breaks = page.locator(".card").evaluate_all("cards => cards.map(card => getComputedStyle(card).breakInside)")
    assert set(breaks) == {"avoid"}
    if page.locator("#runs").count():
        assert page.locator("#runs").is_visible(), "what is folded on the screen is open on paper"
    page.pdf(path=PICTURES / f"{name}.pdf", prefer_css_page_size=True)
    assert (PICTURES / f"{name}.pdf").read_bytes().count(b"/Type /Page\n") >= 1


def test_no_chart_of_a_large_fleet_is_longer_than_a_page_of_paper(browser: Browser) -> None:
    many = {f"upload{number:02}.example.com": benchmark_results.full() for number in range(40)}
    page = browser.new_page(viewport={"width": PAPER_WIDTH, "height": PAPER_HEIGHT})
    page.set_content(fleet_benchmark_page.page(many, {}, together=True))
    page.emulate_media(media="print")
    heights = page.locator(".card").evaluate_all("cards => cards.map(card => card.getBoundingClientRect().height)")
    assert len(heights) == 3 * 4
    assert max(heights) < PAPER_HEIGHT - 100
    page.close()
