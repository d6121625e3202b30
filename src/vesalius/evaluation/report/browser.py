"""The frame of a browser of items, which `browser.js` fills with the blocks beside the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from vesalius.evaluation.report import write_page
from vesalius.page import Section

__all__ = ["Filter", "browser_script", "browser_section", "browser_style", "every", "write_browser_page"]

_HERE = Path(__file__).parent

Filter = tuple[str, str, Mapping[str, str]]
"""Title of a selection, its name, and value to words; the first value stands at the beginning."""


def browser_section(filters: Iterable[Filter], *, lead: str, title: str) -> Section:
    """Return the section of the items."""
    chosen = "".join(
        f'<label>{escape(words)}<select id="by-{name}">{_options(values)}</select></label>'
        for words, name, values in filters
    )
    body = (
        f'<form id="filters" onsubmit="return false">{chosen}'
        '<label>Words<input id="by-words" type="search" placeholder="id or question"></label></form>'
        '<p class="note" id="found" aria-live="polite"></p><div class="items"><ol id="list" tabindex="0"></ol>'
        '<article id="item" class="card" aria-live="polite"></article></div>'
        '<p class="note">Keys: j and k, or the arrows, go on and back; n and p turn the pages.</p>'
    )
    return Section(anchor="items", title=title, lead=lead, body=body)


def every(values: Sequence[str]) -> dict[str, str]:
    """Return the values of a selection, "all" first."""
    return {"": "all", **{value: value for value in values}}


def browser_style() -> str:
    """Return the style of a page with items."""
    return (_HERE / "browser.css").read_text(encoding="utf-8")


def browser_script(view: str) -> str:
    """Return the script of a page with items; `view` is the file that says what is filtered and shown."""
    return "".join((_HERE / name).read_text(encoding="utf-8") for name in (view, "browser.js"))


def write_browser_page(path: Path, text: str) -> Path:
    """Write a page whose items lie in the folder ``items`` beside it."""
    return write_page(path, text.replace("<script>\n", '<script src="items/index.js"></script><script>\n', 1))


def _options(values: Mapping[str, str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in values.items())
