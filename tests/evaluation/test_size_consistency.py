"""The scale test: larger pictures by hand, what is refused, and a predictor that sees sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.evaluation.size_consistency import enlarged, size_consistency
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request


class Measuring(BasePredictor):
    """Says how wide the picture is where it is told to, else that all is well."""

    name = "measuring"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            (media,) = request.messages[0].media
            width = Image.open(media.path).size[0]
            yield Reply(id=request.id, text=f"{width} wide" if "wide" in request.messages[0].text else "Normal.")


def asked(folder: Path, name: str, question: str) -> Request:
    values = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    Image.fromarray(values).save(folder / f"{name}.png")
    message = Message(role="user", parts=(Media(path=str(folder / f"{name}.png")), question))
    return Request(id=name, messages=(message,))


def test_the_picture_lies_in_the_middle_pixel_for_pixel() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    large = enlarged(picture, factor=3)
    assert large.shape == (9, 12)
    np.testing.assert_array_equal(large[3:6, 4:8], picture)
    assert set(np.delete(large.ravel(), np.ravel_multi_index(np.mgrid[3:6, 4:8].reshape(2, -1), large.shape))) == {5}
    assert enlarged(np.zeros((2, 2, 3), np.uint8)).shape == (4, 4, 3)


def test_answers_that_hang_on_the_size_do_not_stay(tmp_path: Path) -> None:
    requests = [asked(tmp_path, "a", "How wide is it?"), asked(tmp_path, "b", "What is seen?")]
    found = size_consistency(Measuring(), requests, folder=tmp_path / "large")
    assert found.same.tolist() == [False, True]
    assert found.share == 0.5
    assert (found.small[0], found.large[0]) == ("8 wide", "16 wide")


def test_what_cannot_be_enlarged_is_refused(tmp_path: Path) -> None:
    without = Request(id="a", messages=(Message(role="user", parts=("Why?",)),))
    for requests, told in (([], "no question"), ([without], "'a' must show pictures")):
        with pytest.raises(DataError, match=told):
            size_consistency(Measuring(), requests, folder=tmp_path)
