"""Where an answer points: its boxes and points in pixels of the original file, and a drawing of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.conversations.objects import media_size
from vesalius.data.conversations.records import Located
from vesalius.data.messages import Media, Message, media_of
from vesalius.inference.overlay import marked
from vesalius.inference.predictor import Predictor
from vesalius.models.media import shown
from vesalius.tasks.grammar import Grammar, Plane
from vesalius.tasks.grammar import grammar as grammar_of

__all__ = ["Pointed", "Pointer", "draw", "pointer_of"]


@dataclass(frozen=True)
class Pointed:
    """What an answer names on a picture."""

    media: Media
    objects: tuple[Located, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return plain values for JSON, in pixels of the original file."""
        return [
            {"name": one.name, "boxes": [list(map(float, box)) for box in one.boxes], "points": list(one.points)}
            for one in self.objects
        ]


@dataclass(frozen=True)
class Pointer:
    """Reads regions in the words of one model."""

    grammar: Grammar
    plane: Callable[[Media], Plane]

    def read(self, text: str, messages: Sequence[Message]) -> Pointed | None:
        """Return what an answer names on the last picture of a conversation; None where it names no place.

        Volumes and clips have no single picture; of those a slice or frame that is shown alone counts.
        """
        pictures = [one for one in media_of(tuple(messages)) if one.kind == "image" or one.frame is not None]
        if not pictures or not text:
            return None
        found = self.grammar.parse(text, self.plane(pictures[-1])).value or ()
        placed = tuple(one for one in found if one.boxes or one.points)
        return Pointed(pictures[-1], placed) if placed else None


def pointer_of(predictor: Predictor, name: str = "") -> Pointer | None:
    """Return how a model's regions are read: as it learnt to write them, or by the grammar named.

    None where a model does not say and no grammar is named.

    Raises:
        ConfigError: no such grammar.
    """
    reader = getattr(predictor, "reader", None)
    own: Grammar | None = getattr(reader, "grammar", None)
    chosen = grammar_of(name) if name else own
    if chosen is None:
        return None
    if reader is None or own is None:
        return Pointer(chosen, lambda media: Plane(media_size(media.path)))
    return Pointer(chosen, reader.looker.plane)


def draw(pointed: Pointed, path: Path) -> None:
    """Write the picture with the boxes and points on it as PNG, in the size of the original file."""
    from PIL import Image

    plane = shown(pointed.media)[0].astype(np.float32) / np.float32(255)
    Image.fromarray((marked(plane, pointed.objects) * 255).round().astype(np.uint8)).save(path, "PNG")
