"""Settings of a vision-language model, the recipe's section `model` of methods that converse. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vesalius.config import Config
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.reduction import ReductionConfig
from vesalius.models.vlm.view_settings import ViewSettings

__all__ = ["VisionLanguageConfig"]

_VISION = ("vit", "resnet")
_LANGUAGE = {"llama": ("words",), "t5": ("gated",), "bert": ("cross", "joined")}
"""Compact language models, and the fusions that each goes with."""


@dataclass(frozen=True, kw_only=True)
class VisionLanguageConfig(Config):
    """What the vision encoder, the connector and the language model are, or which whole model stands for them."""

    base: str = ""
    """A whole model of transformers (Qwen-VL, LLaVA, InternVL, …), "hf:" and a hub id ("@revision" may follow) or a
    folder: then nothing else of this section but what begins with `base_`, `planes`, `pretrained`, `adapters` and
    `context` counts."""
    base_options: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the base's configuration that are to be otherwise, such as text_config."""
    base_precision: Literal["fp32", "bf16", "4bit"] = "fp32"
    """How a base's weights are held: "bf16" where few of them learn, "4bit" (QLoRA, on CUDA) where none do."""
    planes: int = 8
    """Slices of a volume or frames of a clip that a base is shown as pictures."""
    adapters: str = ""
    """Run or model folder with adapters that were trained on this very model; they are merged into it first."""

    start: str = ""
    """Run or model folder of ours whose weights, tokenizer and whole section this model starts from: then nothing
    else of this section but `adapters` counts."""

    vision: str = "vit"
    """"vit", "resnet", or "hf:" with a hub id ("@revision" may follow), a folder or a model type."""
    vision_options: Mapping[str, Any] = field(default_factory=dict)
    vision_from: str = ""
    """Run or folder of a trained dual encoder whose vision encoder this model starts from; it must fit."""
    vision_layer: int = -1
    """Layer whose tokens are read: -1 is the last; -2, as in LLaVA, drops the last one and the norm after it."""
    language: str = "llama"
    """"llama" (compact, from random weights; t5 and bert by `fusion`), or "hf:" and the same choices."""
    language_options: Mapping[str, Any] = field(default_factory=dict)
    pretrained: bool = True
    """Load the weights of what is named by hub id or folder; a bare model type starts at random."""

    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    fusion: Literal["words", "gated", "cross", "joined"] = "words"
    """Where media come in: "words" in the places of image tokens; "gated" into the states of a language model that
    reads with an encoder and writes with a decoder, through a gate; "cross" and "joined" in a model that chooses
    among known answers: media ask the words, or both look at themselves together."""
    level_heads: bool = True
    """A head of answers for each level of questions, in a model that chooses; else one for all."""
    views: ViewSettings = field(default_factory=ViewSettings)
    reduction: ReductionConfig | None = None
    """Fewer tokens of volumes and clips, decided by their pixels; none where not given."""

    patch: int | tuple[int, ...] = 16
    """Patch of the compact ViT."""
    vision_width: int = 128
    vision_depth: int | None = None
    """Blocks, or layers of a ResNet; 4 and 10 where not given."""
    vision_heads: int | None = None
    vision_stages: int = 4
    """Stages of a ResNet, 1 to 4."""
    language_width: int = 192
    language_depth: int = 4
    language_heads: int | None = None
    """Attention heads; one for every 32 of the width where not given."""
    vocabulary: int = 4000
    """Most tokens of a tokenizer that is trained on the corpus."""
    context: int = 2048
    """Most tokens of a conversation, image tokens included."""

    def __post_init__(self) -> None:
        known = (("vision", _VISION), ("language", _LANGUAGE))
        for side, names in known:
            name = getattr(self, side)
            if name not in names and not (name.startswith("hf:") and len(name) > 3):
                raise ValueError(
                    f"{side} {name!r} is unknown; expected {', '.join(names)} or hf:<id, folder or type>"
                )
        if not self.base and self.fusion not in _LANGUAGE.get(self.language, (self.fusion,)):
            expected = " or ".join(_LANGUAGE[self.language])
            raise ValueError(f"language {self.language!r} goes with fusion {expected}, found {self.fusion!r}")
        if self.base and not (self.base.startswith("hf:") and len(self.base) > 3):
            raise ValueError(f"base {self.base!r} is unknown; expected hf:<id or folder>")
        if self.vision_layer >= 0:
            raise ValueError(f"vision_layer {self.vision_layer} must be counted from the end: -1, -2, …")
        for name in ("vision_width", "language_width", "language_depth", "vocabulary", "context", "planes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        if self.language_width % self.heads:
            raise ValueError(f"language_width {self.language_width} cannot be shared by {self.heads} heads")
        self.tower  # noqa: B018 - the vision encoder's own checks

    @property
    def view_size(self) -> int | tuple[int, ...]:
        """Rows and columns of a view, or slices, rows and columns where volumes are not cut into slices."""
        return self.views.volume.shape or self.views.size

    @property
    def heads(self) -> int:
        """Attention heads of the compact language model."""
        return self.language_heads or max(1, self.language_width // 32)

    @property
    def tower(self) -> DualEncoderConfig:
        """The vision encoder's settings in the words of a dual encoder, whose encoders these are."""
        return DualEncoderConfig(
            vision=self.vision,
            vision_options=self.vision_options,
            pretrained=self.pretrained,
            image_size=self.view_size,
            channels=self.views.channels,
            patch=self.patch,
            vision_width=self.vision_width,
            vision_depth=self.vision_depth,
            vision_heads=self.vision_heads,
            vision_stages=self.vision_stages,
        )
