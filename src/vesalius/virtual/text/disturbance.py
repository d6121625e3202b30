"""Reports as they leave a busy department: typing and dictation errors, wrong sides, templates left over, gaps.

The facts of a sentence stay those that it should state, and `Sentence.wrong` says what was done to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from vesalius.errors import ConfigError
from vesalius.virtual.text.grammar import common
from vesalius.virtual.text.report import Report, Sentence

__all__ = ["Rates", "disturbed", "other_side"]

_MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often something goes wrong; independent of what the report says."""

    typo: float = 0.01
    """Of words of four letters or more."""
    side: float = 0.003
    """Of sentences that name a side: left for right."""
    dictation: float = 0.005
    """Of sentences with a word that is easily misheard."""
    template: float = 0.01
    """Of sections: a sentence of the template is left in."""
    missing: float = 0.1
    """Of reports: the findings or the impression is not there."""

    def __post_init__(self) -> None:
        for part in fields(self):
            share = getattr(self, part.name)
            if not 0 <= share <= 1:
                raise ConfigError(f"rate of {part.name} is {share}, expected 0 to 1")


def disturbed(report: Report, rng: np.random.Generator, rates: Rates | None = None) -> Report:
    """Return a report with errors of writing.

    `Sentence.wrong` names the last error that changes the meaning ("side", "dictation", "template", "missing"), else
    "typo" where only letters changed. A missing section keeps its sentences, without text, for their facts.

    Args:
        report: as `write_report` gives it.
        rng: for the places of the errors.
        rates: how often; those of practice where not given.
    """
    rates = rates or Rates()
    lost = rng.random() < rates.missing
    which = int(rng.integers(2))
    sections = []
    for number, section in enumerate((report.findings, report.impression)):
        if lost and number == which:
            sections.append(tuple(replace(part, text="", wrong=_MISSING) for part in section))
            continue
        sentences = [_sentence(part, rng, rates) for part in section]
        if rng.random() < rates.template:
            left = common().leftovers[int(rng.integers(len(common().leftovers)))]
            region = section[0].region if section else ""
            sentences.insert(int(rng.integers(len(sentences) + 1)), Sentence(left, "", (), 0, region, "template"))
        sections.append(tuple(sentences))
    return replace(report, findings=sections[0], impression=sections[1])


def _sentence(sentence: Sentence, rng: np.random.Generator, rates: Rates) -> Sentence:
    rolls = rng.random(2)
    text, wrong = sentence.text, ""
    if rolls[0] < rates.side and re.search(r"\b(?:[Ll]eft|[Rr]ight)\b", text):
        text, wrong = other_side(text), "side"
    if rolls[1] < rates.dictation and _misheard()[0].search(text):
        pattern, table = _misheard()
        text, wrong = pattern.sub(lambda match: table[match[0]], text, count=1), "dictation"
    typed = _typed(text, rng, rates.typo)
    if typed != text:
        wrong = wrong or "typo"
    return replace(sentence, text=typed, wrong=wrong) if wrong else sentence


def other_side(text: str) -> str:
    """Return a text with left for right and right for left."""
    swapped = {"left": "right", "Left": "Right", "right": "left", "Right": "Left"}
    return re.sub(r"\b(?:[Ll]eft|[Rr]ight)\b", lambda match: swapped[match[0]], text)


@cache
def _misheard() -> tuple[re.Pattern[str], dict[str, str]]:
    table = common().dictation
    longest = sorted(table, key=lambda word: -len(word))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b"), table


def _typed(text: str, rng: np.random.Generator, rate: float) -> str:
    """Drop, double or exchange a letter inside some words."""
    words = text.split(" ")
    rolls = rng.random((len(words), 3))
    for number, (chance, place, kind) in enumerate(rolls):
        word = words[number]
        if chance >= rate or len(word) < 4 or not word.strip(".,:").isalpha():
            continue
        i = 1 + int(place * (len(word.strip(".,:")) - 2))
        words[number] = (
            word[:i] + word[i + 1 :] if kind < 0.4
            else word[:i] + word[i] + word[i:] if kind < 0.6
            else word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        )  # fmt: skip
    return " ".join(words)
