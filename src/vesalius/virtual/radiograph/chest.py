"""The chest as implicit shapes: the reference adult's tables, bent to one body (and changed by its diseases).

Levels and places follow the trunk frame (LPS, mm) of `camera`. Between the rows of a table squares of half widths
run linearly, which makes apices round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Body, Side
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.shapes import Ellipsoid

__all__ = [
    "BOW_MM", "SPINE", "Chest", "Outline", "build_chest", "cavity_shadow", "heart_shadow", "resize_heart",
    "side_sign", "thorax_shadow",
]  # fmt: skip


# z, lateral edge, centre (both as distance from the mid-line), front y, back y of the pleural cavity
_CAVITY = np.array(
    [
        (-60, 132, 0, -86, 82), (20, 133, 0, -88, 86), (52, 134, 0, -89, 87), (80, 133, 0, -89, 87),
        (107, 131, 0, -88, 87), (133, 127, 0, -87, 86), (159, 122, 0, -85, 84), (186, 114, 2, -80, 79),
        (209, 104, 8, -73, 73), (222, 96, 17, -66, 69), (235, 86, 26, -57, 63), (252, 71, 33, -36, 52),
        (264, 58, 36, -16, 41), (272, 47, 37, -2, 28), (277, 38, 38, 12, 12), (420, 38, 38, 12, 12),
    ],
    float,
)  # fmt: skip
# z, half width, front y, back y of the trunk within the subcutaneous fat
_MUSCLE = np.array(
    [
        (-200, 150, -104, 106), (-60, 148, -102, 104), (20, 146, -96, 98), (60, 144, -93, 96),
        (107, 142, -92, 95), (159, 142, -91, 95), (186, 147, -88, 94), (209, 152, -82, 92), (230, 152, -73, 87),
        (245, 142, -62, 84), (256, 122, -55, 81), (266, 98, -51, 76), (276, 77, -50, 70), (290, 63, -52, 62),
        (330, 58, -56, 50), (420, 58, -60, 45),
    ],
    float,
)  # fmt: skip
# z, y of the centres of the vertebral bodies C6 … L3
SPINE = np.array(
    [
        (315, 1), (298, 7), (280, 14), (260, 20), (239, 26), (218, 30), (196, 34), (173, 37), (149, 38), (124, 38),
        (98, 36), (71, 33), (43, 30), (14, 25), (-16, 19), (-51, 13), (-87, 8),
    ],
    float,
)  # fmt: skip
BOW_MM = 90.0
"""Height over which the spine's bow falls to 1/e of the reference adult."""
_HEART_ANCHOR = np.array([6.0, -30.0, 125.0])
_RIGHT_BORDER = np.array([-32.0, -32.0, 120.0])


def side_sign(side: Side) -> int:
    """Sign of x: +1 left, -1 right of the patient."""
    return 1 if side == "left" else -1


@dataclass(frozen=True)
class Outline:
    """A body whose cross-section at height z is |x|³ + y² <= 1 in its half widths; arrays over ascending `z`."""

    z: NDArray[np.float64]
    centre: NDArray[np.float64]
    """Distance of the axis from the mid-line."""
    width2: NDArray[np.float64]
    """Squared half width."""
    depth2: NDArray[np.float64]
    """Squared half depth."""
    middle: NDArray[np.float64]
    """y of the axis."""

    def at(self, z: NDArray[np.floating] | float) -> tuple[NDArray[np.float64], ...]:
        """Return centre, half width, half depth and axis y at heights `z`; widths are 0 above the top."""
        z = np.asarray(z, float)
        width = np.sqrt(np.maximum(np.interp(z, self.z, self.width2), 0))
        depth = np.sqrt(np.maximum(np.interp(z, self.z, self.depth2), 0))
        centre, middle = np.interp(z, self.z, self.centre), np.interp(z, self.z, self.middle)
        return np.asarray(centre), width, depth, np.asarray(middle)

    def grown(self, side_mm: float, front_mm: float, back_mm: float) -> Outline:
        """Return the outline with more at the side, in front and behind; negative shrinks, never below 0."""
        width = np.maximum(np.sqrt(self.width2) + side_mm, 0)
        depth = np.maximum(np.sqrt(self.depth2) + (front_mm + back_mm) / 2, 0)
        return replace(self, width2=width**2, depth2=depth**2, middle=self.middle + (back_mm - front_mm) / 2)


