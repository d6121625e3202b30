"""From samples to the tensors of a batch: images stacked, texts tokenized, and what a method adds."""

# B batch, V further views, C channels, D slices or frames, H rows, W columns, L tokens

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from vesalius.data.loader import Sample
from vesalius.data.transforms import ImageProcessor

__all__ = ["Annotate", "Collator", "Reading"]


class Reading(NamedTuple):
    """A batch after tokenizing, as a method sees it that adds to it."""

    samples: Sequence[Sample]
    tokens: Any
    """What the tokenizer returned: a `BatchEncoding` of B texts, padded."""
    tokenizer: Any
    length: int
    """Most tokens of a text."""


Annotate = Callable[[Reading], Mapping[str, np.ndarray]]
"""Arrays to add to a batch by name, one row a sample; it draws nothing."""


@dataclass(frozen=True)
class Collator:
    """Samples to the tensors of a batch."""

    tokenizer: Any
    """A tokenizer of transformers."""
    length: int
    """Most tokens of a text; longer texts lose their end."""
    processor: ImageProcessor
    annotate: Annotate | None = None
    """Adds what a method needs beside images and tokens."""

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Stack and tokenize.

        Returns:
            ``pixel_values`` float32 (B, C, H, W) or (B, C, D, H, W), normalised; ``input_ids`` and
            ``attention_mask`` int64 (B, L), L the longest text of the batch; ``index`` int64 (B,), dataset rows.
            Where samples have further views, ``other_pixel_values`` (B, V, C, …); and what `annotate` adds.
        """
        import torch

        tokens = self.tokenizer(
            [sample.text for sample in samples],
            truncation=True,
            max_length=self.length,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        batch = {
            "pixel_values": self._images([sample.image for sample in samples]),
            "input_ids": tokens["input_ids"],
            "attention_mask": tokens["attention_mask"],
            "index": torch.tensor([sample.row for sample in samples], dtype=torch.int64),
        }
        if samples[0].others:
            views = [self._images([sample.others[n] for sample in samples]) for n in range(len(samples[0].others))]
            batch["other_pixel_values"] = torch.stack(views, dim=1)
        if self.annotate is not None:
            added = self.annotate(Reading(samples, tokens, self.tokenizer, self.length))
            batch |= {name: torch.from_numpy(values) for name, values in added.items()}
        return batch

    def _images(self, images: Sequence[np.ndarray]) -> Any:
        import torch

        return torch.from_numpy(self.processor.normalise(np.stack(images)))
