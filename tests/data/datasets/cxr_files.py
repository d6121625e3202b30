"""Small files of a chest radiograph release, written by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from vesalius.data.datasets._dicom import write_dicom


def picture(path: Path, *, size: tuple[int, int] = (10, 20), mode: str = "L") -> Path:
    """A grey ramp of `size` columns and rows, as PNG or JPEG by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0])
    image = Image.fromarray(values.astype(np.uint16) * 16) if mode == "I;16" else None
    (image or Image.fromarray(values.astype(np.uint8)).convert(mode)).save(path)
    return path


def radiograph(path: Path, *, size: tuple[int, int] = (10, 20), **tags: object) -> Path:
    """A DICOM file of `size` columns and rows."""
    values = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0]).astype(np.uint8)
    write_dicom(path, values, tags=tags)
    return path


def text(path: Path, *lines: str) -> Path:
    """A text file of lines, packed where its name ends in ".gz"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
