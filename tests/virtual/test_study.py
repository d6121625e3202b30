"""Studies: the texts that are asked for, files that say what they are, measurements and marks of pictures kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vesalius.data.readers import read
from vesalius.errors import ConfigError
from vesalius.virtual.files import encode_nifti, encode_picture
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import load_preset
from vesalius.virtual.study import make_study


def test_texts_in_forms_and_languages() -> None:
    preset = load_preset("chest", ["texts=[report, caption, summary:zh, report:ar, query:hi-Latn]"])
    study = make_study(draw_patient(1, 3, preset=preset), 32).study
    found = [(text.role, text.language) for text in study.texts]
    assert found[:2] == [("findings", "en"), ("impression", "en")]
    assert set(found[2:]) == {("caption", "en"), ("summary", "zh"), ("report", "ar"), ("query", "hi-Latn")}
    chinese = study.text("summary", language="zh")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert " " not in chinese.strip()
    assert any("\u0600" <= letter <= "\u06ff" for letter in study.text("report", language="ar"))


def test_a_form_that_a_language_lacks_is_refused() -> None:
    preset = load_preset("chest", ["texts=[caption:zh]"])
    with pytest.raises(ConfigError, match="form 'caption' exists in en, not in 'zh'"):
        make_study(draw_patient(1, 3, preset=preset), 32)


def test_volumes_are_read_back_with_values_and_geometry(tmp_path) -> None:  # type: ignore[no-untyped-def]
    volume = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4) - 1000
    path = tmp_path / "v.nii.gz"
    path.write_bytes(encode_nifti(volume, (3.0, 2.0, 1.5), (-10.0, 20.0, 5.0)))
    found = read(path)
    assert found.axes == "ZYX"
    assert found.geometry is not None
    np.testing.assert_allclose(found.geometry.spacing_mm, (3.0, 2.0, 1.5))
    np.testing.assert_allclose(found.geometry.origin_mm, (-10.0, 20.0, 5.0))
    np.testing.assert_array_equal(found.array, volume)


def test_clips_are_read_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pixels = np.random.default_rng(0).integers(0, 255, (3, 8, 9, 3), dtype=np.uint8)
    clip = Picture(name="clip", modality="ES", pixels=pixels, axes="TYXC", units="rgb")
    path = tmp_path / "c.tiff"
    path.write_bytes(encode_picture(clip))
    found = read(path)
    assert found.axes == "TYXC"
    np.testing.assert_array_equal(found.array, pixels)


def test_every_file_says_that_it_is_virtual() -> None:
    made = make_study(draw_patient(0, 1), 32)
    for data in made.media.values():
        with Image.open(io.BytesIO(data)) as image:
            assert "virtual patient" in image.text["VIRTUAL"]  # type: ignore[attr-defined]
    note = encode_nifti(np.zeros((1, 1, 1), np.uint8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    import gzip

    assert b"VIRTUAL" in gzip.decompress(note)[:352]
