"""Our own models: a run folder (its best model, else its last) or a folder with `vesalius.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vesalius.inference.dual import DualPredictor, ImagePass
from vesalius.inference.predictor import Predictor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.data.readers import Pixels
    from vesalius.training.checkpoint import LoadedModel

__all__ = ["CheckpointPredictor", "claims", "open_model"]

_CARD = "vesalius.json"
_RECIPE = "recipe.yaml"


def claims(spec: str) -> bool:
    """Say whether the spec is a run folder or a model folder of ours."""
    folder = Path(spec)
    cards = (folder / part / _CARD for part in ("", "best", "last"))
    return folder.is_dir() and ((folder / _RECIPE).is_file() or any(card.is_file() for card in cards))


def open_model(spec: str, *, device: str) -> Predictor:
    """Load the model of a run or model folder, offline."""
    from vesalius.training.checkpoint import load_model

    return CheckpointPredictor(load_model(spec), device=device)


class CheckpointPredictor(DualPredictor):
    """A trained method with its tokenizer and image processor."""

    def __init__(self, loaded: LoadedModel, *, device: str = "auto") -> None:
        folder = loaded.folder
        of_run = folder.name in ("best", "last")
        super().__init__(
            loaded.method.model, name=folder.resolve().parent.name if of_run else folder.name, device=device
        )
        self.tokenizer = loaded.tokenizer
        self.processor = loaded.processor
        self.info = dict(loaded.info)
        self.capabilities = frozenset(loaded.method.capabilities)
        self.temperature = float(1.0 / loaded.method.model.logit_scale.detach().exp())
        self.text_length = loaded.method.model.settings.text_length
        self.text_roles = _roles(folder.parent / _RECIPE) if of_run else ()
        """Roles of the texts that the model learnt from; empty where its run is not beside it."""

    def pixel_values(self, images: Sequence[Pixels]) -> Tensor:
        """Preprocess N images as in training, without augmentation, (N, C, H, W)."""
        import torch

        stacked = np.stack([self.processor.normalise(self.processor(image)) for image in images])
        return torch.from_numpy(stacked.astype(np.float32, copy=False))

    def image_pass(self, pixel_values: Tensor, *, local: bool) -> ImagePass:
        """Run the image encoder."""
        module: Any = self.module
        seen = module.encode_image(pixel_values, local=local)
        return ImagePass(seen.pooled, seen.joint, seen.joint_tokens, tuple(seen.grid))

    def text_pass(self, texts: Sequence[str]) -> Tensor:
        """Run the text encoder on N texts, (N, D)."""
        module: Any = self.module
        words = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.text_length, return_tensors="pt"
        ).to(self.device)
        joint: Tensor = module.encode_text(words["input_ids"], words["attention_mask"], local=False).joint
        return joint

    def random_module(self) -> nn.Module:
        """Build the same architecture with random weights; nothing pretrained is read."""
        module: Any = self.module
        drawn: nn.Module = type(module)(module.config)
        return drawn

    def describe(self) -> Mapping[str, Any]:
        """Kind, architecture, method and preprocessing."""
        return {
            "kind": "vesalius",
            "architecture": type(self.module).__name__,
            "method": self.info.get("method", ""),
            "step": self.info.get("step"),
            "trained_on": self.info.get("trained_on", {}),
            "preprocessing": {"image": self.processor.to_dict(), "text_length": self.text_length},
        }


def _roles(recipe: Path) -> tuple[str, ...]:
    from vesalius.config import read_yaml

    if not recipe.is_file():
        return ()
    return tuple(read_yaml(recipe).get("data", {}).get("roles", ()))
