"""Questions in Chinese, Arabic and Hindi-English: own wordings, names and answers from the term table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from vesalius.config import read_yaml
from vesalius.errors import ConfigError
from vesalius.virtual.questions.items import Item
from vesalius.virtual.text.arabic import finished
from vesalius.virtual.text.terms import LANGUAGES, terms

__all__ = ["LANGUAGES", "families_in", "said", "worded", "wordings_in"]

_FIELD = {"zh": "zh", "ar": "ar", "hi-Latn": "hi"}
_SIDES = ("left", "right")


@cache
def wordings_in(language: str) -> dict[str, list[str]]:
    """Return the wordings by family.

    Raises:
        ConfigError: the language has none.
    """
    name = "words.yaml" if language == "en" else "words_other.yaml"
    values = read_yaml(Path(__file__).with_name(name))
    if language not in LANGUAGES:
        raise ConfigError(f"no questions in the language {language!r}; there are {', '.join(LANGUAGES)}")
    found: dict[str, list[str]] = values if language == "en" else values[language]
    return found


def families_in(language: str) -> tuple[str, ...]:
    """Return the families that can be asked in a language."""
    return tuple(wordings_in(language))


def said(text: str, language: str) -> str | None:
    """Return a name or an answer in a language; None where the term table does not know it.

    Numbers, boxes and points are the same in all languages.
    """
    if language == "en" or not any(letter.isalpha() for letter in text):
        return text
    table, field = terms(), _FIELD[language]
    plain = text.replace(" ", "_")
    if plain in table.concepts:
        return str(getattr(table.concepts[plain], field))
    if text in table.answers:
        return str(getattr(table.answers[text], field))
    if text in table.severities:
        word = getattr(table.severities[text], field)
        return word if isinstance(word, str) else str(word[0])
    return _site(text, language)


def _site(text: str, language: str) -> str | None:
    """Return a site with its side, as "right upper lobe" has one."""
    table = terms()
    first, _, rest = text.partition(" ")
    side, name = (first, rest) if first in _SIDES and rest in table.sites else ("", text)
    if name not in table.sites:
        return None
    site = table.sites[name]
    if not side:
        return str(getattr(site, _FIELD[language]))
    if language == "zh":
        return f"{table.sides[side].zh}{'' if site.zh.startswith('肺') else '侧'}{site.zh}"
    if language == "ar":
        return f"{site.ar} {table.sides[side].ar[site.gender == 'f']}"
    return f"{table.sides[side].hi} {site.hi}"


def worded(item: Item, language: str, template: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Return question, answer and options of an item in a language; None where a name is missing there."""
    slots = {name: said(value, language) for name, value in item.slots}
    answer = said(item.answer, language)
    options = [said(option, language) for option in item.options]
    if answer is None or None in options or None in slots.values():
        return None
    question = template.format(**slots)
    if language == "ar":
        question = finished(question, eastern=False)
    return question, answer, tuple(option for option in options if option is not None)
