"""MGCA: images and reports aligned at three levels: pair, token and disease.

Paper: Wang et al., NeurIPS 2022, arXiv 2210.06044. Code: HKU-MedAI/MGCA, no licence file.
New: beside the contrast of pairs (ITA), each word finds what it gathered from the patches among what the other
words gathered, and each patch likewise (CTA); and the balanced code of one side over shared prototypes is predicted
from the other side (CPA).
Differs here: words carry their own attention, padding words are no negatives and leave the batch norm alone, and what
a patch gathered has unit norm: variant "release" does as the authors' code instead. The pairs of all processes are
contrasted with each other. A ResNet's parts are the places of its last map, not of its third stage; the code's unused
attention layers are not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.views import Pair, ViewConfig
from vesalius.data.words import word_numbers
from vesalius.errors import DataError
from vesalius.methods.base import (
    Batch,
    Method,
    MethodConfig,
    Representations,
    batch_share,
    keys_of,
    of_all,
    own_rows,
    spoken,
)
from vesalius.models.dual import DualEncoder
from vesalius.models.exact import unit
from vesalius.models.pooling import ProjectionHead
from vesalius.objectives.contrastive import ContrastConfig, contrast
from vesalius.objectives.local import attend, part_contrast, sum_words, trimmed_weights
from vesalius.objectives.prototypes import sinkhorn, swapped_prediction
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "MGCA", "PAPER", "SETTINGS", "MGCAConfig", "MGCAView", "build"]

# B batch, L tokens, W words, P patches, F width of an encoder, D joint width, K prototypes

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_hidden=128",
    "model.projection_dim=64",
    "model.text_length=64",
)
"""Encoders for pictures of 64 pixels."""
_PUBLISHED = "CheXpert linear probe, ViT-B/16, 1 % of labels, all three levels: AUC 88.8 (from memory)"

PAPER = Paper(
    slug="mgca",
    title="Multi-Granularity Cross-modal Alignment for Generalized Medical Visual Representation Learning",
    year=2022,
    arxiv="2210.06044",
    venue="NeurIPS",
    code="HKU-MedAI/MGCA, no licence file",
    claims=(
        Claim(
            name="prototypes",
            sentence="Beside pairs and tokens, prototypes of disease make better features for few labels.",
            factor="method.prototype_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published=_PUBLISHED,
            settings=_COMPACT,
            control=PositiveControl(
                sentence="A sign is woven all through the picture and named by the report, and pairs weigh a "
                "billionth: codes alone can bring pictures and words of one sign together, beside tokens.",
                data=ClaimData(plant="woven_signs"),
                settings=("method.instance_weight=1e-9",),
                task="retrieval",
                metric="mrr",
                label="image_to_text",
            ),
        ),
        Claim(
            name="tokens",
            sentence="Beside pairs, words aligned with patches make better features for few labels.",
            factor="method.token_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published=_PUBLISHED,
            settings=(*_COMPACT, "method.prototype_weight=0"),
            control=PositiveControl(
                sentence="A sign is woven all through the picture and named by the report, and pairs weigh a "
                "billionth: words that look for their patches alone can teach the encoder to tell signs.",
                data=ClaimData(plant="woven_signs"),
                settings=("method.instance_weight=1e-9", "optimisation.steps=720"),
            ),
        ),
        Claim(
            name="prototypes_alone",
            sentence="Beside pairs alone, prototypes of disease make better features for few labels.",
            factor="method.prototype_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published=_PUBLISHED,
            settings=(*_COMPACT, "method.token_weight=0"),
            control=PositiveControl(
                sentence="A sign is woven all through the picture and named by the report, and pairs weigh a "
                "billionth: codes alone can bring pictures and words of one sign together.",
                data=ClaimData(plant="woven_signs"),
                settings=("method.instance_weight=1e-9",),
                task="retrieval",
                metric="mrr",
                label="image_to_text",
            ),
        ),
    ),
)

_SIDE = 224 / 256
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class MGCAView(ViewConfig):
    """Random view with the values of the authors' code: a square of 224 cut from 256, nothing else."""

    crop: Pair | None = (_SIDE**2, _SIDE**2)


