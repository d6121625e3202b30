"""BenchX: pretraining methods for chest X-rays compared with one protocol, one tuning budget and the same splits.

Paper: Zhou et al., NeurIPS 2024 Datasets and Benchmarks. Code: yangzhou12/BenchX, MIT.
New: every encoder is fitted by the same heads on 1, 10 and 100 % of the labels with three seeds and tuned alike; then
early methods overtake later ones.
Differs here: no mirror images, which turn a left lung into a right one; a class without both labels is left out by
name and not NaN; the threshold of a label comes from validation. `multilabel_accuracy` has the authors' rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.benchmarks.base import Stage
from vesalius.data.corpus import Corpus
from vesalius.errors import DataError
from vesalius.metrics.classification import auroc
from vesalius.paper import Paper

__all__ = [
    "FILES",
    "PAPER",
    "SIZES",
    "STAGES",
    "Fault",
    "audit_lists",
    "binary_f1",
    "multilabel_accuracy",
    "multilabel_auroc",
    "read_lists",
    "split_by_lists",
]

# N items, K classes

PAPER = Paper(
    slug="benchx",
    title="BenchX: A Unified Benchmark Framework for Medical Vision-Language Pretraining on Chest X-Rays",
    year=2024,
    venue="NeurIPS Datasets and Benchmarks",
    code="yangzhou12/BenchX, MIT",
)

FILES = ("train", "train_10", "train_1", "val", "test")
"""Lists of a data set, one id a line, each in NAME.txt."""

SIZES: Mapping[str, tuple[int, int, int]] = {
    "RSNA": (18678, 4003, 4003),
    "SIIM": (9303, 1372, 1372),
    "COVIDx": (67862, 8472, 8481),
    "NIH": (78468, 11219, 22433),
    "VinDr": (12000, 3000, 3000),
    "TBX11K": (5879, 1260, 1260),
    "Object-CXR": (8000, 1000, 1000),
}
"""Lines of train, val and test in the released lists."""

STAGES = (
    Stage(
        protocol="classification",
        metric="auroc",
        fractions=(0.01, 0.1, 1.0),
        draws=3,
        rates=(0.3, 1.0),
        words="Classification, AUROC",
    ),
    Stage(
        protocol="segmentation",
        metric="dice",
        fractions=(1.0,),
        draws=3,
        rates=(1.0,),
        words="Segmentation by UPerNet, Dice",
    ),
    Stage(
        protocol="report",
        metric="bleu_4",
        fractions=(1.0,),
        draws=3,
        rates=(1.0,),
        words="Report generation, BLEU-4",
    ),
)
"""Shares, seeds (42, 0 and 1 there) and heads of the paper; rates are multiples of the protocols' own."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something odd in the lists of a data set."""

    kind: str
    """size, duplicates, overlap, patients, not inside, not nested."""
    where: str
    words: str


def read_lists(folder: str | Path) -> dict[str, list[str]]:
    """Read the lists of a data set in the release's layout: NAME.txt with one id a line; fractions may be absent.

    Raises:
        DataError: train, val or test is missing or empty.
    """
    root = Path(folder)
    found = {}
    for name in FILES:
        path = root / f"{name}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            found[name] = [line.strip() for line in lines if line.strip()]
    lacking = [f"{name}.txt" for name in ("train", "val", "test") if not found.get(name)]
    if lacking:
        raise DataError(f"{root}: {' and '.join(lacking)} missing or empty; the lists are in datasets/NAME of BenchX")
    return found


def audit_lists(
    lists: Mapping[str, Sequence[str]], *, name: str = "", patient_of: Mapping[str, str] | None = None
) -> list[Fault]:
    """Look for what makes a comparison on these lists unfair; an empty answer is a clean bill.

    Args:
        lists: ids by list.
        name: of the data set, to compare sizes with the release; empty for none.
        patient_of: patient of each id, where it is known.
    """
    faults = []
    if name in SIZES:
        sizes = tuple(len(lists[part]) for part in ("train", "val", "test"))
        if sizes != SIZES[name]:
            faults.append(Fault(kind="size", where=name, words=f"{sizes} ids, the release has {SIZES[name]}"))
    for part, ids in lists.items():
        if len(set(ids)) < len(ids):
            words = f"{len(ids)} lines, {len(set(ids))} of them different"
            faults.append(Fault(kind="duplicates", where=part, words=words))
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        faults += _shared(lists, one, other, patient_of)
    for inner, outer, kind in (
        ("train_1", "train", "not inside"),
        ("train_10", "train", "not inside"),
        ("train_1", "train_10", "not nested"),
    ):
        if inner in lists and outer in lists:
            lost = set(lists[inner]) - set(lists[outer])
            if lost:
                words = f"{len(set(lists[inner]) - lost)} of {len(set(lists[inner]))} ids lie in {outer}"
                faults.append(Fault(kind=kind, where=inner, words=words))
    return faults


