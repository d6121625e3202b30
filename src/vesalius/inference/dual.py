"""What local dual encoders share: float32, batches on one device, hashed weights, a random twin.

Letters: N images or texts, C channels, H and W rows and columns, F features, D joint width, P patches.
"""

from __future__ import annotations

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.inference.choosing import choose
from vesalius.inference.predictor import BasePredictor, ImageEmbeddings, unit_rows

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.data.readers import Pixels
    from vesalius.inference.requests import Reply, Request

__all__ = ["DualPredictor", "ImagePass", "pick_device", "weights_sha256"]


class ImagePass(NamedTuple):
    """One pass of an image encoder as tensors."""

    features: Tensor
    """(N, F)."""
    joint: Tensor
    """(N, D), any length."""
    joint_tokens: Tensor | None
    """(N, P, D), any length; None where patches do not lie in the joint space."""
    grid: tuple[int, ...]
    """Rows and columns of the patches, P in all; slices first for a volume; empty without tokens."""


class DualPredictor(BasePredictor):
    """An image encoder and a text encoder in this process."""

    batch = 32
    """Images or texts a pass; changes memory and speed, not the numbers beyond rounding."""

    def __init__(self, module: nn.Module, *, name: str, device: str = "auto") -> None:
        self.device = pick_device(device)
        self.module = module.to(self.device).float().eval()
        self.name = name
        self.weights_from = ""

    @abstractmethod
    def pixel_values(self, images: Sequence[Pixels]) -> Tensor:
        """Preprocess N images to the model's input, (N, C, H, W)."""

    @abstractmethod
    def image_pass(self, pixel_values: Tensor, *, local: bool) -> ImagePass:
        """Run the image encoder; `local` asks for patches in the joint space."""

    @abstractmethod
    def text_pass(self, texts: Sequence[str]) -> Tensor:
        """Run the text encoder on N texts, (N, D)."""

    @abstractmethod
    def random_module(self) -> nn.Module:
        """Build the same architecture with weights drawn from torch's current generator."""

    def whole(self) -> nn.Module:
        """Return everything whose weights make the answers; more than the encoders where a method has parts."""
        return self.module

    def redraw(self) -> None:
        """Put random weights of torch's current generator in the place of all that `whole` returns."""
        self.module = self.random_module().to(self.device).float().eval()

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """What the identity says beside name and weights: kind, architecture, preprocessing, pooling."""

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model."""
        origin = {"weights_from": self.weights_from} if self.weights_from else {}
        return {"name": self.name, "weights_sha256": weights_sha256(self.whole()), **self.describe(), **origin}

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        """Features (N, F) and unit-norm joint embeddings (N, D) of N images."""
        import torch

        passes = []
        with torch.inference_mode():
            for start in range(0, len(images), self.batch):
                values = self.pixel_values(images[start : start + self.batch]).to(self.device)
                done = self.image_pass(values, local=False)
                passes.append((_numpy(done.features), unit_rows(_numpy(done.joint))))
        features, joint = zip(*passes, strict=True)
        return ImageEmbeddings(np.concatenate(features), np.concatenate(joint))

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit-norm joint embeddings of N texts, (N, D)."""
        import torch

        if "embed_text" not in self.capabilities:
            raise self.cannot("embed_text")
        with torch.inference_mode():
            parts = [
                unit_rows(_numpy(self.text_pass(list(texts[start : start + self.batch]))))
                for start in range(0, len(texts), self.batch)
            ]
        return np.concatenate(parts)

    def similarity_map(self, image: Pixels, text: str) -> NDArray[np.float32]:
        """Cosine of each patch of one image with one text, in the frame of the model's input, (h, w)."""
        import torch

        if "similarity_map" not in self.capabilities:
            raise self.cannot("similarity_map")
        with torch.inference_mode():
            done = self.image_pass(self.pixel_values([image]).to(self.device), local=True)
        if done.joint_tokens is None:
            raise self.cannot("similarity_map")
        cosine: NDArray[np.float32] = unit_rows(_numpy(done.joint_tokens[0])) @ self.embed_text([text])[0]
        return cosine.reshape(done.grid)

    @property
    def takes_volumes(self) -> bool:
        """Whether a volume is taken whole."""
        return False

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Choose among the options of each request by what the encoders make of them; see `choosing`."""
        if "generate" not in self.capabilities:
            raise self.cannot("generate")
        return choose(self, requests, volumes=self.takes_volumes)

    def untrained(self, seed: int) -> DualPredictor:
        """Return the same architecture and preprocessing with random weights drawn from `seed`."""
        import torch

        twin = copy.copy(self)
        twin.__dict__.pop("identity", None)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            twin.redraw()
        twin.weights_from = f"random, seed {seed}"
        twin.name = f"{self.name} (untrained)"
        return twin


def pick_device(device: str) -> str:
    """Return "cuda" for "auto" where there is an accelerator, else "cpu"; other names as they are."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def weights_sha256(module: nn.Module) -> str:
    """Return the SHA-256 of all weights: names, shapes and bytes in sorted order, in whatever file."""
    import torch

    digest = hashlib.sha256()
    state = module.state_dict()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        digest.update(f"{key}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return digest.hexdigest()


def _numpy(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
