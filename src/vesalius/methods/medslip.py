"""MeDSLIP: what is seen and where it is seen, in two streams that are aligned with texts and with each other.

Paper: Fan et al. 2024, arXiv 2403.10635. Code: Shef-AIRE/MeDSLIP, no licence file; descends from MedKLIP.
New: a mask parts the patches into a pathology and an anatomy stream that add up to the patches. In each, explanations
of pathologies (sentences of anatomies) ask a query decoder whether they are there. A pathology's answer is contrasted
with the mean vector of the anatomies that the report names for it, and the other way round (ProtoCL); the products of
all answers of both streams are the logits of the matrix of what is where (ICL).
Differs here: pathologies are the findings of our dictionary instead of 75 frequent words, read from reports by rules
instead of RadGraph. Where nothing is named a part is 0, not NaN. The decoders' last norms are two, which the code
shares. As there, the mask is not squashed, and the default view flips pictures although sides are labels: our recipes
do not.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from vesalius.knowledge.triplets import LANDMARKS, report_triplets, stated_triplets, triplet_matrix
from vesalius.knowledge.vocabulary import explanation
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, batch_share, of_all
from vesalius.models.convert import Rule
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.exact import exact
from vesalius.models.query import DECODER_KEYS, Answers, QueryDecoder
from vesalius.models.vision.inflation import TORCHVISION_KEYS
from vesalius.objectives.multilabel import known_loss
from vesalius.objectives.prototypes import draw_others, prototype_contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.virtual.preset import finding, finding_names

__all__ = ["KEYS", "METHOD", "PAPER", "SETTINGS", "MeDSLIP", "MeDSLIPConfig", "MeDSLIPView", "build"]

# B batch, A anatomies, P pathologies, Q queries of a stream, O those of the other, N patches, F width of an encoder,
# D width of the decoders

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.text_length=48",
    "method.width=64",
    "method.decoder_hidden=128",
    "method.decoder_depth=1",
)
"""Encoders for pictures of 64 pixels."""

PAPER = Paper(
    slug="medslip",
    title="MeDSLIP: Medical Dual-Stream Language-Image Pre-training for Fine-grained Alignment",
    year=2024,
    arxiv="2403.10635",
    code="Shef-AIRE/MeDSLIP, no licence file",
    claims=(
        Claim(
            name="prototypes",
            sentence="Queries contrasted with prototypes of the other stream (ProtoCL) tell unseen images better.",
            factor="method.prototype_weight",
            on=1.0,
            off=0.0,
            task="zero_shot_knowledge",
            metric="auroc",
            published="in the paper's ablation, zero-shot AUC on ChestX-ray14 and RSNA; figures not at hand",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="Signs stand for findings; what is there is learned from prototypes alone, for presence "
                "is asked of anatomies only.",
                data=ClaimData(plant="named_signs"),
                settings=("method.pathology_weight=0", "method.cross_weight=0"),
                task="linear_probe",
                subset=0.1,
            ),
        ),
        Claim(
            name="knowledge",
            sentence="What is explained matters: with the explanations of other diseases zero-shot fails.",
            factor="method.knowledge",
            on="own",
            off="shuffled",
            task="zero_shot_knowledge",
            metric="auroc",
            published="a control of ours, not in the paper",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="Signs stand for findings, of which each report states one and denies the others: presence "
                "is learned of each by its explanation, and asked for by it.",
                data=ClaimData(plant="signs_amid_denied"),
            ),
        ),
    ),
)

_STREAMS = ("pathology", "anatomy")


_STAGES = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6"}
KEYS: tuple[Rule, ...] = (
    *((rf"res_features\.{place}{pattern.removeprefix(name)}", f"model.vision.{ours}")
      for pattern, ours in TORCHVISION_KEYS for name, place in _STAGES.items() if pattern.startswith(name)),
    (r"pathology_embedding_layer\.(\w+)", r"query.\1"),
    (r"mask_generator\.(\w+)", r"mask.\1"),
    (r"res_l1_(\w+?)\.(\w+)", r"\1.perceptron.0.\2"),
    (r"res_l2_(\w+?)\.(\w+)", r"\1.perceptron.2.\2"),
    (r"classifier_(\w+?)\.(\w+)", r"\1.presence.\2"),
    (r"cl_fc_(\w+?)\.(\w+)", r"\1.toward.\2"),
    *((rf"decoder_(pathology|anatomy)\.{theirs}", rf"\1.decoder.{ours}") for theirs, ours in DECODER_KEYS),
)  # fmt: skip
"""The published checkpoint by our names; its books, made of ClinicalBERT, are not in it."""


@dataclass(frozen=True, kw_only=True)
class MeDSLIPView(ViewConfig):
    """Random view with the values of the authors' code; its RandAugment is a shift and a turn here."""

    crop: Pair | None = (0.2, 1.0)
    flip: float = 0.5
    rotation: float = 21.0
    translation: float = 0.3


