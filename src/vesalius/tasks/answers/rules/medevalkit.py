"""Scoring of MedEvalKit: marks of an answer, then substrings, equality, or the option most like the reply.

Source: MedEvalKit, alibaba-damo-academy, revision 9b12e3b, with the answer box of mathruler 0.1.0. Kept as they are:
an empty reply to a choice chooses the first option; the numbers that it prints as precision, recall and F1 are F1,
precision and recall. Where it fails (ROUGE and F1 of an empty reply) the values are 0 here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from vesalius.tasks.answers.reply import ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as

__all__ = ["MEDEVALKIT", "MEDEVALKIT_SLAKE", "most_alike", "score_lines", "tagged", "word_sets"]

_PHRASES = (
    "**answer**:", "**answer**", "*answer*:", "**answer:**", "answer is", "answer:", "答案:", "final answer",
    "final answer is",
)  # fmt: skip
_NONE = "None"
"""What the box of mathruler gives where there is none."""
_BOXED = "\\boxed{"


def most_alike(texts: Sequence[str], reply: str) -> int | None:
    """Return the number of the first text with the greatest difflib ratio to a reply, None where all have none."""
    ratios = [SequenceMatcher(None, text, reply).ratio() for text in texts]
    best = max(ratios)
    return ratios.index(best) if best > 0 else None


def word_sets(gold: str, reply: str) -> dict[str, float]:
    """Return precision, recall and F1 of the distinct words of two texts, set in small letters, marks left on."""
    said, truth = set(reply.lower().split()), set(gold.lower().split())
    shared = len(said & truth)
    if not shared:
        return dict.fromkeys(("set_precision", "set_recall", "set_f1"), 0.0)
    precision, recall = shared / len(said), shared / len(truth)
    return {"set_precision": precision, "set_recall": recall, "set_f1": 2 * precision * recall / (precision + recall)}


def boxed(text: str) -> str:
    """Return the content of the last box, "None" where there is none that closes."""
    start = text.rfind(_BOXED)
    depth, begin = 0, start + len(_BOXED)
    for place in range(begin, len(text) if start >= 0 else 0):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == -1:
            return text[begin:place].strip()
    return _NONE


def tagged(text: str, name: str = "answer") -> str:
    """Return the contents of all closed tags of a name, joined by spaces, or the text where there is none."""
    opening, closing = f"<{name}>", f"</{name}>"
    parts, start = [], text.find(opening)
    while start >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        parts.append(text[start + len(opening) : end])
        start = text.find(opening, end + len(closing))
    return " ".join(parts).strip() or text


def extracted(reply: str) -> str:
    """Return the answer of a reply in small letters: box or tag, then what follows the last of each phrase."""
    text = reply.lower()
    if "boxed" in text:
        text = boxed(text)
    elif "<answer>" in text:
        text = tagged(text)
    for phrase in _PHRASES:
        text = text.rsplit(phrase, 1)[-1]
    return text


def _before(reply: str) -> str:
    """Take box or tag as the data sets' scripts do before they score."""
    inside = boxed(reply)
    if inside != _NONE:
        return inside
    return tagged(reply) if "<answer>" in reply else reply


def _yes_no(gold: str, reply: str) -> ScoredAnswer:
    said = extracted(reply).replace("\n", "").replace(".", "")
    right = (("yes" in said) != ("no" in said)) and gold.lower() in said
    return ScoredAnswer(correct=float(right), parsed=read_as(said, "exactly one of yes and no as a substring"))


def _equal(gold: str, reply: str) -> ScoredAnswer:
    said = extracted(reply).replace("\n", "").replace(".", "")
    return ScoredAnswer(correct=float(said == gold.lower()), parsed=read_as(said, "equality of the whole reply"))


def _closed(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    truth, said = gold.lower().strip(), _before(reply).lower().strip()
    return _yes_no(truth, said) if truth in ("yes", "no") else _words(truth, said)


def _closed_slake(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    said = _before(reply)
    return _yes_no(gold, said) if gold in ("yes", "no") else _equal(gold, said)


def _words(gold: str, reply: str) -> ScoredAnswer:
    said, truth = extracted(reply), gold.lower()
    sets = word_sets(truth, said)
    printed = {
        "printed_precision": sets["set_f1"],
        "printed_recall": sets["set_precision"],
        "printed_f1": sets["set_recall"],
    }
    exact = float(said == truth)
    return ScoredAnswer(
        correct=exact, parsed=read_as(said, "equality after extraction"), values={"em": exact, **sets, **printed}
    )


def _open(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    return _words(gold.lower().strip(), _before(reply).lower().strip())


def _open_slake(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    return _words(gold, _before(reply))


def score_lines(gold: str, reply: str, lines: Mapping[str, str]) -> ScoredAnswer:
    """Score a choice among options as the prompt shows them.

    Args:
        gold: letter of the right option; or its text, as some releases have it, which then the reply itself, or the
            line that it names or is likest to, must equal.
        reply: what the model wrote.
        lines: letter to its whole line, such as ``A. Effusion`` or ``A:Effusion``: the reply is likened to lines.
    """
    choices = [line.lower() for line in lines.values()]
    letters = [chr(ord("a") + number) for number in range(len(choices))]
    said = extracted(_paragraph(reply.lower(), letters)).strip().lower().replace("\n", "")
    short = said.split(".")[0].split(":")[-1]
    if short in letters:
        chosen, rule = letters.index(short), "letter"
    elif short in choices:
        chosen, rule = choices.index(short), "option"
    else:
        chosen, rule = most_alike(choices, said) or 0, "most alike"
    answer = gold.strip().lower()
    right = chosen == list(lines).index(gold) if gold in lines else answer in (short, choices[chosen])
    return ScoredAnswer(correct=float(right), parsed=read_as(list(lines)[chosen], rule))


def _choice(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    """Score a choice among lines such as ``A. Effusion``, which is how most prompts of the release list them."""
    return score_lines(gold, reply, {label: f"{label}. {text}" for label, text in options.items()})


def _paragraph(reply: str, letters: Sequence[str]) -> str:
    """Return the first or last paragraph where it is only a letter."""
    parts = reply.split("\n\n")
    if parts[0] in letters:
        return parts[0]
    last = parts[-1].split(".")[0]
    return last if last in letters else reply


MEDEVALKIT = Rule(
    does="yes/no: exactly one of the substrings yes and no, and the gold; open: equality after extraction; choice: "
    "letter, option, else the option most like the reply, the first of all for an empty one.",
    closed=_closed,
    open=_open,
    choice=_choice,
)
MEDEVALKIT_SLAKE = Rule(
    does="as medevalkit on SLAKE: the gold's case is kept, so gold Yes or No asks for equality of the whole reply.",
    closed=_closed_slake,
    open=_open_slake,
)
