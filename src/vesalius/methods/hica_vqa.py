"""HiCA-VQA: questions of a hierarchy, each level with its own prompt and its own head of answers.

Paper: Zhang et al., Applied Sciences 2025, 15(9), 4712, arXiv 2504.03135. Code: none found; the benchmark and its
baseline hi-VQA are ChantalMP/Rad-ReStruct (MIT, arXiv 2307.05766).
New: a prompt says how deep a question lies and is aligned with the image before both are fused; the image's tokens
ask the words (`models.vlm.choosing`); a head for each level; prediction goes down the tree and stops at "no"
(`tasks.answers.tree`).
Differs here: any vision encoder stands in for EfficientNet-B5. The paper does not give the words of its prompts, nor
the form and weight of the alignment: a contrast of pooled image and words, weight 0.1, is ours. Positive weights of
answers are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.methods.conversing import ConversationBatch, ConversingConfig, ConversingMethod
from vesalius.models.exact import unit
from vesalius.models.vlm.choosing import ANSWER, OFFER, SEVERAL, Choice, ChoosingModel, offered
from vesalius.models.vlm.gated import last_answers
from vesalius.objectives.contrastive import Targets, contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["LEVEL_PROMPTS", "METHOD", "PAPER", "SETTINGS", "HicaVqa", "HicaVqaConfig", "build", "settled"]

# R rows, D width, A answers

LEVEL_PROMPTS = (
    "Level 1: is anything of this kind present in this area?",
    "Level 2: is this element present?",
    "Level 3: which attribute, degree or location does it have?",
)
"""Words before a question, by its level (ours, after the paper's description)."""
NOTHING = ("no selection", "unspecified")
"""Answers that stand for none, of questions with several (Rad-ReStruct)."""
_SAID = re.compile(re.escape(ANSWER).replace(r"\{\}", "(.+?)"))
_TEMPERATURE = 0.07


def _claim(name: str, sentence: str, factor: str, on: object, off: object) -> Claim:
    """Return a claim on questions of a hierarchy, whose control asks a tree of questions about signs."""
    return Claim(
        name=name,
        sentence=sentence,
        factor=factor,
        on=on,
        off=off,
        task="corpus.stepwise",
        metric="accuracy",
        label="all",
        published="Rad-ReStruct: 49.1 macro F1, +20 points on level 3 over hi-VQA (a second-hand summary)",
        settings=("optimisation.batch=8",),
        data=ClaimData(questions=("presence", "work_up")),
        control=PositiveControl(
            sentence="Whether there is a woven sign, which one, and how strong it is are asked in turn: the picture "
            "alone tells.",
            data=ClaimData(plant="sign_tree"),
        ),
    )


PAPER = Paper(
    slug="hica-vqa",
    title="Hierarchical Modeling for Medical Visual Question Answering with Cross-Attention Fusion",
    year=2025,
    arxiv="2504.03135",
    venue="Applied Sciences",
    code="none found; benchmark and baseline ChantalMP/Rad-ReStruct, MIT",
    claims=(
        _claim("heads", "A head for each level answers righter than one for all.", "model.level_heads", True, False),
        _claim(
            "fusion", "Where the image asks the words, answers are righter than where both look at themselves.",
            "model.fusion", "cross", "joined",
        ),
        _claim("prompts", "With prompts of its level, answers are righter.", "method.prompts", True, False),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HicaVqaConfig(ConversingConfig):
    """Settings of HiCA-VQA."""

    prompts: bool = True
    """A prompt of its level before each question."""
    align_weight: float = 0.1
    """Of the contrast between pooled image and words before they are fused; 0 for none."""

    def __post_init__(self) -> None:
        if self.align_weight < 0:
            raise ValueError(f"align_weight must not be below 0, found {self.align_weight}")


class HicaVqa(ConversingMethod):
    """Answers chosen among those that a question offers, by the head of its level."""

    settings: HicaVqaConfig
    words_requests: ClassVar[bool] = True
    scores: ClassVar[tuple[str, ...]] = ("level_1", "level_2", "level_3")

    def __init__(self, settings: HicaVqaConfig, model: ChoosingModel):
        super().__init__(settings, model)
        width = int(model.language.config.hidden_size)
        self.align_image = nn.Linear(width, width, bias=False)
        self.align_text = nn.Linear(width, width, bias=False)
        for part in (self.align_image, self.align_text):
            part.requires_grad_(settings.align_weight > 0)

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation | None:
        """Put tokens for what is offered and answered; questions that offer nothing are left out."""
        del rng
        found = OFFER.search(conversation.messages[-2].text)
        if found is None:
            return None
        said = [one.strip() for one in conversation.messages[-1].text.split(";")]
        answer = Message(role="assistant", parts=("".join(ANSWER.format(one) for one in said),))
        return replace(conversation, messages=(*self.asked(conversation.messages[:-1]), answer))

    def asked(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Put the prompt of its level before a question, and tokens in the place of its options."""
        last = messages[-1]
        level = sum(message.role == "assistant" for message in messages)
        prompt = LEVEL_PROMPTS[min(level, len(LEVEL_PROMPTS) - 1)] if self.settings.prompts else ""
        text = "\n".join(part for part in (prompt, OFFER.sub(_tokens, last.text).strip()) if part)
        return (*messages[:-1], replace(last, parts=(*last.media, text)))

    def told(self, written: str, messages: tuple[Message, ...]) -> str:
        """Return the answers in words."""
        found = OFFER.search(messages[-1].text)
        options = [one.strip() for one in found["options"].split(";")] if found else []
        said = _SAID.findall(written)
        return "; ".join(settled(said, options) if found and found["several"] else said)

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Return the loss: a mean over the questions, each a mean over the answers that it offers."""
        packed = ConversationBatch.of(batch)
        learnt = last_answers(packed.labels)
        before = (learnt.long().cummax(dim=1).values == 0) & (packed.segments > 0)
        choice = self.model.choose(packed.input_ids, before, packed.views, packed.layouts)
        targets = offered(packed.input_ids * learnt, self.model.config)
        weights = packed.weights.max(dim=1).values
        loss = (answer_loss(choice, targets) * weights).mean()
        parts = {"answer_loss": loss}
        if self.settings.align_weight and len(targets) > 1:
            parts["align_loss"] = self._alignment(choice, packed.input_ids * before)
            loss = loss + self.settings.align_weight * parts["align_loss"]
        count = learnt.sum().float().clamp(min=1)
        right = (choice.said() == targets).all(dim=1)
        levels = {
            f"level_{level + 1}": right[choice.level == level].float().mean()
            for level in range(len(LEVEL_PROMPTS))
            if bool((choice.level == level).any())
        }
        own = {"loss": loss, "loss_sum": loss * count, "answer_tokens": count, "token_accuracy": right.float().mean()}
        return {**own, **parts, **levels}

    def _alignment(self, choice: Choice, read: Tensor) -> Tensor:
        """Contrast of images with the words that are asked of them; equal words are all right."""
        _, groups = torch.unique(read, dim=0, return_inverse=True)
        image, text = unit(self.align_image(choice.image)), unit(self.align_text(choice.text))
        loss: Tensor = contrast(image, text, logit_scale=1 / _TEMPERATURE, targets=Targets(groups=groups)).loss
        return loss


METHOD, SETTINGS = HicaVqa, HicaVqaConfig


def build(settings: HicaVqaConfig, model: ChoosingModel) -> HicaVqa:
    """Build the method on a model that chooses among answers.

    Raises:
        ConfigError: the model is of another kind.
    """
    if not isinstance(model, ChoosingModel):
        raise ConfigError("hica_vqa needs model.fusion cross or joined, and a text encoder such as bert")
    return HicaVqa(settings, model)


def answer_loss(choice: Choice, targets: Tensor) -> Tensor:
    """Binary cross-entropy of the offered answers of each question, their mean, (R,).

    Args:
        choice: of the model.
        targets: True for the right answers, (R, A).
    """
    each = functional.binary_cross_entropy_with_logits(choice.logits.float(), targets.float(), reduction="none")
    return (each * choice.offered).sum(dim=1) / choice.offered.sum(dim=1)


def settled(said: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the answers to a question with several: what stands for none is said where, and only where, none is."""
    nothing = next((option for option in options if option in NOTHING), None)
    if not said:
        return [nothing] if nothing else []
    return [one for one in said if one != nothing or len(said) == 1]


def _tokens(found: re.Match[str]) -> str:
    listed = "".join(ANSWER.format(option.strip()) for option in found["options"].split(";"))
    return f"{SEVERAL if found['several'] else ''}{listed}"
