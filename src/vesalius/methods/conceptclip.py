"""ConceptCLIP: pairs by a sigmoid contrast, and the concepts of a caption aligned with the patches that show them.

Paper: Nie et al., 2025, arXiv 2501.15579. Code: JerrryNie/ConceptCLIP, MIT.
New: each concept that a caption names (mean of its tokens) is scored against every image by its best patch, with a
scale and a bias of its own; a sigmoid loss asks that it be found in its own image and in no other (PC-Align).
Differs here: spans of characters go to the tokens that hold them, and a span that was cut off is left out; the
authors' code takes the characters' numbers for tokens' numbers (variant "release"). Concepts come from a dictionary
and from what a study states, not from a UMLS linker. The concepts of all processes are weighed as of one batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import log
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.loader import Sample
from vesalius.data.views import Pair, ViewConfig
from vesalius.data.words import span_tokens, spans_elsewhere
from vesalius.errors import DataError
from vesalius.knowledge.entities import Mention
from vesalius.knowledge.mentions import named_concepts
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, keys_of, of_all
from vesalius.models.convert import Rule, load_whole, renamed
from vesalius.models.dual import DualEncoder
from vesalius.models.exact import unit
from vesalius.models.vision.published import siglip_tower
from vesalius.objectives.contrastive import ContrastConfig, contrast
from vesalius.objectives.gathering import row_counts
from vesalius.objectives.local import concept_alignment, span_means
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = [
    "KEYS",
    "METHOD",
    "PAPER",
    "SETTINGS",
    "ConceptCLIP",
    "ConceptCLIPConfig",
    "ConceptCLIPView",
    "build",
    "load_published",
]

# B batch, L tokens, P patches, S most concepts of a text, C concepts, F width of an encoder, D joint width

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=112",
)
"""Encoders for pictures of 64 pixels, and texts long enough for a sign amid words that mean nothing."""
_CONTROL = ClaimData(plant="signs_amid_words")

PAPER = Paper(
    slug="conceptclip",
    title="ConceptCLIP: Towards Trustworthy Medical AI via Concept-Enhanced Contrastive Language-Image Pre-training",
    year=2025,
    arxiv="2501.15579",
    code="JerrryNie/ConceptCLIP, MIT",
    claims=(
        Claim(
            name="concepts",
            sentence="Beside pairs, concepts aligned with patches make an encoder that tells findings better.",
            factor="method.concept_weight",
            on=0.5,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="ablation of PC-Align over 51 tasks; figures not known here",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The report names a sign amid words that mean nothing, others in each report: pairs can be "
                "told by these, and the span says which words are to be seen.",
                data=_CONTROL,
            ),
        ),
        Claim(
            name="spans",
            sentence="It is the concepts that help: as many spans at other places of the same text help less.",
            factor="method.spans",
            on="concepts",
            off="shuffled",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="not measured in the paper; the control of its knowledge",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The report names the sign behind words that mean nothing, others in each report. A word "
                "sees only what stands before it, and pairs weigh a millionth: spans of the sign alone say what is "
                "to be seen.",
                data=ClaimData(plant="woven_signs_behind_words"),
                settings=("model.causal=true", "method.concept_weight=1e6"),
            ),
        ),
    ),
)

KEYS: tuple[Rule, ...] = (
    (r"visual\.trunk\..*", None),
    (r"text\.transformer\.(.*)", r"model.text.model.\1"),
    (r"text\.proj\.weight", "model.text_head.layers.0.weight"),
    (r"image_proj\.([02])\.weight", r"patch_head.\1.weight"),
    (r"text_proj\.([02])\.weight", r"concept_head.\1.weight"),
    (r"concept_logit_(scale|bias)", r"concept_\1"),
    (r"logit_(scale|bias)", r"model.logit_\1"),
)
"""Authors' names of the weights → ours; the vision tower has the layout of another library."""

_MOST_SCALE = log(100.0)
_SPECIAL = 2
"""Tokens of a text that are no word: the first and the last."""


