"""Our own models: a run folder (its best model, else its last) or a folder with `vesalius.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vesalius.errors import CapabilityError, CheckpointError
from vesalius.inference.dual import DualPredictor, ImagePass
from vesalius.inference.predictor import Predictor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.data.readers import Pixels
    from vesalius.training.checkpoint import LoadedModel

__all__ = ["CheckpointPredictor", "claims", "model_folder", "open_model"]

_MARK = "vesalius.json"
_RUN_MARK = "recipe.yaml"


def claims(spec: str) -> bool:
    """Say whether the spec is a run folder or a model folder of ours."""
    folder = Path(spec)
    return folder.is_dir() and (
        (folder / _RUN_MARK).is_file()
        or any((folder / part / _MARK).is_file() for part in ("", "best", "last"))
    )


def model_folder(spec: str | Path) -> Path:
    """Return the folder that holds the model: the run's best, else its last, else the folder itself.

    Raises:
        CheckpointError: the run has not stored a model yet.
    """
    folder = Path(spec)
    for part in ("", "best", "last"):
        if (folder / part / _MARK).is_file():
            return folder / part
    raise CheckpointError(
        f"run {folder} holds no model yet: neither {folder / 'best' / _MARK} nor {folder / 'last' / _MARK} "
        "exists; let training reach its first checkpoint"
    )


def open_model(spec: str, *, device: str) -> Predictor:
    """Load the model of a run or model folder."""
    from vesalius.training.checkpoint import load_model

    folder = model_folder(spec)
    name = folder.parent.name if folder.name in ("best", "last") else folder.name
    loaded = load_model(folder)
    if not getattr(loaded.method, "capabilities", None):
        raise CapabilityError(f"model {folder}: its method states no capability that a task could use")
    return CheckpointPredictor(loaded, name=name, device=device)


class CheckpointPredictor(DualPredictor):
    """A trained method with its tokenizer and image processor."""

    def __init__(self, loaded: LoadedModel, *, name: str, device: str = "auto") -> None:
        super().__init__(loaded.method.model, name=name, device=device)
        self.tokenizer = loaded.tokenizer
        self.processor = loaded.processor
        self.info = dict(loaded.info)
        self.capabilities = frozenset(loaded.method.capabilities)
        self.temperature = float(1.0 / self.module.logit_scale.detach().exp())  # type: ignore[operator, union-attr]

    def pixel_values(self, images: Sequence[Pixels]) -> Tensor:
        """Preprocess N images as in training, without augmentation, (N, C, H, W)."""
        import torch

        stacked = np.stack([self.processor.normalise(self.processor(image)) for image in images])
        return torch.from_numpy(stacked.astype(np.float32, copy=False))

    def image_pass(self, pixel_values: Tensor) -> ImagePass:
        """Run the image encoder."""
        features = self.module.encode_image(pixel_values)  # type: ignore[operator]
        return ImagePass(features.pooled, features.joint, features.joint_tokens, tuple(features.grid))

    def text_pass(self, texts: Sequence[str]) -> Tensor:
        """Run the text encoder on N texts, (N, D)."""
        if "embed_text" not in self.capabilities:
            raise self.cannot("embed_text")
        config: Any = self.module.config
        words = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=config.text_length, return_tensors="pt"
        ).to(self.device)
        joint: Tensor = self.module.encode_text(words["input_ids"], words["attention_mask"]).joint  # type: ignore[operator]
        return joint

    def random_module(self) -> nn.Module:
        """Build the same architecture with random weights."""
        kind: Any = type(self.module)
        module: nn.Module = kind(copy_without_weights(self.module.config))
        return module

    def describe(self) -> Mapping[str, Any]:
        """Kind, architecture, method and preprocessing."""
        return {
            "kind": "vesalius",
            "architecture": type(self.module).__name__,
            "method": self.info.get("method", ""),
            "trained_on": self.info.get("trained_on", {}),
            "preprocessing": {
                "image": self.processor.to_dict(),
                "text_length": int(self.module.config.text_length),  # type: ignore[arg-type, union-attr]
            },
        }


def copy_without_weights(config: Any) -> Any:
    """Return a copy of the settings that asks for no pretrained weights."""
    import copy

    plain = copy.deepcopy(config)
    if hasattr(plain, "pretrained"):
        plain.pretrained = False
    return plain
