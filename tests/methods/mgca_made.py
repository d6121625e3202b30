"""MGCA at a size for tests, with batches of words as lists of numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vesalius.data.collator import Reading
from vesalius.methods.base import Representations
from vesalius.methods.mgca import MGCA, MGCAConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig as Shape

TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 40, "text_length": 12, "projection_dim": 8,
    "vision_pool": "cls", "text_pool": "cls",
}  # fmt: skip
NORMED: dict[str, Any] = {"projection": "mlp", "projection_norm": True}


class Tokens(dict[str, Any]):
    """What a fast tokenizer returns, as far as words are concerned."""

    is_fast = True

    def __init__(self, words: list[list[int | None]], mask: Tensor):
        super().__init__(input_ids=mask, attention_mask=mask)
        self.words = words

    def word_ids(self, row: int) -> list[int | None]:
        return self.words[row]


def method(model: dict[str, Any] | None = None, *, seed: int = 0, **settings: Any) -> MGCA:
    torch.manual_seed(seed)
    return build(
        MGCAConfig(**{"num_prototypes": 7, **settings}), DualEncoder.build(Shape(**{**TINY, **(model or {})}))
    )


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def representations(rows: int = 4, words: int = 5, patches: int = 9) -> Representations:
    exists = torch.arange(words) < torch.arange(rows)[:, None] % words + 1
    return {
        "image": unit(rows, 8),
        "text": unit(rows, 8, seed=1),
        "patch": unit(rows, patches, 8, seed=2),
        "patch_weight": torch.full((rows, patches), 1 / patches, dtype=torch.float64),
        "word": unit(rows, words, 8, seed=3) * exists[..., None],
        "word_exists": exists,
        "word_weight": (exists / exists.sum(dim=1, keepdim=True)).double(),
    }


def batch(of: MGCA, words: list[list[int | None]], *, pad: int = 0, seed: int = 3) -> dict[str, Tensor]:
    """Reports by the word that each token belongs to, [CLS] and [SEP] without; `pad` more columns than needed."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(map(len, words))
    image = torch.randn(len(words), 1, 32, 32, generator=generator)
    ids = torch.randint(5, 40, (len(words), longest), generator=generator)
    ids = functional.pad(ids, (0, pad))
    mask = torch.tensor([[1] * len(row) + [0] * (longest + pad - len(row)) for row in words])
    padded = [[*row, *[None] * (longest + pad - len(row))] for row in words]
    added = of.annotate(Reading((), Tokens(padded, mask), None, of.model.settings.text_length))
    return {
        "pixel_values": image,
        "input_ids": ids * mask,
        "attention_mask": mask,
        **{name: torch.from_numpy(values) for name, values in added.items()},
    }


REPORTS: list[list[int | None]] = [
    [None, 0, 0, 1, 2, None],
    [None, 0, 1, None],
    [None, 0, None],
    [None, 0, 1, 1, None],
]
