"""Bases of transformers that were trained here, asked as the base itself is, so that both can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.inference.generate import GeneratingPredictor

if TYPE_CHECKING:
    from vesalius.training.conversing.saving import LoadedConverser

__all__ = ["WholePredictor"]


class WholePredictor(GeneratingPredictor):
    """A trained base with its own processor; as many slices and frames are shown as it learnt from."""

    def __init__(self, loaded: LoadedConverser, *, device: str = "auto") -> None:
        """Hold the model in the precision that it was saved in."""
        folder = loaded.folder
        name = folder.resolve().parent.name if folder.name in ("best", "last") else folder.name
        super().__init__(loaded.method.model.bare, loaded.tokenizer, name=name, device=device)
        self.planes = loaded.method.model.settings.planes
        self.info = dict(loaded.info)
        self._context = loaded.reader.context

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model: its weights, how it sees, what it has seen."""
        facts = {**super().identity, "kind": "vesalius"}
        return {**facts, "method": self.info.get("method"), "trained_on": self.info.get("trained_on")}

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        return min(super().room(count), self._context - count)
