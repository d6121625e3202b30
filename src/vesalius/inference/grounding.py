"""Similarity maps of a split's pictures on their own grids, beside what the corpus marks in them.

Letters: h and w rows and columns of the patch grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from vesalius.data.masks import marked_masks
from vesalius.errors import DataError
from vesalius.inference.encode import Encoder, read_image
from vesalius.inference.overlay import sees_padded
from vesalius.tasks.base import Encoded

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = ["Grounder", "on_picture"]


@dataclass(frozen=True, kw_only=True)
class Grounder:
    """The `ground` of a task's data, which remembers the phrases that it was asked, for the passport."""

    encoder: Encoder
    view: Corpus
    """The split that is tested."""
    encoded: Encoded
    """The same split encoded: names of the rows, and whose image each row goes by."""
    asked: list[str] = field(default_factory=list)

    def __call__(self, row: int, phrase: str) -> NDArray[np.float32]:
        """Return the similarity of a row's picture with a phrase, on the grid of the picture, (rows, columns)."""
        self.asked.append(phrase)
        source = self.encoded.image_of[row] if self.encoded.image_of is not None else row
        study = self.view.study(self.encoded.ids[source])
        pixels = read_image(self.view, study.main_image, study=study.id)
        found = self.encoder.predictor.similarity_map(pixels, phrase)
        own = self.view.study(self.encoded.ids[row]).main_image
        return on_picture(found, (own.shape[0], own.shape[1]), padded=sees_padded(self.encoder.predictor.identity))

    def marked(self, row: int) -> Mapping[str, NDArray[np.bool_]]:
        """Return what is marked in a row's picture, by concept; nothing for a volume or clip."""
        study = self.view.study(self.encoded.ids[row])
        if study.main_image.kind != "image" or len(study.main_image.shape) != 2:
            return {}
        return marked_masks(study, study.main_image, self.view, boxes=True)


def on_picture(similarity: NDArray[np.float32], shape: tuple[int, int], *, padded: bool) -> NDArray[np.float32]:
    """Bring a map (h, w) of the model's input to the picture's grid, bilinear.

    Args:
        similarity: one value a patch.
        shape: rows and columns of the picture.
        padded: the model saw the picture padded to its input's shape, not stretched.

    Raises:
        DataError: the map is of a volume.
    """
    if similarity.ndim != 2:
        raise DataError(f"a map of {similarity.shape} is of a volume; phrases are grounded in pictures")
    rows, columns = shape
    plane = PilImage.fromarray(np.ascontiguousarray(similarity, dtype=np.float32), mode="F")
    if not padded:
        return np.asarray(plane.resize((columns, rows), PilImage.Resampling.BILINEAR))
    side = max(rows / similarity.shape[0], columns / similarity.shape[1])
    height, width = round(similarity.shape[0] * side), round(similarity.shape[1] * side)
    large = np.asarray(plane.resize((width, height), PilImage.Resampling.BILINEAR))
    top, left = (height - rows) // 2, (width - columns) // 2
    return large[top : top + rows, left : left + columns]
