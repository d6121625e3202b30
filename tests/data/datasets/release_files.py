"""Small files for releases that tests write by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image


def nifti(path: Path, values: Any, *, affine: Any = None) -> Path:
    """Write a volume in the axes of the file, (i, j, k); a unit affine where none is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.asarray(values), np.eye(4) if affine is None else affine), path)
    return path


def picture(path: Path, values: Any = None, *, size: tuple[int, int] = (8, 6), **options: Any) -> Path:
    """Write a picture in the format of its ending; grey 100 of `size` (width, height) where no values are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = np.full((size[1], size[0], 3), 100, np.uint8) if values is None else np.asarray(values, np.uint8)
    Image.fromarray(found).save(path, **options)
    return path


def lines(path: Path, *rows: str) -> Path:
    """Write lines of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def values_of(path: str | Path) -> Sequence[int]:
    """Return the values that occur in a mask."""
    return sorted(np.unique(np.asarray(Image.open(path))).tolist())
