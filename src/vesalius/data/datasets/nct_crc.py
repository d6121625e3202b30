"""NCT-CRC-HE-100K and CRC-VAL-HE-7K: patches of colorectal tissue in nine classes by folder.

The second set is of other patients and is "test". Nothing says whose patch it is. The variant that is not
normalised (``NCT-CRC-HE-100K-NONORM``) is read under its own name. Known: JPEG artefacts and colour part some
classes by themselves. MedMNIST PathMNIST is these pictures at 28 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="NCT-CRC-HE-100K and CRC-VAL-HE-7K", slug="nct_crc", licence="CC BY 4.0",
    access="It is open: download both archives from Zenodo and unpack them side by side",
    home="https://zenodo.org/records/1214456",
)  # fmt: skip
TWIN = Twin(preset="pathology", settings=("prevalence.colorectal_adenocarcinoma=0.4",), image_size=64)

CLASSES = {
    "ADI": "adipose_tissue", "BACK": "background", "DEB": "debris", "LYM": "lymphocytes", "MUC": "mucus",
    "MUS": "smooth_muscle", "NORM": "normal_colon_mucosa", "STR": "cancer_associated_stroma",
    "TUM": "colorectal_adenocarcinoma",
}  # fmt: skip
"""The release's folders and our names."""
_PARTS = {"NCT-CRC-HE-100K": "train", "NCT-CRC-HE-100K-NONORM": "train", "CRC-VAL-HE-7K": "test"}
_SPACING_MM = 0.0005
"""The release states 0.5 µm a pixel, its files do not."""
_VIRTUAL = {"lymphoma": "LYM", "colorectal_adenocarcinoma": "TUM"}


def read(root: Path) -> Iterator[Sample]:
    """Yield the patches by set, class and name."""
    found = [name for name in _PARTS if (root / name).is_dir()]
    if not found:
        require_files(root, ["NCT-CRC-HE-100K", "CRC-VAL-HE-7K"], ABOUT)
    origin = provenance(root, ABOUT)
    for name in found:
        for folder in sorted(path for path in (root / name).iterdir() if path.is_dir()):
            if folder.name not in CLASSES:
                raise DataError(f"{folder}: expected one of {', '.join(CLASSES)}")
            for path in sorted(folder.glob("*.tif")):
                yield Sample(_study(path, origin), _PARTS[name])


def _study(path: Path, origin: Provenance) -> Study:
    like = Image(
        id="patch", path="", modality="SM", body_part="COLON", sequence="H&E", spacing_mm=(_SPACING_MM, _SPACING_MM)
    )
    concept = CLASSES[path.parent.name]
    name = path.stem if "NONORM" not in path.parents[1].name else f"{path.stem}_nonorm"
    return Study(
        id=name, patient=name, images=(described(path, like=like),), provenance=origin,
        findings=closed([concept], CLASSES.values(), source="label file")[:-1],
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write 224 pixels a side as TIFF; what is neither tumour nor lymphoma is normal mucosa."""
    tests, made = studies_of(corpus, "test"), []
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        label = next((_VIRTUAL[concept] for concept in present(study) if concept in _VIRTUAL), "NORM")
        name, part = (
            f"{label}-VIRT-{_letters(number)}.tif",
            "CRC-VAL-HE-7K" if study.id in tests else "NCT-CRC-HE-100K",
        )
        save_picture(root / part / label / name, pixels(corpus, study.images[0]), size=(224, 224))
        made.append(root / part / label / name)
    order = {part: place for place, part in enumerate(_PARTS)}
    made.sort(key=lambda path: (order[path.parents[1].name], path.parent, path))
    return [Sample(_study(path, virtual_origin(ABOUT)), _PARTS[path.parents[1].name]) for path in made]


def _letters(number: int) -> str:
    """Eight letters for a number, as the release's names end."""
    return "".join(chr(65 + number // 26**place % 26) for place in range(7, -1, -1))
