"""What the words of a report tell of a finding that they do not state.

A report states its findings by design, so the question is what is left when all that it says of one finding is left
out: sentences linked to it, advice that it caused, its name in a list of denials, and summaries of the whole study
(`write_report` with `silent`). On what is left a bag of words is asked for the finding *given its stratum*: what the
same patient's age, sex, site and other findings tell of it, which is true of life and no fault of the words.

1. A ridge regression predicts the share of the stratum that has the finding from age, sex, site, each other finding's
   truth, and whether there is any other.
2. A ridge regression on the words that go with it most learns what the first leaves over (present less share).
3. Both are learnt on four fifths of the people and tried on the others, in turn. The AUROC counts only pairs of
   studies of the same fifth, both with or both without any other finding, and of the same tenth of those by share.

N reports, W terms, S features of the stratum, T targets.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.audit import FOLDS, Shortcut, rank_auroc, ridge
from vesalius.virtual.patient import Patient
from vesalius.virtual.text.narrative import Report, write_report

__all__ = ["Stratum", "audit_text", "from_words", "terms"]

_LEAST = 10
"""Reports that a term must occur in."""
_KEPT = 64
"""Terms that go with a target most, chosen on the training folds."""
_TENTHS = 10
_SHUFFLES = 24
_PRESENT = 20


class Stratum(NamedTuple):
    """What tells of a finding beside the words, study by study."""

    features: NDArray[np.float64]
    """(N, S)."""
    alone: NDArray[np.bool_]
    """True where the patient has no other finding, (N,)."""


def audit_text(patients: Sequence[Patient], concepts: Sequence[str]) -> list[Shortcut]:
    """Audit the reports of different people for `concepts`, each among those who can have it.

    Two rows a finding: `company` is the AUROC of the stratum alone, `text` that of the words given the stratum.
    Findings of fewer than 20 people are left out.
    """
    found = []
    for concept in concepts:
        who = [patient for patient in patients if concept in patient.asked]
        target = np.array([concept in patient.concepts for patient in who])
        if target.sum() < _PRESENT:
            continue
        fold = np.arange(len(who)) % FOLDS
        stratum = _stratum(who, [name for name in concepts if name != concept])
        share = _predicted(stratum, target, fold)
        alone = float(np.mean([rank_auroc(target[fold == part], share[fold == part])[0] for part in range(FOLDS)]))
        texts = [terms(write_report(patient, silent=(concept,))) for patient in who]
        area, error = from_words(texts, target, stratum, fold)
        counts = int(target.sum()), len(who)
        found += [
            Shortcut(concept, "company", alone, error, *counts),
            Shortcut(concept, "text", area, error, *counts),
        ]
    return found


def terms(report: Report) -> frozenset[str]:
    """Return the words of a report and its pairs of words that follow one another in a sentence, in lower case."""
    parts = [sentence.text for sentence in (*report.findings, *report.impression)]
    return frozenset().union(*(_terms_of(text) for text in parts))


@lru_cache(maxsize=100_000)
def _terms_of(text: str) -> frozenset[str]:
    words = re.findall(r"[a-z0-9/]+(?:[-.][a-z0-9]+)*", text.lower())
    return frozenset([*words, *(f"{first} {second}" for first, second in pairwise(words))])


def _stratum(patients: Sequence[Patient], others: Sequence[str]) -> Stratum:
    """Take age and its square, sex, site, other findings, and age again where there is no other."""
    sites = sorted({patient.site.name for patient in patients})
    rows = []
    for patient in patients:
        age = (patient.body.age_years - 57) / 17
        has = [name in patient.concepts for name in others]
        lone = not any(has)
        rows.append([age, age**2, patient.body.sex == "F", *(patient.site.name == site for site in sites), *has,
                     lone, lone * age, lone * age**2])  # fmt: skip
    return Stratum(np.array(rows, float), np.array([not (patient.concepts & set(others)) for patient in patients]))


def _predicted(stratum: Stratum, target: NDArray[np.bool_], fold: NDArray[np.int_]) -> NDArray[np.float64]:
    """Share of people of a stratum who have the finding, learnt from the other folds, (N,)."""
    share = np.zeros(len(target))
    for part in range(FOLDS):
        train = fold != part
        learnt = ridge(stratum.features[train], target[train, None].astype(float), stratum.features[~train])
        share[~train] = target[train].mean() + learnt[:, 0]
    return share


def _cells(share: NDArray[np.float64], alone: NDArray[np.bool_], fold: NDArray[np.int_]) -> NDArray[np.int_]:
    """Number the cells of studies that are compared with one another, (N,)."""
    cell = np.zeros(len(share), int)
    for number, (part, lone) in enumerate(product(range(FOLDS), (False, True))):
        inside = np.flatnonzero((fold == part) & (alone == lone))
        place = np.argsort(np.argsort(share[inside], kind="stable"), kind="stable")
        cell[inside] = number * _TENTHS + place * _TENTHS // max(len(inside), 1)
    return cell


def from_words(
    texts: Sequence[Collection[str]], target: NDArray[np.bool_], stratum: Stratum, fold: NDArray[np.int_]
) -> tuple[float, float]:
    """Return the AUROC of words within strata and its spread where targets are shuffled inside them.

    Args:
        texts: terms of each report.
        target: whether the finding is there, (N,).
        stratum: what tells of it beside the words.
        fold: 0 to 4, (N,).
    """
    matrix = _occurring(texts)
    cell = _cells(_predicted(stratum, target, fold), stratum.alone, fold)
    rng = np.random.default_rng(0)
    targets = np.stack([target, *(_shuffled(target, cell, rng) for _ in range(_SHUFFLES))], axis=1)
    scores = np.zeros(targets.shape)
    for part in range(FOLDS):
        train = fold != part
        wanted = targets[train].astype(float)
        left = wanted - ridge(stratum.features[train], wanted, stratum.features[train])
        scores[~train] = _scored(matrix[train], left, matrix[~train])
    areas = [_within(targets[:, i], scores[:, i], cell) for i in range(targets.shape[1])]
    return areas[0], float(np.std(areas[1:], ddof=1))


def _occurring(texts: Sequence[Collection[str]]) -> NDArray[np.float32]:
    """1 where a report has a term, of the terms of at least 10 reports and of not all, (N, W)."""
    counts: dict[str, int] = {}
    for text in texts:
        for term in text:
            counts[term] = counts.get(term, 0) + 1
    kept = sorted(term for term, count in counts.items() if _LEAST <= count < len(texts))
    column = {term: number for number, term in enumerate(kept)}
    matrix = np.zeros((len(texts), len(kept)), np.float32)
    for row, text in enumerate(texts):
        matrix[row, [column[term] for term in text if term in column]] = 1
    return matrix


def _shuffled(target: NDArray[np.bool_], cell: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return targets that are exchanged inside their cells."""
    mixed = np.empty_like(target)
    order = np.lexsort((np.arange(len(cell)), cell))
    mixed[order] = target[np.lexsort((rng.random(len(cell)), cell))]
    return mixed


def _scored(known: NDArray[np.float32], left: NDArray[np.float64], held: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score the held reports by the terms that go most with each target of the known ones, (held, T)."""
    centred = known - known.mean(axis=0)
    together = np.abs(centred.T @ (left - left.mean(axis=0)).astype(np.float32)) / (
        centred.std(axis=0)[:, None] + 1e-6
    )
    scores = np.zeros((len(held), left.shape[1]))
    for number in range(left.shape[1]):
        best = np.argsort(-together[:, number], kind="stable")[:_KEPT]
        scores[:, number] = ridge(known[:, best].astype(float), left[:, [number]], held[:, best].astype(float))[:, 0]
    return scores


def _within(target: NDArray[np.bool_], score: NDArray[np.float64], cell: NDArray[np.int_]) -> float:
    """AUROC over the pairs of one cell, all cells together; 0.5 where no cell has both kinds."""
    won, pairs = 0.0, 0
    for number in np.unique(cell):
        inside = cell == number
        positive = int(target[inside].sum())
        count = positive * (int(inside.sum()) - positive)
        if count:
            won += rank_auroc(target[inside], score[inside])[0] * count
            pairs += count
    return won / pairs if pairs else 0.5
