"""Masked modelling of pictures, volumes and texts: what is hidden, and how its reconstruction is scored.

What is hidden is decided by scores: the patches with the highest ones. Random scores give random masking, attention
gives a guided one, scores of coarse cells a hierarchical one. Sources: He et al. 2021 (MAE, arXiv 2111.06377);
unequal shares and pixel loss of M3AE, Chen et al. 2022 (arXiv 2209.07098); whole entities, Chen et al.
2022 (ARL); 80/10/10, Devlin et al. 2018 (BERT, arXiv 1810.04805).

Legend: B batch, P patches, V visible patches, L tokens, S spans, W values of a patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "IGNORED", "Masking", "cell_scores", "hide_highest", "mask_units", "patchify", "pixel_errors", "pixel_loss",
    "random_scores", "restored", "row_chances", "span_places", "token_loss", "touched", "units_of_spans",
    "unpatchify", "visible",
]  # fmt: skip

IGNORED = -100
"""Label of a token that is not to be predicted."""
_VARIANCE_FLOOR = 1e-6


class Masking(NamedTuple):
    """Which patches are hidden."""

    hidden: Tensor
    """True where hidden, (B, P)."""
    kept: Tensor
    """Numbers of the visible patches in the order in which an encoder reads them, (B, V)."""
    restore: Tensor
    """Place of every patch among visible patches followed by hidden ones, (B, P)."""


def row_chances(index: Tensor, *, step: int, task: int = 0) -> list[torch.Generator]:
    """Return a generator for each row (B,) of a corpus: a row draws the same in whatever piece of a batch it comes.

    Args:
        index: numbers of the rows.
        step: another one draws otherwise.
        task: of what is drawn, so that two things drawn for a row at a step do not go together.
    """
    seeds = (np.random.SeedSequence([row, step, task]).generate_state(1, np.uint64)[0] for row in index.tolist())
    return [torch.Generator().manual_seed(int(seed >> np.uint64(1))) for seed in seeds]


def random_scores(batch: int, patches: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Return scores (B, P) that hide any patch as often as any other."""
    return torch.rand(batch, patches, generator=generator)


