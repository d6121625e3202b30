"""What is known of a fundus photograph: masks, points and measurements, from the geometry it was painted from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Measurement
from vesalius.virtual.eye.anatomy import Disc, Eye
from vesalius.virtual.eye.background import cup_edge, disc_radius
from vesalius.virtual.eye.fundus import Photograph, group_cover
from vesalius.virtual.eye.lesions import QUADRANTS, Group, Strands, quadrant_of
from vesalius.virtual.eye.vessels import ARTERY, VEIN, equivalent_width
from vesalius.virtual.picture import Mark
from vesalius.virtual.strokes import paint_strokes, spot_masks

__all__ = ["SINGLE", "cup_disc_ratio", "marks_of", "measure", "vessel_calibre"]

SINGLE = 150
"""Above this count lesions of a kind get one mask for all, and points."""
_RED = ("microaneurysm", "blot haemorrhage", "flame haemorrhage", "splinter haemorrhage", "preretinal haemorrhage")
_HALF = 0.5


def marks_of(shot: Photograph) -> tuple[Mark, ...]:
    """Return the marks of all findings, then of vessels, disc, cup and fovea."""
    found = [mark for part in shot.retina.lesions for mark in _of_lesion(part, shot)]
    return (*found, *_of_anatomy(shot))


def _of_lesion(part: Group | Strands, shot: Photograph) -> Iterator[Mark]:
    if isinstance(part, Strands):
        yield from _of_strands(part, shot)
        return
    spots, frame = part.spots, shot.frame
    seen = frame.within(spots.x, spots.y)
    if not seen.any():
        return
    if seen.sum() > SINGLE:
        cover = group_cover(part, frame)
        yield Mark(concept=part.concept, anatomy=part.kind, mask=(cover >= min(_HALF, cover.max() / 2)) & frame.field)
    else:
        masks = spot_masks(frame.sheet, frame.spots(spots))
        if part.kind == "preretinal haemorrhage":
            masks = ((group_cover(part, frame) >= _HALF),)
        for number, index in enumerate(np.flatnonzero(seen)):
            mask = masks[index] & frame.field
            yield Mark(concept=part.concept, anatomy=part.kind, mask=mask, instance=number)
    columns, rows = frame.to_pixels(spots.x[seen], spots.y[seen])
    yield Mark(concept=part.concept, anatomy=part.kind, points=_points(columns, rows))


def _of_strands(part: Strands, shot: Photograph) -> Iterator[Mark]:
    frame = shot.frame
    for number in np.unique(part.number):
        chosen = part.number == number
        cover = paint_strokes(frame.sheet, frame.line(part.start[chosen]), frame.line(part.end[chosen]),
                              part.radius[chosen] * frame.zoom)  # fmt: skip
        mask = (cover >= min(_HALF, 0.5 * float(cover.max()))) & (cover > 0) & frame.field
        if mask.any():
            yield Mark(concept=part.concept, anatomy=part.kind, mask=mask, instance=int(number))


def _points(columns: NDArray[np.floating], rows: NDArray[np.floating]) -> tuple[tuple[float, ...], ...]:
    """Points in pixels with the corner of the first pixel as origin."""
    return tuple((round(float(x) + 0.5, 2), round(float(y) + 0.5, 2)) for x, y in zip(columns, rows, strict=True))


def _of_anatomy(shot: Photograph) -> tuple[Mark, ...]:
    frame, disc = shot.frame, shot.retina.eye.disc
    x, y = frame.retina
    fovea = frame.to_pixels(np.zeros(1), np.zeros(1))
    return (
        Mark(anatomy="retinal artery", mask=(shot.arteries >= _HALF) & frame.field),
        Mark(anatomy="retinal vein", mask=(shot.veins >= _HALF) & frame.field),
        Mark(anatomy="optic disc", mask=(disc_radius(disc, x, y) <= 1) & frame.field),
        Mark(anatomy="optic cup", mask=(cup_edge(disc, x, y) <= 1) & (disc_radius(disc, x, y) <= 1) & frame.field),
        Mark(anatomy="macula", mask=(np.hypot(x, y) <= 2.75) & frame.field),
        Mark(anatomy="fovea", points=_points(*fovea)),
    )


def cup_disc_ratio(disc: Disc) -> float:
    """Height of the cup, with its notch, against that of the disc."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = np.linspace(0, 1, 800)[:, None] * disc.height
    x, y = disc.cup_x + reach * np.cos(turn), disc.cup_y + reach * np.sin(turn)
    rise = y[(cup_edge(disc, x, y) <= 1) & (disc_radius(disc, x, y) <= 1)]
    return float((rise.max() - rise.min()) / disc.height)


