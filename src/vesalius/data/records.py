"""The nouns of the data: one frozen, typed, small record for everything that is known of a study.

Pixels are never in a record: an `Image` names a file, and a reader opens it when asked.
Boxes are ``(x_min, y_min, x_max, y_max)`` in pixels of the original file, the origin at the corner of the
first pixel, the maximum exclusive. Sides (`left`, `right`) are the patient's, never the picture's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vesalius.errors import DataError

__all__ = [
    "Box",
    "Dialogue",
    "Event",
    "Finding",
    "Image",
    "ImageKind",
    "Laterality",
    "Measurement",
    "Prior",
    "Provenance",
    "Region",
    "RegionKind",
    "Status",
    "Study",
    "Text",
    "TextRole",
    "Turn",
]

ImageKind = Literal["image", "volume", "video", "slide"]
TextRole = Literal[
    "findings",
    "impression",
    "report",
    "caption",
    "note",
    "indication",
    "comparison",
    "transcript",
    "query",
    "summary",
]
Status = Literal["present", "absent", "uncertain"]
Laterality = Literal["left", "right", "bilateral", "midline", ""]
RegionKind = Literal["box", "mask", "points", "contour"]


class Box(NamedTuple):
    """Axis-aligned box in pixels of the original file, maximum exclusive."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A picture, volume, clip or slide of a study, by reference.

    `shape` is in stored axis order: (rows, columns) for an image, (slices, rows, columns) for a volume,
    (frames, rows, columns) for a video; colour channels are not counted. `spacing_mm` has one entry per entry of
    `shape`, in the same order (for a video the first entry is NaN, see `frames_per_second`), and is empty where
    the file does not state it: spacing is never invented.
    """

    id: str
    path: str
    """Relative to the corpus root, or absolute; a folder where the slices of a volume are files of their own."""
    modality: str
    """DICOM modality code where one exists: CR, DX, CT, MR, US, PT, ES, SM, OP, OPT, XC…"""
    kind: ImageKind = "image"
    shape: tuple[int, ...] = ()
    channels: int = 1
    spacing_mm: tuple[float, ...] = ()
    orientation: tuple[float, ...] = ()
    """Direction cosines of the columns index, the rows index and, in a volume, the slices index in patient LPS:
    six or nine numbers, or empty."""
    origin_mm: tuple[float, ...] = ()
    """Patient LPS position of the centre of the first voxel, or empty."""
    units: str = ""
    """Meaning of a pixel value: "HU", "SUV", "stored", "display" (0 black, maximum white), "rgb"."""
    view: str = ""
    """PA, AP, LATERAL, axial, coronal, sagittal, …"""
    body_part: str = ""
    laterality: Laterality = ""
    sequence: str = ""
    """Acquisition within the modality, such as T1, FLAIR, portal venous."""
    frames_per_second: float | None = None
    frame: int | None = None
    """Index inside a multi-frame file when this record is one frame of it."""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A piece of text with its role and language (BCP 47)."""

    text: str
    role: TextRole = "report"
    language: str = "en"
    images: tuple[str, ...] = ()
    """Ids of the images that it speaks of; empty means the whole study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A statement about a concept: present, absent or uncertain."""

    concept: str
    """Lower-case name with underscores, such as ``pleural_effusion``."""
    status: Status = "present"
    anatomy: str = ""
    laterality: Laterality = ""
    severity: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """Sorted pairs such as ``("margin", "spiculated")``."""
    code: str = ""
    """SNOMED CT code, or empty."""
    source: str = ""
    """Who says so: "radiologist", "label file", "report labeller", "virtual"…"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """Where something is: a box, a mask file, points or a contour on one image (and frame)."""

    image: str
    kind: RegionKind
    concept: str = ""
    anatomy: str = ""
    box: Box | None = None
    mask: str = ""
    """Path of a mask file on the image's grid, relative to the corpus root."""
    mask_value: int = 1
    """Value of this region in the mask file."""
    points: tuple[tuple[float, ...], ...] = ()
    """(x, y) or (x, y, z) in pixels or voxels of the original file."""
    frame: int | None = None
    instance: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "box" and self.box is None:
            raise DataError(f"region on image {self.image!r}: kind 'box' needs `box`")
        if self.kind == "mask" and not self.mask:
            raise DataError(f"region on image {self.image!r}: kind 'mask' needs `mask`, the path of a mask file")
        if self.kind in ("points", "contour") and not self.points:
            raise DataError(f"region on image {self.image!r}: kind {self.kind!r} needs `points`")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise DataError(f"region on image {self.image!r}: box {tuple(self.box)} has no area")


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A number with its unit (UCUM: mm, mL, 1, deg, [hnsf'U] for HU)."""

    name: str
    value: float
    unit: str
    image: str = ""
    anatomy: str = ""
    laterality: Laterality = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that lasts in a clip: a phase, a step, an action, what was said, where the camera was."""

    image: str
    kind: str
    """phase, step, action, speech, pose, …"""
    label: str
    """Name of the phase, words that were said, or the action as "instrument, verb, target"."""
    start_s: float
    end_s: float
    """Seconds from the first frame; not included."""
    source: str = ""
    """Who says so; of two transcripts, which one."""
    values: tuple[float, ...] = ()
    """Numbers of the kind: of a pose the camera-to-world matrix, 3 × 4 by rows, mm."""

    def __post_init__(self) -> None:
        if not self.start_s < self.end_s:
            raise DataError(f"event {self.label!r} on image {self.image!r}: it ends before it starts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One message of a dialogue."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialogue:
    """A question or conversation about a study, with the right answer when it has one."""

    id: str
    turns: tuple[Turn, ...]
    answer: str = ""
    options: tuple[str, ...] = ()
    answer_type: str = ""
    """closed, open, choice, multi_choice, number, box, points, mask, order."""
    rationale: str = ""
    evidence: tuple[int, ...] = ()
    """Indices into the study's `regions`."""
    steps: int = 0
    """Steps of reasoning that the last answer takes; 0 where nobody counted."""
    language: str = "en"
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """An earlier study of the same patient."""

    study: str
    days_before: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where a study comes from and what may be done with it."""

    source: str
    licence: str = ""
    made_by: str = ""
    """Program, version and settings that made the record."""
    virtual: bool = False
    """True where a virtual patient was rendered: never clinical evidence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """One patient's case at one time."""

    id: str
    patient: str
    images: tuple[Image, ...] = ()
    texts: tuple[Text, ...] = ()
    findings: tuple[Finding, ...] = ()
    regions: tuple[Region, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    events: tuple[Event, ...] = ()
    dialogues: tuple[Dialogue, ...] = ()
    priors: tuple[Prior, ...] = ()
    age_years: float | None = None
    sex: Literal["F", "M", "O", ""] = ""
    site: str = ""
    """Institution or scanner, for shift and subgroup analysis."""
    provenance: Provenance = field(default_factory=lambda: Provenance(source=""))

    def __post_init__(self) -> None:
        if not self.id or not self.patient:
            raise DataError(f"study {self.id!r} of patient {self.patient!r}: both need a name")
        images = [image.id for image in self.images]
        if len(images) != len(set(images)):
            raise DataError(f"study {self.id!r}: an image id occurs twice")
        spoken_of = [region.image for region in self.regions]
        spoken_of += [name for text in self.texts for name in text.images]
        spoken_of += [event.image for event in self.events]
        unknown = set(spoken_of) - set(images)
        if unknown:
            raise DataError(f"study {self.id!r}: no image {sorted(unknown)[0]!r}; it has {images}")

    @property
    def main_image(self) -> Image:
        """The image that stands for the study: the first frontal one, else the first one."""
        frontal = (image for image in self.images if image.view.upper() in ("PA", "AP"))
        return next(frontal, self.images[0])

    def text(self, *roles: TextRole, language: str = "en") -> str:
        """Join the texts of the given roles (all roles where none is given) in the given language."""
        return " ".join(
            text.text for text in self.texts if (not roles or text.role in roles) and text.language == language
        )

    def status(self, concept: str) -> Status | None:
        """Say whether `concept` is present, absent or uncertain; None where the study does not mention it.

        Where several findings state the concept, present wins over uncertain, and uncertain over absent.
        """
        stated = {finding.status for finding in self.findings if finding.concept == concept}
        return _strongest(stated)

    def image(self, image_id: str) -> Image:
        """Return the image named `image_id`."""
        for image in self.images:
            if image.id == image_id:
                return image
        raise DataError(f"study {self.id!r} has no image {image_id!r}; it has {[image.id for image in self.images]}")


def _strongest(stated: Iterable[Status]) -> Status | None:
    order: tuple[Status, ...] = ("present", "uncertain", "absent")
    stated = set(stated)
    return next((status for status in order if status in stated), None)
