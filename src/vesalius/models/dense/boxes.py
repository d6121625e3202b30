"""Boxes from feature maps without anchors: each place of a pyramid says what lies there and how far its sides are.

Source: FCOS, Tian et al. 2019, arXiv 1904.01355: focal loss of the classes, IoU loss of the sides, centre-ness that
weighs the score; only places near the middle of a box are asked for it.
Legend: B batch, K classes, P places of all levels together, T truths, F width of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.dense.maps import pyramid

__all__ = ["BoxHead", "Places", "Said", "kept_boxes"]

_ALPHA, _GAMMA = 0.25, 2.0
"""Of the focal loss (Lin et al. 2017)."""
_NEAR = 1.5
"""Strides from the middle of a box within which a place is asked for it (FCOS with centre sampling)."""
_REACH = 8.0
"""Strides up to which the sides of a box may be away from the places of a level; the last level has no bound."""
_PRIOR = 0.01
"""Probability of a class at the start (focal loss)."""


class Places(NamedTuple):
    """Middles of the cells of all levels."""

    middle: Tensor
    """x and y in pixels of the input, (P, 2)."""
    stride: Tensor
    """Pixels of a cell, (P,)."""
    level: Tensor
    """(P,)."""


class Said(NamedTuple):
    """What the places say."""

    classes: Tensor
    """Logits, (B, P, K)."""
    sides: Tensor
    """Distance to left, top, right and bottom in pixels, above 0, (B, P, 4)."""
    centre: Tensor
    """Logit of centre-ness, (B, P)."""
    places: Places


class BoxHead(nn.Module):
    """Towers of two convolutions over every level, shared by the levels."""

    def __init__(self, widths: Sequence[int], *, classes: int, width: int = 64):
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(inner, width, 1) for inner in widths)
        self.class_tower, self.side_tower = _tower(width), _tower(width)
        self.classify = nn.Conv2d(width, classes, 3, padding=1)
        self.measure = nn.Conv2d(width, 4, 3, padding=1)
        self.centre = nn.Conv2d(width, 1, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(len(widths)))
        nn.init.constant_(self.classify.bias, -log((1 - _PRIOR) / _PRIOR))  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Said:
        """Maps of an input of `size`, shallow ones first, to what their places say."""
        levels = [lateral(found) for lateral, found in zip(self.laterals, pyramid(maps), strict=True)]
        for place in range(len(levels) - 2, -1, -1):
            above = functional.interpolate(levels[place + 1], size=levels[place].shape[-2:])
            levels[place] = levels[place] + above
        classes, sides, centre = [], [], []
        for number, level in enumerate(levels):
            stride = size[1] / level.shape[-1]
            seen, sized = self.class_tower(level), self.side_tower(level)
            classes.append(self.classify(seen).flatten(2).transpose(1, 2))
            distance = functional.softplus(self.scale[number] * self.measure(sized)) * stride
            sides.append(distance.flatten(2).transpose(1, 2))
            centre.append(self.centre(sized).flatten(1))
        places = _places([tuple(level.shape[-2:]) for level in levels], size, device=levels[0].device)
        return Said(torch.cat(classes, 1), torch.cat(sides, 1), torch.cat(centre, 1), places)

    def loss(self, said: Said, boxes: Tensor, labels: Tensor) -> Tensor:
        """Focal loss of classes plus IoU loss of sides and centre-ness at places that have a box.

        Args:
            said: of `forward`.
            boxes: x0, y0, x1, y1 in pixels of the input, (B, T, 4).
            labels: class of each, -1 for none, (B, T).
        """
        classes, sides = said.classes.float(), said.sides.float()
        wanted, label = _assigned(said.places, boxes, labels)
        truth = functional.one_hot(label.clamp(min=0), classes.shape[-1]) * (label >= 0).unsqueeze(-1)
        there = label >= 0
        count = there.sum().clamp(min=1)
        loss = _focal(classes, truth.to(classes.dtype)).sum() / count
        if not bool(there.any()):
            return loss + 0 * (sides.sum() + said.centre.float().sum())
        goal, found = wanted[there], sides[there]
        pairs = goal.reshape(-1, 2, 2).transpose(1, 2)  # left and right, top and bottom
        centredness = (pairs.amin(dim=2) / pairs.amax(dim=2).clamp(min=1e-6)).prod(dim=1).sqrt()
        overlap = -torch.log(_side_iou(found, goal).clamp(min=1e-6))
        weighed = (overlap * centredness).sum() / centredness.sum().clamp(min=1e-6)
        centre = functional.binary_cross_entropy_with_logits(said.centre.float()[there], centredness)
        return loss + weighed + centre


@torch.no_grad()
def kept_boxes(said: Said, *, most: int = 20, least: float = 0.02, overlap: float = 0.6) -> Tensor:
    """Return the best boxes of each picture, (B, most, 6): x0, y0, x1, y1, score, class; rows of score 0 are empty.

    Boxes of one class that overlap a better one by more than `overlap` are dropped.
    """
    score = (said.classes.float().sigmoid() * said.centre.float().sigmoid().unsqueeze(-1)).sqrt()
    middle = said.places.middle
    corners = torch.cat([middle - said.sides[..., :2].float(), middle + said.sides[..., 2:].float()], dim=-1)
    out = score.new_zeros(len(score), most, 6)
    for row in range(len(score)):
        value, label = score[row].max(dim=-1)
        order = value.argsort(descending=True)[: 10 * most]
        order = order[value[order] >= least]
        kept: list[int] = []
        boxes = corners[row]
        for place in order.tolist():
            same = [other for other in kept if label[other] == label[place]]
            if same and float(_iou(boxes[place], boxes[same]).max()) > overlap:
                continue
            kept.append(place)
            if len(kept) == most:
                break
        if kept:
            chosen = torch.tensor(kept, device=score.device)
            rows = torch.cat([boxes[chosen], value[chosen, None], label[chosen, None].float()], dim=1)
            out[row, : len(kept)] = rows
    return out


def _tower(width: int) -> nn.Sequential:
    groups = next(count for count in (32, 16, 8, 4, 2, 1) if width % count == 0)
    steps: list[nn.Module] = []
    for _ in range(2):
        steps += [nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(groups, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*steps)


def _places(grids: Sequence[tuple[int, ...]], size: tuple[int, int], *, device: torch.device) -> Places:
    middles, strides, levels = [], [], []
    for level, (rows, columns) in enumerate(grids):
        y = (torch.arange(rows, device=device) + 0.5) * (size[0] / rows)
        x = (torch.arange(columns, device=device) + 0.5) * (size[1] / columns)
        middles.append(torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=1))
        strides.append(torch.full((rows * columns,), size[1] / columns, device=device))
        levels.append(torch.full((rows * columns,), level, device=device))
    return Places(torch.cat(middles), torch.cat(strides), torch.cat(levels))


def _assigned(places: Places, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sides (B, P, 4) and class (B, P) that each place is asked for; class -1 where it is asked for nothing.

    A place is asked for the smallest box that it lies in, near its middle, of a size that its level answers for.
    """
    middle, stride = places.middle[None, :, None], places.stride[None, :, None]
    sides = torch.cat([middle - boxes[:, None, :, :2], boxes[:, None, :, 2:] - middle], dim=-1)  # (B, P, T, 4)
    centre = (boxes[:, None, :, :2] + boxes[:, None, :, 2:]) / 2
    near = (middle - centre).abs().amax(dim=-1) < _NEAR * stride
    farthest = sides.amax(dim=-1)
    last, first = places.level == places.level.max(), places.level == 0
    most = torch.where(last, torch.inf, _REACH * places.stride)[None, :, None]
    least = torch.where(first, 0.0, _REACH * places.stride / 2)[None, :, None]
    fits = (sides.amin(dim=-1) > 0) & near & (farthest > least) & (farthest <= most) & (labels[:, None] >= 0)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)[:, None].expand(fits.shape)
    smallest = torch.where(fits, areas, torch.inf).argmin(dim=-1, keepdim=True)
    label = labels[:, None].expand(fits.shape).gather(2, smallest)[..., 0]
    chosen = sides.gather(2, smallest[..., None].expand(*smallest.shape, 4))[:, :, 0]
    return chosen, label.masked_fill(~fits.any(dim=-1), -1)


def _focal(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of each class, less for what is told already."""
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    share = logits.sigmoid()
    right = share * truth + (1 - share) * (1 - truth)
    weight = _ALPHA * truth + (1 - _ALPHA) * (1 - truth)
    return weight * (1 - right) ** _GAMMA * each


def _side_iou(found: Tensor, goal: Tensor) -> Tensor:
    """Overlap of two boxes around the same place by their sides, (…, 4) each."""
    near = torch.minimum(found, goal)
    both = (near[..., 0] + near[..., 2]) * (near[..., 1] + near[..., 3])
    areas = [(part[..., 0] + part[..., 2]) * (part[..., 1] + part[..., 3]) for part in (found, goal)]
    return both / (areas[0] + areas[1] - both)


def _iou(box: Tensor, others: Tensor) -> Tensor:
    low, high = torch.maximum(box[:2], others[:, :2]), torch.minimum(box[2:], others[:, 2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(dim=1)
    return both / (areas - both)
