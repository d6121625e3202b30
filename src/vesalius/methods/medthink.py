"""MedThink: answers to questions about images are learnt together with the reasons for them, in three orders.

Paper: Gai et al., NAACL 2025 Findings (preprint 2024), arXiv 2404.12372. Code: Tang-xiaoxiao/Medthink (Apache-2.0).
New: the reason is written after the answer (explanation), before it (reasoning), or by a model of its own whose
reason the answering model reads (two stages); a T5 takes in the image by a gate (`models.vlm.gated`).
Differs here: any vision encoder stands in for DETR's stored features, and learns if a stage says so. Both models of
the two stages start from the same weights. In the release the answer alone to open questions has no text to read
(it raises); here it is the plain question.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.methods.conversing import ConversationBatch, ConversingConfig, ConversingMethod
from vesalius.models.vlm.gated import GatedModel, last_answers
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.tasks.instructions.templates import templates

__all__ = ["METHOD", "PAPER", "SETTINGS", "MedThink", "MedThinkConfig", "build", "question_of", "stated"]

# R rows, L tokens of a row


def _claim(strategy: str, sentence: str) -> Claim:
    """Return a claim of a strategy over the answer alone, whose control asks about signs."""
    return Claim(
        name=strategy,
        sentence=sentence,
        factor="method.strategy",
        on=strategy,
        off="answer",
        task="corpus.vqa",
        metric="accuracy",
        label="all",
        published="83.5 % on R-RAD, 86.3 % on R-SLAKE, 87.2 % on R-Path (abstract, best of all strategies)",
        settings=("optimisation.batch=8",),
        data=ClaimData(questions=("all",)),
        control=PositiveControl(
            sentence="The reason, which of eight signs lies somewhere in the picture, is far harder to learn than "
            "the answer, whether it is one of four urgent ones: in so few steps the answer alone must be ahead.",
            data=ClaimData(plant="urgent_signs"),
            direction="lower",
        ),
    )


PAPER = Paper(
    slug="medthink",
    title="MedThink: Explaining Medical Visual Question Answering via Multimodal Decision-Making Rationale",
    year=2024,
    arxiv="2404.12372",
    venue="NAACL 2025 Findings",
    code="Tang-xiaoxiao/Medthink, Apache-2.0",
    claims=(
        _claim("explanation", "Learning the reason behind the answer makes answers righter than the answer alone."),
        _claim("reasoning", "Writing the reason before the answer makes answers righter than the answer alone."),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MedThinkConfig(ConversingConfig):
    """Settings of MedThink."""

    strategy: Literal["explanation", "reasoning", "two_stage", "answer"] = "explanation"
    """The reason after the answer, before it, written by a model of its own, or not at all (the baseline)."""
    rationales: Literal["generated", "gold"] = "generated"
    """What the answering model of two stages learns from: what the first one writes (paper), or the corpus's own."""
    answer_stage: str = "answer"
    """Stage of the recipe in which the answering model of two stages learns; the stages before are the writer's."""
    longest: int = 256
    """Tokens of a written reason, at most (authors' code)."""


_LETTER = re.compile(r"The answer is \(([A-Z])\)")
_OPEN_ANSWER = re.compile(r"The answer is (.+?)\.?(?: Solution:.*)?$")
_OPTION = re.compile(r"^([A-Z])\. (.+)$")
_REASONED = re.compile(r"Answer: (?P<answer>.*?)\nReason: (?P<reason>.*)", re.DOTALL)
_YES_NO = ("yes", "no")
_CLOSED = re.compile(r"(?:is|are|was|were|does|do|did|has|have|had|can|could)\b", re.IGNORECASE)
_LISTED = frozenset({"Options:", "Choose one:"})


class Question(NamedTuple):
    """A question without the words around it."""

    text: str
    options: tuple[str, ...]
    """Empty where it is open."""
    lettered: bool
    """Whether the options had letters, by which they are answered."""


