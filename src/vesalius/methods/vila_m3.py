"""VILA-M3: a radiology model that calls specialist models in mid-conversation and goes on with their results.

Paper: Nath et al., CVPR 2025 (preprint 2024), arXiv 2411.12915. Code: Project-MONAI/VLM-Radiology-Agent-Framework
(Apache-2.0).
New: a fourth stage of instruction tuning on conversations with an expert's result; cards of the experts in the
prompt; one tag as a call (`vesalius.tasks.grammar.calls`, `vesalius.inference.experts`).
Differs here: any vision encoder and language model stand in for SigLIP and Llama-3; experts are models of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from vesalius.errors import DataError
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl
from vesalius.tasks.grammar.calls import Expert
from vesalius.tasks.instructions.guidance import ExpertCard

__all__ = ["CARDS", "ENSEMBLE", "METHOD", "PAPER", "SETTINGS", "VilaM3", "VilaM3Config", "build", "equal_answers",
           "positive_f1", "read_answer"]  # fmt: skip

CARDS = (
    ExpertCard(
        expert=Expert(name="BRATS"), modality="MRI (T1, T1CE, T2, FLAIR)", task="segmentation",
        overview="brain tumour on four aligned sequences", accuracy="Dice TC .8559, WT .9026, ET .7905",
    ),
    ExpertCard(
        expert=Expert(name="VISTA3D", arguments=("hepatic tumor", "pancreatic tumor", "lung tumor", "bone lesion",
                                                 "organs", "cardiovascular", "gastrointestinal", "skeleton",
                                                 "muscles")),
        modality="CT", task="segmentation", overview="organs, vessels, bones and lesions",
        accuracy="127 structures and lesions",
    ),
    ExpertCard(
        expert=Expert(name="VISTA2D"), modality="cell imaging", task="segmentation", overview="single cells",
        accuracy="good on several sets of cells",
    ),
    ExpertCard(
        expert=Expert(name="CXR"), modality="chest X-ray (CXR)", task="classification",
        overview="an ensemble of models of chest films", accuracy="good on several public sets",
    ),
)  # fmt: skip
"""The paper's experts; a segmenter without listed groups takes no argument."""

_ALL = ("all", "chex", "mimic", "nb", "nih", "pc", "rsna", "resnet")
_COMMON = ("all", "chex", "pc", "resnet")
ENSEMBLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "atelectasis": _COMMON, "cardiomegaly": _COMMON, "consolidation": _COMMON, "edema": _COMMON,
        "effusion": _COMMON, "fracture": ("all", "nih", "chex", "resnet"), "lung_opacity": _ALL,
        "pneumothorax": ("resnet",),
    }
)  # fmt: skip
"""Label to the members whose mean counts: seven DenseNets by their training data, and a ResNet of 512 pixels."""

PAPER = Paper(
    slug="vila-m3",
    title="VILA-M3: Enhancing Vision-Language Models with Medical Expert Knowledge",
    year=2024,
    arxiv="2411.12915",
    venue="CVPR 2025",
    code="Project-MONAI/VLM-Radiology-Agent-Framework, Apache-2.0",
    claims=(
        Claim(
            name="expert",
            sentence="A model that learnt from conversations with an expert's result uses it.",
            factor=PLANT,
            on="",
            off="expert_shuffled",
            task="corpus.guided",
            metric="accuracy",
            label="all",
            published="F1 on CheXpert 3B 57.4 → 60.8, 8B 61.4 → 60.4 with the expert",
            data=ClaimData(plant="expert_90"),
            control=PositiveControl(
                sentence="An expert who is always right is to be believed always.", data=ClaimData(plant="expert_100")
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class VilaM3Config(ConversingConfig):
    """Settings: none beside those of the stages and sources."""


class VilaM3(ConversingMethod):
    """Every answer token alike, calls among them; what is new stands in the conversations and the fourth stage."""

    settings: VilaM3Config


METHOD, SETTINGS = VilaM3, VilaM3Config


def build(settings: VilaM3Config, model: VisionLanguageModel) -> VilaM3:
    """Build the method on a vision-language model."""
    return VilaM3(settings, model)


def equal_answers(said: Sequence[str | None], truths: Sequence[str], *, closed_only: bool = False) -> float:
    """Return the share of answers that are their truth, lower-cased and stripped; a missing answer is wrong.

    Args:
        said: answers, None where one is missing.
        truths: right answers.
        closed_only: only questions whose truth is yes or no count, as the paper counts PathVQA: such a share is not
            to be compared with one over all questions.

    Raises:
        DataError: no question counts, or not as many answers as truths.
    """
    if len(said) != len(truths):
        raise DataError(f"{len(said)} answers for {len(truths)} truths")
    pairs = [
        (None if one is None else one.strip().lower(), truth.strip().lower())
        for one, truth in zip(said, truths, strict=True)
    ]
    kept = [pair for pair in pairs if not closed_only or pair[1] in ("yes", "no")]
    if not kept:
        raise DataError("no question counts: none has yes or no for a truth" if closed_only else "no question")
    return sum(one == truth for one, truth in kept) / len(kept)


def read_answer(reply: str, *, rule: Literal["words", "release"] = "words") -> str:
    """Read yes, no or a letter: the first yes or no, else what stands in brackets, else the first letter a to d.

    Args:
        reply: of a model.
        rule: "words" looks for whole words; "release" also finds "no" inside of "normal", as the authors' code does.

    Returns:
        In small letters; empty where there is none, which counts as negative.
    """
    text = reply.strip().lower()
    edge = r"\b" if rule == "words" else ""
    if found := re.search(rf"{edge}(yes|no){edge}", text):
        return found[1]
    if found := re.search(r"\(([^()]*)\)", text):
        return found[1].strip()
    found = re.search(rf"{edge}([a-d]){edge}", text)
    return found[1] if found else ""


def positive_f1(
    replies: Mapping[str, Sequence[str]],
    truths: Mapping[str, Sequence[bool]],
    *,
    rule: Literal["words", "release"] = "words",
) -> float:
    """Return the mean over classes of the F1 of "yes"; an answer that cannot be read is negative.

    Raises:
        DataError: classes or numbers of answers do not match.
    """
    if set(replies) != set(truths) or not truths:
        raise DataError(f"answers about {sorted(replies)} for truths about {sorted(truths)}")
    found = []
    for name, real in truths.items():
        said = np.array([read_answer(reply, rule=rule) == "yes" for reply in replies[name]])
        true = np.asarray(real, dtype=bool)
        if said.shape != true.shape:
            raise DataError(f"{name}: {len(said)} answers for {len(true)} truths")
        both, either = int((said & true).sum()), int(said.sum() + true.sum())
        found.append(2 * both / either if either else 0.0)
    return float(np.mean(found))
