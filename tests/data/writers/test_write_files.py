"""NIfTI and COCO files, and DICOM images of what came without headers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from object_files import OBLIQUE, STRAIGHT, complaints, geometry
from PIL import Image as Picture

from vesalius.data import readers
from vesalius.data.geometry import Geometry
from vesalius.data.readers.pixels import Pixels
from vesalius.data.records import Box, Image, Provenance, Region, Study
from vesalius.data.writers import write_coco, write_nifti, write_series
from vesalius.data.writers.coco import run_lengths
from vesalius.errors import DataError

SHAPE = (4, 5, 7)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("turn", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64", "bool"])
def test_a_volume_comes_back_with_its_place(tmp_path: Path, turn: np.ndarray, dtype: str, name: str) -> None:
    array = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, SHAPE).astype(dtype)
    grid = geometry(turn)
    path = write_nifti(array, grid, tmp_path / name, note="VIRTUAL")
    image = nibabel.load(path)
    assert np.asarray(image.dataobj).dtype == np.dtype("uint8" if dtype == "bool" else dtype)
    assert (array == np.asarray(image.dataobj).T).all()
    # RAS from LPS by hand: voxel (0, 0, 0) lies at LPS (-40, 25, 110), so at RAS (40, -25, 110).
    assert image.affine[:3, 3] == pytest.approx([40, -25, 110])
    # single precision in the file: 110 mm has steps of 8e-6, cosines of 6e-8
    assert np.allclose(image.get_sform(), grid.nifti_affine, atol=1e-6)
    assert np.allclose(image.get_qform(), grid.nifti_affine, atol=1e-5)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert image.header.get_zooms() == pytest.approx((0.5, 0.75, 2.5))
    assert image.header.get_xyzt_units()[0] == "mm"
    found = readers.read(path)
    assert (found.array == array).all()
    assert np.allclose(found.require_geometry().affine, grid.affine, atol=1e-6)


def test_scaled_values_are_stored_as_they_are(tmp_path: Path) -> None:
    stored = np.arange(140, dtype=np.int16).reshape(SHAPE)
    path = write_nifti(stored, geometry(), tmp_path / "v.nii.gz", slope=0.5, intercept=-10.0)
    image = nibabel.load(path)
    assert (stored == image.dataobj.get_unscaled().T).all()
    assert (image.dataobj.slope, image.dataobj.inter) == (0.5, -10.0)
    assert np.allclose(image.get_fdata().T, 0.5 * stored - 10)
    assert np.allclose(readers.read(path).array, 0.5 * stored - 10)


def test_a_tilted_gantry_has_no_qform(tmp_path: Path) -> None:
    plain = geometry()
    slices = np.array([0.0, np.sin(0.3), np.cos(0.3)])
    tilted = replace(plain, directions=(tuple(slices.tolist()), *plain.directions[1:]))
    image = nibabel.load(write_nifti(np.zeros(SHAPE, np.uint8), tilted, tmp_path / "v.nii"))
    assert int(image.header["qform_code"]) == 0
    assert np.allclose(image.affine, tilted.nifti_affine, atol=1e-6)


def test_a_spacing_alone_states_no_place(tmp_path: Path) -> None:
    path = write_nifti(np.zeros(SHAPE, np.uint8), Geometry(spacing_mm=(2.0, 1.0, 0.5)), tmp_path / "v.nii")
    found = readers.read(path)
    assert found.require_geometry().spacing_mm == (2.0, 1.0, 0.5)
    assert found.require_geometry().directions == ()


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    array = np.arange(140, dtype=np.int16).reshape(SHAPE)
    one = write_nifti(array, geometry(), tmp_path / "a.nii.gz").read_bytes()
    assert write_nifti(array, geometry(), tmp_path / "b.nii.gz").read_bytes() == one


@pytest.mark.parametrize("array", [np.zeros(SHAPE, np.int64), np.zeros(SHAPE, complex), np.zeros((2, *SHAPE))])
def test_what_the_format_cannot_hold(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"v.nii: (samples of type|array of shape)"):
        write_nifti(array, geometry(), tmp_path / "v.nii")


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        ([[0, 1], [1, 1]], [1, 3]),  # down the columns: 0 1 | 1 1
        ([[1, 0], [0, 0]], [0, 1, 3]),  # begins with 1: no zeros first
        ([[0, 0], [0, 0]], [4]),
        ([[1, 1], [1, 1]], [0, 4]),
    ],
)
def test_run_lengths_go_down_the_columns(mask: list, counts: list[int]) -> None:
    assert run_lengths(np.array(mask, bool)) == {"counts": counts, "size": [2, 2]}


def decoded(entry: dict) -> np.ndarray:
    """Decode run lengths as the reference does: alternate zeros and ones in column order."""
    values = np.repeat(np.arange(len(entry["counts"])) % 2, entry["counts"])
    return values.reshape(entry["size"], order="F").astype(bool)


def marked_study(tmp_path: Path, name: str) -> Study:
    mask = np.zeros((20, 30), np.uint8)
    mask[3:9, 4:12] = 2
    Picture.fromarray(mask).save(tmp_path / f"{name}.png")
    regions = (
        Region(image="pa", kind="box", concept="nodule", box=Box(1.5, 2, 6, 9), instance=0),
        Region(image="pa", kind="mask", concept="nodule", mask=f"{name}.png", mask_value=2, instance=0),
        Region(image="pa", kind="contour", anatomy="heart", points=((0, 0), (4, 0), (4, 3))),
        Region(image="pa", kind="points", anatomy="carina", points=((10, 11),)),
        Region(image="pa", kind="points", anatomy="apex", points=((5, 6),)),
        Region(image="clip", kind="box", anatomy="grasper", box=Box(0, 0, 3, 3), frame=4),
        Region(image="clip", kind="mask", anatomy="grasper", mask=f"{name}.png"),
    )
    images = (
        Image(id="pa", path="pa.png", modality="DX", shape=(20, 30)),
        Image(id="clip", path="c.tiff", modality="ES", kind="video", shape=(9, 20, 30)),
    )
    return Study(id=name, patient=name, images=images, regions=regions)


def test_a_coco_file_by_the_rules_of_its_reference(tmp_path: Path) -> None:
    studies = [marked_study(tmp_path, "one"), marked_study(tmp_path, "two")]
    counts = write_coco(studies, tmp_path / "out" / "a.json", find=lambda path: tmp_path / path, prefix="../")
    found = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (counts.images, counts.annotations, counts.categories) == (4, 10, 4)
    assert counts.left_out == {"mask in a whole video: COCO knows pictures only": 2}
    names = {entry["id"]: entry["name"] for entry in found["categories"]}
    assert names == {1: "grasper", 2: "heart", 3: "nodule", 4: "landmarks"}
    assert found["categories"][3]["keypoints"] == ["apex", "carina"]
    ids = [entry["id"] for entry in found["annotations"]]
    assert ids == list(range(1, 11))
    assert {entry["image_id"] for entry in found["annotations"]} <= {entry["id"] for entry in found["images"]}
    box, mask, outline, points, tool = found["annotations"][:5]
    assert (box["bbox"], box["area"], box["iscrowd"]) == ([1.5, 2, 4.5, 7], 31.5, 0)
    assert mask["bbox"] == [4, 3, 8, 6]
    assert (mask["area"], mask["iscrowd"]) == (48, 1)
    truth = np.zeros((20, 30), bool)
    truth[3:9, 4:12] = True
    assert (decoded(mask["segmentation"]) == truth).all()
    assert outline["segmentation"] == [[0, 0, 4, 0, 4, 3]]
    assert (outline["area"], outline["bbox"]) == (6, [0, 0, 4, 3])  # half of 4 x 3
    assert (points["keypoints"], points["num_keypoints"]) == ([5, 6, 2, 10, 11, 2], 2)
    assert found["images"][1] == {
        "id": 2, "file_name": "../c.tiff", "height": 20, "width": 30, "study": "one", "image": "clip", "frame": 4,
    }  # fmt: skip
    assert tool["image_id"] == 2


def test_coco_of_nothing_and_of_a_wrong_mask(tmp_path: Path) -> None:
    plain = Study(id="s", patient="p", images=(Image(id="pa", path="pa.png", modality="DX", shape=(20, 30)),))
    with pytest.raises(DataError, match="no study has a region"):
        write_coco([plain], tmp_path / "a.json", find=lambda path: tmp_path / path)
    Picture.fromarray(np.ones((5, 5), np.uint8)).save(tmp_path / "m.png")
    wrong = replace(plain, regions=(Region(image="pa", kind="mask", concept="x", mask="m.png"),))
    with pytest.raises(DataError, match=r"m.png: mask of shape \(5, 5\); its image has \(20, 30\)"):
        write_coco([wrong], tmp_path / "a.json", find=lambda path: tmp_path / path)
    assert list(tmp_path.glob("*.json")) == []


def pixels(array: np.ndarray, axes: str, **known: object) -> Pixels:
    return Pixels(array=array, axes=axes, units=known.pop("units", "stored"), **known)


@pytest.mark.parametrize(
    ("modality", "units", "name"),
    [("CT", "HU", "CT Image Storage"), ("MR", "stored", "MR Image Storage"), ("PT", "SUV", "Secondary Capture")],
)
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_volume_becomes_a_series_with_its_values_and_place(
    tmp_path: Path, modality: str, units: str, name: str, dtype: str
) -> None:
    array = np.random.default_rng(0).uniform(-1000, 3000, SHAPE).astype(dtype)
    record = Image(id="v", path="v", modality=modality, kind="volume", shape=SHAPE, body_part="CHEST")
    study = Study(id="s", patient="p", images=(record,), age_years=44, sex="F", provenance=Provenance(source=""))
    source = write_series(pixels(array, "ZYX", geometry=geometry(OBLIQUE), units=units), record, study, tmp_path)
    assert np.allclose(source.grid.planes.affine, geometry(OBLIQUE).affine, atol=1e-5)
    assert name in source.first.SOPClassUID.name
    for number, path in enumerate(source.paths):
        found = readers.read(path).array
        # Half a step of 1/65535 of the range, which is at most 4000.
        assert np.abs(found - array[number]).max() <= (0 if dtype == "int16" else 4000 / 65535 / 2 + 1e-3)
    assert (source.first.PatientID, source.first.PatientAge, str(source.first.PatientName)) == ("p", "044Y", "")


def test_pictures_and_clips_become_captures(tmp_path: Path) -> None:
    record = Image(id="v", path="v", modality="XC", shape=(20, 30), channels=3)
    study = Study(id="s", patient="p", images=(record,), provenance=Provenance(source="", virtual=True))
    colour = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    source = write_series(pixels(colour, "YXC", units="rgb"), record, study, tmp_path / "a")
    assert (readers.read(source.paths[0]).array == colour).all()
    assert source.first.ImageComments.startswith("VIRTUAL")
    clip = np.random.default_rng(0).integers(0, 255, (4, 20, 30), dtype=np.uint8)
    source = write_series(pixels(clip, "TYX", units="display"), record, study, tmp_path / "b")
    assert source.grid.shape == (4, 20, 30)
    assert all((readers.read(path).array == clip[number]).all() for number, path in enumerate(source.paths))
    with pytest.raises(DataError, match="time series of volumes"):
        write_series(pixels(np.zeros((2, 2, 2, 2)), "TZYX"), record, study, tmp_path / "c")


@pytest.mark.parametrize(("modality", "part"), [("CT", "CHEST"), ("MR", "HEAD"), ("XC", "SKIN"), ("MG", "BREAST")])
def test_the_validator_finds_no_error_in_images(tmp_path: Path, modality: str, part: str) -> None:
    record = Image(id="v", path="v", modality=modality, kind="volume", shape=SHAPE, body_part=part)
    study = Study(id="s", patient="p", images=(record,), provenance=Provenance(source="", virtual=True))
    if modality in ("CT", "MR"):
        given = pixels(np.zeros(SHAPE, np.int16), "ZYX", geometry=geometry(OBLIQUE))
    else:
        given = pixels(np.zeros(SHAPE[1:], np.uint8), "YX", units="display")
    source = write_series(given, record, study, tmp_path)
    assert complaints(source.paths[0]) == []
