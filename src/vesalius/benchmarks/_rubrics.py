"""Conversations whose last answer a judge holds against a rubric, line by line (HealthBench)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from vesalius.benchmarks._suite import Part, studies
from vesalius.benchmarks.base import Item
from vesalius.data.datasets.healthbench import Criterion, rubric
from vesalius.data.messages import Message
from vesalius.inference.requests import Reply
from vesalius.tasks.answers import parse_json

__all__ = ["clipped_mean", "conversation_text", "rubric_items", "rubric_score", "verdicts_of"]


def rubric_items(part: Part, root: Path, *, split: str) -> Iterator[Item]:
    """Yield one item a conversation; its truth is the rubric, a tuple of `Criterion`."""
    for study in studies(part, root, split=split):
        for dialogue in study.dialogues:
            yield Item(
                id=f"{part.name}-{dialogue.id}",
                part=part.name,
                kind="rubric",
                question=dialogue.turns[-1].text,
                truth=rubric(dialogue),
                cluster=f"{part.dataset}-{study.patient}",
                fields={"theme": dialogue.source.partition("/")[2]},
                more={"turns": tuple(Message(role=turn.role, parts=(turn.text,)) for turn in dialogue.turns)},
            )


def conversation_text(turns: Sequence[Message], reply: str) -> str:
    """Return a conversation and the answer to it as the judge sees them."""
    said = [f"{turn.role}: {turn.text}" for turn in turns]
    return "\n\n".join([*said, f"assistant: {reply}"])


def verdicts_of(replies: Sequence[Reply]) -> list[bool | None]:
    """Return whether each line of a rubric is met; None where the judge's reply holds no ``criteria_met``."""
    found = []
    for reply in replies:
        parsed = parse_json(reply.text, keys=("criteria_met",))
        met = parsed.value["criteria_met"] if parsed.status == "answered" and isinstance(parsed.value, dict) else None
        found.append(met if isinstance(met, bool) else None)
    return found


def rubric_score(criteria: Sequence[Criterion], met: Sequence[bool | None]) -> float:
    """Return the points of what is met over all positive points; NaN where there are none (simple-evals).

    A line without a verdict is not met. Negative lines may make the score negative.
    """
    possible = math.fsum(one.points for one in criteria if one.points > 0)
    achieved = math.fsum(one.points for one, said in zip(criteria, met, strict=True) if said)
    return achieved / possible if possible else math.nan


def clipped_mean(scores: Sequence[float]) -> float:
    """Return the mean of scores cut to 0 and 1, which HealthBench prints; tables here have the plain mean."""
    return min(max(math.fsum(scores) / len(scores), 0.0), 1.0)
