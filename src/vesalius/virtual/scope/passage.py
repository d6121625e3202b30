"""A passage through a hollow organ of a patient as pictures with all truth: clip, depth map, poses, masks, sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vesalius.data.records import Measurement
from vesalius.errors import ConfigError
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.scope.camera import Lens, pose_events
from vesalius.virtual.scope.colon import ANCHOR_MM, build_colon
from vesalius.virtual.scope.film import Film, film_of
from vesalius.virtual.scope.flight import fly
from vesalius.virtual.scope.lesion import BowelDisease
from vesalius.virtual.scope.stomach import build_oesophagus, build_stomach
from vesalius.virtual.scope.trace import Tracer
from vesalius.virtual.scope.wall import Wall
from vesalius.virtual.seeds import stream

__all__ = ["Passage", "pictures_of_passage", "take"]

_SIZES = (64, 1024)
_FIELD_DEG = (128.0, 146.0)
"""Range of the angle of view along a side; 140 to 170° across the corners of the octagon."""
_HEALTHY_MM = (40.0, 1170.0)
"""Where along the colon a patient without a lesion is filmed."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """How one clip is taken."""

    organ: str = "colon"
    """colon, oesophagus or stomach."""
    name: str = "clip"
    """Name of the picture; its depth map has "-depth" behind it."""
    size: int = 256
    frames: int = 32
    frames_per_second: float = 10.0
    pinhole: bool = False
    """A lens without distortion, 90° wide, in place of the fish-eye."""

    def __post_init__(self) -> None:
        if self.organ not in ("colon", "oesophagus", "stomach"):
            raise ConfigError(f"organ {self.organ!r}: expected colon, oesophagus or stomach")
        if self.frames < 1 or not 1 <= self.frames_per_second <= 60:
            raise ConfigError(
                f"{self.frames} frames at {self.frames_per_second} a second: expected 1 or more at 1 to 60"
            )
        sized(self.size, *_SIZES)


def take(patient: Patient, passage: Passage) -> tuple[Film, Wall, float]:
    """Film the patient; return the film, the wall and the distance of its anchor along the scope in mm.

    The stretch, the flight, the light and the noise each have a stream that knows nothing of the diseases; only the
    stretch lies where the patient's lesion is.
    """
    lesions = _lesions(patient, passage.organ)
    distance = _distance(patient, passage.organ, lesions)
    wall = _build(passage.organ, distance)(stream(patient.seed, patient.id, "scope", passage.organ, "wall"))
    for index, disease in sorted(lesions, key=lambda pair: (pair[1].depth, pair[0])):
        station = ANCHOR_MM + disease.distance_mm - distance
        rng = stream(patient.seed, patient.id, "scope", passage.organ, disease.concept, index)
        disease.put(wall, rng, station_mm=station, label=index + 1)
    np.maximum(wall.radius, 0.05, out=wall.radius)
    tracer = Tracer(wall)
    rng = stream(patient.seed, patient.occasion, "scope", passage.organ, "flight")
    lens = (
        Lens("pinhole", 90.0, passage.size)
        if passage.pinhole
        else Lens("fisheye", float(rng.uniform(*_FIELD_DEG)), passage.size)
    )
    side = float(rng.uniform(0, 2 * np.pi))
    focal = [disease.angle for _, disease in lesions if disease.focal]
    anchor = ANCHOR_MM, focal[0] if focal else side
    poses = fly(wall, tracer, rng, anchor=anchor, frames=passage.frames, frames_per_second=passage.frames_per_second)
    light = stream(patient.seed, patient.occasion, "scope", passage.organ, "light")
    return film_of(wall, tracer, lens, poses, light), wall, distance


def pictures_of_passage(patient: Patient, passage: Passage) -> tuple[Picture, Picture]:
    """Return the clip and its depth map."""
    film, _, distance = take(patient, passage)
    depth_name = f"{passage.name}-depth"
    fps, spacing = passage.frames_per_second, (float("nan"),) * 3
    clip = Picture(
        name=passage.name, modality="ES", pixels=film.pixels, axes="TYXC", units="rgb", frames_per_second=fps,
        body_part=passage.organ.upper(), marks=_marks(film, patient),
        measurements=_measurements(film, patient, passage, distance),
        events=pose_events(film.poses, passage.name, fps),
    )  # fmt: skip
    depth = Picture(
        name=depth_name, modality="ES", pixels=film.depth, axes="TYX", units="mm", spacing_mm=spacing,
        frames_per_second=fps, body_part=passage.organ.upper(), view="depth", sequence="0.01 mm a step",
    )  # fmt: skip
    return clip, depth


def _lesions(patient: Patient, organ: str) -> list[tuple[int, BowelDisease]]:
    """Diseases of the organ with their place in the patient's list."""
    return [
        (index, disease) for index, disease in enumerate(patient.diseases)
        if isinstance(disease, BowelDisease) and disease.organ == organ
    ]  # fmt: skip


def _distance(patient: Patient, organ: str, lesions: list[tuple[int, BowelDisease]]) -> float:
    """Distance along the scope that the clip goes to: that of the first lesion, or any."""
    rng = stream(patient.seed, patient.id, "scope", organ, "place")
    if organ != "colon":
        return 400.0
    return lesions[0][1].distance_mm if lesions else float(rng.uniform(*_HEALTHY_MM))


def _build(organ: str, distance_mm: float) -> Callable[[np.random.Generator], Wall]:
    if organ == "oesophagus":
        return build_oesophagus
    return build_stomach if organ == "stomach" else lambda rng: build_colon(rng, distance_mm)


def _marks(film: Film, patient: Patient) -> tuple[Mark, ...]:
    """Mask of every lesion in every frame where it is seen."""
    marks = []
    for number, frame in enumerate(film.frames):
        for label in np.unique(frame.label[frame.label > 0]).tolist():
            disease = patient.diseases[label - 1]
            marks.append(Mark(concept=disease.concept, anatomy=disease.anatomy, mask=frame.label == label,
                              frame=number, instance=label - 1))  # fmt: skip
    return tuple(marks)


def _measurements(film: Film, patient: Patient, passage: Passage, distance_mm: float) -> tuple[Measurement, ...]:
    """Optics, place along the scope and sizes of lesions."""
    made = list(film.lens.measurements(passage.name))
    made.append(Measurement(name="distance along the scope", value=distance_mm, unit="mm", image=passage.name,
                            source="geometry"))  # fmt: skip
    for _, disease in _lesions(patient, passage.organ):
        made += [
            Measurement(name=f"{disease.concept} {name}", value=value, unit="mm", image=passage.name,
                        anatomy=disease.anatomy, source="geometry")
            for name, value in disease.sizes_mm.items()
        ]  # fmt: skip
    return tuple(made)
