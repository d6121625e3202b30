"""The nose, the sphenoid sinus and the sella through a straight endoscope."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.canvas import Canvas, Grain, dome, ellipse
from vesalius.virtual.scope.fields.base import Moment, Place, bleed
from vesalius.virtual.scope.texture import linear, mix, soft

__all__ = ["FIELD", "PituitarySurgeryField"]

_NASAL = ("operation not started", "nasal corridor creation")
_CLOSURE = {"synthetic graft placement": (225, 222, 210), "fat graft placement": (235, 200, 110),
            "gasket seal construct": (200, 205, 210), "dural sealant": (150, 165, 205),
            "nasal packing": (230, 228, 222)}  # fmt: skip


class PituitarySurgeryField:
    """The corridor of one patient."""

    brightness = (0.40, 0.48)
    distance_mm = 34.0
    wetness = 0.12
    half_mm = (17.0, 23.0)
    ports: tuple[Place, ...] = ((-26.0, 60.0), (34.0, 58.0), (0.0, 70.0))
    scale = 1.0

    def __init__(self, rng: np.random.Generator, *, tumour_mm: float = 18.0, blood: float = 0.0) -> None:
        """Draw the nose; `tumour_mm` is the height of the tumour, `blood` from 0 to 1 what is lost."""
        self._lost = blood
        self._grain = Grain(rng)
        self._side = 1.0 if rng.random() < 0.5 else -1.0
        self._mucosa = linear(np.clip(np.array((190, 90, 80)) + rng.normal(0, 4, 3), 0, 255))
        self._window = float(np.clip(5.0 + 0.16 * tumour_mm + rng.normal(0, 0.4), 5, 9))
        self._carotid = float(rng.uniform(8.5, 11.5))
        self._bump = float(rng.uniform(10, 15)) / 2
        self._septum = float(rng.uniform(-4, 4))

    def paint(self, moment: Moment) -> Canvas:
        canvas = Canvas(moment.view, self._grain, (120, 50, 45))
        deep = moment.done("sphenoid sinus clearance")
        sphenoid = 1.0 if deep > 0 else moment.done("anterior sphenoidotomy")
        if sphenoid <= 0.02 or moment.phase in _NASAL:
            self._nose(canvas, moment.done("nasal corridor creation"))
        else:
            self._sinus(canvas, sphenoid, deep)
            if deep > 0.3:
                self._sella(canvas, moment)
            self._rim(canvas, 9.0 + 6.0 * sphenoid + 2.0 * deep)
        self._blood(canvas, moment)
        return canvas

    def places(self, moment: Moment) -> Mapping[str, Place]:
        outer = 9.0 * self._side
        centre = (0.0, 1.0)
        return {
            "mucosa": (-outer, 6.0), "turbinate": (outer, 2.0), "septum": (-outer, 0.0), "blood": (1.5, 5.0),
            "blood vessel": (-4.0, 7.0), "sphenoid bone": (3.0, 5.0), "sphenoid septum": (self._septum, 3.0),
            "sellar floor": (1.0, 3.5), "carotid artery": (self._carotid, 0.0), "dura": centre, "tumour": centre,
            "gland": (0.0, -2.5), "cavity": centre, "graft": centre, "fat graft": centre, "plate": centre,
            "foam": centre, "nasal pack": (0.0, 8.0), "none": (2.0, 8.0),
        }  # fmt: skip

    def _nose(self, canvas: Canvas, opened: float) -> None:
        """Septum at one side, middle turbinate at the other, the choana between them."""
        x = canvas.x * self._side
        canvas.height[:] = -20
        canvas.albedo[:] = linear((60, 18, 16))
        canvas.gloss[:] = 0
        tone = self._mucosa * (1 + 0.12 * canvas.noise(5, 0.2) + 0.05 * canvas.noise(0.8, 0.4))[..., None]
        wall = soft(-x - 4.5 - 1.2 * canvas.lumps(14, 0.6), 0, 1.2)
        canvas.lay(wall, (tone * 1.08).astype(np.float32), height=(-9 - 0.9 * (x + 4)).astype(np.float32),
                   name="septum")  # fmt: skip
        gap = 3.5 * opened
        for number, (cx, cy, rx, ry, name) in enumerate(
            ((10.5 + gap, -3, 6.5, 15, "turbinate"), (13, 15, 9, 8, "turbinate"), (0, 24, 26, 11, "mucosa"))
        ):
            square = ellipse(x, canvas.y, (cx, cy), (rx, ry), 0.12) + 0.05 * canvas.lumps(8, 1.0 + number)
            canvas.lay(soft(square, 1.03, 0.92), tone.astype(np.float32), height=-10 + dome(square, 11), gloss=1.2,
                       name=name)  # fmt: skip

    def _rim(self, canvas: Canvas, radius: float) -> None:
        """The near walls of the corridor round the opening."""
        off = np.hypot(canvas.x, 0.9 * canvas.y) + 1.1 * canvas.lumps(9, 2.0)
        tone = self._mucosa * (1 + 0.14 * canvas.noise(5, 2.2) + 0.05 * canvas.noise(0.8, 2.4))[..., None]
        height = -2.0 + 10 * np.sqrt(np.clip((off - radius) / 9, 0, 1.4))
        canvas.lay(soft(off, radius - 0.4, radius + 0.8), tone.astype(np.float32), height=height.astype(np.float32),
                   gloss=1.2, name="mucosa")  # fmt: skip

    def _sinus(self, canvas: Canvas, opened: float, cleared: float) -> None:
        """The bony cave behind the opening: septum, carotid bumps, the bulge of the sella."""
        tone = linear((232, 204, 164)) * (1 + 0.08 * canvas.noise(4, 3.0) + 0.05 * canvas.noise(0.7, 3.1))[..., None]
        lining = np.clip(0.9 - cleared + 0.3 * canvas.noise(6, 3.3), 0, 0.9)
        tone = mix(tone.astype(np.float32), self._mucosa, np.clip(lining + (1 - opened) * 0.4, 0, 1))
        canvas.albedo[:] = np.clip(tone, 0.01, 1)
        canvas.height[:] = -12 - 0.012 * (canvas.x**2 + canvas.y**2) + 0.4 * canvas.lumps(5, 3.5)
        for side in (-1.0, 1.0):
            square = ellipse(canvas.x, canvas.y, (side * self._carotid, 1.0), (3.4, 8.0), side * 0.2)
            canvas.lay(soft(square, 1.1, 0.7), canvas.albedo.copy(), height=-12 + dome(square, 2.6),
                       name="carotid artery")  # fmt: skip
        square = ellipse(canvas.x, canvas.y, (0, 1), (self._bump * 1.15, self._bump))
        canvas.lay(soft(square, 1.15, 0.75), canvas.albedo.copy(), height=-11.5 + dome(square, 3.2),
                   name="sellar floor")  # fmt: skip
        if cleared < 0.7:
            lean = np.abs(canvas.x - self._septum - 0.15 * canvas.y - 0.6 * canvas.lumps(9, 3.8))
            canvas.lay(soft(lean, 1.0, 0.6), (228, 200, 172), height=-6.5, name="sphenoid septum")

    def _sella(self, canvas: Canvas, moment: Moment) -> None:
        """The window in the bone, the dura, the tumour and what is put in its place."""
        opened = moment.done("sellotomy")
        if opened < 0.05:
            return
        square = ellipse(canvas.x, canvas.y, (0, 1), (self._window * opened**0.5, 0.85 * self._window * opened**0.5))
        square = square + 0.10 * canvas.lumps(2.5, 4.0)
        dura = linear((205, 195, 190)) * (1 + 0.05 * canvas.noise(1.2, 4.2))[..., None]
        canvas.lay(soft(square, 1.04, 0.95), dura.astype(np.float32), height=-10.8 + dome(square, 1.2), gloss=1.2,
                   name="dura")  # fmt: skip
        cut = moment.done("durotomy")
        if cut < 0.05:
            return
        gone = moment.done("tumour excision")
        inner = soft(square, 0.72 * cut, 0.62 * cut)
        tone = mix(
            linear((190, 150, 135)), linear((160, 40, 38)), np.clip(0.3 + 0.3 * canvas.noise(1.6, 4.5), 0, 0.8)
        )
        canvas.lay(inner, tone, height=-10.3 + 0.5 * canvas.lumps(1.8, 4.6) - 7 * gone, gloss=1.4, name="tumour")
        if gone > 0.15:
            hollow = soft(square + 0.12 * canvas.lumps(2, 4.8), 0.75 * gone, 0.45 * gone)
            canvas.lay(hollow, (110, 42, 40), height=-17 + 0.5 * canvas.lumps(2, 5.0), gloss=1.2, name="cavity")
        self._close(canvas, moment, square)

    def _close(self, canvas: Canvas, moment: Moment, square: Array) -> None:
        """Graft, fat, plate, glue and packing, each as it comes."""
        for number, (step, colour) in enumerate(_CLOSURE.items()):
            done = moment.done(step)
            if done > 0:
                reach = 2.2 if step == "nasal packing" else 1.25
                share = soft(square + 0.2 * canvas.lumps(3, 5.5 + number), reach * done, 0.8 * reach * done)
                lumps = 0.6 * canvas.lumps(2.2, 6.0 + number)
                opaque = 0.75 if step == "dural sealant" else 0.97
                canvas.lay(opaque * share, colour, height=-10 + 1.2 * number * 0.3 + lumps,
                           gloss=2.0 if step == "dural sealant" else 0.5, name=step.split()[0])  # fmt: skip

    def _blood(self, canvas: Canvas, moment: Moment) -> None:
        strong = {"tumour excision": 0.7, "haemostasis": 0.6, "nasal corridor creation": 0.45, "sellotomy": 0.35}
        amount = strong.get(moment.phase, 0.3) * (0.55 + 0.45 * float(np.sin(moment.time_s / 53.0 + self._septum)))
        bleed(canvas, (1.0, 5.5), 9.0 * (1 + 0.5 * self._lost), min(1.0, amount + 0.7 * self._lost), 7.0)
        bleed(canvas, (-7.0 * self._side, 10.0), 8.0, 0.4, 7.7)


FIELD = PituitarySurgeryField
