"""Liver, gallbladder and what hangs on it, through a laparoscope."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.scope.canvas import Canvas, Grain, dome, ellipse
from vesalius.virtual.scope.fields.base import Moment, Place, bleed, strand
from vesalius.virtual.scope.texture import linear, mix, soft

__all__ = ["FIELD", "CholecystectomyField"]

_CALOT, _CLIP, _OFF = "calot triangle dissection", "clipping and cutting", "gallbladder dissection"
_NECK: Place = (14.0, 10.0)
_DUCT: tuple[Place, Place] = ((12.0, 9.0), (36.0, 25.0))
_ARTERY: tuple[Place, Place] = ((8.0, 14.0), (34.0, 36.0))
_LATE = ("packaging", "cleaning and coagulation", "extraction")


class CholecystectomyField:
    """The right upper quadrant of one patient."""

    brightness = (0.38, 0.46)
    distance_mm = 95.0
    wetness = 0.09
    half_mm = (42.0, 66.0)
    ports: tuple[Place, ...] = ((-150.0, -40.0), (150.0, -30.0), (60.0, 150.0))
    scale = 1.35

    def __init__(
        self, rng: np.random.Generator, *, inflamed: bool = False, fat: float = 0.5, blood: float = 0.0
    ) -> None:
        """Draw colours and shapes; `fat` from 0 to 1 covers what must be found, `blood` from 0 to 1 is lost."""
        self._blood = blood
        self._grain = Grain(rng)
        steatosis = float(np.clip(rng.normal(0.35 * fat - 0.05, 0.15), 0, 1))
        self._liver = mix(linear((115, 45, 40)), linear((165, 105, 60)), steatosis)
        share = float(rng.uniform(0.75, 1.0) if inflamed else rng.uniform(0, 0.35))
        self._bladder = mix(linear((140, 148, 118)), linear((165, 70, 60)), share)
        self._fat = fat
        self._turn = 0.55 + float(rng.normal(0, 0.12))
        self._size = float(np.clip(rng.normal(1, 0.1), 0.8, 1.25)) * (1.12 if inflamed else 1.0)
        self._edge = float(rng.uniform(-8, 6))

    def paint(self, moment: Moment) -> Canvas:
        canvas = Canvas(moment.view, self._grain, (150, 70, 60))
        self._background(canvas)
        self._hilum(canvas, moment)
        self._gallbladder(canvas, moment)
        self._lobe(canvas, moment)
        self._fluids(canvas, moment)
        return canvas

    def places(self, moment: Moment) -> Mapping[str, Place]:
        body = self._centre(moment)
        return {
            "gallbladder": (body[0] - 4, body[1] + 4) if moment.phase in (_CALOT, _OFF) else body,
            "cystic plate": (-14.0, -2.0), "cystic duct": (22.0, 15.7), "cystic artery": (19.0, 23.0),
            "cystic pedicle": (18.0, 18.0), "peritoneum": (8.0, 14.0), "liver": (-22.0, -26.0),
            "blood vessel": (-6.0, -2.0), "fluid": (10.0, 30.0), "abdominal cavity": (5.0, 24.0),
            "omentum": (-25.0, 38.0), "specimen bag": self._bag(moment), "none": (4.0, 12.0),
        }  # fmt: skip

    def _centre(self, moment: Moment) -> Place:
        """Middle of the gallbladder: it is lifted as it comes off, and carried into the bag."""
        free = moment.done(_OFF)
        if moment.phase in _LATE:
            x, y = self._bag(moment)
            return x, y - 4
        return -10.0 - 6.0 * free, -4.0 - 16.0 * free

    def _bag(self, moment: Moment) -> Place:
        away = moment.done("extraction")
        return -4.0 + 30.0 * away, 20.0 - 62.0 * away

    def _background(self, canvas: Canvas) -> None:
        """Cavity, bowel and omentum."""
        x, y = canvas.x, canvas.y
        canvas.height[:] = -14 + 2.5 * canvas.lumps(40, 0.1)
        canvas.albedo *= (1 + 0.12 * canvas.noise(12, 0.2))[..., None]
        for number, (cx, cy, rx, ry, turn) in enumerate(
            ((52, 46, 40, 15, 0.3), (28, 62, 46, 15, -0.1), (64, 18, 22, 13, 0.7))
        ):
            wave = 0.10 * canvas.lumps(14, 1.0 + number)
            square = ellipse(x, y, (cx, cy), (rx, ry), turn) + wave
            canvas.lay(soft(square, 1.02, 0.9), (212, 130, 118), height=-10 + dome(square, 11), name="gut")
        lumps = canvas.lumps(9, 2.0) + 0.25 * canvas.lumps(3, 2.1)
        square = ellipse(x, y, (-34, 52), (52, 30), -0.2) + 0.16 * canvas.lumps(18, 2.4)
        colour = mix(
            linear((232, 192, 98)), linear((205, 130, 92)), np.clip(0.25 + 0.2 * canvas.noise(5, 2.7), 0, 0.7)
        )
        canvas.lay(
            soft(square, 1.03, 0.9), colour, height=-9 + dome(square, 8) + 1.3 * lumps, gloss=0.9, name="omentum"
        )

    def _hilum(self, canvas: Canvas, moment: Moment) -> None:
        """Duct and artery under fat that goes while they are freed; clips; the cut."""
        shown = moment.done(_CALOT)
        cut = moment.done(_CLIP)
        square = ellipse(canvas.x, canvas.y, (26, 24), (32, 19), 0.6) + 0.15 * canvas.lumps(12, 3.0)
        canvas.lay(soft(square, 1.05, 0.7), (196, 118, 98), height=-6 + dome(square, 6), gloss=1.0)
        divided = cut > 0.75
        for line, radius, colour, name in (
            (_DUCT, 2.4, (222, 186, 150), "cystic duct"), (_ARTERY, 1.3, (205, 95, 85), "cystic artery"),
        ):  # fmt: skip
            for part in _pieces(line, divided):
                strand(canvas, part, radius, colour, base_mm=-1.5, share=min(1.0, 0.3 + 1.2 * shown), name=name)
            self._clips(canvas, line, radius, cut)
        cover = (0.35 + 0.9 * self._fat) * (1 - 0.85 * shown)
        lumps = canvas.lumps(8, 3.5) + 0.25 * canvas.lumps(3, 3.6)
        share = soft(lumps - 0.9 * square, 0.9 - 1.9 * cover, 1.4 - 1.9 * cover) * soft(square, 1.2, 0.8)
        canvas.lay(share, (235, 200, 110), height=1.5 + 1.0 * lumps, gloss=0.9)

    def _clips(self, canvas: Canvas, line: tuple[Place, Place], radius: float, cut: float) -> None:
        """Set two clips on the side that stays and one on the gallbladder's, one after the other."""
        for at in [0.72, 0.84, 0.22][: int(np.clip(cut * 4.2, 0, 3))]:
            x, y = (line[0][axis] + at * (line[1][axis] - line[0][axis]) for axis in (0, 1))
            dx, dy = line[1][0] - line[0][0], line[1][1] - line[0][1]
            length = float(np.hypot(dx, dy))
            across = (-dy / length * 1.6 * radius, dx / length * 1.6 * radius)
            ends = ((x - across[0], y - across[1]), (x + across[0], y + across[1]))
            strand(canvas, ends, 0.9, (205, 207, 214), base_mm=1.6, name="clip")

    def _gallbladder(self, canvas: Canvas, moment: Moment) -> None:
        """The liver bed as it is bared, the organ itself, or the bag that holds it."""
        free = moment.done(_OFF)
        bed = ellipse(canvas.x, canvas.y, (-10, -6), (34 * self._size, 15 * self._size), self._turn)
        bed = bed + 0.12 * canvas.lumps(10, 4.0)
        raw = mix(linear((150, 58, 48)), linear((70, 42, 34)), np.clip(0.35 + 0.5 * canvas.noise(4, 4.4), 0, 1))
        canvas.lay(
            soft(bed, 1.02, 0.85), raw, height=-3 + 0.4 * canvas.lumps(5, 4.6), gloss=0.45, name="cystic plate"
        )
        if moment.phase in _LATE:
            if "specimen bag" in moment.instruments():
                self._bagged(canvas, moment)
            return
        centre, turn = self._centre(moment), self._turn - 0.5 * free
        length, width = 40 * self._size, 17 * self._size
        square = ellipse(canvas.x, canvas.y, centre, (length, width), turn)
        neck = ellipse(canvas.x, canvas.y, (_NECK[0] - 6 * free, _NECK[1] - 8 * free), (15, 7.5), turn + 0.25)
        both = np.minimum(square, neck) + 0.05 * canvas.lumps(16, 5.0)
        tone = self._bladder * (1 + 0.14 * canvas.noise(9, 5.2))[..., None]
        veins = soft(np.abs(canvas.noise(10, 5.6)), 0.10, 0.03)
        tone = mix(tone, linear((150, 60, 55)), 0.45 * veins)
        height = 2 + np.maximum(dome(square, 15 * self._size), dome(neck, 8))
        canvas.lay(soft(both, 1.02, 0.93), tone.astype(np.float32), height=height, gloss=1.3, name="gallbladder")

    def _bagged(self, canvas: Canvas, moment: Moment) -> None:
        x, y = self._bag(moment)
        square = ellipse(canvas.x, canvas.y, (x, y), (27, 17), 0.3) + 0.06 * canvas.lumps(12, 6.0)
        folds = canvas.lumps(5, 6.3)
        tone = mix(linear((206, 214, 222)), self._bladder, np.clip(0.35 + 0.3 * folds, 0, 0.8))
        canvas.lay(soft(square, 1.02, 0.94), tone, height=4 + dome(square, 11) + 0.9 * folds, gloss=2.0,
                   name="specimen bag")  # fmt: skip

    def _lobe(self, canvas: Canvas, moment: Moment) -> None:
        """The liver above: its edge crosses the picture."""
        lift = 5.0 * moment.done(_OFF)
        edge = -16.0 + self._edge - lift - 0.32 * canvas.x + 0.0016 * canvas.x**2 + 1.2 * canvas.lumps(20, 7.0)
        inside = edge - canvas.y
        tone = self._liver * (1 + 0.10 * canvas.noise(3, 7.2) + 0.10 * canvas.noise(26, 7.4))[..., None]
        height = 9 + 7 * np.sqrt(np.clip(inside / 22, 0, 1)) + 0.4 * canvas.lumps(16, 7.3)
        share = soft(inside, -0.6, 0.8)
        canvas.lay(share, tone.astype(np.float32), height=height.astype(np.float32), gloss=1.0, name="liver")

    def _fluids(self, canvas: Canvas, moment: Moment) -> None:
        """Blood by phase; a pool while the field is rinsed."""
        amount = {_CALOT: 0.25, _CLIP: 0.2, _OFF: 0.35, "cleaning and coagulation": 0.45}.get(moment.phase, 0.1)
        amount *= 0.5 + 0.5 * float(np.sin(moment.time_s / 47.0 + self._turn * 9))
        bleed(canvas, (4.0, 12.0), 26 * (1 + 0.6 * self._blood), min(1.0, amount + 0.8 * self._blood), 8.0)
        if moment.phase == "cleaning and coagulation":
            pool = soft(canvas.y + 3 * canvas.noise(30, 8.5), 24, 32) * 0.6
            canvas.lay(pool, (165, 60, 45), height=-2.0, gloss=1.6, name="fluid")


def _pieces(line: tuple[Place, Place], divided: bool) -> tuple[tuple[Place, Place], ...]:
    """Return a cord whole, or the two stumps that a cut leaves."""
    if not divided:
        return (line,)
    (x0, y0), (x1, y1) = line
    near, far = (x0 + 0.34 * (x1 - x0), y0 + 0.34 * (y1 - y0)), (x0 + 0.6 * (x1 - x0), y0 + 0.6 * (y1 - y0))
    return (line[0], near), (far, line[1])


FIELD = CholecystectomyField
