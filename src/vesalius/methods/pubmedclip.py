"""PubMedCLIP: all of a pretrained CLIP fine-tuned on medical figures and their captions.

Paper: Eslami et al., Findings of EACL 2023 (preprint 2021), arXiv 2112.13906. Code: sarahESL/PubMedCLIP, MIT.
New: CLIP's own loss, half image → text and half text → image, on captions of medical literature.
Differs here: captions are read whole, up to the text encoder's length; a last, smaller batch works. What the
release does instead are the settings `release_scale` and `caption_characters` (recipe pubmedclip/release).
Questions: the paper puts the encoder into two pipelines, MEVF and QCR, in the place of a meta-learned one: its vector
beside the code of an autoencoder, then bilinear or stacked attention over the question's words. They are the heads
"mevf" and "qcr" of `vesalius finetune --protocol vqa`, for any encoder; validation chooses there, where the release
keeps the epoch that is best on the test questions. `answer_weights` renames weights of its pipelines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vesalius.data import views
from vesalius.data.views import Pair, ViewConfig
from vesalius.errors import CheckpointError
from vesalius.methods.base import Method, MethodConfig, Representations, keys_of
from vesalius.models.convert import Rule, renamed
from vesalius.models.dual import DualEncoder
from vesalius.objectives.contrastive import contrast
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl

__all__ = [
    "METHOD",
    "PAPER",
    "RELEASE_FACTOR",
    "SETTINGS",
    "PubMedCLIP",
    "PubMedCLIPConfig",
    "PubMedCLIPView",
    "answer_weights",
    "build",
]

_COMPACT = (
    "model.vision=resnet",
    "model.vision_depth=18",
    "model.vision_width=128",
    "model.width=64",
    "model.depth=2",
)
"""Encoders for pictures of 64 pixels; half a minute a run on one core."""

PAPER = Paper(
    slug="pubmedclip",
    title="PubMedCLIP: How Much Does CLIP Benefit Visual Question Answering in the Medical Domain?",
    year=2023,
    arxiv="2112.13906",
    venue="Findings of EACL",
    code="sarahESL/PubMedCLIP, MIT",
    claims=(
        Claim(
            name="pairs",
            sentence="CLIP's training on medical images with their own captions makes a better image encoder.",
            factor=PLANT,
            on="",
            off="shuffled_texts",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="up to 3 points of VQA accuracy over MAML (VQA-RAD, SLAKE)",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="A sign at a random place is named by each caption and is all that is asked for.",
                data=ClaimData(plant="signs"),
            ),
        ),
        Claim(
            name="captions",
            sentence="A caption read whole teaches more than its first 77 characters, which the release reads.",
            factor="method.caption_characters",
            on=None,
            off=77,
            task="retrieval",
            metric="mrr",
            label="image_to_text",
            published="not measured; the authors' code cuts captions before they are tokenised",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The caption names the sign after more than 77 characters: the cut caption never tells it.",
                data=ClaimData(plant="signs_told_late"),
                task="linear_probe",
                metric="auroc",
                label="macro",
                subset=0.1,
            ),
        ),
    ),
)


RELEASE_FACTOR = exp(0.01) / exp(0.07)
"""What the released code multiplies the logits by, beside CLIP's own scale: about 0.9418."""


@dataclass(frozen=True, kw_only=True)
class PubMedCLIPView(ViewConfig):
    """Random view with the values of the authors' code; a recipe that names one step leaves the others so."""

    crop: Pair | None = (0.08, 1.0)
    ratio: Pair | None = (3 / 4, 4 / 3)
    flip: float = 0.5


@dataclass(frozen=True, kw_only=True)
class PubMedCLIPConfig(MethodConfig):
    """Settings of the fine-tuning; the temperature is the model's own, learned one."""

    release_scale: bool = False
    """Multiply the logits by exp(0.01) / exp(0.07), as the released code does."""
    caption_characters: int | None = None
    """Cut captions after so many characters and write them in compatibility form (NFKD); the release: 77."""
    view: PubMedCLIPView = field(default_factory=PubMedCLIPView)
    """Random view of the image (released code: random resized crop and mirror image)."""

    def __post_init__(self) -> None:
        if self.caption_characters is not None and self.caption_characters < 1:
            raise ValueError(f"caption_characters must be at least 1, found {self.caption_characters}")


