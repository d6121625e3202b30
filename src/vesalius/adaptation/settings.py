"""How a head and its encoder are fitted; every protocol lays its own numbers over these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vesalius.config import Config
from vesalius.data.views import ViewConfig

__all__ = ["FitSettings"]


@dataclass(frozen=True, kw_only=True)
class FitSettings(Config):
    """Optimisation of one fit, the same for every encoder that is compared."""

    encoder: Literal["tuned", "frozen"] = "tuned"
    optimiser: Literal["adamw", "sgd", "adamax"] = "adamw"
    """SGD has momentum 0.9."""
    lr: float = 1e-3
    """Peak learning rate of the head."""
    encoder_factor: float = 0.1
    """Learning rate of the encoder beside that of the head."""
    weight_decay: float = 0.01
    """Of matrices. AdamW takes it apart from the gradient; SGD and Adamax add it to the clipped one, which it then
    outweighs where gradients are small."""
    batch: int = 32
    steps: int = 300
    warmup: int = 30
    """Steps of linear warm-up, before a cosine to zero."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no clipping."""
    evaluate_every: int = 30
    """Steps between validations."""
    patience: int = 10
    """Validations without a gain after which a fit stops; 0 never stops early."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    view: ViewConfig = field(default_factory=ViewConfig)
    """Random view of the pictures of training."""

    def __post_init__(self) -> None:
        for name in ("lr", "batch", "steps", "evaluate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        for name in ("encoder_factor", "weight_decay", "warmup", "clip", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
