"""What is known of a dermatoscopic picture: masks, the contour, points of what can be counted, scores and sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vesalius.data.records import Measurement
from vesalius.virtual.picture import Mark
from vesalius.virtual.skin.dermatoscope import Shot
from vesalius.virtual.skin.pigment import Site
from vesalius.virtual.skin.scores import abcd, longest_diameter, seven_points, shape_asymmetry

__all__ = ["marks_of", "measure"]

_CONTOUR = 72


def marks_of(shot: Shot) -> tuple[Mark, ...]:
    """Return the lesion's mask and contour, then its structures; nothing for healthy skin."""
    return tuple(_of_lesion(shot, shot.site)) if shot.site else ()


def _of_lesion(shot: Shot, site: Site) -> Iterator[Mark]:
    concept, sheet = site.lesion.concept, shot.sheet
    yield Mark(concept=concept, anatomy="skin lesion", mask=site.mask, instance=0)
    edge = site.lesion.outline.edge(_CONTOUR) + np.array(site.middle)
    columns, rows = sheet.pixels(edge[:, 0], edge[:, 1])
    yield Mark(concept=concept, anatomy="skin lesion", points=_points(columns, rows), contour=True, instance=0)
    for part in shot.drawn:
        mask = part.cover >= min(0.5, 0.5 * float(part.cover.max(initial=0.0)))
        if part.cover.any():
            yield Mark(concept=concept, anatomy=part.name, mask=mask & (part.cover > 0))
        if len(part.places):
            columns, rows = sheet.pixels(part.places[:, 0], part.places[:, 1])
            yield Mark(concept=concept, anatomy=part.name, points=_points(columns, rows))


def _points(columns: np.ndarray, rows: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Points in pixels with the corner of the first pixel as origin."""
    return tuple((round(float(x) + 0.5, 2), round(float(y) + 0.5, 2)) for x, y in zip(columns, rows, strict=True))


def measure(shot: Shot, name: str) -> tuple[Measurement, ...]:
    """Measure the lesion of the picture `name` from its geometry."""
    if shot.site is None:
        return ()
    lesion = shot.site.lesion
    score, axes = abcd(lesion), shape_asymmetry(lesion.outline)
    edge = lesion.outline.edge(720)
    following = np.roll(edge, -1, axis=0)
    area = 0.5 * abs(float((edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]).sum()))
    values = (
        ("diameter", longest_diameter(lesion.outline), "mm"), ("area", area, "mm2"),
        ("perimeter", float(np.hypot(*(following - edge).T).sum()), "mm"),
        ("asymmetry", (axes[0] + axes[1]) / 2, "1"), ("abcd_asymmetry", float(score.asymmetry), "1"),
        ("abcd_border", float(score.border), "1"), ("abcd_colours", float(score.colours), "1"),
        ("abcd_structures", float(score.structures), "1"), ("total_dermoscopy_score", score.total, "1"),
        ("seven_point_score", float(seven_points(lesion)), "1"),
    )  # fmt: skip
    return tuple(
        Measurement(name=label, value=round(value, 4), unit=unit, image=name, anatomy="skin lesion",
                    laterality=lesion.laterality, source="virtual")
        for label, value, unit in values
    )  # fmt: skip
