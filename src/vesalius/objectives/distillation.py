"""A teacher that follows the student slowly, and the soft targets it gives to a contrast.

Sources: moving average, Tarvainen and Valpola 2017 (arXiv 1703.01780); soft targets of a contrast, Li et al. 2021
(ALBEF, arXiv 2107.07651, equation 6).

Legend: N rows, M keys.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vesalius.objectives.contrastive import Targets

__all__ = ["follow", "ramp", "soft_targets"]


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, *, momentum: float) -> None:
    """Move every weight of the teacher to momentum · teacher + (1 − momentum) · student; buffers are copied.

    Once an optimiser step: after n steps beside a student that stays, the distance has shrunk by momentum^n.
    """
    for weight, followed in zip(teacher.parameters(), student.parameters(), strict=True):
        weight.lerp_(followed.to(weight.dtype), 1 - momentum)
    for buffer, copied in zip(teacher.buffers(), student.buffers(), strict=True):
        buffer.copy_(copied)


def ramp(share: float, *, step: float, steps: float) -> float:
    """Return the share of the soft targets at a step, or epoch: it grows linearly from 0 and stays after `steps`."""
    return share if step >= steps else share * step / steps


@torch.no_grad()
def soft_targets(image_to_text: Tensor, text_to_image: Tensor, *, share: float, first: int = 0) -> Targets:
    """Mix the teacher's belief with the certainty that a pair belongs together.

    Args:
        image_to_text: the teacher's scaled similarities of images with all texts, (N, M).
        text_to_image: of texts with all images, (N, M).
        share: weight a of the belief; 0 gives the plain contrast.
        first: place of row 0 among the keys.
    """
    return Targets(
        image_to_text=_mixed(image_to_text, share, first), text_to_image=_mixed(text_to_image, share, first)
    )


def _mixed(scores: Tensor, share: float, first: int) -> Tensor:
    weights = share * scores.softmax(dim=1)
    rows = torch.arange(len(scores), device=scores.device)
    weights[rows, rows + first] += 1 - share
    return weights
