"""DeViDe: images aligned with their reports and with what is known of the diseases that these name.

Paper: Luo et al. 2024, arXiv 2404.03618. Code: none found; the terms of the loss are known by name, not by formula.
New: three facets of knowledge, the definition of a disease, how it looks on radiographs, and the patient's report.
An image belongs to several descriptions at once: each gathers the patches that fit it, and what it gathered is
compared with it (conditional projection, several right ones a row). Diseases ask the image by the mean of their
descriptions (presence), and reports are contrasted with descriptions.
Our reading of the terms: itc is `report`, with `description` for the projection; bce is `presence`; tnc is
`knowledge`; pta is `patch`, words of a report and what they gather from patches; α is its weight.
Differs here: descriptions are our own sentences in one template, no language model rewrites them; encoders are any of
`vesalius.models`; what a report names is read by the dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.views import Pair, ViewConfig
from vesalius.errors import DataError
from vesalius.knowledge.descriptions import descriptions
from vesalius.knowledge.triplets import report_statuses
from vesalius.knowledge.vocabulary import names_of
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, batch_share, keys_of, of_all
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.exact import exact
from vesalius.models.query import QueryDecoder
from vesalius.objectives.contrastive import contrast
from vesalius.objectives.local import attend, part_contrast
from vesalius.objectives.multilabel import known_loss, multi_positive_contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.virtual.preset import finding, finding_names

__all__ = ["METHOD", "PAPER", "SETTINGS", "DeViDe", "DeViDeConfig", "DeViDeView", "build", "knowledge_table"]

# B batch, P patches, L tokens, C concepts, K descriptions, F width of an encoder, D joint width, Q decoder's width

Facet = Literal["name", "definition", "looks", "report"]

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=48",
    "method.width=64",
    "method.decoder_depth=1",
    "method.decoder_hidden=128",
)
"""Encoders for pictures of 64 pixels."""

PAPER = Paper(
    slug="devide",
    title="DeViDe: Faceted medical knowledge for improved medical vision-language pre-training",
    year=2024,
    arxiv="2404.03618",
    code="none found",
    claims=(
        Claim(
            name="facets",
            sentence="Definitions and looks of diseases beside reports make features that need few labels.",
            factor="method.facets",
            on=("definition", "looks", "report"),
            off=("report",),
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="ablation of the facets on chest radiographs; figures not at hand",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The finding is named behind more words than the text encoder reads: only the arm that "
                "links names in the whole report to what is known of them can learn it.",
                data=ClaimData(plant="named_signs_told_last"),
            ),
        ),
        Claim(
            name="knowledge",
            sentence="What is described matters: with the descriptions of other diseases zero-shot fails.",
            factor="method.knowledge",
            on="own",
            off="shuffled",
            task="zero_shot_knowledge",
            metric="auroc",
            published="a control of ours, not in the paper",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="Signs stand for findings, and are all that is asked for by their explanations.",
                data=ClaimData(plant="named_signs"),
                settings=("optimisation.steps=720",),
            ),
        ),
    ),
)

_WEIGHTS = ("report", "description", "knowledge", "presence", "patch")
_ABSENT, _SILENT, _UNCERTAIN = 0, -1, -2


@dataclass(frozen=True, kw_only=True)
class DeViDeView(ViewConfig):
    """Random view; the paper's is not known."""

    crop: Pair | None = (0.6, 1.0)
    rotation: float = 10.0
    translation: float = 0.05


