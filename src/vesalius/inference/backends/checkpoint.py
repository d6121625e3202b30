"""Our own models: a run folder (its best model, else its last) or a folder with `vesalius.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius import registry
from vesalius.inference.dual import DualPredictor, ImagePass
from vesalius.inference.predictor import Predictor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.data.readers import Pixels
    from vesalius.training.checkpoint import LoadedModel

__all__ = ["CheckpointPredictor", "claims", "open_model"]

IMAGES_KEPT = 64
"""Images whose tokens are held at once while they are matched with texts."""

_CARD = "vesalius.json"
_RECIPE = "recipe.yaml"


def claims(spec: str) -> bool:
    """Say whether the spec is a run folder or a model folder of ours."""
    folder = Path(spec)
    cards = (folder / part / _CARD for part in ("", "best", "last"))
    return folder.is_dir() and ((folder / _RECIPE).is_file() or any(card.is_file() for card in cards))


def open_model(spec: str, *, device: str) -> Predictor:
    """Load the model of a run or model folder, offline, with the head that stands beside it where one was fitted."""
    from vesalius.adaptation.saved import HEAD_CARD
    from vesalius.training.checkpoint import find_model, load_model

    if _converses(find_model(Path(spec))):
        from vesalius.inference.conversing import ConversingPredictor
        from vesalius.inference.whole import WholePredictor
        from vesalius.inference.worded import WordedPredictor
        from vesalius.training.conversing.saving import load_converser

        loaded = load_converser(spec)
        if loaded.method.model.settings.base:
            return WholePredictor(loaded, device=device)
        kind = WordedPredictor if loaded.method.words_requests else ConversingPredictor
        return kind(loaded, device=device)
    if (Path(spec) / HEAD_CARD).is_file():
        from vesalius.inference.adapted import open_head

        return open_head(spec, device=device)
    return CheckpointPredictor(load_model(spec), device=device)


def _converses(folder: Path) -> bool:
    """Say whether a model folder is of one that learnt conversations; a damaged card is told when it is loaded."""
    try:
        return '"reading"' in (folder / _CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


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
        self.method = loaded.method.to(self.device).float().eval()
        compares = {"generate"} if {"embed_text", "match"} & loaded.method.capabilities else set()
        self.capabilities = frozenset(loaded.method.capabilities | compares)
        self.temperature = float(1.0 / loaded.method.model.logit_scale.detach().exp())
        self.text_length = loaded.method.model.settings.text_length
        self.text_roles = _roles(folder.parent / _RECIPE) if of_run else ()
        """Roles of the texts that the model learnt from; empty where its run is not beside it."""

    @property
    def takes_volumes(self) -> bool:
        """Whether the images that it learnt from were volumes."""
        return len(self.processor.shape) == 4

    def pixel_values(self, images: Sequence[Pixels]) -> Tensor:
        """Preprocess N images as in training, without augmentation, (N, C, H, W)."""
        import torch

        stacked = np.stack([self.processor.normalise(self.processor(image)) for image in images])
        return torch.from_numpy(stacked.astype(np.float32, copy=False))

    def image_pass(self, pixel_values: Tensor, *, local: bool) -> ImagePass:
        """Run the image encoder."""
        seen = self.method.encode_image(pixel_values, local=local)
        return ImagePass(seen.pooled, seen.joint, seen.joint_tokens, tuple(seen.grid))

    def text_pass(self, texts: Sequence[str]) -> Tensor:
        """Run the text encoder on N texts, (N, D)."""
        words = self._words(texts)
        return self.method.encode_text(words["input_ids"], words["attention_mask"]).joint

    def match_pairs(
        self, images: Sequence[Pixels], texts: Sequence[str], *, pairs: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Logits of pairs of numbers of images and texts, (K,), both encoded in blocks and paired in pieces.

        An image is encoded once; a text once for every `IMAGES_KEPT` images that it is paired with.
        """
        import torch

        if "match" not in self.capabilities:
            raise self.cannot("match")
        out = np.empty(len(pairs), np.float32)
        with torch.inference_mode():
            for wanted, seen, first in self._image_blocks(images, pairs):
                for places, read, mask, start in self._text_blocks(texts, pairs, wanted):
                    for at in range(0, len(places), self.batch):
                        piece = places[at : at + self.batch]
                        rows, columns = (torch.tensor(side) for side in zip(*(pairs[i] for i in piece), strict=True))
                        columns = (columns - start).to(self.device)
                        logits = self.method.match(
                            seen.rows((rows - first).to(self.device)), read.rows(columns), mask[columns]
                        )
                        out[piece] = logits.float().cpu().numpy()
        return out

    def similarity_map(self, image: Pixels, text: str) -> NDArray[np.float32]:
        """Where the method finds a text in one image, in the frame of the model's input, (h, w)."""
        import torch

        if "similarity_map" not in self.capabilities:
            raise self.cannot("similarity_map")
        module: Any = self.module
        with torch.inference_mode():
            seen = module.encode_image(self.pixel_values([image]).to(self.device))
            words = self._words([text])
            mask = words["attention_mask"]
            looks = self.method.look(seen, module.encode_text(words["input_ids"], mask), mask)[0]
        found: NDArray[np.float32] = looks.float().cpu().numpy().reshape(seen.grid)
        return found

    def whole(self) -> nn.Module:
        """Return the method where its own weights make answers, else the encoders."""
        return self.method if "match" in self.capabilities else self.module

    def redraw(self) -> None:
        """Draw the encoders anew, and what the method has beside them."""
        super().redraw()
        module: Any = self.module
        method: Any = registry.load("vesalius.methods", registry.name_of(type(self.method)))
        self.method = method.build(self.method.settings, module).to(self.device).float().eval()
        self.method.prepare(self.tokenizer)

    def random_module(self) -> nn.Module:
        """Build the same architecture with random weights; nothing pretrained is read."""
        module: Any = self.module
        drawn: nn.Module = type(module)(module.config)
        return drawn

    def _words(self, texts: Sequence[str]) -> Any:
        return self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.text_length, return_tensors="pt"
        ).to(self.device)

    def _image_blocks(
        self, images: Sequence[Pixels], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[list[int], Any, int]]:
        """Yield blocks of images: places of their pairs, their features with tokens, number of the first one."""
        import torch

        module: Any = self.module
        for first in range(0, len(images), IMAGES_KEPT):
            block = images[first : first + IMAGES_KEPT]
            wanted = [place for place, (row, _) in enumerate(pairs) if first <= row < first + len(block)]
            if not wanted:
                continue
            passes = [
                module.encode_image(self.pixel_values(block[at : at + self.batch]).to(self.device))
                for at in range(0, len(block), self.batch)
            ]
            joined = (
                torch.cat(part) if isinstance(part[0], torch.Tensor) else part[0]
                for part in zip(*passes, strict=True)
            )
            yield wanted, type(passes[0])(*joined), first

    def _text_blocks(
        self, texts: Sequence[str], pairs: Sequence[tuple[int, int]], wanted: Sequence[int]
    ) -> Iterator[tuple[list[int], Any, Tensor, int]]:
        """Yield blocks of texts: places of their pairs among `wanted`, features, mask, number of the first one."""
        module: Any = self.module
        for first in range(0, len(texts), self.batch):
            block = texts[first : first + self.batch]
            places = [place for place in wanted if first <= pairs[place][1] < first + len(block)]
            if places:
                words = self._words(block)
                mask = words["attention_mask"]
                yield places, module.encode_text(words["input_ids"], mask), mask, first

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
