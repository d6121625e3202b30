"""AbdomenAtlas: abdominal CT of many public sets with one mask file a structure, made by models and mended.

Later versions add masks of lesions. Where the folder of masks is missing, `combined_labels.nii.gz` with the values
of the first version is read. The volumes are those of BTCV, AMOS, KiTS, LiTS, MSD and TotalSegmentator: never test
on these after training here. No split is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._organs import file_regions, structure_of, value_regions, write_case, write_masks
from vesalius.data.datasets._volumes import volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "COMBINED", "TWIN", "read", "write"]

ABOUT = About(
    title="AbdomenAtlas", slug="abdomen_atlas", licence="CC BY-NC-SA 4.0",
    access="It is open: download AbdomenAtlas1.0Mini or a later version from the hub",
    home="https://huggingface.co/datasets/AbdomenAtlas/AbdomenAtlas1.0Mini",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", image_size=32)

COMBINED = (
    "aorta",
    "gall_bladder",
    "kidney_left",
    "kidney_right",
    "liver",
    "pancreas",
    "postcava",
    "spleen",
    "stomach",
)
"""Structures of the first version; their values in the combined map are 1 to 9."""
_LESIONS = {
    "liver_lesion": "liver_lesion", "kidney_lesion": "kidney_lesion", "pancreatic_lesion": "pancreatic_lesion",
    "pancreas_lesion": "pancreatic_lesion", "colon_lesion": "colon_lesion", "esophagus_lesion": "oesophagus_lesion",
}  # fmt: skip
_VIRTUAL = {"aorta": "abdominal aorta", "gall_bladder": "gallbladder", "postcava": "inferior vena cava"}


def read(root: Path) -> Iterator[Sample]:
    """Yield the cases by number; no part is stated."""
    cases = sorted(path.parent for path in root.glob("BDMAP_*/ct.nii.gz"))
    if not cases:
        require_files(root, ["BDMAP_00000001/ct.nii.gz", "BDMAP_00000001/segmentations"], ABOUT)
    origin = provenance(root, ABOUT)
    for folder in cases:
        yield Sample(_study(folder, origin), "")


def _study(folder: Path, origin: Provenance) -> Study:
    like = Image(id="ct", path="", modality="CT", units="HU", body_part="ABDOMEN")
    image = volume(folder / "ct.nii.gz", like=like)
    combined = folder / "combined_labels.nii.gz"
    if (folder / "segmentations").is_dir():
        regions = file_regions(folder / "segmentations", image="ct", findings=_LESIONS)
    elif combined.exists():
        values = {value: structure_of(name) for value, name in enumerate(COMBINED, start=1)}
        regions = value_regions(combined, values, image="ct")
    else:
        raise DataError(f"{folder}: neither segmentations nor combined_labels.nii.gz; download the case again")
    return Study(id=folder.name, patient=folder.name, images=(image,), regions=regions, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write nine structures; the second case lacks a file, the third has the combined map alone."""
    made = []
    values = {value: [_VIRTUAL.get(name, structure_of(name))] for value, name in enumerate(COMBINED, start=1)}
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id), start=1):
        folder, image = root / f"BDMAP_{number:08d}", study.images[0]
        label = folder / "combined_labels.nii.gz"
        write_case(corpus, study, image, values, path=folder / "ct.nii.gz", label=label)
        if number != 3:
            names = [name for name in COMBINED if not (number == 2 and name == "spleen")]
            write_masks(corpus, study, image, names, folder=folder / "segmentations")
        made.append(Sample(_study(folder, virtual_origin(ABOUT)), ""))
    return made
