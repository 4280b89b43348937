"""The few pieces of HTML that the page is made of. Whatever comes from the user goes through `e` or `prose`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from gradwell.report.words import plain


def e(text: object) -> str:
    """Text made harmless for HTML, in elements and in attributes alike."""
    return escape(plain(text))


def prose(text: object) -> str:
    """A sentence whose `quoted` parts are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", e(text))


def section(title: str, *parts: str) -> str:
    """A part of the page under its heading; nothing where there is nothing to show."""
    return f"<section><h2>{e(title)}</h2>{''.join(parts)}</section>" if any(parts) else ""


def grid(parts: Iterable[str]) -> str:
    """Figures side by side where there is room."""
    inner = "".join(parts)
    return f'<div class="grid">{inner}</div>' if inner else ""


def figure(title: str, about: str, *parts: str) -> str:
    """A chart or table with its title and a sentence on what it shows."""
    return f"<figure><figcaption><b>{e(title)}</b> {e(about)}</figcaption>{''.join(parts)}</figure>"


def folded(title: str, inner: str) -> str:
    """Something to be opened by the reader."""
    return f"<details><summary>{e(title)}</summary>{inner}</details>" if inner else ""


def definitions(rows: Iterable[tuple[str, str]], kind: str) -> str:
    """Labels and what they stand for; the second of each is HTML already."""
    inner = "".join(f"<div><dt>{e(label)}</dt><dd>{html}</dd></div>" for label, html in rows if html)
    return f'<dl class="{kind}">{inner}</dl>' if inner else ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """A table whose first column names the rows; its cells are HTML already, and may be whole `<td>` elements."""
    top = "".join(f'<th scope="col">{e(label)}</th>' for label in head)
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in rest)}</tr>'
                   for first, *rest in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
