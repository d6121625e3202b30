"""How much a pair matters clinically: raters that settle on a score, the belief of a tool, and what becomes of both.

Source: MMedPO (arXiv 2412.06141), section 3.2. Raters are functions; the authors take three medical language models,
which see the texts and not the picture. `UrgencyRater` is one by rules, for texts of the virtual patients' grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.data.conversations.records import Conversation
from vesalius.errors import DataError
from vesalius.metrics.report_facts import read_facts
from vesalius.virtual.text.grammar import Fact, grammar

__all__ = ["ROUNDS", "Rater", "Relevance", "UrgencyRater", "consensus", "normalised", "visual_relevance"]

Floats = NDArray[np.float64]
ROUNDS = 5
"""After so many the mean of all scores counts."""
_MOST_URGENT = 9

Rater = Callable[[Conversation, float | None], float]
"""Gives a pair a score from 0 to 1 when it is told the score before (None at the start); the same one adopts it."""


class Relevance(NamedTuple):
    """What raters settled on."""

    score: float
    rounds: int
    agreed: bool
    """False where the score is the mean of all that were given."""
    given: tuple[float, ...]
    """All scores in the order in which they were given."""


@dataclass(frozen=True, kw_only=True)
class UrgencyRater:
    """Rates by the most urgent finding on which the two answers differ, in tenths.

    The scale is that of the reports' grammar, 0 to 9. What no rule reads counts 0.
    """

    region: str = "chest"
    """Whose words are read."""
    tolerance: float = 0.0
    """It adopts a score that is no further from its own."""
    strictness: float = 0.0
    """Added to its own score."""

    def __call__(self, pair: Conversation, before: float | None, /) -> float:
        """Rate a pair."""
        texts = (pair.answers[-1], pair.rejected or pair.answers[-1])
        chosen, rejected = (read_facts(text, region=self.region).facts for text in texts)
        differing = set(chosen) ^ set(rejected)
        own = round(min(1.0, max(0.0, self._urgency(differing) + self.strictness)), 1)
        return before if before is not None and abs(before - own) <= self.tolerance + 1e-9 else own

    def _urgency(self, facts: set[Fact]) -> float:
        words = grammar(self.region).findings
        return max((words[fact.concept].urgency for fact in facts if fact.concept in words), default=0) / _MOST_URGENT


def consensus(pair: Conversation, raters: Sequence[Rater], *, rounds: int = ROUNDS) -> Relevance:
    """Ask the raters in turn until all of one round give the same score; else the mean of all scores counts.

    Args:
        pair: what is rated.
        raters: at least one; the first of the first round is told nothing, each other the score before.
        rounds: at most.

    Raises:
        DataError: no rater, or a score outside 0 to 1.
    """
    if not raters:
        raise DataError("a consensus needs at least one rater")
    given: list[float] = []
    for number in range(1, rounds + 1):
        for place, rater in enumerate(raters):
            score = float(rater(pair, given[-1] if given else None))
            if not 0 <= score <= 1:
                raise DataError(f"rater {place} gave {score} to the pair {pair.id!r}; expected 0 to 1")
            given.append(score)
        last = given[-len(raters) :]
        if max(last) - min(last) < 1e-9:
            return Relevance(last[-1], number, True, tuple(given))
    return Relevance(float(np.mean(given)), rounds, False, tuple(given))


def visual_relevance(logits: ArrayLike) -> Floats:
    """Return the belief of a tool in disease: the second of two softmax shares.

    Args:
        logits: of no disease and of disease, (…, 2).
    """
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim < 1 or values.shape[-1] != 2:
        raise DataError(f"logits of shape {values.shape}: expected two, of no disease and of disease, last")
    return np.asarray(1 / (1 + np.exp(np.clip(values[..., 0] - values[..., 1], -700, 700))))


def normalised(
    scores: ArrayLike, *, mean: float = 1.0, variance: float = 0.1, bounds: tuple[float, float] = (0.75, 1.25)
) -> Floats:
    """Rescale scores to a mean and a variance, then cut them to bounds, (n,).

    The paper gives the four numbers and not the formula; this is how we read it. Scores that are all equal become the
    mean. Made when the file is made: the losses multiply by what stands there.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise DataError(f"{values.size} scores, some of them no numbers: weights are made of finite scores")
    spread = values.std()
    # Equal scores have a spread of rounding only.
    apart = (values - values.mean()) / spread if spread > 1e-12 else np.zeros_like(values)
    return np.asarray(np.clip(mean + apart * variance**0.5, *bounds), dtype=np.float64)
