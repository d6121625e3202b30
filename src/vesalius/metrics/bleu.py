"""BLEU as sacreBLEU and as NLTK compute it, from the counts of `text.bleu_counts`; COCO's stands in `text.bleu`.

The three agree on long texts and differ wherever an order has no match: 0, 10⁻¹⁵⁵ or a smoothed number.

Letters: N texts, … any leading axes, n orders.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError
from vesalius.metrics.ngrams import TokenPairs
from vesalius.metrics.text import bleu_counts

__all__ = [
    "MOST_ORDERS",
    "NltkSmoothing",
    "SacreSmoothing",
    "brevity_penalty",
    "nltk_bleu",
    "nltk_counts",
    "order_precisions",
    "sacre_bleu",
]

Floats = NDArray[np.float64]
SacreSmoothing = Literal["exp", "floor", "add-k", "none"]
NltkSmoothing = Literal[0, 1, 2, 3, 4, 5, 7]

MOST_ORDERS = 5
"""Orders that NLTK's methods 5 and 7 need for BLEU-4."""
_FLOOR, _ADDED = 0.1, 1.0
_EPSILON, _ALPHA = 0.1, 5.0
_NOTHING = np.finfo(np.float64).tiny


def brevity_penalty(said: ArrayLike, truth: ArrayLike) -> Floats:
    """Return exp(1 − r / c) where the tokens said (c) are fewer than the reference's (r), else 1; 0 where none is."""
    ours, theirs = np.asarray(said, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    short = np.exp(1 - theirs / np.where(ours > 0, ours, np.inf))
    penalty: Floats = np.where(ours >= theirs, 1.0, np.where(ours > 0, short, 0.0))
    return penalty


def sacre_bleu(sums: ArrayLike, *, smoothing: SacreSmoothing = "exp", effective_order: bool = False) -> Floats:
    """Return sacreBLEU's BLEU-4, 0 to 100, from sums of `bleu_counts`, (…, 10) → (…).

    Args:
        sums: counts of one text or of texts taken together.
        smoothing: ``exp`` halves for each order without a match, ``floor`` puts 0.1 match there, ``add-k`` adds one
            match and one n-gram to the orders above the first.
        effective_order: average over the orders that the text is long enough for, as sacreBLEU does for sentences.

    Raises:
        ConfigError: the smoothing has another name.
    """
    if smoothing not in ("exp", "floor", "add-k", "none"):
        raise ConfigError(f"smoothing {smoothing!r} of sacreBLEU: give exp, floor, add-k or none")
    table = np.asarray(sums, dtype=np.float64)
    matches, written = table[..., :4].copy(), table[..., 4:8].copy()
    any_match = matches.any(axis=-1)
    if smoothing == "add-k":
        matches[..., 1:] += _ADDED
        written[..., 1:] += _ADDED
    reached = np.cumprod(written > 0, axis=-1).astype(bool)
    none = reached & (matches == 0)
    share = matches / written.clip(1)
    if smoothing == "exp":
        share = np.where(none, 0.5 ** np.cumsum(none, axis=-1) / written.clip(1), share)
    elif smoothing == "floor":
        share = np.where(none, _FLOOR / written.clip(1), share)
    orders = reached.sum(axis=-1).clip(1) if effective_order else np.full(any_match.shape, 4)
    counted = np.arange(4) < orders[..., None]
    share = np.where(reached, share, 0.0)
    logs = np.log(np.where(counted & (share > 0), share, 1.0)).sum(axis=-1)
    zero = (counted & (share <= 0)).any(axis=-1) | ~any_match
    score: Floats = 100 * np.where(zero, 0.0, brevity_penalty(table[..., 8], table[..., 9]) * np.exp(logs / orders))
    return score


def nltk_counts(pairs: TokenPairs) -> Floats:
    """Count as `bleu_counts` of five orders, (N, 12), where a text too short for an order has one n-gram of it."""
    counts = bleu_counts(pairs, orders=MOST_ORDERS)
    counts[:, MOST_ORDERS : 2 * MOST_ORDERS] = counts[:, MOST_ORDERS : 2 * MOST_ORDERS].clip(1)
    return counts


def nltk_bleu(counts: ArrayLike, *, order: int = 4, smoothing: NltkSmoothing = 0) -> Floats:
    """Return NLTK's BLEU of a number of orders, (…, 12) → (…), from `nltk_counts`.

    Args:
        counts: counts of one text each for sentence scores, or their sums for the corpus score.
        order: longest n-gram, 1 to 4, with equal weights.
        smoothing: number of Chen and Cherry's method; 0 puts the smallest number where an order has no match.

    Raises:
        ConfigError: the method or the order is another.
    """
    if smoothing not in (0, 1, 2, 3, 4, 5, 7) or order not in (1, 2, 3, 4):
        raise ConfigError(f"NLTK's BLEU-{order} with method {smoothing}: orders are 1 to 4, methods 0 to 5 and 7")
    table = np.asarray(counts, dtype=np.float64)
    matches = table[..., :MOST_ORDERS]
    written = table[..., MOST_ORDERS : 2 * MOST_ORDERS]
    said, truth = table[..., -2], table[..., -1]
    shares = _smoothed(matches, written, said, smoothing, order)
    logs = np.log(np.where(shares > 0, shares, 1.0)).mean(axis=-1)
    score: Floats = np.where(matches[..., 0] > 0, brevity_penalty(said, truth) * np.exp(logs), 0.0)
    return score


def order_precisions(counts: ArrayLike, *, orders: int = MOST_ORDERS) -> Floats:
    """Return the share of matched n-grams times the brevity penalty, an order alone, (…, 2·orders + 2) → (…, orders).

    What LLaVA-Med calls bleu_2 and bleu_3: weight one on that order, not the mean over orders up to it.
    """
    table = np.asarray(counts, dtype=np.float64)
    shares = table[..., :orders] / table[..., orders : 2 * orders].clip(1)
    shares = np.where(shares > 0, shares, _NOTHING)
    penalty = np.where(table[..., 0] > 0, brevity_penalty(table[..., -2], table[..., -1]), 0.0)
    alone: Floats = shares * penalty[..., None]
    return alone


def _smoothed(matches: Floats, written: Floats, said: Floats, smoothing: NltkSmoothing, order: int) -> Floats:
    none = matches[..., :order] == 0
    below = written[..., :order]
    shares = matches / written
    first = shares[..., :order]
    if smoothing == 0:
        return np.where(none, _NOTHING, first)
    if smoothing == 1:
        return np.where(none, _EPSILON / below, first)
    if smoothing == 2:
        more: Floats = (matches[..., :order] + 1) / (below + 1)
        more[..., 0] = first[..., 0]
        return more
    if smoothing in (3, 4, 7):
        halved = 0.5 ** np.cumsum(none, axis=-1)
        if smoothing == 3:
            return np.where(none, halved / below, first)
        length = np.log(said.clip(1))[..., None] / _ALPHA
        first = np.where(none & (said > 1)[..., None], halved * length / below, first)
    if smoothing == 4:
        return first
    return _averaged(np.concatenate([first, shares[..., -1:]], axis=-1))


def _averaged(shares: Floats) -> Floats:
    """Each share as the mean of the averaged one before, its own and the next; before the first, p₁ + 1.

    The next of the last is that of the fifth order, whatever the last is.
    """
    before = shares[..., 0] + 1
    out = np.empty((*shares.shape[:-1], shares.shape[-1] - 1))
    for place in range(out.shape[-1]):
        before = (before + shares[..., place] + shares[..., place + 1]) / 3
        out[..., place] = before
    return out
