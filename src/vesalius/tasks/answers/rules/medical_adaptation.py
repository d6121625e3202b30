"""Choice of a letter in the study of medical adaptation: a letter between marks, else the right option's text alone.

Source: taekb/eval-medical-dapt at 908bb86, src/llm/_infer_llm.py, extract_pred (arXiv 2411.04118). Kept as they are:
the article "A" is option A, the first of several letters counts, and only the right option's text is looked for.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as

__all__ = ["MEDICAL_ADAPTATION"]

_MARKS = str.maketrans(dict.fromkeys(string.punctuation, " "))


def _plain(text: str) -> str:
    return " ".join(text.translate(_MARKS).strip().lower().split())


def _says(text: str, words: str) -> bool:
    return re.search(rf"(?:^|\s){re.escape(words)}(?=\s|$)", text) is not None


def _read(gold: str, reply: str, options: Mapping[str, str]) -> Parsed:
    letters = "|".join(re.escape(label) for label in options)
    found = re.search(rf"(?:^|\s|\(|\[|<)({letters})(?=\s|$|\.|</s>|\)|\]|>)", reply.strip())
    if found:
        return read_as(found.group(1), "first letter between marks")
    said = _plain(reply)
    if not _says(said, _plain(options[gold])):
        return Parsed(status="unparsed", rule="neither a letter nor the right option's text")
    others = [text for text in options.values() if text != options[gold]]
    if any(_says(said, _plain(text)) for text in others):
        return Parsed(status="ambiguous", rule="texts of several options")
    return read_as(gold, "text of the right option")


def _choice(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    parsed = _read(gold, reply, options)
    return ScoredAnswer(correct=float(parsed.value == gold), parsed=parsed)


MEDICAL_ADAPTATION = Rule(
    does="choice: the first letter between blanks or marks, an article too, else the right option's text where no "
    "other option's stands beside it.",
    choice=_choice,
)
