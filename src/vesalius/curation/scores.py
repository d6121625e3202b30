"""How hard an item is for a model, from what the model gave out: formulas over arrays, no model here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["el2n", "entropy", "gradient_influence", "margin"]

Values = NDArray[np.floating[Any]]


def el2n(probabilities: Values, targets: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the norm of the error vector ‖p - y‖₂ of each item (EL2N, Paul et al. 2021), (n,).

    The paper averages the value over a few models early in training: average the result over yours.

    Args:
        probabilities: rows sum to 1, (n, classes).
        targets: class of each item, (n,).
    """
    wanted = np.zeros(probabilities.shape)
    wanted[np.arange(len(targets)), _classes(probabilities, targets)] = 1
    return np.asarray(np.linalg.norm(probabilities - wanted, axis=1))


def margin(logits: Values, targets: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the right class's logit less the highest other one of each item, (n,): below 0 where it is wrong.

    Args:
        logits: (n, classes), at least 2 classes.
        targets: class of each item, (n,).
    """
    places = np.arange(len(targets))
    right = logits[places, _classes(logits, targets)]
    others = logits.astype(np.float64)
    others[places, targets] = -np.inf
    return np.asarray(right - others.max(axis=1), np.float64)


def entropy(probabilities: Values) -> NDArray[np.float64]:
    """Return -Σ p log p of each item in nats, (n,), of rows that sum to 1 (n, classes)."""
    safe = np.where(probabilities > 0, probabilities, 1.0)
    return np.asarray(-(probabilities * np.log(safe)).sum(axis=1), np.float64)


def gradient_influence(items: Values, goal: Values) -> NDArray[np.float64]:
    """Return the inner product of each item's gradient with the mean gradient of the goal's items, (n,).

    A step along an item's gradient lowers the goal's loss by this much, to first order and for a step of 1 (TracIn,
    Pruthi et al. 2020, at one checkpoint).

    Args:
        items: gradients of training items, perhaps projected, (n, d).
        goal: gradients of items that matter, (m, d).
    """
    if items.shape[1] != goal.shape[1]:
        raise DataError(f"gradients have {items.shape[1]} and {goal.shape[1]} numbers, expected the same")
    return np.asarray(items @ goal.mean(axis=0), np.float64)


def _classes(values: Values, targets: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    if values.ndim != 2 or len(values) != len(targets):
        raise DataError(f"values of shape {values.shape} for {len(targets)} targets, expected (n, classes)")
    if len(targets) and (targets.min() < 0 or targets.max() >= values.shape[1]):
        raise DataError(f"targets {targets.min()} to {targets.max()}, expected 0 to {values.shape[1] - 1}")
    return targets
