"""How answers to the same words stand to each other: with and without a hint, about one image and about another.

Source: Bai et al. 2024 (VITask, arXiv 2410.06456, sections 3.2 and 3.3).

Legend: N answer tokens, W words of the vocabulary.
"""

from __future__ import annotations

from torch import Tensor

from vesalius.models.exact import exact

__all__ = ["contrasted_log_probs", "response_divergence"]


def response_divergence(plain: Tensor, hinted: Tensor, *, detach: bool = True) -> Tensor:
    """KL(plain ‖ hinted) at each answer token, (N,): the plain answers seek the modes of the hinted ones.

    Args:
        plain: logits without the hint, (N, W).
        hinted: logits with it, (N, W).
        detach: the hinted answers get no gradient.
    """
    own, other = exact(plain).log_softmax(dim=-1), exact(hinted).log_softmax(dim=-1)
    if detach:
        other = other.detach()
    return (own.exp() * (own - other)).sum(dim=-1)


def contrasted_log_probs(logits: Tensor, negative: Tensor, targets: Tensor) -> Tensor:
    """Log-probability of each answer token by what its own image adds to the logits of another, (N,).

    Args:
        logits: about its own image, (N, W).
        negative: of the same words about an image with another answer, (N, W).
        targets: the tokens, (N,).
    """
    log_probs = (exact(logits) - exact(negative)).log_softmax(dim=-1)
    return log_probs.gather(-1, targets[:, None])[:, 0]
