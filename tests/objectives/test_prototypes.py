"""Sinkhorn codes and their swapped prediction: identities of the cards of MGCA and SwAV."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from vesalius.objectives.prototypes import draw_others, prototype_contrast, sinkhorn, swapped_prediction


def scores(rows: int = 12, prototypes: int = 5, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, prototypes, generator=generator, dtype=torch.float64) * 2 - 1


def published(values: Tensor, *, epsilon: float, rounds: int) -> Tensor:
    """The iterations as SwAV and MGCA print them, on exponentials, (rows, prototypes)."""
    code = torch.exp(values / epsilon).T
    count, samples = code.shape
    code = code / code.sum()
    for _ in range(rounds):
        code = code / code.sum(dim=1, keepdim=True) / count
        code = code / code.sum(dim=0, keepdim=True) / samples
    return (code / code.sum(dim=0, keepdim=True)).T


@pytest.mark.evidence("mgca", "L2", "Sinkhorn's codes are those of the published iterations")
@pytest.mark.parametrize("rounds", [1, 3, 10])
def test_equal_to_the_published_iterations(rounds: int) -> None:
    # 1e-12: products of at most 20 numbers of relative error 2e-16, the largest of size 1.
    values = scores()
    torch.testing.assert_close(
        sinkhorn(values, rounds=rounds), published(values, epsilon=0.05, rounds=rounds), rtol=0, atol=1e-12
    )


@pytest.mark.evidence("mgca", "L2", "codes have rows that sum to 1, and columns that tend to B / K with more rounds")
def test_rows_sum_to_one_and_prototypes_are_used_evenly() -> None:
    values = scores(40, 5)
    codes = sinkhorn(values, rounds=200)
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(40, dtype=torch.float64))
    # Every prototype gets 40 / 5 rows; 200 rounds leave less than a thousandth of a row.
    torch.testing.assert_close(codes.sum(dim=0), torch.full((5,), 8.0, dtype=torch.float64), rtol=0, atol=1e-3)
    uneven = [float((sinkhorn(values, rounds=n).sum(dim=0) - 8).abs().max()) for n in (1, 3, 20)]
    assert uneven == sorted(uneven, reverse=True)


@pytest.mark.evidence("mgca", "L2", "equal scores give codes of 1 / K, and a constant on all scores changes nothing")
def test_equal_scores_are_shared_and_constants_do_not_matter() -> None:
    torch.testing.assert_close(sinkhorn(torch.zeros(4, 6)), torch.full((4, 6), 1 / 6))
    values = scores()
    torch.testing.assert_close(sinkhorn(values + 3.0), sinkhorn(values))
    assert sinkhorn(values.float() * 1000).isfinite().all()


def test_prediction_is_symmetric_and_of_one_view_is_that_of_swav() -> None:
    image, text = scores(seed=1), scores(seed=2)
    code_image, code_text = sinkhorn(image), sinkhorn(text)
    one = swapped_prediction(image, text, image_codes=code_image, text_codes=code_text)
    other = swapped_prediction(text, image, image_codes=code_text, text_codes=code_image)
    torch.testing.assert_close(one, other)
    same = swapped_prediction(image, image, image_codes=code_image, text_codes=code_image)
    torch.testing.assert_close(same, -(code_image * (image / 0.2).log_softmax(dim=1)).sum(dim=1).mean())


def test_uniform_scores_cost_the_logarithm_of_the_prototypes() -> None:
    zeros = torch.zeros(3, 7)
    codes = sinkhorn(zeros)
    loss = swapped_prediction(zeros, zeros, image_codes=codes, text_codes=codes)
    assert float(loss) == pytest.approx(log(7))


@pytest.mark.evidence("mgca", "L2", "codes carry no gradient")
def test_codes_carry_no_gradient_and_predictions_do() -> None:
    image = scores(seed=3).requires_grad_()
    assert not sinkhorn(image).requires_grad
    text = scores(seed=4).requires_grad_()
    codes = sinkhorn(text)
    assert torch.autograd.gradcheck(
        lambda one, two: swapped_prediction(one, two, image_codes=codes, text_codes=codes), (image, text)
    )


def test_a_prototype_is_the_mean_of_the_members() -> None:
    book = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])
    member, negative = torch.tensor([[True, True, False], [True, False, False]]), torch.tensor([[2], [1]])
    query = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    # Row 0: (½, ½)·q = 1 beside 8: log(1 + e⁷); row 1: the one member's own vector, 1 beside 0: log(1 + e⁻¹).
    loss = prototype_contrast(query, book, member, negative)
    torch.testing.assert_close(loss, torch.tensor([7.000911, 0.313262]))
    # A slot without a negative is as if it were not there.
    wider = torch.cat([negative, torch.full((2, 1), -1)], dim=1)
    torch.testing.assert_close(prototype_contrast(query, book, member, wider), loss)


def test_others_are_drawn_without_members_and_by_row_and_step_alone() -> None:
    member = torch.zeros(6, 20, dtype=torch.bool)
    member[:, :12] = True
    row, query = torch.arange(6), torch.tensor([0, 1, 2, 0, 1, 2])
    drawn = draw_others(member, row=row, query=query, step=3, count=7)
    assert drawn.shape == (6, 7)
    assert ((drawn >= 12) & (drawn < 20)).all()
    assert all(len(set(numbers)) == 7 for numbers in drawn.tolist())
    assert torch.equal(draw_others(member[2:4], row=row[2:4], query=query[2:4], step=3, count=7), drawn[2:4])
    assert not torch.equal(draw_others(member, row=row, query=query, step=4, count=7), drawn)
    member[:, :15] = True
    few = draw_others(member, row=row, query=query, step=3, count=7)
    assert (few.sort(dim=1).values == torch.tensor([-1, -1, 15, 16, 17, 18, 19])).all()


def test_every_other_is_drawn_about_as_often() -> None:
    member = torch.zeros(4000, 10, dtype=torch.bool)
    rows = torch.arange(4000)
    drawn = draw_others(member, row=rows, query=rows % 7, step=0, count=3)
    # 1200 each; four deviations of a binomial of 4000 draws with chance 0.3 are 116.
    assert (drawn.flatten().bincount(minlength=10) - 1200).abs().max() < 116
