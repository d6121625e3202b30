"""The weights that our own parts start with."""

from __future__ import annotations

import torch
from torch import nn

from vesalius.models.text.transformer import TextTransformer
from vesalius.models.transformer import Block, initialise_linear
from vesalius.models.vision.resnet import Residual
from vesalius.models.vision.vit import VisionTransformer

__all__ = ["initialise"]


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Draw the weights of one of our modules, those inside of it having been drawn.

    Without this, transformers draws all of them with deviation 0.02, with which signals fade in narrow layers.
    """
    if isinstance(module, nn.Linear):
        initialise_linear(module)
    elif isinstance(module, (nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, (Block, VisionTransformer, TextTransformer, Residual)):
        module.initialise()