@dataclass(frozen=True, kw_only=True)
class MGCAConfig(MethodConfig):
    """Settings of MGCA; heads and pooling are the model's, and the parts' heads are made like them."""

    variant: Literal["paper", "release"] = "paper"
    """"release" does as the authors' code: each word carries the attention of its successor, padding words are
    negatives and enter the batch norm, a ViT's patches gather without unit norm, processes contrast by themselves."""
    instance_weight: float = 1.0
    """Weight λ₁ of ITA, the contrast of pairs (authors' code, command line: 1). 0 leaves it out."""
    token_weight: float = 1.0
    """Weight λ₂ of CTA, words with patches (authors' code, command line: 1; its constructor says 0.7)."""
    prototype_weight: float = 1.0
    """Weight λ₃ of CPA, prototypes (authors' code, command line: 1; its constructor says 0.5)."""
    temperature: float = 0.07
    """Of the contrast of pairs (authors' code)."""
    token_temperature: float = 0.1
    """Of attention and contrast of words and patches (authors' code)."""
    prototype_temperature: float = 0.2
    """Of the prediction of codes (authors' code)."""
    both_sides: bool = True
    """Also align patches with words; the flag of the code that is called bidirectional turns this off."""
    tail: float = 0.1
    """Attention is clipped to the quantiles tail and 1 − tail of its report or image (authors' code)."""
    num_prototypes: int = 500
    """Prototypes K (paper)."""
    sinkhorn_epsilon: float = 0.05
    """Softness of the codes (authors' code)."""
    sinkhorn_rounds: int = 3
    """Rounds of balancing (authors' code)."""
    frozen_prototype_epochs: float = 1.0
    """Epochs at the start in which prototypes do not learn (authors' code)."""
    text: Literal["words", "report"] = "words"
    """"words": lower-case letters and digits only, without sentences of one word (authors' code); or the report."""
    view: MGCAView = field(default_factory=MGCAView)
    """Random view of the image (authors' code)."""

    def __post_init__(self) -> None:
        weights = ("instance_weight", "token_weight", "prototype_weight")
        for name in (*weights, "frozen_prototype_epochs", "sinkhorn_rounds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
        if not self.instance_weight and not self.prototype_weight:
            raise ValueError("instance_weight and prototype_weight are both 0: nothing would train the joint space")
        above = ("temperature", "token_temperature", "prototype_temperature", "sinkhorn_epsilon", "num_prototypes")
        for name in above:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        if not 0 <= self.tail < 0.5:
            raise ValueError(f"tail must be from 0 to below 0.5, found {self.tail}")


class MGCA(Method):
    """Alignment of pairs, of words with patches, and of codes over prototypes."""

    unshared = frozenset({"patch", "patch_weight", "word", "word_exists", "word_weight"})

    def __init__(self, settings: MGCAConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        self.released = settings.variant == "release"
        self.contrast = ContrastConfig(image_weight=1.0, text_weight=1.0)
        model.fix_temperature(settings.temperature)
        width = model.vision_head.width
        if settings.token_weight:
            self.patch_head = ProjectionHead(model.vision.width, settings=model.settings)
            self.word_head = ProjectionHead(model.text.width, settings=model.settings)
            if self.patch_head.width != self.word_head.width:
                raise ValueError("token_weight needs a projection: the encoders' widths differ")
        if settings.prototype_weight:
            self.prototypes = nn.Parameter(functional.normalize(torch.randn(settings.num_prototypes, width), dim=1))

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Return the whole report, as the authors' code cleans it where asked; what has few words stays."""
        kept = spoken(sentences)
        if self.chosen.text == "report":
            return super().words(kept, rng)
        found = [_WORD.findall(sentence.lower()) for sentence in kept]
        several = [words for words in found if len(words) > 1] or found
        return " ".join(word for words in several for word in words)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Number the words: ``word_ids`` (B, L), and ``word_exists`` (B, W), W the most words of a report."""
        if not self.chosen.token_weight:
            return {}
        numbers = word_numbers(reading.tokens)
        if self.released:
            numbers = _released_words(numbers, np.asarray(reading.tokens["attention_mask"]), length=reading.length)
            most = max(reading.length - 1, int(numbers.max()) + 1)
        else:
            most = max(1, int(numbers.max()) + 1)
        return {"word_ids": numbers, "word_exists": np.arange(most) <= numbers.max(axis=1, keepdims=True)}

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of both sides, and with CTA their parts with the weights of these."""
        parts = bool(self.chosen.token_weight)
        ids, mask = batch["input_ids"], batch["attention_mask"]
        image = self.model.encode_image(batch["pixel_values"], local=parts, project=False, attention=parts)
        text = self.model.encode_text(ids, mask, local=parts, project=False, attention=parts)
        out = {"image": image.joint, "text": text.joint}
        if not parts:
            return out
        if "word_ids" not in batch:
            raise DataError("MGCA needs word_ids and word_exists in the batch: give its `annotate` to the collator")
        owner, exists = batch["word_ids"], batch["word_exists"]
        assert image.attention is not None
        assert text.tokens is not None
        assert text.attention is not None
        everywhere = torch.ones_like(image.attention, dtype=torch.bool)
        return {
            **out,
            "patch": unit(self.patch_head(image.tokens)),
            "patch_weight": trimmed_weights(image.attention, everywhere, tail=self.chosen.tail),
            "word": self._words(sum_words(text.tokens, owner, count=exists.shape[1]), exists),
            "word_exists": exists,
            "word_weight": self._word_weight(text.attention, owner, exists),
        }

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of the levels, and each of those that has a weight: instance, token, prototype."""
        chosen = self.chosen
        parts = {}
        if chosen.instance_weight:
            parts["instance"] = contrast(
                representations["image"],
                representations["text"],
                logit_scale=self.model.scale(),
                settings=self.contrast,
                keys=None if self.released else keys_of(representations),
            ).loss
        share = batch_share(representations, "image")
        if chosen.token_weight:
            parts["token"] = share * self._token_loss(representations)
        if chosen.prototype_weight:
            parts["prototype"] = share * self._prototype_loss(representations)
        weights = {name: getattr(chosen, f"{name}_weight") for name in parts}
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def after_backward(self) -> None:
        """Drop the prototypes' gradients in the first epochs."""
        if self.chosen.prototype_weight and self.progress.epoch < self.chosen.frozen_prototype_epochs:
            self.prototypes.grad = None

    def _words(self, summed: Tensor, exists: Tensor) -> Tensor:
        """Summed tokens (B, W, F) to unit-norm words (B, W, D); a word that does not exist is 0."""
        if self.released:
            return unit(self.word_head(summed))
        made = unit(self.word_head(summed[exists]))
        return made.new_zeros((*exists.shape, made.shape[-1])).index_put((exists,), made)

    def _word_weight(self, looks: Tensor, owner: Tensor, exists: Tensor) -> Tensor:
        """Attention to the tokens (B, L) to weights of the words (B, W)."""
        if not self.released:
            return trimmed_weights(sum_words(looks, owner, count=exists.shape[1]), exists, tail=self.chosen.tail)
        successor = functional.pad(looks[:, 1:], (0, 1))
        attention = sum_words(successor, owner, count=exists.shape[1])
        return trimmed_weights(attention, attention > 0, tail=self.chosen.tail)

    def _token_loss(self, representations: Representations) -> Tensor:
        """CTA: words with what they gather from patches, and the other way round; a report without words gives 0."""
        patch, word, exists = (representations[name] for name in ("patch", "word", "word_exists"))
        temperature = self.chosen.token_temperature
        loss = part_contrast(
            word,
            unit(attend(word, patch, temperature=temperature)),
            weight=representations["word_weight"].detach(),
            temperature=temperature,
            mask=None if self.released else exists,
        )
        if not self.chosen.both_sides:
            return loss
        gathered = attend(patch, word, temperature=temperature, mask=exists)
        if not (self.released and self.model.settings.vision_pool == "cls"):
            gathered = unit(gathered)
        weight = representations["patch_weight"].detach() * exists.any(dim=1, keepdim=True)
        return loss + part_contrast(patch, gathered, weight=weight, temperature=temperature)

    def _prototype_loss(self, representations: Representations) -> Tensor:
        """CPA: codes are balanced over the rows of all processes."""
        with torch.no_grad():
            self.prototypes.copy_(functional.normalize(self.prototypes, dim=1))
        scores, codes = [], []
        for side in ("image", "text"):
            scores.append(representations[side] @ self.prototypes.T)
            every = of_all(representations, side).detach() @ self.prototypes.T
            code = sinkhorn(every, epsilon=self.chosen.sinkhorn_epsilon, rounds=self.chosen.sinkhorn_rounds)
            codes.append(own_rows(representations, code))
        return swapped_prediction(
            *scores, image_codes=codes[0], text_codes=codes[1], temperature=self.chosen.prototype_temperature
        )


def _released_words(numbers: NDArray[np.int64], mask: NDArray[np.int64], *, length: int) -> NDArray[np.int64]:
    """Number the words as the authors' code does, (B, L): [SEP] is a word, too.

    A report that fills all of the tokens never meets its [SEP], and its last word is lost.
    """
    out = numbers.copy()
    for row, real in enumerate(mask.sum(axis=1)):
        last = int(numbers[row].max())
        if real == length:
            out[row, numbers[row] == last] = -1
        else:
            out[row, real - 1] = last + 1
    return out


METHOD = MGCA
SETTINGS = MGCAConfig


def build(settings: MGCAConfig, model: DualEncoder) -> MGCA:
    """Put the method around a model."""
    return MGCA(settings, model)
