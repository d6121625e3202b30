"""Shortcut audit: what can be told of each finding without looking at it.

Every row of the audit is a linear classifier on a few features that are not the finding: place in the corpus, name,
file size, size and spacing of the picture, grey histogram, border, people's age, sex and site. Its cross-validated
AUROC should be near 0.5, or the physics of the finding be the reason; `pixels` (a thumbnail) shows for comparison
that the picture holds signal. What the words of a report tell beyond what they state: `vesalius.virtual.text.audit`.

N studies, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.data.corpus import Corpus
from vesalius.data.readers import read
from vesalius.data.records import Study

__all__ = ["FOLDS", "Shortcut", "audit", "features", "rank_auroc", "ridge"]

_KINDS = ("name", "file_size", "image_size", "histogram", "border", "pixels")
FOLDS = 5
"""Parts of the people that a classifier is tried on, each after training on the others."""
_RIDGE = 10.0
_SHUFFLES = 24


class Shortcut(NamedTuple):
    """What a feature set tells of a finding."""

    finding: str
    feature: str
    auroc: float
    """Cross-validated; 0.5 is nothing."""
    standard_error: float
    """Spread of the same figure over shuffled labels: what chance does."""
    present: int
    n: int


def audit(corpus: Corpus, concepts: Sequence[str]) -> list[Shortcut]:
    """Audit a corpus whose first pictures are of one kind for `concepts`.

    Each finding is audited among the studies that state it as present or absent: of an organ that a patient does not
    have nothing is stated, so that a finding of one sex is looked for in that sex only.
    """
    values = features(corpus)
    labels = corpus.labels(concepts)
    found = []
    place = {patient: number for number, patient in enumerate(dict.fromkeys(corpus.patients))}
    fold = np.array([place[patient] * 7919 % FOLDS for patient in corpus.patients])
    rng = np.random.default_rng(0)
    for name, matrix in values.items():
        for column, concept in enumerate(concepts):
            stated = ~np.isnan(labels[:, column])
            target = labels[stated, column] == 1
            shuffled = np.stack([target, *(rng.permutation(target) for _ in range(_SHUFFLES))], axis=1)
            areas = _cross_validated(matrix[stated], shuffled, fold[stated])
            error = float(areas[1:].std(ddof=1))
            found.append(Shortcut(concept, name, float(areas[0]), error, int(target.sum()), len(target)))
    return found


def features(corpus: Corpus) -> Mapping[str, NDArray[np.float64]]:
    """Return the feature sets of every study, each (N, F), in the order of the corpus.

    Of a volume the middle slice stands for the border and the thumbnail, of a clip the middle frame; the histogram is
    of all voxels. Grey values are scaled by limits of the corpus, never by a picture's own.
    """
    pictures = [_stored(corpus, study) for study in corpus]
    low, high = np.percentile(np.concatenate([grey.ravel()[::17] for grey, _ in pictures]), (0.5, 99.5))
    scale = max(float(high - low), 1e-6)
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _KINDS}
    for study, (grey, size) in zip(corpus, pictures, strict=True):
        shown = np.clip((grey - low) / scale, 0, 1)
        middle = shown if shown.ndim == 2 else shown[len(shown) // 2]
        small = _thumbnail(middle)
        rows["name"].append(np.array([int(digit, 16) for digit in study.id], float))
        rows["file_size"].append(np.array([float(size)]))
        rows["image_size"].append(np.array([*grey.shape, *study.images[0].spacing_mm], float)[:6])
        rows["histogram"].append(np.sqrt(np.histogram(shown, bins=32, range=(0, 1))[0] / shown.size))
        rows["border"].append(_border(small))
        rows["pixels"].append(small.ravel())
    matrices = {name: np.nan_to_num(np.stack(part)) for name, part in rows.items()}
    place = np.linspace(-1, 1, len(corpus))
    order = np.stack([place, place**2, place**3], axis=1)
    return {"row": order, **matrices, "people": _people(corpus)}


def _stored(corpus: Corpus, study: Study) -> tuple[NDArray[np.float32], int]:
    """Return the grey values of a study's first picture and the size of its file in bytes."""
    path = corpus.path(study.images[0].path)
    pixels = read(path)
    array = pixels.array.astype(np.float32)
    return (array.mean(axis=-1) if pixels.axes.endswith("C") else array), path.stat().st_size


def _thumbnail(middle: NDArray[np.float32]) -> NDArray[np.float64]:
    image = Image.fromarray(middle.astype(np.float32), "F")
    return np.asarray(image.resize((24, 24), Image.Resampling.BOX), float)


def _people(corpus: Corpus) -> NDArray[np.float64]:
    """Age, sex and site: what goes with disease in life, and does here."""
    sites = sorted({study.site for study in corpus})
    return np.array(
        [[study.age_years or 0, study.sex == "F", *(study.site == site for site in sites)] for study in corpus], float
    )


def _border(small: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outermost of 24 rows and columns at the top and the sides, where no lung is; below there is abdomen."""
    return np.concatenate([small[:2].ravel(), small[:, :1].ravel(), small[:, -1:].ravel()])


def _cross_validated(
    matrix: NDArray[np.float64], targets: NDArray[np.bool_], fold: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Mean AUROC of ridge regressions on standardised features, each on people that it did not see, (T,).

    Args:
        matrix: features, (N, F).
        targets: one column a task, (N, T).
        fold: of each study, (N,).
    """
    areas = []
    for number in range(FOLDS):
        train = fold != number
        scores = ridge(matrix[train], targets[train].astype(float), matrix[~train])
        areas.append([rank_auroc(targets[~train, i], scores[:, i])[0] for i in range(targets.shape[1])])
    found: NDArray[np.float64] = np.mean(areas, axis=0)
    return found


def ridge(known: NDArray[np.float64], targets: NDArray[np.float64], held: NDArray[np.float64]) -> NDArray[np.float64]:
    """Learn targets less their means, (N, T), from standardised features, (N, F); return scores of others, (M, T)."""
    mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-9
    features = (known - mean) / spread
    gram = features.T @ features + _RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(gram, features.T @ (targets - targets.mean(axis=0)))
    scores: NDArray[np.float64] = (held - mean) / spread @ weights
    return scores


def rank_auroc(target: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, float]:
    """Area under the ROC curve by ranks (ties half) and its standard error under no effect; NaN for one class.

    Under no effect the variance is (P + N + 1) / (12 P N).
    """
    positive, negative = int(target.sum()), int((~target).sum())
    if not positive or not negative:
        return float("nan"), float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = (rank[target].sum() - positive * (positive + 1) / 2) / (positive * negative)
    return float(area), float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))
