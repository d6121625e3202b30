"""CC-CCII: chest CT of COVID-19 (NCP), common pneumonia (CP) and normal, as pictures of slices.

A study is a scan, its images are the slices in the order of their numbers; windows of a screen and no Hounsfield
values, no spacing. Damage is known: in some scans slices are shuffled, repeated or of other parts of the body, and
labels are wrong. Scans of `exclude_list.txt` (lines "NCP_328_1805", as COVIDx-CT gives it) are left out where that
file is below the root. `lesions_slices.csv` marks slices with a lesion. No split is given; a patient has several
scans.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed, rows_of
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import patient_numbers, pixels, present
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Measurement, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="CC-CCII", slug="cc_ccii", licence="open, for research, with credit",
    access="It is open: download the archives COVID19-1.zip and so on and unpack them side by side",
    home="https://ncov-ai.big.ac.cn/download",
)  # fmt: skip
TWIN = Twin(
    preset="chest-ct", image_size=24,
    settings=("prevalence.ground_glass=0.4", "prevalence.consolidation=0.3", "follow_up.share=0.4",
              "follow_up.visits=2"),
)  # fmt: skip

CLASSES = {"NCP": "covid_19_pneumonia", "CP": "common_pneumonia", "Normal": ""}
"""Folders, and what they state."""
_ENDINGS = (".jpg", ".png")
_LESION = "slice with a lesion"


def read(root: Path) -> Iterator[Sample]:
    """Yield the scans by class, patient and number."""
    folders = [root / name for name in CLASSES if (root / name).is_dir()]
    if not folders:
        require_files(root, [*CLASSES], ABOUT)
    excluded = root / "exclude_list.txt"
    left_out = set(excluded.read_text(encoding="utf-8").split()) if excluded.exists() else set()
    lesions, origin = _lesions(root), provenance(root, ABOUT)
    for folder in folders:
        scans = [
            scan for patient in folder.iterdir() if patient.is_dir() for scan in patient.iterdir() if scan.is_dir()
        ]
        for scan in sorted(scans, key=_order):
            if f"{folder.name}_{scan.parent.name}_{scan.name}" not in left_out:
                yield Sample(_study(scan, lesions, origin), "")


def _order(scan: Path) -> tuple[int, int]:
    if not (scan.name.isdigit() and scan.parent.name.isdigit()):
        raise DataError(
            f"{scan}: expected folders of a patient and a scan with numbers for names, such as NCP/328/1805"
        )
    return int(scan.parent.name), int(scan.name)


def _lesions(root: Path) -> set[str]:
    """Return the slices with a lesion as "NCP/328/1805/0012.jpg"; the table has one column of paths."""
    table = first_of(root, "lesions_slices.csv", "lesion_slices.csv")
    if not table.exists():
        return set()
    return {"/".join(Path(next(iter(row.values()))).parts[-4:]) for _, row in rows_of(table)}


def _study(scan: Path, lesions: set[str], origin: Provenance) -> Study:
    label, patient = scan.parents[1].name, scan.parent.name
    slices = [path for path in scan.iterdir() if path.suffix.lower() in _ENDINGS]
    unnumbered = next((path for path in slices if not path.stem.isdigit()), None)
    if not slices or unnumbered is not None:
        raise DataError(f"{unnumbered or scan}: expected slices with numbers for names, such as 0000.jpg")
    images, marked = [], []
    for number, path in enumerate(sorted(slices, key=lambda path: int(path.stem))):
        name = f"{number:04d}"
        images.append(described(path, like=Image(id=name, path="", modality="CT", body_part="CHEST", view="axial")))
        if f"{label}/{patient}/{scan.name}/{path.name}" in lesions:
            marked.append(Measurement(name=_LESION, value=1.0, unit="1", image=name, source="lesions_slices.csv"))
    known = [name for name in CLASSES.values() if name]
    findings = closed([CLASSES[label]] if CLASSES[label] else [], known, source="label file")
    return Study(
        id=f"{label}_{patient}_{scan.name}", patient=f"{label}_{patient}", images=tuple(images), findings=findings,
        measurements=tuple(marked), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write eight slices a scan, an excluded scan, and slices with a lesion; the second scan is PNG and shuffled."""
    numbers, lesions, scans = patient_numbers(corpus), list[str](), []
    for place, study in enumerate(sorted(corpus, key=lambda study: study.id), start=1):
        shown = set(present(study))
        label = "NCP" if "ground_glass" in shown else "CP" if "consolidation" in shown else "Normal"
        scan = root / label / str(numbers[study.patient]) / str(900 + place)
        values = np.clip((pixels(corpus, study.images[0]).astype(np.float64) + 1350) / 1500 * 255, 0, 255)
        chosen = np.linspace(2, len(values) - 3, 8).astype(int)
        order = chosen[::-1] if place == 2 else chosen
        for number, index in enumerate(order):
            path = scan / f"{number:04d}{'.png' if place == 2 else '.jpg'}"
            save_picture(path, values[index].astype(np.uint8))
            if number == 3 and label != "Normal":
                lesions.append("/".join(path.parts[-4:]))
        scans.append(scan)
    save_picture(root / "NCP" / "328" / "1805" / "0000.jpg", np.zeros((24, 24), np.uint8))
    (root / "exclude_list.txt").write_text("NCP_328_1805\n", encoding="utf-8")
    (root / "lesions_slices.csv").write_text("imgpath\n" + "".join(f"{name}\n" for name in lesions), encoding="utf-8")
    scans.sort(key=lambda scan: ([*CLASSES].index(scan.parents[1].name), _order(scan)))
    return [Sample(_study(scan, set(lesions), virtual_origin(ABOUT)), "") for scan in scans]
