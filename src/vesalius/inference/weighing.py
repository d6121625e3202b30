"""Choices weighed by a model of transformers: it is made to write each, and the log-probabilities add up.

Letters: B requests, V words of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.inference.predictor import BasePredictor
from vesalius.inference.prompting import Prompt
from vesalius.inference.requests import Reply

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["WeighingPredictor"]


class WeighingPredictor(BasePredictor):
    """What a model of transformers shares that writes and weighs; how it reads is for those that derive from it."""

    device: str
    module: Any
    tokenizer: Any

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Return what the model's `generate` takes for B prompts."""
        raise NotImplementedError

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        raise NotImplementedError

    def too_long(self, prompt: Prompt, count: int) -> Reply:
        """Return the reply to a question of so many tokens that leaves no room."""
        most = count + self.room(count)
        return Reply(
            id=prompt.request.id,
            finish="error",
            error=f"the question takes {count} tokens and the model {most} with its answer; nothing is cut off",
            tokens_in=count,
        )

    def weighed(self, prompts: list[Prompt]) -> list[Reply]:
        """Weigh choices by forcing them; the first token of all choices comes from one pass of the batch."""
        inputs = self.inputs(prompts)
        counts = [int(count) for count in inputs["attention_mask"].sum(dim=1)]
        fits = [self.room(count) >= 1 for count in counts]
        if not all(fits) and len(prompts) > 1:
            return [self.weighed([prompt])[0] for prompt in prompts]
        if not all(fits):
            return [self.too_long(prompts[0], counts[0])]
        first = self._first_log_probabilities(inputs)
        return [
            self._weighed_one(prompt, row, tokens_in=count)
            for prompt, row, count in zip(prompts, first, counts, strict=True)
        ]

    def log_probabilities(self, inputs: Mapping[str, Any], said: list[int]) -> Tensor:
        """Log-probability of every token at each place of what is said after one prompt, (len(said), V).

        The model is made to write it, so that positions and masks are those of its own writing, whatever its kind.
        """
        import torch

        forced = [*self.lead, *said]
        start = 1 if self.two_sided else inputs["input_ids"].shape[1]
        made = self.module.generate(
            **inputs,
            max_new_tokens=len(forced),
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            prefix_allowed_tokens_fn=lambda _, written: [forced[len(written) - start]],
        )
        return torch.log_softmax(torch.cat(made.logits[len(self.lead) :]).float(), dim=-1)

    @cached_property
    def lead(self) -> tuple[int, ...]:
        """Tokens that a decoder of its own is made to write before every answer."""
        forced = self.module.generation_config.forced_bos_token_id if self.two_sided else None
        return () if forced is None else (forced,)

    @property
    def two_sided(self) -> bool:
        """Whether an encoder reads and a decoder writes, as in Florence-2."""
        return bool(self.module.config.is_encoder_decoder)

    def _weighed_one(self, prompt: Prompt, first: Tensor, *, tokens_in: int) -> Reply:
        request = prompt.request
        ids = {choice: self.tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in request.choices}
        longest = max(len(tokens) for tokens in ids.values())
        if not all(ids.values()):
            return Reply(id=request.id, finish="error", error="a choice has no token of this model")
        if self.room(tokens_in) < longest:
            return self.too_long(prompt, tokens_in)
        alone = self.inputs([prompt]) if longest > 1 else {}
        weights = {}
        for choice, tokens in ids.items():
            rows = self.log_probabilities(alone, tokens) if len(tokens) > 1 else first[None]
            weights[choice] = math.fsum(float(row[token]) for row, token in zip(rows, tokens, strict=True))
        return Reply(
            id=request.id,
            text=max(request.choices, key=lambda choice: weights[choice]),
            log_probabilities=weights,
            tokens={choice: len(tokens) for choice, tokens in ids.items()},
            tokens_in=tokens_in,
        )

    def _first_log_probabilities(self, inputs: Mapping[str, Any]) -> Tensor:
        """Log-probabilities of the first token of an answer, (B, V)."""
        import torch

        made = self.module.generate(
            **inputs, max_new_tokens=1 + len(self.lead), do_sample=False, output_logits=True,
            return_dict_in_generate=True,
        )  # fmt: skip
        return torch.log_softmax(made.logits[-1].float(), dim=-1)
