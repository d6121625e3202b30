"""Letters as single benchmarks read them: MediConfusion, MedQ-Bench, DeepTumorVQA, TemMed-Bench.

Sources: AIF4S/MediConfusion, utils/answering.py; open-compass/VLMEvalKit, medqbench_mcq.py; Schuture/DeepTumorVQA,
eval/metrics.py; Levi-ZJY/TemMed-Bench. Their false hits are kept: "Because" is B, an article at the start is A,
"Normal" is no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer, without_blocks
from vesalius.tasks.answers.rules.base import Rule, chooses, read_as

__all__ = ["DEEPTUMORVQA", "MEDICONFUSION", "MEDQ_BENCH", "TEMMED"]

_MEDQ = [
    re.compile(pattern)
    for pattern in (
        r"^([A-D])[.)\s]",
        r"^([A-D])\s*[-:]",
        r"(?:^|[^A-Z])([A-D])(?:[^A-Z]|$)",
    )
]
_PLAIN_MARKS, _PLAIN_SPACES = re.compile(r"[^\w\s\-]"), re.compile(r"\s+")


def _answered(letter: str, rule: str) -> Parsed:
    return Parsed(status="answered", value=letter, rule=rule)


def _mediconfusion(reply: str, options: Mapping[str, str]) -> Parsed:
    tokens = set(reply.replace("\n", " ").split(" "))
    found = []
    for label in ("A", "B"):
        forms = (label, f"{label}:", f".{label}", f".{label}:", f"{label}.", f'{label}")', f'("{label}":')
        if tokens & {*forms, f'("{label}")', f'("{label}").'}:
            found.append(label)
    if len(found) == 1:
        return _answered(found[0], "token")
    return Parsed(status="ambiguous" if found else "unparsed", rule=f"{len(found)} letters as tokens")


def _medq_bench(reply: str, options: Mapping[str, str]) -> Parsed:
    text = reply.strip().upper()
    if text in ("A", "B", "C", "D"):
        return _answered(text, "letter")
    for pattern in _MEDQ:
        found = pattern.search(text)
        if found:
            return _answered(found.group(1), f"pattern {pattern.pattern}")
    return Parsed(status="unparsed", rule="no letter")


def _deeptumorvqa(reply: str, options: Mapping[str, str]) -> Parsed:
    text = without_blocks(reply).upper()
    if text[:1] in tuple("ABCD"):
        return _answered(text[0], "first character")
    found = re.search(r"\b([A-D])\b", text)
    return _answered(found.group(1), "first letter alone") if found else Parsed(status="unparsed", rule="no letter")


def _tumour_binary(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    truth, said = (_first_word(text.strip().lower()) for text in (gold, without_blocks(reply)))
    if said is None:
        return ScoredAnswer(correct=0.0, parsed=Parsed(status="unparsed", rule="neither yes nor no"))
    return ScoredAnswer(correct=float(said == truth), parsed=_answered(said, "start, or word"))


def _first_word(text: str) -> str | None:
    """Return yes or no where a text begins with its letters, else where it is a word, yes first."""
    for value in ("yes", "no"):
        if text.startswith(value):
            return value
    return next((value for value in ("yes", "no") if re.search(rf"\b{value}\b", text)), None)


def _tumour_category(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    """Compare without marks but hyphens; value "partial" also has 1 where one text holds the other."""
    truth, said = (
        _PLAIN_SPACES.sub(" ", _PLAIN_MARKS.sub("", text.strip().lower())) for text in (gold, without_blocks(reply))
    )
    exact = truth == said
    partial = exact or bool(truth and said and (truth in said or said in truth))
    return ScoredAnswer(correct=float(exact), parsed=read_as(said, "equality"), values={"partial": float(partial)})


def _temmed(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    """Compare the first letters; the release stops with an error where they are neither, which is unparsed here."""
    said = {form: form.lower() for form in ("Yes", "yes", "YES", "No", "no", "NO")}
    read = [next((value for form, value in said.items() if text.startswith(form)), None) for text in (gold, reply)]
    if read[1] is None:
        return ScoredAnswer(correct=0.0, parsed=Parsed(status="unparsed", rule="begins with neither"))
    return ScoredAnswer(correct=float(read[0] == read[1]), parsed=_answered(read[1], "first letters"))


def _temmed_choice(reply: str, options: Mapping[str, str]) -> Parsed:
    """Look for the closing phrase of each letter in turn; without one the release stops, which is unparsed here."""
    text = reply.lower()
    for letter in "ABCD":
        small = letter.lower()
        if f"my answer is {small}" in text or any(f"my answer is **{small}{end}**" in text for end in ("", ".")):
            return _answered(letter, "closing phrase")
    return Parsed(status="unparsed", rule="no closing phrase")


MEDICONFUSION = Rule(
    does="choice of two: A or B as a token of a few fixed forms between blanks; both or none is invalid.",
    choice=chooses(_mediconfusion),
    parse=_mediconfusion,
)
MEDQ_BENCH = Rule(
    does="choice: a letter at the start, else the first letter alone, in any case; its pattern 'answer is X' "
    "never fits, being in small letters where the reply is put to capitals.",
    choice=chooses(_medq_bench),
    parse=_medq_bench,
)
DEEPTUMORVQA = Rule(
    does="choice: the first character where it is A to D in any case, else the first of these letters alone; yes/no: "
    "by the letters it begins with, else by words; open: equality without marks.",
    closed=_tumour_binary,
    open=_tumour_category,
    choice=chooses(_deeptumorvqa),
    parse=_deeptumorvqa,
)
TEMMED = Rule(
    does="yes/no: the reply begins with the letters yes or no, so that Normal is no; choice: the first of A to D "
    "whose phrase 'my answer is X', plain or bold, stands in the reply, so that 'as follows' is A.",
    closed=_temmed,
    choice=chooses(_temmed_choice),
    parse=_temmed_choice,
)
