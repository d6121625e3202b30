"""BTCV, Beyond the Cranial Vault: abdominal CT with thirteen organs; labels of the twenty test volumes are kept back.

The raw folder of the release is read, and the common copy with a list `dataset.json` (whose count of 80 is wrong).
Without a list the split is that of papers: cases 35 to 40 validate, 24 train.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._organs import listed, value_regions, virtual_names, write_case
from vesalius.data.datasets._virtual import studies_of
from vesalius.data.datasets._volumes import volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import load_json
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "ORGANS", "TWIN", "read", "write"]

ABOUT = About(
    title="BTCV Multi-Atlas Labeling, abdomen", slug="btcv", licence="by registration, for research",
    access="Register at Synapse, join the challenge and download RawData.zip",
    home="https://www.synapse.org/Synapse:syn3193805",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", image_size=32)

ORGANS = {
    1: "spleen", 2: "right kidney", 3: "left kidney", 4: "gallbladder", 5: "oesophagus", 6: "liver", 7: "stomach",
    8: "aorta", 9: "inferior vena cava", 10: "portal vein and splenic vein", 11: "pancreas",
    12: "right adrenal gland", 13: "left adrenal gland",
}  # fmt: skip
"""Values of the label maps."""
_FIRST_VALIDATED = 35


def read(root: Path) -> Iterator[Sample]:
    """Yield the volumes by name, those with labels first; or in the order of `dataset.json`."""
    origin = provenance(root, ABOUT)
    if (root / "dataset.json").exists():
        document = load_json(root / "dataset.json")
        for key, split in (("training", "train"), ("validation", "val"), ("test", "test")):
            for path, label in listed(root, document, key, where=root / "dataset.json"):
                yield Sample(_study(path, label, origin), split)
        return
    base = root / "RawData" if (root / "RawData").is_dir() else root
    volumes = sorted((base / "Training" / "img").glob("img*.nii.gz"))
    if not volumes:
        require_files(base, ["Training/img/img0001.nii.gz", "Training/label/label0001.nii.gz"], ABOUT)
    for path in [*volumes, *sorted((base / "Testing" / "img").glob("img*.nii.gz"))]:
        yield _sample(path, origin)


def _sample(path: Path, origin: Provenance) -> Sample:
    number = path.name.removeprefix("img").removesuffix(".nii.gz")
    if not number.isdigit():
        raise DataError(f"{path}: expected a name such as img0001.nii.gz")
    if path.parents[1].name == "Testing":
        return Sample(_study(path, None, origin), "test")
    label = path.parents[1] / "label" / f"label{number}.nii.gz"
    if not label.exists():
        raise DataError(f"{path}: no labels {label}; unpack the archive again")
    return Sample(_study(path, label, origin), "val" if int(number) >= _FIRST_VALIDATED else "train")


def _study(path: Path, label: Path | None, origin: Provenance) -> Study:
    image = volume(path, like=Image(id="ct", path="", modality="CT", units="HU", body_part="ABDOMEN"))
    image_id = path.name.removesuffix(".nii.gz")
    regions = () if label is None else value_regions(label, ORGANS, image="ct")
    return Study(id=image_id, patient=image_id, images=(image,), regions=regions, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the raw folder; test cases without labels, one case that validates."""
    tests, validated = studies_of(corpus, "test"), studies_of(corpus, "val")
    values = {value: virtual_names(name) for value, name in ORGANS.items()}
    free = {"train": iter([*range(1, 11), *range(21, 35)]), "val": iter(range(35, 41)), "test": iter(range(61, 81))}
    paths = []
    for study in sorted(corpus, key=lambda study: study.id):
        part = "test" if study.id in tests else "val" if study.id in validated else "train"
        number = next(free[part], None)
        if number is None:
            continue
        folder = root / "RawData" / ("Testing" if part == "test" else "Training")
        path = folder / "img" / f"img{number:04d}.nii.gz"
        label = None if part == "test" else folder / "label" / f"label{number:04d}.nii.gz"
        write_case(corpus, study, study.images[0], values, path=path, label=label)
        paths.append(path)
    ordered = sorted(paths, key=lambda path: (path.parents[1].name == "Testing", path.name))
    return [_sample(path, virtual_origin(ABOUT)) for path in ordered]
