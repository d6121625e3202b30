"""Pictures that are too small to show anything leave their study, and a study without pictures leaves the corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.data.conversations.objects import media_size
from vesalius.data.records import Image, Study

__all__ = ["STEP", "LeastSize"]


@dataclass(frozen=True, kw_only=True)
class LeastSize(StudyStep):
    """Keep images whose rows and columns are at least so many; what is said of the others goes with them."""

    pixels: int = 64
    """The least of rows and of columns; the threshold of Lingshu, who filters so, is not published."""

    def __post_init__(self) -> None:
        if self.pixels < 1:
            raise ValueError(f"pixels {self.pixels} must be at least 1")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Leave out the small images, their texts, regions, measurements and dialogues."""
        small = {image.id for image in study.images if min(self._size(image, stage)) < self.pixels}
        if not small:
            return study
        images = tuple(image for image in study.images if image.id not in small)
        if not images:
            return Dropped("small pictures", f"below {self.pixels} pixels")
        if any(region.image in small for region in study.regions):
            # Dialogues name regions by their places.
            study = replace(study, dialogues=tuple(one for one in study.dialogues if not one.evidence))
        return replace(
            study,
            images=images,
            texts=tuple(one for one in study.texts if not one.images or set(one.images) - small),
            regions=tuple(one for one in study.regions if one.image not in small),
            measurements=tuple(one for one in study.measurements if one.image not in small),
            dialogues=tuple(
                one for one in study.dialogues if not any(set(turn.images) & small for turn in one.turns)
            ),
        )

    def _size(self, image: Image, stage: Stage) -> tuple[int, int]:
        if len(image.shape) >= 2:
            return image.shape[-2], image.shape[-1]
        columns, rows = media_size(str(stage.files.path(image.path)))
        return rows, columns


STEP = LeastSize
