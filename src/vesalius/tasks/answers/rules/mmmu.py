"""Choice of a letter in MMMU: the last of the letters or, in a longer reply, of the options' texts that stand in it.

Source: MMMU-Benchmark/MMMU, eval_utils.py, as alibaba-damo-academy/MedEvalKit at 9b12e3b has it (utils/MMMU). Where
nothing is found the release draws an option by chance; here it is unparsed, and wrong. Its free answers are compared
letter by letter of the reply, so that none is ever right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, chooses, read_as
from vesalius.tasks.answers.rules.medevalkit import boxed, tagged

__all__ = ["MMMU"]

_MARKS = (",", ".", "!", "?", ";", ":", "'")
_SHORT = 5
"""Words from which on an option's text is looked for."""


def _parse(reply: str, options: Mapping[str, str]) -> Parsed:
    text = tagged(reply) if "<answer>" in reply else boxed(reply) if "\\boxed" in reply else reply
    text = text.strip()
    for mark in _MARKS:
        text = text.strip(mark)
    text = f" {text} "
    for form, rule in (("({})", "letter in brackets"), (" {} ", "letter between blanks")):
        found = [label for label in options if form.format(label) in text]
        if found:
            return read_as(max(found, key=lambda label: text.rfind(form.format(label))), rule)
    lowered = text.lower()
    found = [label for label, words in options.items() if words.lower() in lowered]
    if found and len(text.split()) > _SHORT:
        return read_as(max(found, key=lambda label: lowered.rfind(options[label].lower())), "text of an option")
    return Parsed(status="unparsed", rule="neither letter nor text; the release draws one")


def _open(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    return ScoredAnswer(correct=0.0, parsed=read_as(reply, "letter by letter"))


MMMU = Rule(
    does="choice: the last letter in brackets, else between blanks, else in a reply of more than five words the last "
    "option's text; where the release then draws one by chance it is wrong here; free answers are never right.",
    choice=chooses(_parse),
    open=_open,
    parse=_parse,
)
