"""MMCLIP (first XLIP): what image and text answer to in each other is masked and rebuilt, and labels join as texts.

Paper: Wu et al., 2024, arXiv 2407.19546. Code: AIGeeksGroup/MMCLIP, a README alone, no licence file.
New: the patches that answer most to the report are masked and rebuilt with its help (AttMIM); entities of the report
are masked in the place of random words and rebuilt with the image's help (EntMLM); an image that has labels alone is
paired with a sentence of its diseases.
Differs here: what the paper leaves open to us is said at each setting. A patch answers by the largest weight that it
gives to a word; the contrast and the other side of each reconstruction see image and text unmasked. Diseases are what
a study states as present.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.label_sentences import label_sentence
from vesalius.data.loader import Sample
from vesalius.data.records import Finding
from vesalius.data.views import Pair, ViewConfig
from vesalius.data.words import span_tokens, spans_elsewhere, word_numbers
from vesalius.errors import ConfigError, DataError
from vesalius.knowledge.mentions import named_concepts
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, keys_of, of_all
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.fusion.heads import MaskedWordHead
from vesalius.models.fusion.pixels import PixelDecoder
from vesalius.models.fusion.streams import Attention
from vesalius.objectives.contrastive import Keys, Targets, contrast
from vesalius.objectives.masked import IGNORED, hide_highest, mask_units, patchify, pixel_errors, restored
from vesalius.objectives.masked import row_chances as chances_of
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "MMCLIP", "PAPER", "SETTINGS", "MMCLIPConfig", "MMCLIPView", "build"]

# B batch, L tokens, P patches, F width of an encoder, D joint width, E width of the reconstruction

_COMPACT = (
    "model.vision=resnet",
    "model.vision_depth=18",
    "model.vision_width=128",
    "model.vision_pool=mean",
    "model.width=64",
    "model.projection_dim=64",
    "method.image_weight=0",
    "method.width=64",
)
"""Encoders for pictures of 64 pixels, without AttMIM, which asks for more pictures than the small budget has."""

PAPER = Paper(
    slug="mmclip",
    title="MMCLIP: Cross-modal Attention Masked Modelling for Medical Language-Image Pre-Training",
    year=2024,
    arxiv="2407.19546",
    code="AIGeeksGroup/MMCLIP: README alone, no licence file",
    claims=(
        Claim(
            name="entities",
            sentence="Entities masked in the place of random words make better features.",
            factor="method.word_masking",
            on="entities",
            off="random",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="ablation of EntMLM on five sets; figures not known here",
            settings=(*_COMPACT, "model.text_length=112"),
            control=PositiveControl(
                sentence="Behind 77 words that tell nothing the report names a sign, and only masked words teach: "
                "random masking seldom asks for it.",
                data=ClaimData(plant="signs_told_last"),
                settings=("method.pair_weight=0", "method.word_weight=1"),
            ),
        ),
        Claim(
            name="unpaired",
            sentence="Images with labels alone, paired with a sentence of their diseases, add to pairs.",
            factor="method.prompts",
            on=True,
            off=False,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="ablation of unpaired data on five sets; figures not known here",
            settings=(*_COMPACT, "model.text_length=48"),
            data=ClaimData(plant="few_reports"),
            control=PositiveControl(
                sentence="A sign is named by a tenth of the reports, and by the labels of all other studies.",
                data=ClaimData(plant="signs_few_reports"),
            ),
        ),
    ),
)

_HEADS = 4


@dataclass(frozen=True, kw_only=True)
class MMCLIPView(ViewConfig):
    """Random view (ours; the paper's is not known)."""

    crop: Pair | None = (0.6, 1.0)


@dataclass(frozen=True, kw_only=True)
class MMCLIPConfig(MethodConfig):
    """Settings of MMCLIP. The paper's weights, shares and widths are not known: all numbers are ours."""

    pair_weight: float = 1.0
    """Weight of the contrast of pairs, CLIP's. 0 leaves it out."""
    image_weight: float = 0.5
    """Weight of AttMIM, the patches that are rebuilt. 0 leaves it out."""
    word_weight: float = 0.5
    """Weight of EntMLM, the words that are rebuilt. 0 leaves it out."""
    image_masking: Literal["attention", "random"] = "attention"
    """Mask the patches that answer most to the text (paper), or any (ours, for the ablation)."""
    own_attention: float = 0.0
    """Weight, beside 1 for the text, of how much the image's own summary looks at a patch (paper: a second term)."""
    word_masking: Literal["entities", "random", "shuffled"] = "entities"
    """Mask entities (paper), any words, or as many and as long spans at other places: the control of knowledge."""
    patch_share: float = 0.4
    """Share of the patches that is masked: floor(P · share)."""
    word_share: float = 0.15
    """Share of a text's tokens that is masked: the unit that exceeds it is the last. The same for all maskings."""
    warmup: float = 0.1
    """Share of the run in which patches are masked at random, before attention tells anything."""
    prompts: bool = True
    """Pair an image that has labels and no text with a sentence of its diseases (paper)."""
    prompt: str = "Radiograph showing {}."
    """The sentence; {} stands for the diseases."""
    same_diseases: Literal["positives", "negatives"] = "positives"
    """Two images whose sentences name the same diseases belong together, or are wrong for each other."""
    width: int = 128
    """Width of the reconstruction on either side."""
    depth: int = 2
    """Blocks of the decoder of pixels."""
    view: MMCLIPView = field(default_factory=MMCLIPView)
    """Random view of the image."""

    def __post_init__(self) -> None:
        for name in ("pair_weight", "image_weight", "word_weight", "own_attention"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
        if not (self.pair_weight or self.image_weight or self.word_weight):
            raise ValueError("pair_weight, image_weight and word_weight are all 0: nothing would be trained")
        for name in ("patch_share", "word_share", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, found {getattr(self, name)}")
        if self.width < _HEADS or self.width % _HEADS or self.depth < 1:
            raise ValueError(f"width must be a multiple of {_HEADS} and depth at least 1")
        if "{}" not in self.prompt:
            raise ValueError(f"prompt needs {{}} where the diseases go, found {self.prompt!r}")

    @property
    def kept_fields(self) -> frozenset[str]:
        """Findings: labels that become sentences, and names of entities."""
        return frozenset({"findings"})

    @property
    def takes_unpaired(self) -> bool:
        """Images with labels alone are trained on where they get sentences."""
        return self.prompts


class MMCLIP(Method):
    """Contrast of pairs, patches rebuilt with the text, words rebuilt with the image."""

    def __init__(self, settings: MMCLIPConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        self.mask_id = -1
        width, vision, text = settings.width, model.vision.width, model.text.width
        if settings.image_weight:
            size = model.settings.size
            self.patch = tuple(a // b for a, b in zip(size, model.image_grid(size), strict=True))
            self.patch_in = nn.Linear(vision, width)
            self.patch_look = Attention(width, heads=_HEADS, dropout=0.0, source_width=text)
            values = model.settings.channels * prod(self.patch)
            self.pixels = PixelDecoder(width, width=width, depth=settings.depth, heads=_HEADS, values=values)
        if settings.word_weight:
            self.word_in = nn.Linear(text, width)
            self.word_look = Attention(width, heads=_HEADS, dropout=0.0, source_width=vision)
            self.word_head = MaskedWordHead(width, vocabulary=model.vocabulary)

    def prepare(self, tokenizer: Any) -> None:
        """Take in the number of the mask token.

        Raises:
            ConfigError: words are masked, and the tokenizer has no token for it.
        """
        if self.chosen.word_weight and tokenizer.mask_token_id is None:
            raise ConfigError("the tokenizer has no mask token: take one that has, as BERT's, or word_weight=0")
        self.mask_id = -1 if tokenizer.mask_token_id is None else int(tokenizer.mask_token_id)

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add sentences of diseases where texts are missing, and what may be masked.

        ``told`` (B,): 1 where there is an image and a text; ``prompted`` (B,): 1 where the text is such a sentence;
        ``group`` (B,): equal where they name the same diseases; ``units`` (B, L): number of the unit of each token
        that may be masked, −1 elsewhere; ``budget`` (B,): words' tokens; and the tokens anew where texts changed.
        """
        texts = [one.text or label_sentence(_stated(one), self.chosen.prompt) for one in reading.samples]
        tokens, added = reading.tokens, {}
        if any(text != sample.text for text, sample in zip(texts, reading.samples, strict=True)):
            tokens = reading.tokenizer(
                texts, truncation=True, max_length=reading.length, padding=True, return_tensors="np",
                return_token_type_ids=False,
            )  # fmt: skip
            added = {name: np.asarray(tokens[name], np.int64) for name in ("input_ids", "attention_mask")}
        told = [bool(text.strip()) and one.has_image for text, one in zip(texts, reading.samples, strict=True)]
        prompted = [not one.text or one.alternative for one in reading.samples]
        words = word_numbers(tokens)
        return {
            **added,
            "told": np.array(told, np.int64),
            "prompted": np.array(prompted, np.int64),
            "group": np.array([self._group(*pair) for pair in zip(reading.samples, prompted, strict=True)], np.int64),
            "units": self._units(reading.samples, texts, tokens, words),
            "budget": (words >= 0).sum(axis=1),
        }

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors, who counts, and what each sample lost in patches and words (B,)."""
        if "told" not in batch:
            raise DataError("MMCLIP needs told, units and budget in the batch: give its `annotate` to the collator")
        image = self.model.encode_image(batch["pixel_values"], attention=bool(self.chosen.own_attention))
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"])
        out = {"image": image.joint, "text": text.joint, "told": batch["told"], "group": batch["group"]}
        chances = chances_of(batch["index"], step=self.progress.step)
        if self.chosen.image_weight:
            out["patches_lost"] = self._patches_lost(batch, image, text, chances)
        if self.chosen.word_weight:
            out["words_lost"], out["num_words"] = self._words_lost(batch, image, chances)
        return out

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of pairs, patches and words, and each that has a weight."""
        chosen, parts = self.chosen, {}
        processes = int(representations["first_row"][1]) if "first_row" in representations else 1
        told, all_told = representations["told"], of_all(representations, "told")
        if chosen.pair_weight:
            parts["pair"] = self._pair_loss(representations)
        if chosen.image_weight:
            lost = (representations["patches_lost"] * told).sum()
            parts["image"] = processes * lost / all_told.sum().clamp(min=1)
        if chosen.word_weight:
            every = (of_all(representations, "num_words") * all_told).sum().clamp(min=1)
            parts["word"] = processes * (representations["words_lost"] * told).sum() / every
        loss = torch.stack([getattr(chosen, f"{name}_weight") * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def responses(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Say how much each patch answers to the text, without gradient, (B, P).

        The largest weight of its attention over the words, softmax(E_img E_repᵀ / √d): equal words make all equal.
        """
        assert image.joint_tokens is not None
        assert text.joint_tokens is not None
        words = text.joint_tokens.detach()
        logits = image.joint_tokens.detach() @ words.transpose(1, 2) * words.shape[-1] ** -0.5
        weights = logits.masked_fill(~attention_mask.bool()[:, None], torch.finfo(logits.dtype).min).softmax(dim=-1)
        scores: Tensor = weights.amax(dim=-1)
        if self.chosen.own_attention:
            assert image.attention is not None
            scores = _ranked(scores) + self.chosen.own_attention * _ranked(image.attention)
        return scores

    def _group(self, sample: Sample, prompted: bool) -> int:
        """Number of a sample: its diseases' where a sentence of them is its text, else one of its own, below 0."""
        if not prompted or self.chosen.same_diseases == "negatives":
            return -1 - sample.row
        return zlib.crc32(label_sentence(_stated(sample), "{}").encode())

    def _units(
        self, samples: Sequence[Sample], texts: Sequence[str], tokens: Any, words: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Number the units that may be masked (B, L): concepts, each one unit wherever it is named, else words."""
        if self.chosen.word_masking == "random":
            return words
        found = [named_concepts(text, _stated(sample)) for sample, text in zip(samples, texts, strict=True)]
        spans = span_tokens(tokens, [[(one.start, one.end) for one in row] for row in found])
        if self.chosen.word_masking == "shuffled":
            lengths = np.asarray(tokens["attention_mask"]).sum(axis=1)
            spans = spans_elsewhere(spans, lengths, texts=texts)
        units = np.full_like(words, -1)
        for row, mentions in enumerate(found):
            for number, one in enumerate(mentions):
                first, last = spans[row, number]
                if first >= 0:
                    units[row, first:last] = zlib.crc32(one.concept.encode())
        return np.where((units >= 0).any(axis=1, keepdims=True), units, words)

    def _patches_lost(
        self, batch: Batch, image: ImageFeatures, text: TextFeatures, chances: Sequence[torch.Generator]
    ) -> Tensor:
        """AttMIM: squared error of the masked patches of each image, (B,); nothing where none is masked."""
        pixels = batch["pixel_values"]
        grid = self.model.image_grid(pixels.shape[2:])
        scores = torch.stack([torch.rand(prod(grid), generator=chance) for chance in chances]).to(pixels.device)
        count = int(prod(grid) * self.chosen.patch_share)
        if not count:
            return pixels.new_zeros(len(pixels))
        if self.chosen.image_masking == "attention" and self.progress.share >= self.chosen.warmup:
            # Ties of the responses fall by the random scores: sorted by these first, then stably by responses.
            order = scores.argsort(dim=1)
            answers = self.responses(image, text, batch["attention_mask"]).gather(1, order)
            scores = scores.scatter(1, order, answers.argsort(dim=1, stable=True).argsort(dim=1).to(scores.dtype))
        masking = hide_highest(scores, (count - 0.5) / prod(grid))
        seen = self.model.encode_image(pixels, project=False, kept=masking.kept)
        assert seen.tokens is not None
        assert text.tokens is not None
        stream = self.patch_in(torch.cat([seen.pooled[:, None].to(seen.tokens.dtype), seen.tokens], dim=1))
        stream = self.patch_look(stream, text.tokens, keep=batch["attention_mask"].bool())
        rebuilt = self.pixels(stream, lambda shown, hidden: restored(shown, masking, hidden), grid)
        wanted = patchify(pixels, self.patch).to(rebuilt.dtype)
        return (pixel_errors(rebuilt, wanted) * masking.hidden).sum(dim=1) / count

    def _words_lost(
        self, batch: Batch, image: ImageFeatures, chances: Sequence[torch.Generator]
    ) -> tuple[Tensor, Tensor]:
        """EntMLM: cross-entropy of the masked words of each text, summed, and how many they are, (B,) each."""
        shown, labels = self._masked_words(batch, chances)
        text = self.model.encode_text(shown, batch["attention_mask"], project=False)
        assert text.tokens is not None
        assert image.tokens is not None
        stream = self.word_look(self.word_in(text.tokens), image.tokens)
        row, place = torch.nonzero(labels != IGNORED, as_tuple=True)
        lost = functional.cross_entropy(self.word_head(stream[row, place]), labels[row, place], reduction="none")
        summed = torch.zeros(len(labels), dtype=lost.dtype, device=lost.device).index_add(0, row, lost)
        return summed, (labels != IGNORED).sum(dim=1)

    def _masked_words(self, batch: Batch, chances: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        """Token numbers with masked units, and labels, (B, L); a sentence of diseases never shows what is asked."""
        ids, units = batch["input_ids"], batch["units"]
        inside = (units >= 0).sum(dim=1).clamp(min=1)
        share = (self.chosen.word_share * batch["budget"] / inside).cpu()
        made = [
            mask_units(
                ids[row : row + 1], units[row : row + 1], share=share[row : row + 1], mask_id=self.mask_id,
                vocabulary=self.word_head.out.out_features, generator=chance,
            )
            for row, chance in enumerate(chances)
        ]  # fmt: skip
        shown, labels = torch.cat([one for one, _ in made]), torch.cat([other for _, other in made])
        hide = batch["prompted"].bool()[:, None] & (labels != IGNORED)
        return torch.where(hide, self.mask_id, shown), labels

    def _pair_loss(self, made: Representations) -> Tensor:
        """CLIP's contrast of those that have image and text; images of the same diseases belong together."""
        told = made["told"].bool()
        keys, every = keys_of(made), of_all(made, "told").bool()
        if keys is not None:
            first = int(every[: keys.first].sum())
            keys = Keys(image=keys.image[every], text=keys.text[every], first=first, processes=keys.processes)
        if not told.any():
            return (made["image"].sum() + made["text"].sum()) * 0
        targets = Targets(groups=made["group"][told], key_groups=of_all(made, "group")[every])
        sides = made["image"][told], made["text"][told]
        return contrast(*sides, logit_scale=self.model.scale(), keys=keys, targets=targets).loss


def _stated(sample: Sample) -> tuple[Finding, ...]:
    return () if sample.study is None else sample.study.findings


def _ranked(scores: Tensor) -> Tensor:
    """Scores (B, P) between 0 and 1 by each row's own extremes; equal ones are 0."""
    low, high = scores.amin(dim=1, keepdim=True), scores.amax(dim=1, keepdim=True)
    return (scores - low) / (high - low).clamp(min=torch.finfo(scores.dtype).tiny)


METHOD = MMCLIP
SETTINGS = MMCLIPConfig


def build(settings: MMCLIPConfig, model: DualEncoder) -> MMCLIP:
    """Put the method around a model."""
    return MMCLIP(settings, model)
