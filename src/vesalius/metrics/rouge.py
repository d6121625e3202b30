"""ROUGE as the packages rouge-score and ``rouge`` compute it; COCO's ROUGE-L stands in `text.rouge_l`.

Letters: N items, R references.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics.ngrams import TokenPairs, best_reference
from vesalius.metrics.subsequences import common_length, common_places
from vesalius.metrics.tokens import Tokeniser

__all__ = ["Overlap", "f1", "package_rouge", "rouge_longest", "rouge_n", "rouge_summary"]

Floats = NDArray[np.float64]
Overlap = Floats
"""Precision, recall and F of each item's best reference, (N, 3)."""
_SMALL = 1e-8


def rouge_n(pairs: TokenPairs, *, order: int) -> Overlap:
    """Return ROUGE-N of rouge-score: clipped matches over n-grams said and n-grams of the reference."""
    said = np.maximum(pairs.said_lengths - order + 1, 0)[pairs.owner]
    truth = np.maximum(pairs.truth_lengths - order + 1, 0)
    return _best(pairs, pairs.matches(order).astype(np.float64), said, truth)


def rouge_longest(pairs: TokenPairs) -> Overlap:
    """Return ROUGE-L of rouge-score: the longest common subsequence of the whole texts, line ends ignored."""
    common = np.array([common_length(truth, said) for said, truth in pairs.pairs()], dtype=np.float64)
    return _best(pairs, common, pairs.said_lengths[pairs.owner], pairs.truth_lengths)


def rouge_summary(said: Sequence[str], truths: Sequence[Sequence[str]], *, tokeniser: Tokeniser) -> Overlap:
    """Return ROUGE-Lsum of rouge-score: lines are sentences, and each reference line is met by any of the others."""
    pairs = TokenPairs([tokeniser(text) for text in said], [[tokeniser(text) for text in given] for given in truths])
    cut = [[tokeniser(line) for line in text.split("\n") if line] for text in said]
    flat = [text for given in truths for text in given]
    hits = np.zeros(len(flat))
    for place, (item, truth) in enumerate(zip(pairs.owner.tolist(), flat, strict=True)):
        hits[place] = _union_hits([tokeniser(line) for line in truth.split("\n") if line], cut[item])
    return _best(pairs, hits, pairs.said_lengths[pairs.owner], pairs.truth_lengths)


def package_rouge(said: str, truth: str) -> tuple[float, float, float]:
    """Return F of ROUGE-1, ROUGE-2 and ROUGE-L of the package ``rouge``, as MedEvalKit calls it on lower-case text.

    N-grams are sets; ROUGE-L counts the different words that a common subsequence of any two sentences holds,
    sentences cut at points. Where one of the two has no sentence the package raises; here all three are 0.
    """
    ours, theirs = (_sentences(text) for text in (said, truth))
    if not ours or not theirs:
        return 0.0, 0.0, 0.0
    words, other_words = ([word for sentence in cut for word in sentence] for cut in (ours, theirs))
    scores = []
    for order in (1, 2):
        one, other = (_different(tokens, order) for tokens in (words, other_words))
        scores.append(_package_f(len(one & other), len(one), len(other)))
    # Of equally long subsequences that package keeps the one that gives way in the text and not in the reference.
    union = {line[place] for line in ours for truth_line in theirs for place in common_places(line, truth_line)}
    scores.append(_package_f(len(union), len(set(words)), len(set(other_words))))
    return scores[0], scores[1], scores[2]


def f1(precision: Floats, recall: Floats) -> Floats:
    """Return 2PR / (P + R), 0 where both are 0."""
    both = precision + recall
    score: Floats = 2 * precision * recall / np.where(both > 0, both, 1.0)
    return score


def _best(pairs: TokenPairs, common: Floats, said: NDArray[np.int64], truth: NDArray[np.int64]) -> Overlap:
    precision, recall = common / np.maximum(said, 1), common / np.maximum(truth, 1)
    table = np.stack([precision, recall, f1(precision, recall)], axis=1)
    return table[best_reference(table[:, 2], pairs.owner)]


def _union_hits(truth: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> int:
    """Count words of the reference's lines in a common subsequence with some line of the text, none twice."""
    left, left_said = _counted(truth), _counted(said)
    hits = 0
    for line in truth:
        places = sorted({place for other in said for place in common_places(line, other)})
        for word in (line[place] for place in places):
            if left.get(word, 0) and left_said.get(word, 0):
                hits, left[word], left_said[word] = hits + 1, left[word] - 1, left_said[word] - 1
    return hits


def _counted(lines: Sequence[Sequence[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in (word for line in lines for word in line):
        counts[word] = counts.get(word, 0) + 1
    return counts


def _sentences(text: str) -> list[list[str]]:
    return [" ".join(part.split()).split(" ") for part in text.split(".") if part]


def _different(tokens: Sequence[str], order: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[place : place + order]) for place in range(len(tokens) - order + 1)}


def _package_f(common: int, said: int, truth: int) -> float:
    precision, recall = common / said if said else 0.0, common / truth if truth else 0.0
    return 2 * precision * recall / (precision + recall + _SMALL)
