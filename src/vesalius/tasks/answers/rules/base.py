"""What a published rule offers: scoring of yes/no, open and multiple-choice items, each or only some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer

__all__ = ["ChoiceParser", "ChoiceScorer", "Rule", "TextScorer", "chooses", "read_as", "sentence_bleu_1"]

TextScorer = Callable[[str, str, Sequence[str]], ScoredAnswer]
"""``(gold, reply, candidates)``; candidates are the answers that may be given, empty where there is no such list."""
ChoiceScorer = Callable[[str, str, Mapping[str, str]], ScoredAnswer]
"""``(gold letter, reply, options)``."""
ChoiceParser = Callable[[str, Mapping[str, str]], Parsed]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a release scores replies."""

    does: str
    """One sentence, for tables and ``vesalius why``."""
    closed: TextScorer | None = None
    open: TextScorer | None = None
    choice: ChoiceScorer | None = None
    parse: ChoiceParser | None = None
    """Letter of a reply, where the rule reads one before it looks at the right answer."""


def chooses(parse: ChoiceParser) -> ChoiceScorer:
    """Return a scorer of choices by equality with the letter that a parser reads."""

    def score(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
        parsed = parse(reply, options)
        return ScoredAnswer(correct=float(parsed.value == gold), parsed=parsed)

    return score


def read_as(text: str, rule: str) -> Parsed:
    """Return a text that a rule compares, as what was read."""
    if not text:
        return Parsed(status="empty", rule=rule)
    return Parsed(status="answered", value=text, rule=rule)


def sentence_bleu_1(reply: Sequence[str], answer: Sequence[str]) -> float:
    """BLEU-1 of one reply against one answer: clipped precision × exp(1 − r/c) where the reply is the shorter.

    Source: Papineni et al. 2002; as nltk's sentence_bleu has it with all weight on single words.
    """
    shared = sum((Counter(reply) & Counter(answer)).values())
    if not shared:
        return 0.0
    penalty = 1.0 if len(reply) > len(answer) else exp(1 - len(answer) / len(reply))
    return penalty * shared / len(reply)
