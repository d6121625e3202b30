"""TIFF files of several pages are clips: page by page, without times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vesalius.data.readers import read
from vesalius.data.readers.video import open_clip
from vesalius.errors import DataError


def written(path: Path, *pages: NDArray[np.uint8]) -> Path:
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(path, "TIFF", save_all=True, append_images=others, compression="tiff_adobe_deflate")
    return path


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_frames_are_the_pages(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pages = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    clip = open_clip(written(tmp_path / "clip.tiff", *pages))
    assert (clip.shape, clip.channels, clip.times_s) == ((5, 6, 8), 3 if len(shape) == 3 else 1, None)
    np.testing.assert_array_equal(clip.frames([3, 0, 3]), pages[[3, 0, 3]])
    np.testing.assert_array_equal(read(tmp_path / "clip.tiff").array, np.stack(list(clip.stream())))


def test_pages_of_other_sizes_are_refused_by_number(tmp_path: Path) -> None:
    clip = open_clip(written(tmp_path / "clip.tiff", np.zeros((6, 8), np.uint8), np.zeros((6, 9), np.uint8)))
    with pytest.raises(DataError, match=r"page 1 has the shape \(6, 9\) and page 0 \(6, 8\)"):
        list(clip.stream())


def test_a_cut_file_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.tiff", *np.random.default_rng(0).integers(0, 256, (3, 40, 40), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match="TIFF"):
        open_clip(path)
