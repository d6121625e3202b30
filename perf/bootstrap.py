"""Clustered bootstrap of AUROC, 14 labels x 10,000 cases x 1,000 resamples, against a loop over scikit-learn.

The loop repeats the resampled items and calls `roc_auc_score` for every label and resample; it is measured on
fewer resamples and scaled up, for its cost a resample is constant. Equality is checked before the timing.
"""

from __future__ import annotations

import resource
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from measure import save, spread
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import BLOCK_BYTES, PatientWeights, patient_weights

LABELS, CASES, PATIENTS, RESAMPLES = 14, 10_000, 6_000, 1_000
REPEATS = 5
LOOPED = 40
"""Resamples of the loop that are measured and compared."""


def main() -> None:
    """Check equality, time both, write seconds, their ratio and the peak of memory."""
    target, score, names = cases()
    weights = patient_weights(names, resamples=RESAMPLES)
    ours = np.stack([resampled.auroc(target[:, label], score[:, label], weights) for label in range(LABELS)])
    start = time.perf_counter()
    theirs = loop(target, score, weights)
    looped_s = time.perf_counter() - start
    worst = float(np.abs(ours[:, :LOOPED] - theirs).max())
    if worst > 1e-12:
        raise SystemExit(f"the two differ by {worst}: nothing was timed")
    seconds = spread([timed(target, score, names) for _ in range(REPEATS)])
    extrapolated = looped_s / LOOPED * RESAMPLES
    document = {
        "labels": LABELS,
        "cases": CASES,
        "patients": PATIENTS,
        "resamples": RESAMPLES,
        "seconds": seconds,
        "threads": "one: array operations along columns, no linear algebra",
        "loop_over_scikit_learn": {
            "measured_resamples": LOOPED,
            "measured_seconds": looped_s,
            "extrapolated_seconds": extrapolated,
        },
        "times_faster": extrapolated / seconds["median"],
        "largest_difference": worst,
        "block_bytes": BLOCK_BYTES,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    path = save("bootstrap", document)
    print(
        f"{seconds['median']:.2f} s against {extrapolated:.0f} s by a loop (from {LOOPED} resamples), "
        f"{document['times_faster']:.0f} times faster, largest difference {worst:.1e}; {path.name}"
    )


def cases() -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str]]:
    """Draw rare labels, scores with ties, and several cases a patient: (n, L), (n, L) and n names."""
    stream = np.random.default_rng(0)
    target = stream.random((CASES, LABELS)) < np.linspace(0.02, 0.4, LABELS)
    score = (stream.normal(size=(CASES, LABELS)) + target).round(3)
    patient = np.concatenate([np.arange(PATIENTS), stream.integers(0, PATIENTS, CASES - PATIENTS)])
    return target, score, [f"p{number}" for number in patient]


def timed(target: NDArray[np.bool_], score: NDArray[np.float64], names: list[str]) -> float:
    """Time everything: drawing the resamples and all labels."""
    start = time.perf_counter()
    weights = patient_weights(names, resamples=RESAMPLES)
    for label in range(LABELS):
        resampled.auroc(target[:, label], score[:, label], weights)
    return time.perf_counter() - start


def loop(target: NDArray[np.bool_], score: NDArray[np.float64], weights: PatientWeights) -> NDArray[np.float64]:
    """Do it the usual way for the first resamples, (L, resamples)."""
    found = np.empty((LABELS, LOOPED))
    repeats = weights.items(0, LOOPED).astype(int)
    for draw in range(LOOPED):
        rows = np.repeat(np.arange(CASES), repeats[:, draw])
        for label in range(LABELS):
            found[label, draw] = roc_auc_score(target[rows, label], score[rows, label])
    return found


if __name__ == "__main__":
    main()