@dataclass(frozen=True, kw_only=True)
class DeViDeConfig(MethodConfig):
    """Settings of DeViDe; numbers that the paper's public text does not give are ours."""

    facets: tuple[Facet, ...] = ("definition", "looks", "report")
    """What is known of a disease (paper); "name" is its bare name. Without "report", no pair of image and report is
    aligned; with nothing else, the parts that need descriptions are off."""
    report_weight: float = 1.0
    """Weight of images with their reports, L_itc (paper)."""
    description_weight: float = 1.0
    """Weight of images with the descriptions of what their reports name, by conditional projection (ours)."""
    knowledge_weight: float = 1.0
    """Weight of reports with these descriptions, L_tnc (paper)."""
    presence_weight: float = 1.0
    """Weight of the presence of what the report speaks of, L_bce (paper)."""
    patch_weight: float = 1.0
    """Weight α of words with patches, L_pta (ours: the paper's value is not known)."""
    conditional: bool = True
    """Each description gathers its own patches (paper); without, the image's one vector serves all."""
    attention_temperature: float = 0.1
    """Of gathering patches (ours)."""
    temperature: float = 0.1
    """Of words with what they gathered (ours)."""
    width: int = 256
    """Width of the query decoder (MedKLIP)."""
    decoder_depth: int = 4
    decoder_heads: int = 4
    decoder_hidden: int = 1024
    """Layers, heads and inner width of the decoder (MedKLIP)."""
    dropout: float = 0.1
    """In the decoder (MedKLIP)."""
    among: bool = False
    """Queries look at each other; without, an answer does not depend on what else is asked (ours)."""
    region: str = "chest"
    """Diseases are the dictionary's findings of this region of the body."""
    knowledge: Literal["own", "shuffled"] = "own"
    """"shuffled" gives every disease the descriptions of another: a control."""
    view: DeViDeView = field(default_factory=DeViDeView)
    """Random view of the image (ours)."""

    @property
    def concepts(self) -> tuple[str, ...]:
        """Findings of the region, in the order of the labels."""
        return tuple(name for name in finding_names() if finding(name).region == self.region)

    @property
    def table_facets(self) -> tuple[Facet, ...]:
        """Facets that make descriptions."""
        return tuple(facet for facet in self.facets if facet != "report")

    def weight(self, part: str) -> float:
        """Return the weight of a part; 0 where its facet is left out."""
        from_report = part in ("report", "patch")
        there = "report" in self.facets if from_report else bool(self.table_facets)
        return float(getattr(self, f"{part}_weight")) if there else 0.0

    def __post_init__(self) -> None:
        for part in _WEIGHTS:
            if getattr(self, f"{part}_weight") < 0:
                raise ValueError(f"{part}_weight must be at least 0, found {getattr(self, f'{part}_weight')}")
        joint = ("report", "description", "knowledge")
        if not any(self.weight(part) for part in joint):
            listed = ", ".join(f"{part}_weight" for part in joint)
            raise ValueError(f"{listed} are 0 or their facets left out: nothing would train the joint space")
        for name in ("attention_temperature", "temperature"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        if self.width % self.decoder_heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.decoder_heads} decoder_heads")
        if not self.concepts:
            regions = sorted({finding(name).region for name in finding_names()})
            raise ValueError(f"no finding of region {self.region!r}; expected one of {', '.join(regions)}")


