"""Captions made of labels: several wordings of what a study states, so that label sets become image-text pairs.

Source: Khattak et al. 2024 (arXiv 2412.10372), who have a language model write them; these are templates of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep, chance
from vesalius.curation.terms import body_part_name, concept_names, modality_name
from vesalius.data.records import Image, Study, Text
from vesalius.errors import ConfigError

__all__ = ["MOST_CAPTIONS", "STEP", "LabelCaptions", "captions_for", "picture_name"]

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
MOST_CAPTIONS = len(_TEMPLATES)


def captions_for(names: Sequence[str], picture: str, *, count: int = 10) -> tuple[str, ...]:
    """Return different captions for label names (all at once) and the name of the picture, at most fifteen."""
    if not 1 <= count <= MOST_CAPTIONS:
        raise ConfigError(f"{count} captions asked for, expected 1 to {MOST_CAPTIONS}")
    spoken = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no abnormal finding"
    made = (template.format(picture=picture, names=spoken) for template in _TEMPLATES[:count])
    return tuple(text[0].upper() + text[1:] for text in made)


def picture_name(image: Image) -> str:
    """Return what a picture is called, such as "chest radiograph"."""
    return f"{body_part_name(image)} {modality_name(image)}".strip()


@dataclass(frozen=True, kw_only=True)
class LabelCaptions(StudyStep):
    """Studies get captions from their labels (role "caption"); a report that they have stays, and first."""

    count: int = 10
    """Captions of a sample (10 for chest films in the paper, up to 15 for grades of retinopathy)."""
    most_labels: int = 3
    """Labels named in a caption, drawn where there are more."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_CAPTIONS:
            raise ValueError(f"count is 1 to {MOST_CAPTIONS}")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Write the captions of the findings that are present."""
        if not study.images or not study.findings:
            return Dropped("no image" if not study.images else "no label")
        present = sorted({one.concept for one in study.findings if one.status == "present"} - {"no_finding"})
        rng = chance(stage.seed, study.id, "label_captions")
        chosen = sorted(rng.permutation(len(present))[: self.most_labels].tolist())
        image = study.images[0]
        names = [concept_names(present[place])[0] for place in chosen]
        made = captions_for(names, picture_name(image), count=self.count)
        captions = [Text(text=text, role="caption", images=(image.id,)) for text in made]
        return replace(study, texts=(*study.texts, *captions))


STEP = LabelCaptions
