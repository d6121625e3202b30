"""MedMNIST v2: twelve sets of small pictures and six of small volumes, one .npz archive a set and size.

A root holds any of ``<name>.npz`` (28 pixels) and ``<name>_<size>.npz``. Pictures are unpacked once as PNG, volumes
as TIFF of one page a slice, because the archives state no spacing. Nothing says whose picture it is: each counts as
a patient of its own, though DermaMNIST has pictures of one lesion in several parts, and ChestMNIST has several
pictures of most patients (its parts are those of NIH ChestX-ray14 70/10/20, by patient).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._npz import array_names, entries, whole
from vesalius.data.datasets._rasters import convert_once, png_bytes
from vesalius.data.datasets._retinopathy import grade_of, graded
from vesalius.data.datasets._virtual import image_of, masks, pixels, present, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Image, Measurement, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "SETS", "TWIN", "Kind", "read", "write"]

ABOUT = About(
    title="MedMNIST v2", slug="medmnist", licence="CC BY 4.0; DermaMNIST CC BY-NC 4.0",
    access="It is open: download the .npz archives that you want from its page",
    home="https://medmnist.com",
)  # fmt: skip
TWIN = Twin(
    preset="chest", image_size=64,
    settings=("exams=[chest_radiograph, fundus, histology, abdomen_ct]", "prevalence.diabetic_retinopathy=0.5",
              "prevalence.colorectal_adenocarcinoma=0.4"),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A set: the modality, the classes by number, and what kind of task it is."""

    modality: str
    classes: tuple[str, ...]
    task: str = "multi-class"
    """multi-class; binary; multi-label; grade."""
    normal: str = ""
    """Class that says that there is no finding."""
    body_part: str = ""


