"""HyperKvasir (10,662 labelled pictures in 23 classes, and segmented polyps) and Kvasir v2 (8 classes) of the gut.

The labelled pictures lie by tract, kind and class; the segmented ones are Kvasir-SEG. The official two folds are
the split "fold 0" and "fold 1" where their table is there. Kvasir v2 is a root with its eight folders. No patients
are stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed, rows_of, write_rows
from vesalius.data.datasets._rasters import binary_mask, described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, present, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES_V2", "CONCEPTS", "TWIN", "read", "write"]

ABOUT = About(
    title="HyperKvasir", slug="hyper_kvasir", licence="CC BY 4.0",
    access="It is open: download labelled and segmented images (or kvasir-dataset-v2) from Simula and unpack them",
    home="https://datasets.simula.no/hyper-kvasir/",
)  # fmt: skip
TWIN = Twin(
    preset="endoscopy", settings=("prevalence.colon_polyp=0.5", "prevalence.ulcerative_colitis=0.3"), image_size=64
)

CLASSES_V2 = (
    "dyed-lifted-polyps", "dyed-resection-margins", "esophagitis", "normal-cecum", "normal-pylorus", "normal-z-line",
    "polyps", "ulcerative-colitis",
)  # fmt: skip
"""Folders of Kvasir v2."""
CONCEPTS = {
    "polyps": "colon_polyp", "esophagitis": "reflux_oesophagitis", "esophagitis-a": "reflux_oesophagitis",
    "esophagitis-b-d": "reflux_oesophagitis", "barretts": "barrett_oesophagus",
    "barretts-short-segment": "barrett_oesophagus", "ulcerative-colitis": "ulcerative_colitis",
}  # fmt: skip
"""Classes that are a finding of ours; of the others the name is the concept."""
_KINDS = ("anatomical-landmarks", "pathological-findings", "quality-of-mucosal-views", "therapeutic-interventions")
_TRACTS = {"lower-gi-tract": "LOWER GI TRACT", "upper-gi-tract": "UPPER GI TRACT"}
_SPLITS = ("official_splits/2_fold_split.csv", "2_fold_split.csv", "image-labels-2-fold.csv")


def read(root: Path) -> Iterator[Sample]:
    """Yield labelled pictures by tract, kind, class and name, then segmented ones; or those of Kvasir v2."""
    origin = provenance(root, ABOUT)
    labelled, segmented = root / "labeled-images", root / "segmented-images"
    flat = [name for name in CLASSES_V2 if (root / name).is_dir()]
    if not labelled.is_dir() and not segmented.is_dir() and not flat:
        require_files(root, ["labeled-images", "segmented-images"], ABOUT)
    folds = _folds(root)
    for folder in _folders(labelled) if labelled.is_dir() else [root / name for name in flat]:
        for path in sorted(folder.glob("*.jpg")):
            yield Sample(_labelled(path, origin), folds.get(path.stem, ""))
    if segmented.is_dir():
        for path in sorted((segmented / "images").glob("*.jpg")):
            yield Sample(_segmented(root, path, origin), "")


def _folders(base: Path) -> Iterator[Path]:
    for tract in _TRACTS:
        for kind in _KINDS:
            if (base / tract / kind).is_dir():
                yield from sorted(path for path in (base / tract / kind).iterdir() if path.is_dir())


def _folds(root: Path) -> dict[str, str]:
    """Return the fold of every picture, by its name without ending; cells are parted by a semicolon or a comma."""
    table = next((root / name for name in _SPLITS if (root / name).exists()), None)
    if table is None:
        return {}
    first = table.read_text(encoding="utf-8").partition("\n")[0]
    rows = rows_of(table, needs=["file-name", "split-index"], delimiter=";" if ";" in first else ",")
    return {Path(row["file-name"]).stem: f"fold {row['split-index']}" for _, row in rows}


def _labelled(path: Path, origin: Provenance) -> Study:
    folder = path.parent
    tract = _TRACTS.get(folder.parents[1].name, "")
    name = f"{folder.name}_{path.stem}"
    image = described(path, like=Image(id="frame", path="", modality="ES", body_part=tract))
    concept = CONCEPTS.get(folder.name, concept_of(folder.name))
    attributes = (("class", folder.name),) if folder.name in CONCEPTS and CONCEPTS[folder.name] != folder.name else ()
    finding = Finding(concept=concept, attributes=attributes, source="label file")
    return Study(id=name, patient=name, images=(image,), findings=(finding,), provenance=origin)


def _segmented(root: Path, path: Path, origin: Provenance) -> Study:
    mask = path.parents[1] / "masks" / path.name
    if not mask.exists():
        raise DataError(f"{path}: no mask {mask}; unpack the archive again")
    image = described(path, like=Image(id="frame", path="", modality="ES", body_part=_TRACTS["lower-gi-tract"]))
    file = str(binary_mask(root, mask))
    return Study(
        id=f"segmented_{path.stem}", patient=f"segmented_{path.stem}", images=(image,), provenance=origin,
        findings=closed(["colon_polyp"], ["colon_polyp"], source="label file")[:-1],
        regions=(Region(image="frame", kind="mask", concept="colon_polyp", mask=file, mask_value=255),),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write one labelled frame a clip, the polyps with masks, the table of labels and the two folds."""
    labels, folds, made, cut = [], [], [], []
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        shown, clip = present(study), study.images[0]
        name = (
            "polyps" if "colon_polyp" in shown else "ulcerative-colitis" if "ulcerative_colitis" in shown else "cecum"
        )
        kind = "anatomical-landmarks" if name == "cecum" else "pathological-findings"
        frames = pixels(corpus, clip)
        polyp = next(iter(masks(study, concepts=["colon_polyp"])), None)
        at = polyp.frame if polyp is not None and polyp.frame is not None else len(frames) // 2
        stem = study.id[:32]
        path = root / "labeled-images" / "lower-gi-tract" / kind / name / f"{stem}.jpg"
        save_picture(path, frames[at])
        made.append((path, f"fold {number % 2}"))
        labels.append((stem, "Lower GI", name, kind))
        folds.append((f"{stem}.jpg", name, number % 2))
        if polyp is not None:
            mask = union(corpus, masks(study, concepts=["colon_polyp"], frame=at), clip.shape[1:])
            cut.append(root / "segmented-images" / "images" / f"{stem}.jpg")
            save_picture(cut[-1], frames[at])
            save_picture(root / "segmented-images" / "masks" / f"{stem}.jpg", np.where(mask, 255, 0).astype(np.uint8))
    write_rows(
        root / "labeled-images" / "image-labels.csv", ("Video file", "Organ", "Finding", "Classification"), labels
    )
    write_rows(root / _SPLITS[0], ("file-name", "class-name", "split-index"), folds, delimiter=";")
    origin = virtual_origin(ABOUT)
    made.sort(key=lambda pair: (_KINDS.index(pair[0].parents[1].name), pair[0].parent, pair[0]))
    whole = [Sample(_labelled(path, origin), fold) for path, fold in made]
    return whole + [Sample(_segmented(root, path, origin), "") for path in sorted(cut)]
