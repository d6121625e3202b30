"""Masks and boxes of a record as masks by concept."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.masks import concept_masks, marked_masks, masked_concepts
from vesalius.data.records import Box, Image, Region, Study
from vesalius.errors import DataError


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    PilImage.fromarray(array.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def corpus_of(root: Path, *, mask_shape: tuple[int, int] = (4, 6)) -> Corpus:
    mask = np.zeros(mask_shape)
    mask[1, 1:3], mask[2, 4] = 1, 2
    image = Image(id="a", path="a.png", modality="DX", shape=(4, 6), units="display")
    regions = (
        Region(image="a", kind="mask", concept="nodule", mask="m.png", mask_value=1),
        Region(image="a", kind="mask", concept="nodule", mask="m.png", mask_value=2),
        Region(image="a", kind="box", concept="nodule", box=Box(0, 0, 6, 4)),
        Region(image="a", kind="box", concept="cyst", box=Box(1, 0, 3, 2)),
    )
    study = Study(id="s", patient="p", images=(image,), regions=regions)
    return from_studies([study], root, name="marks", media={"a.png": png(np.zeros((4, 6))), "m.png": png(mask)})


def test_masks_of_a_concept_are_joined_and_boxes_filled_where_asked(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "c")
    study = corpus.study("s")
    found = marked_masks(study, study.images[0], corpus, boxes=True)
    assert np.argwhere(found["nodule"]).tolist() == [[1, 1], [1, 2], [2, 4]], "a mask is truer than a box"
    assert np.argwhere(found["cyst"]).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert set(marked_masks(study, study.images[0], corpus)) == {"nodule"}
    stacked = concept_masks(study, study.images[0], corpus, ("cyst", "nodule"))
    assert stacked.sum(axis=(1, 2)).tolist() == [0, 3]
    assert masked_concepts(corpus, at_least=1) == ("nodule",)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "c", mask_shape=(5, 6))
    study = corpus.study("s")
    with pytest.raises(DataError, match=r"mask m.png is \(5, 6\), its picture \(4, 6\)"):
        marked_masks(study, study.images[0], corpus)
