"""VITask: a small model of the task guides a vision-language model while it is tuned, and can be left out afterwards.

Paper: Bai et al., ICLR 2025, arXiv 2410.06456. Code: baiyang4/VITask holds a note alone; what follows is the paper's.
New: the small model's feature, the exemplar, is a token behind those of the image (exemplar prompting, EP); the
answers without it are drawn to those with it (response distribution alignment, RDA); and an answer is to be likelier
about its own image than about another one with another answer (contrastive response tuning, CRT).
Differs here: the small model is trained in a stage of the same recipe, on the same answers. Images that a response is
contrasted with are those of the same batch; where none has the same words before another answer, there is none. The
weights of the losses are not in the paper and are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from vesalius.errors import ConfigError
from vesalius.methods.conversing import ConversationBatch, ConversingConfig, ConversingMethod
from vesalius.models.dual import build_vision
from vesalius.models.pooling import pool
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vlm.model import IGNORED, AnswerLogits, VisionLanguageModel
from vesalius.models.vlm.packed import positions_in
from vesalius.models.vlm.views import Layout
from vesalius.objectives.responses import contrasted_log_probs, response_divergence
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "ViTask", "ViTaskConfig", "build"]

# R rows, L tokens of a row, M media, T tokens of a medium, E width of the exemplar, D of the words, N answer tokens

_SIGNS = ("ring", "cross", "star", "bar", "post", "stairs", "corner", "grid")
_NAMED = (f"method.classes=[{', '.join(_SIGNS)}]",)


def _claim(name: str, sentence: str, factor: str, published: str, *settings: str) -> Claim:
    """Return a claim on names of findings, whose control asks for the names of signs."""
    return Claim(
        name=name,
        sentence=sentence,
        factor=factor,
        on=1.0,
        off=0.0,
        task="corpus.vqa",
        metric="accuracy",
        label="all",
        published=published,
        settings=("optimisation.batch=8", *settings),
        data=ClaimData(questions=("what",)),
        control=PositiveControl(
            sentence="A sign is woven all through the picture: the small model learns its name soon, the frozen "
            "encoder of the large one was never trained.",
            data=ClaimData(plant="named_sign"),
            settings=_NAMED,
        ),
    )


PAPER = Paper(
    slug="vitask",
    title="From Generalist to Specialist: Adapting Vision Language Models via Task-Specific Visual Instruction "
    "Tuning",
    year=2024,
    arxiv="2410.06456",
    venue="ICLR 2025",
    code="baiyang4/VITask, announced and not released",
    claims=(
        _claim(
            "exemplar",
            "With the small model's feature as a token beside the image's, names are righter.",
            "method.exemplar_weight",
            "average of MedMNIST: .847 accuracy with it, .742 without anything of the method",
            "method.align_weight=0",
            "method.contrast_weight=0",
        ),
        _claim(
            "align",
            "Drawn to the answers with the exemplar, those without it become righter.",
            "method.align_weight",
            "DermaMNIST macro F1 .585 against .499",
            "method.at_test=plain",
            "method.contrast_weight=0",
        ),
        _claim(
            "contrast",
            "Contrasted with another image, answers without the exemplar become righter.",
            "method.contrast_weight",
            "DermaMNIST macro F1 .593 against .499",
            "method.at_test=plain",
            "method.align_weight=0",
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class ViTaskConfig(ConversingConfig):
    """Settings of VITask."""

    classes: tuple[str, ...]
    """Answers that the small model tells apart; conversations with other answers teach it nothing."""
    specialist: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    """The small model's encoder, compact (paper: ViT-B of ImageNet-21k, its class token is the exemplar); it sees the
    first view of a medium."""
    exemplar_weight: float = 1.0
    """Of the answers with the exemplar (paper: 1); 0 for a model that never sees one."""
    align_weight: float = 1.0
    """α of RDA; 0 for none."""
    contrast_weight: float = 1.0
    """β of CRT; 0 for none."""
    detach: bool = True
    """RDA moves the answers without the exemplar alone (paper: else the gain vanishes)."""
    at_test: Literal["exemplar", "plain"] = "exemplar"
    """"exemplar": requests are answered with the small model; "plain": without."""
    specialist_stage: str = "specialist"
    """Stage in which the small model learns, and nothing else."""
    contrast_stage: str = "contrast"
    """Stage from which on CRT counts, and in which the exemplar's way into the words stays as it is."""

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"classes: the small model needs at least two answers, found {len(self.classes)}")
        if self.specialist.vision not in ("vit", "resnet") or self.specialist.vision_pool == "attention":
            raise ValueError("specialist: expected a compact vit or resnet, pooled by mean, max or cls")
        if min(self.exemplar_weight, self.align_weight, self.contrast_weight) < 0:
            raise ValueError("exemplar_weight, align_weight and contrast_weight must not be below 0")


