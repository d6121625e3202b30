"""Sections of a report that find each other: hand values, gaps, gradients."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch.nn import functional

from vesalius.objectives.sections import section_matching


def test_by_hand() -> None:
    # Cosines 1 and 0 on and off the diagonal, at temperature 0.5: log (1 + e^(−2)) in both directions.
    sides = torch.eye(2, dtype=torch.float64)
    assert section_matching(sides, sides).item() == pytest.approx(log(1 + exp(-2)), rel=1e-12)
    same = torch.tensor([[1.0, 0.0]]).expand(4, 2).double()
    assert section_matching(same, same).item() == pytest.approx(log(4), rel=1e-12)


def test_reports_that_lack_a_section_count_for_nothing() -> None:
    drawn = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second = functional.normalize(drawn, dim=1), functional.normalize(drawn.flip(0) + drawn, dim=1)
    exists = torch.tensor([True, False, True, True, False])
    expected = section_matching(first[exists], second[exists])
    torch.testing.assert_close(section_matching(first, second, exists=exists), expected)
    first = first.requires_grad_()
    nothing = section_matching(first, second, exists=torch.zeros(5, dtype=torch.bool))
    assert nothing.item() == 0
    assert torch.autograd.grad(nothing, first)[0].abs().sum() == 0


def test_gradient() -> None:
    sides = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return section_matching(functional.normalize(first, dim=1), functional.normalize(second, dim=1))

    assert torch.autograd.gradcheck(loss, (sides[0].requires_grad_(), sides[1].clone().requires_grad_()))
