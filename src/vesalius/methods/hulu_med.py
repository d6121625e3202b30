"""Hulu-Med: a picture, a volume and a clip are lists of patch grids, and what repeats the slice before is left out.

Paper: 2025, arXiv 2510.08668. Code: ZJUI-AI4H/Hulu-Med (Apache-2.0; model and inference, no training).
New: one encoder reads every slice and frame by itself at nearly its own size; tokens of volumes and clips are merged
two by two, and those whose pixels differ little from the slice before leave the sequence (`models.vlm.reduction`);
training goes from pictures to volumes and clips.
Differs here: the compact encoder's learned positions are interpolated to each grid, where the paper has rotary ones;
`hf:` names an encoder that has them. A volume's window is that of its file or of the recipe, not the lowest and
highest value of each slice, which would make slices differ that are alike. Slice 0 is kept whole, as the paper means
it; `reduction.unprotected` is the release, which marks it with 1.1 / 255 and so reduces it, too. Slices are apart
because each is a row of the encoder's batch: the release's plain attention adds its mask as 0 and 1 and so lets them
see each other. Frames are told apart by their order, without the words "Time x.xs:". Where a corpus has volumes
alone, the stages named in `flat` show single slices of them as pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, MediaKind
from vesalius.data.readers.video import open_clip
from vesalius.data.readers.volume import open_volume
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "HuluMed", "HuluMedConfig", "build"]

_SIGNS = ClaimData(preset="abdomen-ct", volumes=True, plant="signs")

PAPER = Paper(
    slug="hulu-med",
    title="Hulu-Med: A Transparent Generalist Model towards Holistic Medical Vision-Language Understanding",
    year=2025,
    arxiv="2510.08668",
    code="ZJUI-AI4H/Hulu-Med, Apache-2.0",
    claims=(
        Claim(
            name="reduction",
            sentence="Leaving out the tokens that repeat the slice before costs no accuracy.",
            factor="model.reduction.threshold",
            on=0.1,
            off=-1.0,
            task="corpus.long",
            metric="accuracy",
            label="all",
            direction="equal",
            margin=0.1,
            published="about 55 % fewer tokens (abstract)",
            data=_SIGNS,
            control=PositiveControl(
                sentence="All slices of a volume are the same and none is protected: without tokens that change "
                "nothing of the sign is left.",
                data=replace(_SIGNS, plant="still_signs"),
                settings=("model.reduction.unprotected=true", "model.reduction.least=0"),
                direction="lower",
            ),
        ),
        Claim(
            name="volume",
            sentence="All slices of a volume answer better than its middle one.",
            factor="model.views.volume.slices",
            on=16,
            off=1,
            task="corpus.vqa",
            metric="accuracy",
            label="all",
            data=ClaimData(preset="abdomen-ct", volumes=True),
            control=PositiveControl(
                sentence="A sign goes through a fifth of the slices, which the middle one is rarely among.",
                data=_SIGNS,
                task="corpus.long",
            ),
        ),
        Claim(
            name="pictures-first",
            sentence="Training on pictures before volumes is better than training on volumes alone.",
            factor="method.flat",
            on=["align", "pretrain"],
            off=[],
            task="corpus.long",
            metric="accuracy",
            label="all",
            data=_SIGNS,
            control=PositiveControl(
                sentence="Every slice shows the sign, and a row holds many more pictures than volumes.",
                data=replace(_SIGNS, plant="woven_signs"),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class HuluMedConfig(ConversingConfig):
    """Settings of Hulu-Med; its reduction is the model's."""

    flat: tuple[str, ...] = ()
    """Stages in which a volume or clip is shown as one of its slices or frames, drawn anew in every epoch."""


class HuluMed(ConversingMethod):
    """Every answer token alike; what is new stands in views, connector and reduction, and in what stages show."""

    settings: HuluMedConfig

    def __init__(self, settings: HuluMedConfig, model: Any):
        super().__init__(settings, model)
        self._flat = False

    def enter(self, stage: str) -> None:
        """Take notice of whether the stage shows pictures alone."""
        self._flat = stage in self.settings.flat

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation:
        """Show one slice or frame of each volume and clip, where the stage shows pictures alone."""
        if not self._flat:
            return conversation
        messages = tuple(
            replace(message, parts=tuple(_flat(part, rng) for part in message.parts))
            for message in conversation.messages
        )
        return replace(conversation, messages=messages)


METHOD, SETTINGS = HuluMed, HuluMedConfig


def build(settings: HuluMedConfig, model: VisionLanguageModel) -> HuluMed:
    """Build the method on a vision-language model."""
    return HuluMed(settings, model)


def _flat(part: str | Media, rng: np.random.Generator) -> str | Media:
    if isinstance(part, str) or part.kind == "image" or part.frame is not None:
        return part
    return replace(part, frame=int(rng.integers(_planes(part.path, part.kind))))


@lru_cache(maxsize=4096)
def _planes(path: str, kind: MediaKind) -> int:
    """Slices of a volume or frames of a clip."""
    return len(open_clip(path)) if kind == "video" else open_volume(path).shape[0]
