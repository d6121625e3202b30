"""HRF: 45 fundus photographs of healthy eyes, diabetic retinopathy and glaucoma with vessels and the field of view.

Endings differ in their case (``01_dr.JPG``, ``01_h.jpg``). The letters after the number are the condition; each
photograph is another person. There is no official split: the first five of each condition for training, as papers
do, is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._fundus import FIELD, VESSELS, field_of_view, photograph, vessels
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import binary_mask, save_picture
from vesalius.data.datasets._virtual import pixels, present
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.errors import DataError

__all__ = ["ABOUT", "CONDITIONS", "TWIN", "read", "write"]

ABOUT = About(
    title="High-Resolution Fundus image database", slug="hrf", licence="CC BY 4.0",
    access="It is open: download all.zip from the pattern recognition lab in Erlangen and unpack it",
    home="https://www5.cs.fau.de/research/data/fundus-images/",
)  # fmt: skip
_OTHERS = (
    "hypertensive_retinopathy", "retinal_vein_occlusion", "macular_oedema", "age_related_macular_degeneration",
    "myopic_fundus", "epiretinal_membrane", "macular_hole", "cataract",
)  # fmt: skip
TWIN = Twin(
    preset="fundus", image_size=64,
    settings=("prevalence.diabetic_retinopathy=0.4", "prevalence.glaucoma=0.3", "normal=0.3",
              *(f"prevalence.{name}=0" for name in _OTHERS)),
)  # fmt: skip

CONDITIONS = {"dr": "diabetic_retinopathy", "g": "glaucoma", "h": ""}
"""Letters of the names, and what they state."""
_TRAINING = 5


def read(root: Path) -> Iterator[Sample]:
    """Yield the photographs by name."""
    base = root / "all" if (root / "all").is_dir() else root
    require_files(base, ["images", "manual1"], ABOUT)
    pictures = sorted(path for path in (base / "images").iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    if not pictures:
        require_files(base, ["images/01_dr.JPG"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in pictures:
        yield _sample(root, path, origin)


def _sample(root: Path, path: Path, origin: Provenance) -> Sample:
    found = re.fullmatch(r"(\d\d)_(dr|g|h)", path.stem)
    if found is None:
        raise DataError(f"{path}: expected a name such as 01_dr.JPG, 01_g.jpg or 01_h.jpg")
    base = path.parents[1]
    drawn = base / "manual1" / f"{path.stem}.tif"
    if not drawn.exists():
        raise DataError(f"{path}: no vessels {drawn}; unpack the archive again")
    field = base / "mask" / f"{path.stem}_mask.tif"
    marked = [(FIELD, binary_mask(root, field))] if field.exists() else []
    marked.append((VESSELS, binary_mask(root, drawn)))
    known = [name for name in CONDITIONS.values() if name]
    stated = [name for name in [CONDITIONS[found[2]]] if name]
    study = photograph(
        path.stem, path, patient=path.stem, marked=tuple(marked), origin=origin,
        findings=closed(stated, known, source="label file"),
    )  # fmt: skip
    return Sample(study, "train" if int(found[1]) <= _TRAINING else "test")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write photographs of the three conditions; those with diabetic retinopathy end in .JPG."""
    numbers = dict.fromkeys(CONDITIONS, 0)
    made = []
    base = root / "all"
    for study in sorted(corpus, key=lambda study: study.id):
        shown = set(present(study))
        letters = next((key for key, name in CONDITIONS.items() if name and name in shown), "h")
        if letters == "h" and shown:
            continue
        numbers[letters] += 1
        name = f"{numbers[letters]:02d}_{letters}"
        path = base / "images" / f"{name}{'.JPG' if letters == 'dr' else '.jpg'}"
        save_picture(path, pixels(corpus, study.images[0]))
        save_picture(base / "manual1" / f"{name}.tif", vessels(corpus, study))
        save_picture(base / "mask" / f"{name}_mask.tif", field_of_view(corpus, study))
        made.append(path)
    return [_sample(root, path, virtual_origin(ABOUT)) for path in sorted(made)]
