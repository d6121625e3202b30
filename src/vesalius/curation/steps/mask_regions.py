"""Masks become boxes and measurements: area, both axes of the fitted ellipse, share of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vesalius.curation.base import Files, Outcome, Stage, StudyStep
from vesalius.curation.masks import components, ellipse, read_mask
from vesalius.data.records import Measurement, Region, Study

__all__ = ["SOURCE", "STEP", "MaskRegions", "flat_spacing"]

SOURCE = "mask"
"""Source of the measurements that this step makes."""


def flat_spacing(study: Study, image: str) -> tuple[float, float] | None:
    """Return the spacing of rows and columns in mm; None where the image does not state it."""
    spacing = study.image(image).spacing_mm[-2:]
    if len(spacing) != 2 or not all(math.isfinite(value) and value > 0 for value in spacing):
        return None
    return spacing[0], spacing[1]


@dataclass(frozen=True, kw_only=True)
class MaskRegions(StudyStep):
    """Every mask region gives a box for each of its components, and measurements of the largest.

    Boxes that are there already are not made twice. Of a volume the slice with the largest area is taken.
    """

    least_pixels: int = 9
    """Smaller components are specks of a mask's edge."""
    most_components: int = 20
    measure: bool = True

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Read the masks of a study."""
        boxes: list[Region] = []
        measurements: list[Measurement] = []
        for region in study.regions:
            if region.kind == "mask":
                boxes += self._boxes(study, region, stage.files)
                if self.measure:
                    measurements += _measured(study, region, stage.files)
        known = {(part.image, part.concept, part.anatomy, part.frame, part.box) for part in study.regions}
        new = [
            part for part in dict.fromkeys(boxes)
            if (part.image, part.concept, part.anatomy, part.frame, part.box) not in known
        ]  # fmt: skip
        there = {(part.name, part.image, part.anatomy) for part in study.measurements}
        added = [part for part in measurements if (part.name, part.image, part.anatomy) not in there]
        return replace(
            study, regions=(*study.regions, *new), measurements=(*study.measurements, *dict.fromkeys(added))
        )

    def _boxes(self, study: Study, region: Region, files: Files) -> Iterator[Region]:
        flat = read_mask(study, region, files)
        parts = [part for part in components(flat.mask) if part.area >= self.least_pixels]
        for part in parts[: self.most_components]:
            yield Region(
                image=region.image, kind="box", concept=region.concept, anatomy=region.anatomy, box=part.box,
                frame=flat.frame, instance=region.instance,
            )  # fmt: skip


def _measured(study: Study, region: Region, files: Files) -> Iterator[Measurement]:
    """Yield share, area and axes of the largest component; what needs millimetres only where they are stated."""
    flat = read_mask(study, region, files)
    parts = components(flat.mask)
    if not parts:
        return
    name = region.concept or region.anatomy

    def of(what: str, value: float, unit: str) -> Measurement:
        return Measurement(
            name=f"{name} {what}", value=round(value, 3), unit=unit, image=region.image, anatomy=region.anatomy,
            source=SOURCE,
        )  # fmt: skip

    yield of("area share", 100 * float(flat.mask.mean()), "%")
    spacing = flat_spacing(study, region.image)
    if spacing is not None:
        axes = ellipse(parts[0].mask, spacing)
        yield of("area", float(flat.mask.sum()) * spacing[0] * spacing[1], "mm2")
        yield of("major axis", axes.major, "mm")
        yield of("minor axis", axes.minor, "mm")


STEP = MaskRegions
