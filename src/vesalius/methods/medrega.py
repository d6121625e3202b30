"""MedRegA: a bilingual model that reads and writes regions as text, trained on three tasks about regions.

Paper: Wang et al., ICLR 2025, arXiv 2410.18387. Code: xmed-lab/MedRegA, no licence stated; built on InternVL.
New: naming regions, finding regions and reports whose sentences carry their regions, as whole numbers of 0 to 999 in
the language model's own words; answers that first say where and then what.
Differs here: any encoder and language model stand in for InternViT-6B and Nous-Hermes-2-Yi-34B; precision and recall
have their usual meaning, those of the release are a choice (`region_scores`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from vesalius.data.conversations.records import Conversation, Located, mark, marked
from vesalius.data.messages import Message
from vesalius.errors import DataError
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.metrics.named_boxes import BoxPairs, expected_iou, mean_scores, paired_boxes
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.tasks.instructions import phrase

__all__ = ["METHOD", "PAPER", "SETTINGS", "MedRegA", "MedRegAConfig", "RegionAnswer", "build", "region_scores"]

_MIXTURE = "stages.instruction.mixture."
_REGIONS = {f"{_MIXTURE}text2region": 1, f"{_MIXTURE}region2text": 1}
_NO_REGIONS = dict.fromkeys(_REGIONS, 0)
_ENGLISH = (f"{_MIXTURE}grounded=0", f"{_MIXTURE}presence_zh=0")
"""Planted signs have no Chinese names, and no sentence of a planted report carries a region."""
_ALONE = (*_ENGLISH, *(f"{key}=0" for key in _REGIONS))
"""Settings of arms that learn presence and reports alone."""

PAPER = Paper(
    slug="medrega",
    title="Interpretable Bilingual Multimodal Large Language Model for Diverse Biomedical Tasks",
    year=2024,
    arxiv="2410.18387",
    venue="ICLR 2025",
    code="xmed-lab/MedRegA: no licence stated",
    claims=(
        Claim(
            name="regions",
            sentence="With tasks about regions in its mixture the model names what a region holds.",
            factor="tasks about regions in the mixture",
            on=_REGIONS,
            off=_NO_REGIONS,
            task="corpus.region2text",
            metric="accuracy",
            label="all",
            published="best on region tasks in the paper's tables against models without region data",
            settings=_ENGLISH,
            data=ClaimData(),
            control=PositiveControl(
                sentence="Two of eight signs stand side by side: which is in the box, only region data teach.",
                data=ClaimData(plant="placed_signs"),
            ),
        ),
        Claim(
            name="image_level",
            sentence="Tasks about regions do not make answers about the whole image worse.",
            factor="tasks about regions in the mixture",
            on=_REGIONS,
            off=_NO_REGIONS,
            task="corpus.presence",
            metric="accuracy",
            label="all",
            direction="equal",
            margin=0.05,
            published="not worse on VQA than models without region data",
            settings=_ENGLISH,
            data=ClaimData(),
            control=PositiveControl(
                sentence="The same two arms differ on what a region holds, so that the factor works at all.",
                data=ClaimData(plant="placed_signs"),
                task="corpus.region2text",
                direction="higher",
            ),
        ),
        Claim(
            name="chain",
            sentence="An answer that first says where a finding lies is right more often than a direct one.",
            factor="method.chain",
            on="boxes",
            off="none",
            task="corpus.presence",
            metric="accuracy",
            label="all",
            published="regional chain of thought in the paper's ablation",
            settings=_ALONE,
            data=ClaimData(),
            control=PositiveControl(
                sentence="Discs are asked for by their name alone, whatever the task: who learnt to say where they "
                "lie before the answer finds them, who answers directly never does.",
                data=ClaimData(plant="discs"),
                settings=("data.wording.pool=terse", "data.wording.form=false"),
                task="corpus.text2region",
                metric="iou",
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MedRegAConfig(ConversingConfig):
    """Settings beside those of the stages."""

    chain: Literal["none", "boxes"] = "none"
    """What stands before an answer: nothing, or the boxes of what it is about ("none" where there are none)."""
    chained: tuple[str, ...] = ("presence",)
    """Tasks whose answers have it."""


class MedRegA(ConversingMethod):
    """Every answer token alike; what is new stands in the tasks, and in what stands before an answer."""

    settings: MedRegAConfig

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation:
        """Put the regions of what is asked for before the answer, where the settings want it.

        The regions are those that the conversation holds and no text of it names.
        """
        if self.settings.chain == "none" or conversation.task not in self.settings.chained:
            return conversation
        last = conversation.messages[-1]
        named = {number for message in conversation.messages for number in marked(message.text)}
        free = [number for number in range(len(conversation.objects)) if number not in named]
        # An object without a region keeps the mark of no region alive until it is written out.
        objects = conversation.objects or (Located(name=""),)
        reason = mark(*(number for number in free if conversation.objects[number].boxes))
        answer = phrase("reason_first", conversation.language, reason=reason, answer=last.text)
        said = Message(role="assistant", parts=(answer,))
        return replace(conversation, messages=(*conversation.messages[:-1], said), objects=objects)


class RegionAnswer(NamedTuple):
    """Objects of an answer that was to find regions, and the true ones, in one unit."""

    said: Sequence[Located]
    """Empty where the answer could not be read."""
    true: Sequence[Located]


def region_scores(
    answers: Sequence[RegionAnswer],
    *,
    several_boxes: bool,
    several_objects: bool,
    names: Literal["usual", "release"] = "usual",
) -> dict[str, float]:
    """Score answers to Text→Region in one of the release's four settings.

    Args:
        answers: all of one setting.
        several_boxes: an object may have more than one region.
        several_objects: more than one object is asked for.
        names: "release" exchanges precision and recall, as its code does.

    Returns:
        One box of one object: ``iou`` and the shares ``acc_25``, ``acc_50`` and ``acc_75`` above it, itself outside.
        Else precision, recall and F1 of boxes, objects and both, ``alignment``, ``box_iou`` and ``object_iou``; one
        region each of several objects must overlap by 0.75 in place of 0.5, and its ``box_iou`` is over pairs.

    Raises:
        DataError: no answer, or one without a true box.
    """
    if not answers or any(not _boxes(answer.true) for answer in answers):
        raise DataError(f"{len(answers)} answers: expected at least one, each with a true box to be found")
    if not several_boxes and not several_objects:
        shares = np.array([expected_iou(_boxes(one.said), _boxes(one.true)) for one in answers])
        limits = {"acc_25": 0.25, "acc_50": 0.5, "acc_75": 0.75}
        return {
            "iou": float(shares.mean()),
            **{name: float((shares > limit).mean()) for name, limit in limits.items()},
        }
    pairs = [_paired(one, threshold=0.5 if several_boxes else 0.75) for one in answers]
    found = mean_scores(pairs)
    if not several_boxes:
        overlaps = np.concatenate([one.overlaps for one in pairs])
        found["box_iou"] = float(overlaps.mean()) if len(overlaps) else 0.0
    return found if names == "usual" else {_exchanged(name): value for name, value in found.items()}


def _paired(answer: RegionAnswer, *, threshold: float) -> BoxPairs:
    return paired_boxes(
        _boxes(answer.said), _boxes(answer.true), said_names=_names(answer.said), true_names=_names(answer.true),
        threshold=threshold,
    )  # fmt: skip


def _boxes(objects: Sequence[Located]) -> list[tuple[float, ...]]:
    return [tuple(box) for one in objects for box in one.boxes]


def _names(objects: Sequence[Located]) -> list[str]:
    """Return the name of each box: counted by boxes on both sides, whatever the number of boxes of an object."""
    return [one.name for one in objects for _ in one.boxes]


def _exchanged(name: str) -> str:
    head, _, part = name.rpartition("_")
    return f"{head}_{ {'precision': 'recall', 'recall': 'precision'}.get(part, part) }"


METHOD, SETTINGS = MedRegA, MedRegAConfig


def build(settings: MedRegAConfig, model: VisionLanguageModel) -> MedRegA:
    """Build the method on a vision-language model."""
    return MedRegA(settings, model)
