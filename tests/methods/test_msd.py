"""MSD: the window is the full batch, the gradient is its half, the teacher follows, memory does not grow."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from vesalius.config import validate
from vesalius.errors import ConfigError
from vesalius.methods.base import Progress
from vesalius.methods.msd import MSD, MSDConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.objectives.contrastive import contrast
from vesalius.training.memory import TrainingStep, cached_step, split
from vesalius.training.window import open_window

TINY: dict[str, Any] = {
    "image_size": 16, "patch": 8, "width": 16, "depth": 1, "vocabulary": 40, "text_length": 8, "projection_dim": 8,
}  # fmt: skip
AFTER_RAMP = Progress(step=50, epoch=2.0, share=0.5)


def method(*, seed: int = 0, **settings: Any) -> MSD:
    """In float64, past the ramp, with a teacher of its own where `apart` is given."""
    torch.manual_seed(seed)
    made = build(MSDConfig(**settings), DualEncoder.build(DualEncoderConfig(**TINY))).double().train()
    made.progress = AFTER_RAMP
    return made


def apart(of: MSD) -> MSD:
    with torch.no_grad():
        for weight in of.teacher.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return of


def batch(rows: int = 12, *, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "pixel_values": torch.randn(rows, 1, 16, 16, generator=generator, dtype=torch.float64),
        "input_ids": torch.randint(5, 40, (rows, 6), generator=generator),
        "attention_mask": torch.ones(rows, 6, dtype=torch.int64),
        "index": torch.arange(rows),
    }


def window_step(of: MSD, whole: dict[str, Tensor], pieces: int, *, order: list[int] | None = None) -> list[float]:
    """Add the gradient of a window of equal pieces as the trainer does; return their losses."""
    step = TrainingStep(of)
    given = split(whole, len(whole["index"]) // pieces)
    given = [given[place] for place in order] if order else given
    losses = []
    for piece in open_window(step, of, given):
        loss = step(piece)["loss"] / pieces
        loss.backward()
        losses.append(loss.item())
    return losses


def gradients(of: MSD) -> dict[str, Tensor]:
    return {name: weight.grad.clone() for name, weight in of.model.named_parameters() if weight.grad is not None}


def of_full_batch(of: MSD, whole: dict[str, Tensor], *, stopped: bool) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradient of plain symmetric InfoNCE over all rows, written without `contrast`."""
    of.zero_grad()
    image = of.model.encode_image(whole["pixel_values"], local=False).joint
    text = of.model.encode_text(whole["input_ids"], whole["attention_mask"], local=False).joint
    keys = (image.detach(), text.detach()) if stopped else (image, text)
    scale = of.model.scale()
    rows = torch.arange(len(image))
    forth = torch.nn.functional.cross_entropy(scale * image @ keys[1].T, rows)
    back = torch.nn.functional.cross_entropy(scale * text @ keys[0].T, rows)
    loss = (forth + back) / 2
    torch.autograd.backward(loss)
    found = gradients(of)
    of.zero_grad()
    return loss.item(), found


@pytest.mark.evidence("msd", "L2", "without softness and momentum a window of any size has the full batch's InfoNCE")
@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 6, 12])
def test_window_is_the_full_batch(pieces: int) -> None:
    made, whole = method(soft_share=0.0, momentum=0.0), batch()
    full, stopped = of_full_batch(made, whole, stopped=True)
    losses = window_step(made, whole, pieces)
    assert sum(losses) == pytest.approx(full, rel=1e-12)
    found = gradients(made)
    assert set(found) == set(stopped)
    for name, gradient in stopped.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.evidence(
    "msd", "L2", "by the features the window's gradient is half of the full batch's, with both sides"
)
def test_gradient_by_features_is_half() -> None:
    """A feature is row and key; where both sides are equal the two contribute the same, and the keys are stopped."""
    made = method(soft_share=0.0)
    generator = torch.Generator().manual_seed(0)
    side = torch.nn.functional.normalize(torch.randn(6, 8, generator=generator, dtype=torch.float64), dim=1)
    image, text = side.clone().requires_grad_(), side.clone().requires_grad_()
    given = {"image": image, "text": text, "teacher_image": image.detach(), "teacher_text": text.detach()}
    stopped = torch.autograd.grad(made.loss(given)["loss"], [image, text])
    whole = torch.autograd.grad(contrast(image, text, logit_scale=made.model.scale()).loss, [image, text])
    for one, both in zip(stopped, whole, strict=True):
        torch.testing.assert_close(2 * one, both)
    assert all(part.abs().max() > 0 for part in stopped)


