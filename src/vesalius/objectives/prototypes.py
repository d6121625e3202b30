"""Prototypes shared by images and texts: balanced codes of one side are predicted from the other.

Sources: codes by Sinkhorn's iterations, Cuturi 2013 and Caron et al. 2020 (SwAV, arXiv 2006.09882); across
modalities, Wang et al. 2022 (MGCA, arXiv 2210.06044, section 3.4).

Legend: N rows of this process, M rows of all processes, K prototypes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["sinkhorn", "swapped_prediction"]


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float = 0.05, rounds: int = 3) -> Tensor:
    """Assign rows to prototypes so that every prototype gets about as many.

    Done on logarithms, so that large scores do not overflow; equal to the published iterations on exponentials.

    Args:
        scores: of all rows that are to be balanced together, (M, K).
        epsilon: smaller gives harder codes.
        rounds: of normalising prototypes, then rows; MGCA and SwAV do 3.

    Returns:
        Codes (M, K) whose rows sum to 1; the columns approach M / K with more rounds.
    """
    log_codes = scores.double() / epsilon
    for _ in range(rounds):
        log_codes = log_codes - log_codes.logsumexp(dim=0, keepdim=True)
        log_codes = log_codes - log_codes.logsumexp(dim=1, keepdim=True)
    return log_codes.softmax(dim=1).to(scores.dtype)


def swapped_prediction(
    image: Tensor, text: Tensor, *, image_codes: Tensor, text_codes: Tensor, temperature: float = 0.2
) -> Tensor:
    """Predict the code of each text from its image and the other way round; mean of both cross-entropies.

    Args:
        image: scores of images with the prototypes, (N, K).
        text: scores of the texts that belong to them, (N, K).
        image_codes: codes of the same images, rows that sum to 1, without gradient, (N, K).
        text_codes: codes of the texts, (N, K).
        temperature: of the prediction.
    """
    from_text = functional.cross_entropy(text / temperature, image_codes.detach())
    from_image = functional.cross_entropy(image / temperature, text_codes.detach())
    return (from_text + from_image) / 2
