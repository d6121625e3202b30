"""The shell of a page and its small parts; everything that comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["Cell", "Section", "card", "definitions", "details", "number", "page", "paragraph", "table"]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page; an empty body leaves it out."""

    anchor: str
    title: str
    body: str
    lead: str = ""
    """One or two plain sentences under the title."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: plain text is escaped, `html` is not."""

    text: str = ""
    html: str = ""
    kind: str = ""
    """"n" for numbers, "words" for text that may break."""


def page(
    title: str, *, eyebrow: str, head: str, sections: Sequence[Section], foot: str, style: str = "", script: str = ""
) -> str:  # fmt: skip
    """Return a whole page that needs nothing from outside.

    Args:
        title: heading, escaped here.
        eyebrow: small line above it, escaped here.
        head: HTML under the heading.
        sections: parts with a body; the others are left out.
        foot: last line, escaped here.
        style: CSS of this page alone, after that of all pages.
        script: JavaScript of this page, run at its end.
    """
    shown = [section for section in sections if section.body]
    links = "".join(f'<a href="#{section.anchor}">{escape(section.title)}</a>' for section in shown)
    parts = "".join(
        f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>'
        + (f'<p class="lead">{escape(section.lead)}</p>' if section.lead else "")
        + f"{section.body}</section>\n"
        for section in shown
    )
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + style
    code = f"<script>\n{script}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{style}</style></head>\n"
        f'<body><header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>{head}'
        f"<nav>{links}</nav></header>\n<main>\n{parts}</main>\n<footer>{escape(foot)}</footer>{code}</body></html>\n"
    )


def paragraph(text: str, *, kind: str = "") -> str:
    """Return an escaped paragraph of a class."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>"


def card(body: str, *, title: str = "", kind: str = "") -> str:
    """Return a framed box; the title is escaped, the body is not."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="card {kind}">{heading}{body}</div>'


def table(heads: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table that scrolls sideways where it is wider than the screen."""
    head = "".join(_cell("th", cell) for cell in heads)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def details(title: str, body: str) -> str:
    """Return a part that opens on request."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Return names with their values, both escaped."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in rows)}</dl>"


def number(value: float | None, *, places: int = 3) -> str:
    """Return a number for people; "–" where it is not defined."""
    return "–" if value is None or value != value else f"{value:.{places}f}"


def _cell(tag: str, cell: Cell) -> str:
    mark = f' class="{cell.kind}"' if cell.kind else ""
    return f"<{tag}{mark}>{escape(cell.text)}{cell.html}</{tag}>"
