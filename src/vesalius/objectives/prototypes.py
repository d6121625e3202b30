"""Prototypes shared by images and texts: balanced codes of one side are predicted from the other.

Sources: codes by Sinkhorn's iterations, Cuturi 2013 and Caron et al. 2020 (SwAV, arXiv 2006.09882); across
modalities, Wang et al. 2022 (MGCA, arXiv 2210.06044, section 3.4).

A prototype made of what a sample names, among others that it does not: Fan et al. 2024 (MeDSLIP, arXiv 2403.10635).

Legend: N rows of this process, M rows of all processes, K prototypes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["draw_others", "prototype_contrast", "sinkhorn", "swapped_prediction"]


_ODD = (0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9, 0x14D049BB133111EB)
"""Odd multipliers of a hash; products wrap around at 64 bits."""


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


def prototype_contrast(query: Tensor, book: Tensor, member: Tensor, negative: Tensor) -> Tensor:
    """Find the mean vector of a row's own members among vectors of others, by raw dot products.

    Args:
        query: (N, F).
        book: vectors of all that can be a member, (K, F).
        member: True where an entry of the book belongs to the row, at least one a row, (N, K).
        negative: numbers of entries that do not, (N, S); −1 for none.

    Returns:
        Cross-entropy of each row, (N,); log(1 + S) where nothing tells them apart.
    """
    share = member.to(book.dtype)
    own = (share / share.sum(dim=1, keepdim=True).clamp(min=1)) @ book
    logits = torch.einsum("nf,nkf->nk", query, torch.cat([own[:, None], book[negative.clamp(min=0)]], dim=1))
    absent = functional.pad(negative < 0, (1, 0))
    logits = logits.masked_fill(absent, float("-inf"))
    return logits.logsumexp(dim=1) - logits[:, 0]


def draw_others(member: Tensor, *, row: Tensor, query: Tensor, step: int, count: int) -> Tensor:
    """Draw entries that are no members, without putting back, (N, count); −1 where there are too few.

    The draw follows from row, query and step, so that a piece of a batch draws as the whole does.

    Args:
        member: True where an entry belongs to the row, (N, K).
        row: number of the sample in its corpus, (N,).
        query: number of the query in its sample, (N,).
        step: of training.
        count: entries that are drawn, at most K.
    """
    other = torch.arange(member.shape[1], device=member.device)
    mixed = (row[:, None] + 1) * _ODD[0] + (query[:, None] + 1) * _ODD[1] + (other + 1) * _ODD[2] + 2 * step + 1
    for _ in range(2):
        mixed = (mixed ^ (mixed >> 31)) * _ODD[1]
    last = torch.iinfo(mixed.dtype).min
    order = torch.where(member, last, mixed).argsort(dim=1, descending=True)[:, :count]
    return torch.where(member.gather(1, order), -1, order)
