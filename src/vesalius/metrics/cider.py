"""CIDEr and CIDEr-D: n-grams weighted by how rare they are among the references.

Source: Vedantam et al. 2015, with the code of pycocoevalcap, whose "CIDEr" is CIDEr-D. The rarity of an n-gram comes
from the references that are scored, so a text's score depends on the other references; a resample of patients keeps
the rarities of the whole set and is then a mean of item scores.

Letters: N items, R references.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics.ngrams import NGrams, TokenPairs, summed

__all__ = ["cider"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ORDERS = 4
_SIGMA = 6.0
_SCALE = 10.0


def cider(pairs: TokenPairs, *, clipped: bool = True) -> Floats:
    """Return CIDEr-D of each item, 0 to 10, (N,); with one item every score is 0, for nothing is rare.

    Args:
        pairs: texts beside their references.
        clipped: CIDEr-D, which clips n-grams said too often and lowers texts of another length; else plain CIDEr.
    """
    likeness = np.zeros(len(pairs.truths))
    for order in range(1, _ORDERS + 1):
        likeness += _cosine(pairs.ngrams(order), pairs, clipped=clipped)
    if clipped:
        # That code measures length by bigrams: one word or none has length 0.
        said, truth = (np.maximum(lengths - 1, 0) for lengths in (pairs.said_lengths, pairs.truth_lengths))
        likeness *= np.exp(-((said[pairs.owner] - truth) ** 2) / (2 * _SIGMA**2))
    references = np.bincount(pairs.owner, minlength=pairs.num_items)
    total = np.bincount(pairs.owner, weights=likeness, minlength=pairs.num_items)
    scores: Floats = _SCALE * total / (_ORDERS * np.maximum(references, 1))
    return scores


def _cosine(grams: NGrams, pairs: TokenPairs, *, clipped: bool) -> Floats:
    """Return the likeness of each reference with its text in one order, (R,)."""
    rarity = np.log(max(pairs.num_items, 1)) - np.log(np.maximum(_document_frequency(grams, pairs.owner), 1.0))
    said_norm = summed(grams.said_item, (grams.said_count * rarity[grams.said_gram]) ** 2, pairs.num_items)
    truth_rarity = rarity[grams.truth_gram]
    truth_norm = summed(grams.truth, (grams.truth_count * truth_rarity) ** 2, len(pairs.truths))
    met = np.minimum(grams.met, grams.truth_count) if clipped else grams.met
    common = summed(grams.truth, met * grams.truth_count * truth_rarity**2, len(pairs.truths))
    below = np.sqrt(said_norm[pairs.owner] * truth_norm)
    likeness: Floats = np.where(below > 0, common / np.where(below > 0, below, 1.0), common)
    return likeness


def _document_frequency(grams: NGrams, owner: Integers) -> Floats:
    """Items whose references hold each n-gram, (G,)."""
    keys = owner[grams.truth] * max(grams.num_grams, 1) + grams.truth_gram
    different = keys if len(owner) == int(owner.max(initial=-1)) + 1 else np.unique(keys)
    counts = np.bincount(different % max(grams.num_grams, 1), minlength=grams.num_grams)
    return counts.astype(np.float64)
