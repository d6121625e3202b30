"""One stage of training on conversations: the trainer of methods, with a loss over answer tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.models.vlm.reading import IGNORED
from vesalius.training.conversing.assembly import ConversationParts
from vesalius.training.conversing.saving import save_converser
from vesalius.training.method_trainer import MethodTrainer

__all__ = ["ConversationTrainer"]


class ConversationTrainer(MethodTrainer):
    """Trains a method on packed conversations.

    The loss of an optimiser step is the mean over the answer tokens of all its batches and processes: neither packing
    nor accumulation changes what a token counts.
    """

    parts: ConversationParts  # type: ignore[assignment]

    def __init__(self, parts: ConversationParts, folder: Path, **options: Any) -> None:
        super().__init__(parts, folder, **options)  # type: ignore[arg-type]
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do the step of the method; the answer tokens of the whole optimiser step divide the sum."""
        parts = model(inputs)
        self._count({name: value for name, value in parts.items() if name != "loss_sum"}, inputs)
        loss = parts["loss"]
        if "loss_sum" in parts and num_items_in_batch is not None:
            loss = parts["loss_sum"] / num_items_in_batch * self.args.world_size
        return (loss, parts) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Tensor | int | None:
        """Count what a loss is a mean over: answer tokens, or conversations where they are compared in pairs."""
        counted = [
            {"labels": torch.tensor([[IGNORED, *batch["index"]]])} if batch.get("sides", 1) > 1 else batch
            for batch in batch_samples
        ]
        items: Tensor | int | None = super()._get_num_items_in_batch(counted, device)
        return items

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """Mean loss over the answer tokens, or pairs, of the validation split, together and of each source."""
        module = self._scored_module().eval()
        sums: dict[str, list[float]] = {}
        for source, batches in self.parts.validation_batches():
            for batch in batches:
                with self.accelerator.autocast():
                    found = module(self._prepare_inputs(batch))
                tokens = float(found.get("answer_tokens", found.get("pairs", 1.0)))
                for name in ("loss", "token_accuracy", *self.parts.method.scores):
                    if name in found:
                        held = sums.setdefault(f"{source}/{name}", [0.0, 0.0])
                        held[0] += float(found[name]) * tokens
                        held[1] += tokens
        means = {name: total / count for name, (total, count) in sums.items() if count}
        overall: dict[str, list[float]] = {}
        for name, (total, count) in sums.items():
            held = overall.setdefault(name.split("/")[-1], [0.0, 0.0])
            held[0], held[1] = held[0] + total, held[1] + count
        several = len({name.split("/")[0] for name in means}) > 1
        together = {name: total / count for name, (total, count) in overall.items() if count}
        return {**together, **(means if several else {})}

    def write_model(self, folder: Path, *, info: dict[str, Any], weights: dict[str, Tensor] | None) -> None:
        """Write the model with its card; adapters of a stage under way are merged in what is written."""
        save_converser(folder, parts=self.parts, info=info, weights=weights)

    def named(self, rows: Tensor) -> list[str]:
        """Return the ids of the conversations of the last batch."""
        return [self._last_ids[int(row)] for row in rows]

    def _count(self, parts: dict[str, Tensor], inputs: dict[str, Any]) -> None:
        self._last_ids = inputs["ids"]
        super()._count(parts, inputs)
