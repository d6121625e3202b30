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
    rarity, truth_rarity = _rarity(grams, pairs)
    said_norm = summed(grams.said_item, (grams.said_count * rarity) ** 2, pairs.num_items)
    truth_norm = summed(grams.truth, (grams.truth_count * truth_rarity) ** 2, len(pairs.truths))
    met = np.minimum(grams.met, grams.truth_count) if clipped else grams.met
    common = summed(grams.truth, met * grams.truth_count * truth_rarity**2, len(pairs.truths))
    below = np.sqrt(said_norm[pairs.owner] * truth_norm)
    likeness: Floats = np.where(below > 0, common / np.where(below > 0, below, 1.0), common)
    return likeness


def _rarity(grams: NGrams, pairs: TokenPairs) -> tuple[Floats, Floats]:
    """Return ln N less the log of the items whose references hold the n-gram, of each one said and of a reference."""
    different, place = np.unique(grams.truth_gram, return_inverse=True)
    keys = pairs.owner[grams.truth] * max(len(different), 1) + place
    once = keys if len(pairs.owner) == pairs.num_items else np.unique(keys)
    items = np.bincount(once % max(len(different), 1), minlength=len(different))
    most = np.log(max(pairs.num_items, 1))
    rarity = np.append(most - np.log(items), most)
    found = np.searchsorted(different, grams.said_gram)
    there = np.append(different, -1)[found] == grams.said_gram
    return rarity[np.where(there, found, -1)], rarity[place]