def cell_scores(
    batch: int, grid: Sequence[int], *, cell: Sequence[int], generator: torch.Generator | None = None
) -> Tensor:
    """Return scores (B, P) equal within cells of neighbouring patches, so that whole cells are hidden.

    Args:
        batch: B.
        grid: patches along each axis, two or three.
        cell: patches of a cell along each axis; it divides the grid.
        generator: of the draw.

    Raises:
        ValueError: the cells do not fit the grid.
    """
    if len(grid) != len(cell) or any(side % step for side, step in zip(grid, cell, strict=True)):
        raise ValueError(f"cells of {tuple(cell)} patches do not divide a grid of {tuple(grid)}")
    coarse = [side // step for side, step in zip(grid, cell, strict=True)]
    scores = torch.rand(batch, *coarse, generator=generator)
    for axis, step in enumerate(cell, start=1):
        scores = scores.repeat_interleave(step, dim=axis)
    return scores.flatten(1)


def hide_highest(scores: Tensor, share: float, *, generator: torch.Generator | None = None) -> Masking:
    """Hide the patches of the highest scores, P − int(P · (1 − share)) of every sample; ties fall at random.

    Args:
        scores: of interest, no gradient flows, (B, P).
        share: of the patches that is hidden.
        generator: of the order among equal scores.
    """
    scores = scores.detach()
    shuffle = torch.rand(scores.shape, generator=generator).argsort(dim=1).to(scores.device)
    order = shuffle.gather(1, scores.gather(1, shuffle).argsort(dim=1, stable=True))
    num_kept = int(scores.shape[1] * (1 - share))
    restore = order.argsort(dim=1)
    return Masking(restore >= num_kept, order[:, :num_kept], restore)


def visible(tokens: Tensor, masking: Masking) -> Tensor:
    """Return the visible patches (B, V, D) of (B, P, D)."""
    return tokens.gather(1, masking.kept[..., None].expand(-1, -1, tokens.shape[-1]))


def restored(tokens: Tensor, masking: Masking, hidden_token: Tensor) -> Tensor:
    """Put visible patches (B, V, D) back at their places and a token (D,) at the hidden ones: (B, P, D)."""
    num_hidden = masking.restore.shape[1] - tokens.shape[1]
    filler = hidden_token.to(tokens.dtype).expand(len(tokens), num_hidden, -1)
    joined = torch.cat([tokens, filler], dim=1)
    return joined.gather(1, masking.restore[..., None].expand(-1, -1, tokens.shape[-1]))


def patchify(pixels: Tensor, patch: Sequence[int]) -> Tensor:
    """Cut images (B, C, rows, columns) or volumes (B, C, slices, rows, columns) into patches (B, P, W).

    Patches go in row-major order; within a patch places go in row-major order and channels last, as in MAE.

    Raises:
        ValueError: the patch does not divide the picture.
    """
    sides = pixels.shape[2:]
    if len(sides) != len(patch) or any(side % step for side, step in zip(sides, patch, strict=True)):
        raise ValueError(f"patches of {tuple(patch)} do not divide pictures of {tuple(sides)}")
    split = [part for side, step in zip(sides, patch, strict=True) for part in (side // step, step)]
    axes = len(patch)
    cells, inner = [2 + 2 * axis for axis in range(axes)], [3 + 2 * axis for axis in range(axes)]
    parted = pixels.reshape(*pixels.shape[:2], *split).permute(0, *cells, *inner, 1)
    return parted.reshape(len(pixels), math.prod(split[::2]), -1)


def unpatchify(patches: Tensor, patch: Sequence[int], *, grid: Sequence[int]) -> Tensor:
    """Undo `patchify`; `grid` is the number of patches along each axis."""
    axes = len(patch)
    channels = patches.shape[-1] // math.prod(patch)
    parted = patches.reshape(len(patches), *grid, *patch, channels)
    order = [axis for pair in zip(range(1, 1 + axes), range(1 + axes, 1 + 2 * axes), strict=True) for axis in pair]
    sides = [side * step for side, step in zip(grid, patch, strict=True)]
    return parted.permute(0, 1 + 2 * axes, *order).reshape(len(patches), channels, *sides)


def pixel_loss(predicted: Tensor, target: Tensor, hidden: Tensor, *, normalise: bool = True) -> Tensor:
    """Mean squared error over the values of a patch, then over the hidden patches.

    Args:
        predicted: (B, P, W).
        target: patches of the picture, (B, P, W).
        hidden: True where hidden, (B, P); 0 is returned where none is.
        normalise: take each target patch less its mean, over its unbiased deviation; a constant patch becomes 0.
    """
    error = pixel_errors(predicted, target, normalise=normalise)
    return (error * hidden).sum() / hidden.sum().clamp(min=1)


def pixel_errors(predicted: Tensor, target: Tensor, *, normalise: bool = True) -> Tensor:
    """Mean squared error over the values of each patch, (B, P); arguments as in `pixel_loss`."""
    if normalise:
        variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
        target = (target - mean) / (variance + _VARIANCE_FLOOR).sqrt()
    return (predicted - target).square().mean(dim=-1)


class _Rule(NamedTuple):
    """Of what is chosen, which share becomes the mask token and which a random word; the rest stays."""

    masked: float = 0.8
    random: float = 0.1


def span_places(spans: Tensor, length: int) -> Tensor:
    """Say which tokens each span covers, (B, S, L) of booleans; a span that is padding, (−1, −1), covers none.

    Args:
        spans: first token and the one after the last, (B, S, 2).
        length: L.
    """
    places = torch.arange(length, device=spans.device)
    return (places >= spans[..., :1]) & (places < spans[..., 1:])


def units_of_spans(words: Tensor, places: Tensor) -> Tensor:
    """Make one unit of each span, as `mask_units` takes them; of spans that share tokens the last one counts.

    Args:
        words: number of the word of each token, negative for padding and special tokens, (B, L).
        places: tokens of each span, (B, S, L).
    """
    units = words.clone()
    first = int(words.max()) + 1 if words.numel() else 0
    for number in range(places.shape[1]):
        units[places[:, number] & (words >= 0)] = first + number
    return units


def touched(places: Tensor, labels: Tensor) -> Tensor:
    """Say which spans (B, S) hold a token that is to be predicted.

    Args:
        places: tokens of each span, (B, S, L).
        labels: of `mask_units`, (B, L).
    """
    return (places & (labels != IGNORED)[:, None]).any(dim=2)


def mask_units(
    input_ids: Tensor, units: Tensor, *, share: float | Tensor, mask_id: int, vocabulary: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Hide whole units of words: of each text, in random order, until a share of its tokens is reached.

    A unit is a word of several pieces or an entity of several words; 80 % of the units become mask tokens, 10 %
    random words, 10 % stay, and all of them are to be predicted. At least one unit of a text that has any is hidden.

    Args:
        input_ids: (B, L).
        units: number of the unit of each token, negative where it stays (padding, special tokens), (B, L).
        share: of the tokens that may be hidden, one number or one for each text (B,); the unit that would exceed it
            is the last.
        mask_id: number of the mask token.
        vocabulary: random words are drawn below this number.
        generator: of the draw.

    Returns:
        Token numbers with hidden units, and labels: the token, or `IGNORED`; (B, L) each.
    """
    rule, shown, labels = _Rule(), input_ids.clone(), torch.full_like(input_ids, IGNORED)
    shares = torch.as_tensor(share, dtype=torch.float64).expand(len(input_ids)).tolist()
    for row in range(len(input_ids)):
        present = units[row][units[row] >= 0]
        budget, names = shares[row] * len(present), torch.unique(present)
        fate = torch.rand(len(names), generator=generator)
        covered = 0
        for place in torch.randperm(len(names), generator=generator).tolist():
            if covered and covered >= budget:
                break
            inside = units[row] == names[place]
            covered += int(inside.sum())
            labels[row, inside] = input_ids[row, inside]
            if fate[place] < rule.masked:
                shown[row, inside] = mask_id
            elif fate[place] < rule.masked + rule.random:
                count = (int(inside.sum()),)
                shown[row, inside] = torch.randint(vocabulary, count, generator=generator).to(shown)
    return shown, labels


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (B, L, vocabulary) over the tokens that are to be predicted; 0 where none is."""
    total = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)
