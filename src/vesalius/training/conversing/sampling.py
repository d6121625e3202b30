"""Answers that a model under training draws to questions, several to each, for a judge to choose from.

Legend: B questions, L tokens of a question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from vesalius.data.conversations.records import Conversation
from vesalius.errors import DataError
from vesalius.methods.conversing import ConversingMethod
from vesalius.models.vlm.reading import ConversationReader, Row
from vesalius.training.conversing.batches import as_tensors
from vesalius.training.conversing.settings import PairSettings

__all__ = ["sampled_answers"]

_TOGETHER = 16
"""Questions that are answered at once; another number would draw other answers."""


@torch.no_grad()
def sampled_answers(
    method: ConversingMethod,
    reader: ConversationReader,
    conversations: Sequence[Conversation],
    *,
    settings: PairSettings,
    seed: int,
) -> Iterator[tuple[str, ...]]:
    """Yield answers to the last question of each conversation, in their order.

    Args:
        method: whose model answers; it comes back as it was, training or not.
        reader: of the model.
        conversations: each ends in an answer, which is not looked at.
        settings: how many answers, how they are drawn and how long they may be.
        seed: of the draws; the random state of the process stays as it is.

    Raises:
        DataError: a question leaves no room for an answer.
    """
    training = method.training
    method.eval()
    try:
        for start in range(0, len(conversations), _TOGETHER):
            some = conversations[start : start + _TOGETHER]
            yield from _drawn(method, reader, some, settings=settings, seed=seed * 1_000_003 + start)
    finally:
        method.train(training)


def _drawn(
    method: ConversingMethod, reader: ConversationReader, some: Sequence[Conversation], *, settings: PairSettings,
    seed: int,
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    """Yield the answers to questions that are put at once."""
    device = next(method.parameters()).device
    rows = [reader.prompt(method.asked(one.messages[:-1]), id=one.id) for one in some]
    longest = max(len(row.input_ids) for row in rows)
    room = reader.context - longest
    if room < 1:
        raise DataError(f"a question of {longest} tokens leaves no room for an answer in {reader.context}")
    inputs = method.given(_inputs(rows, reader, device))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        written = method.model.generate(
            **inputs, max_new_tokens=min(settings.longest, room), do_sample=True, temperature=settings.temperature,
            top_k=0, top_p=1.0, num_return_sequences=settings.candidates,
            pad_token_id=reader.tokenizer.pad_token_id, eos_token_id=reader.tokenizer.eos_token_id,
        )  # fmt: skip
    texts = reader.tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    for place, one in enumerate(some):
        own = texts[place * settings.candidates : (place + 1) * settings.candidates]
        yield tuple(method.told(text, one.messages[:-1]).strip() for text in own)


def _inputs(rows: Sequence[Row], reader: ConversationReader, device: torch.device) -> dict[str, Any]:
    """Return tokens and mask, padded at the left, (B, L), and the views of all media."""
    longest = max(len(row.input_ids) for row in rows)
    input_ids = torch.full((len(rows), longest), int(reader.tokenizer.pad_token_id))
    mask = torch.zeros_like(input_ids)
    for place, row in enumerate(rows):
        input_ids[place, longest - len(row.input_ids) :] = torch.from_numpy(row.input_ids)
        mask[place, longest - len(row.input_ids) :] = 1
    return {
        "input_ids": input_ids.to(device),
        "attention_mask": mask.to(device),
        "views": [_on(as_tensors(view), device) for row in rows for view in row.views],
        "layouts": [layout for row in rows for layout in row.layouts],
    }


def _on(view: Any, device: torch.device) -> Any:
    """Bring a medium to the device, one tensor or several by name."""
    return view.to(device) if isinstance(view, Tensor) else {name: part.to(device) for name, part in view.items()}
