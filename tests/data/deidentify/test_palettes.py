"""Pictures of indices are looked at as the colours that they show, and masked as indices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from test_burned_in import burned

from vesalius.data.deidentify import Options, Secret
from vesalius.data.deidentify.dicom_file import treat_dicom
from vesalius.data.deidentify.rasters import treat_raster
from vesalius.data.deidentify.second_look import shows_text
from vesalius.data.readers.dicom import stored

SECRET = Secret(b"k" * 32)
NEXT_TO_EACH_OTHER = {40: (40, 40, 60), 41: (250, 250, 240)}
"""Paper and ink whose indices differ by 1: no finder sees such text among the indices."""


def indices() -> tuple[np.ndarray, np.ndarray]:
    """Return text as indices 40 and 41, and where it stands."""
    text = burned()[1]
    return np.where(text, 41, 40).astype(np.uint8), text


def colours(shown: dict[int, tuple[int, int, int]]) -> np.ndarray:
    table = np.zeros((256, 3), np.uint8)
    for index, colour in shown.items():
        table[index] = colour
    return table


def picture(path: Path, pages: list[np.ndarray], table: np.ndarray) -> Path:
    images = []
    for page in pages:
        image = Image.fromarray(page)
        image.putpalette(table.ravel().tolist())
        images.append(image)
    images[0].save(path, save_all=len(images) > 1, append_images=images[1:])
    return path


def dicom(make_dicom: Callable[..., Path], array: np.ndarray, table: np.ndarray, **more: object) -> Path:
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR", **more}
    for channel, name in enumerate(("Red", "Green", "Blue")):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        words = table[:, channel].astype("<u2") * 257
        tags[f"{name}PaletteColorLookupTableData"] = words.tobytes()
    return make_dicom(array, **tags)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_text_of_neighbouring_indices_is_masked(kind: str, tmp_path: Path) -> None:
    array, _ = indices()
    table = colours(NEXT_TO_EACH_OTHER)
    path = picture(tmp_path / f"a.{kind}", [array], table)
    counts, _, data, _ = treat_raster(path, kind=kind, options=Options())
    assert counts["boxes masked"]
    new = tmp_path / f"new.{kind}"
    new.write_bytes(data)
    with Image.open(new) as image:
        assert image.mode == "P"
        assert (np.asarray(image) == 40).all()  # the paper, as an index, and nothing between the two colours
        assert (np.asarray(image.convert("RGB")) == NEXT_TO_EACH_OTHER[40]).all()
    assert treat_raster(path, kind=kind, options=Options(pixels="drop")).held


def test_pages_of_a_palette(tmp_path: Path) -> None:
    array, text = indices()
    path = picture(tmp_path / "a.tiff", [np.full_like(array, 40), array], colours(NEXT_TO_EACH_OTHER))
    counts, _, data, _ = treat_raster(path, kind="tiff", options=Options())
    assert counts["boxes masked"]
    (tmp_path / "new.tiff").write_bytes(data)
    with Image.open(tmp_path / "new.tiff") as image:
        image.seek(1)
        assert (np.asarray(image.convert("RGB"))[text] == NEXT_TO_EACH_OTHER[40]).all()


def test_indices_that_show_one_colour_are_no_text(tmp_path: Path) -> None:
    image, _ = burned()
    path = picture(tmp_path / "a.png", [image], np.full((256, 3), 90, np.uint8))
    counts, _, _, look = treat_raster(path, kind="png", options=Options())
    assert (counts["boxes masked"], look.review) == (0, "")


def test_a_short_palette(tmp_path: Path) -> None:
    array, _ = indices()
    path = tmp_path / "a.png"
    image = Image.fromarray(array - 40)
    image.putpalette([40, 40, 60, 250, 250, 240])
    image.save(path, bits=1)
    counts, _, data, _ = treat_raster(path, kind="png", options=Options())
    assert counts["boxes masked"]
    path.write_bytes(data)
    assert (np.asarray(Image.open(path)) == 0).all()


@pytest.mark.parametrize("frames", [1, 70])
def test_a_palette_of_dicom(frames: int, make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    """Of a long clip the brightest and darkest colours of a block count, not indices."""
    array, _ = indices()
    stack = np.full((frames, *array.shape), 40, np.uint8)
    stack[frames // 2] = array
    whole = stack if frames > 1 else stack[0]
    more = {"frames": frames} if frames > 1 else {}
    path = dicom(make_dicom, whole, colours(NEXT_TO_EACH_OTHER), Modality="US", **more)
    if frames == 1:
        assert shows_text(path, "dicom", network=False)
    done, data = treat_dicom(path, options=Options(), secret=SECRET)
    assert done.masked
    new = tmp_path / "new.dcm"
    new.write_bytes(data)
    assert (stored(new) == 40).all()
    assert dcmread(new).PhotometricInterpretation == "PALETTE COLOR"
    assert not shows_text(new, "dicom", network=False)
