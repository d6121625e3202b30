"""Vision-language models of ours whose method words requests itself, completes what the model reads, or cuts answers.

Every request is read from its start, by `generate` of the model. Letters: B requests, L tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.inference.generate import GeneratingPredictor
from vesalius.inference.prompting import Prompt
from vesalius.inference.requests import Reply, Request

if TYPE_CHECKING:
    from vesalius.inference.answers import Answers
    from vesalius.models.vlm.reading import Row
    from vesalius.training.conversing.saving import LoadedConverser

__all__ = ["WordedPredictor"]


@dataclass(frozen=True)
class _Prompt(Prompt):
    """A request in tokens and views."""

    row: Row

    @property
    def size(self) -> int:
        """Tokens, those of media included."""
        return len(self.row.input_ids)


class WordedPredictor(GeneratingPredictor):
    """A trained vision-language model with its reader and its method's own way of asking."""

    def __init__(self, loaded: LoadedConverser, *, device: str = "auto") -> None:
        """Hold the model; its method's capabilities are what it can do."""
        folder = loaded.folder
        name = folder.resolve().parent.name if folder.name in ("best", "last") else folder.name
        super().__init__(loaded.method.model.float(), loaded.reader.tokenizer, name=name, device=device)
        self.reader = loaded.reader
        self.method = loaded.method.to(self.device).float().eval()
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
        """Read a request as the method words it, media as views."""
        row = self.reader.prompt(self.method.asked(request.messages), id=request.id)
        return _Prompt(request, "", (), row)

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Tokens and mask (B, L), padded at the left, the views of all media in their order, and what is added."""
        import torch

        from vesalius.training.conversing.batches import as_tensors

        rows = [prompt.row for prompt in prompts if isinstance(prompt, _Prompt)]
        longest = max(len(row.input_ids) for row in rows)
        input_ids = torch.full((len(rows), longest), int(self.tokenizer.pad_token_id))
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, row in enumerate(rows):
            input_ids[place, longest - len(row.input_ids) :] = torch.from_numpy(row.input_ids)
            mask[place, longest - len(row.input_ids) :] = 1
        return self.method.given(
            {
                "input_ids": input_ids.to(self.device),
                "attention_mask": mask.to(self.device),
                "views": [as_tensors(view).to(self.device) for row in rows for view in row.views],
                "layouts": [layout for row in rows for layout in row.layouts],
            }
        )

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        return self.reader.context - count

    def _reply(self, prompt: Prompt, answers: Answers, place: int, *, tokens_in: int) -> Reply:
        reply = super()._reply(prompt, answers, place, tokens_in=tokens_in)
        return replace(reply, text=self.method.told(reply.text, prompt.request.messages))