def _shared(
    lists: Mapping[str, Sequence[str]], one: str, other: str, patient_of: Mapping[str, str] | None
) -> list[Fault]:
    sides = [set(lists[part]) for part in (one, other)]
    faults = []
    both = sides[0] & sides[1]
    if both:
        words = f"{len(both)} ids in both, such as {min(both)!r}"
        faults.append(Fault(kind="overlap", where=f"{one}, {other}", words=words))
    if patient_of is not None:
        people = [{patient_of[name] for name in side if name in patient_of} for side in sides]
        if people[0] & people[1]:
            words = f"{len(people[0] & people[1])} patients in both"
            faults.append(Fault(kind="patients", where=f"{one}, {other}", words=words))
    return faults


def split_by_lists(corpus: Corpus, lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the part of each study that the lists name, by study id or by the file name of an image.

    Raises:
        DataError: a list names what the corpus does not hold, or two parts name one study.
    """
    study_of = {}
    for study in corpus:
        for key in (study.id, *(Path(image.path).name for image in study.images)):
            study_of[key] = study.id
            study_of.setdefault(Path(key).stem, study.id)
    parts: dict[str, str] = {}
    for part in ("train", "val", "test"):
        for name in lists[part]:
            if name not in study_of:
                raise DataError(f"{part}.txt names {name!r}, which corpus {corpus.name!r} does not hold")
            if parts.setdefault(study_of[name], part) != part:
                raise DataError(f"study {study_of[name]!r} is in {parts[study_of[name]]} and in {part}")
    return parts


def binary_f1(target: ArrayLike, logits: ArrayLike) -> float:
    """Return F1 of class 1 by the larger of two logits, in per cent with two decimals (authors' multiclass_f1).

    Args:
        target: one-hot truths, (N, 2).
        logits: (N, 2).

    Raises:
        DataError: not two classes, for which that code's default fails.
    """
    truth, said = np.asarray(target), np.asarray(logits)
    if truth.ndim != 2 or truth.shape[1] != 2 or said.shape != truth.shape:
        raise DataError(f"binary F1 wants (N, 2) truths and logits, found {truth.shape} and {said.shape}")
    true, chosen = truth.argmax(axis=1) == 1, said.argmax(axis=1) == 1
    both = int((true & chosen).sum())
    total = int(true.sum() + chosen.sum())
    return round(100 * 2 * both / total, 2) if total else 0.0


def multilabel_auroc(target: ArrayLike, score: ArrayLike) -> tuple[float, tuple[int, ...]]:
    """Return the plain mean of the classes' AUROC in per cent, and the classes that were left out: one label only.

    Args:
        target: 0 or 1, (N, K).
        score: (N, K).
    """
    truth, said = np.asarray(target, dtype=np.float64), np.asarray(score, dtype=np.float64)
    left_out = tuple(place for place in range(truth.shape[1]) if len(np.unique(truth[:, place])) < 2)
    areas = [auroc(truth[:, place], said[:, place]) for place in range(truth.shape[1]) if place not in left_out]
    return (100 * float(np.mean(areas)) if areas else float("nan")), left_out


def multilabel_accuracy(target: ArrayLike, score: ArrayLike) -> dict[str, float]:
    """Return micro F1 by the authors' rule: one threshold that maximises it on the scored split itself.

    The maximum is looked for with score ≥ threshold, and precision, recall and F1 are then computed with scores
    strictly above it, so that `f1` may lie below `best_f1`. Reported for comparison only: it sees the test labels.

    Args:
        target: 0 or 1, (N, K).
        score: (N, K).
    """
    truth = np.asarray(target, dtype=bool).ravel()
    said = np.asarray(score, dtype=np.float64).ravel()
    order = np.argsort(-said, kind="stable")
    ranked, hits = said[order], np.cumsum(truth[order])
    last: NDArray[np.bool_] = np.append(ranked[1:] != ranked[:-1], True)
    counts = np.arange(1, len(said) + 1)
    f1 = np.where(last, 2 * hits / (counts + truth.sum()), -1)
    threshold = float(ranked[int(f1.argmax())])
    above = said > threshold
    both = float((above & truth).sum())
    precision = both / above.sum() if above.any() else 0.0
    recall = both / truth.sum() if truth.any() else 0.0
    strict = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {
        "threshold": threshold,
        "best_f1": 100 * float(f1.max()),
        "f1": 100 * strict,
        "precision": 100 * float(precision),
        "recall": 100 * float(recall),
    }