_ORGANS = (
    "bladder", "left_femur", "right_femur", "heart", "left_kidney", "right_kidney", "liver", "left_lung",
    "right_lung", "pancreas", "spleen",
)  # fmt: skip
_ORGANS_3D = (
    "liver", "right_kidney", "left_kidney", "right_femur", "left_femur", "bladder", "heart", "right_lung",
    "left_lung", "spleen", "pancreas",
)  # fmt: skip
SETS: Mapping[str, Kind] = {
    "pathmnist": Kind("SM", ("adipose_tissue", "background", "debris", "lymphocytes", "mucus", "smooth_muscle",
                             "normal_colon_mucosa", "cancer_associated_stroma", "colorectal_adenocarcinoma")),
    "chestmnist": Kind("DX", ("atelectasis", "cardiomegaly", "pleural_effusion", "infiltration", "lung_mass",
                              "lung_nodule", "pneumonia", "pneumothorax", "consolidation", "edema", "emphysema",
                              "fibrosis", "pleural_thickening", "hiatal_hernia"), "multi-label", body_part="CHEST"),
    "dermamnist": Kind("XC", ("actinic_keratosis", "basal_cell_carcinoma", "seborrhoeic_keratosis", "dermatofibroma",
                              "melanoma", "melanocytic_naevus", "vascular_skin_lesion"), body_part="SKIN"),
    "octmnist": Kind("OPT", ("choroidal_neovascularisation", "diabetic_macular_oedema", "drusen", "normal"),
                     normal="normal", body_part="EYE"),
    "pneumoniamnist": Kind("DX", ("normal", "pneumonia"), "binary", "normal", "CHEST"),
    "retinamnist": Kind("OP", (), "grade", body_part="EYE"),
    "breastmnist": Kind("US", ("malignant_breast_tumour", "normal_or_benign_breast"), "binary", body_part="BREAST"),
    "bloodmnist": Kind("SM", ("basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte",
                              "monocyte", "neutrophil", "platelet"), body_part="BLOOD"),
    "tissuemnist": Kind("SM", ("collecting_duct", "distal_convoluted_tubule", "glomerular_endothelial_cell",
                               "interstitial_endothelial_cell", "leukocyte", "podocyte", "proximal_tubule",
                               "thick_ascending_limb"), body_part="KIDNEY"),
    "organamnist": Kind("CT", _ORGANS, body_part="ABDOMEN"),
    "organcmnist": Kind("CT", _ORGANS, body_part="ABDOMEN"),
    "organsmnist": Kind("CT", _ORGANS, body_part="ABDOMEN"),
    "organmnist3d": Kind("CT", _ORGANS_3D, body_part="ABDOMEN"),
    "nodulemnist3d": Kind("CT", ("benign_lung_nodule", "malignant_lung_nodule"), "binary", body_part="CHEST"),
    "adrenalmnist3d": Kind("CT", ("normal", "adrenal_hyperplasia"), "binary", "normal", "ABDOMEN"),
    "fracturemnist3d": Kind("CT", ("buckle_rib_fracture", "nondisplaced_rib_fracture", "displaced_rib_fracture"),
                            body_part="CHEST"),
    "vesselmnist3d": Kind("MR", ("normal", "intracranial_aneurysm"), "binary", "normal", "HEAD"),
    "synapsemnist3d": Kind("OT", ("inhibitory_synapse", "excitatory_synapse"), "binary", body_part="BRAIN"),
}  # fmt: skip
"""The sets and their classes in the order of their numbers."""
_PARTS = ("train", "val", "test")
_FILE = re.compile(r"(\w+?mnist(?:3d)?)(?:_(\d+))?\.npz")
_SOURCE = "label file"


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures of all archives, sorted by name, each in the order train, val, test."""
    archives = sorted(path for path in root.glob("*.npz") if _FILE.fullmatch(path.name))
    if not archives:
        require_files(root, ["pathmnist.npz"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in archives:
        name = path.name.partition(".")[0].partition("_")[0]
        if name not in SETS:
            raise DataError(f"{path}: no set is called {name!r}; known are {', '.join(SETS)}")
        missing = {f"{part}_{what}" for part in _PARTS for what in ("images", "labels")} - set(array_names(path))
        if missing:
            raise DataError(f"{path}: no array {', '.join(sorted(missing))}; found {', '.join(array_names(path))}")
        for part in _PARTS:
            labels = whole(path, f"{part}_labels")
            for number, values in enumerate(entries(path, f"{part}_images")):
                if number >= len(labels):
                    raise DataError(f"{path}: {len(labels)} labels of {part}, more pictures; download it again")
                yield Sample(_study(root, path.stem, f"{part}_{number:06d}", values, labels[number], origin), part)


def _study(
    root: Path, archive: str, number: str, values: NDArray[np.uint8], label: NDArray[np.integer], origin: Provenance
) -> Study:
    kind = SETS[archive.partition("_")[0]]
    solid = archive.partition("_")[0].endswith("3d")
    name = f"{archive}/{number}{'.tif' if solid else '.png'}"
    path = convert_once(root, name, lambda: _tiff(values) if solid else png_bytes(values))
    shape = values.shape if solid else values.shape[:2]
    colour = not solid and values.ndim == 3
    image = Image(
        id="image", path=str(path), modality=kind.modality, kind="volume" if solid else "image", shape=shape,
        channels=3 if colour else 1, units="rgb" if colour else "display", body_part=kind.body_part,
    )  # fmt: skip
    findings, measured = _stated(kind, np.atleast_1d(label), f"{archive}.npz, {number}")
    identity = f"{archive}_{number}"
    return Study(
        id=identity, patient=identity, images=(image,), findings=findings, measurements=measured, provenance=origin
    )


def _tiff(slices: NDArray[np.uint8]) -> bytes:
    pages = [Pillow.fromarray(page) for page in slices]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    return buffer.getvalue()


def _stated(
    kind: Kind, label: NDArray[np.integer], where: str
) -> tuple[tuple[Finding, ...], tuple[Measurement, ...]]:
    values = [int(value) for value in label]
    if kind.task == "grade":
        findings, grade = graded(values[0], image="image", where=where)
        return findings, (grade,)
    known = [name for name in kind.classes if name != kind.normal]
    if kind.task == "multi-label":
        if len(values) != len(kind.classes):
            raise DataError(f"{where}: {len(values)} labels, expected {len(kind.classes)}")
        return closed((name for name, value in zip(kind.classes, values, strict=True) if value), known,
                      source=_SOURCE), ()  # fmt: skip
    if not 0 <= values[0] < len(kind.classes):
        raise DataError(f"{where}: label {values[0]}, expected 0 to {len(kind.classes) - 1}")
    found = kind.classes[values[0]]
    stated = closed([] if found == kind.normal else [found], known, source=_SOURCE)
    return stated if kind.normal else stated[:-1], ()


_Labelled = list[tuple[NDArray[np.uint8], NDArray[np.integer]]]
_MASKED = {"liver": 0, "right kidney": 1, "left kidney": 2, "spleen": 9, "pancreas": 10}


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the path, chest, retina and organ sets, the third also with 64 pixels."""
    made: dict[str, dict[str, _Labelled]] = {}
    for part in _PARTS:
        ids = studies_of(corpus, part)
        for study in sorted(corpus, key=lambda study: study.id):
            for name, pairs in _of(corpus, study).items() if study.id in ids else ():
                made.setdefault(name, {part: [] for part in _PARTS})[part].extend(pairs)
    samples = []
    for name in sorted(made):
        _write_archive(root / f"{name}.npz", made[name])
        samples += [
            Sample(_study(root, name, f"{part}_{number:06d}", *pair, virtual_origin(ABOUT)), part)
            for part in _PARTS
            for number, pair in enumerate(made[name][part])
        ]
    return samples


