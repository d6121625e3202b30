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
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from vesalius import registry
from vesalius.config import Config
from vesalius.errors import DataError
from vesalius.models.dual import DualEncoder
from vesalius.objectives.contrastive import Keys
from vesalius.objectives.gathering import gather_rows, row_counts

__all__ = [
    "Batch",
    "Method",
    "MethodConfig",
    "Representations",
    "keys_of",
    "load",
    "names",
    "of_all",
    "spoken",
    "text_numbers",
]

Batch = Mapping[str, Tensor]
"""pixel_values (B, C, …) normalised, input_ids and attention_mask (B, L), index (B,) of the corpus's rows."""

Representations = dict[str, Tensor]
"""Tensors with one row a sample: they may be made in pieces and joined. Whole numbers carry no gradient."""

_ALL = "all_"
_FIRST = "first_row"

_ODD, _ODD_TOO = 0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9
"""Odd multipliers of a hash; products wrap around at 64 bits."""


@dataclass(frozen=True, kw_only=True)
class MethodConfig(Config):
    """Settings that every method has; a method adds its own."""


class Method(nn.Module, ABC):
    """A training idea on a dual encoder."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"embed_image", "embed_text", "score", "similarity_map"})

    def __init__(self, settings: MethodConfig, model: DualEncoder):
        super().__init__()
        self.settings = settings
        self.model = model

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
        joined = {_ALL + name: gather_rows(part, counts=counts) for name, part in representations.items()}
        first = sum(counts[: distributed.get_rank()])
        return {**representations, **joined, _FIRST: torch.tensor([first, len(counts)])}

    @abstractmethod
    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return `loss`, whose mean over the processes is that of the joined batch, and its parts."""

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        """Encode, gather, compare."""
        return self.loss(self.gather(self.encode(batch)))

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Do a training step; the way in for wrappers that shard or replicate the module."""
        return self.training_step(batch)


def keys_of(representations: Representations) -> Keys | None:
    """Return images and texts of all processes for `contrast`, or None where there is one process."""
    if _FIRST not in representations:
        return None
    first, processes = representations[_FIRST].tolist()
    return Keys(
        image=representations[_ALL + "image"],
        text=representations[_ALL + "text"],
        first=int(first),
        processes=int(processes),
    )


def of_all(representations: Representations, name: str) -> Tensor:
    """Return the rows of all processes, which are ours where there is one."""
    return representations.get(_ALL + name, representations[name])


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