@dataclass(frozen=True, kw_only=True)
class MeDSLIPConfig(MethodConfig):
    """Settings of MeDSLIP."""

    width: int = 256
    """Width D of the decoders (authors' code)."""
    decoder_depth: int = 4
    decoder_heads: int = 4
    decoder_hidden: int = 1024
    """Layers, heads and inner width of a decoder (authors' code)."""
    dropout: float = 0.1
    """In the decoders and before the heads (authors' code)."""
    among: bool = True
    """Queries look at each other (authors' code); without, an answer does not depend on what else is asked."""
    mask: Literal["linear", "sigmoid", "none"] = "linear"
    """What parts the streams: not squashed (authors' code), from 0 to 1 (as the paper's text reads), or nothing."""
    frozen_book: bool = True
    """The text encoder does not learn: its vectors of the explanations are constants (authors' code)."""
    pathology_weight: float = 1.0
    """Weight of the presence of pathologies (authors' code)."""
    anatomy_weight: float = 1.0
    """Weight of the presence of something at an anatomy (authors' code)."""
    prototype_weight: float = 1.0
    """Weight of ProtoCL in both streams (authors' code)."""
    cross_weight: float = 1.0
    """Weight of ICL (authors' code)."""
    negatives: int = 7
    """Other anatomies (pathologies) beside a prototype (authors' code)."""
    region: str = "chest"
    """Pathologies are the dictionary's findings of this region of the body."""
    triplets: Literal["report", "facts"] = "report"
    """Read what is where from the report (paper), or take what the study states where it states something."""
    knowledge: Literal["own", "shuffled"] = "own"
    """"shuffled" gives every pathology the explanation of another: a control."""
    view: MeDSLIPView = field(default_factory=MeDSLIPView)
    """Random view of the image (authors' code)."""

    @property
    def kept_fields(self) -> frozenset[str]:
        """Findings, where they are wanted."""
        return frozenset({"findings"}) if self.triplets == "facts" else frozenset()

    @property
    def pathologies(self) -> tuple[str, ...]:
        """Findings of the region in the order of the matrix."""
        return tuple(name for name in finding_names() if finding(name).region == self.region)

    def __post_init__(self) -> None:
        weights = [f"{name}_weight" for name in (*_STREAMS, "prototype", "cross")]
        for name in weights:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
        if not any(getattr(self, name) for name in weights):
            raise ValueError(f"all of {', '.join(weights)} are 0: nothing would train")
        if self.width % self.decoder_heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.decoder_heads} decoder_heads")
        if self.negatives < 1:
            raise ValueError(f"negatives must be at least 1, found {self.negatives}")
        if not self.pathologies:
            regions = sorted({finding(name).region for name in finding_names()})
            raise ValueError(f"no finding of region {self.region!r}; expected one of {', '.join(regions)}")


