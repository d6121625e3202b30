"""What every method is: settings, a view of an image, words of a report, representations and their loss.

`encode` and `loss` are apart so that a gradient cache can encode in small pieces and still see the whole
batch in the loss. A method's module holds PAPER, SETTINGS and METHOD (two classes), and `build`.

Legend: B batch, C channels, L tokens, D joint width, M rows of all processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from vesalius import registry
from vesalius.config import Config
from vesalius.data.collator import Reading
from vesalius.errors import CapabilityError, DataError
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.objectives.contrastive import Keys, Targets
from vesalius.objectives.gathering import gather_rows, row_counts

__all__ = [
    "Batch",
    "Method",
    "MethodConfig",
    "Progress",
    "Representations",
    "TrainedMethod",
    "batch_share",
    "keys_of",
    "load",
    "names",
    "of_all",
    "own_rows",
    "spoken",
    "text_groups",
    "text_numbers",
]

Batch = Mapping[str, Tensor]
"""pixel_values (B, C, …) normalised, input_ids and attention_mask (B, L), index (B,) of the corpus's rows;
other_pixel_values (B, V, C, …) where a method wants more views, and what its `annotate` adds."""

Representations = dict[str, Tensor]
"""Tensors with one row a sample: they may be made in pieces and joined. Whole numbers carry no gradient."""

_ALL = "all_"
_FIRST = "first_row"

_ODD, _ODD_TOO = 0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9
"""Odd multipliers of a hash; products wrap around at 64 bits."""


@dataclass(frozen=True, kw_only=True)
class MethodConfig(Config):
    """Settings that every method has; a method adds its own."""

    @property
    def kept_fields(self) -> frozenset[str]:
        """Fields of `Study` that `annotate` reads, such as findings; they are kept in memory while training."""
        return frozenset()

    @property
    def takes_unpaired(self) -> bool:
        """Whether studies with an image alone or a text alone are trained on, too; `Sample` says what is missing."""
        return False

    @property
    def num_views(self) -> int:
        """Views of an image in one step; those after the first come as ``other_pixel_values``."""
        return 1


class Progress(NamedTuple):
    """How far training has come, before the step that is being made."""

    step: int = 0
    """Optimiser steps done."""
    epoch: float = 0.0
    """Passes over the training split done; its whole part counts whole passes."""
    share: float = 0.0
    """Share of the run that is done, 0 to 1."""


class TrainedMethod(nn.Module, ABC):
    """What the trainer knows of a method: a module with a step, and what is called around it."""

    capabilities: frozenset[str] = frozenset()
    """What a predictor of this method can do, see `vesalius.inference.predictor.CAPABILITIES`."""

    progress: Progress = Progress()
    """Set by the trainer before every step."""

    window: Representations
    """What `ahead` gave for all batches of the optimiser step that is being made, of all processes; the trainer sets
    it, and such batches say by ``window_row`` (B,) which of its rows are theirs. Empty outside of training."""

    def __init__(self, settings: Any, model: Any):
        super().__init__()
        self.settings = settings
        self.model = model
        self.window = {}

    def part_of(self, name: str) -> str:
        """Return the part that a weight is of, by its name here: a module of the method, or one of its model's."""
        return name.removeprefix("model.").split(".")[0]

    def after_backward(self) -> None:
        """Change or drop gradients, of every batch that is accumulated, before they are clipped."""

    def after_step(self) -> None:
        """Follow the weights that have just moved, such as with a teacher; once an optimiser step."""

    def ahead(self, batch: Batch) -> Representations:
        """Encode, before the first batch of an optimiser step is trained on, what the others are to see of each.

        Runs without a graph on every batch that is accumulated; see `window`. Nothing by default.
        """
        del batch
        return {}

    @abstractmethod
    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Return `loss` and its parts for one batch."""

    def forward(self, **batch: Any) -> dict[str, Tensor]:
        """Do a training step; the way in for wrappers that shard or replicate the module."""
        return self.training_step(batch)


class Method(TrainedMethod):
    """A training idea on a dual encoder."""

    capabilities: frozenset[str] = frozenset({"embed_image", "embed_text", "score", "similarity_map"})
    """What a predictor of this method can do; "match" where `match` is there, and its own weights then count."""

    unshared: ClassVar[frozenset[str]] = frozenset()
    """Representations that are compared within their own sample, such as words and patches: `gather` leaves them.
    Only their first axis needs to be equal in all processes."""

    settings: MethodConfig
    model: DualEncoder

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Augment an image (C, …) of values 0 to 1 for one training step; the same shape comes back."""
        del rng
        return image

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Choose what of a report is read in one training step.

        Raises:
            DataError: there is no sentence with a word in it; such a report is to be dropped before.
        """
        del rng
        return " ".join(spoken(sentences))

    def prepare(self, tokenizer: Any) -> None:
        """Take in texts that every batch needs, such as names and descriptions; once, before training or use.

        What is kept goes into buffers that are not stored: the hook runs again when a model is loaded.
        """

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add arrays to a batch by name, one row a sample, ragged ones padded: words, spans, labels.

        Runs where batches are made, in validation too, and draws nothing: chance belongs to `view`, `words` and
        `encode`, whose random numbers a resumed run and the gradient cache repeat.
        """
        del reading
        return {}

    def encode_image(self, pixel_values: Tensor, *, local: bool = True) -> ImageFeatures:
        """Encode normalised images without texts, as probes and retrieval use them; as the model does by default."""
        return self.model.encode_image(pixel_values, local=local)

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> TextFeatures:
        """Encode texts (B, L) without images; as the model does by default."""
        return self.model.encode_text(input_ids, attention_mask, local=False)

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Return the logit (B,) that each image shows what its text says; 0 is undecided.

        Args:
            image: of the model's `encode_image` with tokens, one row a pair.
            text: of the model's `encode_text` with tokens, one row a pair.
            attention_mask: 1 where a token is real, (B, L).

        Raises:
            CapabilityError: the method cannot; one that can overrides this and says so in `capabilities`.
        """
        del image, text, attention_mask
        raise CapabilityError(
            f"{type(self).__name__} cannot match images with texts: it has no part that reads both together"
        )

    @property
    def fused_width(self) -> int:
        """Width W of what `fused` returns; 0 where no part of the method reads image and text together."""
        return 0

    def fused(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Return what the part that reads both sides makes of each pair, (B, W), for heads such as of answers.

        Args:
            image: of the model's `encode_image` with tokens, one row a pair.
            text: of the model's `encode_text` with tokens, one row a pair.
            attention_mask: 1 where a token is real, (B, L).

        Raises:
            CapabilityError: the method has no such part.
        """
        del image, text, attention_mask
        raise CapabilityError(f"{type(self).__name__} has no part that reads image and text together")

    def look(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Return how strongly each patch of an image shows what its text says, (B, P), rows paired.

        The cosine in the joint space; a method that asks an image otherwise returns where it looks.

        Args:
            image: of the model's `encode_image` with tokens, one row a pair.
            text: of the model's `encode_text`, one row a pair.
            attention_mask: 1 where a token is real, (B, L).
        """
        del attention_mask
        assert image.joint_tokens is not None
        return torch.einsum("bpd,bd->bp", image.joint_tokens, text.joint)

    def encode(self, batch: Batch) -> Representations:
        """Encode a batch, or a piece of it, to tensors with one row a sample."""
        image = self.model.encode_image(batch["pixel_values"], local=False)
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"], local=False)
        return {"image": image.joint, "text": text.joint}

    def gather(self, representations: Representations) -> Representations:
        """Add all processes' rows as ``all_<name>``, where there are several, and our place in them."""
        rows = next(iter(representations.values()))
        counts = row_counts(len(rows), device=rows.device)
        if len(counts) == 1:
            return representations
        joined = {
            _ALL + name: gather_rows(part, counts=counts)
            for name, part in representations.items()
            if name not in self.unshared
        }
        first = sum(counts[: distributed.get_rank()])
        return {**representations, **joined, _FIRST: torch.tensor([first, len(counts)])}

    @abstractmethod
    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return `loss`, whose mean over the processes is that of the joined batch, and its parts."""

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        """Encode, gather, compare."""
        return self.loss(self.gather(self.encode(batch)))


def keys_of(representations: Representations, *, image: str = "image", text: str = "text") -> Keys | None:
    """Return images and texts of all processes for `contrast`, or None where there is one process.

    Args:
        representations: what `gather` returned.
        image: name of the images.
        text: name of the texts.
    """
    if _FIRST not in representations:
        return None
    first, processes = representations[_FIRST].tolist()
    return Keys(
        image=representations[_ALL + image],
        text=representations[_ALL + text],
        first=int(first),
        processes=int(processes),
    )


def of_all(representations: Representations, name: str) -> Tensor:
    """Return the rows of all processes, which are ours where there is one."""
    return representations.get(_ALL + name, representations[name])


def text_groups(representations: Representations) -> Targets | None:
    """Return targets in which equal texts belong together, by ``text_number`` (B,); None where it was not encoded."""
    if "text_number" not in representations:
        return None
    return Targets(groups=representations["text_number"], key_groups=of_all(representations, "text_number"))


def batch_share(representations: Representations, name: str) -> float:
    """Return what a mean over the rows of this process counts, so that the processes' mean is that of all rows.

    Args:
        representations: what `gather` returned.
        name: of a representation that is shared.
    """
    if _FIRST not in representations:
        return 1.0
    return len(representations[name]) * int(representations[_FIRST][1]) / len(representations[_ALL + name])


def own_rows(representations: Representations, rows: Tensor) -> Tensor:
    """Return those of all processes' rows that are ours, in the order of our samples."""
    if _FIRST not in representations:
        return rows
    first = int(representations[_FIRST][0])
    count = len(next(iter(representations.values())))
    return rows[first : first + count]


def text_numbers(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Number each text (B,) by its real tokens (B, L): equal texts get equal numbers, however padded.

    Different texts get the same number with a chance of about 2^-63 a pair.
    """
    places = torch.arange(1, input_ids.shape[1] + 1, device=input_ids.device)
    mixed = (input_ids + 1) * (2 * places + 1) * _ODD
    mixed = (mixed ^ (mixed >> 29)) * _ODD_TOO
    mixed = mixed ^ (mixed >> 32)
    return (mixed * attention_mask).sum(dim=1)


def spoken(sentences: Sequence[str]) -> list[str]:
    """Strip the sentences and drop the empty ones.

    Raises:
        DataError: nothing is left.
    """
    kept = [sentence.strip() for sentence in sentences if sentence.strip()]
    if not kept:
        raise DataError("a report without a word cannot be trained on: drop the study before batching")
    return kept


def names() -> tuple[str, ...]:
    """Return the names of the methods, without importing them."""
    return registry.names("vesalius.methods")


def load(name: str) -> ModuleType:
    """Return the module of a method."""
    return registry.load("vesalius.methods", name)
