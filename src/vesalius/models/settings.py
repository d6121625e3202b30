"""Settings of the dual encoder, the recipe's section `model`. No torch here: a recipe is checked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vesalius.config import Config

__all__ = ["RESNET_DEPTHS", "DualEncoderConfig", "Pooling"]

Pooling = Literal["mean", "max", "cls", "last", "attention"]

RESNET_DEPTHS = (10, 18, 34, 50, 101, 152)
"""Depths with a published layout, and 10: one block a stage."""

_DEPTH, _RESNET_DEPTH = 4, 10
_VISION = ("vit", "resnet")
_TEXT = ("transformer",)


@dataclass(frozen=True, kw_only=True)
class DualEncoderConfig(Config):
    """What the two encoders, their pooling and their projections are.

    `width`, `depth` and `heads` hold for both compact encoders; `vision_…` and `text_…` override one side.
    """

    vision: str = "vit"
    """"vit", "resnet", or "hf:" with a hub id ("@revision" may follow), a folder or a model type."""
    text: str = "transformer"
    """"transformer", or "hf:" and the same choices."""
    pretrained: bool = True
    """Load the weights of an "hf:" encoder named by id or folder; a bare model type starts at random."""
    vision_options: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the transformers configuration to set in an "hf:" vision encoder, such as hidden_size."""
    text_options: Mapping[str, Any] = field(default_factory=dict)

    image_size: int | tuple[int, ...] = 128
    """Rows and columns of the input; (slices or frames, rows, columns) makes the encoder 3D."""
    channels: int = 1
    patch: int | tuple[int, ...] = 16
    """Patch of the ViT in pixels or voxels, one number for all axes or one an axis."""
    text_length: int = 128
    """Most tokens of a text."""
    vocabulary: int = 2000
    """Tokens that a text encoder built here knows; the trained tokenizer's bound."""

    width: int = 128
    """Width of the features that come out; 512 with depth 18 and 2048 with depth 50 are the usual ResNets."""
    depth: int | None = None
    """Blocks of the compact transformers; 4 where not given. A ResNet goes by `vision_depth` alone."""
    heads: int | None = None
    """Attention heads; one for every 32 of the width where not given."""
    vision_width: int | None = None
    vision_depth: int | None = None
    """Blocks; of a ResNet: 10, 18, 34, 50, 101 or 152 layers, 10 where not given."""
    vision_heads: int | None = None
    vision_stages: int = 4
    """Stages of a ResNet, 1 to 4; one that is left out makes the map twice as large and the features half as wide."""
    inflated: bool = False
    """The 3D ResNet that a 2D one is inflated to: its stem sees 3 slices and keeps their number."""
    inflated_from: str = ""
    """Hub id or folder of a 2D ResNet of transformers whose weights fill the middle slices; empty for none."""
    text_width: int | None = None
    text_depth: int | None = None
    text_heads: int | None = None
    embedding_norm: bool = False
    """Layer norm after the ViT's position embedding, as in CLIP."""
    quick_gelu: bool = False
    """The ViT's perceptrons take x · σ(1.702 x) for GELU, as in CLIP."""
    causal: bool = False
    """The compact text encoder looks backwards only, as in CLIP."""

    vision_pool: Pooling = "mean"
    """What becomes of the patches: mean, max, learned attention, or cls = the encoder's own summary."""
    text_pool: Pooling = "mean"
    """What becomes of the tokens: mean, max, learned attention, cls = the encoder's own summary, last one."""
    projection: Literal["linear", "mlp", "none"] = "linear"
    """Head into the joint space: one matrix; or one hidden layer with ReLU; or nothing."""
    projection_dim: int = 128
    projection_bias: bool = False
    """The linear head adds a bias."""
    projection_hidden: int | None = None
    """Hidden width of the mlp head; the encoder's width where not given."""
    projection_norm: bool = False
    """Batch norm inside the mlp head and, without scale and shift, at its end."""

    temperature: float = 0.07
    """Softmax temperature at the start; the logit scale is its inverse."""
    learn_temperature: bool = True
    max_scale: float = 100.0
    """Bound of the learned logit scale."""
    logit_bias: float | None = None
    """Learned bias at the start, for a sigmoid objective (SigLIP starts at -10); none where not given."""

    frozen_vision_layers: int = 0
    """Blocks (stages of a convolutional network) that do not learn, and all below; -1 freezes the encoder."""
    frozen_text_layers: int = 0

    def __post_init__(self) -> None:
        self._check_names()
        self._check_numbers()
        self._check_shapes()

    @property
    def size(self) -> tuple[int, ...]:
        """Input size by axis: (rows, columns) or (slices, rows, columns)."""
        return (self.image_size,) * 2 if isinstance(self.image_size, int) else tuple(self.image_size)

    @property
    def dimensions(self) -> int:
        """2 for pictures, 3 for volumes and clips."""
        return len(self.size)

    @property
    def patches(self) -> tuple[int, ...]:
        """Patch size by axis."""
        return (self.patch,) * self.dimensions if isinstance(self.patch, int) else tuple(self.patch)

    def side(self, side: Literal["vision", "text"]) -> tuple[int, int, int]:
        """Width, depth and heads of one compact encoder, with every default filled in."""
        width: int = getattr(self, f"{side}_width") or self.width
        usual = _RESNET_DEPTH if getattr(self, side) == "resnet" else self.depth or _DEPTH
        depth = getattr(self, f"{side}_depth") or usual
        heads = getattr(self, f"{side}_heads") or self.heads or max(1, width // 32)
        return width, depth, heads

    def _check_names(self) -> None:
        for side, known in (("vision", _VISION), ("text", _TEXT)):
            name = getattr(self, side)
            if name not in known and not (name.startswith("hf:") and len(name) > 3):
                raise ValueError(
                    f"{side} {name!r} is unknown; expected {', '.join(known)} or hf:<id, folder or type>"
                )
        if self.vision_pool == "last":
            raise ValueError("vision_pool 'last' has no meaning for patches; expected mean, max, cls or attention")
        if self.vision == "resnet" and self.vision_pool == "cls":
            raise ValueError("vision_pool 'cls': a ResNet has no class token; expected mean, max or attention")
        if self.projection_norm and self.projection != "mlp":
            raise ValueError(f"projection_norm needs projection 'mlp', found {self.projection!r}")

    def _check_numbers(self) -> None:
        positive = (
            "channels",
            "text_length",
            "vocabulary",
            "width",
            "projection_dim",
            "temperature",
            "max_scale",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        if not 1 <= self.vision_stages <= 4:
            raise ValueError(f"vision_stages must be from 1 to 4, found {self.vision_stages}")
        for side in ("vision", "text"):
            if getattr(self, f"frozen_{side}_layers") < -1:
                raise ValueError(f"frozen_{side}_layers must be -1 (all) or a count")
            width, depth, heads = self.side(side)
            if getattr(self, side) == "resnet":
                if depth not in RESNET_DEPTHS:
                    raise ValueError(f"a ResNet has one of {RESNET_DEPTHS} layers, found {depth}")
            elif getattr(self, side) in (*_VISION, *_TEXT) and width % heads:
                raise ValueError(f"{side}: width {width} cannot be shared by {heads} heads")

    def _check_shapes(self) -> None:
        if self.dimensions not in (2, 3) or min(self.size) < 1:
            raise ValueError(f"image_size must be one number, or 2 or 3 of them, found {self.image_size}")
        if self.inflated and (self.vision, self.dimensions) != ("resnet", 3):
            raise ValueError("inflated needs vision 'resnet' and an image_size of slices, rows and columns")
        if self.inflated_from and not self.inflated:
            raise ValueError(f"inflated_from {self.inflated_from!r} has no effect without inflated")
        if self.vision != "vit":
            return
        if len(self.patches) != self.dimensions:
            raise ValueError(f"patch {self.patch} has not one number for each axis of image_size {self.image_size}")
        if any(size % patch for size, patch in zip(self.size, self.patches, strict=True)):
            raise ValueError(f"image_size {self.size} is not a multiple of patch {self.patches}")