@dataclass(frozen=True)
class Chest:
    """One chest, ready to be met by rays. Changed by diseases through `dataclasses.replace`."""

    body: Body
    cavity: Outline
    """Pleural cavities; both sides are mirrored, `domes` and the mediastinum are taken out of them."""
    muscle: Outline
    heart: tuple[Ellipsoid, ...]
    domes: tuple[Ellipsoid, Ellipsoid]
    """Under-lung bodies, right and left."""
    lung_density: tuple[float, float]
    """g/cm³, right and left."""
    shift_mm: float = 0.0
    """Sideways shift of the upper mediastinum (trachea); positive to the left."""
    vessel_upper: float = 1.0
    """Radius factor of vessels of the upper zones."""
    rest: tuple[Ellipsoid, ...] = ()
    """Heart and domes before any disease: the vessels grew round them."""
    hernia: Ellipsoid | None = None
    """Stomach above the diaphragm."""
    vessel_count: float = 1.0
    """Share of peripheral vessels that are left."""
    splay: float = 1.0
    """Factor of how far the main bronchi run sideways."""
    supine: bool = False
    """True where the patient lies on his back: fluid layers behind, air in front."""
    spread: float = 1.0
    """Width factor of the great veins and the fat of the mediastinum."""
    aorta: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Radius factors of ascending aorta, arch and descending aorta, beside the body's own."""
    nodes: tuple[Ellipsoid, ...] = ()
    """Enlarged lymph nodes of mediastinum and hila."""
    wedged: tuple[tuple[int, float], ...] = ()
    """Broken vertebral bodies: number from T1 = 0, and the share of height that is lost in front."""

    @property
    def scale(self) -> NDArray[np.float64]:
        """Factors of x, y and z against the reference adult."""
        return np.array([self.body.width, self.body.depth, self.body.stature])

    def place(self, x: float, y: float, z: float) -> NDArray[np.float64]:
        """Bring a place of the reference adult into this body."""
        return np.array([x, y, z]) * self.scale

    def ellipsoid(self, centre: tuple[float, float, float], axes: tuple[float, float, float]) -> Ellipsoid:
        """Bring an axis-aligned ellipsoid of the reference adult into this body."""
        return Ellipsoid(self.place(*centre), np.asarray(axes) * self.scale, np.eye(3))

    def dome_top(self, side: Side) -> float:
        """Height z of the top of a hemidiaphragm."""
        dome = self.domes[SIDES.index(side)]
        return float(dome.centre[2] + dome.axes[2])

    def spine_y(self, z: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Depth y of the vertebral bodies' centres at heights `z`."""
        height = np.asarray(z, float)
        return np.asarray(np.interp(height, SPINE[::-1, 0] * self.body.stature, SPINE[::-1, 1] * self.body.depth))

    def spine_x(self, z: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Sideways place of the spine at heights `z`: a bow with its top at T8."""
        return self.body.scoliosis_mm * np.exp(-(((np.asarray(z) / self.body.stature - 124) / BOW_MM) ** 2))

    def lung_point(self, side: Side, x: float, y: float, z: float) -> NDArray[np.float64]:
        """Place a point of the cavity by shares: x 0 mid-line … 1 wall, y -1 front … 1 back, z 0 dome … 1 apex."""
        bottom, top = self.dome_top(side), 277 * self.body.stature
        height = bottom + z * (top - bottom)
        centre, width, depth, middle = self.cavity.at(height)
        return np.array([side_sign(side) * (x * (centre + width)), float(middle) + y * float(depth), height])


def build_chest(body: Body) -> Chest:
    """Bend the reference adult to `body`, without disease."""
    scale = np.array([body.width, body.depth, body.stature])
    cavity = Outline(
        z=_CAVITY[:, 0] * scale[2],
        centre=_CAVITY[:, 2] * scale[0],
        width2=((_CAVITY[:, 1] - _CAVITY[:, 2]) * scale[0]) ** 2,
        depth2=((_CAVITY[:, 4] - _CAVITY[:, 3]) / 2 * scale[1]) ** 2,
        middle=(_CAVITY[:, 4] + _CAVITY[:, 3]) / 2 * scale[1],
    )
    muscle = Outline(
        z=_MUSCLE[:, 0] * scale[2],
        centre=np.zeros(len(_MUSCLE)),
        width2=(_MUSCLE[:, 1] * scale[0]) ** 2,
        depth2=((_MUSCLE[:, 3] - _MUSCLE[:, 2]) / 2 * scale[1]) ** 2,
        middle=(_MUSCLE[:, 3] + _MUSCLE[:, 2]) / 2 * scale[1],
    )
    return Chest(
        body=body, cavity=cavity, muscle=muscle, heart=_heart(body), domes=_domes(body),
        lung_density=(body.lung_density, body.lung_density),
    )  # fmt: skip


def _heart(body: Body) -> tuple[Ellipsoid, ...]:
    """Main mass, right atrium, left ventricle, left atrium with its appendage, of the reference size."""
    tilt = (0.70, -0.48, -0.53 + body.heart_tilt)
    scale = np.array([body.width, body.depth, body.stature])
    left = _domes(body)[1]
    sunk = np.array([0, 0, 0.85 * ((left.centre[2] + left.axes[2]) / body.stature - 68)])
    parts = (
        Ellipsoid.of((16, -36, 104), (72, 58, 52), tilt),
        Ellipsoid.of((-20, -32, 106), (25, 28, 44)),
        Ellipsoid.of((44, -40, 85), (48, 46, 38), tilt),
        Ellipsoid.of((6, -6, 146), (28, 19, 24)),
        Ellipsoid.of((31, -34, 146), (24, 20, 36)),
    )
    return tuple(
        Ellipsoid((part.centre + sunk) * scale, part.axes * scale.prod() ** (1 / 3), part.rotation) for part in parts
    )


def _domes(body: Body) -> tuple[Ellipsoid, Ellipsoid]:
    scale = np.array([body.width, body.depth, body.stature])
    tops = (110 - 46 * body.inspiration, 94 - 43 * body.inspiration)
    return tuple(  # type: ignore[return-value]
        Ellipsoid(
            np.array([sign * 70.0, -4.0, (top - 110) + offset / scale[2]]) * scale,
            np.array([86.0, 108.0, 110.0]) * scale,
            np.eye(3),
        )
        for sign, top, offset in zip((-1, 1), tops, body.dome_offset_mm, strict=True)
    )


def resize_heart(chest: Chest, camera: Camera, ratio: float, *, left_only: bool = False) -> Chest:
    """Return the chest with its heart grown or shrunk until the film's cardiothoracic ratio is `ratio`.

    It grows about the root of the great vessels, or with `left_only` to the left about its right border.
    """
    anchor = (_RIGHT_BORDER if left_only else _HEART_ANCHOR) * chest.scale
    inner = thorax_shadow(chest, camera)
    wanted = ratio * (inner[1] - inner[0])
    factor, before, lacking = 1.0, 1.05, _width(chest.heart, camera) - wanted
    missing = _width(tuple(part.scaled(before, anchor) for part in chest.heart), camera) - wanted
    for _ in range(6):
        # The width is all but linear in the factor: the secant's steps end at once.
        if abs(missing) < 1e-4 or missing == lacking:
            break
        factor, before, lacking = before, before - missing * (before - factor) / (missing - lacking), missing
        before = min(max(before, 0.3), 3.0)
        missing = _width(tuple(part.scaled(before, anchor) for part in chest.heart), camera) - wanted
    return replace(chest, heart=tuple(part.scaled(before, anchor) for part in chest.heart))


def _width(heart: tuple[Ellipsoid, ...], camera: Camera) -> float:
    """Width of the heart's shadow, mm on the detector."""
    shadows = [part.shadow(camera) for part in heart]
    return max(high for _, high in shadows) - min(low for low, _ in shadows)


def heart_shadow(chest: Chest, camera: Camera) -> tuple[float, float]:
    """Detector `u` of the right and the left border of the heart, mm."""
    shadows = [part.shadow(camera) for part in chest.heart]
    return min(low for low, _ in shadows), max(high for _, high in shadows)


def thorax_shadow(chest: Chest, camera: Camera) -> tuple[float, float]:
    """Detector `u` of the inner borders of the thorax at the level of the right dome, mm.

    The row is the one whose ray meets the top of the dome; the walls are met at the depth of the cavity's axis.
    """
    dome = chest.domes[0]
    row = (chest.dome_top("right") - camera.centre_z_mm) / camera.scale(float(dome.centre[1]))
    return cavity_shadow(chest, camera, row)


def cavity_shadow(chest: Chest, camera: Camera, v_mm: float) -> tuple[float, float]:
    """Detector `u` of the outer walls of the right and left cavity in the row at `v_mm`."""
    middle = 0.0
    for _ in range(3):
        height = camera.centre_z_mm + v_mm * camera.scale(middle)
        centre, width, _, axis = chest.cavity.at(height)
        middle = float(axis)
    edge, offset = float(centre + width), camera.rotation * middle
    scale = camera.scale(middle)
    return (offset - edge) / scale, (offset + edge) / scale
