"""Small pictures of ten modalities for the tests of degradations: phantoms by formula, and two of our own renders."""

from __future__ import annotations

from functools import cache

import numpy as np

from vesalius.virtual.cells.fields import blurred
from vesalius.virtual.exams.chest_radiograph import render as render_chest
from vesalius.virtual.exams.histology import render as render_tissue
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import Picture

SIZE = 128


def _ellipse(x: float, y: float, a: float, b: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return np.asarray(((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 < 1)


def _body() -> np.ndarray:
    """An axial slice of a body in HU with organs, spine, ribs and the noise of a full dose."""
    slice_ = np.full((SIZE, SIZE), -1000.0)
    for value, *shape in ((-90, 0, 0, 56, 43), (45, 0, 0, 51, 38), (110, -20, -5, 22, 20), (60, 17, 5, 10, 13),
                          (350, 0, 26, 8, 7), (200, 5, 4, 5, 5), (600, -47, 0, 3, 11),
                          (600, 47, 0, 3, 11)):  # fmt: skip
        slice_[_ellipse(*shape)] = value
    return blurred(slice_.astype(np.float32), 0.7) + np.random.default_rng(0).normal(0, 8, slice_.shape)


def _grey(name: str, modality: str, values: np.ndarray, spacing: float) -> Picture:
    pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return Picture(
        name=name, modality=modality, pixels=pixels, axes="YX", units="display", spacing_mm=(spacing, spacing)
    )


def _colour(name: str, modality: str) -> Picture:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    folds = np.sin(
        14 * np.hypot(rows + 0.2, columns) + 2 * blurred(rng.standard_normal((SIZE, SIZE)).astype(np.float32), 6) * 8
    )
    vessels = (np.abs(np.sin(9 * columns + 5 * np.sin(5 * rows))) < 0.06) * 0.25
    light = (0.62 + 0.13 * folds - vessels) * (np.hypot(rows, columns) < 0.48)
    tint = np.array([0.95, 0.5, 0.38])
    values = 255 * np.clip(light[..., None] * tint + rng.normal(0, 0.01, (SIZE, SIZE, 3)), 0, 1)
    return Picture(name=name, modality=modality, pixels=values.astype(np.uint8), axes="YXC", units="rgb")


def _layers() -> np.ndarray:
    depth = np.arange(SIZE)[:, None] - (52 + 6 * np.sin(np.arange(SIZE) / 20))[None]
    picture = np.zeros((SIZE, SIZE))
    for top, bottom, value in ((0, 4, 0.8), (4, 15, 0.5), (15, 21, 0.3), (21, 25, 0.6), (25, 35, 0.2), (35, 42, 0.6),
                               (42, 46, 0.95), (46, 70, 0.4)):  # fmt: skip
        picture[(depth >= top) & (depth < bottom)] = value
    return (picture + 0.1) * 230 + np.random.default_rng(2).normal(0, 6, picture.shape)


def _sector() -> np.ndarray:
    rng = np.random.default_rng(3)
    echo = np.abs(blurred(rng.standard_normal((SIZE, SIZE)).astype(np.float32), 1.1)) * 2.2
    return 60 + 130 * np.clip(echo, 0, 1.2) * np.where(_ellipse(0, 0, 26, 20), 0.15, 1.0)


def _cells() -> np.ndarray:
    heads = 25 * _ellipse(-30, 20, 7, 9) - 60 * _ellipse(10, 5, 9, 6) + 20 * np.sin(np.mgrid[:SIZE, :SIZE][1] / 5)
    return 150 + heads + np.random.default_rng(4).normal(0, 3, (SIZE, SIZE))


@cache
def pictures() -> dict[str, Picture]:
    """One picture a modality; "CT volume" and "clip" have more planes."""
    body = _body()
    brain = np.clip(body + 300, 0, None).astype(np.float32)
    volume = np.stack([body, 0.9 * body - 40, 0.8 * body - 60, 0.7 * body - 90])
    film = render_chest(draw_patient(2, 1, preset="chest"), SIZE)[0]
    uptake = (np.clip(body + 120, 0, 600) / 60).astype(np.float32)
    frames = np.stack([_colour("a", "ES").pixels] * 3)
    return {
        "CT": Picture(name="ct", modality="CT", pixels=body.astype(np.int16), axes="YX", units="HU",
                      spacing_mm=(2.8, 2.8)),
        "MR": Picture(name="t1", modality="MR", pixels=brain, axes="YX", units="stored", spacing_mm=(1.8, 1.8)),
        "DX": film,
        "US": _grey("us", "US", _sector(), 0.6),
        "PT": Picture(name="pet", modality="PT", pixels=uptake, axes="YX", units="SUV", spacing_mm=(4.0, 4.0)),
        "SM": render_tissue(draw_patient(3, 4, preset="pathology"), SIZE)[0],
        "GM": _grey("cells", "GM", _cells(), 0.0005),
        "ES": _colour("scope", "ES"),
        "OP": _colour("fundus", "OP"),
        "OPT": _grey("oct", "OPT", _layers(), 0.0156),
        "CT volume": Picture(name="ct", modality="CT", pixels=volume.astype(np.int16), axes="ZYX", units="HU",
                             spacing_mm=(3.0, 2.8, 2.8)),
        "clip": Picture(name="clip", modality="ES", pixels=frames, axes="TYXC", units="rgb", frames_per_second=25.0),
    }  # fmt: skip
