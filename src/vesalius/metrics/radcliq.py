"""RadCliQ: the number of errors that radiologists would count, predicted linearly from four metrics; lower is better.

Paper: Yu et al. 2023, "Evaluating progress in automatic chest X-ray radiology report generation", Patterns 4(9); the
coefficients are those of the authors' stored models. The components are given: RadGraph's combined F1
(`entities.radcliq_f1`), BERTScore F1 of distilroberta-base, layer 5, rescaled, the cosine of CheXbert's vectors, and
BLEU-2. Other models' components give no RadCliQ: `radcliq_rules` is the same sum of stand-ins under its own name.

Letters: n reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = ["COMPONENTS", "VERSIONS", "Composite", "inverse_of_mean", "radcliq", "radcliq_rules"]

Floats = NDArray[np.float64]

COMPONENTS = ("radgraph", "bertscore", "semantic_embedding", "bleu2")
"""Order of the four components."""


@dataclass(frozen=True, kw_only=True)
class Composite:
    """y = w · (x − mean) / deviation + intercept; four numbers each, in the order of `COMPONENTS`."""

    weight: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    intercept: float


VERSIONS: Mapping[str, Composite] = {
    "v0": Composite(
        weight=(-0.479625264486, -0.676217054237, -0.463665751618, 0.216586190529),
        mean=(0.539837601908, 0.631254959500, 0.771679786667, 0.460737206481),
        deviation=(0.301834444056, 0.224669507461, 0.247503338052, 0.303366709361),
        intercept=1.641666666667,
    ),
    "v1": Composite(
        weight=(-0.3770836826104, -0.3703000997448, -0.2526162178959, 4.315048405e-12),
        mean=(0.537923124136, 0.617572562813, 0.764794212114, 0.447383353962),
        deviation=(0.302825841149, 0.224309384593, 0.253943911017, 0.298927167104),
        intercept=2.466552561e-10,
    ),
}
"""The two published fits; v1 weighs BLEU at nothing."""


def radcliq(components: ArrayLike, *, version: str = "v1") -> Floats:
    """Return RadCliQ of each report, (n,).

    Args:
        components: (n, 4), in the order of `COMPONENTS`.
        version: "v0" or "v1".
    """
    if version not in VERSIONS:
        raise ConfigError(f"RadCliQ has no version {version!r}{did_you_mean(version, VERSIONS)}")
    return _composed(components, VERSIONS[version])


def radcliq_rules(components: ArrayLike, *, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """Return the sum with v1's weights over stand-ins without weights, (n,); it is no RadCliQ and never called so.

    Args:
        components: stand-ins of the four, (n, 4).
        mean: of each stand-in over a set of pairs that is stated beside the score, (4,).
        deviation: likewise.
    """
    v1 = VERSIONS["v1"]
    centre, spread = (tuple(float(one) for one in np.asarray(part, dtype=np.float64)) for part in (mean, deviation))
    if len(centre) != len(COMPONENTS) or len(spread) != len(COMPONENTS) or min(spread) <= 0:
        raise DataError(f"means {centre} and deviations {spread}: expected four each, deviations above 0")
    return _composed(components, Composite(weight=v1.weight, mean=centre, deviation=spread, intercept=v1.intercept))


def inverse_of_mean(scores: ArrayLike) -> float:
    """Return 1 / mean, as RadEval prints v1: it grows without bound and turns its sign where the mean nears 0."""
    return float(1 / np.mean(np.asarray(scores, dtype=np.float64)))


def _composed(components: ArrayLike, composite: Composite) -> Floats:
    table = np.asarray(components, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(COMPONENTS):
        raise DataError(f"components of shape {table.shape}; expected (reports, 4): {', '.join(COMPONENTS)}")
    scaled = (table - np.array(composite.mean)) / np.array(composite.deviation)
    return np.asarray(scaled @ np.array(composite.weight) + composite.intercept)
