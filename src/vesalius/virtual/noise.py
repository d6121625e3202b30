"""Smooth random fields that look the same at every picture size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vesalius.virtual.radiograph.camera import Array

__all__ = ["smooth_noise"]


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Array:
    """Noise with about `cells` bumps across, mean 0, SD about 0.8, (size, size)."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    wide = Image.fromarray(grid, "F").resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(wide, np.float32)