class MeDSLIP(Method):
    """Two query decoders on a parted image, and their answers aligned with each other."""

    capabilities = frozenset({"embed_image", "match", "similarity_map"})
    unshared = frozenset({*_STREAMS, "index"})

    def __init__(self, settings: MeDSLIPConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        seen, read = model.vision.width, model.text.width
        self.mask = nn.Linear(seen, seen) if settings.mask != "none" else None
        self.query = nn.Linear(read, settings.width)
        self.pathology = _Stream(settings, seen=seen, read=read)
        self.anatomy = _Stream(settings, seen=seen, read=read)
        # Neither pooling nor heads of the joint space are trained: they answer nothing here.
        unused = [model.vision_pool, model.vision_head, model.text_head, model.logit_scale, model.logit_bias]
        unused += [model.text, model.text_pool] if settings.frozen_book else []
        for part in (part for part in unused if part is not None):
            part.requires_grad_(False)
        for name in ("ids", "mask", "vectors"):
            self.register_buffer(f"book_{name}", torch.zeros(0), persistent=False)
        if not any((settings.pathology_weight, settings.prototype_weight, settings.cross_weight)):
            self.pathology.requires_grad_(False)
        if not any((settings.anatomy_weight, settings.prototype_weight, settings.cross_weight)):
            self.anatomy.requires_grad_(False)

    def train(self, mode: bool = True) -> MeDSLIP:
        """Set training mode; a text encoder that does not learn stays in evaluation mode."""
        super().train(mode)
        if self.chosen.frozen_book:
            self.model.text.eval()
        return self

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def prepare(self, tokenizer: Any) -> None:
        """Tokenize the explanations of the pathologies, then the sentences of the anatomies."""
        concepts = list(self.chosen.pathologies)
        told = concepts if self.chosen.knowledge == "own" else concepts[1:] + concepts[:1]
        texts = [explanation(concept) for concept in told]
        texts += [f"It is located at {name.replace('_', ' ')}." for name in LANDMARKS]
        tokens = tokenizer(
            texts, truncation=True, max_length=self.model.settings.text_length, padding=True, return_tensors="pt"
        )
        self.book_ids = tokens["input_ids"].to(self.model.device)
        self.book_mask = tokens["attention_mask"].to(self.model.device)
        if self.chosen.frozen_book:
            with torch.no_grad():
                training, _ = self.model.text.training, self.model.text.eval()
                self.book_vectors = self._read_book()
                self.model.text.train(training)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add what is where: ``matrix`` (B, A, P), 1 present, 0 absent, −1 not said."""
        rows = []
        for sample in reading.samples:
            study = sample.study if self.chosen.triplets == "facts" else None
            facts = () if study is None else study.findings
            triplets = stated_triplets(facts) if facts else report_triplets(sample.text)
            rows.append(triplet_matrix(triplets, self.chosen.pathologies))
        return {"matrix": np.stack(rows)}

    def encode(self, batch: Batch) -> Representations:
        """Answers of both streams (B, Q, D), with the matrix (B, A, P) and the corpus's rows (B,)."""
        if "matrix" not in batch:
            raise DataError("MeDSLIP needs the matrix in the batch: give its `annotate` to the collator")
        patches = self.streams(self._tokens(self.model.encode_image(batch["pixel_values"], project=False)))
        book = dict(zip(_STREAMS, self._queries(), strict=True))
        answers = {name: self._stream(name).decoder(book[name], patches[name]).features for name in _STREAMS}
        return {**answers, "matrix": batch["matrix"], "index": batch["index"]}

    def streams(self, tokens: Tensor) -> dict[str, Tensor]:
        """Part patches (B, N, F) into both streams, and bring each to the decoders' width, (B, N, D)."""
        parts = dict(zip(_STREAMS, self.parted(tokens), strict=True))
        return {name: self._stream(name).perceptron(part) for name, part in parts.items()}

    def parted(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return m ⊙ x and x − m ⊙ x of patches x; without a mask, both are x."""
        if self.mask is None:
            return tokens, tokens
        mask = self.mask(tokens)
        own = (mask.sigmoid() if self.chosen.mask == "sigmoid" else mask) * tokens
        return own, tokens - own

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum and its parts: pathology, anatomy, prototype, cross; 0 where nothing is named."""
        matrix = representations["matrix"]
        every = of_all(representations, "matrix")
        share = batch_share(representations, "matrix") * len(every) / len(matrix)
        parts: dict[str, Tensor] = {}
        prototype, book = [], self._other_book() if self.chosen.prototype_weight else {}
        for name in _STREAMS:
            said, all_said = (whole.transpose(1, 2) if name == "pathology" else whole for whole in (matrix, every))
            stream = self._stream(name)
            answers = stream.dropout(representations[name])
            labels, all_labels = said.amax(dim=2), all_said.amax(dim=2)
            if getattr(self.chosen, f"{name}_weight"):
                parts[name] = share * stream.presence_loss(answers, labels) / (all_labels >= 0).sum().clamp(min=1)
            if self.chosen.prototype_weight:
                total = self._prototype_loss(name, answers, said, representations["index"], book[name])
                prototype.append(share * total / (all_labels == 1).sum().clamp(min=1))
        if prototype:
            parts["prototype"] = torch.stack(prototype).sum()
        if self.chosen.cross_weight:
            logits = exact(representations["anatomy"]) @ exact(representations["pathology"]).transpose(1, 2)
            total = known_loss(logits, matrix)
            parts["cross"] = share * total / (every >= 0).sum().clamp(min=1)
        weighted = [getattr(self.chosen, f"{name}_weight") * part for name, part in parts.items()]
        return {"loss": torch.stack(weighted).sum(), **{name: part.detach() for name, part in parts.items()}}

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Logit that the pathology that a text explains is there, (B,)."""
        del attention_mask
        logits: Tensor = self.pathology.presence(self._answer(image, text).features[:, 0])
        return logits[:, 1] - logits[:, 0]

    def look(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Where the pathology stream looks when a text asks, mean over layers and heads, (B, N)."""
        del attention_mask
        looks = self._answer(image, text, attention=True).attention
        assert looks is not None
        return looks[:, 0]

    def _answer(self, image: ImageFeatures, text: TextFeatures, *, attention: bool = False) -> Answers:
        asked = self.query(text.pooled)
        usual = self._queries()[0] if self.chosen.among else asked[:0]
        patches = self.streams(self._tokens(image))["pathology"]
        return self.pathology.decoder.answer_beside(asked, usual, patches, attention=attention)

    @torch.no_grad()
    def _other_book(self) -> dict[str, Tensor]:
        """For each stream the vectors of the other's texts (O, F); prototypes are made of them and do not learn."""
        pathology, anatomy = self._book()
        return {"pathology": exact(anatomy), "anatomy": exact(pathology)}

    def _prototype_loss(self, name: str, answers: Tensor, said: Tensor, index: Tensor, book: Tensor) -> Tensor:
        """Sum over the queries (B, Q) that are there; `said` is the matrix, (B, Q, O)."""
        row, query = (said.amax(dim=2) == 1).nonzero(as_tuple=True)
        member = said[row, query] == 1
        step, count = self.progress.step, self.chosen.negatives
        negative = draw_others(member, row=index[row], query=query, step=step, count=count)
        toward = exact(self._stream(name).toward(answers[row, query]))
        return prototype_contrast(toward, book.to(toward), member, negative).sum()

    def _stream(self, name: str) -> _Stream:
        stream: _Stream = getattr(self, name)
        return stream

    def _queries(self) -> tuple[Tensor, Tensor]:
        """Queries of the pathologies (P, D) and of the anatomies (A, D), through one layer."""
        pathology, anatomy = self._book()
        return self.query(pathology), self.query(anatomy)

    def _book(self) -> tuple[Tensor, Tensor]:
        """Vectors of the explanations (P, F) and of the sentences of anatomies (A, F)."""
        if not len(self.book_ids):
            raise DataError("MeDSLIP does not know its texts yet: give the tokenizer to its `prepare`")
        vectors = self.book_vectors if self.chosen.frozen_book else self._read_book()
        return vectors[: len(self.chosen.pathologies)], vectors[len(self.chosen.pathologies) :]

    def _read_book(self) -> Tensor:
        """Read explanations and sentences apart, each padded to its own longest."""
        sizes, read = [len(self.chosen.pathologies), len(LANDMARKS)], []
        for ids, mask in zip(self.book_ids.split(sizes), self.book_mask.split(sizes), strict=True):
            used = mask.bool().any(dim=0)
            read.append(self.model.encode_text(ids[:, used], mask[:, used], local=False).pooled)
        return torch.cat(read)

    @staticmethod
    def _tokens(image: ImageFeatures) -> Tensor:
        assert image.tokens is not None
        return image.tokens


class _Stream(nn.Module):
    """One stream: a perceptron on its patches, the decoder, the head of presence and that toward the other's book."""

    def __init__(self, settings: MeDSLIPConfig, *, seen: int, read: int):
        super().__init__()
        self.perceptron = nn.Sequential(nn.Linear(seen, seen), nn.ReLU(), nn.Linear(seen, settings.width))
        self.decoder = QueryDecoder(
            settings.width, depth=settings.decoder_depth, heads=settings.decoder_heads,
            hidden=settings.decoder_hidden, dropout=settings.dropout, among=settings.among,
        )  # fmt: skip
        self.dropout = nn.Dropout(settings.dropout)
        self.presence = nn.Linear(settings.width, 2)
        self.toward = nn.Linear(settings.width, read)

    def presence_loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Sum of the cross-entropies of answers (B, Q, D) whose label (B, Q) is 0 or 1."""
        logits = exact(self.presence(answers))
        each = functional.cross_entropy(logits.transpose(1, 2), labels.clamp(min=0).long(), reduction="none")
        return (each * (labels >= 0)).sum()


METHOD = MeDSLIP
SETTINGS = MeDSLIPConfig


def build(settings: MeDSLIPConfig, model: DualEncoder) -> MeDSLIP:
    """Put the method around a model."""
    return MeDSLIP(settings, model)
