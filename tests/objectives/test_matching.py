"""Matching: who is paired with whom."""

from __future__ import annotations

from math import log

import pytest
import torch

from vesalius.objectives.matching import halves, hard_negatives, matching_loss


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_half_keep_their_image_and_nobody_else_meets_his_own(count: int) -> None:
    for seed in range(20):
        pairing = halves(count, generator=generator(seed))
        own = pairing.image == torch.arange(count)
        assert int(pairing.label.sum()) == count // 2
        assert torch.equal(pairing.label.bool(), own)


def test_every_place_and_every_other_image_is_drawn() -> None:
    drawn = [halves(4, generator=generator(seed)) for seed in range(400)]
    positive = torch.stack([pairing.label for pairing in drawn]).double().mean(dim=0)
    # 400 draws of a chance of 1/2: standard error 0.025; four of them.
    torch.testing.assert_close(positive, torch.full((4,), 0.5, dtype=torch.float64), rtol=0, atol=0.1)
    assert {int(pairing.image[0]) for pairing in drawn} == {0, 1, 2, 3}


def test_rows_of_one_group_are_no_negatives() -> None:
    groups = torch.tensor([0, 0, 1, 1])
    for seed in range(20):
        pairing = halves(4, generator=generator(seed), groups=groups)
        wrong = pairing.label == 0
        assert (groups[pairing.image][wrong] != groups[wrong]).all()
    alone = halves(3, generator=generator(0), groups=torch.zeros(3))
    assert alone.label.tolist() == [1, 1, 1]


def test_one_row_keeps_its_image() -> None:
    assert halves(1).label.tolist() == [1]
    text, image = hard_negatives(torch.zeros(1, 1))
    assert (text.tolist(), image.tolist()) == ([0], [0])


def test_hard_negatives_follow_the_similarities_by_row_and_by_column() -> None:
    # Image 0 resembles text 2 most by far, text 1 resembles image 2.
    similarity = torch.tensor([[9.0, 0.0, 30.0], [0.0, 9.0, 0.0], [0.0, 30.0, 9.0]])
    for seed in range(10):
        text, image = hard_negatives(similarity, generator=generator(seed))
        assert (text != torch.arange(3)).all()
        assert (image != torch.arange(3)).all()
        assert (int(text[0]), int(image[1])) == (2, 2)


def test_shares_of_hard_negatives_are_the_softmax() -> None:
    similarity = torch.tensor([[0.0, log(3.0), 0.0]] * 3)
    drawn = torch.stack([hard_negatives(similarity, generator=generator(seed))[0] for seed in range(600)])
    # Of texts 1 and 2 with weights 3 and 1, text 1 is drawn with 3/4; 600 draws, standard error 0.018.
    assert float((drawn[:, 0] == 1).double().mean()) == pytest.approx(0.75, abs=0.072)


def test_equal_logits_cost_log_two() -> None:
    assert float(matching_loss(torch.zeros(4, 2), torch.tensor([0, 1, 1, 0]))) == pytest.approx(log(2))
