"""Drop studies whose files, pixels or texts repeat another study's exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vesalius.curation.base import Decision, Dropped, Files, Outcome, Stage, Step
from vesalius.curation.clusters import Keep, clusters, richness, survivor
from vesalius.curation.pictures import opened, pixel_hash
from vesalius.curation.text_keys import text_hash
from vesalius.data.fingerprint import file_sha256
from vesalius.data.records import Image, Study

__all__ = ["STEP", "ExactDuplicates", "keys_of"]

By = Literal["file", "pixels", "text"]


@dataclass(frozen=True, kw_only=True)
class ExactDuplicates(Step):
    """Studies with the same images (all of them), or the same text, are one; which stays is the rule `keep`."""

    by: tuple[By, ...] = ("file", "pixels")
    """file: SHA-256 of the files. pixels: of the decoded samples. text: of all words of all texts; reports of
    different patients may well be word for word the same, so text is not among the defaults."""
    keep: Keep = "richest"

    def prepare(self, stage: Stage) -> Decision:
        """Gather the keys of all studies and group them."""
        names: list[str] = []
        rich: list[tuple[int, int]] = []
        holders: dict[str, list[int]] = defaultdict(list)
        for number, study in enumerate(stage.studies):
            names.append(study.id)
            rich.append(richness(study))
            for key in keys_of(study, self.by, stage.files):
                holders[key].append(number)
        pairs = ((group[0], other) for group in holders.values() for other in group[1:])
        repeats: dict[str, str] = {}
        for group in clusters(len(names), pairs):
            kept = names[group[survivor([names[i] for i in group], [rich[i] for i in group], keep=self.keep)]]
            repeats |= {names[number]: kept for number in group if names[number] != kept}

        def decide(study: Study) -> Outcome:
            if study.id in repeats:
                return Dropped("exact duplicate", f"of {repeats[study.id]}")
            return study

        return decide


def keys_of(study: Study, by: tuple[By, ...], files: Files) -> Iterator[str]:
    """Yield one key for each way in which a study can repeat another; what it lacks gives none."""
    if "file" in by and study.images:
        yield "file " + " ".join(sorted(_file_hash(image, files) for image in study.images))
    if "pixels" in by and study.images:
        hashes = (pixel_hash(opened(files.path(image.path), image)) for image in study.images)
        yield "pixels " + " ".join(sorted(hashes))
    if "text" in by:
        key = text_hash(" ".join(text.text for text in study.texts))
        if key:
            yield f"text {key}"


def _file_hash(image: Image, files: Files) -> str:
    digest = image.sha256 or file_sha256(files.path(image.path))
    return digest if image.frame is None else f"{digest}/{image.frame}"


STEP = ExactDuplicates
