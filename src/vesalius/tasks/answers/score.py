"""How right a reply is, under our rule or a published one; and the accuracy of the same replies under every rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vesalius.errors import DataError
from vesalius.metrics.answers import answer_words, plain_answer, word_overlap
from vesalius.tasks.answers.choice import check_options
from vesalius.tasks.answers.closed import closed_words
from vesalius.tasks.answers.parse import (
    modes,
    parse_choice,
    parse_choices,
    parse_closed,
    parse_open,
    published_rule,
)
from vesalius.tasks.answers.reply import Parsed, ScoredAnswer

__all__ = [
    "Answered",
    "SpreadRow",
    "score_choice",
    "score_choices",
    "score_closed",
    "score_likelihood",
    "score_open",
    "spread",
]

Kind = Literal["closed", "open", "choice"]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An item with the reply to it."""

    kind: Kind
    gold: str
    """Answer, or letter of the right option."""
    reply: str
    options: Mapping[str, str] | None = None
    candidates: tuple[str, ...] = ()
    """Answers that may be given, where the item or the data set has such a list."""


@dataclass(frozen=True, kw_only=True)
class SpreadRow:
    """What one rule makes of the replies to items of one kind."""

    mode: str
    kind: Kind
    items: int
    scored: int
    """Items in the rule's denominator."""
    accuracy: float
    """Mean score over those; NaN where there is none."""
    accuracy_answered: float
    """Mean score over those that the rule could read."""
    statuses: Mapping[str, int]
    """How many replies the rule read, found ambiguous, unparsed, empty or a refusal."""
    reply_words: float
    """Mean length of a reply in words: rules of recall reward long ones."""


def score_closed(
    gold: str, reply: str, *, mode: str = "strict", negation: bool = False, candidates: Sequence[str] = ()
) -> ScoredAnswer:
    """Score an item with a closed answer, yes or no or one of a few.

    Strict: yes and no by their words; another gold answer is looked for among `candidates` as an option's text is,
    and without candidates must be the reply.

    Raises:
        DataError: the gold answer is empty.
    """
    rule = published_rule(mode, "closed")
    if not plain_answer(gold):
        raise DataError("the right answer of a closed item is empty; mend the data set")
    if rule is not None:
        assert rule.closed is not None
        return rule.closed(gold, reply, candidates)
    truth = closed_words(plain_answer(gold))
    if truth and len(answer_words(gold)) == 1:
        parsed = parse_closed(reply, negation=negation)
        return ScoredAnswer(correct=float(parsed.value == truth[0]), parsed=parsed)
    if candidates:
        return _among(gold, reply, candidates)
    scored = score_open(gold, reply)
    return ScoredAnswer(correct=scored.values["em"], parsed=scored.parsed, values=scored.values)


def score_open(gold: str, reply: str, *, mode: str = "strict", candidates: Sequence[str] = ()) -> ScoredAnswer:
    """Score a free answer; strict: F1 of words, with exact match, precision and recall beside it.

    Raises:
        DataError: the gold answer has no word.
    """
    rule = published_rule(mode, "open")
    if rule is not None:
        assert rule.open is not None
        return rule.open(gold, reply, candidates)
    truth = answer_words(gold)
    if not truth:
        raise DataError(f"the right answer {gold!r} of an open item has no word; mend the data set")
    parsed = parse_open(reply)
    shares = word_overlap((parsed.value or "").split(), truth)
    values = {"em": shares.exact, "f1": shares.f1, "precision": shares.precision, "recall": shares.recall}
    return ScoredAnswer(correct=shares.f1, parsed=parsed, values=values)


def score_choice(gold: str, reply: str, *, options: Mapping[str, str], mode: str = "strict") -> ScoredAnswer:
    """Score a choice of one option by its letter.

    Raises:
        DataError: the gold letter is none of the options'.
    """
    rule = published_rule(mode, "choice")
    check_options(options)
    if gold not in options:
        raise DataError(f"the right option {gold!r} is none of {', '.join(options)}; mend the data set")
    if rule is not None:
        assert rule.choice is not None
        return rule.choice(gold, reply, options)
    parsed = parse_choice(reply, options)
    return ScoredAnswer(correct=float(parsed.value == gold), parsed=parsed)


