"""Choice of the option whose text is most like the reply, by difflib's ratio: OmniMedVQA and MedVInT.

Source: OpenGVLab/Multi-Modality-Arena, MedicalEval, question-answering score (arXiv 2402.09181);
xiaoman-zhang/PMC-VQA, MedVInT-TD and -TE, test.py (arXiv 2305.10415).
"""

from __future__ import annotations

from collections.abc import Mapping

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule
from vesalius.tasks.answers.rules.medevalkit import most_alike

__all__ = ["OMNIMED_QA", "PMCVQA", "PMCVQA_TE"]


def _read(reply: str, texts: Mapping[str, str]) -> Parsed:
    """Return the label of the text most like a reply; unparsed where none has a letter in common with it."""
    number = most_alike(list(texts.values()), reply)
    if number is None:
        return Parsed(status="unparsed", rule="nothing in common with any option")
    return Parsed(status="answered", value=list(texts)[number], rule="most alike")


def _omnimed(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    """Right where the text of the chosen option is the gold's text."""
    parsed = _read(reply, options)
    right = parsed.status == "answered" and options[parsed.value] == options[gold]
    return ScoredAnswer(correct=float(right), parsed=parsed)


def _last_character(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    """Compare the last character of the reply with the options' texts, and the gold's letter in the same manner.

    Both may be like none of them, which counts as right. The release cannot score an empty reply; here it is wrong.
    """
    if not reply:
        return ScoredAnswer(correct=0.0, parsed=Parsed(status="empty", rule="no last character"))
    parsed, truth = _read(reply[-1], options), _read(gold, options)
    return ScoredAnswer(correct=float(parsed.value == truth.value), parsed=parsed)


def _letter(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    """Compare the reply with the letters themselves, and the gold's in the same manner."""
    parsed = _read(reply, {label: label for label in options})
    return ScoredAnswer(correct=float(parsed.value == gold), parsed=parsed)


OMNIMED_QA = Rule(
    does="choice: the option whose text has the greatest difflib ratio to the reply, case kept; a bare letter too.",
    choice=_omnimed,
    parse=_read,
)
PMCVQA = Rule(
    does="choice (MedVInT-TD): the last character of the reply and the gold letter are each likened to the options' "
    "texts; like none and like none is right.",
    choice=_last_character,
)
PMCVQA_TE = Rule(
    does="choice (MedVInT-TE): the letter with the greatest difflib ratio to the reply.",
    choice=_letter,
)
