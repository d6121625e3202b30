"""PointDetectCount: pointing, boxes and counts as answers in JSON, adapters tuned on all five tasks at once.

Paper: Gautam et al., 2025, arXiv 2505.16647. Code: simula/PointDetectCount, no licence stated.
New: every annotated picture becomes a record of each of five tasks, in many wordings and with other names of the same
thing; one general model is tuned on their union through adapters, its vision frozen.
Differs here: any model stands in for Qwen2.5-VL-7B; the wordings are ours (pool ``pointdetectcount``); a match one to
one stands beside the release's one-sided one; corners that are exchanged are put in order by the parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vesalius.data.conversations.records import Conversation, Located
from vesalius.data.messages import Message
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.metrics.pointing import box_scores, count_scores, point_scores
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.tasks.grammar import Plane, grammar

__all__ = [
    "METHOD",
    "PAPER",
    "SETTINGS",
    "TASKS",
    "PointDetectCount",
    "PointDetectCountConfig",
    "answer_scores",
    "build",
]

TASKS = ("pointing", "bounding", "counting", "cnt_and_point", "count_and_box")
"""The five tasks."""

_PREFIX = "stages.tuning.mixture."
_TUNED = {**{_PREFIX + name: 1 for name in TASKS}, _PREFIX + "caption": 0}
_UNTUNED = {**{_PREFIX + name: 0 for name in TASKS}, _PREFIX + "caption": 1}
_DISCS = ClaimData(plant="discs")

PAPER = Paper(
    slug="pointdetectcount",
    title="Point, Detect, Count: Multi-Task Medical Image Understanding with Instruction-Tuned "
    "Vision-Language Models",
    year=2025,
    arxiv="2505.16647",
    code="simula/PointDetectCount: no licence stated",
    claims=(
        Claim(
            name="tuned",
            sentence="A model tuned on the five tasks counts better than one tuned as long on other texts.",
            factor="tasks of the tuning",
            on=_TUNED,
            off=_UNTUNED,
            task="corpus.counting",
            metric="accuracy",
            label="all",
            published="counting MAE 9.86 before and 0.26 after tuning (MedMultiPoints, 105 items)",
            data=ClaimData(),
            control=PositiveControl(
                sentence="None to five discs are to be counted, and the report of the first stage tells how many.",
                data=_DISCS,
            ),
        ),
        Claim(
            name="joint",
            sentence="Tuning on the five tasks together counts better than tuning as long on counting alone.",
            factor="tasks of the tuning",
            on=_TUNED,
            off={**_TUNED, **{_PREFIX + name: 0 for name in TASKS if name != "counting"}},
            task="corpus.counting",
            metric="accuracy",
            label="all",
            published="not paired: combined prompts did worse than single ones (count MAE 1.52 and 0.26)",
            data=ClaimData(),
            control=PositiveControl(
                sentence="The arm of one task never points at a disc, and the joint one does.",
                data=_DISCS,
                task="corpus.pointing",
                metric="point_f1",
            ),
        ),
    ),
)

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "normal": ("normal sperm", "sperm"), "pinhead": ("pinhead sperm", "pinhead"),
    "cluster": ("sperm cluster", "cluster"), "instrument": ("instrument",), "polyps": ("polyp",),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PointDetectCountConfig(ConversingConfig):
    """Settings beside those of the stages."""

    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(_SYNONYMS))
    """Names in place of a label, one drawn for each question (authors' code); other labels stay."""
    apart: bool = True
    """Draw the answer's name apart from the question's in tasks that count and locate, as the authors' code does."""


class PointDetectCount(ConversingMethod):
    """Every answer token alike; labels go by other names."""

    settings: PointDetectCountConfig

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation:
        """Put a drawn synonym in place of the label, in the question and in the answer."""
        names = {one.name for one in conversation.objects}
        label = names.pop() if len(names) == 1 else ""
        if conversation.task not in TASKS or label not in self.settings.synonyms:
            return conversation
        choices = self.settings.synonyms[label]
        asked = choices[int(rng.integers(len(choices)))]
        apart = self.settings.apart and conversation.task in ("cnt_and_point", "count_and_box")
        answered = choices[int(rng.integers(len(choices)))] if apart else asked
        objects = tuple(replace(one, name=answered) for one in conversation.objects)
        return replace(conversation, messages=_renamed(conversation.messages, label, asked), objects=objects)


def answer_scores(
    replies: Sequence[str], truths: Sequence[Sequence[Located]], *, task: str, size: tuple[int, int]
) -> dict[str, float]:
    """Score replies to one of the five tasks by the release's rules, with the matches one to one beside them.

    A reply that cannot be read says nothing: no box, no point, the count 0; ``unparsed`` is their share.

    Args:
        replies: of the model, each in JSON of pixels of the original picture.
        truths: true objects of each.
        task: of `TASKS`.
        size: width and height of the pictures, pixels.
    """
    how, plane = grammar("pointdetectcount"), Plane(size)
    parsed = [how.parse(reply, plane, task=task) for reply in replies]
    found: list[tuple[Located, ...]] = [tuple(one.value or ()) for one in parsed]
    values = {"unparsed": float(np.mean([one.value is None for one in parsed]))}
    if task in ("counting", "cnt_and_point", "count_and_box"):
        values |= count_scores([_count(one) for one in found], [_count(one) for one in truths])
    if task in ("pointing", "cnt_and_point"):
        values |= point_scores([_points(one) for one in found], [_points(one) for one in truths])
    if task in ("bounding", "count_and_box"):
        values |= box_scores([_boxes(one) for one in found], [_boxes(one) for one in truths])
    return values


def _renamed(messages: tuple[Message, ...], label: str, name: str) -> tuple[Message, ...]:
    """Return turns in which the user's words have another name of the label."""
    return tuple(
        replace(
            message,
            parts=tuple(part.replace(label, name) if isinstance(part, str) else part for part in message.parts),
        )
        if message.role == "user"
        else message
        for message in messages
    )


def _count(objects: Sequence[Located]) -> int:
    return sum(one.count for one in objects)


def _points(objects: Sequence[Located]) -> list[tuple[float, float]]:
    return [point for one in objects for point in one.points]


def _boxes(objects: Sequence[Located]) -> list[tuple[float, ...]]:
    return [tuple(box) for one in objects for box in one.boxes]


METHOD, SETTINGS = PointDetectCount, PointDetectCountConfig


def build(settings: PointDetectCountConfig, model: VisionLanguageModel) -> PointDetectCount:
    """Build the method on a vision-language model."""
    return PointDetectCount(settings, model)
