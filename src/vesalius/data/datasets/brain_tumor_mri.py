"""Brain tumour MRI (Kaggle): slices in four classes by folder, in the trees of Sartaj and of Nickparvar.

Neighbouring numbers are often slices of one patient and nobody states whose they are: a random split leaks, and so
may the folders. Pictures without a tumour come from other sources than those with one, so that their style tells
the class; the glioma folder of Sartaj's test part is known to hold wrong labels. Planes are mixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import image_of, pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="Brain Tumor MRI (Kaggle)", slug="brain_tumor_mri", licence="CC0 as its page states, sources as theirs",
    access="It is open: download the archive from Kaggle with your account",
    home="https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset",
)  # fmt: skip
TWIN = Twin(
    preset="brain-mr", image_size=48,
    settings=("exams=[brain_mr]", "prevalence.high_grade_glioma=0.25", "prevalence.meningioma=0.25",
              "prevalence.pituitary_adenoma=0.25"),
)  # fmt: skip

CLASSES = {
    "glioma_tumor": "glioma", "meningioma_tumor": "meningioma", "no_tumor": "",
    "pituitary_tumor": "pituitary_adenoma", "glioma": "glioma", "meningioma": "meningioma", "notumor": "",
    "pituitary": "pituitary_adenoma",
}  # fmt: skip
"""Folders of both trees, and what they state."""
_KNOWN = ("glioma", "meningioma", "pituitary_adenoma")
_PARTS = {"Training": "train", "Testing": "test"}
_ENDINGS = (".jpg", ".jpeg", ".png")
_VIRTUAL = {"high_grade_glioma": "glioma", "low_grade_glioma": "glioma"}


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures by part, folder and name."""
    parts = [part for part in _PARTS if (root / part).is_dir()]
    if not parts:
        require_files(root, ["Training", "Testing"], ABOUT)
    origin = provenance(root, ABOUT)
    for part in parts:
        for folder in sorted(path for path in (root / part).iterdir() if path.is_dir()):
            if folder.name not in CLASSES:
                raise DataError(f"{folder}: expected one of {', '.join(CLASSES)}")
            for path in sorted(folder.iterdir()):
                if path.suffix.lower() in _ENDINGS:
                    yield Sample(_study(path, origin), _PARTS[part])


def _study(path: Path, origin: Provenance) -> Study:
    part, folder = path.parents[1].name, path.parent.name
    name = f"{part}_{folder}_{path.stem}"
    image = described(path, like=Image(id="slice", path="", modality="MR", body_part="HEAD"))
    findings = closed([CLASSES[folder]] if CLASSES[folder] else [], _KNOWN, source="label file")
    return Study(id=name, patient=name, images=(image,), findings=findings, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write two neighbouring slices a patient, in the names of Sartaj's tree and of Nickparvar's by turns."""
    tests, paths = studies_of(corpus, "test"), []
    counts: dict[Path, int] = {}
    for place, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        concepts = {_VIRTUAL.get(name, name) for name in present(study)}
        concept = next((name for name in _KNOWN if name in concepts), "")
        folder = next(name for name, stated in [*CLASSES.items()][4 * (place % 2) :] if stated == concept)
        target = root / ("Testing" if study.id in tests else "Training") / folder
        for values in _slices(corpus, study):
            number = counts[target] = counts.get(target, 0) + 1
            name = f"gg ({number}).jpg" if place % 2 == 0 else f"Tr-{folder[:2]}_{number:04d}.jpg"
            save_picture(target / name, values)
            paths.append(target / name)
    order = {part: place for place, part in enumerate(_PARTS)}
    paths.sort(key=lambda path: (order[path.parents[1].name], path.parent, path))
    return [Sample(_study(path, virtual_origin(ABOUT)), _PARTS[path.parents[1].name]) for path in paths]


def _slices(corpus: Corpus, study: Study) -> Iterator[NDArray[np.uint8]]:
    """Yield the slice with most of the first finding's mask, or the middle one, and the next; grey as RGB."""
    image = image_of(study, sequence="T1 contrast")
    assert image is not None, "every examination of the head has all sequences"
    values = pixels(corpus, image).astype(np.float64)
    scaled = np.clip(255 * values / max(float(np.percentile(values, 99.5)), 1.0), 0, 255).astype(np.uint8)
    box = next(
        (part for part in study.regions if part.kind == "box" and part.concept and part.frame is not None), None
    )
    middle = box.frame if box is not None and box.frame is not None else len(scaled) // 2
    for number in (middle, middle + 1 if middle + 1 < len(scaled) else middle - 1):
        yield np.repeat(scaled[number][..., None], 3, axis=2)