def _of(corpus: Corpus, study: Study) -> dict[str, _Labelled]:
    """Return what a virtual patient adds to each set."""
    ours = set(present(study))
    shown = {image.modality: image for image in study.images}
    chest = np.array([name in ours for name in SETS["chestmnist"].classes], np.int64)
    eye = pixels(corpus, shown["OP"])
    tissue = 8 if "colorectal_adenocarcinoma" in ours else 6
    return {
        "chestmnist": [(_small(pixels(corpus, shown["DX"]), 28), chest)],
        "organmnist3d": list(_organs(corpus, study)),
        "pathmnist": [(_small(pixels(corpus, shown["SM"]), 28), np.array([tissue], np.int64))],
        "retinamnist": [(_small(eye, 28), np.array([grade_of(study)], np.int64))],
        "retinamnist_64": [(_small(eye, 64), np.array([grade_of(study)], np.int64))],
    }


def _small(values: NDArray[np.generic], size: int) -> NDArray[np.uint8]:
    eight = values if values.dtype == np.uint8 else np.asarray(values.astype(np.float64) / 257, np.uint8)
    return np.asarray(Pillow.fromarray(eight).resize((size, size), Pillow.Resampling.BILINEAR))


def _organs(corpus: Corpus, study: Study) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.integer]]]:
    """Cut the box of each organ out of the CT and bring it to 28 voxels a side by the nearest voxel."""
    image = image_of(study, modality="CT")
    assert image is not None, "every patient of this population has a CT"
    values = np.clip((pixels(corpus, image).astype(np.float64) + 160) / 400, 0, 1) * 255
    for organ, label in _MASKED.items():
        mask = union(corpus, masks(study, image=image.id, anatomy=[organ]), image.shape)
        if mask.any():
            places = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
            grid = [np.linspace(place[0], place[-1], 28).round().astype(int) for place in places]
            yield values[np.ix_(*grid)].astype(np.uint8), np.array([label], np.uint8)


def _write_archive(path: Path, parts: dict[str, _Labelled]) -> None:
    """Write the six arrays; a part without pictures has none in its arrays."""
    example = next(pair for pairs in parts.values() for pair in pairs)
    arrays: dict[str, NDArray[np.generic]] = {}
    for part, pairs in parts.items():
        arrays[f"{part}_images"] = np.array([values for values, _ in pairs], np.uint8).reshape(-1, *example[0].shape)
        arrays[f"{part}_labels"] = np.array([label for _, label in pairs], example[1].dtype).reshape(
            -1, *example[1].shape
        )
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
