"""TotalSegmentator: CT (or MR) with one mask file a structure, and a split by the column of its table.

Structures are named in our words (``kidney_left`` is "left kidney"). Every class has a file, even where the
structure is not in the field of view, and whether a mask is empty is not looked at; a few files are missing in the
release. Masks may overlap. Versions 1 and 2 name some classes differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._organs import file_regions, write_masks
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="TotalSegmentator", slug="totalsegmentator", licence="CC BY 4.0",
    access="It is open: download Totalsegmentator_dataset_v201.zip (or the one of MR) from Zenodo and unpack it",
    home="https://zenodo.org/records/10047292",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", image_size=32)

_VOLUMES = {"ct.nii.gz": ("CT", "HU"), "mri.nii.gz": ("MR", "stored")}
_CLASSES = ("aorta", "kidney_left", "kidney_right", "liver", "spleen", "brain")
_HEADER = (
    "image_id", "age", "gender", "institute", "study_type", "split", "manufacturer", "scanner_model", "kvp",
    "pathology", "pathology_location",
)  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield the subjects in the order of `meta.csv`."""
    require_files(root, ["meta.csv"], ABOUT)
    origin = provenance(root, ABOUT)
    for line, row in rows_of(root / "meta.csv", needs=["image_id", "split"], delimiter=";"):
        yield _sample(root, row, f"{root / 'meta.csv'}, line {line}", origin)


def _sample(root: Path, row: Mapping[str, str], where: str, origin: Provenance) -> Sample:
    folder = root / row["image_id"]
    name = next((name for name in _VOLUMES if (folder / name).exists()), None)
    if name is None:
        raise DataError(f"{where}: no {folder}/ct.nii.gz and no mri.nii.gz; download the archive again")
    modality, units = _VOLUMES[name]
    image = volume(folder / name, like=Image(id="volume", path="", modality=modality, units=units))
    age, gender = row.get("age", ""), row.get("gender", "").casefold()
    study = Study(
        id=row["image_id"], patient=row["image_id"], images=(image,),
        regions=file_regions(folder / "segmentations", image="volume"),
        age_years=float(age) if age.replace(".", "", 1).isdigit() else None,
        sex="F" if gender.startswith("f") else "M" if gender.startswith("m") else "",
        site=row.get("institute", ""), provenance=origin,
    )  # fmt: skip
    return Sample(study, row["split"])


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write six classes; that of the brain is empty, and the second subject lacks the file of the spleen."""
    tests, validated = studies_of(corpus, "test"), studies_of(corpus, "val")
    rows = []
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        folder = root / f"s{number:04d}"
        write_volume(folder / "ct.nii.gz", pixels(corpus, study.images[0]), like=study.images[0])
        classes = [name for name in _CLASSES if not (number == 1 and name == "spleen")]
        write_masks(corpus, study, study.images[0], classes, folder=folder / "segmentations")
        split = "test" if study.id in tests else "val" if study.id in validated else "train"
        rows.append((folder.name, int(study.age_years or 0), study.sex.lower(), study.site, "ct abdomen", split, "",
                     "", 120, "", ""))  # fmt: skip
    write_rows(root / "meta.csv", _HEADER, rows, delimiter=";")
    origin = virtual_origin(ABOUT)
    stated = [dict(zip(_HEADER, map(str, row), strict=True)) for row in rows]
    return [_sample(root, row, "twin", origin) for row in stated]
