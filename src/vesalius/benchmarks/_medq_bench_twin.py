"""The tables of MedQ-Bench with degraded pictures of virtual patients, whose fault and severity are known exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.datasets.base import About
from vesalius.data.releases.picture_tables import write_picture_table
from vesalius.errors import DataError
from vesalius.virtual.degradation import degrade, describe, window_of
from vesalius.virtual.files import encode_png
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream
from vesalius.virtual.study import pictures_of

__all__ = ["ABOUT", "FAULTS", "LEVELS", "TABLES", "plain_picture", "write"]

ABOUT = About(
    title="MedQ-Bench", slug="medq-bench", licence="Apache-2.0 by its badge",
    access="Download jiyaoliufd/MedQ-Bench from the hub",
    home="https://huggingface.co/datasets/jiyaoliufd/MedQ-Bench",
)  # fmt: skip
TABLES = {
    "perception": "medqbench_QA_{}.tsv",
    "reasoning": "medqbench_description_{}.tsv",
    "pairs": "medqbench_paired_description_{}.tsv",
}
"""Part to the name of its table, for the release's "dev" or "test"."""
LEVELS = ("none", "mild", "severe")
"""Severities of the questions; descriptions also have "moderate"."""
FAULTS: Mapping[str, tuple[str, ...]] = {
    "CT": ("low_dose", "sparse_views", "defocus", "patient_motion", "rings"),
    "MRI": ("undersampling", "head_motion", "rician_noise", "gibbs_ringing", "few_spokes"),
    "Histopathology": ("defocus", "block_coding", "gaussian_noise", "knife_chatter", "downsampling"),
    "Endoscopy": ("motion_blur", "gaussian_noise", "block_coding", "interlace", "defocus"),
    "Fundus": ("defocus", "gaussian_noise", "light_gradient", "colour_cast", "block_coding"),
}
"""Modality of the release to degradations that are asked for."""
_PRESETS = {
    "CT": "brain-ct", "MRI": "brain-mr", "Histopathology": "pathology", "Endoscopy": "endoscopy", "Fundus": "fundus",
}  # fmt: skip
_TURNS = ("CT", "Fundus", "MRI", *("Histopathology", "Fundus") * 3, "Endoscopy", *("Histopathology", "Fundus") * 6)
"""Modalities in turn: volumes and clips take long."""
_SIZE = 96
_DEV = 5
"""Every fifth patient is of the dev tables."""
_LETTERS = "ABCD"
_GRADES = {"none": "good", "mild": "good", "moderate": "usable", "severe": "reject"}


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A patient's picture at every severity of one fault."""

    patient: str
    modality: str
    faults: tuple[str, ...]
    """All that can be asked for, the one that is shown first."""
    shown: Mapping[str, bytes]
    """Severity to PNG, each by the window of the picture without a fault."""
    number: int
    seed: int


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write the six tables."""
    for split, wished in (("test", False), ("dev", True)):
        cases = [_case(number, seed) for number in range(patients) if (number % _DEV == _DEV - 1) == wished]
        rows = {
            "perception": [row for case in cases for row in _perception(case)],
            "reasoning": [_reasoning(case) for case in cases],
            "pairs": [_pair(case) for case in cases],
        }
        for part, held in rows.items():
            if held:
                numbered = ({"index": place, **row} for place, row in enumerate(held))
                write_picture_table(root / TABLES[part].format(split), numbered)


def plain_picture(picture: Picture) -> Picture:
    """Return a picture, or the middle plane of a volume or clip, without marks."""
    if picture.kind == "image":
        return replace(picture, marks=(), measurements=())
    return replace(
        picture, pixels=picture.pixels[len(picture.pixels) // 2], axes="YXC" if picture.axes.endswith("C") else "YX",
        spacing_mm=picture.spacing_mm[1:], orientation=(), origin_mm=(), frames_per_second=None, marks=(),
        measurements=(), events=(),
    )  # fmt: skip


def _case(number: int, seed: int) -> _Case:
    """Draw a patient whose first fault can be shown at all severities."""
    modality = _TURNS[number % len(_TURNS)]
    patient = draw_patient(seed, number, preset=_PRESETS[modality])
    plain = plain_picture(pictures_of(patient, _SIZE)[0])
    order = stream(seed, patient.id, "medq", "order").permutation(len(FAULTS[modality]))
    names = [FAULTS[modality][place] for place in order]
    for first in names:
        try:
            shown = {level: _degraded(plain, first, level, f"{seed}/{patient.id}") for level in _GRADES}
        except DataError:
            continue
        faults = (first, *(name for name in names if name != first))
        return _Case(patient=patient.id, modality=modality, faults=faults, shown=shown, number=number, seed=seed)
    raise DataError(f"virtual patient {number} ({modality}): no degradation of {names} reaches all severities")


def _degraded(plain: Picture, fault: str, severity: str, purpose: str) -> bytes:
    made = degrade(plain, fault, rng=stream(0, "medq", purpose, fault, severity), severity=severity).picture
    low, high = window_of(plain)
    shown = np.clip((made.pixels.astype(np.float64) - low) / (high - low), 0, 1)
    return encode_png(np.rint(shown * 255).astype(np.uint8))


def _perception(case: _Case) -> Iterator[dict[str, Any]]:
    """Ask whether there is a fault, which, and how severe; right answers are letters or, at times, numbers."""
    severity = LEVELS[case.number % 3]
    names = [describe(name).name.replace("_", " ") for name in case.faults]
    here = severity != "none"
    asked = names[0] if here or case.number % 2 else names[1]
    what = [names[0] if here else "no degradation", *names[1:3], "no degradation" if here else names[3]]
    draw = stream(case.seed, case.patient, "medq", "options")
    questions = (
        (f"Does this image suffer from {asked}?", ["Yes", "No"], "Yes" if here else "No"),
        ("What degrades this image most?", [what[place] for place in draw.permutation(4)], what[0]),
        ("How severe is the degradation of this image?", [level.capitalize() for level in LEVELS],
         severity.capitalize()),
    )  # fmt: skip
    for place, (question, options, answer) in enumerate(questions):
        number = options.index(answer)
        cells = {letter: options[k] if k < len(options) else None for k, letter in enumerate(_LETTERS)}
        yield {
            "question": question, **cells, "answer": number if case.number % 4 == place else _LETTERS[number],
            "modality": case.modality, "image": case.shown[severity], "degradation": severity,
            "patient": case.patient,
        }  # fmt: skip


def _reasoning(case: _Case) -> dict[str, Any]:
    """Describe a picture as its fault is described, with the grade of its severity."""
    severity = list(_GRADES)[case.number % 4]
    words = _words(case, severity)
    text = f"{words} Overall, the quality of this image is {_GRADES[severity]}."
    return {"image": case.shown[severity], "description": text, "modality": case.modality, "degradation": severity,
            "patient": case.patient}  # fmt: skip


def _pair(case: _Case) -> dict[str, Any]:
    """Compare two severities of one fault: far apart (coarse) or next to each other (fine)."""
    levels = [("none", "severe"), ("mild", "moderate")][case.number % 2]
    first, second = levels if case.number % 4 < 2 else levels[::-1]
    better = "A" if levels[0] == first else "B"
    text = f"Image A: {_words(case, first)} Image B: {_words(case, second)} Image {better} has higher quality."
    return {
        "image_a": case.shown[first], "image_b": case.shown[second], "description": text, "modality": case.modality,
        "difficulty": ("coarse", "fine")[case.number % 2], "patient": case.patient,
    }  # fmt: skip


def _words(case: _Case, severity: str) -> str:
    if severity == "none":
        return "The structures are sharp and no degradation is seen."
    seen = ", ".join(describe(case.faults[0]).words)
    return f"What is seen: {seen}; the degradation is {severity}."
