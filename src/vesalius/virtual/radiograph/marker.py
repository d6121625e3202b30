"""What a site puts round the picture: a lead letter and the collimator's black border, whatever the disease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.seeds import stream

if TYPE_CHECKING:
    from vesalius.virtual.patient import Patient

__all__ = ["paint_frame"]

_LETTERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


def paint_frame(pixels: NDArray[np.uint8], patient: Patient, *, lateral: bool = False) -> NDArray[np.uint8]:
    """Return the picture with border and marker; the letter stands on the patient's side that it names.

    A left lateral film has an L in front of the patient, whatever the letter of the site's frontal films.
    """
    size = pixels.shape[0]
    framed = pixels.copy()
    left, right, top, bottom = (int(share * patient.site.border * size) for share in patient.acquisition.border)
    framed[:, :left] = 4
    framed[:, size - right :] = 4
    framed[:top] = 4
    framed[size - bottom :] = 4
    rng = stream(patient.seed, patient.id, "marker")
    down, aside = rng.uniform(0.02, 0.10, 2)
    if patient.site.marker:
        letter = _letter("L" if lateral else patient.site.marker, size)
        row = top + int(down * size)
        margin = int(aside * size)
        aside_left = lateral or patient.site.marker != "L"
        column = left + margin if aside_left else size - right - margin - letter.shape[1]
        view = framed[row : row + letter.shape[0], column : column + letter.shape[1]]
        np.maximum(view, letter, out=view)
    return framed


def _letter(name: str, size: int) -> NDArray[np.uint8]:
    """Draw a lead letter, a twenty-fifth of the picture high."""
    bits = np.array([[int(bit) for bit in row] for row in _LETTERS[name]], np.uint8) * 250
    height = max(7, round(size / 25))
    drawn = Image.fromarray(bits).resize((max(5, round(height * 5 / 7)), height), Image.Resampling.BILINEAR)
    return np.asarray(drawn)