@dataclass(frozen=True, kw_only=True)
class ConceptCLIPView(ViewConfig):
    """Random view with the value of the authors' code."""

    crop: Pair | None = (0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class ConceptCLIPConfig(MethodConfig):
    """Settings of ConceptCLIP; the pairs' scale and bias are the model's (`model.logit_bias` starts at −10)."""

    variant: Literal["paper", "release"] = "paper"
    """"release" does as the authors' code: the numbers of characters are those of tokens, one further on; concepts of
    another process are weighed by their own count."""
    concept_weight: float = 0.5
    """Weight w of PC-Align (paper: 0.5 in the second stage, 0 in the first). 0 leaves it out."""
    pooling: Literal["max", "mean_exp"] = "max"
    """"max": every concept by itself (paper); "mean_exp": those of a caption are pooled first (authors' code)."""
    spans: Literal["concepts", "shuffled"] = "concepts"
    """"shuffled": as many tokens at other places of the text, the control of what concepts are worth; those that are
    equal are one concept, whatever the text names."""
    only_present: bool = False
    """Leave out what a text denies or doubts. The paper's linker takes every name."""
    shared_concepts_are_positives: bool = False
    """A concept that two texts of a batch name belongs to both images. In the paper it is a negative of the other."""
    concept_temperature: float = 0.07
    """1 / s_c at the start; learned (authors' code)."""
    concept_bias: float = -10.0
    """b_c at the start; learned (authors' code)."""
    view: ConceptCLIPView = field(default_factory=ConceptCLIPView)
    """Random view of the image (authors' code)."""

    def __post_init__(self) -> None:
        if self.concept_weight < 0:
            raise ValueError(f"concept_weight must be at least 0, found {self.concept_weight}")
        if self.concept_temperature <= 0:
            raise ValueError(f"concept_temperature must be above 0, found {self.concept_temperature}")
        if self.pooling == "mean_exp" and self.shared_concepts_are_positives:
            raise ValueError("shared_concepts_are_positives has no meaning where the concepts of a text are pooled")

    @property
    def kept_fields(self) -> frozenset[str]:
        """Findings, whose names are concepts too."""
        return frozenset({"findings"}) if self.concept_weight else frozenset()


class ConceptCLIP(Method):
    """Sigmoid contrast of pairs, and of concepts with their best patches."""

    unshared = frozenset({"patch"})

    def __init__(self, settings: ConceptCLIPConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        self.released = settings.variant == "release"
        self.contrast = ContrastConfig(form="sigmoid")
        if settings.concept_weight:
            width = model.vision_head.width
            self.patch_head = _head(model.vision.width, width)
            self.concept_head = _head(model.text.width, width)
            self.concept_scale = nn.Parameter(torch.tensor(log(1 / settings.concept_temperature)))
            self.concept_bias = nn.Parameter(torch.tensor(float(settings.concept_bias)))

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add the concepts: ``concept_spans`` (B, S, 2) in tokens and numbers ``concept_names`` (B, S), padded −1."""
        if not self.chosen.concept_weight:
            return {}
        mentions = [self._mentions(sample, reading.tokens, row) for row, sample in enumerate(reading.samples)]
        if self.released:
            spans = _released_spans(mentions)
        else:
            spans = span_tokens(reading.tokens, [[(one.start, one.end) for one in row] for row in mentions])
        names = np.full(spans.shape[:2], -1, dtype=np.int64)
        for row, of_text in enumerate(mentions):
            names[row, : len(of_text)] = [zlib.crc32(one.concept.encode()) for one in of_text]
        names[spans[..., 0] < 0] = -1
        if self.chosen.spans == "shuffled":
            lengths = np.asarray(reading.tokens["attention_mask"]).sum(axis=1)
            spans = spans_elsewhere(spans, lengths, texts=[sample.text for sample in reading.samples])
            names = _named_by_tokens(spans, np.asarray(reading.tokens["input_ids"]))
        return {"concept_spans": spans, "concept_names": names}

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of both sides, and with PC-Align the patches, concepts and the concepts' numbers."""
        parts = bool(self.chosen.concept_weight)
        image = self.model.encode_image(batch["pixel_values"], local=parts, project=False)
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"], local=parts, project=False)
        out = {"image": image.joint, "text": text.joint}
        if not parts:
            return out
        if "concept_spans" not in batch:
            raise DataError("ConceptCLIP needs concept_spans in the batch: give its `annotate` to the collator")
        assert image.tokens is not None
        assert text.tokens is not None
        pooled = self.concept_head(text.tokens)
        means = (_clamped_means if self.released else span_means)(pooled, batch["concept_spans"])
        return {
            **out,
            "patch": unit(self.patch_head(image.tokens)),
            "concept": unit(means),
            "concept_name": batch["concept_names"],
        }

    def gather(self, representations: Representations) -> Representations:
        """Add the rows of all processes; texts of one process may name more concepts than those of another."""
        if "concept" not in representations:
            return super().gather(representations)
        concept, names = representations["concept"], representations["concept_name"]
        more = max(row_counts(names.shape[1], device=names.device)) - names.shape[1]
        padded = {
            "concept": functional.pad(concept, (0, 0, 0, more)),
            "concept_name": functional.pad(names, (0, more), value=-1),
        }
        return super().gather({**representations, **padded})

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return IT-Align + w · PC-Align, and both."""
        pairs = contrast(
            representations["image"],
            representations["text"],
            logit_scale=self.model.scale(),
            logit_bias=self.model.logit_bias,
            settings=self.contrast,
            keys=keys_of(representations),
        ).loss
        if not self.chosen.concept_weight:
            return {"loss": pairs, "pairs": pairs.detach()}
        concepts = self._concept_loss(representations)
        loss = pairs + self.chosen.concept_weight * concepts
        return {"loss": loss, "pairs": pairs.detach(), "concepts": concepts.detach()}

    @torch.no_grad()
    def concept_probability(
        self, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor, *, share: float = 0.5
    ) -> Tensor:
        """Say how likely each image shows what a sentence states, by the whole and by its patches.

        Args:
            pixel_values: (B, C, …).
            input_ids: a sentence that names the concept, then the same one without it, (2, L).
            attention_mask: (2, L).
            share: of the whole image; the patches have the rest (authors' code: 0.5). Of a sentence they see its last
                token [SEP], where the authors' code reads the last place, padding or not.

        Returns:
            Probability of the first sentence, (B,).
        """
        image = self.model.encode_image(pixel_values, local=True, project=False)
        text = self.model.encode_text(input_ids, attention_mask, local=True, project=False)
        probability = share * (self.model.scale() * image.joint @ text.joint.T).softmax(dim=1)
        assert image.tokens is not None
        assert text.tokens is not None
        if share < 1:
            last = (text.tokens.shape[1] - 1) if self.released else attention_mask.sum(dim=1) - 1
            token = unit(self.concept_head(text.tokens[torch.arange(2, device=input_ids.device), last]))
            patches = unit(self.patch_head(image.tokens)).mean(dim=1)
            probability = probability + (1 - share) * (self._scale() * patches @ token.T).softmax(dim=1)
        return probability[:, 0]

    def _mentions(self, sample: Sample, tokens: object, row: int) -> list[Mention]:
        """Concepts of what a sample's text says before it is cut; the rest is not read at all."""
        real = int(np.asarray(tokens["attention_mask"][row]).sum())  # type: ignore[index]
        last = tokens.token_to_chars(row, real - _SPECIAL) if real > _SPECIAL else None  # type: ignore[attr-defined]
        text = sample.text[: last.end] if last is not None else ""
        found = named_concepts(text, () if sample.study is None else sample.study.findings)
        return [one for one in found if one.status == "present" or not self.chosen.only_present]

    def _scale(self) -> Tensor:
        """Scale s_c of the concepts, brought back under 100 first (authors' code)."""
        with torch.no_grad():
            self.concept_scale.clamp_(min=0.0, max=_MOST_SCALE)
        return self.concept_scale.exp()

    def _concept_loss(self, representations: Representations) -> Tensor:
        """PC-Align over the concepts of all processes, so that the processes' mean is that of one batch."""
        every, names = of_all(representations, "concept"), of_all(representations, "concept_name")
        owner, place = torch.nonzero(names >= 0, as_tuple=True)
        first, processes = representations["first_row"].tolist() if "first_row" in representations else (0, 1)
        align = partial(
            concept_alignment,
            logit_scale=self._scale(),
            logit_bias=self.concept_bias,
            pooling=self.chosen.pooling,
            first=int(first),
        )
        concept, patch = every[owner, place], representations["patch"]
        if not self.released or processes == 1:
            numbers = names[owner, place] if self.chosen.shared_concepts_are_positives else None
            return processes * align(patch, concept, owner, names=numbers)
        rows = len(names) // processes
        parts = [owner // rows == process for process in range(processes)]
        return torch.stack([align(patch, concept[part], owner[part]) for part in parts]).sum()


def _head(width: int, joint: int) -> nn.Sequential:
    """Two matrices with a GELU between (authors' code)."""
    return nn.Sequential(nn.Linear(width, joint, bias=False), nn.GELU(), nn.Linear(joint, joint, bias=False))


def _named_by_tokens(spans: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number spans (B, S, 2) by the tokens (B, L) that they hold, (B, S), padded −1."""
    names = np.full(spans.shape[:2], -1, dtype=np.int64)
    for row, number in zip(*np.nonzero(spans[..., 0] >= 0), strict=True):
        first, last = spans[row, number]
        names[row, number] = zlib.crc32(tokens[row, first:last].astype(np.int64).tobytes())
    return names


def _released_spans(mentions: Sequence[Sequence[Mention]]) -> NDArray[np.int64]:
    """Spans (B, S, 2) as the authors' code reads them: numbers of characters, one for [CLS] and one too many."""
    spans = np.full((len(mentions), max(map(len, mentions), default=0), 2), -1, dtype=np.int64)
    for row, of_text in enumerate(mentions):
        for number, one in enumerate(of_text):
            spans[row, number] = one.start + _SPECIAL, one.end + _SPECIAL
    return spans


def _clamped_means(tokens: Tensor, spans: Tensor) -> Tensor:
    """Average tokens (B, L, F) over spans (B, S, 2) to (B, S, F); places behind the end are the last token again."""
    final = tokens.shape[1] - 1
    places = torch.arange(final + 1, device=tokens.device)
    member = ((places >= spans[..., :1]) & (places < spans[..., 1:])).to(tokens.dtype)
    member[..., final] = (spans[..., 1] - spans[..., 0].clamp(min=final)).clamp(min=0).to(tokens.dtype)
    return member @ tokens / member.sum(dim=-1, keepdim=True).clamp(min=1)


METHOD = ConceptCLIP
SETTINGS = ConceptCLIPConfig


def build(settings: ConceptCLIPConfig, model: DualEncoder) -> ConceptCLIP:
    """Put the method around a model."""
    return ConceptCLIP(settings, model)


def load_published(method: ConceptCLIP, state: Mapping[str, Tensor]) -> None:
    """Load the published checkpoint, read with weights only, into a method of its sizes (recipe conceptclip/paper).

    Its images have no projection: ours becomes the identity.

    Raises:
        CheckpointError: names that are unknown, missing or of another shape.
    """
    where = "ConceptCLIP's checkpoint"
    ours = {**renamed(state, KEYS, where=where), **siglip_tower(state, prefix="visual.trunk.", where=where)}
    head = "model.vision_head.layers.0.weight"
    load_whole(method, {**ours, head: torch.eye(len(method.get_parameter(head)))}, where=where)
