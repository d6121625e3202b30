"""BERTScore from token vectors of any encoder: each word is matched with the most alike word of the other text.

Source: Zhang et al. 2020, sections 3 and 3.1. The encoder is the caller's: its layer, its weights and the baseline
belong into the name of the score. Vectors are scaled to unit norm here; leave out the start and end tokens.

Letters: N items, T tokens said, R tokens of the reference, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["BertScore", "bert_score", "best_matches", "inverse_frequencies", "rescaled"]

Floats = NDArray[np.float64]


class BertScore(NamedTuple):
    """Precision over the tokens said, recall over those of the reference, and their F."""

    precision: float
    recall: float
    f1: float


def bert_score(
    said: ArrayLike,
    truth: ArrayLike,
    *,
    said_weights: ArrayLike | None = None,
    truth_weights: ArrayLike | None = None,
) -> BertScore:
    """Compare two texts by the vectors of their tokens; a text without tokens gives 0.

    Args:
        said: vectors of the tokens said, (T, D).
        truth: vectors of the tokens of the reference, (R, D).
        said_weights: weight of each token said, (T,), such as those of `inverse_frequencies`; none for equal ones.
        truth_weights: the same of the reference, (R,).

    Raises:
        DataError: widths differ, a number is not finite, or weights do not fit the tokens.
    """
    ours, theirs = (_units(vectors, name) for vectors, name in ((said, "said"), (truth, "reference")))
    if ours.size and theirs.size and ours.shape[1] != theirs.shape[1]:
        raise DataError(f"vectors of {ours.shape[1]} and {theirs.shape[1]} numbers: both must be of one encoder")
    likeness = ours @ theirs.T if ours.size and theirs.size else np.zeros((len(ours), len(theirs)))
    return best_matches(likeness, said_weights=said_weights, truth_weights=truth_weights)


def best_matches(
    likeness: ArrayLike, *, said_weights: ArrayLike | None = None, truth_weights: ArrayLike | None = None
) -> BertScore:
    """Return the score from the likeness of every token said with every token of the reference, (T, R)."""
    table = np.asarray(likeness, dtype=np.float64)
    if not table.size:
        return BertScore(0.0, 0.0, 0.0)
    precision = _mean(table.max(axis=1), said_weights, "said")
    recall = _mean(table.max(axis=0), truth_weights, "of the reference")
    both = precision + recall
    return BertScore(precision, recall, 2 * precision * recall / both if both > 0 else 0.0)


def inverse_frequencies(references: Sequence[Sequence[str]]) -> tuple[Mapping[str, float], float]:
    """Return ln((N + 1) / (df + 1)) of each token among references, and ln(N + 1) for one that none of them has."""
    number = len(references)
    counts = Counter(token for tokens in references for token in set(tokens))
    weights = {token: float(np.log((number + 1) / (count + 1))) for token, count in counts.items()}
    return weights, float(np.log(number + 1))


def rescaled(score: BertScore, baseline: BertScore) -> BertScore:
    """Return (x − b) / (1 − b) of precision, recall and F apart: F is rescaled, not made of the other two anew."""
    return BertScore(*((value - low) / (1 - low) for value, low in zip(score, baseline, strict=True)))


def _units(vectors: ArrayLike, name: str) -> Floats:
    table = np.asarray(vectors, dtype=np.float64)
    if table.ndim != 2 and table.size:
        raise DataError(f"vectors of the text {name} have shape {table.shape}; expected (tokens, width)")
    if not np.isfinite(table).all():
        raise DataError(f"vectors of the text {name} hold a number that is not finite: the encoder failed on it")
    norm = np.linalg.norm(table, axis=-1, keepdims=True)
    unit: Floats = table / np.where(norm > 0, norm, 1.0)
    return unit


def _mean(values: Floats, weights: ArrayLike | None, name: str) -> float:
    if weights is None:
        return float(values.mean())
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != values.shape:
        raise DataError(f"{len(values)} tokens {name} and weights of shape {given.shape}; each token needs one")
    total = float(given.sum())
    return float(values @ given) / total if total > 0 else 0.0
