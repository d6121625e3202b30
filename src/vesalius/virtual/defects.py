"""Records as they are in practice: labels turned round, reports missing, images missing. The truth stays known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Finding, Status, Study
from vesalius.virtual.preset import Defects
from vesalius.virtual.study import MadeStudy

__all__ = ["flawed"]


def flawed(made: MadeStudy, defects: Defects, rng: np.random.Generator) -> MadeStudy:
    """Return a study with defects drawn by their shares; at least a text or an image is left."""
    lost, noise = rng.random(2), rng.random(len(made.study.findings))
    study = replace(made.study, findings=_noisy(made.study.findings, noise < defects.label_noise))
    if lost[0] < defects.missing_image and study.texts:
        return MadeStudy(_without_images(study), {})
    if lost[1] < defects.missing_report and study.images:
        return MadeStudy(replace(study, texts=()), made.media)
    return MadeStudy(study, made.media)


def _noisy(findings: tuple[Finding, ...], turned: NDArray[np.bool_]) -> tuple[Finding, ...]:
    """Turn labels round by concept, all places of a finding together; an absent one appears without a place."""
    chosen = {finding.concept for finding, turn in zip(findings, turned, strict=True) if turn}
    kept: list[Finding] = []
    for finding in findings:
        if finding.concept not in chosen or finding.concept == "no_finding":
            kept.append(finding)
        elif all(finding.concept != other.concept for other in kept):
            status: Status = "absent" if finding.status == "present" else "present"
            truth = (("truth", finding.status),)
            kept.append(
                Finding(
                    concept=finding.concept, status=status, attributes=truth, code=finding.code, source="noisy label"
                )
            )
    return tuple(kept)


def _without_images(study: Study) -> Study:
    texts = tuple(replace(text, images=()) for text in study.texts)
    return replace(study, images=(), regions=(), measurements=(), events=(), texts=texts)