@pytest.mark.evidence("msd", "L2", "the window's gradient is that of exact gradient caching with the same keys")
def test_gradient_cache_gives_the_same_gradient() -> None:
    made, whole = apart(method()), batch()
    losses = window_step(made, whole, 4)
    found = gradients(made)
    made.zero_grad()
    made.window = {}
    cached = cached_step(TrainingStep(made), made, whole, chunk=3)
    assert cached["loss"].item() == pytest.approx(sum(losses), rel=1e-12)
    for name, gradient in gradients(made).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


def test_difference_to_exact_caching_is_that_of_the_keys() -> None:
    """With student keys the cache gives the symmetric gradient; the window's points the same way."""
    made, whole = method(soft_share=0.0, momentum=0.0), batch()
    _, symmetric = of_full_batch(made, whole, stopped=False)
    window_step(made, whole, 4)
    ours, exact = (torch.cat([part.flatten() for part in of.values()]) for of in (gradients(made), symmetric))
    cosine = torch.nn.functional.cosine_similarity(ours, exact, dim=0).item()
    assert 0.5 < cosine < 1
    assert ours.norm() < exact.norm()


def test_order_of_batches_does_not_matter() -> None:
    made, whole = apart(method()), batch()
    losses = window_step(made, whole, 4)
    found = gradients(made)
    made.zero_grad()
    other = window_step(made, whole, 4, order=[2, 0, 3, 1])
    assert sum(other) == pytest.approx(sum(losses), rel=1e-12)
    for name, gradient in gradients(made).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.evidence("msd", "L2", "one batch a window is the distilled InfoNCE of ALBEF without a queue")
def test_one_batch_is_the_distilled_contrast() -> None:
    made, whole = apart(method(soft_share=0.3)), batch(5)
    own = made.encode(whole)
    scale = made.model.scale().detach()
    directions: list[Tensor] = []
    for one, other in (("image", "text"), ("text", "image")):
        belief = (scale * own[f"teacher_{one}"] @ own[f"teacher_{other}"].T).softmax(dim=1)
        target = 0.7 * torch.eye(5, dtype=torch.float64) + 0.3 * belief
        found = (scale * own[one] @ own[f"teacher_{other}"].T).log_softmax(dim=1)
        directions.append(-(target * found).sum(dim=1).mean())
    assert window_step(made, whole, 1)[0] == pytest.approx(torch.stack(directions).mean().item(), rel=1e-12)
    assert made.loss(own)["loss"].item() == pytest.approx(torch.stack(directions).mean().item(), rel=1e-12)


@pytest.mark.evidence("msd", "L2", "all belief in a teacher that equals the student gives entropy and no gradient")
def test_own_belief_teaches_nothing() -> None:
    made, whole = method(soft_share=1.0), batch(6)
    given = {name: part.detach().requires_grad_() for name, part in made.encode(whole).items()}
    loss = made.loss(given)["loss"]
    scale = made.model.scale().detach()
    entropy = 0.0
    for one, other in (("image", "text"), ("text", "image")):
        belief = (scale * given[one] @ given[other].T).softmax(dim=1)
        entropy -= (belief * belief.log()).sum(dim=1).mean().item() / 2
    assert loss.item() == pytest.approx(entropy, rel=1e-12)
    for part in torch.autograd.grad(loss, [given["image"], given["text"]]):
        # Rounding of float64 on features of unit norm.
        assert part.abs().max() < 1e-12


