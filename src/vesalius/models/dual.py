"""The dual encoder: an image (picture, volume or clip) and a text meet in one joint space.

Legend: B batch, C channels, S input size by axis, P patches, L tokens, F width of an encoder, D joint width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import log, prod
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from vesalius.config import validate
from vesalius.errors import ConfigError
from vesalius.models import foreign
from vesalius.models.exact import unit
from vesalius.models.initial import initialise
from vesalius.models.pooling import AttentionPool, Encoding, ProjectionHead, pool
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.foreign import ForeignText
from vesalius.models.text.transformer import TextTransformer
from vesalius.models.vision.foreign import ForeignVision, pretrained_projection
from vesalius.models.vision.inflation import load_inflated
from vesalius.models.vision.resnet import ResNet
from vesalius.models.vision.vit import VisionTransformer

__all__ = [
    "DualEncoder",
    "DualEncoderConfig",
    "DualEncoderFile",
    "DualEncoderOutput",
    "ImageFeatures",
    "TextFeatures",
    "build_vision",
]

_COMPACT_VISION = {"vit": VisionTransformer, "resnet": ResNet}


class ImageFeatures(NamedTuple):
    """Features of images."""

    pooled: Tensor
    """Before the projection, for probes, (B, F)."""
    tokens: Tensor | None
    """Patches in row-major order, (B, P, F); None where not asked for."""
    grid: tuple[int, ...]
    """Patches along each axis: (rows, columns) or (slices, rows, columns)."""
    joint: Tensor
    """Unit-norm, in the joint space, (B, D)."""
    joint_tokens: Tensor | None
    """Patches through the same projection, unit-norm, (B, P, D); None where not asked for."""
    attention: Tensor | None = None
    """How much the summary looks at each patch, (B, P), without gradient; None where not asked for."""

    def rows(self, chosen: Tensor) -> ImageFeatures:
        """Return the features of chosen images, numbers (N,) that may repeat."""
        return self._replace(**_chosen(self._asdict(), chosen))


class TextFeatures(NamedTuple):
    """Features of texts; padded tokens hold numbers without meaning."""

    pooled: Tensor
    """Before the projection, (B, F)."""
    tokens: Tensor | None
    """(B, L, F); None where not asked for."""
    joint: Tensor
    """Unit-norm, in the joint space, (B, D)."""
    joint_tokens: Tensor | None
    """Unit-norm, (B, L, D); None where not asked for."""
    attention: Tensor | None = None
    """How much the summary looks at each token, (B, L), without gradient; None where not asked for."""

    def rows(self, chosen: Tensor) -> TextFeatures:
        """Return the features of chosen texts, numbers (N,) that may repeat."""
        return self._replace(**_chosen(self._asdict(), chosen))


@dataclass
class DualEncoderOutput(ModelOutput):  # type: ignore[misc]
    """Unit-norm joint vectors of both sides, (B, D), and scaled similarities, (images, texts)."""

    image: Tensor | None = None
    text: Tensor | None = None
    logits: Tensor | None = None


class DualEncoderFile(PreTrainedConfig):  # type: ignore[misc]
    """What `config.json` holds: our settings, and the whole configuration of towers from transformers."""

    model_type = "vesalius_dual_encoder"

    settings: dict[str, Any] | None = None
    vision_tower: dict[str, Any] | None = None
    text_tower: dict[str, Any] | None = None

    def read(self) -> DualEncoderConfig:
        """Return the settings, checked."""
        return validate(DualEncoderConfig, self.settings or {}, where="config.json: settings")


class DualEncoder(PreTrainedModel):  # type: ignore[misc]
    """Vision encoder, text encoder, pooling, projection heads and a logit scale."""

    config_class = DualEncoderFile
    main_input_name = "pixel_values"
    base_model_prefix = ""
    recompute = False
    """Whether activations are computed again; parts that a method puts on top follow it."""
    supports_gradient_checkpointing = False
    _supports_sdpa = True
    _no_split_modules = ["Block"]  # noqa: RUF012 - the name and type that transformers reads

    def __init__(self, config: DualEncoderFile):
        super().__init__(config)
        self.settings = config.read()
        self.vision = build_vision(self.settings, config.vision_tower or {})
        self.text = _text(self.settings, config.text_tower or {})
        self.vision_pool = AttentionPool(self.vision.width) if self.settings.vision_pool == "attention" else None
        self.text_pool = AttentionPool(self.text.width) if self.settings.text_pool == "attention" else None
        self.vision_head = ProjectionHead(self.vision.width, settings=self.settings)
        self.text_head = ProjectionHead(self.text.width, settings=self.settings)
        self.logit_scale = nn.Parameter(torch.tensor(log(1 / self.settings.temperature)))
        bias = self.settings.logit_bias
        self.logit_bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))
        self._grids: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.post_init()
        self._freeze()

    @classmethod
    def build(cls, settings: DualEncoderConfig) -> DualEncoder:
        """Build from settings: compact encoders at random, towers of transformers with weights if wished."""
        towers = {f"{side}_tower": foreign.configuration(settings, side=side) for side in ("vision", "text")}
        model = cls(DualEncoderFile(settings=asdict(settings), **towers))
        for side in ("vision", "text"):
            model._load_tower(side)
        return model

    @classmethod
    def from_pretrained(cls, *arguments: Any, **options: Any) -> Any:
        """Load a saved model, as every model of transformers; what was frozen is frozen again."""
        loaded = super().from_pretrained(*arguments, **options)
        (loaded[0] if isinstance(loaded, tuple) else loaded)._freeze()
        return loaded

    def encode_image(
        self,
        pixel_values: Tensor,
        *,
        local: bool = True,
        project: bool = True,
        attention: bool = False,
        kept: Tensor | None = None,
    ) -> ImageFeatures:
        """Encode normalised images.

        Args:
            pixel_values: (B, C, rows, columns), or (B, C, slices or frames, rows, columns).
            local: also give the patches; without, some work is saved.
            project: give each of these patches in the joint space, too. A method with a head of its own for them
                goes without, and keeps their statistics out of this head's batch norm.
            attention: also give how much the summary looks at each patch in the last layer. Learned pooling gives
                its own weights; where nothing sums up by looking (mean, max, a ResNet) all patches get the same.
            kept: numbers of the patches of `image_grid` that are read, (B, V); tokens are then (B, V, F). A plain
                transformer drops the others before its first block. For every other encoder, and slices through a
                2D one, the pixels of the others are set to 0 and their tokens are left out afterwards.
        """
        encoding = self._seen(pixel_values, kept, local=local, attention=attention)
        pooled = self.pooled(encoding, side="vision")
        joint = unit(self.vision_head(pooled))
        looks = self._looks(encoding, side="vision") if attention else None
        if not local:
            return ImageFeatures(pooled, None, encoding.grid, joint, None, looks)
        joint_tokens = unit(self.vision_head(encoding.tokens)) if project else None
        return ImageFeatures(pooled, encoding.tokens, encoding.grid, joint, joint_tokens, looks)

    def encode_text(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        *,
        local: bool = True,
        project: bool = True,
        attention: bool = False,
    ) -> TextFeatures:
        """Encode token numbers (B, L) with their mask (1 = real); the rest as for images."""
        encoding = self.text(input_ids, attention_mask, local=local, attention=attention)
        pooled = self.pooled(encoding, side="text")
        joint = unit(self.text_head(pooled))
        looks = self._looks(encoding, side="text") if attention else None
        if not local:
            return TextFeatures(pooled, None, joint, None, looks)
        joint_tokens = unit(self.text_head(encoding.tokens)) if project else None
        return TextFeatures(pooled, encoding.tokens, joint, joint_tokens, looks)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> DualEncoderOutput:
        """Encode what is given; `logits` holds the scaled similarity of every image with every text."""
        image = None if pixel_values is None else self.encode_image(pixel_values, local=False).joint
        text = None
        if input_ids is not None:
            mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            text = self.encode_text(input_ids, mask, local=False).joint
        if image is None or text is None:
            return DualEncoderOutput(image=image, text=text)
        logits = self.scale() * image @ text.T
        return DualEncoderOutput(
            image=image, text=text, logits=logits if self.logit_bias is None else logits + self.logit_bias
        )

    @torch.no_grad()
    def image_grid(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the patches along each axis of an input of `size`; an encoder that does not say is tried once."""
        size = tuple(size)
        if size not in self._grids:
            device = self.logit_scale.device
            blank = torch.zeros(1, self.settings.channels, *size, device=device)
            self._grids[size] = self.vision.eval()(blank).grid
            self.train(self.training)
        return self._grids[size]

    @property
    def vocabulary(self) -> int:
        """Tokens that the text encoder knows."""
        tower = getattr(self.text, "model", None)
        return int(self.settings.vocabulary if tower is None else tower.config.vocab_size)

    def scale(self) -> Tensor:
        """Return the inverse of the temperature; a learned one is first brought back under its bound."""
        if self.logit_scale.requires_grad:
            with torch.no_grad():
                self.logit_scale.clamp_(max=log(self.settings.max_scale))
        return self.logit_scale.exp()

    @torch.no_grad()
    def fix_temperature(self, temperature: float) -> None:
        """Set the temperature for good: it is stored with the settings and the weights and does not learn."""
        self.settings = replace(self.settings, temperature=temperature, learn_temperature=False)
        self.config.settings = asdict(self.settings)
        self.logit_scale.fill_(log(1 / temperature))
        self.logit_scale.requires_grad_(False)

    def recompute_activations(self) -> None:
        """Keep only the inputs of blocks and stages while training, and compute them again on the way back.

        Raises:
            ConfigError: a tower of transformers cannot.
        """
        self.recompute = True
        for encoder in (self.vision, self.text):
            if not isinstance(encoder, (ForeignVision, ForeignText)):
                encoder.recompute = True
            elif encoder.model.supports_gradient_checkpointing:
                encoder.model.activation_checkpointing_enable({"use_reentrant": False})
            else:
                kind = encoder.model.config.model_type
                raise ConfigError(
                    f"optimisation.recompute_activations: {kind} of transformers keeps all activations; turn it off, "
                    "and use optimisation.cache_chunk to save memory"
                )

    def train(self, mode: bool = True) -> DualEncoder:
        """Set training mode; frozen parts stay in evaluation mode, so that their batch norms do not drift."""
        super().train(mode)
        if mode and hasattr(self, "settings"):
            for part in self._frozen_parts():
                if isinstance(part, nn.Module):
                    part.eval()
        return self

    def _seen(self, pixel_values: Tensor, kept: Tensor | None, *, local: bool, attention: bool) -> Encoding:
        """Encode images, or what is kept of them."""
        if kept is None:
            seen: Encoding = self.vision(pixel_values, local=local, attention=attention)
            return seen
        if self.vision.drops and (isinstance(self.vision, VisionTransformer) or pixel_values.dim() == 4):
            seen = self.vision(pixel_values, local=local, attention=attention, kept=kept)
            return seen
        grid = self.image_grid(pixel_values.shape[2:])
        visible = pixel_values.new_zeros(len(kept), prod(grid)).scatter(1, kept, 1.0).view(-1, 1, *grid)
        encoding = self.vision(
            pixel_values * functional.interpolate(visible, size=pixel_values.shape[2:]), attention=attention
        )
        tokens = encoding.tokens.gather(1, kept[..., None].expand(-1, -1, encoding.tokens.shape[-1]))
        looks = None if encoding.attention is None else encoding.attention.gather(1, kept)
        return Encoding(tokens, grid=grid, summary=encoding.summary, attention=looks)

    def pooled(self, encoding: Encoding, *, side: Literal["vision", "text"]) -> Tensor:
        """Reduce what an encoder gave to one vector a sample, (B, F), before the projection."""
        attention: AttentionPool | None = getattr(self, f"{side}_pool")
        if attention is not None:
            out: Tensor = attention(encoding.tokens, encoding.keep)
            return out
        return pool(encoding, kind=getattr(self.settings, f"{side}_pool"))

    def _looks(self, encoding: Encoding, *, side: Literal["vision", "text"]) -> Tensor:
        attention: AttentionPool | None = getattr(self, f"{side}_pool")
        tokens = encoding.tokens
        assert tokens is not None
        if attention is not None:
            return attention.looks(tokens, encoding.keep)
        if encoding.attention is not None:
            return encoding.attention
        keep = torch.ones_like(tokens[..., 0]) if encoding.keep is None else encoding.keep.to(tokens.dtype)
        return keep / keep.sum(dim=1, keepdim=True).clamp(min=1)

    def _frozen_parts(self) -> list[nn.Module | nn.Parameter]:
        parts: list[nn.Module | nn.Parameter] = []
        for encoder in (self.vision, self.text):
            if isinstance(encoder, (ForeignVision, ForeignText)):
                parts += encoder.unused()
        for encoder, count in (
            (self.vision, self.settings.frozen_vision_layers),
            (self.text, self.settings.frozen_text_layers),
        ):
            if count < 0:
                parts.append(encoder)
            elif count:
                parts += [*encoder.frozen_first(), *encoder.stages()[:count]]
        return parts

    def _freeze(self) -> None:
        for part in self._frozen_parts():
            part.requires_grad_(False)
        if not self.settings.learn_temperature:
            self.logit_scale.requires_grad_(False)

    @torch.no_grad()
    def _load_tower(self, side: Literal["vision", "text"]) -> None:
        if side == "vision" and self.settings.inflated_from and self.settings.pretrained:
            load_inflated(self.vision, self.settings.inflated_from)
        source = foreign.pretrained_source(self.settings, side=side)
        if source is None:
            return
        tower = getattr(self, side).model
        weights, whole = foreign.tower_weights(source, side=side, config=tower.config)
        tower.load_state_dict({name: value for name, value in weights.items() if name in tower.state_dict()})
        if whole is None:
            return
        matrix = pretrained_projection(whole, side=side)
        head = getattr(self, f"{side}_head").layers
        if matrix is not None and self.settings.projection == "linear" and head[0].weight.shape == matrix.shape:
            head[0].weight.copy_(matrix)
        if self.settings.vision == self.settings.text:
            self.logit_scale.copy_(whole.logit_scale.squeeze())
            if self.logit_bias is not None and hasattr(whole, "logit_bias"):
                self.logit_bias.copy_(whole.logit_bias.squeeze())

    def _init_weights(self, module: nn.Module) -> None:
        initialise(module)


def _chosen(parts: dict[str, Any], rows: Tensor) -> dict[str, Any]:
    return {name: part[rows] for name, part in parts.items() if isinstance(part, Tensor)}


def build_vision(settings: DualEncoderConfig, tower: dict[str, Any]) -> Any:
    """Build the vision encoder of the settings, of random weights; `tower` is of `foreign.configuration`."""
    if tower:
        return ForeignVision(tower, pooled=settings.vision_pool == "cls")
    return _COMPACT_VISION[settings.vision](settings)


def _text(settings: DualEncoderConfig, tower: dict[str, Any]) -> Any:
    if tower:
        return ForeignText(tower, pooled=settings.text_pool == "cls")
    return TextTransformer(settings)


AutoConfig.register(DualEncoderFile.model_type, DualEncoderFile, exist_ok=True)
AutoModel.register(DualEncoderFile, DualEncoder, exist_ok=True)
