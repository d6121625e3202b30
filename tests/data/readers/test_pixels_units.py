"""A record may know more of its values than the file's format says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Picture

from vesalius.data.corpus import from_studies
from vesalius.data.readers import read
from vesalius.data.records import Image, Study


def test_stored_values_of_few_bits_are_not_shown_black(tmp_path: Path) -> None:
    # Twelve bits in a file of sixteen: white of the format is 65535.
    values = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
    Picture.fromarray(values).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").display().max() < 0.07
    records = [
        Study(id=units, patient="p", images=(Image(id="x", path=f"{units}.png", modality="DX", units=units),))
        for units in ("stored", "display")
    ]
    media = {f"{units}.png": tmp_path / "a.png" for units in ("stored", "display")}
    corpus = from_studies(records, tmp_path / "corpus", name="c", media=media)
    shown = {study.id: corpus.read(study.images[0]) for study in corpus}
    assert shown["stored"].units == "stored"
    assert shown["stored"].display().max() == 1
    assert shown["display"].display().max() < 0.07
    np.testing.assert_array_equal(shown["stored"].array, values)
