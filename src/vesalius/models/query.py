"""The query decoder: texts ask an image, each gathers what it needs from the patches.

Sources: the decoder layer of Carion et al. 2020 (DETR, arXiv 2005.12872) with norms before each part, asked with
embedded texts instead of learned queries by Wu et al. 2023 (MedKLIP, arXiv 2301.02228) and its descendants.

Legend: B batch, Q queries, P patches, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["DECODER_KEYS", "Answers", "QueryDecoder"]

DECODER_KEYS = (
    (r"layers\.(\d+)\.self_attn\.(.+)", r"layers.\2.query_attention.\3"),
    (r"layers\.(\d+)\.multihead_attn\.(.+)", r"layers.\2.patch_attention.\3"),
    (r"layers\.(\d+)\.norm1\.(\w+)", r"layers.\2.query_norm.\3"),
    (r"layers\.(\d+)\.norm2\.(\w+)", r"layers.\2.patch_norm.\3"),
    (r"layers\.(\d+)\.norm3\.(\w+)", r"layers.\2.perceptron_norm.\3"),
    (r"layers\.(\d+)\.linear1\.(\w+)", r"layers.\2.expand.\3"),
    (r"layers\.(\d+)\.linear2\.(\w+)", r"layers.\2.contract.\3"),
    (r"norm\.(\w+)", r"norm.\2"),
)
"""Rules for the decoder of DETR and MedKLIP by our names, behind a prefix with one group of its own."""


class Answers(NamedTuple):
    """What the queries found."""

    features: Tensor
    """(B, Q, D)."""
    attention: Tensor | None
    """How much each query looked at each patch, mean over layers and heads, rows that sum to 1, (B, Q, P); None
    where not asked for."""


class QueryDecoder(nn.Module):
    """Layers in which queries look at each other, then at the patches, then pass a two-layer perceptron."""

    def __init__(
        self,
        width: int,
        *,
        depth: int = 4,
        heads: int = 4,
        hidden: int = 1024,
        dropout: float = 0.1,
        among: bool = True,
    ):
        """Build.

        Args:
            width: D of queries and patches; a multiple of `heads`.
            depth: layers.
            heads: attention heads.
            hidden: width inside the perceptron.
            dropout: in training, on attention weights and on what is added to the shortcut.
            among: queries look at each other. Without, an answer does not depend on what else is asked.
        """
        super().__init__()
        self.layers = nn.ModuleList(
            [_Layer(width, heads=heads, hidden=hidden, dropout=dropout, among=among) for _ in range(depth)]
        )
        self.norm = nn.LayerNorm(width)
        self.among = among

    def forward(
        self, query: Tensor, patch: Tensor, *, barred: Tensor | None = None, attention: bool = False
    ) -> Answers:
        """Answer the queries.

        Args:
            query: (B, Q, D), or (Q, D) for the same queries to every image.
            patch: (B, P, D).
            barred: True where a query (row) may not look at another, (Q, Q).
            attention: also give where the queries looked.
        """
        if query.dim() == 2:
            query = query.expand(len(patch), -1, -1)
        looks = []
        for layer in self.layers:
            query, look = layer(query, patch, barred=barred, attention=attention)
            looks.append(look)
        return Answers(self.norm(query), torch.stack(looks).mean(dim=0) if attention else None)

    def answer_beside(self, query: Tensor, usual: Tensor, patch: Tensor, *, attention: bool = False) -> Answers:
        """Answer one further query an image in the company it was trained with, which does not see it.

        Args:
            query: (B, D).
            usual: queries that are always asked, (Q, D).
            patch: (B, P, D).
            attention: also give where the query looked.

        Returns:
            Features (B, 1, D) and attention (B, 1, P).
        """
        if not self.among:
            return self(query[:, None], patch, attention=attention)  # type: ignore[no-any-return]
        count = len(usual)
        barred = torch.zeros(count + 1, count + 1, dtype=torch.bool, device=query.device)
        barred[:count, count] = True
        every = torch.cat([usual.expand(len(patch), -1, -1), query[:, None].to(usual)], dim=1)
        out = self(every, patch, barred=barred, attention=attention)
        return Answers(out.features[:, -1:], None if out.attention is None else out.attention[:, -1:])


class _Layer(nn.Module):
    """One layer; each of its parts stands behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, *, heads: int, hidden: int, dropout: float, among: bool):
        super().__init__()
        if among:
            self.query_norm = nn.LayerNorm(width)
            self.query_attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.patch_norm = nn.LayerNorm(width)
        self.patch_attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.perceptron_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.among = among

    def forward(
        self, query: Tensor, patch: Tensor, *, barred: Tensor | None, attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Queries (B, Q, D) to queries, and where they looked, (B, Q, P)."""
        if self.among:
            normal = self.query_norm(query)
            mixed, _ = self.query_attention(normal, normal, normal, attn_mask=barred, need_weights=False)
            query = query + self.dropout(mixed)
        found, looks = self.patch_attention(self.patch_norm(query), patch, patch, need_weights=attention)
        query = query + self.dropout(found)
        inner = torch.relu(self.expand(self.perceptron_norm(query)))
        return query + self.dropout(self.contract(self.dropout(inner))), looks
