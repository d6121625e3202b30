"""The second scan's way of looking at pixels: letters that stay at many thresholds, level and turned by a quarter."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_burned_in import burned

from vesalius.data.deidentify import Options, regions
from vesalius.data.deidentify.masking import boxes_of, finder, mask_all
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.rasters import treat_raster
from vesalius.data.deidentify.regions import find_lines
from vesalius.data.deidentify.second_look import shows_text
from vesalius.errors import DataError


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize(("size", "ink", "paper"), [(12, 255, 40), (16, 150, 40), (24, 0, 200)])
def test_lines_are_seen_in_every_direction(size: int, ink: int, paper: int, turns: int) -> None:
    image, text = burned(size=size, ink=ink, paper=paper)
    seen = np.zeros(np.rot90(image, turns).shape, dtype=bool)
    for line in find_lines(np.ascontiguousarray(np.rot90(image, turns))):
        seen[line.top : line.bottom, line.left : line.right] = True
    assert np.rot90(seen, -turns)[text].mean() > 0.5


def test_soft_and_lone_things_are_no_lines() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:128, :256]
    ribs = 100 + 60 * np.sin(columns / 6.0) * (np.abs(rows - 64) < 8)
    assert find_lines(ribs) == []
    assert find_lines(ribs + rng.normal(0, 4, ribs.shape)) == []
    assert find_lines(rng.normal(100, 30, (128, 256))) == []
    assert find_lines(np.zeros((64, 64))) == []
    marker = np.full((128, 256), 40.0)
    marker[40:70, 100:104] = marker[40:44, 100:120] = 255  # one letter, as a side marker is
    assert find_lines(marker) == []


def test_it_shares_no_code_with_the_finders_that_mask() -> None:
    tree = ast.parse(Path(regions.__file__).read_text(encoding="utf-8"))
    ours = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    assert [name for name in ours if name.startswith("vesalius")] == ["vesalius.optional"]


@pytest.mark.parametrize("expected", [Expectation(True, ()), Expectation(False, ()), Expectation(False, (), True)])
def test_upright_text_is_masked(expected: Expectation) -> None:
    image, text = burned((256, 256))
    upright, where = np.ascontiguousarray(np.rot90(image)), np.rot90(text)
    covered = np.zeros(upright.shape, dtype=bool)
    for box in boxes_of(upright[None], expected, find=finder("strokes")):
        covered[box.top : box.bottom, box.left : box.right] = True
    assert covered[where].all()
    assert covered.mean() < 0.4
    masked, _ = mask_all(upright[None], expected, find=finder("strokes"))
    assert find_lines(masked[0]) == []


def test_the_second_look_reads_frames_and_pictures(tmp_path: Path) -> None:
    Image.fromarray(burned()[0]).save(tmp_path / "a.png")
    assert shows_text(tmp_path / "a.png", "png", network=False)
    empty = Image.fromarray(np.full((128, 256), 40, dtype=np.uint8))
    empty.save(tmp_path / "b.tiff", save_all=True, append_images=[Image.fromarray(burned()[0])])
    assert shows_text(tmp_path / "b.tiff", "tiff", network=False)  # on the second page
    empty.save(tmp_path / "c.png")
    assert not shows_text(tmp_path / "c.png", "png", network=False)
    (tmp_path / "d.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be looked at"):
        shows_text(tmp_path / "d.png", "png", network=False)


@pytest.mark.parametrize(
    ("mode", "kind"), [("LA", "png"), ("RGBA", "png"), ("CMYK", "jpeg"), ("P", "png"), ("1", "tiff")]
)
def test_text_is_masked_in_pictures_of_every_mode(mode: str, kind: str, tmp_path: Path) -> None:
    image, text = burned()
    path = tmp_path / "a"
    Image.fromarray(image).convert(mode).save(path, kind.upper())
    treated = treat_raster(path, kind=kind, options=Options())
    assert treated.counts["boxes masked"]
    path.write_bytes(treated.data)
    with Image.open(path) as new:
        left = np.asarray(new.convert("L"))
    assert (left[text] > 200).mean() < 0.05