@pytest.mark.evidence("msd", "L2", "after n steps beside a student that stays, the teacher is m^n as far away")
def test_teacher_follows_once_a_step() -> None:
    made = apart(method(momentum=0.8))
    before = [t - s for t, s in zip(made.teacher.parameters(), made.model.parameters(), strict=True)]
    for _ in range(5):
        made.after_step()
    after = [t - s for t, s in zip(made.teacher.parameters(), made.model.parameters(), strict=True)]
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, 0.8**5 * old, rtol=1e-9, atol=1e-12)


def test_teacher_starts_equal_learns_nothing_and_stays_in_evaluation_mode() -> None:
    made = method()
    assert all(torch.equal(t, s) for t, s in zip(made.teacher.parameters(), made.model.parameters(), strict=True))
    assert made.model.training
    assert not any(part.training for part in made.teacher.modules())
    window_step(made, batch(), 3)
    assert all(weight.grad is None for weight in made.teacher.parameters())
    assert made.window["teacher_image"].shape == (12, 8)
    assert not made.window["teacher_image"].requires_grad


def test_ramp() -> None:
    made, whole = method(soft_share=0.4, ramp_epochs=2.0), batch(4)
    shares = []
    for epoch in (0.0, 0.5, 2.0, 7.0):
        made.progress = Progress(epoch=epoch)
        shares.append(made(**whole)["soft_share"].item())
    assert shares == pytest.approx([0.0, 0.1, 0.4, 0.4])


def test_without_window_batches_see_themselves_alone() -> None:
    """Plain accumulation: the loss is the mean of the batches' own."""
    made, whole = apart(method(window=False)), batch()
    losses = window_step(made, whole, 3)
    alone = [made(**piece)["loss"].item() / 3 for piece in split(whole, 4)]
    assert losses == pytest.approx(alone, rel=1e-12)
    wide = deepcopy(made)
    wide.chosen = MSDConfig()
    assert sum(window_step(wide, whole, 3)) > sum(losses)


def test_window_in_chunks_and_of_nothing() -> None:
    made, whole = apart(method()), batch()
    pieces = split(whole, 6)
    open_window(TrainingStep(made), made, pieces)
    at_once = dict(made.window)
    numbered = open_window(TrainingStep(made), made, pieces, chunk=2)
    for name, part in at_once.items():
        torch.testing.assert_close(made.window[name], part)
    assert [piece["window_row"].tolist() for piece in numbered] == [list(range(6)), list(range(6, 12))]
    assert open_window(TrainingStep(made), made, []) == []
    assert made.window == {}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"momentum": 1.0}, "momentum must be from 0 to below 1, found 1.0"),
        ({"soft_share": 1.2}, "soft_share must be from 0 to 1, found 1.2"),
        ({"ramp_epochs": -1.0}, "ramp_epochs must be at least 0, found -1.0"),
    ],
)
def test_bad_settings(values: dict[str, float], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        validate(MSDConfig, values, where="here")


def kept_bytes(of: MSD, whole: dict[str, Tensor], pieces: int) -> list[int]:
    """Bytes that autograd keeps for each batch of a window."""
    step, counts = TrainingStep(of), []
    for piece in open_window(step, of, split(whole, len(whole["index"]) // pieces)):
        kept = [0]

        def keep(tensor: Tensor, kept: list[int] = kept) -> Tensor:
            kept[0] += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = step(piece)["loss"]
        torch.autograd.backward(loss)
        counts.append(kept[0])
    return counts


@pytest.mark.evidence(
    "msd", "L2", "what a batch keeps for its gradient is linear in it and does not grow with the window"
)
def test_memory_is_that_of_a_batch() -> None:
    made = method()
    alone, of_eight = kept_bytes(made, batch(4), 1), kept_bytes(made, batch(32), 8)
    assert len(set(of_eight)) == 1
    # Of the window only the gradient by its keys is kept: 28 more rows of 8 numbers, image and text, of 8 bytes.
    assert of_eight[0] - alone[0] <= 2 * 28 * 8 * 8
    assert kept_bytes(made, batch(16), 2)[0] == pytest.approx(2 * kept_bytes(made, batch(8), 2)[0], rel=0.2)
