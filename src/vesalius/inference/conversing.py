"""Our own vision-language models: they answer requests as models of transformers do, and see media in their own way.

Volumes and clips are shown as the model learnt them, in views of their own and not as a few pictures.
Letters: B requests, L tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.inference.generate import GeneratingPredictor, Prompt
from vesalius.inference.requests import Request

if TYPE_CHECKING:
    from torch import Tensor

    from vesalius.models.vlm.reading import Row
    from vesalius.training.conversing.saving import LoadedConverser

__all__ = ["ConversingPredictor"]


@dataclass(frozen=True)
class _Read(Prompt):
    """A request in tokens and views."""

    row: Row | None = None

    @property
    def size(self) -> int:
        """Tokens, those of media included."""
        return 0 if self.row is None else len(self.row.input_ids)


class ConversingPredictor(GeneratingPredictor):
    """A trained vision-language model of ours with its reader."""

    def __init__(self, loaded: LoadedConverser, *, device: str = "auto") -> None:
        """Hold the model; its method's capabilities are what it can do."""
        folder = loaded.folder
        name = folder.resolve().parent.name if folder.name in ("best", "last") else folder.name
        super().__init__(loaded.method.model.float(), loaded.tokenizer, name=name, device=device)
        self.reader = loaded.reader
        self.method = loaded.method.to(self.device).eval()
        self.info = dict(loaded.info)
        self.capabilities = frozenset(loaded.method.capabilities)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model: its weights, how it sees, what it has seen."""
        facts = dict(super().identity)
        facts["kind"] = "vesalius"
        facts["preprocessing"] = self.reader.looker.to_dict()
        return {**facts, "method": self.info.get("method"), "trained_on": self.info.get("trained_on")}

    def prompt(self, request: Request) -> Prompt:
        """Read a request in the model's own template, media as views."""
        return _Read(request, "", (), self.reader.prompt(request.messages, id=request.id))

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Tokens and mask (B, L), padded at the left, and the views of all media in their order."""
        import torch

        rows = [prompt.row for prompt in prompts if isinstance(prompt, _Read) and prompt.row is not None]
        longest = max(len(row.input_ids) for row in rows)
        input_ids = torch.full((len(rows), longest), int(self.tokenizer.pad_token_id))
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, row in enumerate(rows):
            input_ids[place, longest - len(row.input_ids) :] = torch.from_numpy(row.input_ids)
            mask[place, longest - len(row.input_ids) :] = 1
        views: list[Tensor] = [torch.from_numpy(view).to(self.device) for row in rows for view in row.views]
        return {
            "input_ids": input_ids.to(self.device),
            "attention_mask": mask.to(self.device),
            "views": views,
            "layouts": [layout for row in rows for layout in row.layouts],
        }

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        return self.reader.context - count
