"""ConVIRT: every identity of the paper, its sampling, its views, and the variant of MGCA."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.config import validate
from vesalius.errors import ConfigError
from vesalius.methods.convirt import ConVIRT, ConVIRTConfig, ConVIRTView, build
from vesalius.models.dual import DualEncoder, DualEncoderConfig

TINY = DualEncoderConfig(image_size=32, width=16, depth=1, vocabulary=40, text_length=8, projection_dim=8)


def method(**settings: Any) -> ConVIRT:
    torch.manual_seed(0)
    return build(ConVIRTConfig(**settings), DualEncoder.build(TINY))


def vectors(rows: int, seed: int = 0) -> dict[str, Tensor]:
    drawn = torch.randn(2, rows, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    image, text = functional.normalize(drawn, dim=-1)
    return {"image": image.requires_grad_(), "text": text.requires_grad_()}


def batch(rows: int, *, same: bool = False) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 40, (1 if same else rows, 6), generator=generator).expand(rows, -1)
    image = torch.randn(rows, 1, 32, 32, generator=generator)
    return {"pixel_values": image, "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def clip_sum(sides: dict[str, Tensor], temperature: float) -> Tensor:
    logits = sides["image"] @ sides["text"].T / temperature
    places = torch.arange(len(logits))
    return functional.cross_entropy(logits, places) + functional.cross_entropy(logits.T, places)


@pytest.mark.evidence("convirt", "L2", "λ = 0.5 is exactly half of the symmetric CLIP sum")
def test_even_weights_are_half_of_clip() -> None:
    sides = vectors(7)
    loss = method(image_weight=0.5).loss(sides)["loss"]
    # The scale is exp(log(10)) in float32, which is 10 to within 1e-7.
    assert loss.item() == pytest.approx(clip_sum(sides, 0.1).item() / 2, rel=1e-6)


@pytest.mark.evidence("convirt", "L2", "with λ = 1 the gradient by logits sums to 0 along rows, not columns")
def test_one_direction_leaves_the_columns_free() -> None:
    # Texts are the unit vectors and τ = 1, so that the images are the logits and their gradient the logits' own.
    logits = torch.randn(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = method(image_weight=1.0, temperature=1.0).loss({"image": logits, "text": torch.eye(8).double()})["loss"]
    gradient = torch.autograd.grad(loss, logits)[0]
    torch.testing.assert_close(gradient.sum(dim=1), torch.zeros(8).double(), rtol=0, atol=1e-15)
    assert gradient.sum(dim=0).abs().max() > 1e-3


@pytest.mark.evidence("convirt", "L2", "one pair gives loss 0; identical embeddings give log N for every λ and τ")
@pytest.mark.parametrize(("weight", "temperature"), [(0.75, 0.1), (0.0, 0.5), (1.0, 0.02)])
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_nothing_to_tell_apart(rows: int, weight: float, temperature: float) -> None:
    same = torch.ones(rows, 8, dtype=torch.float64) / 8**0.5
    loss = method(image_weight=weight, temperature=temperature).loss({"image": same, "text": same})["loss"]
    assert loss.item() == pytest.approx(log(rows), abs=1e-12)


@pytest.mark.evidence("convirt", "L2", "swapping images and texts together with λ and 1 - λ changes nothing")
def test_swapping_the_sides() -> None:
    sides = vectors(6)
    swapped = {"image": sides["text"], "text": sides["image"]}
    one = method(image_weight=0.75).loss(sides)["loss"]
    other = method(image_weight=0.25).loss(swapped)["loss"]
    assert one.item() == pytest.approx(other.item(), rel=1e-12)


@pytest.mark.evidence("convirt", "L2", "τ → 0 with the right pair the unique maximum gives loss → 0")
def test_a_cold_softmax_finds_the_right_pair() -> None:
    image = vectors(6)["image"]
    losses = [method(temperature=t).loss({"image": image, "text": image})["loss"].item() for t in (1, 0.1, 1e-3)]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] == pytest.approx(0, abs=1e-12)


@pytest.mark.evidence(
    "convirt", "L2", "one sentence is drawn uniformly; a report of one sentence gives that sentence"
)
def test_sampling_of_a_sentence() -> None:
    chosen = method()
    rng = np.random.default_rng(0)
    assert chosen.words([" Lungs clear. "], rng) == "Lungs clear."
    counts = Counter(chosen.words(["a", "", "b", "c"], rng) for _ in range(3000))
    assert set(counts) == {"a", "b", "c"}
    # Binomial(3000, 1/3): deviation 26, four of them are exceeded once in 16 000 times; the seed is fixed.
    assert all(abs(count - 1000) < 104 for count in counts.values())


def test_a_training_step_of_the_default() -> None:
    chosen = method()
    out = chosen(**batch(5))
    weighed = 0.75 * out["image_to_text"] + 0.25 * out["text_to_image"]
    torch.testing.assert_close(out["loss"].detach(), weighed)
    assert chosen.model.scale().item() == pytest.approx(10)
    out["loss"].backward()
    assert not chosen.model.logit_scale.requires_grad


def test_the_temperature_may_be_learned() -> None:
    chosen = method(temperature=None)
    chosen(**batch(5))["loss"].backward()
    assert chosen.model.logit_scale.grad is not None


def test_duplicates_of_a_sentence() -> None:
    """Three images with one sentence: it costs as a negative, and is one positive of three otherwise."""
    images = batch(3, same=True)
    assert method()(**images)["text_to_image"].item() > 0.5
    together = method(duplicates_are_positives=True)
    out = together(**images)
    assert "text_number" in together.encode(images)
    # All texts are right for every image: image → text is log 3, as the texts cannot be told apart.
    assert out["image_to_text"].item() == pytest.approx(log(3), rel=1e-5)
    different = batch(5)
    torch.testing.assert_close(together(**different)["loss"], method()(**different)["loss"])


def test_a_view_keeps_shape_and_every_step_can_be_off() -> None:
    image = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    seen = method().view(image, np.random.default_rng(1))
    assert seen.shape == image.shape
    assert seen.dtype == np.float32
    assert not np.array_equal(seen, image)
    off: dict[str, Any] = dict.fromkeys(("crop", "zoom", "brightness", "contrast", "blur"))
    still = ConVIRTView(flip=0, rotation=0, translation=0, **off)
    np.testing.assert_array_equal(method(view=still).view(image, np.random.default_rng(1)), image)


def test_the_view_has_the_papers_ranges_and_keeps_them_when_one_step_is_named() -> None:
    paper = {
        "crop": (0.6, 1.0),
        "ratio": None,
        "flip": 0.5,
        "rotation": 20.0,
        "translation": 0.1,
        "zoom": (0.95, 1.05),
        "brightness": (0.6, 1.4),
        "contrast": (0.6, 1.4),
        "blur": (0.1, 3.0),
    }
    assert asdict(ConVIRTConfig().view) == paper
    named = validate(ConVIRTConfig, {"view": {"flip": 0}}, where="recipe")
    assert asdict(named.view) == {**paper, "flip": 0}


def test_the_variant_of_mgca() -> None:
    chosen = method(variant="mgca")
    sides = vectors(6)
    assert chosen.loss(sides)["loss"].item() == pytest.approx(clip_sum(sides, 0.07).item(), rel=1e-6)
    rng = np.random.default_rng(0)
    assert chosen.words(["One.", "Two."], rng) == "One. Two."
    steps = {name: step for name, step in asdict(chosen.chosen.view).items() if step}
    assert steps == {"crop": (0.765625, 0.765625)}  # 224² of 256²


def test_a_variant_and_a_value_that_it_fixes_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match=r"variant 'mgca' fixes temperature at 0\.07"):
        validate(ConVIRTConfig, {"variant": "mgca", "temperature": 0.2}, where="recipe")
    kept = validate(ConVIRTConfig, {"variant": "mgca", "temperature": 0.07}, where="recipe")
    assert kept.resolved.temperature == 0.07
