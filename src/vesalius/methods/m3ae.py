"""M3AE: hidden pixels and hidden words are rebuilt from each other by an encoder that reads image and text together.

Paper: Chen et al., MICCAI 2022, arXiv 2209.07098. Code: zhjohnchan/M3AE, no licence file; on METER and ViLT.
New: three tasks see the pair in three ways. A quarter of the patches and the whole text give back the pixels (MIM),
from the middle of the fusion; the whole image and 85 % of the words give back the others (MLM), from its end; both
whole say whether they belong together (ITM).
Differs here: each side is encoded whole once and masked once, where the authors' three passes encode six times;
without dropout the numbers are equal. MIM runs the layers up to the middle alone, MLM leaves the image stream out of
the last. Whole words are hidden with any tokenizer. A negative image is another study's, and never one with the same
text; variant "release" hides single tokens and may draw the own image as a negative, as the code does. What is masked
follows from study and step, so that a piece of a batch sees what the whole would. Encoders that cannot drop patches
see them grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vesalius.methods._fused import FusedConfig, FusedMethod
from vesalius.methods.base import Batch, Representations, batch_share
from vesalius.models.convert import load_whole
from vesalius.models.dual import DualEncoder
from vesalius.models.fusion.published import published_state
from vesalius.objectives.matching import Pairing
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["M3AE", "METHOD", "PAPER", "SETTINGS", "M3AEConfig", "build", "load_published"]

# B batch, L tokens

_COMPACT = (
    "model.width=64",
    "model.depth=2",
    "model.text_length=48",
    "method.layers=2",
    "method.middle=1",
    "method.decoder_depth=1",
    "optimisation.lr=0.002",
)
"""Encoders and fusion for pictures of 64 pixels, and a rate at which narrow ones rebuild pixels in 240 steps."""

PAPER = Paper(
    slug="m3ae",
    title="Multi-Modal Masked Autoencoders for Medical Vision-and-Language Pre-Training",
    year=2022,
    arxiv="2209.07098",
    venue="MICCAI",
    code="zhjohnchan/M3AE, no licence file",
    claims=(
        Claim(
            name="pixels",
            sentence="Beside hidden words and matching, rebuilding hidden pixels makes better features.",
            factor="method.pixel_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="VQA-RAD, SLAKE, MedVQA-2019: accuracy 77.0 / 83.2 / 79.9 with all three (from memory)",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="Each patch tells what all others show, and no report does: to rebuild them is to know the "
                "sign that is woven in and where it begins; pictures alike in both come to lie near each other.",
                data=ClaimData(plant="woven_signs_untold"),
                task="knn",
                subset=0.1,
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class M3AEConfig(FusedConfig):
    """Settings of M3AE: those of the skeleton, whose three weights are 1 (paper)."""

    variant: Literal["paper", "release"] = "paper"
    """"release" hides tokens instead of words and may draw the own image as a negative, as the authors' code does."""


class M3AE(FusedMethod):
    """Masked pixels, masked words and matching on co-attention streams."""

    def __init__(self, settings: M3AEConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings

    def units(self, batch: Batch) -> Tensor:
        """Return what is hidden as one, (B, L): words; in the release single tokens."""
        words = super().units(batch)
        if self.chosen.variant == "paper":
            return words
        return torch.where(words >= 0, torch.arange(words.shape[1], device=words.device), words)

    def pairs(self, made: Representations) -> Pairing:
        """Draw which image goes with each text; in the release a wrong one may be the own."""
        if self.chosen.variant == "paper":
            return super().pairs(made)
        count, chance = len(made["index"]), self.pair_chance(made)
        label = (torch.randperm(count, generator=chance) < count // 2).long()
        drawn = torch.randint(count, (count,), generator=chance)
        return Pairing(torch.where(label == 1, torch.arange(count), drawn), label)

    def encode(self, batch: Batch) -> Representations:
        """Tokens of both sides for matching, and each sample's errors of pixels and words."""
        chosen = self.chosen
        made = self.pair_tokens(batch, image=bool(chosen.word_weight or chosen.match_weight))
        if chosen.pixel_weight:
            made["pixel_error"] = self.patch_errors(batch, made["text_tokens"], made["text_keep"])
        if chosen.word_weight:
            made |= self.word_errors(batch, made)
        return self.carried(made)

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of the tasks, and each that has a weight: pixel, word, match."""
        parts, share = {}, batch_share(representations, "index")
        if self.chosen.pixel_weight:
            parts["pixel"] = share * representations["pixel_error"].mean()
        if self.chosen.word_weight:
            parts["word"] = self.mean_over(representations, "word_error", "num_hidden")
        if self.chosen.match_weight:
            parts["match"] = share * self.matching(representations)
        return self.weighed(parts)


def load_published(method: M3AE, state: Mapping[str, Tensor]) -> None:
    """Load the weights of the authors' checkpoint, by their names, into the method with a compact ViT and a BERT.

    The settings must be those of the checkpoint: ``vision_pool=cls``, ``embedding_norm``, ``quick_gelu``,
    ``projection=none``, 11 blocks (their transformer makes one block less than it is told), and its image size.

    Raises:
        CheckpointError: keys are unknown, missing or of another shape; they are named.
    """
    own = {name: value for name, value in method.state_dict().items() if name.startswith("model.logit_")}
    load_whole(method, {**published_state(state, where="M3AE"), **own}, where="M3AE")


METHOD = M3AE
SETTINGS = M3AEConfig


def build(settings: M3AEConfig, model: DualEncoder) -> M3AE:
    """Put the method around a model."""
    return M3AE(settings, model)
