"""From a medium of a conversation to the views that a model sees of it.

Layouts are remembered by file, so that the tokens of a conversation are counted without decoding anything twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.objects import media_size
from vesalius.data.messages import Media
from vesalius.data.readers import read
from vesalius.data.readers.video import open_clip
from vesalius.data.readers.volume import open_volume
from vesalius.errors import DataError
from vesalius.models.media import edited, shown
from vesalius.models.vlm.reduction import ReductionConfig, reduced
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.models.vlm.views import Layout, Views, clip_views, picture_layout, picture_views, volume_views
from vesalius.tasks.grammar import Plane

__all__ = ["Looker"]

Places = Callable[[tuple[int, ...]], tuple[int, ...] | None]
"""Gives the tokens along each axis of a view of a size; None where they stand for no places."""

_REMEMBERED = 1 << 17
"""Layouts that are kept."""


class Looker:
    """Shows media to one model."""

    def __init__(self, views: ViewSettings, *, places: Places, reduction: ReductionConfig | None = None) -> None:
        """Hold how media are cut.

        Args:
            views: policies.
            places: of the model, for a reduction by the pixels.
            reduction: fewer tokens of volumes and clips; none where not given.
        """
        self.settings, self.reduction = views, reduction
        self._places = places
        self._layouts: OrderedDict[Media, Layout] = OrderedDict()

    def to_dict(self) -> dict[str, Any]:
        """Return the policies as plain values for JSON."""
        reduction = None if self.reduction is None else asdict(self.reduction)
        return {"views": asdict(self.settings), "reduction": reduction}

    def layout(self, media: Media) -> Layout:
        """Return how a medium is cut, from memory where it was seen before.

        Raises:
            DataError: it cannot be read.
        """
        if media in self._layouts:
            self._layouts.move_to_end(media)
            return self._layouts[media]
        if media.kind == "image":
            columns, rows = media_size(media.path)
            return self._remember(media, picture_layout(rows, columns, self.settings))
        return self.look(media).layout

    def views(self, media: Media) -> NDArray[np.float32]:
        """Return the normalised views of a medium, (V, C, H, W) or (V, C, D, H, W).

        Raises:
            DataError: it cannot be read, or is of another kind than it is said to be.
        """
        return self.look(media).arrays

    def look(self, media: Media) -> Views:
        """Read a medium and cut it."""
        views = self._edited(media) if media.edits or media.frame is not None else self._cut(media)
        if self.reduction is not None and views.layout.kind != "image" and views.arrays.ndim == 4:
            grid = self._places(views.layout.size)
            if grid is None:
                raise DataError("tokens cannot be reduced by the pixels: the connector's stand for no places")
            layout = reduced(views.arrays, views.layout, grid=grid, settings=self.reduction)  # type: ignore[arg-type]
            views = views._replace(layout=layout)
        self._remember(media, views.layout)
        return views

    def plane(self, media: Media) -> Plane:
        """Return width and height of a medium, and of the whole as it is shown where that is one picture."""
        original = media_size(media.path)
        whole = media.kind == "image" and self.settings.picture.policy == "native"
        if not whole:
            return Plane(original)
        rows, columns = self.layout(media).size
        return Plane(original, (columns, rows))

    def _cut(self, media: Media) -> Views:
        if media.kind == "video":
            return clip_views(open_clip(media.path), self.settings)
        if media.kind == "volume":
            return volume_views(open_volume(media.path), self.settings)
        pixels = read(media.path)
        if pixels.axes not in ("YX", "YXC"):
            raise DataError(f"{media.path}: axes {pixels.axes} where a picture is expected; say that it is a volume")
        return picture_views(pixels.display(), self.settings)

    def _edited(self, media: Media) -> Views:
        """Cut what stands after edits, which work on pictures of eight bits: of volumes and clips, on their views."""
        if media.kind == "image" or media.frame is not None:
            return picture_views(shown(media)[0], self.settings)
        plain = self._cut(replace(media, edits=()))
        channels, (height, width) = plain.arrays.shape[1], plain.arrays.shape[-2:]
        planes = np.moveaxis(plain.arrays, 1, -3).reshape(-1, channels, height, width)
        changed = np.stack([self._edited_plane(plane, media.edits) for plane in planes])
        stack = changed.reshape(plain.arrays.shape[0], *plain.arrays.shape[2:-2], channels, height, width)
        return plain._replace(arrays=np.moveaxis(stack, -3, 1))

    def _edited_plane(self, plane: NDArray[np.float32], edits: tuple[str, ...]) -> NDArray[np.float32]:
        """Edit one normalised plane (C, H, W)."""
        mean, std = (
            np.asarray(value, dtype=np.float32).reshape(-1, 1, 1) for value in (self.settings.mean, self.settings.std)
        )
        eight = np.clip(np.rint((plane * std + mean) * 255), 0, 255).astype(np.uint8)
        picture = np.moveaxis(np.broadcast_to(eight, (3, *plane.shape[1:])), 0, -1)
        for edit in edits:
            picture = edited(np.ascontiguousarray(picture), edit)
        layers = np.moveaxis(picture, -1, 0)[: len(plane)].astype(np.float32) / 255
        return np.asarray((layers - mean) / std, dtype=np.float32)

    def _remember(self, media: Media, layout: Layout) -> Layout:
        self._layouts[media] = layout
        if len(self._layouts) > _REMEMBERED:
            self._layouts.popitem(last=False)
        return layout