def score_choices(gold: Collection[str], reply: str, *, options: Mapping[str, str]) -> ScoredAnswer:
    """Score a choice of several options: right where the set is the gold's, with precision, recall and F1 beside it.

    Raises:
        DataError: no gold letter, or one that is none of the options'.
    """
    if not gold or not set(gold) <= set(options):
        raise DataError(f"the right options {sorted(gold)} must be some of {', '.join(options)}; mend the data set")
    parsed = parse_choices(reply, options)
    shares = word_overlap(sorted(parsed.value or ()), sorted(gold))
    values = {"precision": shares.precision, "recall": shares.recall, "f1": shares.f1}
    return ScoredAnswer(correct=float(parsed.value == frozenset(gold)), parsed=parsed, values=values)


def score_likelihood(
    gold: str, log_likelihoods: Mapping[str, float], *, tokens: Mapping[str, int] | None = None
) -> ScoredAnswer:
    """Score the option whose text is most likely behind the question, the first of equal ones: "omnimed_prefix".

    A protocol of its own, never to be mixed with scores of replies.

    Args:
        gold: letter of the right option.
        log_likelihoods: sum of the log-probabilities of each option's tokens, by letter.
        tokens: number of tokens of each option, to compare means a token (geometric means of probabilities, as
            MediConfusion does) in the place of sums.

    Raises:
        DataError: a number is missing or not a number.
    """
    lacking = [
        one for one, value in log_likelihoods.items() if math.isnan(value) or (tokens and tokens.get(one, 0) < 1)
    ]
    if lacking or gold not in log_likelihoods:
        raise DataError(
            f"no log-likelihood of options {lacking or gold}; every option needs one, and a token count or none"
        )
    means = {one: value / (tokens[one] if tokens else 1) for one, value in log_likelihoods.items()}
    best = max(means, key=lambda one: means[one])
    parsed = Parsed(
        status="answered", value=best, rule="mean log-probability" if tokens else "sum of log-probabilities"
    )
    return ScoredAnswer(
        correct=float(best == gold), parsed=parsed, values={"margin": means[best] - _second(means, best)}
    )


def spread(items: Iterable[Answered], *, only: Sequence[str] | None = None) -> tuple[SpreadRow, ...]:
    """Score the same replies under every rule that can: one row a rule and kind of item, "strict" first.

    Args:
        items: replies with their right answers.
        only: modes to score by; all where None.

    Raises:
        DataError: there is no item.
    """
    groups: dict[Kind, list[Answered]] = {}
    for item in items:
        groups.setdefault(item.kind, []).append(item)
    if not groups:
        raise DataError("no replies to score under different rules")
    rows = []
    for kind, held in groups.items():
        words = sum(len(item.reply.split()) for item in held) / len(held)
        for mode in modes(kind):
            if only is None or mode in only:
                rows.append(_row(mode, kind, [score_item(item, mode=mode) for item in held], words))
    return tuple(rows)


def score_item(item: Answered, *, mode: str = "strict") -> ScoredAnswer:
    """Score a reply by the kind of its item."""
    if item.kind == "closed":
        return score_closed(item.gold, item.reply, mode=mode, candidates=item.candidates)
    if item.kind == "open":
        return score_open(item.gold, item.reply, mode=mode, candidates=item.candidates)
    if item.options is None:
        raise DataError("an item of kind choice has no options")
    return score_choice(item.gold, item.reply, options=item.options, mode=mode)


def _row(mode: str, kind: Kind, scored: Sequence[ScoredAnswer], words: float) -> SpreadRow:
    counted = [one for one in scored if not math.isnan(one.correct)]
    read = [one for one in counted if one.parsed.status == "answered"]
    return SpreadRow(
        mode=mode,
        kind=kind,
        items=len(scored),
        scored=len(counted),
        accuracy=_mean(counted),
        accuracy_answered=_mean(read),
        statuses=dict(Counter(one.parsed.status for one in scored)),
        reply_words=words,
    )


def _mean(scored: Sequence[ScoredAnswer]) -> float:
    return math.fsum(one.correct for one in scored) / len(scored) if scored else float("nan")


def _among(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    """Look for one of a few answers in a reply as for an option's text."""
    labels = "123456789abcdefghijklmnopqrstuvwxyz"[: len(candidates)]
    options = dict(zip(labels, candidates, strict=False))
    truth = [label for label, text in options.items() if plain_answer(text) == plain_answer(gold)]
    if len(candidates) > len(labels) or not truth:
        raise DataError(f"the right answer {gold!r} is none of the {len(candidates)} candidates; mend the data set")
    parsed = parse_choice(reply, options)
    value = options[parsed.value] if parsed.status == "answered" else None
    said = Parsed(status=parsed.status, value=value, rule=parsed.rule)
    return ScoredAnswer(correct=float(parsed.value == truth[0]), parsed=said)


def _second(means: Mapping[str, float], best: str) -> float:
    return max((value for one, value in means.items() if one != best), default=means[best])
