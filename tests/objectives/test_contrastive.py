"""The contrast: tables by hand, the whole matrix beside the blocks, public code's numbers, identities."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from vesalius.objectives.contrastive import ContrastConfig, Keys, Targets, contrast

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "contrastive.json").read_text(encoding="utf-8"))


def unit(rows: int, width: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(rows, width, dtype=torch.float64, generator=generator)
    return functional.normalize(drawn, dim=1).requires_grad_()


def formula(rows: int = 5, width: int = 4) -> tuple[Tensor, Tensor]:
    """The inputs of the golden numbers."""
    i = torch.arange(rows, dtype=torch.float64)[:, None]
    j = torch.arange(width, dtype=torch.float64)[None]
    image = torch.sin(1.7 * i + 0.9 * j + 0.3 * i * j + 1)
    text = torch.cos(0.6 * i - 1.1 * j + 0.2 * i * j)
    return tuple(functional.normalize(side, dim=1).requires_grad_() for side in (image, text))


def whole_softmax(image: Tensor, text: Tensor, *, scale: Tensor, weights: tuple[float, float]) -> Tensor:
    """The definition on the whole matrix."""
    logits = scale * image @ text.T
    places = torch.arange(len(image))
    forth = functional.cross_entropy(logits, places)
    return weights[0] * forth + weights[1] * functional.cross_entropy(logits.T, places)


def assert_same(ours: Tensor, theirs: Tensor, inputs: tuple[Tensor, ...]) -> None:
    """Equal value and gradient. 1e-12: sums of 17 terms of size 10 in float64, the worst seen was 2e-14."""
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    left = torch.autograd.grad(ours, inputs)
    right = torch.autograd.grad(theirs, inputs)
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_two_pairs_by_hand() -> None:
    # Similarities ((1, 0), (0.6, 0.8)), scale 1.
    # image → text: rows: log(e^1 + e^0) - 1 = 0.313262; log(e^0.6 + e^0.8) - 0.8 = 0.598139; mean 0.455700
    # text → image: columns: log(e^1 + e^0.6) - 1 = 0.513015; log(e^0 + e^0.8) - 0.8 = 0.371101; mean 0.442058
    image = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    value = contrast(image, torch.eye(2, dtype=torch.float64), logit_scale=1.0)
    assert value.image_to_text.item() == pytest.approx(0.455700, abs=1e-6)
    assert value.text_to_image.item() == pytest.approx(0.442058, abs=1e-6)
    assert value.loss.item() == pytest.approx((0.455700 + 0.442058) / 2, abs=1e-6)


def test_sigmoid_by_hand() -> None:
    # Scale 2, bias -1: logits ((1, -1), (0.2, 0.6)).
    # Right pairs: log(1 + e^-1) = 0.313262, log(1 + e^-0.6) = 0.437488.
    # Wrong pairs: log(1 + e^-1) = 0.313262, log(1 + e^0.2) = 0.798139. Sum 1.862151, by 2 rows 0.931076.
    image = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    form = ContrastConfig(form="sigmoid")
    value = contrast(image, torch.eye(2, dtype=torch.float64), logit_scale=2.0, logit_bias=-1.0, settings=form)
    assert value.loss.item() == pytest.approx(0.931076, abs=1e-6)


@pytest.mark.parametrize("block", [1, 20, 100, 10_000])
@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.75, 0.25), (1.0, 1.0)])
def test_blocks_equal_the_whole_matrix(block: int, weights: tuple[float, float]) -> None:
    image, text = unit(17, 6, seed=1), unit(17, 6, seed=2)
    scale = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    form = ContrastConfig(image_weight=weights[0], text_weight=weights[1], block_elements=block)
    ours = contrast(image, text, logit_scale=scale, settings=form).loss
    assert_same(ours, whole_softmax(image, text, scale=scale, weights=weights), (image, text, scale))


@pytest.mark.parametrize("block", [1, 40, 10_000])
def test_sigmoid_blocks_equal_the_whole_matrix(block: int) -> None:
    image, text = unit(17, 6, seed=3), unit(17, 6, seed=4)
    scale = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(-4.0, dtype=torch.float64, requires_grad=True)
    form = ContrastConfig(form="sigmoid", block_elements=block)
    ours = contrast(image, text, logit_scale=scale, logit_bias=bias, settings=form).loss
    signs = 2 * torch.eye(17, dtype=torch.float64) - 1
    whole = -functional.logsigmoid(signs * (scale * image @ text.T + bias)).sum() / 17
    assert_same(ours, whole, (image, text, scale, bias))


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_gradient_is_the_difference_quotient(form: str) -> None:
    image, text = unit(5, 3, seed=5), unit(5, 3, seed=6)
    extra = unit(3, 3, seed=7)
    scale = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
    chosen = ContrastConfig(form=form, block_elements=12)  # type: ignore[arg-type]

    def loss(image: Tensor, text: Tensor, extra: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        keys = Keys(image=image, text=text, extra_image=extra, extra_text=extra)
        return contrast(image, text, logit_scale=scale, logit_bias=bias, settings=chosen, keys=keys).loss

    assert torch.autograd.gradcheck(loss, (image, text, extra, scale, bias))


def test_several_positives_share_the_row() -> None:
    # Texts 0 and 2 are the same: each of their rows has two right keys of weight 1/2.
    image, text = unit(4, 5, seed=8), unit(4, 5, seed=9)
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    groups = torch.tensor([7, 1, 7, 3])
    shares = torch.tensor([[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]], dtype=torch.float64)
    form = ContrastConfig(image_weight=0.75, text_weight=0.25, block_elements=8)
    ours = contrast(image, text, logit_scale=scale, settings=form, targets=Targets(groups=groups)).loss
    logits = scale * image @ text.T
    forth = functional.cross_entropy(logits, shares)
    whole = 0.75 * forth + 0.25 * functional.cross_entropy(logits.T, shares.T)
    assert_same(ours, whole, (image, text, scale))


def test_any_positive_is_enough() -> None:
    image, text = unit(4, 5, seed=10), unit(4, 5, seed=11)
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    groups = torch.tensor([0, 1, 0, 3])
    form = ContrastConfig(positives="any", block_elements=8)
    ours = contrast(image, text, logit_scale=scale, settings=form, targets=Targets(groups=groups)).loss
    logits = scale * image @ text.T
    wrong = groups[:, None] != groups[None, :]
    parts = [
        (side.logsumexp(dim=1) - side.masked_fill(wrong, float("-inf")).logsumexp(dim=1)).mean()
        for side in (logits, logits.T)
    ]
    assert_same(ours, (parts[0] + parts[1]) / 2, (image, text, scale))


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_soft_targets(form: str) -> None:
    image, text = unit(4, 5, seed=12), unit(4, 5, seed=13)
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(14)).softmax(dim=1)
    chosen = ContrastConfig(form=form, block_elements=8)  # type: ignore[arg-type]
    targets = Targets(image_to_text=weights)
    ours = contrast(image, text, logit_scale=scale, settings=chosen, targets=targets).loss
    logits = scale * image @ text.T
    if form == "softmax":
        whole = (
            functional.cross_entropy(logits, weights) - (weights.T * logits.T.log_softmax(dim=1)).sum(dim=1).mean()
        ) / 2
    else:
        whole = functional.binary_cross_entropy_with_logits(logits, weights, reduction="sum") / 4
    assert_same(ours, whole, (image, text, scale))


def test_extra_negatives_only_add_to_the_denominator() -> None:
    image, text, bank = unit(4, 5, seed=15), unit(4, 5, seed=16), unit(9, 5, seed=17)
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    keys = Keys(image=image, text=text, extra_text=bank.detach())
    form = ContrastConfig(block_elements=20)
    ours = contrast(image, text, logit_scale=scale, settings=form, keys=keys).loss
    places = torch.arange(4)
    forth = functional.cross_entropy(scale * image @ torch.cat([text, bank.detach()]).T, places)
    back = functional.cross_entropy(scale * text @ image.T, places)
    assert_same(ours, (forth + back) / 2, (image, text, scale))


@pytest.mark.parametrize("sizes", [(6, 6), (8, 3), (1, 1, 5)])
@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_rows_of_processes_average_to_the_joined_batch(sizes: tuple[int, ...], form: str) -> None:
    """Each process sees its rows and all keys; the mean of losses and gradients is the joined batch's."""
    chosen = ContrastConfig(form=form)  # type: ignore[arg-type]
    image, text = unit(sum(sizes), 5, seed=18), unit(sum(sizes), 5, seed=19)
    groups = torch.arange(sum(sizes)) % 4
    whole = contrast(image, text, logit_scale=6.0, settings=chosen, targets=Targets(groups=groups)).loss
    parts, first = [], 0
    for size in sizes:
        rows = slice(first, first + size)
        keys = Keys(image=image, text=text, first=first, processes=len(sizes))
        targets = Targets(groups=groups[rows], key_groups=groups)
        sides = (image[rows], text[rows])
        value = contrast(*sides, logit_scale=6.0, settings=chosen, keys=keys, targets=targets)
        parts.append(value.loss)
        first += size
    assert_same(torch.stack(parts).mean(), whole, (image, text))