class Asked(NamedTuple):
    """One conversation of a batch."""

    row: int
    segment: int
    media: range
    """Its media among those of the batch."""
    prompt: tuple[int, ...]
    """Its tokens that are not learnt, image tokens left out."""
    answer: tuple[int, ...]


class ViTask(ConversingMethod):
    """Answers with and without an exemplar, drawn together and contrasted with those about other images."""

    settings: ViTaskConfig
    words_requests: ClassVar[bool] = True
    scores: ClassVar[tuple[str, ...]] = ("exemplar_loss", "align_loss", "specialist_accuracy")

    def __init__(self, settings: ViTaskConfig, model: VisionLanguageModel):
        super().__init__(settings, model)
        self.specialist = build_vision(settings.specialist, {})
        self.head = nn.Linear(self.specialist.width, len(settings.classes))
        self.exemplar = nn.Linear(self.specialist.width, int(model.language.config.hidden_size))
        self._stage = ""
        self._classes: dict[tuple[int, ...], int] = {}

    def prepare(self, tokenizer: Any) -> None:
        """Take in how the classes are written."""
        self._classes = {
            tuple(tokenizer(name, add_special_tokens=False)["input_ids"]): number
            for number, name in enumerate(self.settings.classes)
        }

    def enter(self, stage: str) -> None:
        """Let learn what the stage says: the small model in its own alone, the exemplar's way in but the last."""
        self._stage = stage
        alone = stage == self.settings.specialist_stage
        for part in (self.specialist, self.head):
            part.requires_grad_(alone)
        self.exemplar.requires_grad_(not alone and stage != self.settings.contrast_stage and self._wants_exemplar)

    def train(self, mode: bool = True) -> ViTask:
        """Switch to training; a small model that does not learn stays as in use."""
        super().train(mode)
        if mode and not any(weight.requires_grad for weight in self.specialist.parameters()):
            self.specialist.eval()
        return self

    @property
    def _wants_exemplar(self) -> bool:
        return self.settings.exemplar_weight > 0 or self.settings.align_weight > 0

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Learn the small model, or the sum of the losses of the stage, each a mean over answer tokens."""
        packed = ConversationBatch.of(batch)
        if self._stage == self.settings.specialist_stage:
            return self._specialist_step(packed)
        media = self.model.media_tokens(packed.views, packed.layouts) if packed.views else []
        plain = self._answers(packed, media)
        weights = packed.weights[plain.row, plain.place]
        each = functional.cross_entropy(plain.logits.float(), plain.targets, reduction="none")
        parts, total = {"plain_loss": (each * weights).mean()}, (each * weights).sum()
        if self._wants_exemplar and media:
            with_exemplar = self._answers(self._widened(packed), self._with_exemplars(media, packed.views))
            told = functional.cross_entropy(with_exemplar.logits.float(), plain.targets, reduction="none")
            apart = response_divergence(plain.logits, with_exemplar.logits, detach=self.settings.detach)
            total = total + self.settings.exemplar_weight * (told * weights).sum()
            total = total + self.settings.align_weight * (apart * weights).sum()
            parts |= {"exemplar_loss": told.mean(), "align_loss": apart.mean()}
        if self._stage == self.settings.contrast_stage and self.settings.contrast_weight:
            contrast, share = self._contrast(packed, media, plain)
            total = total + self.settings.contrast_weight * (contrast * weights).sum()
            parts |= {"contrast_loss": contrast.sum() / share.sum().clamp(min=1), "contrasted": share.mean()}
        count = torch.tensor(float(max(1, len(each))), device=total.device)
        right = (plain.logits.detach().argmax(dim=-1) == plain.targets).float().sum()
        own = {"loss": total / count, "loss_sum": total, "answer_tokens": count, "token_accuracy": right / count}
        return {**own, **parts}

    def given(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Put the exemplars behind the media, unless the small model is left out."""
        if self.settings.at_test == "plain" or not self._wants_exemplar or not inputs["views"]:
            return inputs
        rows = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        wider = self._wider(rows, inputs["layouts"], left=True)
        media = self.model.media_tokens(inputs["views"], inputs["layouts"])
        return {**inputs, **wider, "media": self._with_exemplars(media, inputs["views"])}

    def _answers(self, packed: ConversationBatch, media: Sequence[Tensor]) -> AnswerLogits:
        found: AnswerLogits = self.model.answer_logits(
            packed.input_ids,
            packed.labels,
            segments=packed.segments,
            positions=packed.positions,
            views=packed.views,
            layouts=packed.layouts,
            media=media,
        )
        return found

    def _exemplars(self, views: Sequence[Tensor]) -> Tensor:
        """What the small model makes of the first view of each medium, (M, E)."""
        size = self.settings.specialist.size
        first = [
            functional.interpolate(view[:1].float(), size=size, mode="bilinear", antialias=True) for view in views
        ]
        return pool(self.specialist(torch.cat(first)), kind=self.settings.specialist.vision_pool)

    def _with_exemplars(self, media: Sequence[Tensor], views: Sequence[Tensor]) -> list[Tensor]:
        """Tokens of media (T, D) with the exemplar behind them, (T + 1, D) each."""
        with torch.no_grad():
            pooled = self._exemplars(views)
        return [
            torch.cat([tokens, one[None].to(tokens.dtype)])
            for tokens, one in zip(media, self.exemplar(pooled), strict=True)
        ]

    def _widened(self, packed: ConversationBatch) -> ConversationBatch:
        """The same rows with a place for an exemplar behind each medium."""
        names = ("input_ids", "labels", "segments", "weights")
        rows = self._wider({name: getattr(packed, name) for name in names}, packed.layouts, left=False)
        return replace(
            packed,
            input_ids=rows["input_ids"],
            labels=rows["labels"],
            segments=rows["segments"],
            weights=rows["weights"],
            positions=positions_in(rows["segments"]),
        )

    def _wider(self, rows: dict[str, Tensor], layouts: Sequence[Layout], *, left: bool) -> dict[str, Tensor]:
        """Repeat the last token of each medium once in everything that rows hold, (R, L), padding at one side."""
        places = (rows["input_ids"] == self.model.image_token).nonzero()
        ends = [end - 1 for end in accumulate(self.model.count(layout) for layout in layouts)]
        repeats = torch.ones_like(rows["input_ids"])
        repeats[places[ends, 0], places[ends, 1]] = 2
        padding = {"labels": IGNORED, "input_ids": int(self.model.language.config.pad_token_id or 0)}
        found = {}
        for name, values in rows.items():
            longer = [row.repeat_interleave(count) for row, count in zip(values, repeats, strict=True)]
            side = "left" if left else "right"
            fill = padding.get(name, 0)
            found[name] = pad_sequence(longer, batch_first=True, padding_value=fill, padding_side=side)
        return found

    def _conversations(self, packed: ConversationBatch) -> list[Asked]:
        """All conversations of a batch with their media."""
        found: list[Asked] = []
        counts, first = [self.model.count(layout) for layout in packed.layouts], 0
        for row, (ids, labels, segments) in enumerate(
            zip(packed.input_ids, packed.labels, packed.segments, strict=True)
        ):
            for segment in range(1, int(segments.max()) + 1):
                own = segments == segment
                shown, last = int((own & (ids == self.model.image_token)).sum()), first
                while shown > 0:
                    shown, last = shown - counts[last], last + 1
                learnt = own & (labels != IGNORED)
                asked = own & ~learnt & (ids != self.model.image_token)
                prompt, answer = tuple(ids[asked].tolist()), tuple(ids[learnt].tolist())
                found.append(Asked(row, segment, range(first, last), prompt, answer))
                first = last
        return found

    def _specialist_step(self, packed: ConversationBatch) -> dict[str, Tensor]:
        """Cross-entropy of the small model on the answers that are classes; the token that ends them is left out."""
        known = [(one.media[0], self._classes[one.answer[:-1]]) for one in self._conversations(packed)
                 if one.media and one.answer[:-1] in self._classes]  # fmt: skip
        if not known:
            zero = torch.stack([weight.sum() for weight in self.head.parameters()]).sum() * 0.0
            nothing = torch.zeros((), device=packed.input_ids.device)
            return {"loss": zero, "loss_sum": zero, "answer_tokens": nothing + 1, "specialist_accuracy": nothing}
        classes = torch.tensor([number for _, number in known], device=packed.input_ids.device)
        logits = self.head(self._exemplars([packed.views[place] for place, _ in known]))
        each = functional.cross_entropy(logits.float(), classes, reduction="none")
        count = torch.tensor(float(len(each)), device=logits.device)
        right = (logits.argmax(dim=-1) == classes).float().mean()
        return {"loss": each.mean(), "loss_sum": each.sum(), "answer_tokens": count, "specialist_accuracy": right}

    def _contrast(
        self, packed: ConversationBatch, media: Sequence[Tensor], plain: AnswerLogits
    ) -> tuple[Tensor, Tensor]:
        """CRT of each answer token, 0 where no image can be contrasted with, and 1 where one is, (N,) each."""
        asked = self._conversations(packed)
        other, chosen = list(media), torch.zeros_like(packed.labels, dtype=torch.bool)
        for place, one in enumerate(asked):
            negative = _negative(asked, place, media)
            if negative is not None:
                chosen[one.row] |= packed.segments[one.row] == one.segment
                for own, theirs in zip(one.media, negative.media, strict=True):
                    other[own] = media[theirs]
        share = chosen[plain.row, plain.place].float()
        if not bool(chosen.any()):
            return share, share
        against = self._answers(packed, other)
        return -contrasted_log_probs(plain.logits, against.logits, plain.targets) * share, share


METHOD, SETTINGS = ViTask, ViTaskConfig


def build(settings: ViTaskConfig, model: VisionLanguageModel) -> ViTask:
    """Build the method on a vision-language model of our parts.

    Raises:
        ConfigError: the model is of another kind.
    """
    if type(model) is not VisionLanguageModel:
        raise ConfigError("vitask puts a token among those of the image: it needs a model of our own parts")
    return ViTask(settings, model)


def _negative(asked: Sequence[Asked], place: int, media: Sequence[Tensor]) -> Asked | None:
    """Return the next conversation of the batch with the same words, as many tokens of media and another answer."""
    one = asked[place]
    sizes = [len(media[own]) for own in one.media]
    for other in (*asked[place + 1 :], *asked[:place]):
        same = other.prompt == one.prompt and [len(media[own]) for own in other.media] == sizes
        if sizes and same and other.answer != one.answer:
            return other
    return None
