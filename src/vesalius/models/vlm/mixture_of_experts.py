"""A mixture of experts in the place of a language model's perceptrons: each token goes through a few of them.

Sources: Fedus et al. 2021 (Switch, arXiv 2101.03961), the loss that balances; Komatsuzaki et al. 2022 (arXiv
2212.05055), experts that start as copies of a trained perceptron. Weights of the chosen experts sum to 1, as in Jiang
et al. 2024 (Mixtral, arXiv 2401.04088), so that the copies together give what the perceptron gave.
Legend: N tokens, E experts, K experts of a token, D width.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vesalius.errors import ConfigError

__all__ = ["ExpertMixture", "Routing", "add_experts", "balance_loss", "balance_of", "route"]


class Routing(NamedTuple):
    """Which experts each token goes to."""

    experts: Tensor
    """Numbers of the experts, the likeliest first, (N, K)."""
    weights: Tensor
    """How much each counts, rows that sum to 1, (N, K)."""
    probabilities: Tensor
    """Of all experts, (N, E)."""


def route(logits: Tensor, *, top: int) -> Routing:
    """Choose the likeliest experts of every token.

    Args:
        logits: of the router, (N, E).
        top: K.
    """
    probabilities = logits.float().softmax(dim=-1)
    weights, experts = probabilities.topk(top, dim=-1)
    return Routing(experts, weights / weights.sum(dim=-1, keepdim=True), probabilities)


def balance_of(routing: Routing) -> Tensor:
    """Return E · Σ f · p over the experts: f its share of the choices, p its mean probability.

    Source: Fedus et al. 2021, equations 4 to 6, with K choices a token counted alike. It is 1 where the choices or
    the probabilities are even, and at most E.
    """
    total = routing.probabilities.shape[-1]
    chosen = torch.bincount(routing.experts.flatten(), minlength=total).to(routing.probabilities.dtype)
    shares = chosen / routing.experts.numel()
    return total * (shares * routing.probabilities.mean(dim=0)).sum()


class ExpertMixture(nn.Module):
    """Stands for a perceptron (…, D) to (…, D); in training, what the router chose waits for `balance_loss`."""

    def __init__(self, dense: nn.Module, *, width: int, experts: int, top: int):
        """Build from a perceptron.

        Args:
            dense: every expert starts as a copy of it.
            width: D.
            experts: E.
            top: K.
        """
        super().__init__()
        if not 1 <= top <= experts:
            raise ConfigError(f"{top} of {experts} experts for each token; expected from 1 to {experts}")
        self.top = top
        like = next(dense.parameters())
        self.router = nn.Linear(width, experts, bias=False, device=like.device, dtype=like.dtype)
        nn.init.normal_(self.router.weight, std=0.02)
        self.experts = nn.ModuleList([copy.deepcopy(dense) for _ in range(experts)])
        self.routing: Routing | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        """Send every token (…, D) through its experts."""
        tokens = hidden.reshape(-1, hidden.shape[-1])
        routing = route(self.router(tokens), top=self.top)
        self.routing = routing if self.training else None
        out = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows, ranks = (routing.experts == number).nonzero(as_tuple=True)
            if len(rows):
                weights = routing.weights[rows, ranks].to(tokens.dtype)
                out = out.index_add(0, rows, expert(tokens[rows]) * weights[:, None])
        return out.view(hidden.shape)


def add_experts(model: nn.Module, *, experts: int, top: int, every: int = 1) -> int:
    """Put mixtures in the place of a model's gated perceptrons, those of Llama, Qwen, Mistral or Gemma.

    Right after, the model computes what it did before. A perceptron that does not learn gives experts that do not
    learn; routers always learn.

    Args:
        model: changed in place.
        experts: E.
        top: K.
        every: of the perceptrons in their order, every so manieth is replaced, beginning with the last of the first
            so many.

    Returns:
        How many perceptrons were replaced.

    Raises:
        ConfigError: there are none.
    """
    found = [
        (parent, name, child)
        for parent in list(model.modules())
        if not isinstance(parent, ExpertMixture | nn.ModuleList)
        for name, child in parent.named_children()
        if all(isinstance(getattr(child, part, None), nn.Linear) for part in ("gate_proj", "up_proj", "down_proj"))
    ]
    chosen = found[every - 1 :: every] if every > 0 else []
    if not chosen:
        raise ConfigError(
            f"no perceptron of gate_proj, up_proj and down_proj to replace: {len(found)} in {type(model).__name__}, "
            f"every {every}; expected a language model such as Llama or Qwen, and every from 1 to their number"
        )
    for parent, name, child in chosen:
        width = int(child.get_parameter("gate_proj.weight").shape[1])
        setattr(parent, name, ExpertMixture(child, width=width, experts=experts, top=top))
    return len(chosen)


def balance_loss(model: nn.Module) -> Tensor:
    """Return the mean of `balance_of` over all mixtures of a model, of what they saw last; then forget it.

    Raises:
        ConfigError: no mixture has seen a token in training since the last time.
    """
    mixtures = [part for part in model.modules() if isinstance(part, ExpertMixture)]
    losses = [balance_of(part.routing) for part in mixtures if part.routing is not None]
    if not losses:
        raise ConfigError(
            f"none of {len(mixtures)} mixtures of experts in {type(model).__name__} has seen tokens in training; "
            "call add_experts, then the model in training mode, then this"
        )
    for part in mixtures:
        part.routing = None
    return torch.stack(losses).mean()
