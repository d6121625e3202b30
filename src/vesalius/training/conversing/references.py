"""The reference that preference pairs are compared with, where it is another run or is written down beforehand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from vesalius.data.mixture import Draw
from vesalius.errors import CheckpointError
from vesalius.methods.conversing import ConversationBatch
from vesalius.training import distributed
from vesalius.training.conversing.assembly import ConversationParts
from vesalius.training.conversing.batches import Chosen, ConversationSet, Read
from vesalius.training.conversing.saving import load_converser
from vesalius.training.conversing.trainer import ConversationTrainer

__all__ = ["REFERENCES", "digest_of", "set_reference"]

REFERENCES = "references.json"
"""File of a stage: log-probabilities of both sides of every pair, and a digest of the weights that gave them."""

Values = dict[Draw, tuple[float, ...]]


def set_reference(trainer: ConversationTrainer, folder: Path, *, weights: str) -> None:
    """Give the method of a stage of pairs its reference, before the first step.

    Args:
        trainer: of the stage, with the model as the stage begins.
        folder: of the stage; what is written down there is used again when the stage goes on after a stop.
        weights: digest of the model and its tokenizer.

    Raises:
        CheckpointError: what was written down is of other weights, or the run has another tokenizer.
    """
    parts = trainer.parts
    if parts.train.count == 1:
        return
    settings = parts.method.settings
    if settings.reference_run:
        _refer_to_run(parts, settings.reference_run)
    if not settings.stores_reference:
        return
    path = folder / REFERENCES
    sets = {"train": parts.train, "validation": parts.validation}
    if distributed.rank() == 0 and not path.is_file():
        found = {name: _plain(_measured(trainer, one)) for name, one in sets.items() if one is not None}
        path.write_text(json.dumps({"weights": weights, "values": found}), encoding="utf-8")
    distributed.wait_for_all()
    held = json.loads(path.read_text(encoding="utf-8"))
    if held["weights"] != weights:
        raise CheckpointError(
            f"{path} was made by other weights or with another tokenizer ({held['weights'][:12]}, here "
            f"{weights[:12]}); remove the file to have it made anew"
        )
    for name, one in sets.items():
        if one is not None:
            one.references = {Draw(source, row): tuple(values) for source, row, values in held["values"][name]}


def digest_of(before: Any, tokenizer: Any) -> str:
    """Return SHA-256 over the digests of all weights and the words of a tokenizer or processor."""
    words = getattr(tokenizer, "tokenizer", tokenizer).get_vocab()
    return hashlib.sha256(json.dumps([before, sorted(words.items())], sort_keys=True).encode()).hexdigest()


def _refer_to_run(parts: ConversationParts, run: str) -> None:
    """Take another run's model, whose tokens must have the same numbers."""
    other = load_converser(run)
    own, theirs = (reader.tokenizer.get_vocab() for reader in (parts.reader, other.reader))
    if own != theirs:
        differing = len(set(own.items()) ^ set(theirs.items()))
        raise CheckpointError(
            f"method.reference: {run} has another tokenizer ({len(theirs)} tokens, here {len(own)}; {differing} "
            "differ); log-probabilities of a reference mean something for the same tokens alone"
        )
    parts.method.refer_to(other.method.model)


@torch.no_grad()
def _measured(trainer: ConversationTrainer, conversations: ConversationSet) -> Values:
    """Return what the reference gives to the sides of every row that can be read."""
    found: Values = {}
    size = distributed.local_batch(trainer.parts.recipe.optimisation.batch)
    for draws in _groups(conversations, size):
        packs = [(draw, rows) for draw in draws if (rows := conversations[_alone(conversations, draw)])]
        if not packs:
            continue
        batch = trainer._prepare_inputs(trainer.parts.collator([rows for _, rows in packs]))
        with trainer.accelerator.autocast():
            values = trainer.parts.method.reference_log_probs(ConversationBatch.of(batch)).float().tolist()
        for place, (draw, _) in enumerate(packs):
            found[draw] = tuple(values[place * conversations.count : (place + 1) * conversations.count])
    return found


def _alone(conversations: ConversationSet, draw: Draw) -> tuple[Read, ...]:
    """Return a draw as a pack of its own, which is empty where it cannot be read."""
    read = conversations.read(Chosen(draw, 0))
    return () if read is None else (read,)


def _groups(conversations: ConversationSet, size: int) -> Iterator[list[Draw]]:
    for name, source in conversations.sources.items():
        for start in range(0, len(source), size):
            yield [Draw(name, row) for row in range(start, min(len(source), start + size))]


def _plain(values: Values) -> list[Any]:
    return [[draw.source, draw.row, list(held)] for draw, held in values.items()]
