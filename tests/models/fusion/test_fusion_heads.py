"""Heads, prompt pools, and the decoder of pixels with its fixed positions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vesalius.models.fusion.heads import AnswerHead, MaskedWordHead, MatchingHead, PromptPool
from vesalius.models.fusion.pixels import PixelDecoder, grid_positions
from vesalius.objectives.masked import hide_highest, patchify, pixel_loss, restored, visible


def test_shapes_of_the_heads() -> None:
    pooled = torch.randn(3, 8)
    assert AnswerHead(8, answers=5)(pooled).shape == (3, 5)
    assert MaskedWordHead(8, vocabulary=11)(torch.randn(3, 4, 8)).shape == (3, 4, 11)
    assert MatchingHead(8)(pooled).shape == (3, 2)


def test_matching_is_log_odds_of_its_two_logits() -> None:
    head, pooled = MatchingHead(8), torch.randn(3, 8)
    expected = torch.softmax(head(pooled), dim=1)[:, 1]
    torch.testing.assert_close(torch.sigmoid(head.log_odds(pooled)), expected)


def test_a_pool_gives_the_rows_of_the_largest_products_in_their_order() -> None:
    """Query (1, 0): products are the first column, 3 > 2 > 1 > 0."""
    pool = PromptPool(4, 2)
    with torch.no_grad():
        pool.rows.copy_(torch.tensor([[1.0, 5.0], [3.0, 6.0], [0.0, 7.0], [2.0, 8.0]]))
    query = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    assert pool.chosen(query, 2).tolist() == [[1, 3], [3, 2]]
    out = pool(query, 2)
    out[0].sum().backward()
    assert query.grad is None  # the choice is hard
    assert pool.rows.grad.abs().sum(dim=1).tolist() == [0, 2, 0, 2]
    order = torch.tensor([2, 0, 3, 1])
    moved = PromptPool(4, 2)
    moved.load_state_dict({"rows": pool.rows.detach()[order]})
    torch.testing.assert_close(moved(query, 3), pool(query, 3))
    assert pool(query, 0).shape == (2, 0, 2)
    with pytest.raises(ValueError, match="5 prompts asked of a pool of 4"):
        pool(query, 5)


def test_positions_of_a_grid_worked_out_by_hand() -> None:
    """Width 4 on 2 × 3: one frequency, 1; the columns' sine and cosine first, then the rows'."""
    found = grid_positions((2, 3), 4)
    rows = [[math.sin(x), math.cos(x), math.sin(y), math.cos(y)] for y in range(2) for x in range(3)]
    np.testing.assert_allclose(found.numpy(), rows, atol=1e-7)  # float32


@pytest.mark.parametrize(("grid", "width"), [((3, 5), 16), ((2, 3, 4), 12), ((2, 3, 4), 16)])
def test_positions_tell_every_place_from_every_other(grid: tuple[int, ...], width: int) -> None:
    found = grid_positions(grid, width)
    assert found.shape == (math.prod(grid), width)
    assert len(torch.unique(found, dim=0)) == math.prod(grid)
    assert (found[:, 2 * len(grid) * (width // (2 * len(grid))) :] == 0).all()


def test_too_narrow_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="width of 4 holds no sine and cosine for each of 3 axes"):
        grid_positions((2, 2, 2), 4)


@pytest.mark.parametrize(("sides", "patch"), [((16, 8), (4, 4)), ((4, 8, 8), (2, 4, 4))])
def test_pixels_of_hidden_patches_can_be_learnt(sides: tuple[int, ...], patch: tuple[int, ...]) -> None:
    """Patches of a ramp: what is hidden follows from its place."""
    torch.manual_seed(0)
    axes = torch.meshgrid(*(torch.linspace(0, 1, side) for side in sides), indexing="ij")
    pixels = sum(axes).expand(2, 1, *sides)
    grid = tuple(side // step for side, step in zip(sides, patch, strict=True))
    target = patchify(pixels, patch)
    decoder = PixelDecoder(target.shape[-1], width=24, depth=1, heads=2, values=target.shape[-1])
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=3e-3)
    masking = hide_highest(torch.rand(2, math.prod(grid)), 0.75)
    stream = torch.cat([target.mean(dim=1, keepdim=True), visible(target, masking)], dim=1)
    losses = []
    for _ in range(40):
        out = decoder(stream, lambda seen, hidden: restored(seen, masking, hidden), grid)
        assert out.shape == target.shape
        loss = pixel_loss(out, target, masking.hidden, normalise=False)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert decoder.hidden_token.grad.abs().sum() > 0
