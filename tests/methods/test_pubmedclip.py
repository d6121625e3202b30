"""PubMedCLIP's fine-tuning: CLIP's loss, the release's departures by name, and a last batch of any size."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.methods.pubmedclip import RELEASE_FACTOR, PubMedCLIP, PubMedCLIPConfig, build
from vesalius.models.dual import DualEncoder, DualEncoderConfig

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "contrastive.json").read_text(encoding="utf-8"))
TINY = DualEncoderConfig(image_size=32, width=16, depth=1, vocabulary=40, text_length=8, projection_dim=8)


def method(**settings: Any) -> PubMedCLIP:
    torch.manual_seed(0)
    return build(PubMedCLIPConfig(**settings), DualEncoder.build(TINY))


def formula() -> dict[str, Tensor]:
    """The inputs of the golden numbers."""
    i = torch.arange(5, dtype=torch.float64)[:, None]
    j = torch.arange(4, dtype=torch.float64)[None]
    image = torch.sin(1.7 * i + 0.9 * j + 0.3 * i * j + 1)
    text = torch.cos(0.6 * i - 1.1 * j + 0.2 * i * j)
    return {
        "image": functional.normalize(image, dim=1).requires_grad_(),
        "text": functional.normalize(text, dim=1).requires_grad_(),
    }


@pytest.mark.evidence(
    "pubmedclip", "L1", "CLIP part: the release's loss and gradient equal the released training loop's"
)
def test_golden_release() -> None:
    golden = GOLDEN["cases"]["pubmedclip_release"]
    chosen = method(release_scale=True).double()
    with torch.no_grad():
        chosen.model.logit_scale.fill_(log(golden["logit_scale"]))
    sides = formula()
    loss = chosen.loss(sides)["loss"]
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-12)
    inputs = [sides["image"], sides["text"], chosen.model.logit_scale]
    image, text, scale = torch.autograd.grad(loss, inputs)
    for gradient, name in ((image, "image"), (text, "text")):
        expected = torch.tensor(golden["gradients"][name], dtype=torch.float64)
        torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)
    # Ours is by the logarithm of the scale: the scale times the gradient by the scale.
    assert scale.item() == pytest.approx(golden["gradients"]["logit_scale"] * golden["logit_scale"], rel=1e-11)


@pytest.mark.evidence("pubmedclip", "L1", "CLIP part: with factor 1 the loss and gradient equal open_clip's")
def test_golden_plain_clip() -> None:
    golden = GOLDEN["cases"]["open_clip"]
    chosen = method().double()
    with torch.no_grad():
        chosen.model.logit_scale.fill_(log(golden["logit_scale"]))
    sides = formula()
    loss = chosen.loss(sides)["loss"]
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-12)
    gradient = torch.autograd.grad(loss, sides["image"])[0]
    expected = torch.tensor(golden["gradients"]["image"], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)


def test_the_factor_of_the_release() -> None:
    assert pytest.approx(exp(-0.06)) == RELEASE_FACTOR
    assert pytest.approx(0.9418, abs=5e-5) == RELEASE_FACTOR


@pytest.mark.evidence("pubmedclip", "L1", "CLIP part: identical pairs give log B")
@pytest.mark.parametrize("release", [False, True])
def test_identical_pairs_give_log_of_the_batch(release: bool) -> None:
    same = torch.ones(6, 8, dtype=torch.float64) / 8**0.5
    loss = method(release_scale=release).loss({"image": same, "text": same})["loss"]
    assert loss.item() == pytest.approx(log(6), abs=1e-12)


@pytest.mark.evidence("pubmedclip", "L1", "CLIP part: swapping the sides changes nothing")
def test_swapping_the_sides() -> None:
    sides = formula()
    chosen = method()
    swapped = {"image": sides["text"], "text": sides["image"]}
    assert chosen.loss(sides)["loss"].item() == pytest.approx(chosen.loss(swapped)["loss"].item(), rel=1e-12)


@pytest.mark.evidence("pubmedclip", "L1", "CLIP part: a last, incomplete batch works and its scale learns")
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_any_batch_works(rows: int) -> None:
    chosen = method()
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 40, (rows, 6), generator=generator)
    image = torch.randn(rows, 1, 32, 32, generator=generator)
    out = chosen(pixel_values=image, input_ids=ids, attention_mask=torch.ones_like(ids))
    assert torch.isfinite(out["loss"])
    out["loss"].backward()
    assert chosen.model.logit_scale.grad is not None
    assert out["logit_scale"].item() == pytest.approx(1 / 0.07, rel=1e-6)


def test_captions_are_whole_unless_the_release_is_asked_for() -> None:
    caption = "Chest X-ray of a ﬁfty-year-old woman, " + "with much more to say about it " * 4
    rng = np.random.default_rng(0)
    assert method().words([caption], rng) == caption.strip()
    cut = method(caption_characters=77).words([caption], rng)
    # The 77 characters are counted before the ligature ﬁ becomes two letters.
    assert cut == caption[:77].replace("ﬁ", "fi")
    assert len(cut) == 78


def test_the_view_is_that_of_the_release() -> None:
    image = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    seen = method().view(image, np.random.default_rng(1))
    assert seen.shape == image.shape
    assert not np.array_equal(seen, image)


def test_no_characters_is_no_caption() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PubMedCLIPConfig(caption_characters=0)
