"""Cheap scores of a model during training: the loss, and retrieval between images and texts of the validation split.

They choose a checkpoint and stop a run; they are no evaluation, which has intervals, controls and a passport.
"""

# N pairs, D joint width

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["retrieval_scores", "validate"]

_ROWS_AT_ONCE = 512


@torch.no_grad()
def validate(step: nn.Module, batches: Iterable[dict[str, Tensor]], *, device: torch.device) -> dict[str, float]:
    """Score a method on validation batches.

    Args:
        step: a `TrainingStep`, wrapped or not; it is put into evaluation mode and left there.
        batches: whole texts and images without augmentation. The loss contrasts within a batch, so it is comparable
            with the training loss where the batches are as large.
        device: where the model is.

    Returns:
        `loss` and its parts, averaged over pairs, and, of a method with joint vectors, `retrieval_scores`.
    """
    step.eval()
    sums: dict[str, float] = {}
    images, texts, rows = [], [], 0
    for batch in batches:
        moved = {name: value.to(device) for name, value in batch.items()}
        out = step(moved, evaluate=True)
        size = len(batch["index"])
        rows += size
        if "image" in out and "text" in out:
            images.append(out["image"].float().cpu())
            texts.append(out["text"].float().cpu())
        for name, value in out.items():
            if value.ndim == 0:
                sums[name] = sums.get(name, 0.0) + float(value) * size
    scores = {name: value / rows for name, value in sums.items()}
    if not images:
        return scores
    return {**scores, **retrieval_scores(torch.cat(images).numpy(), torch.cat(texts).numpy())}


def retrieval_scores(image: np.ndarray, text: np.ndarray) -> dict[str, float]:
    """Find each text by its image and each image by its text; the two directions are averaged.

    A pair's rank counts the others that are more similar, and half of those that are equally similar, so that a
    model which gives the same vector to everything is at chance.

    Args:
        image: unit-norm joint vectors, (N, D).
        text: those of the same pairs, (N, D).

    Returns:
        `recall_1`, `recall_5`, `recall_10` (shares), `mean_rank`, `median_rank` (from 1) and `mrr`.
    """
    ranks = np.concatenate([_ranks(image, text), _ranks(text, image)])
    scores = {f"recall_{k}": float(np.mean(ranks <= k)) for k in (1, 5, 10)}
    return {
        **scores,
        "mean_rank": float(ranks.mean()),
        "median_rank": float(np.median(ranks)),
        "mrr": float(np.mean(1.0 / ranks)),
    }


def _ranks(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Rank of the right key for every query, from 1, (N,)."""
    ranks = np.empty(len(query))
    for start in range(0, len(query), _ROWS_AT_ONCE):
        similarity = query[start : start + _ROWS_AT_ONCE] @ key.T
        own = similarity[np.arange(len(similarity)), start + np.arange(len(similarity))][:, None]
        more, equal = (similarity > own).sum(axis=1), (similarity == own).sum(axis=1) - 1
        ranks[start : start + len(similarity)] = 1 + more + 0.5 * equal
    return ranks
