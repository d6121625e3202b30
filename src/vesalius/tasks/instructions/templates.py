"""Templates of instructions: wordings by task and language, each with its output grammar and the places it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

import numpy as np

from vesalius.config import Config, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["BUILT_IN", "OUTPUTS", "Template", "Templates", "Wording", "phrase", "templates", "worded"]

OUTPUTS: Mapping[str, str] = MappingProxyType(
    {
        "words": "a free text: tasks.answers.parse_open",
        "report": "a report",
        "yes_no": "yes or no: tasks.answers.parse_closed",
        "letter": "the letter of an option: tasks.answers.parse_choice",
        "letters": "letters of options: tasks.answers.parse_choices",
        "number": "a number with its unit: tasks.answers.parse_number",
        "labels": "names of a list: tasks.instructions.parse_labels",
        "regions": "boxes: Grammar.parse of tasks.grammar",
        "points": "points: Grammar.parse",
        "counts": "numbers: Grammar.parse with the task",
        "counts_points": "numbers and points: Grammar.parse with the task",
        "counts_regions": "numbers and boxes: Grammar.parse with the task",
        "landmarks": "named points: Grammar.parse with the task",
        "statements": "regions and sentences: tasks.grammar.parse_statements",
    }
)
"""What answers look like, and what reads them."""


@dataclass(frozen=True, kw_only=True)
class Wording(Config):
    """Which words questions are put in."""

    pool: str = ""
    """File of ``pools/`` whose tasks are worded as it says; the built-in words where it has none, or where empty."""
    form: bool = True
    """Whether a sentence stands behind a question that says what the answer is to look like."""


BUILT_IN = Wording()
"""The package's own words, with the sentences on the form of answers."""


@dataclass(frozen=True, kw_only=True)
class _Words(Config):
    """Wordings of a task in a language, and sentences that say what an answer looks like."""

    asks: tuple[str, ...]
    form: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a task is asked in a language."""

    task: str
    language: str
    answer: str
    """Output grammar, a key of `OUTPUTS`."""
    needs: tuple[str, ...]
    """Places that every wording fills."""
    asks: tuple[str, ...]
    form: tuple[str, ...] = ()
    """Sentences that say what an answer looks like; empty where nothing is said."""

    def instruction(self, rng: np.random.Generator, *, explained: str = "", **fields: str) -> str:
        """Draw a wording and fill its places; a sentence on the form of the answer stands after it.

        Args:
            rng: wording and form are drawn from it, apart.
            explained: a further line, such as on the convention of coordinates.
            fields: text of every place.

        Raises:
            ConfigError: a place is missing, or one is given that the template does not have.
        """
        wrong = sorted(set(self.needs) ^ set(fields))
        if wrong:
            needed, given = (", ".join(names) or "nothing" for names in (self.needs, fields))
            raise ConfigError(f"task {self.task!r} needs {needed}; given {given}")
        text = self.asks[int(rng.integers(len(self.asks)))].format(**fields)
        form = self.form[int(rng.integers(len(self.form)))] if self.form else ""
        lead = text[:1].upper() + text[1:]
        return "\n".join(part for part in (lead, form, explained) if part)


class Templates:
    """Templates by task and language."""

    def __init__(self, found: Mapping[tuple[str, str], Template]) -> None:
        self._found = dict(found)

    @classmethod
    def read(cls, path: Path) -> Templates:
        """Read a file of templates: the built-in one, or the pools of a paper.

        Raises:
            ConfigError: an unknown output grammar, no wording, or one whose places are not those that are needed.
        """
        found: dict[tuple[str, str], Template] = {}
        for task, values in read_yaml(path).items():
            where = f"{path.name}, task {task!r}"
            answer, needs, languages = _parts(values, where)
            for language, words in languages.items():
                own = validate(_Words, words, where=f"{where}, language {language!r}")
                template = Template(
                    task=task, language=language, answer=answer, needs=needs, asks=own.asks, form=own.form
                )
                _check(template, where)
                found[task, language] = template
        return cls(found)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of all tasks."""
        return tuple(dict.fromkeys(task for task, _ in self._found))

    def languages(self, task: str) -> tuple[str, ...]:
        """Return the languages that a task is worded in.

        Raises:
            ConfigError: no such task; offers the nearest.
        """
        if task not in self.tasks:
            raise ConfigError(f"no instruction for the task {task!r}{did_you_mean(task, self.tasks)}")
        return tuple(language for own, language in self._found if own == task)

    def get(self, task: str, language: str) -> Template:
        """Return the template of a task in a language.

        Raises:
            ConfigError: no such task, or it is not worded in that language; offers the nearest.
        """
        known = self.languages(task)
        if language not in known:
            raise ConfigError(f"task {task!r} has no instruction in {language!r}; there are {', '.join(known)}")
        return self._found[task, language]

    def under(self, above: Templates) -> Templates:
        """Return these templates with others laid over them."""
        return Templates({**self._found, **above._found})

    def bare(self) -> Templates:
        """Return these templates without the sentences on the form of answers."""
        return Templates({key: replace(template, form=()) for key, template in self._found.items()})


@cache
def templates() -> Templates:
    """Return the built-in templates."""
    return Templates.read(Path(__file__).with_name("templates.yaml"))


@cache
def worded(wording: Wording) -> Templates:
    """Return the templates of a wording.

    Raises:
        ConfigError: no such pool; offers the nearest.
    """
    found = templates()
    if wording.pool:
        pools = {path.stem: path for path in Path(__file__).with_name("pools").glob("*.yaml")}
        if wording.pool not in pools:
            raise ConfigError(f"no pool of wordings {wording.pool!r}{did_you_mean(wording.pool, pools)}")
        found = found.under(Templates.read(pools[wording.pool]))
    return found if wording.form else found.bare()


def phrase(name: str, language: str, **fields: str) -> str:
    """Return a phrase that answers and questions are put together from, its places filled.

    Raises:
        ConfigError: no such phrase or language.
    """
    table = _phrases()
    if language not in table:
        raise ConfigError(f"no phrases in the language {language!r}; there are {', '.join(table)}")
    if name not in table[language]:
        raise ConfigError(f"no phrase {name!r} in {language!r}{did_you_mean(name, table[language])}")
    return str(table[language][name]).format(**fields)


@cache
def _phrases() -> dict[str, Any]:
    return read_yaml(Path(__file__).with_name("phrases.yaml"))


def _parts(values: Any, where: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Return output grammar, needed places and words by language."""
    if not isinstance(values, dict) or "answer" not in values:
        raise ConfigError(f"{where}: expected answer, needs and words by language")
    answer, needs = str(values["answer"]), tuple(values.get("needs", ()))
    if answer not in OUTPUTS:
        raise ConfigError(f"{where}: unknown output grammar {answer!r}{did_you_mean(answer, OUTPUTS)}")
    return answer, needs, {name: words for name, words in values.items() if name not in ("answer", "needs")}


def _check(template: Template, where: str) -> None:
    """Refuse a template without wordings, or one whose wordings fill other places than it says."""
    if not template.asks:
        raise ConfigError(f"{where}, language {template.language!r}: no wording")
    for text in template.asks:
        places = _places(text)
        if places != set(template.needs):
            told = (
                f"fills {', '.join(sorted(places)) or 'nothing'}, expected {', '.join(template.needs) or 'nothing'}"
            )
            raise ConfigError(f"{where}, language {template.language!r}: wording {text!r} {told}")


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
