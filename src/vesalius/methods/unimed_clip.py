"""UniMed-CLIP: one CLIP for many imaging modalities; label sets become pairs with several captions each.

Paper: Khattak et al., 2024, arXiv 2412.10372. Code: mbzuai-oryx/UniMed-CLIP, CC BY-NC 4.0 (nothing of it is used).
New: a language model writes several captions for each sample from label names and modality; all are stored together
and one is drawn at each visit; a report, where there is one, always wins over them. The loss is CLIP's, over batches
that mix the modalities.
Differs here: captions come from wordings of our own (step ``label_captions`` of curation) or from the shards of the
release, which `read_shards` and ``vesalius ingest`` read; the drawing is the loader's (``data.alternatives``). The
report of a sample without one is never drawn. Weights must be one for each part, where the release's list has twelve
for thirteen. Either side has one matrix into the joint space; the authors' code has two with a GELU for texts, so
that their checkpoint has no place here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vesalius.data import views
from vesalius.data.formats.webdataset import samples_in, write_shard
from vesalius.data.views import Pair, ViewConfig
from vesalius.errors import ConfigError, DataError
from vesalius.methods.base import (
    Batch,
    Method,
    MethodConfig,
    Representations,
    keys_of,
    spoken,
    text_groups,
    text_numbers,
)
from vesalius.models.dual import DualEncoder
from vesalius.objectives.contrastive import contrast
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = [
    "MARKERS", "METHOD", "NO_REPORT", "PAPER", "SETTINGS", "SHARD", "ShardSample", "UniMedCLIP",
    "UniMedCLIPConfig", "UniMedCLIPView", "accuracy_percent", "build", "candidates", "class_vectors", "draw_caption",
    "draw_parts", "joined", "parted", "read_shards", "write_shards",
]  # fmt: skip

# N images, K classes, P prompts, D joint width

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=48",
)
"""Encoders for pictures of 64 pixels."""

PAPER = Paper(
    slug="unimed-clip",
    title="UniMed-CLIP: Towards a Unified Image-Text Pretraining Paradigm for Diverse Medical Imaging Modalities",
    year=2024,
    arxiv="2412.10372",
    code="mbzuai-oryx/UniMed-CLIP, CC BY-NC 4.0",
    claims=(
        Claim(
            name="labels",
            sentence="Label sets turned into captions add to what reports alone teach.",
            factor="data.roles and data.alternatives",
            on={"data.roles": ["findings", "impression", "report", "note", "caption"]},
            off={"data.roles": ["findings", "impression", "report", "note"], "data.alternatives": []},
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="zero-shot mean over 21 sets 61.63, BioMedCLIP 49.02, PMC-CLIP 53.37 (other data, B/16)",
            settings=_COMPACT,
            data=ClaimData(plant="few_reports"),
            control=PositiveControl(
                sentence="A sign at a random place is named by the reports of a few studies and by the captions of "
                "all others: the arm without captions has a tenth of the pictures.",
                data=ClaimData(plant="signs_few_reports"),
            ),
        ),
        Claim(
            name="variety",
            sentence="Several captions for a sample, one drawn at each visit, make prompts in other words work.",
            factor="data.wordings",
            on="draw",
            off="first",
            task="zero_shot",
            metric="auroc",
            published="the paper's choice: up to 15 captions a sample; no figure of its own is known here",
            settings=_COMPACT,
            data=ClaimData(plant="label_captions"),
            control=PositiveControl(
                sentence="The word by which a sign is asked for stands in some of its captions and not in the first.",
                data=ClaimData(plant="signs_reworded"),
                settings=("optimisation.steps=600",),
            ),
        ),
    ),
)

_MOST = {
    "_radimagenet_": 10, "_chexpert_": 10, "_openi_": 1, "_chestxray8_": 10, "_all_retina_merged_": 10, "_dr_": 15,
    "_medicat_": 2, "_mimiccxr_": 10,
}  # fmt: skip
MARKERS = tuple(_MOST)
"""Joins between the captions of a sample, by the part that it is of."""
NO_REPORT = "noreportpresent"
"""Last element of a MIMIC-CXR sample without a report."""
_NOTHING = "nothingpresent"
"""Second element of a MedICaT sample without another text."""
SHARD = 1000
"""Samples of a shard; the last may have fewer."""


class ShardSample(NamedTuple):
    """One pair: an encoded picture and its alternative captions."""

    image: bytes
    captions: tuple[str, ...]


def joined(captions: Sequence[str], marker: str) -> str:
    """Return the captions as the text of a sample.

    Raises:
        DataError: a caption holds the marker, or the marker is unknown.
    """
    if marker not in MARKERS:
        raise DataError(f"unknown marker {marker!r}, known are {', '.join(MARKERS)}")
    broken = next((text for text in captions if marker in text), None)
    if broken is not None:
        raise DataError(f"a caption holds the marker {marker!r} and could not be told from two: {broken[:60]!r}")
    return marker.join(captions)


def parted(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the marker of a sample's text and its captions; of a text without a marker, "" and the text as it is."""
    marker = next((one for one in MARKERS if one in text), "")
    return marker, tuple(text.split(marker)) if marker else (text,)