class DeViDe(Method):
    """Contrast of images, reports and descriptions, and a decoder that descriptions ask."""

    capabilities = frozenset({"embed_image", "embed_text", "score", "similarity_map", "match"})
    unshared = frozenset({"patch", "word", "word_exists"})

    def __init__(self, settings: DeViDeConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        if settings.weight("presence"):
            self.patch = nn.Linear(model.vision.width, settings.width)
            self.query = nn.Linear(model.text.width, settings.width)
            self.decoder = QueryDecoder(
                settings.width, depth=settings.decoder_depth, heads=settings.decoder_heads,
                hidden=settings.decoder_hidden, dropout=settings.dropout, among=settings.among,
            )  # fmt: skip
            self.presence = nn.Linear(settings.width, 1)
        for name in ("ids", "mask", "owner"):
            self.register_buffer(f"table_{name}", torch.zeros(0), persistent=False)

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def prepare(self, tokenizer: Any) -> None:
        """Tokenize the descriptions and remember of which diseases each is."""
        if not self.chosen.table_facets:
            return
        concepts = self.chosen.concepts
        texts, owner = knowledge_table(concepts, self.chosen.table_facets)
        if self.chosen.knowledge == "shuffled":
            owner = np.roll(owner, 1, axis=1)
        length = self.model.settings.text_length
        tokens = tokenizer(texts, truncation=True, max_length=length, padding=True, return_tensors="pt")
        self.table_ids = tokens["input_ids"].to(self.model.device)
        self.table_mask = tokens["attention_mask"].to(self.model.device)
        self.table_owner = torch.from_numpy(owner).to(self.model.device)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add what the reports say: ``labels`` (B, C), 1 present, 0 absent, −1 not mentioned, −2 uncertain."""
        number = {"present": 1, "absent": _ABSENT, "uncertain": _UNCERTAIN}
        labels = np.full((len(reading.samples), len(self.chosen.concepts)), _SILENT, dtype=np.int8)
        for row, sample in enumerate(reading.samples):
            said = report_statuses(sample.text)
            for column, concept in enumerate(self.chosen.concepts):
                if concept in said:
                    labels[row, column] = number[said[concept]]
        return {"labels": labels}

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors, words and patches, and what images and reports have in common with the table."""
        parts = bool(self.chosen.weight("patch"))
        image = self.model.encode_image(batch["pixel_values"])
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"], local=parts)
        out = {"image": image.joint, "text": text.joint}
        if parts:
            assert image.joint_tokens is not None
            assert text.joint_tokens is not None
            exists = batch["attention_mask"].bool()
            out |= {"patch": image.joint_tokens, "word": text.joint_tokens * exists[..., None], "word_exists": exists}
        if not self.chosen.table_facets:
            return out
        if "labels" not in batch:
            raise DataError("DeViDe needs the labels in the batch: give its `annotate` to the collator")
        table = self._table()
        out |= {"labels": batch["labels"], "described": self.projected(image, table.joint)}
        out["named"] = text.joint @ table.joint.T
        if self.chosen.weight("presence"):
            out["presence"] = self._presence(image, self._queries(table.pooled))
        return out

    def projected(self, image: ImageFeatures, description: Tensor) -> Tensor:
        """Cosine of descriptions with what each gathers from an image's patches, (B, K).

        Args:
            image: with tokens.
            description: unit-norm, (K, D) for all images, or (B, K, D).
        """
        if not self.chosen.conditional:
            return (image.joint[:, None] * description).sum(dim=-1)
        assert image.joint_tokens is not None
        description = description.expand(len(image.joint), -1, -1)
        found = attend(description, image.joint_tokens, temperature=self.chosen.attention_temperature)
        return (functional.normalize(found, dim=-1) * description).sum(dim=-1)

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum and its parts; a part that the batch has nothing for is 0."""
        scale = self.model.scale()
        parts: dict[str, Tensor] = {}
        if self.chosen.weight("report"):
            image, text = representations["image"], representations["text"]
            parts["report"] = contrast(image, text, logit_scale=scale, keys=keys_of(representations)).loss
        if self.chosen.table_facets:
            parts |= self._table_losses(representations, scale)
        if self.chosen.weight("patch"):
            parts["patch"] = batch_share(representations, "image") * self._patch_loss(representations)
        weighted = [self.chosen.weight(name) * part for name, part in parts.items()]
        return {"loss": torch.stack(weighted).sum(), **{name: part.detach() for name, part in parts.items()}}

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Logit that what a text describes is there, (B,); without the decoder, its scaled conditional cosine."""
        del attention_mask
        if not self.chosen.weight("presence"):
            return self.model.scale() * self.projected(image, text.joint[:, None])[:, 0]
        asked = self.query(text.pooled)
        usual = self.query(self._queries(self._table().pooled)) if self.chosen.among else asked[:0]
        answers = self.decoder.answer_beside(asked, usual, self.patch(image.tokens))
        logits: Tensor = self.presence(answers.features)[:, 0, 0]
        return logits

    def _table_losses(self, representations: Representations, scale: Tensor) -> dict[str, Tensor]:
        """Parts that need descriptions, on the rows of all processes, which every process computes alike."""
        labels = of_all(representations, "labels")
        owner = self.table_owner.to(labels.device)
        positive = ((labels == 1).float() @ owner.T.float()) > 0
        unsure = ((labels == _UNCERTAIN).float() @ owner.T.float()) > 0
        parts: dict[str, Tensor] = {}
        for part, name in (("description", "described"), ("knowledge", "named")):
            if self.chosen.weight(part):
                logits = scale * exact(of_all(representations, name))
                parts[part] = multi_positive_contrast(logits, positive, usable=~unsure)
        if self.chosen.weight("presence"):
            logits = exact(of_all(representations, "presence"))
            parts["presence"] = known_loss(logits, labels) / (labels >= 0).sum().clamp(min=1)
        return parts

    def _patch_loss(self, representations: Representations) -> Tensor:
        """Words with what they gather from patches, against the other words of the report."""
        word, patch, exists = (representations[name] for name in ("word", "patch", "word_exists"))
        gathered = attend(word, patch, temperature=self.chosen.attention_temperature)
        weight = exists / exists.sum(dim=1, keepdim=True).clamp(min=1)
        context = functional.normalize(gathered, dim=-1)
        return part_contrast(word, context, weight=weight, temperature=self.chosen.temperature, mask=exists)

    def _presence(self, image: ImageFeatures, query: Tensor) -> Tensor:
        """Logits of queries (C, F), (B, C)."""
        logits: Tensor = self.presence(self.decoder(self.query(query), self.patch(image.tokens)).features)
        return logits[..., 0]

    def _queries(self, pooled: Tensor) -> Tensor:
        """Mean over each disease's descriptions, (K, F) to (C, F)."""
        share = self.table_owner.to(pooled.dtype)
        return (share / share.sum(dim=0).clamp(min=1)).T @ pooled

    def _table(self) -> TextFeatures:
        if not len(self.table_ids):
            raise DataError("DeViDe does not know its descriptions yet: give the tokenizer to its `prepare`")
        return self.model.encode_text(self.table_ids, self.table_mask, local=False)


def knowledge_table(concepts: Sequence[str], facets: Sequence[str]) -> tuple[list[str], NDArray[np.bool_]]:
    """Write the descriptions of concepts in one template, each text once.

    Args:
        concepts: findings.
        facets: "name", "definition", "looks".

    Returns:
        Texts, and of which concepts each is, (K, C); a text of several belongs to all of them.
    """
    owners: dict[str, list[int]] = {}
    for number, concept in enumerate(concepts):
        name, known = names_of(concept)[0], descriptions()[concept]
        told = {"name": [f"{name}."], "definition": [f"{name}: {known.definition}"], "looks": known.looks}
        for text in (text for facet in facets for text in told[facet]):
            owners.setdefault(" ".join(text.split()), []).append(number)
    owner = np.zeros((len(owners), len(concepts)), dtype=bool)
    for row, numbers in enumerate(owners.values()):
        owner[row, numbers] = True
    return list(owners), owner


METHOD = DeViDe
SETTINGS = DeViDeConfig


def build(settings: DeViDeConfig, model: DualEncoder) -> DeViDe:
    """Put the method around a model."""
    return DeViDe(settings, model)
