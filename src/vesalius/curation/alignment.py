"""Whether two pictures are one: how well fine detail agrees after one is shifted and scaled onto the other.

Hashes see coarse shape, and chest radiographs of two people have the same. What tells films apart is detail: edges of
ribs, vessels and bowel, and they must agree at the same places. Both pictures are made small, flattened to ranks (so
that a window or a curve does not matter), stripped of coarse shape, and compared by the highest normalised
cross-correlation over shifts and a few scales, as a crop, a resize and a new encoding leave it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.pictures import Grey, reduced

__all__ = ["SIDE", "agreement", "descriptor", "detail"]

SIDE = 128
_SCALES = (0.96, 0.98, 1.0, 1.02, 1.04)
"""Of rows and of columns each: a crop of 2 % at every side scales the rest by 1.04."""
_BAND = (0.08, 0.25)
"""Cycles a pixel that are kept: finer is noise and compression, coarser is what all pictures of a kind share.

Of three bands tried on virtual patients, 0.06 to 0.2, 0.08 to 0.25 and 0.1 to 0.3, the middle one: a finer one parts
people better and loses copies of pictures with little detail."""
_COARSE_SIDE, _COARSE_BAND = 64, (0.06, 0.25)
_WORTH_TRYING = 0.5
_MOST_SHIFT = 8
"""Pixels of the small picture."""


def detail(picture: Grey) -> NDArray[np.float32]:
    """Return the fine detail of a picture, (128, 128), of mean 0 and norm 1; zeros where it has none."""
    return _banded(_ranked(reduced(picture, SIDE, SIDE)), SIDE, _BAND)


def descriptor(picture: Grey) -> NDArray[np.float32]:
    """Return coarser detail by which copies are looked for, (4096,), of norm 1; zeros where the picture has none."""
    small = _ranked(reduced(picture, _COARSE_SIDE, _COARSE_SIDE))
    return _banded(small, _COARSE_SIDE, _COARSE_BAND).ravel()


def agreement(one: Grey, other: Grey) -> float:
    """Return the agreement of two pictures (rows, columns): 1 for the same film, about 0 for unlike ones.

    Pictures that agree in less than a half at three scales are not tried at the other twenty-two.

    Args:
        one: any size.
        other: any size; both are first made 128 × 128.
    """
    fixed = np.conj(np.fft.rfft2(detail(one)))
    ranked = _ranked(reduced(other, SIDE, SIDE))
    best = max(_at_scale(fixed, ranked, scale, scale) for scale in (_SCALES[0], 1.0, _SCALES[-1]))
    if best < _WORTH_TRYING:
        return best
    return max(best, *(_at_scale(fixed, ranked, down, across) for down in _SCALES for across in _SCALES))


def _at_scale(fixed: NDArray[np.complexfloating[Any, Any]], ranked: Grey, down: float, across: float) -> float:
    """Return the highest correlation over small shifts with the picture scaled about its centre."""
    moved = _banded(_scaled(ranked, down, across), SIDE, _BAND)
    correlation = np.fft.irfft2(fixed * np.fft.rfft2(moved), s=(SIDE, SIDE))
    return max(0.0, float(_near_centre(correlation).max()))


def _scaled(small: Grey, down: float, across: float) -> Grey:
    """Enlarge (above 1) a picture about its centre by linear interpolation; its edge goes on outwards."""
    rows, row_share = _places(down)
    columns, column_share = _places(across)
    upper = small[rows] * (1 - row_share)[:, None] + small[rows + 1] * row_share[:, None]
    scaled = upper[:, columns] * (1 - column_share) + upper[:, columns + 1] * column_share
    return np.asarray(scaled, dtype=np.float32)


@cache
def _places(scale: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    centre = (SIDE - 1) / 2
    places = np.clip((np.arange(SIDE) - centre) / scale + centre, 0, SIDE - 1.001)
    whole = places.astype(np.int64)
    return whole, (places - whole).astype(np.float32)


def _ranked(small: Grey) -> Grey:
    """Replace values by their ranks, 0 to 1; equal values share their mean rank."""
    _, place, counts = np.unique(np.round(small, 3), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - counts / 2) / ends[-1]
    return np.asarray(ranks[place.reshape(small.shape)], dtype=np.float32)


@cache
def _filter(side: int, band: tuple[float, float]) -> NDArray[np.float32]:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    low, high = band
    return np.asarray(np.exp(-((frequency / high) ** 2)) - np.exp(-((frequency / low) ** 2)), dtype=np.float32)


@cache
def _taper(side: int) -> NDArray[np.float32]:
    window = np.hanning(side + 2)[1:-1]
    return np.asarray(np.sqrt(np.outer(window, window)), dtype=np.float32)


def _banded(small: Grey, side: int, band: tuple[float, float]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft2(small - small.mean()) * _filter(side, band)
    kept = np.fft.irfft2(spectrum, s=(side, side)) * _taper(side)
    kept -= kept.mean()
    norm = float(np.linalg.norm(kept))
    return np.asarray(kept / norm if norm > 1e-6 else np.zeros_like(kept), dtype=np.float32)


def _near_centre(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations at shifts of at most `_MOST_SHIFT` pixels either way."""
    rolled = np.roll(correlation, (_MOST_SHIFT, _MOST_SHIFT), axis=(0, 1))
    return rolled[: 2 * _MOST_SHIFT + 1, : 2 * _MOST_SHIFT + 1]