def candidates(text: str) -> tuple[str, ...]:
    """Return the captions of a sample's text that may be drawn: of ten or fifteen, or the report alone.

    A report is the first element of an OpenI sample and the last one of MIMIC-CXR, where it may be missing.
    """
    marker, captions = parted(text)
    if marker == "_mimiccxr_":
        if captions[-1] and captions[-1] != NO_REPORT:
            return captions[-1:]
        captions = captions[:-1]
    if marker == "_medicat_" and captions[1] == _NOTHING:
        return captions[:1]
    return captions[: _MOST.get(marker)]


def draw_caption(text: str, rng: np.random.Generator) -> str:
    """Draw one of the captions that may be drawn, evenly; empty ones are never."""
    told = [caption.strip() for caption in candidates(text) if caption.strip()]
    if not told:
        raise DataError("a sample's text has no caption but markers: drop it before batching")
    return told[int(rng.integers(len(told)))]


def write_shards(samples: Iterable[ShardSample], folder: Path, *, marker: str, size: int = SHARD) -> list[Path]:
    """Write ``dataset-000000.tar``, … of `size` samples, ``000000.jpg`` with ``000000.txt``; return the files."""
    left = iter(samples)
    written: list[Path] = []
    while shard := list(islice(left, size)):
        members: list[tuple[str, bytes]] = []
        for number, sample in enumerate(shard):
            members.append((f"{number:06d}.jpg", sample.image))
            members.append((f"{number:06d}.txt", joined(sample.captions, marker).encode("utf-8")))
        written.append(folder / f"dataset-{len(written):06d}.tar")
        write_shard(written[-1], members)
    return written


def read_shards(files: Iterable[Path]) -> Iterator[ShardSample]:
    """Yield the samples of shards in order; nothing is unpacked to disk.

    Raises:
        DataError: a file is no tar, a picture lacks its text or is too large, or a text is not UTF-8.
    """
    for path in files:
        for members in samples_in(path):
            if not {"jpg", "txt"} <= set(members.parts):
                raise DataError(f"{members.where}: has no partner; a sample is NAME.jpg with NAME.txt")
            yield ShardSample(members.parts["jpg"], parted(members.text())[1])


def draw_parts(
    sizes: Mapping[str, int], number: int, rng: np.random.Generator, *, weights: Sequence[float] | None = None
) -> NDArray[np.int64]:
    """Draw the part of each of `number` samples, by weights, or by size where none are given: (number,) indices.

    Raises:
        ConfigError: not one weight for each part.
    """
    if weights is not None and len(weights) != len(sizes):
        raise ConfigError(f"{len(weights)} weights for {len(sizes)} parts, expected one for each: {', '.join(sizes)}")
    shares = np.asarray(list(sizes.values()) if weights is None else weights, np.float64)
    return np.asarray(rng.choice(len(shares), size=number, p=shares / shares.sum()), np.int64)


def class_vectors(prompts: NDArray[np.floating], classes: Sequence[int]) -> NDArray[np.float64]:
    """Return the vector of each class, (K, D): mean of its prompts' unit vectors, of unit norm again.

    Args:
        prompts: embeddings of all prompts, (P, D).
        classes: class of each prompt, 0 to K − 1, every one at least once, (P,).
    """
    owner = np.asarray(classes)
    unit = np.asarray(prompts, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    means = np.stack([unit[owner == number].mean(axis=0) for number in range(int(owner.max()) + 1)])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float64)


def accuracy_percent(logits: NDArray[np.floating], target: NDArray[np.integer]) -> float:
    """Return how many images (N, K) score highest with their own class (N,), in percent; a tie goes to the first."""
    if not len(target):
        raise DataError("no image to classify: the accuracy of nothing is not defined")
    return float(100 * np.mean(np.argmax(logits, axis=1) == target))


@dataclass(frozen=True, kw_only=True)
class UniMedCLIPView(ViewConfig):
    """Random view with the value of the authors' code."""

    crop: Pair | None = (0.9, 1.0)


@dataclass(frozen=True, kw_only=True)
class UniMedCLIPConfig(MethodConfig):
    """Settings of UniMed-CLIP; the temperature is the model's own, learned one."""

    duplicates_are_positives: bool = False
    """Equal captions in a batch belong together; captions of labels are often equal. The paper: negatives."""
    view: UniMedCLIPView = field(default_factory=UniMedCLIPView)
    """Random view of the image (authors' code)."""


class UniMedCLIP(Method):
    """CLIP's contrast over mixed modalities, with one of several captions."""

    def __init__(self, settings: UniMedCLIPConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Return the text whole; of the joined captions of a release's shard, one that is drawn."""
        return draw_caption(" ".join(spoken(sentences)), rng)

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of both sides (B, D), and the texts' numbers (B,) where duplicates count."""
        out = super().encode(batch)
        if self.chosen.duplicates_are_positives:
            out["text_number"] = text_numbers(batch["input_ids"], batch["attention_mask"])
        return out

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return half of image → text and half of text → image, and both parts."""
        scale = self.model.scale()
        value = contrast(
            representations["image"],
            representations["text"],
            logit_scale=scale,
            keys=keys_of(representations),
            targets=text_groups(representations),
        )
        return {
            "loss": value.loss,
            "image_to_text": value.image_to_text,
            "text_to_image": value.text_to_image,
            "logit_scale": scale.detach(),
        }


METHOD = UniMedCLIP
SETTINGS = UniMedCLIPConfig


def build(settings: UniMedCLIPConfig, model: DualEncoder) -> UniMedCLIP:
    """Put the method around a model."""
    return UniMedCLIP(settings, model)
