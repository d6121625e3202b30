"""Overlap of texts by the counts that reports are compared with: BLEU and ROUGE-L as the COCO caption code has them.

BLEU of a set of texts comes from sums over its texts (matches, n-grams, lengths), so a resample of patients costs a
weighted sum and no counting. Tokens are given: a score without its tokeniser says little.

Letters: N texts, B resamples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.ngrams import TokenPairs, one_reference
from vesalius.metrics.subsequences import common_length

__all__ = [
    "ORDERS",
    "bleu",
    "bleu_counts",
    "bleu_draws",
    "bleu_statistics",
    "report_tokens",
    "rouge_l",
    "rouge_l_scores",
]

Floats = NDArray[np.float64]

ORDERS = 4
"""Longest n-gram of BLEU."""

_TINY, _SMALL = 1e-15, 1e-9
"""Added to matches and to n-grams by that code, so that an order without a match is not 0."""
_BETA = 1.2
_RUNS = (re.compile(r"_{2,}"), re.compile(r" {2,}"), re.compile(r"\.{2,}"))
_NUMBERED = re.compile(r"(?<!\w)[1-9]\. ")
_DROPPED = re.compile(r"[.,?;*!%^&_+():<=>?@\[\]{}\"'/\\]")


def report_tokens(text: str) -> list[str]:
    """Cut a report into lower-case words, sentences ended by a point that is a token; marks and list numbers go.

    In the manner of R2Gen's cleaning, on whole spaces: its own leaves some double ones and empty sentences.
    """
    joined = text.replace("\n", " ")
    for run, mark in zip(_RUNS, (" ", " ", "."), strict=True):
        joined = run.sub(mark, joined)
    sentences = _NUMBERED.sub("", joined).strip().lower().split(". ")
    words = [_DROPPED.sub("", sentence).split() for sentence in sentences]
    return [word for sentence in words if sentence for word in (*sentence, ".")]


def bleu_statistics(written: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> Floats:
    """Count what BLEU of any selection is made of: (N, 10), a row a text.

    Columns: clipped matches of 1- to 4-grams, n-grams written, tokens written, tokens of the reference.

    Raises:
        DataError: not one reference a text.
    """
    if len(written) != len(references):
        raise DataError(f"{len(written)} texts and {len(references)} references; each text needs one")
    return bleu_counts(one_reference(written, references))


def bleu_counts(pairs: TokenPairs, *, orders: int = ORDERS) -> Floats:
    """Count for BLEU with any number of references, (N, 2·orders + 2), in the columns of `bleu_statistics`.

    Matches are clipped by the largest count in any reference; the length is the nearest one, of two the shorter.
    """
    lengths = pairs.said_lengths
    matches = [pairs.clipped(order) for order in range(1, orders + 1)]
    written = [np.maximum(lengths - order + 1, 0) for order in range(1, orders + 1)]
    return np.stack([*matches, *written, lengths, pairs.closest_lengths()], axis=1).astype(np.float64)


def bleu(statistics: Floats) -> Floats:
    """Return BLEU-1 to BLEU-4 of texts taken together, (…, 4), from sums of `bleu_statistics`, (…, 10).

    The brevity penalty is exp(1 − r / c) where fewer tokens are written than the reference has. Source: Papineni et
    al. 2002, with the smallest numbers of pycocoevalcap.
    """
    sums = np.asarray(statistics, dtype=np.float64)
    share = (sums[..., :ORDERS] + _TINY) / (sums[..., ORDERS : 2 * ORDERS] + _SMALL)
    means = np.exp(np.cumsum(np.log(share), axis=-1) / np.arange(1, ORDERS + 1))
    ratio = (sums[..., -2] + _TINY) / (sums[..., -1] + _SMALL)
    penalty = np.where(ratio < 1, np.exp(1 - 1 / np.minimum(ratio, 1)), 1.0)
    scores: Floats = means * penalty[..., None]
    return scores


def bleu_draws(statistics: Floats, weights: PatientWeights) -> Floats:
    """Return BLEU-1 to BLEU-4 in every resample of patients, (B, 4)."""
    return bleu(weights.sums(statistics))


def rouge_l(written: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> Floats:
    """Return ROUGE-L of each text, F with beta 1.2 of the longest common subsequence, (N,); 0 where one is empty."""
    return rouge_l_scores(one_reference(written, references))


def rouge_l_scores(pairs: TokenPairs) -> Floats:
    """Return ROUGE-L with any number of references, (N,): the best precision and the best recall, of any of them."""
    common = np.array([common_length(truth, said) for said, truth in pairs.pairs()], dtype=np.float64)
    precision = common / np.maximum(pairs.said_lengths[pairs.owner], 1)
    recall = common / np.maximum(pairs.truth_lengths, 1)
    starts = np.flatnonzero(np.diff(pairs.owner, prepend=-1))
    if not len(starts):
        return common
    best_precision, best_recall = (np.maximum.reduceat(values, starts) for values in (precision, recall))
    below = best_recall + _BETA**2 * best_precision
    scores: Floats = (1 + _BETA**2) * best_precision * best_recall / np.where(below > 0, below, 1.0)
    return scores