@pytest.mark.evidence("convirt", "L2", "loss and gradient equal the paper's equations worked out term by term")
def test_golden_paper() -> None:
    image, text = formula()
    case = GOLDEN["cases"]["convirt_paper"]
    form = ContrastConfig(image_weight=0.75, text_weight=0.25)
    loss = contrast(image, text, logit_scale=1 / 0.1, settings=form).loss
    assert loss.item() == pytest.approx(case["loss"], rel=1e-12)
    for tensor, name in ((image, "image"), (text, "text")):
        gradient = torch.autograd.grad(loss, tensor, retain_graph=True)[0]
        expected = torch.tensor(case["gradients"][name], dtype=torch.float64)
        # Central differences with step 1e-6 are right to about 1e-8 for slopes of size 1.
        torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.evidence("convirt", "L2", "the variant mgca equals the MGCA repository's info_nce_loss")
def test_golden_mgca() -> None:
    image, text = formula()
    form = ContrastConfig(image_weight=1.0, text_weight=1.0)
    loss = contrast(image, text, logit_scale=1 / 0.07, settings=form).loss
    check("mgca_convirt", loss, {"image": image, "text": text})


def test_golden_open_clip() -> None:
    image, text = formula()
    scale = torch.tensor(9.5, dtype=torch.float64, requires_grad=True)
    loss = contrast(image, text, logit_scale=scale).loss
    check("open_clip", loss, {"image": image, "text": text, "logit_scale": scale})


