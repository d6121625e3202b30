"""Alignment of parts: patches with words, sentences or concepts.

Sources: word-patch attention and its contrast over a batch, Huang et al. 2021 (GLoRIA, ICCV, equations 4 to 8), also
in BioViL (Boecking et al. 2022, arXiv 2204.09817); contrast within a pair with weights of importance, Wang et al.
2022 (MGCA, arXiv 2210.06044, section 3.3); patches with concepts, Nie et al. 2025 (ConceptCLIP, arXiv 2501.15579).

Legend: B images and as many texts, P patches, W words (or other parts of a text), C concepts, D joint width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "attend",
    "concept_alignment",
    "local_contrast",
    "local_similarity",
    "part_contrast",
    "span_means",
    "sum_words",
    "trimmed_weights",
]


def attend(query: Tensor, key: Tensor, *, temperature: float, mask: Tensor | None = None) -> Tensor:
    """Gather for every query the keys that it resembles: softmax(query · key / temperature) · key.

    Args:
        query: unit-norm, (…, Q, D).
        key: unit-norm, (…, K, D).
        temperature: smaller attends more sharply.
        mask: True where a key exists, (…, K); a query without any key gathers nothing (0).

    Returns:
        (…, Q, D), not of unit norm.
    """
    logits = query @ key.transpose(-1, -2) / temperature
    if mask is None:
        return logits.softmax(dim=-1) @ key
    exists = mask[..., None, :]
    weights = logits.masked_fill(~exists, torch.finfo(logits.dtype).min).softmax(dim=-1)
    return (weights * exists) @ key


def part_contrast(
    part: Tensor, context: Tensor, *, weight: Tensor, temperature: float = 0.1, mask: Tensor | None = None
) -> Tensor:
    """Find each part's own context among the contexts of the same sample, and the other way round.

    Args:
        part: unit-norm, (B, W, D).
        context: what the part gathered from the other modality, unit-norm or not, (B, W, D).
        weight: importance of the parts, 0 for padding, (B, W); each sample's sum to 1 in MGCA.
        temperature: of the contrast.
        mask: True where a part exists, (B, W); others are no negatives. All are where not given.

    Returns:
        Mean of both directions; each is the weighted sum of a sample's cross-entropies, averaged over the batch.
    """
    logits = part @ context.transpose(-1, -2) / temperature
    if mask is not None:
        logits = logits.masked_fill(~(mask[:, :, None] & mask[:, None, :]), torch.finfo(logits.dtype).min)
    own = torch.arange(part.shape[1], device=part.device).expand(len(part), -1)
    rows = functional.cross_entropy(logits.transpose(1, 2), own, reduction="none")
    columns = functional.cross_entropy(logits, own, reduction="none")
    return ((rows + columns) * weight).sum() / (2 * len(part))


def trimmed_weights(attention: Tensor, mask: Tensor, *, tail: float = 0.1) -> Tensor:
    """Turn attention into weights of importance: clipped to each row's own quantiles, summing to 1.

    Args:
        attention: not negative, (B, W); no gradient flows.
        mask: True where a part exists, (B, W); a row without any stays 0.
        tail: share that is clipped at either end (MGCA: a tenth).
    """
    values = attention.detach().double().masked_fill(~mask, torch.nan)
    low, high = torch.nanquantile(values, tail, dim=1), torch.nanquantile(values, 1 - tail, dim=1)
    kept = values.clamp(low[:, None], high[:, None]).nan_to_num(0.0)
    uniform = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    total = kept.sum(dim=1, keepdim=True)
    return torch.where(total > 0, kept / total.clamp(min=torch.finfo(kept.dtype).tiny), uniform).to(attention.dtype)


def sum_words(tokens: Tensor, owner: Tensor, *, count: int) -> Tensor:
    """Add up the tokens of each word.

    Args:
        tokens: features (B, L, F), or one number each (B, L).
        owner: number of the word that a token belongs to, −1 for none, (B, L).
        count: words W that are wanted; tokens of further words are left out.

    Returns:
        (B, W, F) or (B, W); words without a token are 0.
    """
    words = torch.arange(count, device=owner.device)
    member = (owner[:, None, :] == words[None, :, None]).to(tokens.dtype)
    return torch.einsum("bwl,bl...->bw...", member, tokens)


def span_means(tokens: Tensor, spans: Tensor) -> Tensor:
    """Average the tokens of each span.

    Args:
        tokens: (B, L, F).
        spans: first token and the one after the last, (B, S, 2); an empty span, such as (−1, −1), is padding.

    Returns:
        (B, S, F); 0 for padding.
    """
    places = torch.arange(tokens.shape[1], device=tokens.device)
    inside = (places >= spans[..., :1]) & (places < spans[..., 1:])
    member = inside.to(tokens.dtype)
    return member @ tokens / member.sum(dim=-1, keepdim=True).clamp(min=1)


def local_similarity(
    patch: Tensor, word: Tensor, mask: Tensor, *, attention_temperature: float = 0.25,
    pooling_temperature: float = 0.2, words_first: bool = False, block: int = 8,
) -> Tensor:  # fmt: skip
    """Similarity of every image with every text by their parts: (B, B), rows images.

    Each word gathers the patches it resembles; the cosines of words and what they gathered are pooled by log-sum-exp.

    Args:
        patch: unit-norm, (B, P, D); GLoRIA's code takes features as they are.
        word: unit-norm, (B, W, D); likewise.
        mask: True where a word exists, (B, W).
        attention_temperature: 1 / τ₁ of GLoRIA, whose code has τ₁ = 4.
        pooling_temperature: 1 / τ₂, τ₂ = 5.
        words_first: a patch first shares its attention among the words, as in GLoRIA's code and not its equations.
        block: texts compared at once; memory grows with block · B · W · P.
    """
    columns = []
    for first in range(0, len(word), block):
        words, exists = word[first : first + block], mask[first : first + block]
        logits = words[None] @ patch[:, None].transpose(-1, -2)
        if words_first:
            logits = logits.masked_fill(~exists[None, :, :, None], torch.finfo(logits.dtype).min).softmax(dim=-2)
        gathered = (logits / attention_temperature).softmax(dim=-1) @ patch[:, None]
        cosine = functional.cosine_similarity(words[None], gathered, dim=-1) / pooling_temperature
        pooled = cosine.masked_fill(~exists[None], -torch.inf).logsumexp(dim=-1) * pooling_temperature
        columns.append(torch.where(exists.any(dim=1)[None], pooled, 0.0))
    return torch.cat(columns, dim=1)


def local_contrast(similarity: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Find each image's own text and each text's own image by `local_similarity`; sum of both mean cross-entropies.

    With a contrast of pairs of weights 1 and 1 beside it, this is the loss of GLoRIA, and of BioViL-L without its
    masked words.

    Args:
        similarity: rows images, columns texts, own ones on the diagonal, (B, B).
        temperature: 1 / τ₃. GLoRIA's code leaves out the factor 1 / τ₂ of the pooling: its τ₃ = 10 is 0.02 here.
    """
    own = torch.arange(len(similarity), device=similarity.device)
    logits = similarity / temperature
    return functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)


