"""BUSI: breast ultrasound, benign, malignant and normal, with one mask or several a picture.

Names hold spaces and brackets (``benign (1)_mask.png``, ``benign (100)_mask_1.png``). Each mask is a region of its
own. Nobody states whose picture it is, some occur twice, and marks of the examiner are burned in. The twin shows
skin lesions in grey: no population of virtual patients has breast ultrasound, and these, too, are benign, malignant
or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import binary_mask, described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, present, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="Breast Ultrasound Images (BUSI)", slug="busi", licence="CC BY 4.0; CC0 on a mirror",
    access="It is open: download Dataset_BUSI.zip from Cairo University or its mirror",
    home="https://scholar.cu.edu.eg/?q=afahmy/pages/dataset",
)  # fmt: skip
TWIN = Twin(preset="dermatoscopy", settings=("normal=0.3",), image_size=64)

CLASSES = {"benign": "benign_breast_tumour", "malignant": "malignant_breast_tumour", "normal": ""}
"""Folders, and what they state."""
_MALIGNANT = ("melanoma", "basal_cell_carcinoma", "skin_squamous_cell_carcinoma")


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures by folder and number."""
    base = root / "Dataset_BUSI_with_GT" if (root / "Dataset_BUSI_with_GT").is_dir() else root
    folders = [base / name for name in CLASSES if (base / name).is_dir()]
    if not folders:
        require_files(base, list(CLASSES), ABOUT)
    origin = provenance(root, ABOUT)
    for folder in folders:
        pictures = [path for path in folder.glob("*.png") if "_mask" not in path.stem]
        for path in sorted(pictures, key=_number):
            yield Sample(_study(root, path, origin), "")


def _number(path: Path) -> int:
    found = re.fullmatch(r"\w+ \((\d+)\)", path.stem)
    if found is None:
        raise DataError(f"{path}: expected a name such as benign (1).png")
    return int(found[1])


def _study(root: Path, path: Path, origin: Provenance) -> Study:
    concept = CLASSES[path.parent.name]
    known = [name for name in CLASSES.values() if name]
    image = described(path, like=Image(id="image", path="", modality="US", body_part="BREAST"))
    drawn = [mask for mask in sorted(path.parent.glob("*_mask*.png")) if mask.stem.partition("_mask")[0] == path.stem]
    if not drawn:
        raise DataError(f"{path}: no mask {path.stem}_mask.png beside it; unpack the archive again")
    regions = tuple(
        Region(image="image", kind="mask", concept=concept, mask=str(binary_mask(root, mask)), mask_value=255,
               instance=number)
        for number, mask in enumerate(drawn)
    ) if concept else ()  # fmt: skip
    return Study(
        id=path.stem, patient=path.stem, images=(image,), regions=regions, provenance=origin,
        findings=closed([concept] if concept else [], known, source="label file"),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write grey pictures with masks; the first lesion is in two files, and masks of normal ones are empty."""
    base, counts, made = root / "Dataset_BUSI_with_GT", dict.fromkeys(CLASSES, 0), []
    for study in sorted(corpus, key=lambda study: study.id):
        shown, image = present(study), study.images[0]
        name = "malignant" if set(_MALIGNANT) & set(shown) else "benign" if shown else "normal"
        counts[name] += 1
        path = base / name / f"{name} ({counts[name]}).png"
        save_picture(path, np.round(pixels(corpus, image).mean(axis=2)).astype(np.uint8))
        mask = np.where(union(corpus, masks(study, anatomy=["skin lesion"]), image.shape), 255, 0).astype(np.uint8)
        parts = [mask]
        if name != "normal" and sum(counts.values()) - counts["normal"] == 1:
            left = np.arange(image.shape[1]) < np.flatnonzero(mask.any(axis=0)).mean()
            parts = [np.where(left, mask, 0).astype(np.uint8), np.where(left, 0, mask).astype(np.uint8)]
        for number, part in enumerate(parts):
            save_picture(path.with_name(f"{path.stem}_mask{f'_{number}' if number else ''}.png"), part)
        made.append(path)
    made.sort(key=lambda path: ([*CLASSES].index(path.parent.name), _number(path)))
    return [Sample(_study(root, path, virtual_origin(ABOUT)), "") for path in made]
