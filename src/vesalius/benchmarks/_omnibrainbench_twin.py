"""The two lists of OmniBrainBench about virtual heads: fifteen tasks in five phases from what is known of a patient.

Names of tasks and phases are ours, after the paper's; statements on course and care are one sentence a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.datasets.base import About
from vesalius.data.releases.twins import write_json
from vesalius.virtual.degradation import window_of
from vesalius.virtual.files import encode_png
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import load_preset
from vesalius.virtual.seeds import stream
from vesalius.virtual.study import pictures_of

__all__ = ["ABOUT", "FOLDERS", "PHASES", "write"]

ABOUT = About(
    title="OmniBrainBench", slug="omnibrainbench", licence="none stated; each source has its own",
    access="Download FrankPN/OmniBrainBench from the hub",
    home="https://huggingface.co/datasets/FrankPN/OmniBrainBench",
)  # fmt: skip
FOLDERS = {"closed": "closed-ended-qa_6823", "open": "open-ended-qa_2704"}
"""Part to the name of its list and of the folder with its pictures."""
PHASES: Mapping[str, tuple[str, ...]] = {
    "Anatomical and Imaging Assessment": (
        "Modality Identification",
        "Sequence Identification",
        "Anatomical Structure",
    ),
    "Lesion Identification and Localization": ("Abnormality Detection", "Lesion Localization", "Lesion Size"),
    "Diagnostic Synthesis and Causal Reasoning": ("Disease Diagnosis", "Cause of Disease", "Ventricular Size"),
    "Prognostic Judgment and Risk Forecasting": ("Mass Effect", "Main Complication", "Number of Findings"),
    "Therapeutic Cycle Management": ("Treatment Selection", "Side of Approach", "Follow-up"),
}
"""Phase to its tasks."""
_PHASE_OF = {task: phase for phase, tasks in PHASES.items() for task in tasks}
_OPEN = ("Lesion Localization", "Disease Diagnosis", "Treatment Selection")
_SIZE = 72
_EVERY = 3
"""Of so many patients one head is drawn: volumes take long."""


class _Care(NamedTuple):
    cause: str
    complication: str
    treatment: str
    follow_up: str


_VASCULAR, _TUMOUR = "disease of vessels", "tumour"
_CARE = {
    "epidural_haematoma": _Care("injury", "herniation", "evacuation of the haematoma", "CT within hours"),
    "subdural_haematoma": _Care("injury", "herniation", "evacuation of the haematoma", "CT within hours"),
    "subarachnoid_haemorrhage": _Care(_VASCULAR, "vasospasm", "closure of the aneurysm", "angiography"),
    "intracerebral_haemorrhage": _Care(_VASCULAR, "growth of the bleeding", "control of blood pressure",
                                       "CT within hours"),
    "ischaemic_infarct": _Care(_VASCULAR, "swelling of the infarct", "reperfusion within the time window",
                               "CT within a day"),
    "high_grade_glioma": _Care(_TUMOUR, "recurrence", "resection and radiochemotherapy", "MR every three months"),
    "low_grade_glioma": _Care(_TUMOUR, "transformation to a higher grade", "resection", "MR every six months"),
    "brain_metastases": _Care(_TUMOUR, "recurrence", "radiotherapy", "MR every three months"),
    "meningioma": _Care(_TUMOUR, "seizures", "resection", "MR every year"),
    "pituitary_adenoma": _Care(_TUMOUR, "loss of the visual field", "transsphenoidal resection", "MR every year"),
    "multiple_sclerosis": _Care("inflammation", "relapse", "immunotherapy", "MR every year"),
    "white_matter_disease": _Care(_VASCULAR, "stroke", "control of blood pressure", "clinical visits"),
    "brain_atrophy": _Care("degeneration", "dementia", "care of memory and daily life", "clinical visits"),
    "hydrocephalus": _Care("disturbed flow of fluid", "herniation", "drainage of fluid", "CT within a day"),
    "intracranial_aneurysm": _Care(_VASCULAR, "bleeding", "closure of the aneurysm", "angiography"),
    "intracranial_stenosis": _Care(_VASCULAR, "stroke", "antiplatelet drugs", "angiography"),
}  # fmt: skip
_MODALITIES = {"brain-ct": "CT", "brain-mr": "MR imaging", "brain-angiography": "MR angiography"}
_MORE_MODALITIES = ("positron emission tomography", "ultrasound")
_SEQUENCES = {"t1": "T1", "t2": "T2", "flair": "FLAIR", "dwi": "diffusion", "adc": "map of ADC",
              "t1c": "T1 with contrast", "swi": "T2*"}  # fmt: skip
_SHIFTS = ((1.0, "none"), (3.0, "up to 3 mm"), (5.0, "3 to 5 mm"), (10.0, "5 to 10 mm"), (1e9, "more than 10 mm"))
_SIDES = ("left", "right", "midline", "bilateral", "no lesion")
_EVANS = 0.3
"""Index above which the ventricles are wide."""
_COUNTS = ("none", "one", "two", "three", "four or more")


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A patient with the pictures that are shown and what is asked from."""

    patient: Patient
    preset: str
    files: Mapping[str, NDArray[np.uint8]]
    """File name to grey picture; the first shows the finding best."""
    structures: tuple[tuple[str, ...], tuple[str, ...]]
    """Structures that the first picture cuts, and others."""
    measures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    task: str
    question: str
    answer: str
    others: Sequence[str]
    files: Sequence[str]


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write both lists and their pictures."""
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in FOLDERS}
    for number in range(0, patients, _EVERY):
        head = _head(number // _EVERY, seed)
        found = {part: len(held) for part, held in rows.items()}
        for asked in _questions(head):
            rows["closed"].append(_row(head, asked, len(rows["closed"])))
            if asked.task in _OPEN:
                rows["open"].append(_row(head, asked, len(rows["open"]), free=True))
        for part, before in found.items():
            if len(rows[part]) > before:
                _save(head, root / FOLDERS[part])
    for part, held in rows.items():
        write_json(root / f"{FOLDERS[part]}.json", held)


def _save(head: _Head, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, grey in head.files.items():
        (folder / name).write_bytes(encode_png(grey))


def _head(number: int, seed: int) -> _Head:
    preset = ("brain-ct", "brain-mr", "brain-ct", "brain-angiography")[number % 4]
    patient = draw_patient(seed, number, preset=preset)
    pictures = pictures_of(patient, _SIZE)
    marked = next(picture for picture in pictures if picture.marks)
    place = _slice(marked) if marked.kind == "volume" else 0
    first = [marked, *(picture for picture in pictures if picture is not marked)]
    files = {f"{patient.id}-{picture.name}.png": _grey(picture, place) for picture in first}
    if preset == "brain-ct":
        files[f"{patient.id}-below.png"] = _grey(marked, max(place - 3, 0))
    cut = {
        mark.anatomy: bool(mark.mask is not None and mark.mask[place].any())
        for mark in marked.marks
        if mark.mask is not None and not mark.concept and mark.mask.shape == marked.shape
    }
    seen = tuple(sorted(name for name, here in cut.items() if here))
    return _Head(
        patient=patient, preset=preset, files=files,
        structures=(seen, tuple(sorted(name for name, here in cut.items() if not here))),
        measures={one.name: one.value for picture in pictures for one in picture.measurements},
    )  # fmt: skip


def _slice(picture: Picture) -> int:
    """Return the slice with most of the findings, the middle one where there is none."""
    found = [mark.mask for mark in picture.marks if mark.concept and mark.mask is not None]
    area = np.logical_or.reduce(found).sum(axis=(1, 2)) if found else np.zeros(1)
    return int(area.argmax()) if area.any() else picture.shape[0] // 2


def _grey(picture: Picture, place: int) -> NDArray[np.uint8]:
    low, high = window_of(picture)
    plane = picture.pixels[place] if picture.kind == "volume" else picture.pixels
    shown = np.clip((plane.astype(np.float64) - low) / (high - low), 0, 1)
    return np.asarray(np.rint(shown * 255), np.uint8)


def _questions(head: _Head) -> Iterator[_Asked]:
    yield from _of_pictures(head)
    yield from _of_measures(head)
    if head.patient.diseases:
        yield from _of_disease(head)


def _of_pictures(head: _Head) -> Iterator[_Asked]:
    every, first = list(head.files), list(head.files)[:1]
    modality = _MODALITIES[head.preset]
    yield _Asked(task="Modality Identification", question="Which method made the picture?", answer=modality,
                 others=[*_MODALITIES.values(), *_MORE_MODALITIES], files=first)  # fmt: skip
    if head.preset == "brain-mr":
        place = int(stream(head.patient.seed, head.patient.id, "omni", "sequence").integers(len(every)))
        answer = _SEQUENCES[every[place].rpartition("-")[2].removesuffix(".png")]
        yield _Asked(task="Sequence Identification", question=f"Which sequence is image {place + 1}?", answer=answer,
                     others=list(_SEQUENCES.values()), files=every)  # fmt: skip
    seen, unseen = head.structures
    if seen and len(unseen) >= 4:
        answer = seen[len(head.patient.diseases) % len(seen)]
        yield _Asked(task="Anatomical Structure", question="Which structure does the slice cut?", answer=answer,
                     others=unseen, files=first)  # fmt: skip
    count = min(len(head.patient.diseases), 4)
    yield _Asked(task="Abnormality Detection", question="Is the head normal?",
                 answer="abnormal" if count else "normal",
                 others=["abnormal", "normal", "not a head", "no brain is shown", "only bone is shown"],
                 files=every)  # fmt: skip
    yield _Asked(task="Number of Findings", question="How many different abnormalities does the patient have?",
                 answer=_COUNTS[count], others=_COUNTS, files=every)  # fmt: skip


def _of_measures(head: _Head) -> Iterator[_Asked]:
    files = list(head.files)
    if "evans_index" in head.measures:
        wide = head.measures["evans_index"] > _EVANS
        yield _Asked(
            task="Ventricular Size", question=f"Are the ventricles wide, by an Evans index above {_EVANS}?",
            answer="wide" if wide else "not wide",
            others=["wide", "not wide", "absent", "one alone", "filled with blood"], files=files,
        )  # fmt: skip
    if "midline_shift" in head.measures:
        shift = abs(head.measures["midline_shift"])
        answer = next(words for limit, words in _SHIFTS if shift < limit)
        yield _Asked(task="Mass Effect", question="How far is the midline shifted?", answer=answer,
                     others=[words for _, words in _SHIFTS], files=files)  # fmt: skip


def _of_disease(head: _Head) -> Iterator[_Asked]:
    disease, files = head.patient.diseases[0], list(head.files)
    told, care = disease.concept.replace("_", " "), _CARE[disease.concept]
    absent = [name.replace("_", " ") for name in _CARE if name not in head.patient.concepts]
    in_preset = [name.replace("_", " ") for name in load_preset(head.preset).prevalence]
    near = sorted(absent, key=lambda name: name not in in_preset)
    side = disease.laterality or "midline"
    place = f"{side} {disease.anatomy}" if side in ("left", "right") else disease.anatomy
    sites = ["left frontal lobe", "right cerebellum", "brainstem", "left thalamus", "right occipital lobe"]
    asked = {
        "Disease Diagnosis": ("Which abnormality is shown?", told, near[:8]),
        "Lesion Localization": (f"Where is the {told}?", place, sites),
        "Lesion Size": (f"How marked is the {told}?", disease.severity, ["minimal", "small", "mild", "moderate",
                                                                         "large", "severe"]),
        "Cause of Disease": (f"What is the cause of {told}?", care.cause, [one.cause for one in _CARE.values()]),
        "Main Complication": (f"What is to be feared most in {told}?", care.complication,
                              [one.complication for one in _CARE.values()]),
        "Treatment Selection": (f"How is {told} usually treated?", care.treatment,
                                [one.treatment for one in _CARE.values()]),
        "Side of Approach": (f"On which side is the {told}?", side, _SIDES),
        "Follow-up": (f"How is {told} followed?", care.follow_up, [one.follow_up for one in _CARE.values()]),
    }  # fmt: skip
    for task, (question, answer, others) in asked.items():
        if answer:
            yield _Asked(task=task, question=question, answer=answer, others=others, files=files)


def _row(head: _Head, asked: _Asked, number: int, *, free: bool = False) -> dict[str, Any]:
    """Write one row; one picture is a text, several a list; every third right answer is an option's text."""
    draw = stream(head.patient.seed, head.patient.id, "omni", asked.task)
    wrong = list(dict.fromkeys(text for text in asked.others if text != asked.answer))
    options = [asked.answer, *(wrong[place] for place in draw.permutation(len(wrong))[:4])]
    options = [options[place] for place in draw.permutation(len(options))]
    letter = "ABCDE"[options.index(asked.answer)]
    row = {
        "id": number, "question": asked.question,
        "image_path": asked.files[0] if len(asked.files) == 1 else list(asked.files),
        "task_label": asked.task, "clinical_phase": _PHASE_OF[asked.task], "source_file": f"virtual {head.preset}",
        "answer": asked.answer if free or number % 3 == 2 else letter,
    }  # fmt: skip
    return row if free else {**row, "options": options}