def test_golden_open_clip_sigmoid() -> None:
    image, text = formula()
    scale = torch.tensor(9.5, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    form = ContrastConfig(form="sigmoid")
    loss = contrast(image, text, logit_scale=scale, logit_bias=bias, settings=form).loss
    check("open_clip_siglip", loss, {"image": image, "text": text, "logit_scale": scale, "logit_bias": bias})


def check(case: str, loss: Tensor, inputs: dict[str, Tensor]) -> None:
    """1e-11: the stored numbers have 16 digits, and sums of 5 terms of size 10 lose one or two."""
    golden = GOLDEN["cases"][case]
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-12)
    assert set(inputs) == set(golden["gradients"])
    for (name, _), gradient in zip(inputs.items(), torch.autograd.grad(loss, list(inputs.values())), strict=True):
        expected = torch.tensor(golden["gradients"][name], dtype=torch.float64)
        torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)


@given(rows=st.integers(1, 9), weight=st.floats(0, 1), temperature=st.floats(0.02, 2))
@settings(max_examples=25, deadline=None)
def test_identical_embeddings_give_log_of_the_batch(rows: int, weight: float, temperature: float) -> None:
    same = functional.normalize(torch.ones(rows, 3, dtype=torch.float64), dim=1)
    form = ContrastConfig(image_weight=weight, text_weight=1 - weight)
    loss = contrast(same, same, logit_scale=1 / temperature, settings=form).loss
    assert loss.item() == pytest.approx(log(rows), abs=1e-12)


@given(weight=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_swapping_the_sides_and_the_weights_changes_nothing(weight: float, seed: int) -> None:
    image, text = unit(6, 4, seed=seed), unit(6, 4, seed=seed + 1)
    form = ContrastConfig(image_weight=weight, text_weight=1 - weight)
    swapped = ContrastConfig(image_weight=1 - weight, text_weight=weight)
    one = contrast(image, text, logit_scale=10.0, settings=form).loss
    other = contrast(text, image, logit_scale=10.0, settings=swapped).loss
    torch.testing.assert_close(one, other, rtol=1e-13, atol=0)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_order_of_the_pairs_does_not_matter(seed: int) -> None:
    image, text = unit(6, 4, seed=seed), unit(6, 4, seed=seed + 1)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    one = contrast(image, text, logit_scale=10.0).loss
    other = contrast(image[order], text[order], logit_scale=10.0).loss
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    image, text = unit(4, 3, seed=20), unit(4, 3, seed=21)
    with torch.no_grad():
        assert not contrast(image, text, logit_scale=10.0).loss.requires_grad
    only_image = contrast(image, text.detach(), logit_scale=10.0).loss
    assert torch.autograd.grad(only_image, image)[0].abs().sum() > 0


def test_reduced_precision_is_lifted() -> None:
    image, text = (side.detach().bfloat16() for side in formula())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = contrast(image, text, logit_scale=10.0).loss
    expected = whole_softmax(image.double(), text.double(), scale=torch.tensor(10.0), weights=(0.5, 0.5))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)  # float32 has 7 digits


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="one direction"):
        ContrastConfig(form="sigmoid", image_weight=0.75, text_weight=0.25)
    with pytest.raises(ValueError, match="either groups"):
        Targets()
