"""Boxes from maps: which place is asked for which box, the losses at the truth, suppression, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vesalius.metrics.boxes import iou
from vesalius.models.dense.boxes import BoxHead, Places, Said, kept_boxes


def places(side: int, stride: float) -> Places:
    middle = (torch.arange(side) + 0.5) * stride
    grid = torch.stack([middle.repeat(side), middle.repeat_interleave(side)], dim=1)
    return Places(grid, torch.full((side * side,), stride), torch.zeros(side * side, dtype=torch.long))


def said(boxes: Tensor, where: Places, *, label: int, classes: int = 2) -> Said:
    """A perfect answer for one box at the places in it."""
    sides = torch.cat([where.middle - boxes[0, :2], boxes[0, 2:] - where.middle], dim=1)
    inside = sides.amin(dim=1) > 0
    logits = torch.full((1, len(inside), classes), -20.0)
    logits[0, inside, label] = 20.0
    return Said(logits, sides.clamp(min=0.1)[None], torch.where(inside, 20.0, -20.0)[None], where)


def test_the_loss_of_the_truth_is_small_and_of_another_class_large() -> None:
    head = BoxHead([4, 4, 4, 4], classes=2, width=8)
    where, box = places(8, 4.0), torch.tensor([[4.0, 4.0, 20.0, 20.0]])
    right = head.loss(said(box, where, label=1), box[None], torch.tensor([[1]]))
    wrong = head.loss(said(box, where, label=0), box[None], torch.tensor([[1]]))
    # places beyond 1.5 strides of the middle are asked for nothing and say a class all the same
    assert right < wrong
    moved = head.loss(said(box + 3, where, label=1), box[None], torch.tensor([[1]]))
    assert right < moved


def test_a_picture_without_boxes_has_a_loss_and_gradients() -> None:
    torch.manual_seed(0)
    head = BoxHead([3, 3, 3, 3], classes=2, width=8)
    maps = [torch.rand(2, 3, side, side) for side in (16, 8, 4, 2)]
    loss = head.loss(head(maps, (64, 64)), torch.zeros(2, 4, 4), torch.full((2, 4), -1))
    loss.backward()
    assert torch.isfinite(loss)
    assert [name for name, weight in head.named_parameters() if weight.grad is None] == []


def test_a_worse_box_over_a_better_one_goes_and_another_class_stays() -> None:
    middle = torch.tensor([[10.0, 10.0], [11.0, 10.0], [10.0, 10.0], [40.0, 40.0]])
    where = Places(middle, torch.ones(4), torch.zeros(4, dtype=torch.long))
    logits = torch.full((1, 4, 2), -30.0)
    logits[0, :, 0] = torch.tensor([3.0, 2.0, -30.0, 1.0])
    logits[0, 2, 1] = 2.5
    found = kept_boxes(Said(logits, torch.full((1, 4, 4), 5.0), torch.full((1, 4), 9.0), where), most=5)[0]
    assert found[:, 5].tolist()[:3] == [0, 1, 0]
    assert found[0, :4].tolist() == [5, 5, 15, 15]
    assert found[2, :4].tolist() == [35, 35, 45, 45]
    assert (found[3:, 4] == 0).all()
    assert (found[:3, 4].diff() < 0).all()


def test_it_learns_where_the_square_is() -> None:
    torch.manual_seed(0)
    image, boxes = torch.zeros(8, 1, 32, 32), torch.zeros(8, 1, 4)
    for number in range(8):
        x, y = 2 * number, 4 * (number % 4)
        image[number, :, y : y + 12, x : x + 12] = 1
        boxes[number, 0] = torch.tensor([x, y, x + 12, y + 12])
    maps = [torch.nn.functional.interpolate(image, scale_factor=1 / step, mode="area") for step in (2, 4, 8, 16)]
    head = BoxHead([1, 1, 1, 1], classes=1, width=16)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(120):
        optimiser.zero_grad()
        head.loss(head(maps, (32, 32)), boxes, torch.zeros(8, 1, dtype=torch.long)).backward()
        optimiser.step()
    found = kept_boxes(head(maps, (32, 32)))
    shares = [iou(found[number, :1, :4], boxes[number])[0, 0] for number in range(8)]
    assert sum(shares) / 8 > 0.7


def test_places_are_the_middles_of_the_cells() -> None:
    head = BoxHead([2, 2, 2, 2], classes=1, width=8)
    found = head([torch.rand(1, 2, side, side * 2) for side in (8, 4, 2, 1)], (16, 32)).places
    assert found.middle[0].tolist() == [1, 1]
    assert found.middle[-1].tolist() == [24, 8]
    assert sorted(set(found.stride.tolist())) == pytest.approx([2, 4, 8, 16])
