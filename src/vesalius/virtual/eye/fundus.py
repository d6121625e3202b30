"""The fundus photograph: background, what lies under the vessels, vessels, what lies over them, lens and camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Eye
from vesalius.virtual.eye.background import blend, paint_choroid, paint_disc, sample
from vesalius.virtual.eye.camera import Frame, camera_of, develop, frame_of, soften
from vesalius.virtual.eye.disease import Retina, build_retina
from vesalius.virtual.eye.lesions import Group, Strands
from vesalius.virtual.eye.vessels import ARTERY, VEIN
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.strokes import Array, Spots, paint_spots, paint_strokes

__all__ = ["LOOKS", "Look", "Photograph", "group_cover", "photograph", "vessel_cover"]


@dataclass(frozen=True)
class Look:
    """How lesions of a kind look in a photograph."""

    colour: tuple[float, float, float]
    opacity: float
    deep: bool = False
    """True under the vessels."""
    grain: float = 0.0
    """Unevenness inside."""


LOOKS: Mapping[str, Look] = {
    "neovascular membrane": Look((138, 112, 84), 0.5, deep=True, grain=0.2),
    "subretinal fluid": Look((196, 128, 84), 0.28, deep=True),
    "pigment epithelial detachment": Look((212, 128, 70), 0.42, deep=True),
    "subretinal haemorrhage": Look((112, 26, 26), 0.72, deep=True, grain=0.15),
    "laser scar": Look((222, 190, 140), 0.62, deep=True),
    "geographic atrophy": Look((226, 168, 112), 0.72, deep=True, grain=0.25),
    "pigment": Look((52, 30, 26), 0.75, deep=True),
    "soft druse": Look((244, 206, 128), 0.52, deep=True),
    "hard druse": Look((250, 214, 138), 0.62, deep=True),
    "reticular pseudodruse": Look((238, 196, 130), 0.30, deep=True),
    "intraretinal cyst": Look((206, 116, 62), 0.22, deep=True),
    "macular hole": Look((118, 18, 14), 0.8, deep=True),
    "hole cuff": Look((206, 150, 104), 0.34, deep=True),
    "hard exudate": Look((255, 232, 148), 0.86),
    "microaneurysm": Look((120, 18, 18), 0.88),
    "blot haemorrhage": Look((126, 18, 16), 0.74, grain=0.35),
    "flame haemorrhage": Look((138, 18, 18), 0.72, grain=0.2),
    "splinter haemorrhage": Look((132, 20, 20), 0.8, grain=0.1),
    "cotton-wool spot": Look((240, 222, 192), 0.66, grain=0.1),
    "epiretinal membrane": Look((226, 196, 156), 0.24, grain=0.35),
    "fibrous band": Look((224, 206, 178), 0.7, grain=0.15),
    "preretinal haemorrhage": Look((96, 10, 12), 0.93),
}
_LINES: Mapping[str, tuple[tuple[float, float, float], float]] = {
    "venous beading": ((0, 0, 0), 0.0),  # a way the veins themselves look
    "neovessel": ((176, 34, 30), 0.75), "microvascular abnormality": ((150, 30, 28), 0.7),
    "retinal fold": ((244, 220, 186), 0.30),
}  # fmt: skip
_ARTERY_PASS = np.array([0.93, 0.52, 0.60], np.float32)
_VEIN_PASS = np.array([0.80, 0.36, 0.50], np.float32)
"""Share of light that a vessel of 120 µm lets through, by colour."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """A photograph with the geometry that it was made from."""

    pixels: NDArray[np.uint8]
    """(H, W, 3)."""
    frame: Frame
    retina: Retina
    arteries: Array
    """Coverage, (H, W) 0 to 1."""
    veins: Array


def photograph(patient: Patient, size: int) -> Photograph:
    """Photograph the examined eye of a patient, `size` × `size` pixels."""
    retina = build_retina(patient)
    eye, frame = retina.eye, frame_of(patient, retina.eye.side, size)

    def random(purpose: str) -> np.random.Generator:
        return stream(patient.seed, patient.id, "exam", "fundus", purpose)

    light = paint_choroid(eye, frame, random("choroid"))
    light = paint_disc(eye, frame, light, random("disc"))
    light = _paint_groups(retina, frame, light, random, deep=True)
    arteries, veins = vessel_cover(eye, frame, ARTERY), vessel_cover(eye, frame, VEIN)
    light = _paint_vessels(eye, frame, light)
    light = _paint_groups(retina, frame, light, random, deep=False)
    light = _paint_lines(retina, frame, light)
    light = _add_reflex(retina, frame, light)
    light = _through_lens(eye, frame, light)
    noise = stream(patient.seed, patient.occasion, "exam", "fundus", "noise")
    pixels = develop(light, frame, camera_of(patient.site.name), noise)
    return Photograph(pixels=pixels, frame=frame, retina=retina, arteries=arteries, veins=veins)


def vessel_cover(eye: Eye, frame: Frame, kind: int, over: bool | None = None, calibre: float = 1.0) -> Array:
    """Return how much of each pixel vessels of a kind cover, (H, W); `over` chooses those above or below arteries."""
    vessels = eye.vessels
    chosen = vessels.kind == kind
    if over is not None:
        chosen = chosen & (vessels.over == over)
    start, end = frame.line(vessels.start[chosen]), frame.line(vessels.end[chosen])
    return paint_strokes(frame.sheet, start, end, vessels.radius[chosen] * frame.zoom * calibre)


def _paint_vessels(eye: Eye, frame: Frame, light: Array) -> Array:
    """Let the light pass through veins, arteries and the veins that cross above them."""
    layers = ((VEIN, False, _VEIN_PASS), (ARTERY, None, _ARTERY_PASS), (VEIN, True, _VEIN_PASS))
    for kind, over, share in layers:
        depth = _depth(eye, frame, kind, over)[..., None]
        light = (light * share**depth).astype(np.float32)
        if kind == ARTERY:
            stripe = _stripe(eye, frame)
            light = blend(light, np.array([250, 168, 120]), 0.30 * stripe)
    return light


def _depth(eye: Eye, frame: Frame, kind: int, over: bool | None) -> Array:
    """Amount of blood along the line of sight against a vessel of 120 µm, (H, W)."""
    vessels = eye.vessels
    chosen = (vessels.kind == kind) & ((vessels.over == over) if over is not None else True)
    start, end = frame.line(vessels.start[chosen]), frame.line(vessels.end[chosen])
    thick = np.clip(vessels.radius[chosen] / 0.06, 0, 1.5)
    return paint_strokes(frame.sheet, start, end, vessels.radius[chosen] * frame.zoom, thick)


def _stripe(eye: Eye, frame: Frame) -> Array:
    """Reflex along the middle of the wider arteries, a third of their width."""
    vessels = eye.vessels
    chosen = (vessels.kind == ARTERY) & (vessels.radius > 0.025)
    start, end = frame.line(vessels.start[chosen]), frame.line(vessels.end[chosen])
    return paint_strokes(frame.sheet, start, end, vessels.radius[chosen] * frame.zoom / 3)


def _paint_groups(
    retina: Retina, frame: Frame, light: Array, random: Callable[[str], np.random.Generator], *, deep: bool
) -> Array:
    """Paint the lesions that lie under or over the vessels, kind by kind."""
    order = {kind: number for number, kind in enumerate(LOOKS)}
    groups = [part for part in retina.lesions if isinstance(part, Group) and LOOKS[part.kind].deep == deep]
    for part in sorted(groups, key=lambda part: order[part.kind]):
        look = LOOKS[part.kind]
        share = group_cover(part, frame) * look.opacity
        if look.grain:
            share = share * (1 - look.grain * _grain(random(part.kind), frame))
        light = blend(light, np.array(look.colour) * (1 - 0.12 * retina.eye.pigment), np.clip(share, 0, 1))
        if part.kind == "geographic atrophy":
            light = _show_choroid(share / look.opacity, frame, light, random("choroid vessels"))
        if part.kind == "laser scar":
            inner = Group(concept=part.concept, kind="pigment", spots=_shrunk(part), height_um=part.height_um)
            light = blend(light, np.array(LOOKS["pigment"].colour), 0.34 * group_cover(inner, frame))
    return light


def _shrunk(part: Group) -> Spots:
    return replace(part.spots, long=0.5 * part.spots.long, wide=0.5 * part.spots.wide)


def group_cover(part: Group, frame: Frame) -> Array:
    """Return how much of each pixel a group covers, (H, W); blood in front of the retina stands below a level."""
    share = paint_spots(frame.sheet, frame.spots(part.spots))
    if part.kind == "preretinal haemorrhage":
        _, down = frame.sheet.places()
        middle = frame.to_picture(part.spots.x, part.spots.y)[1].mean()
        share = share * np.clip((down - np.float32(middle)) / np.float32(frame.sheet.pixel_mm) + 0.5, 0, 1)
    return share


def _grain(rng: np.random.Generator, frame: Frame) -> Array:
    """Unevenness inside lesions, 0 to about 1."""
    x, y = frame.retina
    grid = rng.standard_normal((64, 64))
    value = sample(grid, x * np.float32(5) + 32, y * np.float32(5) + 32)
    return np.asarray(np.clip(0.5 + 0.5 * value, 0, 1), np.float32)


def _show_choroid(share: Array, frame: Frame, light: Array, rng: np.random.Generator) -> Array:
    """Show the larger vessels of the choroid through a window without pigment epithelium."""
    x, y = frame.retina
    value = sample(rng.standard_normal((64, 64)), x * np.float32(2.2) + 32, (y + 0.5 * x) * np.float32(2.2) + 32)
    return blend(light, np.array([206, 96, 62]), 0.55 * share * np.exp(-((value / 0.3) ** 2)))


def _paint_lines(retina: Retina, frame: Frame, light: Array) -> Array:
    for part in retina.lesions:
        if isinstance(part, Strands):
            colour, opacity = _LINES[part.kind]
            cover = paint_strokes(frame.sheet, frame.line(part.start), frame.line(part.end), part.radius * frame.zoom)
            light = blend(light, np.array(colour), opacity * cover)
    return light


def _add_reflex(retina: Retina, frame: Frame, light: Array) -> Array:
    """The bright dot of the foveal pit; it goes where the pit is lost."""
    if retina.has("intraretinal cyst", "macular hole", "epiretinal membrane", "subretinal fluid"):
        return light
    x, y = frame.retina
    size = np.float32(0.045 + 0.3 * frame.pixel_mm)
    dot = np.exp(-((np.hypot(x - np.float32(0.03), y - np.float32(0.03)) / size) ** 2))
    return blend(light, np.array([250, 200, 150]), 0.45 * retina.eye.sheen * dot)


def _through_lens(eye: Eye, frame: Frame, light: Array) -> Array:
    """Yellow of the lens and the veil of a cataract: contrast falls, edges blur, a haze is added."""
    tint = 1 - np.float32(eye.yellow) * np.array([0.02, 0.12, 0.45], np.float32)
    light = (light * tint).astype(np.float32)
    if eye.veil <= 0:
        return light
    wide = soften(light, (0.02 + 0.14 * eye.veil) / frame.pixel_mm)
    haze = np.array([168, 130, 88], np.float32) * tint
    veiled = wide * np.float32(1 - 0.75 * eye.veil) + haze * np.float32(0.75 * eye.veil)
    return veiled.astype(np.float32)
