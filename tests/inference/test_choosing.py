from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message
from vesalius.errors import CapabilityError, ConfigError
from vesalius.inference.choosing import choose, pixels_of
from vesalius.inference.predictor import BasePredictor, ImageEmbeddings, open_predictor
from vesalius.inference.requests import Reply, Request

OPTIONS = {"A": "dark", "B": "bright"}


class Brightness(BasePredictor):
    """A picture lies at the angle of its mean brightness; "dark" at 0 and "bright" at a quarter of a turn."""

    name = "brightness"
    capabilities = frozenset({"embed_image", "embed_text"})
    temperature = 0.5
    longest = 100

    def encode_image(self, images: Any) -> ImageEmbeddings:
        means = [image.display().mean() for image in images]
        rows = np.array([[math.cos(mean * math.pi / 2), math.sin(mean * math.pi / 2)] for mean in means], np.float32)
        return ImageEmbeddings(rows, rows)

    def embed_text(self, texts: Any) -> Any:
        cut = [text[: self.longest] for text in texts]
        return np.array([[0.0, 1.0] if text.endswith("bright") else [1.0, 0.0] for text in cut], np.float32)


class Matching(Brightness):
    capabilities = frozenset({"match"})

    def match(self, images: Any, texts: Any) -> Any:
        return self.encode_image(images).joint @ self.embed_text(texts).T


def picture(folder: Path, value: int) -> Media:
    path = folder / f"{value}.png"
    Image.fromarray(np.full((6, 6), value, dtype=np.uint8)).save(path)
    return Media(path=str(path))


def ask(*shown: Media, **more: Any) -> Request:
    words = "What is it? A. dark B. bright. Answer with the letter."
    more = {"question": "What is it?", "option_texts": OPTIONS} | more
    return Request(id="a", messages=(Message(role="user", parts=(*shown, words)),), **more)


def one(model: Any, request: Request) -> Reply:
    return next(iter(choose(model, [request], volumes=False)))


@pytest.mark.parametrize("model", [Brightness(), Matching()])
def test_the_option_that_fits_best_is_chosen(model: BasePredictor, tmp_path: Path) -> None:
    assert one(model, ask(picture(tmp_path, 255))).text == "B"
    assert one(model, ask(picture(tmp_path, 0))).text == "A"


def test_weights_are_a_softmax_at_the_temperature(tmp_path: Path) -> None:
    reply = one(Brightness(), ask(picture(tmp_path, 255)))
    # Cosines 1 and 0 at temperature 0.5: logits 2 and 0, so B has 1 / (1 + e^−2).
    assert reply.log_probabilities["B"] == pytest.approx(-math.log(1 + math.exp(-2)), abs=1e-6)
    assert math.fsum(math.exp(value) for value in reply.log_probabilities.values()) == pytest.approx(1)


def test_several_pictures_count_together(tmp_path: Path) -> None:
    dark, bright = picture(tmp_path, 0), picture(tmp_path, 255)
    assert one(Brightness(), ask(dark, dark, bright)).text == "A"
    assert one(Brightness(), ask(dark, bright, bright)).text == "B"


def test_what_cannot_be_chosen_is_said(tmp_path: Path) -> None:
    short = Brightness()
    short.longest = 5
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    asked = [
        (Brightness(), ask(picture(tmp_path, 0), option_texts={}), "cannot write"),
        (Brightness(), ask(), "no picture"),
        (Brightness(), ask(Media(path=str(broken))), "cannot be read"),
        (short, ask(picture(tmp_path, 0)), "all options look alike"),
    ]
    for model, request, told in asked:
        reply = one(model, request)
        assert (reply.finish, reply.text) == ("error", "")
        assert told in reply.error
        assert str(tmp_path) not in reply.error


def test_edits_are_seen_and_volumes_are_taken_whole_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "v.nii"
    nibabel.save(
        nibabel.Nifti1Image(np.random.default_rng(0).normal(size=(5, 6, 20)).astype(np.float32), np.eye(4)), path
    )
    volume = Media(path=str(path), kind="volume")
    assert [image.axes for image in pixels_of(volume, volumes=True)] == ["ZYX"]
    assert [image.array.shape for image in pixels_of(volume, volumes=False)] == [(6, 5, 3)] * 8
    blank = pixels_of(picture(tmp_path, 255).edited("blank"), volumes=False)[0]
    assert blank.display().mean() == pytest.approx(128 / 255, abs=1e-6)


def test_random_picks_by_content_and_every_choice_alike() -> None:
    model = open_predictor("control:random")
    asked = [
        Request(id=str(n), messages=(Message(role="user", parts=(f"{n}",)),), choices=("A", "B", "C"))
        for n in range(600)
    ]
    said = [reply.text for reply in model.generate(asked)]
    # 600 draws of a third: 200, and four standard deviations are 4 · sqrt(600 · 1/3 · 2/3) = 46.
    assert all(abs(said.count(letter) - 200) <= 46 for letter in "ABC")
    assert [reply.text for reply in model.generate(reversed(asked))] == said[::-1]
    assert [reply.text for reply in open_predictor("control:random#1").generate(asked)] != said
    free = Request(id="free", messages=asked[0].messages)
    assert "nothing to pick from" in next(iter(model.generate([free]))).error


def test_copy_last_repeats_the_demonstration_and_constant_its_text() -> None:
    first = (Message(role="user", parts=("Is it?",)), Message(role="assistant", parts=("Yes, it is.",)))
    last = Message(role="user", parts=("And this?",))
    shown, bare = Request(id="a", messages=(*first, last)), Request(id="b", messages=(last,))
    copied = list(open_predictor("control:copy-last").generate([shown, bare]))
    assert copied[0].text == "Yes, it is."
    assert (copied[1].finish, copied[1].error) == ("error", "no answer in the conversation to repeat")
    constant = open_predictor("control:constant:No: #1 is normal")
    assert [reply.text for reply in constant.generate([shown, bare])] == ["No: #1 is normal"] * 2
    assert constant.identity["says"] == "No: #1 is normal"


def test_majority_needs_truths_and_is_no_model_of_words() -> None:
    with pytest.raises(CapabilityError, match="cannot generate"):
        open_predictor("control:majority").generate([])
    with pytest.raises(ConfigError, match="did you mean 'copy-last'"):
        open_predictor("control:copylast")
