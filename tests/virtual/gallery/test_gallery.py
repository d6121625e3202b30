"""The gallery: every case on the page, every sheet a file, marks where they belong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.virtual.gallery.cases import cases_of, shown_presets
from vesalius.virtual.gallery.make import make_gallery
from vesalius.virtual.gallery.sheets import sheet_of
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.preset import load_preset, preset_names


def test_a_page_with_every_finding_of_a_population(tmp_path: Path) -> None:
    made = make_gallery(tmp_path, presets=["chest"], size=48)
    text = made.page.read_text(encoding="utf-8")
    concepts = load_preset("chest").prevalence
    assert made.cases == len(concepts) + 1
    assert all(f"<h3>{concept.replace('_', ' ')}</h3>" in text for concept in concepts)
    assert "never clinical evidence" in text
    sheets = set(re.findall(r'data-sheet="([^"]+)"', text))
    assert len(sheets) > made.cases
    for sheet in sheets:
        with Image.open(tmp_path / sheet) as image:
            assert image.size[0] == 256
    assert not re.search(r"https?://", text)


def test_each_kind_of_examination_is_shown_once() -> None:
    shown = shown_presets()
    wanted = {tuple(load_preset(name).exams) for name in preset_names() if not load_preset(name).mixture}
    assert {tuple(load_preset(name).exams) for name in shown} == wanted
    assert len(shown) == len(wanted)


def test_a_case_has_its_finding_and_no_other() -> None:
    for case in cases_of("chest", seed=4):
        assert case.patient.concepts == ({case.concept} if case.concept else set())


@pytest.fixture
def volume() -> Picture:
    pixels = np.full((40, 20, 30), -1000, np.int16)
    pixels[10:30, 5:15, 10:20] = 40
    mask = np.zeros(pixels.shape, np.bool_)
    mask[20:25, 8:12, 12:16] = True
    marks = (Mark(concept="cyst", mask=mask), Mark(anatomy="organ", points=((15.0, 10.0, 20.0),)))
    return Picture(
        name="ct", modality="CT", pixels=pixels, axes="ZYX", units="HU", spacing_mm=(3.0, 2.0, 1.0), marks=marks,
        body_part="ABDOMEN",
    )  # fmt: skip


def test_slices_are_chosen_scaled_and_windowed(volume: Picture) -> None:
    sheet = sheet_of(volume, most=8, side=120)
    # 20 rows of 2 mm against 30 columns of 1 mm: 40 by 30 mm, the longer side 120 pixels.
    assert sheet.frames.shape == (8, 120, 90, 3)
    # Window 400/40: 40 HU is the middle, -1000 HU black.
    assert int(sheet.frames[4, 60, 45, 0]) == pytest.approx(127, abs=1)
    assert sheet.frames[0].max() == 0
    assert sheet.image("frames").size == (90, 960)


def test_marks_stand_on_their_slices(volume: Picture) -> None:
    sheet = sheet_of(volume, most=40, side=120)
    shown = sheet.findings[..., 3].any(axis=(1, 2))
    assert np.flatnonzero(shown).tolist() == [20, 21, 22, 23, 24]
    assert np.flatnonzero(sheet.organs[..., 3].any(axis=(1, 2))).tolist() == [19, 20, 21]


def test_colour_clips_keep_their_colours() -> None:
    pixels = np.zeros((3, 16, 16, 3), np.uint8)
    pixels[1, ..., 0] = 200
    clip = Picture(name="clip", modality="ES", pixels=pixels, axes="TYXC", units="rgb")
    sheet = sheet_of(clip, side=32)
    assert sheet.frames[1, 5, 5].tolist() == [200, 0, 0]
    assert not sheet.findings.any()
