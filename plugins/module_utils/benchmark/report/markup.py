# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""HTML and SVG as trees of elements, and whole pages that fetch nothing and run nothing.

A tree is escaped when it is written, so no name of a file or host can become markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Union
from xml.etree.ElementTree import Element, SubElement, tostring

#: What neither HTML nor a reader can do anything with: control characters, halves of surrogate pairs, and the marks
#: that turn the direction of writing, with which a name can pose as another.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

Child = Union[Element, str, None]


def element(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """An element with its children; None among them is left out, as is an attribute that is None.

    `class_="a"` is the attribute `class`, `aria_label="b"` is `aria-label`.
    """
    node = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            node.set(name.rstrip("_").replace("_", "-"), fit(str(value)))
    last: Element | None = None
    for child in children:
        if isinstance(child, str):
            if last is None:
                node.text = (node.text or "") + fit(child)
            else:
                last.tail = (last.tail or "") + fit(child)
        elif child is not None:
            node.append(child)
            last = child
    return node


def fit(text: str) -> str:
    """The text with U+FFFD for each character that cannot be shown."""
    return _UNFIT.sub("\ufffd", text)


def table(caption: str, head: Sequence[Child], rows: Sequence[Sequence[Child]], ident: str | None = None) -> Element:
    """A table whose first column names the rows. Cells of words are elements; those of figures text, or by `number`.

    It scrolls sideways where it does not fit, also by the keyboard.
    """
    body = [
        element(
            "tr", element("th", row[0], scope="row"), *(element("td", cell, class_=_kind(cell)) for cell in row[1:])
        )
        for row in rows
    ]
    words = [bool(rows) and all(_kind(row[column]) for row in rows) for column in range(len(head))]
    columns = [
        element("th", cell, scope="col", class_="text" if of_words else None) for cell, of_words in zip(head, words)
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *columns)),
        element("tbody", *body),
        id=ident,
    )
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def number(figure: str, below: str) -> Element:
    """A figure for a cell, with a second one in small print."""
    return element("span", figure, element("small", below), class_="number")


def _kind(cell: Child) -> str | None:
    return None if isinstance(cell, str) or cell is None or cell.get("class") == "number" else "text"


def document(title: str, style: str, body: Sequence[Element]) -> str:
    """A whole HTML page. Its policy lets the browser use this very style and nothing else.

    https://www.w3.org/TR/CSP3/ : no script, no request, no style from attributes.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    head.append(element("meta", charset="utf-8"))
    head.append(Element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}))
    head.append(element("meta", name="viewport", content="width=device-width, initial-scale=1"))
    head.append(element("meta", name="color-scheme", content="light dark"))
    head.append(element("meta", name="robots", content="noindex"))
    head.append(element("title", title))
    # Not by `element`: a style is not escaped, so only our own text may be here, and the digest is of just that.
    SubElement(head, "style").text = style
    html.append(element("body", element("main", *body)))
    return f"<!DOCTYPE html>\n{tostring(html, encoding='unicode', method='html')}\n"
