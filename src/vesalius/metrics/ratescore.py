"""RaTEScore over given spans: how well typed spans of two reports match by the cosine of their vectors.

Paper: Zhao et al. 2024 (arXiv 2406.16845). Spans and vectors are the authors' models' (a tagger and BioLORD), by a
worker or from a file. A plain denial of the only finding keeps over nine tenths of the score: never use it alone.

Letters: A spans of one report, B spans of the other, d width of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.config import read_yaml
from vesalius.errors import DataError, did_you_mean

__all__ = ["Spans", "ratescore"]

Floats = NDArray[np.float64]
Setting = Literal["long", "short"]

_NO_SPANS = 0.5
"""Score where a report has no span."""
_TABLE = Path(__file__).with_name("ratescore.yaml")


class Spans(NamedTuple):
    """Spans of one report."""

    types: Sequence[str]
    """Abnormality, anatomy, disease, non-abnormality or non-disease, in any case, (A)."""
    vectors: ArrayLike
    """One a span, of any length, (A, d)."""


class _Weights(NamedTuple):
    types: tuple[str, ...]
    weights: Floats
    clash: Floats
    """Factor of each pair of types, (5, 5)."""


def ratescore(written: Spans, reference: Spans, *, setting: Setting = "long") -> float:
    """Return the harmonic mean of both sides; .5 where a side has no span, 0 where both sides are 0.

    Args:
        written: spans of the report that is scored.
        reference: spans of the true one.
        setting: which published weights.

    Raises:
        DataError: a type is unknown or vectors and types differ in number.
    """
    ours, theirs = _unit(written), _unit(reference)
    if not len(ours) or not len(theirs):
        return _NO_SPANS
    table = _weights(setting)
    first, second = _codes(written.types, table), _codes(reference.types, table)
    cosines = ours @ theirs.T
    sides = _side(cosines, first, second, table), _side(cosines.T, second, first, table)
    return 2 * sides[0] * sides[1] / sum(sides) if sum(sides) else 0.0


def _side(cosines: Floats, types: NDArray[np.intp], others: NDArray[np.intp], table: _Weights) -> float:
    """Weighted mean of each span's best cosine, (A, B) -> one number."""
    best = cosines.argmax(axis=1)
    weights = table.weights[types, others[best]]
    total = float(weights.sum())
    found = cosines[np.arange(len(best)), best] * table.clash[types, others[best]]
    return float((weights * found).sum()) / total if total else 0.0


def _unit(spans: Spans) -> Floats:
    vectors = np.asarray(spans.vectors, dtype=np.float64)
    if len(spans.types) != len(vectors):
        raise DataError(f"{len(spans.types)} types and {len(vectors)} vectors of spans; each span needs both")
    if not len(vectors):
        return np.zeros((0, 0))
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny))


def _codes(types: Sequence[str], table: _Weights) -> NDArray[np.intp]:
    for name in types:
        if name.lower() not in table.types:
            raise DataError(f"unknown type of a span {name!r}{did_you_mean(name.lower(), table.types)}")
    return np.array([table.types.index(name.lower()) for name in types], dtype=np.intp)


@cache
def _weights(setting: Setting) -> _Weights:
    document = read_yaml(_TABLE)
    types = tuple(document["types"])
    said = np.array([0 if name == "anatomy" else -1 if name.startswith("non-") else 1 for name in types])
    clash = np.where(said[:, None] * said[None, :] < 0, document[setting]["clash"], 1.0)
    return _Weights(types, np.array(document[setting]["weights"], dtype=np.float64), clash)
