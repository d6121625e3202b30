"""TransE: distances by hand, a toy graph learnt, corrupted triples."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vesalius.objectives.knowledge import bernoulli_share, corrupted, margin_loss, translation_distance

# Three things (0 to 2) that are part (relation 0) of 3, and 3 that is near (relation 1) 4.
TRIPLES = torch.tensor([[0, 0, 3], [1, 0, 3], [2, 0, 3], [3, 1, 4]])


def test_distance_and_loss_by_hand() -> None:
    head, relation, tail = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0]), torch.tensor([0.0, 3.0])
    # |1.5| + |−2| = 3.5; √(2.25 + 4) = 2.5
    assert float(translation_distance(head, relation, tail)) == pytest.approx(3.5)
    assert float(translation_distance(head, relation, tail, norm=2)) == pytest.approx(2.5)
    # max(0, 5 + 1 − 4) = 2 and max(0, 5 + 1 − 9) = 0: mean 1
    assert float(margin_loss(torch.tensor([1.0]), torch.tensor([[4.0, 9.0]]))) == pytest.approx(1.0)


def test_heads_are_replaced_as_often_as_the_relation_spreads() -> None:
    # Relation 0: one tail per head, three heads per tail: 1 / (1 + 3). Relation 1: 1 / 2. Relation 2: none.
    torch.testing.assert_close(bernoulli_share(TRIPLES, 3), torch.tensor([0.25, 0.5, 0.5], dtype=torch.float64))
    made = corrupted(
        TRIPLES, num_entities=5, negatives=4000, share=bernoulli_share(TRIPLES, 2),
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    changed_head = made.head != TRIPLES[:, :1]
    assert torch.equal(changed_head, made.tail == TRIPLES[:, 2:])
    # 4000 draws: standard error at most 0.008; four of them.
    torch.testing.assert_close(
        changed_head.double().mean(dim=1), torch.tensor([0.25, 0.25, 0.25, 0.5]).double(), rtol=0, atol=0.032
    )
    assert {int(name) for name in made.tail[0].unique()} == {0, 1, 2, 3, 4}


def test_true_triples_come_nearer_than_false_ones_by_the_margin() -> None:
    torch.manual_seed(0)
    entity, relation = nn.Embedding(5, 8), nn.Embedding(2, 8)
    optimiser = torch.optim.Adam([*entity.parameters(), *relation.parameters()], lr=0.05)
    share, draw = bernoulli_share(TRIPLES, 2), torch.Generator().manual_seed(1)

    def distances() -> tuple[torch.Tensor, torch.Tensor]:
        false = corrupted(TRIPLES, num_entities=5, negatives=25, share=share, generator=draw)
        step = relation(TRIPLES[:, 1])
        true = translation_distance(entity(TRIPLES[:, 0]), step, entity(TRIPLES[:, 2]))
        return true, translation_distance(entity(false.head), step[:, None], entity(false.tail))

    for _ in range(300):
        optimiser.zero_grad()
        margin_loss(*distances(), margin=2.0).backward()
        optimiser.step()
    known = {tuple(triple) for triple in TRIPLES.tolist()}
    with torch.no_grad():
        for head, kind, tail in known:
            true = translation_distance(entity.weight[head], relation.weight[kind], entity.weight[tail])
            others = [other for other in range(5) if (head, kind, other) not in known]
            false = translation_distance(entity.weight[head], relation.weight[kind], entity.weight[others])
            assert float(false.min()) >= float(true) + 1.8
