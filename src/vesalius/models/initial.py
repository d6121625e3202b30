"""The weights that our own parts start with."""

from __future__ import annotations

import torch
from torch import nn

from vesalius.models.transformer import initialise_linear

__all__ = ["initialise"]


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Draw the weights of one of our modules, those inside of it having been drawn.

    A module with a method `initialise` starts as that says. Without this, transformers draws all of them with
    deviation 0.02, with which signals fade in narrow layers.
    """
    own = getattr(module, "initialise", None)
    if callable(own):
        own()
    elif isinstance(module, nn.Linear):
        initialise_linear(module)
    elif isinstance(module, (nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
