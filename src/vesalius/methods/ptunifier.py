"""PTUnifier: prompts from a learned pool stand for the side that is missing, so that one model reads all.

Paper: Chen et al., ICCV 2023, arXiv 2302.08958. Code: zhjohnchan/PTUnifier, no licence file.
New, on the skeleton of M3AE: for a text alone, the 49 rows of a pool that lie nearest to the mean of its embedded
words are read in the place of patches; for an image alone, 32 rows in the place of words. Image alone and text alone
are contrasted by what the fusion makes of each.
Differs here: gradient reaches the rows that were chosen, as the paper means it; in the authors' code the whole
look-up is without gradient, and no row ever learns (variant "release"). There the contrast (weight 0.1) is asked for
under another name than it has and never runs; here it runs in both variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vesalius.data.collator import Reading
from vesalius.errors import CapabilityError
from vesalius.methods._fused import FusedConfig, FusedMethod
from vesalius.methods.base import Batch, Representations, batch_share, keys_of, of_all
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.exact import unit
from vesalius.models.fusion.heads import PromptPool
from vesalius.models.fusion.streams import image_stream, text_stream
from vesalius.models.prompting import image_query, prompted_image, prompted_text, require_prompts, text_query
from vesalius.objectives.contrastive import ContrastConfig, Keys, contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "PTUnifier", "PTUnifierConfig", "build"]

# B batch, L tokens, P patches, K prompts, D width of the fusion

_COMPACT = (
    "model.width=64",
    "model.depth=2",
    "model.patch=16",
    "method.width=64",
    "model.text_length=48",
    "method.layers=2",
    "method.middle=1",
    "method.decoder_depth=1",
    "method.pool_size=128",
    "method.image_prompts=16",
    "method.text_prompts=8",
    "optimisation.lr=0.002",
)
"""Encoders and fusion for pictures of 64 pixels, and a rate at which narrow ones learn in 240 steps."""

_POOLS_ALONE = (
    "optimisation.lr=2e-8",
    "optimisation.rates={image_pool: 100000, text_pool: 100000}",
    "method.view={crop: null}",
)
"""Rates by which the pools learn as they do by `_COMPACT`, and nothing else moves; whole pictures."""

PAPER = Paper(
    slug="ptunifier",
    title="Towards Unifying Medical Vision-and-Language Pre-training via Soft Prompts",
    year=2023,
    arxiv="2302.08958",
    venue="ICCV",
    code="zhjohnchan/PTUnifier, no licence file",
    claims=(
        Claim(
            name="pool",
            sentence="Prompts from a pool in the place of the missing side serve an image alone better than none.",
            factor="method.prompts",
            on="pool",
            off="none",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="the paper's ablation by retrieval and by images alone; figures not known here",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="All but the pools stands still, and each sign asks for rows of its own, for the mean of a "
                "picture's patches tells it: what an image alone finds, the rows alone have learned.",
                data=ClaimData(plant="woven_signs_in_step"),
                settings=_POOLS_ALONE,
                task="retrieval",
                metric="mrr",
                label="image_to_text",
            ),
        ),
        Claim(
            name="contrast",
            sentence="Beside hidden words and matching, the contrast of image alone with text alone helps retrieval.",
            factor="method.contrast_weight",
            on=0.1,
            off=0.0,
            task="matching",
            metric="r_at_1",
            label="image_to_text",
            published="the paper's ablation; figures not known here",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The picture shows which sign the report names: the contrast teaches an image alone to say "
                "so, hidden words and matching teach pairs alone.",
                data=ClaimData(plant="woven_signs"),
                task="linear_probe",
                metric="auroc",
                label="macro",
                subset=0.1,
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PTUnifierConfig(FusedConfig):
    """Settings of PTUnifier."""

    variant: Literal["paper", "release"] = "paper"
    """"release": rows of the pools get no gradient, as in the authors' code."""
    match_weight: float = 0.5
    """Of matching (authors' code: 0.5)."""
    contrast_weight: float = 0.1
    """Of the contrast of images alone with texts alone (authors' code: 0.1)."""
    pixel_weight: float = 0.0
    """Of the hidden patches of pairs (authors' code: a switch that is off)."""
    lone_word_weight: float = 0.0
    """Of the hidden words of texts beside prompts; takes texts without an image in (a switch that is off)."""
    lone_pixel_weight: float = 0.0
    """Of the hidden patches of images beside prompts; takes images without a text in (a switch that is off)."""
    temperature: float = 0.1
    """Of the contrast (authors' code)."""
    prompts: Literal["pool", "static", "none"] = "pool"
    """"static": the first rows of the pool for everything; "none": the first token alone (the paper's ablation)."""
    pool_size: int = 2048
    """Rows of each pool (paper)."""
    image_prompts: int = 49
    """Rows in the place of patches (paper)."""
    text_prompts: int = 32
    """Rows in the place of words (paper)."""
    frozen_pools: bool = False
    """Pools do not learn: for fine-tuning (paper)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, found {self.temperature}")
        if not 1 <= max(self.image_prompts, self.text_prompts) <= self.pool_size:
            raise ValueError(
                f"a pool of {self.pool_size} rows cannot give {self.image_prompts} and {self.text_prompts} prompts"
            )

    @property
    def takes_unpaired(self) -> bool:
        """Studies with one side alone are trained on where a weight is for them."""
        return bool(self.lone_word_weight or self.lone_pixel_weight)


class PTUnifier(FusedMethod):
    """A fusion that always reads both sides, one of which may be prompts."""

    def __init__(self, settings: PTUnifierConfig, model: DualEncoder):
        super().__init__(
            settings, model, words=bool(settings.lone_word_weight), pixels=bool(settings.lone_pixel_weight),
            pooled=bool(settings.contrast_weight),
        )  # fmt: skip
        require_prompts(model, least=0 if settings.prompts == "none" else 1)
        self.chosen, width = settings, self.fusion.settings.width
        self.image_pool = PromptPool(settings.pool_size, model.vision.width)
        self.text_pool = PromptPool(settings.pool_size, model.text.width)
        self.image_head, self.text_head = (
            nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width, bias=False)) for _ in range(2)
        )
        self.ends = (0, 0)
        model.fix_temperature(settings.temperature)
        if settings.contrast_weight:
            self.capabilities |= {"embed_text", "score"}
        self._freeze_unused()

    def prepare(self, tokenizer: Any) -> None:
        """Take in the numbers of the tokens before and after a text."""
        self.ends = (int(tokenizer.cls_token_id), int(tokenizer.sep_token_id))

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Say which sides are there, ``has_image`` and ``has_text`` (B,), beside the words."""
        there = {
            "has_image": np.array([sample.has_image for sample in reading.samples]),
            "has_text": np.array([sample.has_text for sample in reading.samples]),
        }
        return {**super().annotate(reading), **there}

    def image_alone(self, pixel_values: Tensor) -> Tensor:
        """Fused vector of images without a text, (B, 2 D)."""
        image = image_stream(self.model.encode_image(pixel_values, project=False))
        return self._fused(image, self._text_prompts(pixel_values))

    def text_alone(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Fused vector of texts (B, L) without an image, (B, 2 D)."""
        text = text_stream(self.model.encode_text(input_ids, attention_mask, project=False))
        return self._fused(self._image_prompts(input_ids, attention_mask), text, attention_mask.bool())

    def encode_image(self, pixel_values: Tensor, *, local: bool = True) -> ImageFeatures:
        """An image alone: its fused vector, and where that lies beside texts; no patches."""
        if local:
            raise CapabilityError("PTUnifier says where an image lies as a whole, and has no map of its patches")
        fused = self.image_alone(pixel_values)
        return ImageFeatures(fused, None, (), unit(self.image_head(fused)), None)

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> TextFeatures:
        """A text alone: its fused vector, and where that lies beside images."""
        fused = self.text_alone(input_ids, attention_mask)
        return TextFeatures(fused, None, unit(self.text_head(fused)), None)

    def encode(self, batch: Batch) -> Representations:
        """Tokens of both sides for matching, vectors of each alone, and each study's errors of words and pixels."""
        chosen, ids, mask = self.chosen, batch["input_ids"], batch["attention_mask"]
        both = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        shown, said = batch.get("has_image", both), batch.get("has_text", both)
        made = {**self.pair_tokens(batch), "pair": shown & said}
        if chosen.contrast_weight:
            text = self._fused(self._image_prompts(ids, mask), made["text_tokens"], made["text_keep"])
            image = self._fused(made["image_tokens"], self._text_prompts(batch["pixel_values"]))
            made |= {"image": unit(self.image_head(image)), "text": unit(self.text_head(text))}
        if chosen.word_weight:
            words = self.word_errors(batch, made)
            made |= {name: value * made["pair"] for name, value in words.items()}
        if chosen.lone_word_weight:
            made |= {f"lone_{name}": value * said for name, value in self._lone_words(batch, made).items()}
        if chosen.pixel_weight:
            errors = self.patch_errors(batch, made["text_tokens"], made["text_keep"])
            made |= {"pixel_error": errors * made["pair"]}
        if chosen.lone_pixel_weight:
            errors = self.patch_errors(batch, self._text_prompts(batch["pixel_values"]), None)
            made |= {"lone_pixel_error": errors * shown, "shown": shown}
        return self.carried(made)

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of the tasks, and each that has a weight, by the name of its weight."""
        chosen, made, parts = self.chosen, representations, {}
        if chosen.word_weight:
            parts["word"] = self.mean_over(made, "word_error", "num_hidden")
        if chosen.lone_word_weight:
            parts["lone_word"] = self.mean_over(made, "lone_word_error", "lone_num_hidden")
        if chosen.pixel_weight:
            parts["pixel"] = self.mean_over(made, "pixel_error", "pair")
        if chosen.lone_pixel_weight:
            parts["lone_pixel"] = self.mean_over(made, "lone_pixel_error", "shown")
        if chosen.match_weight:
            parts["match"] = batch_share(made, "index") * self.matching(made, torch.nonzero(made["pair"])[:, 0])
        if chosen.contrast_weight:
            parts["contrast"] = self._contrast(made)
        return self.weighed(parts)

    def _contrast(self, made: Representations) -> Tensor:
        """Mean of both directions over the pairs of all processes."""
        pair, every = made["pair"], of_all(made, "pair")
        keys = keys_of(made)
        if keys is not None:
            first = int(every[: keys.first].sum())
            keys = Keys(image=keys.image[every], text=keys.text[every], first=first, processes=keys.processes)
        if not pair.any():
            return made["image"].sum() * 0
        value = contrast(
            made["image"][pair], made["text"][pair], logit_scale=1 / self.chosen.temperature,
            settings=ContrastConfig(), keys=keys,
        )  # fmt: skip
        return value.loss

    def _fused(self, image: Tensor, text: Tensor, text_keep: Tensor | None = None) -> Tensor:
        pooled: Tensor = self.fusion.pooled(self.fusion(text, image, text_keep=text_keep, first=True))
        return pooled

    def _lone_words(self, batch: Batch, made: Representations) -> Representations:
        """Errors of the hidden words of texts beside prompts that the shown words ask for."""
        shown, labels = self.hidden_words(batch)
        text = text_stream(self.model.encode_text(shown, batch["attention_mask"], project=False))
        return self.read_words(text, self._image_prompts(shown, batch["attention_mask"]), labels, made)

    def _image_prompts(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """What stands for the pictures of texts, (B, 1 + K, F)."""
        query = text_query(self.model, input_ids, attention_mask)
        return prompted_image(self.model, self._rows(self.image_pool, query, self.chosen.image_prompts))

    def _text_prompts(self, pixel_values: Tensor) -> Tensor:
        """What stands for the texts of pictures, (B, K + 2, F)."""
        query = image_query(self.model, pixel_values)
        rows = self._rows(self.text_pool, query, self.chosen.text_prompts)
        return prompted_text(self.model, rows, first=self.ends[0], last=self.ends[1])

    def _rows(self, pool: PromptPool, query: Tensor, count: int) -> Tensor:
        """Prompts (B, K, F) for queries (B, F)."""
        if self.chosen.prompts == "none":
            return query.new_zeros(len(query), 0, query.shape[1])
        if self.chosen.prompts == "static":
            return pool.rows[:count].expand(len(query), -1, -1)
        rows: Tensor = pool(query, count)
        return rows

    def _freeze_unused(self) -> None:
        """Freeze pools that are not to learn, and what no task reaches."""
        chosen = self.chosen
        alone = chosen.contrast_weight or chosen.takes_unpaired
        if chosen.variant == "release" or chosen.frozen_pools or chosen.prompts == "none" or not alone:
            self._still([self.image_pool, self.text_pool])
        if not chosen.contrast_weight:
            self._still([self.image_head, self.text_head])


METHOD = PTUnifier
SETTINGS = PTUnifierConfig


def build(settings: PTUnifierConfig, model: DualEncoder) -> PTUnifier:
    """Put the method around a model."""
    return PTUnifier(settings, model)