class PubMedCLIP(Method):
    """CLIP's contrast between a figure and its caption."""

    def __init__(self, settings: PubMedCLIPConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Return the whole caption, or the beginning that the release reads."""
        caption = super().words(sentences, rng)
        if self.chosen.caption_characters is None:
            return caption
        return unicodedata.normalize("NFKD", caption[: self.chosen.caption_characters])

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return half of image → text and half of text → image, and both parts."""
        scale = self.model.scale()
        value = contrast(
            representations["image"],
            representations["text"],
            logit_scale=scale * RELEASE_FACTOR if self.chosen.release_scale else scale,
            keys=keys_of(representations),
        )
        return {
            "loss": value.loss,
            "image_to_text": value.image_to_text,
            "text_to_image": value.text_to_image,
            "logit_scale": scale.detach(),
        }


_LAYER = r"(bias|weight_[gv])"
_QUESTION: tuple[Rule, ...] = (
    (r"w_emb\.emb\.weight", r"head.question.words.weight"),
    (r"w_emb\.emb_\.weight", r"head.question.neighbours.weight"),
    (r"q_emb\.rnn\.(.+)", r"head.question.recurrent.\1"),
    (r"(?:ae|ae_v_emb)\.((?:tran_)?conv\d\..+)", r"autoencoder.\1"),
    (r"convert\.(.+)", r"autoencoder.convert.\1"),
    (r"(?:clip|clip_v_emb)\..+", None),
    (r"bbn_classifier\..+", None),
)


def _bilinear(before: str, after: str, ours: str) -> tuple[Rule, ...]:
    """Rules for one bilinear attention, whose parts have these two prefixes."""
    return (
        (rf"{before}logits\.v_net\.main\.1\.{_LAYER}", rf"{ours}.attention.image.1.\1"),
        (rf"{before}logits\.q_net\.main\.1\.{_LAYER}", rf"{ours}.attention.text.1.\1"),
        (rf"{before}logits\.h_mat_([gv])", rf"{ours}.attention.maps.weight_\1"),
        (rf"{before}logits\.h_bias", rf"{ours}.attention.maps.bias"),
        (rf"{after}b_net\.(\d+)\.v_net\.main\.1\.{_LAYER}", rf"{ours}.pools.\1.image.1.\2"),
        (rf"{after}b_net\.(\d+)\.q_net\.main\.1\.{_LAYER}", rf"{ours}.pools.\1.text.1.\2"),
        (rf"{after}q_prj\.(\d+)\.main\.1\.{_LAYER}", rf"{ours}.adds.\1.1.\2"),
    )


def _perceptron(prefix: str, ours: str) -> tuple[Rule, ...]:
    """Rules for what is made of a question alone."""
    return (
        (rf"{prefix}w_emb\.emb\.weight", f"{ours}.question.words.weight"),
        (rf"{prefix}q_emb\.rnn\.(.+)", rf"{ours}.question.recurrent.\1"),
        (rf"{prefix}q_final\.attn\.(.+)", rf"{ours}.sum.attention.\1"),
        (rf"{prefix}q_final\.(\w+_gate\..+)", rf"{ours}.sum.\1"),
        *((rf"{prefix}f_fc{number + 1}\.(.+)", rf"{ours}.layers.{number}.\1") for number in range(3)),
    )


_STACKED: tuple[Rule, ...] = (
    (r"v_att\.fc11\.(.+)", r"head.attention.asks.0.\1"),
    (r"v_att\.fc12\.(.+)", r"head.attention.sees.0.\1"),
    (r"v_att\.fc13\.(.+)", r"head.attention.looks.0.\1"),
    (r"v_att\.layers\.0\.(.+)", r"head.attention.asks.1.\1"),
    (r"v_att\.layers\.1\.(.+)", r"head.attention.sees.1.\1"),
    (r"v_att\.layers\.2\.(.+)", r"head.attention.looks.1.\1"),
)

_ANSWER_KEYS: Mapping[str, tuple[Rule, ...]] = {
    "mevf": (
        *_QUESTION,
        *_bilinear(r"v_att\.", "", "head.attention"),
        *_STACKED,
        (rf"classifier\.main\.(\d)\.{_LAYER}", r"head.answers.\1.\2"),
    ),
    "qcr": (
        *_QUESTION,
        *_bilinear(r"close_att\.", r"close_resnet\.", "head.branches.0"),
        *_bilinear(r"open_att\.", r"open_resnet\.", "head.branches.1"),
        (rf"close_classifier\.main\.(\d)\.{_LAYER}", r"head.answers.0.\1.\2"),
        (rf"open_classifier\.main\.(\d)\.{_LAYER}", r"head.answers.1.\1.\2"),
        *_perceptron(r"typeatt\.", "head.factors"),
    ),
    "type_classifier": _perceptron("", "head.kind"),
}


def answer_weights(state: Mapping[str, Tensor], pipeline: str) -> dict[str, Tensor]:
    """Rename the weights of a published pipeline to those of the protocol "vqa"; the image encoder's are left out.

    Args:
        state: by the authors' names.
        pipeline: "mevf", "qcr", or "type_classifier", which "qcr" keeps in a file of its own.

    Raises:
        CheckpointError: no such pipeline, or keys are unknown; they are named.
    """
    if pipeline not in _ANSWER_KEYS:
        raise CheckpointError(f"no pipeline {pipeline!r}: {', '.join(_ANSWER_KEYS)}")
    found = renamed(state, _ANSWER_KEYS[pipeline], where=f"PubMedCLIP, {pipeline}")
    out = {}
    for name, value in found.items():
        if ".attention.maps." in name and value.ndim:
            value = value.reshape(value.shape[1], -1) if name.endswith("_v") else value.reshape(-1)
        place = name.replace(".weight_g", ".parametrizations.weight.original0")
        out[place.replace(".weight_v", ".parametrizations.weight.original1")] = value
    return out


METHOD = PubMedCLIP
SETTINGS = PubMedCLIPConfig


def build(settings: PubMedCLIPConfig, model: DualEncoder) -> PubMedCLIP:
    """Put the method around a model."""
    return PubMedCLIP(settings, model)
