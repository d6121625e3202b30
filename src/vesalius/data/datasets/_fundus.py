"""Fundus photographs with vessel masks: one study a photograph, and what stands for its masks in a twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._rasters import described
from vesalius.data.datasets._virtual import masks, pixels, union
from vesalius.data.records import Finding, Image, Laterality, Provenance, Region, Study

__all__ = ["FIELD", "VESSELS", "field_of_view", "photograph", "seen_as", "vessels"]

VESSELS = "retinal vessels"
FIELD = "field of view"
_DARK = 6
"""Grey up to which a pixel of a virtual photograph lies outside the field."""


def photograph(
    name: str, path: Path, *, patient: str, marked: tuple[tuple[str, Path], ...], origin: Provenance,
    findings: tuple[Finding, ...] = (), side: Laterality = "",
) -> Study:  # fmt: skip
    """Return the study of a photograph.

    Args:
        name: of the study.
        path: of the photograph.
        patient: whose eye it is, or the photograph's name.
        marked: what each mask shows, and its file of 0 and 255; the first of two readers first.
        origin: of the study.
        findings: what is stated.
        side: of the eye.
    """
    like = Image(id="fundus", path="", modality="OP", body_part="EYE", laterality=side)
    image = described(path, like=like)
    seen: dict[str, int] = {}
    regions = []
    for anatomy, mask in marked:
        number = seen[anatomy] = seen.get(anatomy, -1) + 1
        regions.append(Region(image="fundus", kind="mask", anatomy=anatomy, mask=str(mask), mask_value=255,
                              instance=number))  # fmt: skip
    return Study(
        id=name, patient=patient, images=(image,), findings=findings, regions=tuple(regions), provenance=origin
    )


def seen_as(side: str, image: Image, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a virtual photograph or mask, mirrored where the eye is the other one of the patient."""
    return values if image.laterality in ("", side) else np.ascontiguousarray(values[:, ::-1])


def vessels(corpus: Corpus, study: Study) -> NDArray[np.uint8]:
    """Return the vessels of a virtual photograph as 0 and 255, (H, W)."""
    parts = masks(study, anatomy=["retinal artery", "retinal vein"])
    return np.where(union(corpus, parts, study.images[0].shape), 255, 0).astype(np.uint8)


def field_of_view(corpus: Corpus, study: Study) -> NDArray[np.uint8]:
    """Return where a virtual photograph shows the eye, as 0 and 255, (H, W)."""
    return np.where(pixels(corpus, study.images[0]).max(axis=2) > _DARK, 255, 0).astype(np.uint8)