def concept_alignment(
    patch: Tensor, concept: Tensor, owner: Tensor, *, logit_scale: Tensor | float, logit_bias: Tensor | float,
    pooling: Literal["max", "mean_exp"] = "max", names: Tensor | None = None, first: int = 0,
) -> Tensor:  # fmt: skip
    """Sigmoid contrast of every image with every concept, by the patch that resembles it most.

    Args:
        patch: unit-norm, (B, P, D).
        concept: unit-norm, (C, D).
        owner: row of the image that a concept was named for, (C,).
        logit_scale: s of s · cosine + b.
        logit_bias: b.
        pooling: "max": each concept by itself; "mean_exp": the concepts of one caption are pooled by log-mean-exp,
            then every image meets every caption that has concepts.
        names: number of what each concept is, (C,): an image then owns every concept that its own text names too,
            in whichever text it stands. Only for "max".
        first: number of the first image, where there are others in other processes; `owner` counts all of them.

    Returns:
        Sum over images of the mean over concepts (captions) of −log σ(±score); 0 where there is no concept.
    """
    if not len(concept):
        return (patch.sum() + concept.sum() + logit_scale + logit_bias) * 0
    scores = torch.einsum("bpd,cd->bcp", patch, concept).max(dim=2).values * logit_scale + logit_bias
    if pooling == "mean_exp":
        captions, group = torch.unique(owner, return_inverse=True)
        member = functional.one_hot(group, len(captions)).bool()
        spread = scores[:, :, None].masked_fill(~member[None], -torch.inf)
        scores, owner = spread.logsumexp(dim=1) - member.sum(dim=0).to(scores.dtype).log(), captions
    belongs = owner[None, :] == first + torch.arange(len(patch), device=patch.device)[:, None]
    if names is not None:
        belongs = (belongs.float() @ (names[:, None] == names[None, :]).float()) > 0
    sign = torch.where(belongs, 1.0, -1.0)
    return -functional.logsigmoid(sign * scores).sum() / scores.shape[1]
