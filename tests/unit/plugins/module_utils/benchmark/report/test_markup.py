# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""No text becomes markup, and a page may load and run nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree.ElementTree import tostring

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.report import markup
from hypothesis import given
from hypothesis import strategies as st


class Reader(HTMLParser):
    """Reads what a browser would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def written(*children: markup.Child, **attributes: str) -> str:
    return tostring(markup.element("p", *children, **attributes), encoding="unicode", method="html")


@given(st.text())
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    seen = read(written(text, title=text))
    assert seen.tags == ["p"]
    assert seen.text == markup.fit(text)
    assert seen.attributes == [("title", markup.fit(text))]


def test_names_of_attributes_and_what_is_left_out() -> None:
    assert written("a", None, class_="b", aria_label="c", id=None) == '<p class="b" aria-label="c">a</p>'


def test_text_keeps_its_place_between_elements() -> None:
    assert written("a", markup.element("b", "c"), "d", "e") == "<p>a<b>c</b>de</p>"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x85", "\udcff", "\u202e", "\u2066"])
def test_what_cannot_be_shown_or_turns_the_text_is_replaced(character: str) -> None:
    assert markup.fit(f"a{character}b") == "a\ufffdb"


def test_text_of_the_world_stays() -> None:
    assert markup.fit("Größe 東京 עברית 🚀\n") == "Größe 東京 עברית 🚀\n"


def test_document_allows_its_own_style_and_nothing_else() -> None:
    page = markup.document("A & B", "p{color:red}", [markup.element("p", "x")])
    found = re.search(r'content="(default-src[^"]*)"', page)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(b"p{color:red}").digest()).decode()
    assert found[1] == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<title>A &amp; B</title>" in page
    assert "<style>p{color:red}</style>" in page


def test_table_aligns_columns_by_what_is_in_them() -> None:
    rows = [
        ["a", "1", markup.element("span", "word")],
        ["b", markup.number("2", "1-3"), markup.element("span", "word")],
    ]
    table = markup.table("About", ["Name", "Figure", "Words"], rows, "t")
    assert [cell.get("class") for cell in table.iter("th")][:3] == [None, None, "text"]
    assert [cell.get("class") for cell in table.iter("td")] == [None, "text", None, "text"]
    assert [cell.get("scope") for cell in table.iter("th")] == ["col"] * 3 + ["row"] * 2
    assert table.get("tabindex") == "0", "a table that scrolls is reached by the keyboard"
