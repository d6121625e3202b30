"""Answers with and without a hint, and about two images: identities and values by hand."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch.nn import functional

from vesalius.objectives.responses import contrasted_log_probs, response_divergence

torch.manual_seed(0)
ONE, OTHER = torch.randn(5, 7), torch.randn(5, 7)
TARGETS = torch.tensor([0, 3, 6, 2, 1])


@pytest.mark.evidence("vitask", "L2", "RDA is not below 0 and is 0 where the exemplar is ignored")
def test_the_divergence_is_none_where_the_hint_changes_nothing() -> None:
    assert bool((response_divergence(ONE, OTHER) > 0).all())
    assert response_divergence(ONE, ONE).tolist() == [0.0] * 5
    torch.testing.assert_close(response_divergence(ONE, ONE + 3), torch.zeros(5), rtol=0, atol=1e-6)
    # p = (½, ½) against q = (¼, ¾): ½ log 2 + ½ log ⅔; the other way round it is another number.
    half, quarter = torch.zeros(1, 2), torch.tensor([[0.0, log(3)]])
    expected = 0.5 * log(2) + 0.5 * log(2 / 3)
    torch.testing.assert_close(response_divergence(half, quarter), torch.tensor([expected]))


@pytest.mark.evidence("vitask", "L2", "no gradient of RDA goes through the answers with the exemplar")
def test_the_hinted_side_gets_no_gradient() -> None:
    plain, hinted = ONE.clone().requires_grad_(), OTHER.clone().requires_grad_()
    response_divergence(plain, hinted).sum().backward()
    assert hinted.grad is None
    assert plain.grad is not None
    response_divergence(plain, hinted, detach=False).sum().backward()
    assert hinted.grad is not None


@pytest.mark.evidence("vitask", "L2", "CRT about the same image is L · ln |V| whatever is said")
def test_the_same_image_says_nothing() -> None:
    for targets in (TARGETS, TARGETS.flip(0)):
        loss = -contrasted_log_probs(ONE, ONE, targets).sum()
        torch.testing.assert_close(loss, torch.tensor(5 * log(7)))


@pytest.mark.evidence(
    "vitask", "L2", "what both images add alike changes nothing; a silent negative leaves cross-entropy"
)
def test_what_hangs_on_no_image_cancels() -> None:
    shared = torch.randn(5, 7)
    moved = contrasted_log_probs(ONE + shared, OTHER + shared, TARGETS)
    torch.testing.assert_close(moved, contrasted_log_probs(ONE, OTHER, TARGETS), rtol=0, atol=2e-6)
    plain = -contrasted_log_probs(ONE, torch.zeros_like(ONE), TARGETS)
    torch.testing.assert_close(plain, functional.cross_entropy(ONE, TARGETS, reduction="none"))
