"""PA-LLaVA: a small view of a pathology picture asks its large tiles, on an encoder trained on pathology.

Paper: Dai et al., BIBM 2024, arXiv 2408.09530. Code: ddw2AIGROUP2CQUPT/PA-LLaVA, no licence file (on XTuner).
New: the connector: tokens of the whole picture, resized, are the queries, those of its tiles keys and values, so that
the number of tokens does not grow with the picture (`models.vlm.connectors.tiles`). The encoder is trained before, as
the part `plip`: a contrast with a slow teacher, a queue and soft targets, and matching with hard negatives.
Differs here: the release's connector has no cross-attention (`connector.without_tiles`), and its mask leaves an empty
tile (`connector.padded_tile_seen`). The part's text encoder reads the words alone, and further layers let them look
at the patches, where the release runs one BERT twice. Hard negatives come from the own process, equal texts are none.
The queue takes any batch; the release wants one that divides it. Compact encoders have no class token, so that the
language model's encoder is the one that was trained.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vesalius.data import views
from vesalius.data.views import Pair, ViewConfig
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, batch_share, keys_of, text_numbers
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.feature_queue import FeatureQueue
from vesalius.models.fusion.reader import GroundedReader
from vesalius.models.fusion.streams import FusionConfig
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.objectives.contrastive import Keys, contrast
from vesalius.objectives.distillation import follow, ramp, soft_targets
from vesalius.objectives.masked import row_chances
from vesalius.objectives.matching import hard_negatives, matching_loss
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.registry import part

__all__ = [
    "METHOD",
    "PAPER",
    "PARTS",
    "SETTINGS",
    "PaLlava",
    "PaLlavaConfig",
    "Plip",
    "PlipConfig",
    "PlipView",
    "build",
]

# B batch, L tokens, P patches, D joint width, K rows of the queue

_SCALE = (log(2.0), log(1000.0))
"""Bounds of the learned logit scale's logarithm: temperatures of 0.5 to 0.001 (authors' code)."""

_COMPACT = ("model.views.size=32",)
"""Pictures of 64 pixels are cut into 2 × 2 tiles at their full size, and halved for the view of the whole."""
_TILES = {"model.connector.kind": "tiles", "model.connector.depth": 2, "model.views.picture.policy": "tiles"}

PAPER = Paper(
    slug="pa-llava",
    title="PA-LLaVA: A Large Language-Vision Assistant for Human Pathology Image Understanding",
    year=2024,
    arxiv="2408.09530",
    venue="BIBM",
    code="ddw2AIGROUP2CQUPT/PA-LLaVA, no licence file",
    claims=(
        Claim(
            name="connector",
            sentence="A small view of the picture that asks its tiles answers better than the small view alone.",
            factor="connector and tiles",
            on=_TILES,
            off={
                "model.connector.kind": "linear",
                "model.connector.depth": 6,
                "model.views.picture.policy": "resize",
            },
            task="corpus.vqa",
            metric="accuracy",
            label="all",
            published="in the paper's ablation of the connector; figures are pictures in the release",
            settings=_COMPACT,
            data=ClaimData(preset="pathology", questions=("all",)),
            control=PositiveControl(
                sentence="A grain of two pixels a period is in the tiles and is lost where the picture is halved.",
                data=ClaimData(preset="pathology", plant="grains"),
            ),
        ),
        Claim(
            name="overview",
            sentence="Tiles that the small view asks answer better than their mean at each place.",
            factor="model.connector",
            on={"model.connector.kind": "tiles", "model.connector.depth": 2},
            off={"model.connector.kind": "mean_tiles", "model.connector.depth": 6},
            task="corpus.vqa",
            metric="accuracy",
            label="all",
            published="an ablation of ours, after the card",
            settings=_COMPACT,
            data=ClaimData(preset="pathology", questions=("all",)),
            control=PositiveControl(
                sentence="Which quarter is bright is lost in the mean of the tiles, and the small view shows it.",
                data=ClaimData(preset="pathology", plant="bright_quarter"),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PaLlavaConfig(ConversingConfig):
    """Settings: none beside those of model and stages."""


class PaLlava(ConversingMethod):
    """Every answer token alike; what is new stands in the connector and the encoder."""

    settings: PaLlavaConfig


METHOD, SETTINGS = PaLlava, PaLlavaConfig


def build(settings: PaLlavaConfig, model: VisionLanguageModel) -> PaLlava:
    """Build the method on a vision-language model."""
    return PaLlava(settings, model)


@dataclass(frozen=True, kw_only=True)
class PlipView(ViewConfig):
    """Random view; tissue has neither top nor left. The values are not in the release."""

    crop: Pair | None = (0.5, 1.0)
    flip: float = 0.5


@dataclass(frozen=True, kw_only=True)
class PlipConfig(MethodConfig):
    """Settings of the encoder's own training; its learned temperature is the model's."""

    momentum: float = 0.995
    """m of the teacher's weights, m · teacher + (1 − m) · student once an optimiser step (authors' code)."""
    queue: int = 57_600
    """Pairs of past batches that are further negatives (authors' code)."""
    soft_share: float = 0.4
    """Share α of the teacher's belief in the targets (usual, the release is handed it); 0 is the plain contrast."""
    ramp_epochs: float = 1.0
    """Epochs in which the share grows from 0 (usual)."""
    match_weight: float = 1.0
    """Weight of matching beside the contrast."""
    layers: int = 12
    """Layers in which words look at patches (BERT-base, in each of whose layers the release's do)."""
    heads: int = 12
    dropout: float = 0.1
    view: PlipView = field(default_factory=PlipView)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, found {self.momentum}")
        if not 0 <= self.soft_share <= 1:
            raise ValueError(f"soft_share must be from 0 to 1, found {self.soft_share}")
        if min(self.queue, self.layers, self.heads) < 1:
            raise ValueError(f"queue {self.queue}, layers {self.layers} and heads {self.heads} must be at least 1")
        if min(self.ramp_epochs, self.match_weight) < 0:
            raise ValueError(
                f"ramp_epochs {self.ramp_epochs} and match_weight {self.match_weight} must not be below 0"
            )


class Plip(Method):
    """Contrast with a slow teacher over batch and queue, and matching of the most similar wrong pairs."""

    part: ClassVar[str] = "plip"
    capabilities = frozenset({"embed_image", "embed_text", "score", "similarity_map", "match"})
    unshared = frozenset({"image_tokens", "text_tokens", "text_keep", "text_number", "index"})

    def __init__(self, settings: PlipConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        self.teacher = deepcopy(model).requires_grad_(False).eval()
        self.queue = FeatureQueue(settings.queue, width=model.settings.projection_dim)
        fusion = FusionConfig(
            width=model.text.width, layers=settings.layers, heads=settings.heads, dropout=settings.dropout, middle=0
        )
        self.reader = GroundedReader(fusion, image_width=model.vision.width)
        self.reader.requires_grad_(settings.match_weight > 0)
        self._seen: list[tuple[Tensor, Tensor]] = []

    def train(self, mode: bool = True) -> Plip:
        """Set training mode for the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of student and teacher (B, D), and what matching reads."""
        image = self.model.encode_image(batch["pixel_values"], project=False)
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"], project=False)
        with torch.no_grad():
            slow_image = self.teacher.encode_image(batch["pixel_values"], local=False).joint
            slow_text = self.teacher.encode_text(batch["input_ids"], batch["attention_mask"], local=False).joint
        assert image.tokens is not None
        assert text.tokens is not None
        return {
            "image": image.joint,
            "text": text.joint,
            "teacher_image": slow_image,
            "teacher_text": slow_text,
            "image_tokens": image.tokens,
            "text_tokens": text.tokens,
            "text_keep": batch["attention_mask"],
            "text_number": text_numbers(batch["input_ids"], batch["attention_mask"]),
            "index": batch["index"],
        }

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return contrast + weight · matching, and both."""
        scale = self.scale()
        aligned = self._aligned(representations, scale)
        if not self.chosen.match_weight:
            return {"loss": aligned, "contrast": aligned.detach()}
        share = batch_share(representations, "image")
        matched = share * self._matched(representations, scale)
        total = aligned + self.chosen.match_weight * matched
        return {"loss": total, "contrast": aligned.detach(), "match": matched.detach()}

    def after_step(self) -> None:
        """Let the teacher follow, and put what it saw of the step's batches into the queue."""
        follow(self.teacher, self.model, momentum=self.chosen.momentum)
        for image, text in self._seen:
            self.queue.push(image, text)
        self._seen.clear()

    def scale(self) -> Tensor:
        """Return the inverse of the temperature, brought back between its bounds."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(*_SCALE)
        return self.model.logit_scale.exp()

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Logit (B,) that each image shows what its text says."""
        assert image.tokens is not None
        assert text.tokens is not None
        logits: Tensor = self.reader(text.tokens, image.tokens, attention_mask.bool())
        return logits[:, 1] - logits[:, 0]

    def _aligned(self, made: Representations, scale: Tensor) -> Tensor:
        """Mean of both directions, (1 − α) · InfoNCE + α · cross-entropy to the teacher, over batch and queue."""
        fixed = {name: made[name].detach() for name in made if "teacher" in name or name == "first_row"}
        keys = keys_of(fixed, image="teacher_image", text="teacher_text")
        keys = keys or Keys(image=fixed["teacher_image"], text=fixed["teacher_text"])
        # Copies: the queue moves on before the next forward pass, and the graph is made of what was there.
        keys = Keys(
            image=keys.image, text=keys.text, first=keys.first, processes=keys.processes,
            extra_image=self.queue.image.clone(), extra_text=self.queue.text.clone(),
        )  # fmt: skip
        if self.training:
            self._seen.append((keys.image, keys.text))
        share, targets = ramp(self.chosen.soft_share, step=self.progress.epoch, steps=self.chosen.ramp_epochs), None
        if share:
            texts, images = torch.cat([keys.text, self.queue.text]), torch.cat([keys.image, self.queue.image])
            sides = (fixed["teacher_image"] @ texts.T, fixed["teacher_text"] @ images.T)
            targets = soft_targets(*(scale.detach() * one for one in sides), share=share, first=keys.first)
        return contrast(made["image"], made["text"], logit_scale=scale, keys=keys, targets=targets).loss

    def _matched(self, made: Representations, scale: Tensor) -> Tensor:
        """Cross-entropy of 3 B pairs: the true ones, each text with a wrong image, each image with a wrong text."""
        similarity = scale.detach() * made["image"].detach() @ made["text"].detach().T
        chance = row_chances(made["index"].sum()[None], step=self.progress.step + 1 if self.training else 0)[0]
        texts, images = hard_negatives(similarity.cpu(), generator=chance, groups=made["text_number"])
        texts, images = texts.to(similarity.device), images.to(similarity.device)
        own = torch.arange(len(similarity), device=similarity.device)
        read, seen = torch.cat([own, own, texts]), torch.cat([own, images, own])
        logits = self.reader(made["text_tokens"][read], made["image_tokens"][seen], made["text_keep"][read].bool())
        return matching_loss(logits, (read == seen).long())


def _build_plip(settings: PlipConfig, model: DualEncoder) -> Plip:
    """Put the encoder's training around a dual encoder."""
    return Plip(settings, model)


PARTS = {"plip": part(PAPER=PAPER, SETTINGS=PlipConfig, METHOD=Plip, build=_build_plip)}
