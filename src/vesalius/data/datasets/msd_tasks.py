"""Medical Segmentation Decathlon: ten tasks of CT and MR volumes with label maps; those of test cases are kept back.

What `dataset.json` lists is read, not what lies in the folders: the archives hold ``._`` files of macOS, and its
counts differ from its lists in tasks 04 and 06. A series of sequences (tasks 01 and 05) is one file with four axes;
each sequence is an image of its own with its number as `frame`. Task 03 is LiTS, task 01 comes from BraTS 2016 and
2017.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._virtual import image_of, label_map, pixels
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats import nnunet
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="Medical Segmentation Decathlon", slug="msd_tasks", licence="CC BY-SA 4.0",
    access="It is open: download the archives of the tasks and unpack them side by side",
    home="https://medicaldecathlon.com",
)  # fmt: skip
TWIN = Twin(
    preset="abdomen-ct", image_size=32,
    settings=("exams=[abdomen_ct, brain_mr]", "prevalence.high_grade_glioma=0.9", "prevalence.liver_metastases=0.5",
              "normal=0"),
)  # fmt: skip

_STRUCTURES = {
    "left atrium": "left atrium", "liver": "liver", "Anterior": "anterior hippocampus", "pancreas": "pancreas",
    "Posterior": "posterior hippocampus", "PZ": "peripheral zone of prostate", "TZ": "transition zone of prostate",
    "Vessel": "hepatic vessels", "spleen": "spleen",
}  # fmt: skip
"""Labels that are parts of the body; the others are findings."""


@dataclass(frozen=True)
class _Task:
    """How a task of the twin is made: sequences of one file, and what stands for its labels."""

    folder: str
    prefix: str
    modality: tuple[str, ...]
    sequences: tuple[str, ...]
    labels: Mapping[str, Sequence[str]]


_TASKS = (
    _Task("Task01_BrainTumour", "BRATS", ("FLAIR", "T1w", "t1gd", "T2w"), ("FLAIR", "T1", "T1 contrast", "T2"),
          {"edema": ["oedema of high grade glioma"], "non-enhancing tumor": ["core of high grade glioma"],
           "enhancing tumour": ["rim of high grade glioma"]}),
    _Task("Task03_Liver", "liver", ("CT",), (), {"liver": ["liver"], "cancer": ["liver_metastases"]}),
    _Task("Task09_Spleen", "spleen", ("CT",), (), {"spleen": ["spleen"]}),
)  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield the listed cases of every task that is there: "train" with masks, "test" without."""
    folders = sorted(path.parent for path in root.glob("Task*/dataset.json"))
    if not folders:
        require_files(root, ["dataset.json"], ABOUT)
        folders = [root]
    origin = provenance(root, ABOUT)
    for folder in folders:
        listed = nnunet.load_json(folder / "dataset.json")
        description = nnunet.describe(folder)
        for entry in listed.get("training", []):
            image, label = _named(folder, entry, "image"), _named(folder, entry, "label")
            yield Sample(_study(folder.name, image, label, description, origin), "train")
        for name in listed.get("test", []):
            yield Sample(_study(folder.name, below(folder, str(name)), None, description, origin), "test")


def _named(folder: Path, entry: Any, key: str) -> Path:
    if not isinstance(entry, dict) or key not in entry:
        raise DataError(f"{folder / 'dataset.json'}: training entry {entry!r}; expected image and label")
    return below(folder, str(entry[key]))


def _study(task: str, path: Path, label: Path | None, description: nnunet.Description, origin: Provenance) -> Study:
    names = description.channels
    modality = "CT" if names == ("CT",) else "MR"
    whole = volume(path, like=Image(id="", path="", modality=modality, units="HU" if modality == "CT" else "stored"))
    if len(names) > 1 and (len(whole.shape) != 4 or whole.shape[0] != len(names)):
        raise DataError(f"{path}: axes {whole.shape}; expected {len(names)} sequences: {', '.join(names)}")
    if len(names) == 1:
        images = [replace(whole, id="0", sequence="" if modality == "CT" else names[0])]
    else:
        images = [
            replace(whole, id=str(number), sequence=name, frame=number, shape=whole.shape[1:],
                    spacing_mm=whole.spacing_mm[1:])
            for number, name in enumerate(names)
        ]  # fmt: skip
    regions: tuple[Region, ...] = ()
    if label is not None:
        regions = nnunet.label_regions(description, label, image="0", structures=_STRUCTURES)
    name = f"{task}_{path.name.removesuffix('.gz').removesuffix('.nii')}"
    return Study(id=name, patient=name, images=tuple(images), regions=regions, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write three tasks, one with four axes; a file of macOS lies beside the volumes, and a count is wrong."""
    studies = sorted(corpus, key=lambda study: study.id)
    return [sample for task in _TASKS for sample in _write_task(corpus, studies, task, root / task.folder)]


def _write_task(corpus: Corpus, studies: list[Study], task: _Task, folder: Path) -> list[Sample]:
    names = [f"{task.prefix}_{number:03d}.nii.gz" for number in range(1, len(studies) + 1)]
    tests = names[-1:] if len(names) > 2 else []
    for name, study in zip(names, studies, strict=True):
        images = [image_of(study, sequence=sequence) for sequence in task.sequences] or [
            image_of(study, modality="CT")
        ]
        chosen = [image for image in images if image is not None]
        series = np.stack([pixels(corpus, image) for image in chosen])
        values = series if len(chosen) > 1 else series[0]
        write_volume(folder / ("imagesTs" if name in tests else "imagesTr") / name, values, like=chosen[0])
        if name not in tests:
            labels = label_map(corpus, study, dict(enumerate(task.labels.values(), start=1)), image=chosen[0])
            whole = labels.astype(np.float32) if task.prefix == "spleen" else labels
            write_volume(folder / "labelsTr" / name, whole, like=chosen[0])
    (folder / "imagesTr" / f"._{names[0]}").write_bytes(b"\x00\x05\x16\x07")
    known = [name for name in names if name not in tests]
    _write_list(folder, task, known, tests)
    description, origin = nnunet.describe(folder), virtual_origin(ABOUT)
    made = [
        Sample(
            _study(task.folder, folder / "imagesTr" / name, folder / "labelsTr" / name, description, origin), "train"
        )
        for name in known
    ]
    made += [
        Sample(_study(task.folder, folder / "imagesTs" / name, None, description, origin), "test") for name in tests
    ]
    return made


def _write_list(folder: Path, task: _Task, known: list[str], tests: list[str]) -> None:
    found = {
        "name": task.folder.partition("_")[2], "description": "VIRTUAL twin", "reference": "none",
        "licence": "CC0-1.0", "release": "1.0", "tensorImageSize": "4D" if len(task.modality) > 1 else "3D",
        "modality": {str(number): name for number, name in enumerate(task.modality)},
        "labels": {"0": "background"} | {str(number): name for number, name in enumerate(task.labels, start=1)},
        "numTraining": len(known) + 1, "numTest": len(tests),
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in known],
        "test": [f"./imagesTs/{name}" for name in tests],
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
