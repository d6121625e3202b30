"""How sure a model is of its answer, and how probable it holds each option: by weighed choices, tokens or words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from vesalius.benchmarks.base import Item, Mark
from vesalius.evaluation.answering.replies import Exam
from vesalius.inference.requests import Reply
from vesalius.tasks.answers import parse_confidence
from vesalius.tasks.answers.evidence import Choices

__all__ = ["choices_of", "confidence_of"]


def confidence_of(exam: Exam, reply: Reply) -> float | None:
    """Return the share of the likeliest weighed choice, else what tokens or words tell where they were asked to.

    Of tokens: exp of their mean log-probability, the geometric mean of their probabilities, so that a long answer is
    not unsure for its length. It is the probability of these words; another wording of the same answer has its own.
    """
    if reply.log_probabilities:
        return max(_shares(reply.log_probabilities).values())
    if exam.weighs:
        return math.exp(reply.mean_log_probability) if reply.token_log_probabilities else None
    if not exam.closing:
        return None
    stated = parse_confidence(reply.text)
    return float(stated.value) if stated.status == "answered" else None


def choices_of(item: Item, mark: Mark, reply: Reply) -> Choices | None:
    """Return the probability of each option of a choice; None where nothing tells it.

    A confidence in one option alone leaves the rest to the others in equal shares.
    """
    letters = list(item.options)
    if item.kind != "choice" or item.truth not in item.options or len(letters) < 2:
        return None
    texts = {text: letter for letter, text in item.options.items()}
    weighed = {
        texts.get(name, name): value / (max(reply.tokens.get(name, 1), 1) if name in texts else 1)
        for name, value in reply.log_probabilities.items()
    }
    if set(weighed) == set(letters):
        return Choices(probability=_shares(weighed), truth=item.truth)
    if mark.confidence is None or mark.said not in item.options:
        return None
    rest = (1 - mark.confidence) / (len(letters) - 1)
    shares = {letter: mark.confidence if letter == mark.said else rest for letter in letters}
    return Choices(probability=shares, truth=item.truth)


def _shares(log_probabilities: Mapping[str, float]) -> dict[str, float]:
    """Return probabilities that add up to one."""
    logits = np.array(list(log_probabilities.values()))
    weights = np.exp(logits - logits.max())
    return dict(zip(log_probabilities, (weights / weights.sum()).tolist(), strict=True))
