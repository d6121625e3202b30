"""Labels that are partly known, and contrasts with any number of right partners."""

from __future__ import annotations

from math import log

import pytest
import torch

from vesalius.objectives.contrastive import contrast
from vesalius.objectives.multilabel import known_loss, multi_positive_contrast


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_unknown_labels_add_nothing() -> None:
    # −log σ(0) = log 2 for each of two known ones.
    assert known_loss(torch.zeros(3), torch.tensor([1, 0, -1])).item() == pytest.approx(2 * log(2))
    assert known_loss(drawn(4), torch.full((4,), -1)).item() == 0


def test_one_partner_each_is_infonce() -> None:
    image, text = (torch.nn.functional.normalize(drawn(5, 8, seed=seed), dim=1) for seed in (1, 2))
    ours = multi_positive_contrast(10 * image @ text.T, torch.eye(5, dtype=torch.bool))
    assert ours.item() == pytest.approx(contrast(image, text, logit_scale=10.0).loss.item(), rel=1e-12)


def test_several_partners_by_hand() -> None:
    # Row 0 has both columns: −(log ½ + log ½) / 2 = log 2; row 1 has none. Each column: −log ½ = log 2.
    positive = torch.tensor([[True, True], [False, False]])
    assert multi_positive_contrast(torch.zeros(2, 2), positive).item() == pytest.approx(log(2))


def test_roles_of_rows_and_columns_may_be_swapped() -> None:
    logits, positive = drawn(4, 6), drawn(4, 6, seed=3) > 0.3
    one, other = multi_positive_contrast(logits, positive), multi_positive_contrast(logits.T, positive.T)
    assert one.item() == pytest.approx(other.item(), rel=1e-12)


def test_a_column_that_may_not_be_used_is_no_negative() -> None:
    logits, positive = drawn(4, 3), drawn(4, 3, seed=3) > 0
    wide = torch.cat([logits, drawn(4, 1, seed=5)], dim=1)
    none = torch.zeros(4, 1, dtype=torch.bool)
    usable = torch.cat([torch.ones(4, 3, dtype=torch.bool), none], dim=1)
    found = multi_positive_contrast(wide, torch.cat([positive, none], dim=1), usable=usable)
    assert found.item() == pytest.approx(multi_positive_contrast(logits, positive).item(), rel=1e-12)


def test_nothing_in_common_is_zero_with_a_gradient() -> None:
    logits = drawn(3, 2).requires_grad_()
    loss = multi_positive_contrast(logits, torch.zeros(3, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.abs().sum()


def test_gradient_in_float64() -> None:
    positive, usable = drawn(3, 4, seed=3) > 0, drawn(3, 4, seed=4) > -1
    assert torch.autograd.gradcheck(
        lambda logits: multi_positive_contrast(logits, positive, usable=usable), drawn(3, 4).requires_grad_()
    )
