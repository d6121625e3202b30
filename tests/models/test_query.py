"""The query decoder: answers do not mix images, do or do not mix queries, and say where they looked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vesalius.models.query import QueryDecoder


def decoder(*, among: bool = True, seed: int = 0) -> QueryDecoder:
    torch.manual_seed(seed)
    return QueryDecoder(8, depth=2, heads=2, hidden=12, among=among).double().eval()


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("among", [True, False])
def test_shapes_and_attention_that_sums_to_one(among: bool) -> None:
    out = decoder(among=among)(drawn(5, 8), drawn(3, 7, 8, seed=2), attention=True)
    assert out.features.shape == (3, 5, 8)
    assert out.attention is not None
    assert out.attention.shape == (3, 5, 7)
    torch.testing.assert_close(out.attention.sum(dim=-1), torch.ones(3, 5, dtype=torch.float64))
    assert decoder(among=among)(drawn(5, 8), drawn(3, 7, 8, seed=2)).attention is None


def test_order_of_patches_changes_nothing_and_images_do_not_mix() -> None:
    query, patch = drawn(5, 8), drawn(3, 7, 8, seed=2)
    whole = decoder()(query, patch).features
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(decoder()(query, patch[:, order]).features, whole)
    torch.testing.assert_close(decoder()(query, patch[1:2]).features, whole[1:2])


def test_order_of_queries_is_the_order_of_answers() -> None:
    query, patch = drawn(5, 8), drawn(3, 7, 8, seed=2)
    order = torch.tensor([4, 2, 0, 1, 3])
    torch.testing.assert_close(decoder()(query[order], patch).features, decoder()(query, patch).features[:, order])


@pytest.mark.parametrize("among", [True, False])
def test_an_answer_depends_on_the_other_queries_only_where_they_look_at_each_other(among: bool) -> None:
    query, patch = drawn(5, 8), drawn(3, 7, 8, seed=2)
    of_two = decoder(among=among)(query[:2], patch).features
    of_five = decoder(among=among)(query, patch).features[:, :2]
    assert torch.allclose(of_two, of_five) is not among


@pytest.mark.parametrize("among", [True, False])
def test_a_further_query_is_not_seen_by_the_usual_ones(among: bool) -> None:
    made, usual, patch = decoder(among=among), drawn(4, 8), drawn(3, 7, 8, seed=2)
    further = made.answer_beside(drawn(3, 8, seed=5), usual, patch, attention=True)
    assert further.features.shape == (3, 1, 8)
    assert further.attention is not None
    assert further.attention.shape == (3, 1, 7)
    for row in range(3):
        alone = made.answer_beside(drawn(3, 8, seed=5)[row : row + 1], usual, patch[row : row + 1])
        torch.testing.assert_close(alone.features[0], further.features[row])
    # With an empty company it is the answer of one query by itself.
    lone = made.answer_beside(drawn(3, 8, seed=5), usual[:0], patch).features
    torch.testing.assert_close(lone, made(drawn(3, 8, seed=5)[:, None], patch).features)


def test_gradient_in_float64() -> None:
    made = decoder()
    query, patch = drawn(2, 8).requires_grad_(), drawn(2, 3, 8, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda one, two: made(one, two, attention=True), (query, patch))
