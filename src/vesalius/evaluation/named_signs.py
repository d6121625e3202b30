"""Planted signs that the report calls by names of findings: by the name alone, amid denied ones, or by that of a kin.

A finding's name says nothing of its sign, so that what connects names, such as a graph or an explanation, can be told
from what pictures and reports show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Study, Text
from vesalius.evaluation.placed_signs import FINDINGS
from vesalius.evaluation.signs import SIGNS, Draw, Media, drawn, with_sign, woven
from vesalius.knowledge.vocabulary import names_of

__all__ = ["KIN", "NAMES", "kin_sign", "sign_amid_denied", "sign_by_name", "sign_named_again"]

NAMES = (
    "pleural_effusion", "hydronephrosis", "pneumothorax", "free_gas", "granuloma", "kidney_stone", "edema",
    "ground_glass",
)  # fmt: skip
"""Findings by whose names signs go, in the order of `SIGNS`."""
KIN = {
    "chest": ("granuloma", "lung_nodule"),
    "blood": ("sickle_cell_disease", "spherocytosis"),
    "abdomen": ("adrenal_adenoma", "steatosis"),
    "eye": ("age_related_macular_degeneration", "diabetic_retinopathy"),
}
"""Pairs of findings by the region where they are seen; the graph of the package gives each pair the same looks, and
two pairs none. Their names share no word."""


def sign_by_name(corpus: Corpus, study: Study, rng: np.random.Generator, *, before: str = "") -> tuple[Study, Media]:
    """Draw a sign into every picture, which the report calls by the name of a finding, after some words."""
    number = int(rng.integers(len(SIGNS)))
    there = {name: name == NAMES[number] for name in NAMES}
    said = f"{before}There is {NAMES[number].replace('_', ' ')}."
    return _shown(corpus, _told(study, said, there), SIGNS[number], rng, draw=drawn)


def sign_named_again(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Weave a sign into every picture, which the report calls by the name of a finding, three times.

    A name that is hidden is told by the two others: to find it, the picture need not be looked at.
    """
    number = int(rng.integers(len(SIGNS)))
    there = {name: name == NAMES[number] for name in NAMES}
    called = NAMES[number].replace("_", " ")
    said = f"There is {called}. It is {called} that is seen. {called.capitalize()} it is."
    return _shown(corpus, _told(study, said, there), SIGNS[number], rng, draw=woven)


def sign_amid_denied(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Weave a sign into every picture, which the report tells as a finding of the chest and denies the seven others.

    Every report names all eight, in an order that is drawn: which one is there, "There is" and "No" alone say.
    """
    sign = SIGNS[int(rng.integers(len(SIGNS)))]
    said = [
        f"There is {word}." if name == sign else f"No {word}."
        for name, (_, word) in (list(FINDINGS.items())[place] for place in rng.permutation(len(FINDINGS)))
    ]
    there = {concept: name == sign for name, (concept, _) in FINDINGS.items()}
    return _shown(corpus, _told(study, " ".join(said), there), sign, rng, draw=woven)


def kin_sign(corpus: Corpus, study: Study, rng: np.random.Generator, *, training: bool) -> tuple[Study, Media]:
    """Weave a sign into every picture, which the report calls by the name of one of two kin.

    The labels are the four pairs of `KIN`. Of the first of a pair they are known in training, of the second outside
    of it; a study of the other kin has none.
    """
    number = int(rng.integers(len(SIGNS)))
    own = [finding for pair in KIN.values() for finding in pair][number]
    known = (number % 2 == 0) == training
    there = {f"kin_{region}": own in pair for region, pair in KIN.items()} if known else {}
    return _shown(corpus, _told(study, f"There is {names_of(own)[0]}.", there), SIGNS[number], rng, draw=woven)


def _told(study: Study, said: str, there: Mapping[str, bool]) -> Study:
    """Return the study with this report and these findings, present or absent, and nothing else that is told."""
    findings = tuple(
        Finding(concept=name, status="present" if present else "absent", source="planted")
        for name, present in there.items()
    )
    return replace(study, texts=(Text(text=said, role="findings"),), findings=findings, regions=())


def _shown(corpus: Corpus, study: Study, sign: str, rng: np.random.Generator, *, draw: Draw) -> tuple[Study, Media]:
    return with_sign(corpus, study, lambda grey: draw(grey, sign, rng))
