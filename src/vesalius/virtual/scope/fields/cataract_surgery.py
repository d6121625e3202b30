"""The front of the eye under the operating microscope."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.canvas import Canvas, Grain, capsule, dome, ellipse
from vesalius.virtual.scope.fields.base import Moment, Place, bleed
from vesalius.virtual.scope.texture import linear, mix, soft

__all__ = ["FIELD", "CataractSurgeryField"]

_IRIS = ((90, 60, 40), (95, 120, 150), (110, 105, 70))


class CataractSurgeryField:
    """One eye."""

    brightness = (0.50, 0.60)
    distance_mm = 150.0
    wetness = 0.012
    half_mm = (8.0, 10.5)
    ports: tuple[Place, ...] = ((15.0, -22.0), (-24.0, -9.0))
    scale = 1.0

    def __init__(self, rng: np.random.Generator, *, density: float | None = None, blood: float = 0.0) -> None:
        """Draw the eye; `density` from 0 (clear) to 1 (brown) is that of the cataract, `blood` what is lost."""
        self._blood = blood
        self._grain = Grain(rng)
        self._cornea = float(np.clip(rng.normal(11.75, 0.2), 11.2, 12.3)) / 2
        self._pupil = float(rng.uniform(7.0, 9.0)) / 2
        self._iris = linear(_IRIS[int(rng.integers(3))])
        drawn = float(rng.beta(2, 2))
        self._density = drawn if density is None else density
        self._capsule = float(rng.normal(2.7, 0.15))
        self._axis = float(rng.uniform(0, 2 * np.pi))
        self._lamps = rng.uniform(-0.9, 0.9, (3, 2))

    def paint(self, moment: Moment) -> Canvas:
        canvas = Canvas(moment.view, self._grain, (226, 212, 204))
        radius = np.hypot(canvas.x, canvas.y).astype(np.float32)
        angle = np.arctan2(canvas.y, canvas.x)
        self._white(canvas, radius)
        self._ring(canvas, radius, angle)
        self._pupil_disc(canvas, moment, radius, angle)
        self._wound(canvas, moment)
        bleed(canvas, (0.7 * self._cornea, -0.75 * self._cornea), 5.0, 0.9 * self._blood, 8.0)
        self._shine(canvas, radius)
        return canvas

    def places(self, moment: Moment) -> Mapping[str, Place]:
        wave = moment.time_s / 5.0 + self._axis
        edge = (self._capsule * float(np.cos(wave)), self._capsule * float(np.sin(wave)))
        wound = (0.62 * self._cornea, -0.72 * self._cornea)
        return {
            "cornea": wound, "wound": wound, "front chamber": (0.4, -0.6), "front capsule": edge,
            "lens cortex": (0.75 * edge[0], 0.75 * edge[1]), "nucleus": (0.3 * edge[0], 0.3 * edge[1]),
            "back capsule": (0.4 * edge[0], 0.4 * edge[1]), "lens implant": (0.5, -0.5), "viscoelastic": (0.4, 0.3),
            "antibiotic": (0.2, -1.2), "none": (1.5, -2.0),
        }  # fmt: skip

    def _white(self, canvas: Canvas, radius: Array) -> None:
        """Sclera with vessels, the lids at the edge."""
        thread = soft(np.abs(canvas.noise(3.2, 0.2)), 0.09, 0.02) + 0.7 * soft(
            np.abs(canvas.noise(1.6, 0.5)), 0.08, 0.02
        )
        canvas.albedo[:] = mix(
            canvas.albedo, linear((190, 60, 55)), np.clip(0.5 * thread * soft(radius, 5.5, 8), 0, 1)
        )
        canvas.height[:] = 0.02 * canvas.lumps(2, 0.7)
        canvas.height -= 0.03 * radius**2
        lid = np.abs(canvas.y) + 0.05 * canvas.x**2 + 0.15 * canvas.noise(6, 0.9)
        canvas.lay(soft(lid, 8.6, 9.2), (205, 150, 125), height=0.5)
        for side in (-1.0, 1.0):
            off, _ = capsule(canvas.x, canvas.y, (-9.0, side * 8.4), (9.0, side * 8.4))
            canvas.lay(soft(off, 0.3, 0.2), (120, 124, 130), height=0.6, gloss=0.3)

    def _ring(self, canvas: Canvas, radius: Array, angle: Array) -> None:
        """Limbus and iris."""
        canvas.lay(0.85 * soft(radius, self._cornea + 0.5, self._cornea - 0.3), (120, 128, 128))
        fibre = np.sin(95 * angle + 2.5 * canvas.noise(1.2, 1.0)).astype(np.float32)
        tone = self._iris * (1 + 0.22 * fibre * soft(radius, 3, 5) + 0.15 * canvas.noise(0.9, 1.2))[..., None]
        canvas.lay(soft(radius, self._cornea - 0.2, self._cornea - 0.6), np.clip(tone, 0.005, 1).astype(np.float32),
                   name="iris")  # fmt: skip

    def _pupil_disc(self, canvas: Canvas, moment: Moment, radius: Array, angle: Array) -> None:
        """Red reflex behind the lens, its nucleus, cortex and capsule, and the implant."""
        edge = self._pupil + 0.06 * canvas.noise(2.5, 2.0)
        inside = soft(radius, edge + 0.08, edge - 0.08)
        glow = 1.1 - 0.04 * radius**2
        canvas.lay(inside, (linear((190, 70, 40)) * glow[..., None]).astype(np.float32), name="pupil")
        gone = moment.done("phacoemulsification")
        cortex = (1 - moment.done("irrigation and aspiration")) * (0.35 + 0.4 * self._density)
        flecks = np.clip(0.6 + 0.4 * np.sin(17 * angle + canvas.lumps(1.5, 2.3)), 0, 1)
        canvas.lay(inside * np.float32(cortex) * (0.45 + 0.55 * flecks), (196, 170, 140))
        self._nucleus(canvas, moment, angle, radius, gone)
        opened = moment.done("capsulorhexis")
        if opened > 0:
            torn = ((angle - self._axis) % (2 * np.pi)) < 2 * np.pi * opened
            line = np.exp(-(((radius - self._capsule) / 0.07) ** 2)) * torn * inside
            canvas.lay((0.55 * line).astype(np.float32), (236, 205, 180))
        self._implant(canvas, moment, inside)

    def _nucleus(self, canvas: Canvas, moment: Moment, angle: Array, radius: Array, gone: float) -> None:
        """A disc that is grooved, cracked in four and taken out piece by piece."""
        if gone >= 1:
            return
        quarter = ((angle - self._axis) % (2 * np.pi)) / (np.pi / 2)
        taken = 4 * (gone - 0.35) / 0.65
        left = soft((quarter - taken).astype(np.float32), 0, 0.15) if taken > 0 else np.ones_like(radius)
        disc = soft(radius + 0.05 * canvas.noise(1.5, 3.0), 3.7, 3.2) * left
        brown = mix(linear((214, 208, 186)), linear((150, 104, 52)), self._density)
        tone = brown * (1 + 0.08 * canvas.noise(1.0, 3.2))[..., None]
        canvas.lay(disc * np.float32(0.35 + 0.6 * self._density), tone.astype(np.float32),
                   height=(canvas.height + 0.25 * disc).astype(np.float32), name="nucleus")  # fmt: skip
        if gone > 0.05:
            near = np.minimum(np.abs(quarter % 1), 1 - np.abs(quarter % 1)) * radius
            groove = soft(near.astype(np.float32), 0.28, 0.1) * disc * np.float32(min(1.0, gone * 4))
            canvas.lay(0.7 * groove, (180, 70, 40))

    def _implant(self, canvas: Canvas, moment: Moment, inside: Array) -> None:
        """The lens comes in folded and unrolls within the first third of its phase."""
        done = moment.done("lens implantation")
        if done <= 0.05:
            return
        flat = float(np.clip((done - 0.05) / 0.3, 0.15, 1.0))
        square = ellipse(canvas.x, canvas.y, (0.15, 0.1), (3.0 * flat, 3.0), self._axis)
        rim = np.exp(-(((np.sqrt(square) - 1) / 0.035) ** 2)).astype(np.float32)
        canvas.lay(0.10 * soft(square, 1.0, 0.9), (235, 225, 235), height=canvas.height + dome(square, 0.15),
                   gloss=1.6, name="lens implant")  # fmt: skip
        canvas.lay(0.75 * rim, (240, 228, 222))
        for side in (-1.0, 1.0):
            turn = self._axis + 0.5 * side
            start = (side * 3.0 * float(np.cos(turn)), side * 3.0 * float(np.sin(turn)))
            end = (side * 5.2 * float(np.cos(turn + 0.55)), side * 5.2 * float(np.sin(turn + 0.55)))
            off, _ = capsule(canvas.x, canvas.y, start, end)
            canvas.lay(0.6 * soft(off, 0.14, 0.07) * inside * np.float32(flat), (230, 220, 225))

    def _wound(self, canvas: Canvas, moment: Moment) -> None:
        """The tunnel at the edge of the cornea and the side port."""
        done = moment.done("incision")
        for angle, width in ((-0.86, 1.3), (2.75, 0.6)):
            centre = (self._cornea * 0.97 * float(np.cos(angle)), self._cornea * 0.97 * float(np.sin(angle)))
            along = (-width * float(np.sin(angle)), width * float(np.cos(angle)))
            off, _ = capsule(canvas.x, canvas.y, (centre[0] - along[0], centre[1] - along[1]),
                             (centre[0] + along[0], centre[1] + along[1]))  # fmt: skip
            canvas.lay(np.float32(min(1.0, 2 * done)) * 0.7 * soft(off, 0.2, 0.06), (150, 60, 55), name="wound")

    def _shine(self, canvas: Canvas, radius: Array) -> None:
        """Images of the microscope's lamps in the tear film."""
        film = np.clip(0.05 * soft(radius, self._cornea, 1.0), 0, 1)
        canvas.lay(film, (235, 240, 245))
        for x, y in self._lamps:
            spot = ellipse(canvas.x, canvas.y, (float(x) * 1.8, float(y) * 1.8), (0.34, 0.26), self._axis)
            canvas.lay(soft(spot, 1.2, 0.6), np.full((*radius.shape, 3), 2.5, np.float32))


FIELD = CataractSurgeryField
