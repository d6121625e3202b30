"""``assistant``: the small model that comes with the package; it learnt from virtual patients alone.

A run or model folder of this name in the working directory goes before it.
"""

from __future__ import annotations

from pathlib import Path

from vesalius.errors import CheckpointError
from vesalius.inference.backends import checkpoint
from vesalius.inference.predictor import Predictor

__all__ = ["EMBEDDED", "NAME", "claims", "open_model"]

NAME = "assistant"
EMBEDDED = Path(__file__).parents[2] / "assistant"
"""Folder of the package with weights, tokenizer, card and evaluation."""


def claims(spec: str) -> bool:
    """Say whether the embedded model is meant."""
    return spec == NAME and not checkpoint.claims(spec)


def open_model(spec: str, *, device: str) -> Predictor:
    """Load the embedded model.

    Raises:
        CheckpointError: this installation lacks it, or it is damaged.
    """
    if not EMBEDDED.is_dir():
        raise CheckpointError(
            f"this installation lacks the model {spec!r}; make it again by `make assistant` in the source tree, or "
            "name another model"
        )
    return checkpoint.open_model(str(EMBEDDED), device=device)
