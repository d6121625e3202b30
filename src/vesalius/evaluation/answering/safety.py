"""What a score does not say: the model on a sample of the same items, with something changed that should not matter.

Each probe is asked beside the model on the same items, so that every difference is paired. Degradations are those of
virtual patients; the frames around a question keep its meaning (prompt sensitivity wants at least
five wordings, the plain one included).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vesalius.benchmarks.base import Item
from vesalius.metrics.bootstrap import Interval, patient_weights, percentile
from vesalius.tasks.base import column

__all__ = ["FRAMES", "Probe", "Row", "probes", "safety_row", "wording_spread"]

Floats = NDArray[np.float64]

_DEGRADATIONS = ("gaussian_noise", "defocus", "motion_blur", "low_contrast", "underexposure", "block_coding")
"""One of them for each item, by a hash; none moves what is seen."""
_STRENGTHS = {"mild": 0.25, "moderate": 0.525, "severe": 0.85}
"""Middles of the bands of each severity."""
FRAMES = (
    "Please answer: {question}",
    "{question} Answer as a radiologist would.",
    "Look at the image carefully. {question}",
    "A colleague asks: {question}",
)
"""Wordings beside the plain question."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A change of items that should not change the answer."""

    name: str
    words: str
    change: Callable[[Item], Item]
    fits: Callable[[Item], bool]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The model with and without a change, on the same items."""

    probe: str
    words: str
    model: float
    changed: float
    difference: Interval
    """changed - model."""
    flipped: float
    """Share of items whose value changes."""

    def document(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        gap = self.difference
        return {
            "probe": self.probe,
            "words": self.words,
            "n": gap.n,
            "n_patients": gap.n_patients,
            "model": self.model,
            "changed": self.changed,
            "difference": gap.value,
            "low": None if np.isnan(gap.low) else gap.low,
            "high": None if np.isnan(gap.high) else gap.high,
            "flipped": self.flipped,
        }


def probes(*, seed: int) -> list[Probe]:
    """Return all probes: three severities of degradation, rotated options, other wordings."""
    found = [
        Probe(
            name=f"degraded-{severity}",
            words=f"pictures with noise, blur, low contrast, underexposure or compression, {severity}",
            change=_degradation(strength, seed),
            fits=lambda item: any(media.kind == "image" for media in item.media),
        )
        for severity, strength in _STRENGTHS.items()
    ]
    found.append(
        Probe(
            name="options-rotated",
            words="each option under the letter before its own",
            change=_rotated,
            fits=lambda item: item.kind == "choice" and item.truth in item.options and len(item.options) > 1,
        )
    )
    found += [
        Probe(
            name=f"wording-{number}", words=frame.format(question="…"), change=_worded(frame), fits=lambda item: True
        )
        for number, frame in enumerate(FRAMES, start=1)
    ]
    return found


def safety_row(
    probe: Probe, model: pa.Table, changed: pa.Table, *, metric: str, resamples: int, seed: int
) -> Row | None:
    """Compare the tables of a model and of a probe on the items that both answered; None where there are none.

    Args:
        probe: what was changed.
        model: marks of the model, of the schema `PREDICTIONS`.
        changed: marks of the probe.
        metric: whose mean is compared.
        resamples: of clusters.
        seed: of the resamples.
    """
    before, after = _values(model, metric), _values(changed, metric)
    shared = sorted(before.keys() & after.keys())
    if not shared:
        return None
    values = np.array([[before[key][0], after[key][0]] for key in shared])
    weights = patient_weights([before[key][1] for key in shared], resamples=resamples, seed=seed)
    sums = weights.sums(np.column_stack([values[:, 1] - values[:, 0], np.ones(len(values))]))
    gap = float((values[:, 1] - values[:, 0]).mean())
    return Row(
        probe=probe.name,
        words=probe.words,
        model=float(values[:, 0].mean()),
        changed=float(values[:, 1].mean()),
        difference=percentile(gap, sums[:, 0] / sums[:, 1], weights=weights),
        flipped=float(np.mean(np.abs(values[:, 1] - values[:, 0]) > 1e-9)),
    )


def wording_spread(rows: Sequence[Row]) -> Mapping[str, float] | None:
    """Return mean, standard deviation and range over the wordings, the plain one included; None without wordings."""
    worded = [row for row in rows if row.probe.startswith("wording-")]
    if not worded:
        return None
    values = np.array([worded[0].model, *(row.changed for row in worded)])
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1)), "range": float(np.ptp(values))}


def _values(table: pa.Table, metric: str) -> dict[tuple[str, str], tuple[float, str]]:
    """Return value and cluster by task and item, of one metric under the benchmark's first rule."""
    of_metric = table.filter(pc.equal(table["label"], metric))
    names = (column(of_metric, name) for name in ("task", "item", "score", "patient"))
    return {
        (task, item): (float(value), patient)
        for task, item, value, patient in zip(*names, strict=True)
        if "@" not in task and np.isfinite(value)
    }


def _degradation(strength: float, seed: int) -> Callable[[Item], Item]:
    def change(item: Item) -> Item:
        drawn = int.from_bytes(hashlib.sha256(f"{seed}/{item.id}".encode()).digest()[:4], "big")
        name = _DEGRADATIONS[drawn % len(_DEGRADATIONS)]
        edit = f"degrade:{name}:{strength}:{drawn}"
        return replace(
            item, media=tuple(media.edited(edit) if media.kind == "image" else media for media in item.media)
        )

    return change


def _rotated(item: Item) -> Item:
    letters, texts = list(item.options), list(item.options.values())
    options = dict(zip(letters, [*texts[1:], texts[0]], strict=True))
    return replace(item, options=options, truth=letters[letters.index(item.truth) - 1])


def _worded(frame: str) -> Callable[[Item], Item]:
    return lambda item: replace(item, question=frame.format(question=item.question))
