"""How much a score hangs on the wording of the prompt or on the order of the options.

The same items are asked k times in ways that should not matter: templates of one meaning, or all cyclic shifts of the
options. Compare models by the mean over templates; the best template's score is chosen on the test set and must be
called so.

Letters: K templates (or orders), N items, C cases (patients).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.variance import Spread, components, seeds_by_patients

__all__ = ["TEMPLATES_NEEDED", "PromptSpread", "Shares", "all_right", "flipped", "prompt_spread"]

Floats = NDArray[np.float64]
TEMPLATES_NEEDED = 5
"""With fewer wordings the spread between them is a guess."""


class Shares(NamedTuple):
    """Parts of the variance of one answer; they add up to 1. A part that came out below 0 is 0."""

    template: float
    case: float
    rest: float
    """What template and case do together, and chance."""


class PromptSpread(NamedTuple):
    """A score over templates."""

    mean: Spread
    """Mean with an interval for new templates and new cases."""
    by_template: Floats
    """Score of each, (K,)."""
    deviation: float
    low: float
    high: float
    """Of the best template: selected on test."""
    flip_rate: float
    """Share of items that are right under one template and wrong under another."""
    shares: Shares
    note: str = ""


def flipped(values: ArrayLike) -> Floats:
    """Return 1 for an item whose value is not the same under all templates, (K, N) to (N,)."""
    table = _checked(values)
    return np.asarray(np.ptp(table, axis=0) > 1e-9, dtype=np.float64)


def all_right(values: ArrayLike) -> Floats:
    """Return 1 for an item that is right under every order of its options, (N,): the mean is consistency."""
    return np.asarray((_checked(values) == 1).all(axis=0), dtype=np.float64)


def prompt_spread(values: ArrayLike, cases: Sequence[str] | NDArray[Any], *, level: float = 0.95) -> PromptSpread:
    """Measure the spread of a score over templates.

    The interval and the parts of the variance are those of `variance.seeds_by_patients`, templates in the place of
    seeds; a case counts once, by the mean of its items.

    Args:
        values: value of each item under each template, such as 1 for right, (K, N).
        cases: patient of each item, (N,).
        level: coverage.
    """
    table = _checked(values)
    if len(table) < 2:
        raise DataError("one template: the spread between templates is not known; ask in two or more")
    codes = np.unique(np.asarray(cases), return_inverse=True)[1]
    if codes.shape != table.shape[1:]:
        raise DataError(f"{codes.shape} cases for values of {table.shape}; give one case for each item")
    number = np.bincount(codes)
    means = np.stack([np.bincount(codes, row) / number for row in table])
    parts = components(means)
    kept = np.maximum([parts.seed, parts.case, parts.error], 0.0)
    shares = kept / kept.sum() if kept.sum() else np.full(3, np.nan)
    by_template = table.mean(axis=1)
    few = len(table) < TEMPLATES_NEEDED
    return PromptSpread(
        mean=seeds_by_patients(means, level=level),
        by_template=by_template,
        deviation=float(by_template.std(ddof=1)),
        low=float(by_template.min()),
        high=float(by_template.max()),
        flip_rate=float(flipped(table).mean()),
        shares=Shares(*(float(share) for share in shares)),
        note=f"{len(table)} templates; at least {TEMPLATES_NEEDED} are wanted" if few else "",
    )


def _checked(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise DataError(
            f"values of shape {table.shape}: give one for every template and item, 0 where none could be read"
        )
    return table
