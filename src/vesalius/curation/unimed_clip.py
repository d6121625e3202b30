"""UniMed-CLIP: label sets become image-text pairs, several captions a sample, one drawn at each visit.

Paper: Khattak et al., 2024, arXiv 2412.10372. Code: mbzuai-oryx/UniMed-CLIP, CC BY-NC 4.0 (nothing of it is used).
New: a language model writes several captions for each sample from label names and modality; all are stored together
and one is drawn at random at each visit; a report, where there is one, always wins over templates.
Differs here: the data half alone. Captions come from wordings of our own, or from a writer that is handed in.
Shards are those of the release: tar files of 1000 samples with all captions in one text, joined by the part's
marker. Weights must be one for each part, where the release's list has twelve for thirteen.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep, chance
from vesalius.curation.terms import body_part_name, concept_names, modality_name
from vesalius.data.records import Study, Text
from vesalius.errors import ConfigError, DataError
from vesalius.paper import Paper

__all__ = [
    "MARKERS", "NO_REPORT", "PAPER", "SHARD", "STEP", "Sample", "UniMedClip", "captions_for", "draw_caption",
    "draw_parts", "joined", "parted", "read_shards", "write_shards",
]  # fmt: skip

PAPER = Paper(
    slug="unimed-clip",
    title="UniMed-CLIP: Towards a Unified Image-Text Pretraining Paradigm for Diverse Medical Imaging Modalities",
    year=2024,
    arxiv="2412.10372",
    code="mbzuai-oryx/UniMed-CLIP, CC BY-NC 4.0",
)

MARKERS = (
    "_radimagenet_", "_chexpert_", "_openi_", "_chestxray8_", "_mimiccxr_", "_all_retina_merged_", "_dr_",
    "_medicat_",
)  # fmt: skip
"""Joins between the captions of a sample, by the part that it is of."""
NO_REPORT = "noreportpresent"
"""Last element of a MIMIC-CXR sample without a report."""
SHARD = 1000
"""Samples of a shard; the last may have fewer."""
_LARGEST = 64 * 2**20
"""Bytes of a member of a shard; more is refused."""
_TEMPLATES = (
    "{picture} showing {names}.", "A {picture} with {names}.", "{picture}: {names}.",
    "There is {names} in this {picture}.", "This {picture} demonstrates {names}.",
    "Findings of {names} on {picture}.", "{picture} of a patient with {names}.",
    "Evidence of {names} on this {picture}.",
    "{names} can be seen in the {picture}.", "An image ({picture}) in which {names} is visible.",
    "The {picture} is consistent with {names}.", "{picture} with features of {names}.",
    "Example of {names} on a {picture}.",
    "A medical image, {picture}, labelled {names}.", "{names}, as seen on {picture}.",
)  # fmt: skip


class Sample(NamedTuple):
    """One pair: an encoded picture and its alternative captions."""

    image: bytes
    captions: tuple[str, ...]


def captions_for(names: Sequence[str], picture: str, *, count: int = 10) -> tuple[str, ...]:
    """Return different captions for label names (all at once) and the name of the picture, at most fifteen."""
    if not 1 <= count <= len(_TEMPLATES):
        raise ConfigError(f"{count} captions asked for, expected 1 to {len(_TEMPLATES)}")
    spoken = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no abnormal finding"
    made = (template.format(picture=picture, names=spoken) for template in _TEMPLATES[:count])
    return tuple(text[0].upper() + text[1:] for text in made)


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


def draw_caption(text: str, rng: np.random.Generator) -> str:
    """Draw one caption of a sample's text, evenly; a MIMIC-CXR report, the last element, always wins."""
    marker, captions = parted(text)
    if marker == "_mimiccxr_":
        if captions[-1] and captions[-1] != NO_REPORT:
            return captions[-1]
        captions = captions[:-1]
    return captions[int(rng.integers(len(captions)))]


def write_shards(samples: Iterable[Sample], folder: Path, *, marker: str, size: int = SHARD) -> list[Path]:
    """Write ``dataset-000000.tar``, … of `size` samples, ``000000.jpg`` with ``000000.txt``; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    archive: tarfile.TarFile | None = None
    try:
        for number, sample in enumerate(samples):
            if number % size == 0:
                if archive is not None:
                    archive.close()
                written.append(folder / f"dataset-{number // size:06d}.tar")
                archive = tarfile.open(written[-1], "w")  # noqa: SIM115 - closed when the next one is due
            assert archive is not None
            _add(archive, f"{number % size:06d}.jpg", sample.image)
            _add(archive, f"{number % size:06d}.txt", joined(sample.captions, marker).encode("utf-8"))
    finally:
        if archive is not None:
            archive.close()
    return written


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def read_shards(files: Iterable[Path]) -> Iterator[Sample]:
    """Yield the samples of shards in order; nothing is unpacked to disk.

    Raises:
        DataError: a file is no tar, a picture lacks its text or is too large, or a text is not UTF-8.
    """
    for path in files:
        try:
            with tarfile.open(path) as archive:
                yield from _samples(path, archive)
        except (tarfile.TarError, UnicodeDecodeError, OSError) as error:
            raise DataError(f"{path}: not readable as a shard: {error}") from None


def _samples(path: Path, archive: tarfile.TarFile) -> Iterator[Sample]:
    waiting: dict[str, bytes] = {}
    for member in archive:
        if not member.isfile():
            continue
        if member.size > _LARGEST:
            raise DataError(f"{path}: member {member.name} has {member.size} bytes, expected at most {_LARGEST}")
        file = archive.extractfile(member)
        assert file is not None
        stem, _, suffix = member.name.rpartition(".")
        waiting[f"{stem}.{suffix}"] = file.read()
        if {f"{stem}.jpg", f"{stem}.txt"} <= set(waiting):
            text = waiting.pop(f"{stem}.txt").decode("utf-8")
            yield Sample(waiting.pop(f"{stem}.jpg"), parted(text)[1])
    if waiting:
        raise DataError(f"{path}: {min(waiting)} has no partner; a sample is NAME.jpg with NAME.txt")


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


@dataclass(frozen=True, kw_only=True)
class UniMedClip(StudyStep):
    """Studies get captions from their labels (role "caption"); a report that they have stays, and first."""

    count: int = 10
    """Captions of a sample (10 for chest films in the paper, up to 15 for grades of retinopathy)."""
    most_labels: int = 3
    """Labels named in a caption, drawn where there are more."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(_TEMPLATES):
            raise ValueError(f"count is 1 to {len(_TEMPLATES)}")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Write the captions of the findings that are present."""
        if not study.images or not study.findings:
            return Dropped("no image" if not study.images else "no label")
        present = sorted({one.concept for one in study.findings if one.status == "present"} - {"no_finding"})
        rng = chance(stage.seed, study.id, "unimed-clip")
        chosen = sorted(rng.permutation(len(present))[: self.most_labels].tolist())
        image = study.images[0]
        picture = f"{body_part_name(image)} {modality_name(image)}".strip()
        made = captions_for([concept_names(present[place])[0] for place in chosen], picture, count=self.count)
        captions = [Text(text=text, role="caption", images=(image.id,)) for text in made]
        return replace(study, texts=(*study.texts, *captions))


STEP = UniMedClip