class MedThink(ConversingMethod):
    """Answers and reasons, worded in the authors' forms."""

    settings: MedThinkConfig
    writer: GatedModel
    answering: Tensor
    words_requests: ClassVar[bool] = True

    def __init__(self, settings: MedThinkConfig, model: GatedModel):
        super().__init__(settings, model)
        self._suffix: list[int] = []
        self._written: dict[tuple[str, bytes], Tensor] = {}
        if settings.strategy == "two_stage":
            self.writer = _untied(copy.deepcopy(model)).requires_grad_(False)
            self.register_buffer("answering", torch.tensor(False))

    def train(self, mode: bool = True) -> MedThink:
        """Switch to training; the writer stays as in use."""
        super().train(mode)
        if self.settings.strategy == "two_stage":
            self.writer.eval()
        return self

    def prepare(self, tokenizer: Any) -> None:
        """Take in the words between a reason and the answer to it."""
        self._suffix = list(tokenizer(" Answer:", add_special_tokens=False)["input_ids"])

    def enter(self, stage: str) -> None:
        """Let the model that has learnt to write reasons be the writer, and begin the answering one anew."""
        if self.settings.strategy != "two_stage" or stage != self.settings.answer_stage or bool(self.answering):
            return
        learnt = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.writer.state_dict())
        self.writer.load_state_dict(learnt)
        self.answering.fill_(True)

    @property
    def _answers_now(self) -> bool:
        """Whether the answering model of two stages is the one that learns or is asked."""
        return self.settings.strategy == "two_stage" and bool(self.answering)

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation | None:
        """Word a question and its answer as the strategy does; where reasons alone are learnt, one is needed."""
        del rng
        found = _REASONED.fullmatch(conversation.messages[-1].text)
        answer = found["answer"] if found else conversation.messages[-1].text
        reason = _plain(found["reason"]) if found else ""
        question = question_of(conversation.messages[-2].text)
        said = stated(question, answer)
        if said is None:
            question = question._replace(options=(), lettered=False)
            said = f"The answer is {_plain(answer)}."
        if self.settings.strategy == "two_stage" and not self._answers_now and not reason:
            return None
        asked = self._source(question)
        if self._answers_now and self.settings.rationales == "gold":
            asked = f"{asked} {reason} Answer:"
        target = self._target(said, reason)
        messages = (*conversation.messages[:-2], _reworded(conversation.messages[-2], asked))
        return replace(conversation, messages=(*messages, Message(role="assistant", parts=(target,))))

    def asked(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Word the question of a request as those that were learnt."""
        return (*messages[:-1], _reworded(messages[-1], self._source(question_of(messages[-1].text))))

    def told(self, written: str, messages: tuple[Message, ...]) -> str:
        """Return the answer: an option's letter or words, or those of an open answer; nothing where none is."""
        question = question_of(messages[-1].text)
        text = _plain(written)
        if not question.options:
            found = _OPEN_ANSWER.search(text)
            return found[1].strip() if found else ""
        letters = _LETTER.findall(text)
        place = ord(letters[0]) - ord("A") if len(letters) == 1 else len(question.options)
        if place >= len(question.options):
            return ""
        return letters[0] if question.lettered else question.options[place]

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Learn every token of answer and reason alike; the answering model reads what the writer writes."""
        if self._answers_now and self.settings.rationales == "generated":
            batch = self._with_reasons(batch)
        return super().training_step(batch)

    def given(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Let the writer put its reason behind the question."""
        if not self._answers_now:
            return inputs
        rows = [row[keep.bool()] for row, keep in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
        reasons = self._reasons(rows, inputs["views"], inputs["layouts"])
        longer = [self._joined(row, reason) for row, reason in zip(rows, reasons, strict=True)]
        ids, mask = _left_padded(longer, padding=self._padding)
        return {**inputs, "input_ids": ids, "attention_mask": mask}

    def _source(self, question: Question) -> str:
        listed = " ".join(f"({chr(ord('A') + place)}) {option}" for place, option in enumerate(question.options))
        wants = "Solution:" if self.settings.strategy in ("reasoning", "two_stage") else "Answer:"
        options = f"Options: {listed} " if listed else ""
        return f"Question: {_plain(question.text)} {options}{wants}"

    def _target(self, said: str, reason: str) -> str:
        """What is to be written after the question of the strategy."""
        strategy = self.settings.strategy
        if strategy == "two_stage":
            return said if self._answers_now else reason
        if strategy == "answer" or not reason:
            return f"Answer: {said}" if strategy == "reasoning" else said
        return f"{said} Solution: {reason}" if strategy == "explanation" else f"{reason} Answer: {said}"

    @property
    def _padding(self) -> int:
        return int(self.model.language.config.pad_token_id)

    def _joined(self, row: Tensor, reason: Tensor) -> Tensor:
        return torch.cat([row, reason, row.new_tensor(self._suffix)])

    @torch.no_grad()
    def _reasons(self, rows: list[Tensor], views: Any, layouts: Any) -> list[Tensor]:
        """What the writer writes to each prompt, without the token that ends it."""
        ids, mask = _left_padded(rows, padding=self._padding)
        out = self.writer.generate(
            ids, mask, views, layouts, max_new_tokens=self.settings.longest, do_sample=False,
        )  # fmt: skip
        end = int(self.model.language.config.eos_token_id)
        found = []
        for row in out[:, 1:]:
            stops = ((row == end) | (row == self._padding)).nonzero()
            found.append(row[: int(stops[0])] if len(stops) else row)
        return found

    def _with_reasons(self, batch: Any) -> dict[str, Any]:
        """A batch whose questions are followed by what the writer wrote, as it will be when a request is answered.

        A reason is written once for each question of a study and kept.
        """
        packed = ConversationBatch.of(batch)
        learnt = last_answers(packed.labels)
        before = (learnt.long().cummax(dim=1).values == 0) & (packed.segments > 0)
        rows = [row[keep] for row, keep in zip(packed.input_ids, before, strict=True)]
        keys = [(name, row.cpu().numpy().tobytes()) for name, row in zip(batch["ids"], rows, strict=True)]
        if any(key not in self._written for key in keys):
            self._written.update(zip(keys, self._reasons(rows, packed.views, packed.layouts), strict=True))
        targets = [row[keep] for row, keep in zip(packed.input_ids, learnt, strict=True)]
        asked = [self._joined(row, self._written[key]) for row, key in zip(rows, keys, strict=True)]
        whole = [torch.cat([first, then]) for first, then in zip(asked, targets, strict=True)]
        ids, mask = _left_padded(whole, padding=self._padding)
        labels = ids.clone()
        for row, target in zip(labels, targets, strict=True):
            row[: len(row) - len(target)] = -100
        weights = packed.weights.max(dim=1, keepdim=True).values * mask
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)
        made = {"input_ids": ids, "labels": labels, "segments": mask, "positions": places, "weights": weights}
        return {**batch, **made}


METHOD, SETTINGS = MedThink, MedThinkConfig


def build(settings: MedThinkConfig, model: GatedModel) -> MedThink:
    """Build the method on an encoder-decoder that looks at media through a gate.

    Raises:
        ConfigError: the model is of another kind.
    """
    if not isinstance(model, GatedModel):
        raise ConfigError("medthink needs model.fusion=gated, and a language model such as t5")
    return MedThink(settings, model)


def question_of(worded: str) -> Question:
    """Return question and options of a turn, without the sentences that say how to answer.

    A question without options is closed where it is asked for a yes or no, or begins as such questions do.
    """
    forms, closed = _forms()
    options, kept, yes_no = [], [], False
    for line in worded.strip().splitlines():
        found = _OPTION.fullmatch(line.strip())
        if found:
            options.append(found[2])
        elif line.strip() in closed:
            yes_no = True
        elif line.strip() not in forms | _LISTED:
            kept.append(line.strip())
    text = " ".join(kept)
    if options:
        return Question(text, tuple(options), True)
    return Question(text, _YES_NO if yes_no or _CLOSED.match(text) else (), False)


def stated(question: Question, answer: str) -> str | None:
    """Return the sentence of the answer, by an option's letter or in words; None where no option is meant."""
    answer = _plain(answer)
    if not question.options:
        return f"The answer is {answer}."
    if question.lettered and len(answer) == 1 and 0 <= ord(answer) - ord("A") < len(question.options):
        return f"The answer is ({answer})."
    names = [option.lower() for option in question.options]
    if answer.lower() not in names:
        return None
    return f"The answer is ({chr(ord('A') + names.index(answer.lower()))})."


def _forms() -> tuple[frozenset[str], frozenset[str]]:
    """Sentences of our templates that say how to answer; those that ask for yes or no apart."""
    known = templates()
    kinds = ("vqa_choice", "vqa_multi_choice", "vqa_number", "vqa_open")
    forms = frozenset(form for kind in kinds for form in known.get(kind, "en").form)
    closed = frozenset(form for kind in ("vqa_closed", "presence") for form in known.get(kind, "en").form)
    return forms, closed


def _plain(text: str) -> str:
    """One space where there was any white space: the line break before "Solution:" is lost in training as well."""
    return " ".join(text.split())


def _reworded(message: Message, text: str) -> Message:
    """The same turn with other words behind its media."""
    return replace(message, parts=(*message.media, text))


def _left_padded(rows: list[Tensor], *, padding: int) -> tuple[Tensor, Tensor]:
    """Return rows and mask (R, L), padded at the left."""
    longest = max(len(row) for row in rows)
    ids = torch.stack([torch.cat([row.new_full((longest - len(row),), padding), row]) for row in rows])
    lengths = torch.tensor([len(row) for row in rows], device=ids.device)
    mask = torch.arange(longest, device=ids.device) >= longest - lengths[:, None]
    return ids, mask.long()


def _untied(module: GatedModel) -> GatedModel:
    """Give every weight that stands at two places a copy at the second, so that each is stored by its name."""
    seen: set[int] = set()
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            if id(weight) in seen:
                setattr(part, name, nn.Parameter(weight.detach().clone(), requires_grad=False))
            seen.add(id(weight))
    return module
