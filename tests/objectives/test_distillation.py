"""Teacher and soft targets: identities of the card of MSD."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.objectives.contrastive import Keys, contrast
from vesalius.objectives.distillation import follow, ramp, soft_targets


def unit(seed: int, rows: int = 5) -> Tensor:
    drawn = torch.randn(rows, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=1)


def test_distance_shrinks_by_the_momentum_each_step() -> None:
    student, teacher = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    with torch.no_grad():
        student.weight.fill_(5.0)
        student.running_mean.fill_(2.0)  # type: ignore[union-attr]
    for _ in range(3):
        follow(teacher, student, momentum=0.9)
    # From 1 towards 5: 5 − 4 · 0.9³ = 2.084
    torch.testing.assert_close(teacher.weight.detach(), torch.full((3,), 2.084))
    torch.testing.assert_close(teacher.running_mean, student.running_mean)
    follow(teacher, student, momentum=0.0)
    torch.testing.assert_close(teacher.weight, student.weight)


def test_ramp() -> None:
    assert [ramp(0.4, step=step, steps=4) for step in (0, 1, 4, 9)] == pytest.approx([0.0, 0.1, 0.4, 0.4])
    assert ramp(0.4, step=0, steps=0) == 0.4


def test_without_belief_it_is_the_plain_contrast() -> None:
    image, text = unit(0), unit(1)
    scores = 7 * image @ text.T
    plain = contrast(image, text, logit_scale=7.0).loss
    soft = contrast(image, text, logit_scale=7.0, targets=soft_targets(scores, scores.T, share=0.0)).loss
    torch.testing.assert_close(soft, plain, rtol=0, atol=1e-12)


def test_loss_is_the_mixture_of_hard_and_soft_cross_entropy() -> None:
    image, text, teacher_image, teacher_text = (unit(seed) for seed in range(4))
    belief = 7 * teacher_image @ teacher_text.T
    value = contrast(image, text, logit_scale=7.0, targets=soft_targets(belief, belief.T, share=0.3)).loss
    logits = 7 * image @ text.T

    def direction(scores: Tensor, believed: Tensor) -> Tensor:
        logs = scores.log_softmax(dim=1)
        hard, soft = -logs.diagonal().mean(), -(believed.softmax(dim=1) * logs).sum(dim=1).mean()
        return 0.7 * hard + 0.3 * soft

    expected = (direction(logits, belief) + direction(logits.T, belief.T)) / 2
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


def test_a_teacher_equal_to_the_student_leaves_no_gradient_at_full_belief() -> None:
    image, text = unit(0).requires_grad_(), unit(1).requires_grad_()
    scores = (7 * image @ text.T).detach()
    loss = contrast(image, text, logit_scale=7.0, targets=soft_targets(scores, scores.T, share=1.0)).loss
    entropy = [-(rows.softmax(1) * rows.log_softmax(1)).sum(1).mean() for rows in (scores, scores.T)]
    torch.testing.assert_close(loss, sum(entropy) / 2, rtol=0, atol=1e-12)
    for gradient in torch.autograd.grad(loss, (image, text)):
        # p − q = 0 up to rounding.
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


def test_own_keys_begin_where_the_row_says() -> None:
    image, text, others = unit(0, 2), unit(1, 2), unit(2, 3)
    keys = Keys(image=torch.cat([others, image]), text=torch.cat([others, text]), first=3)
    belief = torch.zeros(2, 5, dtype=torch.float64)
    soft = contrast(image, text, logit_scale=3.0, keys=keys, targets=soft_targets(belief, belief, share=0.0, first=3))
    torch.testing.assert_close(soft.loss, contrast(image, text, logit_scale=3.0, keys=keys).loss, rtol=0, atol=1e-12)
