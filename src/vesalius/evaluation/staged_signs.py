"""Stages of degeneration that are seen at once: each has a sign of its own all over the scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Study, Text
from vesalius.evaluation.signs import SIGNS, Media, with_sign, woven
from vesalius.tasks.instructions.families.macular import STAGES

__all__ = ["staged_signs"]

_DISEASE = "age_related_macular_degeneration"


def staged_signs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Draw a stage, weave its sign into the scans, and name it in findings and report; measurements stay."""
    number = int(rng.integers(len(STAGES)))
    stage, healthy = STAGES[number], number == 0
    written = stage.removesuffix(" active").removesuffix(" inactive")
    attributes = {"stage": written, "fluid": "present" if stage.endswith(" active") else "absent"}
    diseased = Finding(
        concept=_DISEASE, status="absent" if healthy else "present", source="planted",
        attributes=() if healthy else tuple(sorted(attributes.items())),
    )  # fmt: skip
    none = Finding(concept="no_finding", status="present" if healthy else "absent", source="planted")
    texts = tuple(Text(text=f"The macula is {stage}.", role=role) for role in ("findings", "impression"))
    changed = replace(study, findings=(diseased, none), texts=texts, regions=())
    return with_sign(corpus, changed, lambda grey: woven(grey, SIGNS[number], rng))
