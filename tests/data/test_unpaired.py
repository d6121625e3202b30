"""Studies with an image alone or a text alone: let in where they are asked for, left out and counted where not."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from vesalius.data.corpus import Corpus
from vesalius.data.loader import Draw, PairDataset, Selection
from vesalius.data.records import Image, Study, Text
from vesalius.data.transforms import ImageProcessor
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

NAMES = ("a-pair", "b-image", "c-text", "d-nothing")


def study(name: str) -> Study:
    image = Image(id="0", path=f"media/{name}.png", modality="DX", shape=(8, 8), units="display")
    has_image, has_text = name.endswith(("pair", "image")), name.endswith(("pair", "text"))
    said = (Text(text="Heart normal. Lungs clear.", role="findings"),) if has_text else ()
    return Study(id=name, patient=name, images=(image,) if has_image else (), texts=said)


def dataset(root: Path, names: Sequence[str] = NAMES, *, unpaired: bool = True) -> PairDataset:
    file = BytesIO()
    PilImage.fromarray(np.full((8, 8), 200, np.uint8)).save(file, "PNG")
    with CorpusWriter(root / "corpus", name="unpaired") as writer:
        for one in map(study, names):
            writer.add(one, media={image.path: file.getvalue() for image in one.images})
    selection = Selection(unpaired=unpaired)
    return PairDataset(Corpus.open(root / "corpus"), ImageProcessor(size=8), selection, cache=root / "cache")


def test_pairs_alone_unless_unpaired_ones_are_asked_for(tmp_path: Path) -> None:
    pairs = dataset(tmp_path, unpaired=False)
    assert pairs.ids.to_pylist() == ["a-pair"]
    assert pairs.dropped == {"no text": 1, "no fitting image": 2}
    sample = pairs[Draw(0, 0)]
    assert (sample.has_image, sample.has_text) == (True, True)


def test_what_is_missing_is_black_or_empty_and_is_said(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    data.words = lambda sentences, rng: sentences[0]
    assert data.ids.to_pylist() == ["a-pair", "b-image", "c-text"]
    assert data.dropped == {"no fitting image": 1}
    pair, image, text = (data[Draw(0, row)] for row in range(3))
    assert (pair.has_image, pair.has_text, pair.text) == (True, True, "Heart normal.")
    assert (image.has_image, image.has_text, image.text) == (True, False, "")
    assert (text.has_image, text.has_text, text.text) == (False, True, "Heart normal.")
    assert image.image.max() == pytest.approx(200 / 255, abs=1e-6)
    assert text.image.shape == image.image.shape
    assert not text.image.any()
    assert list(data.texts()) == ["Heart normal. Lungs clear."] * 2


def test_an_unreadable_image_is_replaced_by_an_image_and_never_by_a_text_alone(tmp_path: Path) -> None:
    names = ("a-pair", "b-image", *(f"c{number}-text" for number in range(30)))
    data = dataset(tmp_path, names)
    data._unreadable_share = 1.0
    (tmp_path / "corpus" / "media" / "a-pair.png").write_bytes(b"broken")
    for epoch in range(5):
        sample = data[Draw(epoch, 0)]
        assert (sample.row, sample.has_image, sample.has_text) == (1, True, False)


def test_texts_alone_make_a_dataset(tmp_path: Path) -> None:
    data = dataset(tmp_path, ["a-text", "b-text"])
    assert [data[Draw(-1, row)].text for row in range(2)] == ["Heart normal. Lungs clear."] * 2


@pytest.mark.parametrize(("unpaired", "need"), [(True, "an image or a text"), (False, "both an image and a text")])
def test_nothing_to_train_on_is_said(unpaired: bool, need: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no study of 'unpaired' has {need}: 1 studies with no fitting image"):
        dataset(tmp_path, ["d-nothing"], unpaired=unpaired)
