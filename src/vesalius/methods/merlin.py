"""Merlin: volumes of CT learned from reports and from the patient's diagnosis codes, on one graphics card.

Paper: Blankemeier et al., preprint 2024, Nature 2026, arXiv 2406.06512. Code: StanfordMIMI/Merlin, MIT, without its
training loop.
New: a 2D ResNet inflated to volumes with two heads, one into the space of reports and one of diagnosis codes; reports
are read whole or one organ's section at a time, so that prompts about one organ work.
Differs here: any encoder may stand in for the inflated ResNet-152 and Clinical-Longformer, for pictures too; codes
are the findings that studies state, or phecodes of a hospital's records (`vesalius.knowledge.phecodes`). Texts are
not broken at punctuation beforehand, as the tokenizers here do that. Nothing uses the published logit scale of 1.
Not here: report generation, five-year risk, segmentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.organs import organ_sections
from vesalius.data.views import ViewConfig
from vesalius.errors import DataError
from vesalius.knowledge.phecodes import read_phecodes
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, keys_of, of_all, spoken
from vesalius.models.convert import Rule, load_whole, renamed
from vesalius.models.dual import DualEncoder
from vesalius.models.exact import exact
from vesalius.models.vision.inflation import TORCHVISION_KEYS, inflate
from vesalius.objectives.contrastive import contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl
from vesalius.virtual.preset import finding_names

__all__ = ["KEYS", "METHOD", "PAPER", "SETTINGS", "Merlin", "MerlinConfig", "build", "load_published"]

# B batch, F width of the image encoder, N codes

_VOLUMES = (
    "model.vision_depth=10",
    "model.vision_width=64",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=64",
    "data.spacing_mm=[27, 13, 13]",
    "data.window=[-160, 240]",
)
"""Encoders for 16 slices of 32 x 32; a whole abdomen, in a window in which organs and not bones alone are told apart
(the paper's is -1000 to 1000 HU, of many more voxels)."""
_SIGNS = (
    "ring_sign", "cross_sign", "star_sign", "bar_sign", "post_sign", "stairs_sign", "corner_sign", "grid_sign",
)  # fmt: skip
"""Codes of what the control plants."""

PAPER = Paper(
    slug="merlin",
    title="Merlin: A Vision Language Foundation Model for 3D Computed Tomography",
    year=2026,
    arxiv="2406.06512",
    venue="Nature",
    code="StanfordMIMI/Merlin, MIT",
    claims=(
        Claim(
            name="codes",
            sentence="Beside reports, diagnosis codes make better features for few labels.",
            factor="method.code_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="ablation of the training losses; 692 phenotypes at a mean AUROC of 0.812 (from memory)",
            settings=(
                "model.inflated=false",
                "model.vision_width=128",
                "model.width=64",
                "model.projection_dim=64",
                "model.text_length=64",
            ),
            control=PositiveControl(
                sentence="Training reports are those of other patients: codes alone can teach.",
                data=ClaimData(plant="shuffled_texts"),
            ),
        ),
        Claim(
            name="volumes",
            sentence="In volumes of CT, too, diagnosis codes beside reports make better features.",
            factor="method.code_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=1.0,
            published="ablation of the training losses; 692 phenotypes at a mean AUROC of 0.812 (from memory)",
            data=ClaimData(preset="abdomen-ct", volumes=True),
            settings=_VOLUMES,
            control=PositiveControl(
                sentence="A sign is woven through every slice of a volume, which no report tells and its code does: "
                "codes alone can teach.",
                data=ClaimData(preset="abdomen-ct", volumes=True, plant="woven_signs_untold"),
                settings=(f"method.codes=[{', '.join(_SIGNS)}]",),
            ),
        ),
    ),
)
"""The codes are measured on pictures first, of which the budget has more, then on volumes as in the paper."""

_ENCODER = r"encode_image\.i3_resnet\."
KEYS: tuple[Rule, ...] = (
    *((_ENCODER + pattern, f"model.vision.{name}") for pattern, name in TORCHVISION_KEYS),
    (_ENCODER + r"contrastive_head\.(weight|bias)", r"model.vision_head.layers.0.\1"),
    (_ENCODER + r"classifier\.(weight|bias)", r"codes.\1"),
    (r"encode_text\.text_encoder\.(pooler\..*|embeddings\.position_ids)", None),
    (r"encode_text\.text_encoder\.(.*)", r"model.text.model.\1"),
    (r"encode_text\.linear_layer\.(weight|bias)", r"model.text_head.layers.0.\1"),
    (r"logit_scale", r"model.logit_scale"),
)
"""Names of the published checkpoint and ours."""


@dataclass(frozen=True, kw_only=True)
class MerlinConfig(MethodConfig):
    """Settings of Merlin; encoders and heads are the model's."""

    contrast_weight: float = 1.0
    """Weight of the contrast of volumes and reports; 0 leaves it out."""
    code_weight: float = 1.0
    """Weight of the cross-entropy of codes; 0 leaves their head out."""
    codes_first: float = 0.0
    """Share of the run, at its start, in which codes alone are learned (the paper's other schedule: in stages)."""
    section_share: float = 0.5
    """Chance that a step reads one organ's section of a report and not all of it."""
    codes: tuple[str, ...] = ()
    """Concepts of the outputs, in order; all findings that virtual patients can have where none is given."""
    code_table: str = ""
    """Table of phecodes (phenotypes.csv of the authors' code) to take the codes from; read once, into `codes`."""
    silent: Literal["unknown", "absent"] = "unknown"
    """What a code is of which a study says nothing: "unknown", or "absent" as in the paper, whose codes are billed
    ones. A study without any statement is unknown in all of them."""
    view: ViewConfig = field(default_factory=ViewConfig)
    """Random view of the volume, the same for all slices; none in the card."""

    def __post_init__(self) -> None:
        for name in ("contrast_weight", "code_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
        if not self.contrast_weight and not self.code_weight:
            raise ValueError("contrast_weight and code_weight are both 0: nothing is learned")
        for name in ("codes_first", "section_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, found {getattr(self, name)}")
        if self.codes_first and not self.code_weight:
            raise ValueError("codes_first needs a code_weight above 0")
        self._name_codes()

    def _name_codes(self) -> None:
        """Fill in the codes, so that a saved model needs no table."""
        if self.code_table:
            if self.codes:
                raise ValueError("codes and code_table are both given: leave one out")
            object.__setattr__(self, "codes", tuple(read_phecodes(self.code_table)))
            object.__setattr__(self, "code_table", "")
        if not self.codes:
            object.__setattr__(self, "codes", tuple(sorted(finding_names())))
        if len(set(self.codes)) < len(self.codes):
            raise ValueError("codes names a concept twice")

    @property
    def kept_fields(self) -> frozenset[str]:
        """The findings, where codes are learned."""
        return frozenset({"findings"}) if self.code_weight else frozenset()


class Merlin(Method):
    """Contrast of volumes and reports, and binary cross-entropy of codes."""

    unshared = frozenset({"code_logits", "code_present"})

    def __init__(self, settings: MerlinConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        if settings.code_weight:
            self.codes = nn.Linear(model.vision.width, len(settings.codes))
        self._places = {concept: place for place, concept in enumerate(settings.codes)}

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of a volume (C, slices, H, W), or picture, with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Return the whole report, or with the chance `section_share` one of its sections."""
        kept = spoken(sentences)
        if rng.random() < self.chosen.section_share:
            sections = list(organ_sections(kept).values())
            kept = list(sections[int(rng.integers(len(sections)))])
        return super().words(kept, rng)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add what is known of the codes, ``code_present`` and ``code_known``, both (B, N)."""
        if not self.chosen.code_weight:
            return {}
        present = np.zeros((len(reading.samples), len(self._places)), dtype=np.float32)
        known = np.zeros(present.shape, dtype=bool)
        for row, sample in enumerate(reading.samples):
            if sample.study is None:
                raise DataError(
                    "Merlin learns codes of findings, which the samples lack: keep `settings.kept_fields`"
                )
            stated = {finding.concept for finding in sample.study.findings}
            known[row] = bool(stated) and self.chosen.silent == "absent"
            for concept in stated & self._places.keys():
                status = sample.study.status(concept)
                known[row, self._places[concept]] = status != "uncertain"
                present[row, self._places[concept]] = status == "present"
        return {"code_present": present, "code_known": known}

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of both sides, and with codes their logits and what is known of them."""
        image = self.model.encode_image(batch["pixel_values"], local=False)
        text = self.model.encode_text(batch["input_ids"], batch["attention_mask"], local=False)
        out = {"image": image.joint, "text": text.joint}
        if not self.chosen.code_weight:
            return out
        if "code_known" not in batch:
            raise DataError("Merlin needs code_present and code_known in the batch: give `annotate` to the collator")
        return {
            **out,
            "code_logits": self.codes(image.pooled),
            "code_present": batch["code_present"],
            "code_known": batch["code_known"],
        }

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum, and each of its parts that has a weight: contrast, codes."""
        parts, weights = {}, {}
        if self.chosen.contrast_weight:
            parts["contrast"] = contrast(
                representations["image"],
                representations["text"],
                logit_scale=self.model.scale(),
                keys=keys_of(representations),
            ).loss
            waits = self.progress.share < self.chosen.codes_first
            # Weighed with 0 and not left out: wrappers that replicate a model wait for every gradient.
            weights["contrast"] = 0.0 if waits else self.chosen.contrast_weight
        if self.chosen.code_weight:
            parts["codes"] = self._code_loss(representations)
            weights["codes"] = self.chosen.code_weight
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    @torch.no_grad()
    def code_probabilities(self, pixel_values: Tensor) -> Tensor:
        """Return the probability of every code, (B, N), for normalised volumes (B, C, slices, H, W).

        Raises:
            DataError: the method was trained without codes.
        """
        if not self.chosen.code_weight:
            raise DataError("this model was trained with code_weight 0 and knows no codes")
        probability: Tensor = self.codes(self.model.encode_image(pixel_values, local=False).pooled).sigmoid()
        return probability

    def _code_loss(self, representations: Representations) -> Tensor:
        """Mean over all known codes of all processes, whose own means are averaged afterwards; none gives 0."""
        logits, known = representations["code_logits"], representations["code_known"]
        given = exact(logits)
        each = functional.binary_cross_entropy_with_logits(
            given, representations["code_present"].detach().to(given), reduction="none"
        )
        keys = keys_of(representations)
        processes = 1 if keys is None else keys.processes
        return processes * (each * known).sum() / of_all(representations, "code_known").sum().clamp(min=1)


METHOD = Merlin
SETTINGS = MerlinConfig


def build(settings: MerlinConfig, model: DualEncoder) -> Merlin:
    """Put the method around a model."""
    return Merlin(settings, model)


def load_published(method: Merlin, state: Mapping[str, Tensor]) -> None:
    """Load the published checkpoint, read with weights only, into a method of its sizes (recipe merlin/paper).

    Raises:
        CheckpointError: names that are unknown, missing or of another shape.
    """
    where = "Merlin's checkpoint"
    ours = inflate(renamed(state, KEYS, where=where), method.state_dict())
    for name in ("model.vision_head.layers.0.weight", "codes.weight"):
        if name in ours:
            ours[name] = ours[name].flatten(1)
    if "model.logit_scale" in ours:
        ours["model.logit_scale"] = ours["model.logit_scale"].log()
    load_whole(method, ours, where=where)
