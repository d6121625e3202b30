"""Match images of a split with texts: logits kept on disk in blocks, as embeddings are.

Letters: K pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.inference.encode import BLOCK, Encoder, read_image
from vesalius.tasks.base import Encoded

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = ["Matcher"]


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """The `match` of a task's data, which remembers the prompts that it was asked, for the passport; no reports."""

    encoder: Encoder
    views: Mapping[str, Corpus]
    """Corpus of every split."""
    encoded: Mapping[str, Encoded]
    """The same splits encoded: names of the rows, and whose image each row goes by."""
    asked: list[str] = field(default_factory=list)

    def __call__(self, split: str, rows: Sequence[int], texts: Sequence[str]) -> NDArray[np.float32]:
        """Logit that the image of each of K rows shows what the text beside it says, (K,)."""
        items = self.encoded[split]
        self.asked.extend(text for text in dict.fromkeys(texts) if text not in set(items.texts))
        source = np.asarray(items.image_of if items.image_of is not None else range(len(items)), dtype=np.int64)
        image = source[np.asarray(rows, dtype=np.int64)]
        out = np.empty(len(image), np.float32)
        numbers = np.unique(image)
        for start in range(0, len(numbers), BLOCK):
            block = numbers[start : start + BLOCK]
            places = np.flatnonzero((image >= block[0]) & (image <= block[-1]))
            pairs = [(items.ids[image[place]], texts[place]) for place in places.tolist()]
            key = self.encoder.key("match", [self.views[split].content_hash, *map("\n".join, pairs)])
            out[places] = self.encoder.store.get(key, partial(self._block, split, pairs))["logit"]
        return out

    def _block(self, split: str, pairs: Sequence[tuple[str, str]]) -> dict[str, NDArray[np.float32]]:
        corpus = self.views[split]
        rows = {name: row for row, name in enumerate(dict.fromkeys(name for name, _ in pairs))}
        columns = {text: column for column, text in enumerate(dict.fromkeys(text for _, text in pairs))}
        pixels: list[Any] = [read_image(corpus, corpus.study(name).main_image, study=name) for name in rows]
        numbers = [(rows[name], columns[text]) for name, text in pairs]
        return {"logit": self.encoder.predictor.match_pairs(pixels, list(columns), pairs=numbers)}