def vessel_calibre(eye: Eye) -> tuple[float, float]:
    """Return the equivalents of arteries and veins (CRAE, CRVE) in µm, 0.75 disc diameters from the disc's edge."""
    radius = eye.disc.diameter * 1.25
    arteries, veins = (
        equivalent_width(eye.vessels.crossing((eye.disc.x, eye.disc.y), radius, kind), kind)
        for kind in (ARTERY, VEIN)
    )
    return 1000 * arteries, 1000 * veins


def measure(shot: Photograph, name: str) -> tuple[Measurement, ...]:
    """Measure the photograph `name`: lengths on the retina, whatever the picture's size."""
    eye, side = shot.retina.eye, shot.retina.eye.side
    crae, crve = vessel_calibre(eye)
    distance = float(np.hypot(eye.disc.x, eye.disc.y))
    dip = float(np.rad2deg(np.arctan2(-eye.disc.y, eye.disc.x)))
    values = [
        ("vertical_cup_disc_ratio", cup_disc_ratio(eye.disc), "1", "optic disc"),
        ("disc_height", eye.disc.height, "mm", "optic disc"),
        ("disc_fovea_distance", distance, "mm", "fovea"),
        ("disc_fovea_distance_in_discs", distance / eye.disc.diameter, "1", "fovea"),
        ("disc_fovea_angle", dip, "deg", "fovea"),
        ("arteriolar_equivalent", crae, "um", "retinal artery"),
        ("venular_equivalent", crve, "um", "retinal vein"),
        ("artery_vein_ratio", crae / crve, "1", "retinal vessels"),
        ("vessel_density", _density(shot), "1", "retinal vessels"),
        ("artery_tortuosity", eye.vessels.tortuosity(ARTERY), "1", "retinal artery"),
        ("vein_tortuosity", eye.vessels.tortuosity(VEIN), "1", "retinal vein"),
        ("exudate_area", _area(shot, "hard exudate"), "mm2", "retina"),
        ("drusen_area", _area(shot, "soft druse", "hard druse"), "mm2", "macula"),
        ("atrophy_area", _area(shot, "geographic atrophy"), "mm2", "macula"),
        *((f"rim_width_{place}", value, "mm", "optic disc") for place, value in _rim(eye.disc).items()),
        *_counts(shot),
    ]
    return tuple(
        Measurement(name=label, value=round(value, 4), unit=unit, image=name, anatomy=where, laterality=side,
                    source="virtual")
        for label, value, unit, where in values
    )  # fmt: skip


def _density(shot: Photograph) -> float:
    """Share of the field that vessels cover."""
    cover = np.maximum(shot.arteries, shot.veins)
    return float(cover[shot.frame.field].mean())


def _area(shot: Photograph, *kinds: str) -> float:
    """Area that lesions of the kinds cover within the field, mm²."""
    cover = np.zeros(shot.frame.field.shape, np.float32)
    for part in shot.retina.groups(*kinds):
        cover = np.maximum(cover, group_cover(part, shot.frame))
    return float(cover[shot.frame.field].sum()) * shot.frame.pixel_mm**2


def _rim(disc: Disc) -> dict[str, float]:
    """Widths of the rim in four directions, mm."""
    reach = np.linspace(0, 0.75, 1500) * disc.height
    widths = {}
    for place, (dx, dy) in {"inferior": (0, -1), "superior": (0, 1), "nasal": (1, 0), "temporal": (-1, 0)}.items():
        x, y = disc.cup_x + reach * dx, disc.cup_y + reach * dy
        inside = (disc_radius(disc, x, y) <= 1) & (cup_edge(disc, x, y) > 1)
        widths[place] = float(inside.sum() * (reach[1] - reach[0]))
    return widths


def _counts(shot: Photograph) -> Iterator[tuple[str, float, str, str]]:
    """Counts within the field: haemorrhages by quadrant, and microaneurysms."""
    groups = [part for part in shot.retina.lesions if isinstance(part, Group) and part.kind in _RED]
    seen = [(part, shot.frame.within(part.spots.x, part.spots.y)) for part in groups]
    small = sum(int(inside.sum()) for part, inside in seen if part.kind == "microaneurysm")
    yield "microaneurysm_count", float(small), "1", "retina"
    total = np.zeros(4)
    for part, inside in seen:
        if part.kind != "microaneurysm":
            places = np.stack([part.spots.x, part.spots.y], axis=1)[inside]
            total += np.bincount(quadrant_of(places), minlength=4)
    for quadrant, count in zip(QUADRANTS, total, strict=True):
        yield "haemorrhage_count", float(count), "1", f"{quadrant} quadrant"
