"""HAM10000: 10,015 dermatoscopic pictures of 7,470 lesions in seven classes; no split.

`patient` is the lesion, because several pictures show one lesion and a split must not part them. Masks of the
lesions are taken where their folder is there. ISIC 2018 task 3 is this set, and ISIC 2019 contains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed, rows_of, write_rows
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import masks, patient_numbers, pixels, present, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="HAM10000", slug="ham10000", licence="CC BY-NC 4.0",
    access="It is open: download both parts of the images and the metadata from Dataverse",
    home="https://doi.org/10.7910/DVN/DBW86T",
)  # fmt: skip
TWIN = Twin(preset="dermatoscopy", settings=("normal=0", "follow_up.share=0.4", "follow_up.visits=2"), image_size=64)

CLASSES = {
    "akiec": "actinic_keratosis", "bcc": "basal_cell_carcinoma", "bkl": "benign_keratosis", "df": "dermatofibroma",
    "mel": "melanoma", "nv": "melanocytic_naevus", "vasc": "vascular_skin_lesion",
}  # fmt: skip
"""The release's classes and ours; "akiec" holds carcinoma in situ, too, "bkl" several keratoses."""
_VIRTUAL = {"seborrhoeic_keratosis": "bkl", "skin_squamous_cell_carcinoma": "akiec"}
_HEADER = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
_TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata")
_MASKS = "HAM10000_segmentations_lesion_tschandl"


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures in the order of the table; each belongs to no part."""
    table = next((root / name for name in _TABLES if (root / name).is_file()), root / _TABLES[0])
    require_files(root, [table.name], ABOUT)
    origin = provenance(root, ABOUT)
    places = {path.stem: path for path in sorted(root.glob("HAM10000_images*/*.jpg"))}
    for line, row in rows_of(table, needs=_HEADER):
        if row["dx"] not in CLASSES:
            raise DataError(f"{table}, line {line}: dx {row['dx']!r}; expected one of {', '.join(CLASSES)}")
        path = places.get(row["image_id"], root / "HAM10000_images_part_1" / f"{row['image_id']}.jpg")
        yield Sample(_study(root, row, path, origin), "")


def _study(root: Path, row: Mapping[str, str], path: Path, origin: Provenance) -> Study:
    name, sex = row["image_id"], row["sex"]
    like = Image(id="lesion", path="", modality="XC", view="dermatoscopic", body_part="SKIN")
    image = described(path, like=like)
    mask = root / _MASKS / f"{name}_segmentation.png"
    concept = CLASSES[row["dx"]]
    regions: tuple[Region, ...] = ()
    if mask.exists():
        regions = (Region(image="lesion", kind="mask", mask=str(mask), mask_value=255, concept=concept),)
    proof = {
        "histo": "histology",
        "follow_up": "follow-up",
        "consensus": "consensus",
        "confocal": "confocal microscopy",
    }
    return Study(
        id=name, patient=row["lesion_id"], images=(image,), regions=regions,
        findings=closed([concept], CLASSES.values(), source=proof.get(row["dx_type"], row["dx_type"]))[:-1],
        age_years=float(row["age"]) if row["age"] else None,
        sex="F" if sex == "female" else "M" if sex == "male" else "", site=row.get("dataset", ""), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write both parts of the images, masks of the first, and lesions that were photographed twice."""
    numbers, ours = patient_numbers(corpus), {name: key for key, name in CLASSES.items()} | _VIRTUAL
    rows, made = [], []
    places: dict[str, Path] = {}
    for place, study in enumerate(sorted(corpus, key=lambda study: (numbers[study.patient], study.id))):
        label = next((ours[concept] for concept in present(study) if concept in ours), "nv")
        name, image = f"ISIC_9{place:06d}", study.images[0]
        places[name] = root / f"HAM10000_images_part_{1 + place % 2}" / f"{name}.jpg"
        save_picture(places[name], pixels(corpus, image))
        if place % 2 == 0:
            mask = union(corpus, masks(study, anatomy=["skin lesion"]), image.shape)
            save_picture(root / _MASKS / f"{name}_segmentation.png", np.where(mask, 255, 0).astype(np.uint8))
        sex = {"F": "female", "M": "male"}.get(study.sex, "unknown")
        age = "" if place == 1 else f"{study.age_years or 0:.1f}"
        rows.append((f"HAM_9{numbers[study.patient]:06d}", name, label, "histo", age, sex, "back"))
    write_rows(root / _TABLES[0], _HEADER, rows)
    for row in rows:
        stated = dict(zip(_HEADER, row, strict=True))
        made.append(Sample(_study(root, stated, places[stated["image_id"]], virtual_origin(ABOUT)), ""))
    return made
