"""Abdominal CT: masks, measurements and phases agree with the solids; the same patient gives the same bytes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from virtual_patients import drawn

from vesalius.errors import ConfigError
from vesalius.virtual import ct
from vesalius.virtual.anatomy.abdomen import build_abdomen, extent
from vesalius.virtual.anatomy.abdomen_measures import target_sum
from vesalius.virtual.anatomy.caliper import axial_axes
from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.exams import abdomen_ct
from vesalius.virtual.exams.abdomen_ct import protocol_of, render, scanned
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture

SIZE = 64


def patient_with(*concepts: str, index: int = 2) -> Patient:
    return draw_patient(11, index).having(disease for name in concepts for disease in drawn(name, index))


def value(picture: Picture, name: str) -> float:
    return next(item.value for item in picture.measurements if item.name == name)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return render(patient_with("hepatocellular_carcinoma", "renal_cyst"), 96)[0]


def test_picture_states_what_it_is(picture: Picture) -> None:
    assert (picture.modality, picture.axes, picture.units) == ("CT", "ZYX", "HU")
    assert picture.shape == (96, 96, 96)
    assert picture.sequence in ("native", "arterial", "portal", "late")
    assert {item.image for item in picture.measurements} == {"ct"}


def test_masks_of_organs_and_lesions(picture: Picture) -> None:
    organs = {mark.anatomy for mark in picture.marks if not mark.concept}
    assert {"liver", "segment VIII", "spleen", "left kidney", "pancreas head", "abdominal aorta", "stomach"} <= organs
    assert len(organs) > 50
    lesions = [mark for mark in picture.marks if mark.concept]
    assert {mark.concept for mark in lesions} == {"hepatocellular_carcinoma", "renal_cyst"}
    assert len({mark.instance for mark in lesions}) == len(lesions)


def test_liver_holds_its_segments(picture: Picture) -> None:
    masks = {mark.anatomy: mark.mask for mark in picture.marks if not mark.concept and mark.mask is not None}
    segments = np.logical_or.reduce([mask for name, mask in masks.items() if name.startswith("segment ")])
    assert not (segments & ~masks["liver"]).any()
    assert segments.sum() / masks["liver"].sum() > 0.93


def test_measurements_are_those_of_the_masks(picture: Picture) -> None:
    voxel = float(np.prod(picture.spacing_mm)) / 1000
    for mark in picture.marks:
        if mark.concept == "hepatocellular_carcinoma" and mark.mask is not None:
            assert value(picture, "hepatocellular_carcinoma_volume") == pytest.approx(
                mark.mask.sum() * voxel, abs=0.01
            )
            axes = axial_axes(mark.mask, picture.spacing_mm)  # type: ignore[arg-type]
            assert axes is not None
            assert value(picture, "hepatocellular_carcinoma_long_axis") == pytest.approx(axes.long_mm, abs=0.01)
        if mark.anatomy == "liver" and not mark.concept and mark.mask is not None:
            assert value(picture, "liver_volume") == pytest.approx(mark.mask.sum() * voxel, abs=0.01)


def test_axes_of_mask_and_solid_agree_within_a_voxel(picture: Picture) -> None:
    """Smooth cysts and waves of at most 15 % of the radius; the picture's own truth beside that of the solid."""
    pixel = picture.spacing_mm[1]
    mask, solid = (value(picture, f"renal_cyst_long_axis{part}") for part in ("", "_of_solid"))
    assert mask == pytest.approx(solid, abs=1.5 * pixel)


def test_kidneys_are_as_long_as_their_solids(picture: Picture) -> None:
    """Extent of the mask along its own long axis, plus a voxel, against the measured length: within two voxels."""
    lengths = {item.laterality: item.value for item in picture.measurements if item.name == "kidney_length"}
    for mark in picture.marks:
        if mark.concept or mark.mask is None or mark.anatomy not in ("left kidney", "right kidney"):
            continue
        points = np.argwhere(mark.mask) * np.asarray(picture.spacing_mm)
        axis = np.linalg.eigh(np.cov(points.T))[1][:, -1]
        way = points @ axis
        side = mark.anatomy.split()[0]
        extent = way.max() - way.min() + max(picture.spacing_mm)
        assert extent == pytest.approx(lengths[side], abs=2 * max(picture.spacing_mm))  # type: ignore[index]


def test_healthy_measurements_are_normal() -> None:
    found = render(draw_patient(11, 5).having(()), SIZE)[0]
    assert 600 < value(found, "liver_volume") < 2200
    assert 12 < value(found, "abdominal_aorta_diameter") < 30
    assert value(found, "portal_vein_diameter") <= 13
    assert value(found, "common_bile_duct_diameter") <= 7
    assert 20 < value(found, "skeletal_muscle_index") < 90
    assert not any(mark.concept for mark in found.marks)


@pytest.mark.parametrize("index", range(3))
def test_organs_have_the_hu_of_their_phase(index: int) -> None:
    """Mean of the inner liver: the tissue's mean, two deviations between people, and up to 5 HU of cupping."""
    anatomy, scan = scanned(draw_patient(11, index).having(()), SIZE)
    expected = {"native": 57, "arterial": 68, "portal": 112, "late": 90}[scan.protocol.phase]
    mask = np.isin(scan.sampled.labels, [scan.sampled.structures.index(f"segment {n}") + 1 for n in ("VI", "VII")])
    assert scan.mean_hu(mask) == pytest.approx(expected, abs=2 * 6 + 8)
    assert anatomy.region == "abdomen"


def test_scan_protocol_knows_nothing_of_disease() -> None:
    sick = patient_with("hepatocellular_carcinoma", "ascites", "splenomegaly")
    well = sick.having(())
    assert protocol_of(sick, build_abdomen(sick), SIZE) == protocol_of(well, build_abdomen(well), SIZE)


def test_only_the_finding_changes_the_picture() -> None:
    """Apart from the lesion and 8 mm round it the voxels are the same: noise and texture are the patient's."""
    sick = patient_with("liver_cyst")
    first, second = render(sick, SIZE)[0], render(sick.having(()), SIZE)[0]
    lesion = np.logical_or.reduce([mark.mask for mark in first.marks if mark.concept])
    differ = first.pixels != second.pixels
    near = lesion.copy()
    for axis in range(3):
        for step in (-2, -1, 1, 2):
            near |= np.roll(lesion, step, axis)
    assert differ[lesion].mean() > 0.9
    # Noise follows the water-equivalent size of slices, which a cyst changes by less than 1 %: at most 2 HU.
    outside = np.abs(first.pixels.astype(int) - second.pixels)[~near]
    assert np.quantile(outside, 0.999) <= 6


def test_same_patient_gives_the_same_bytes() -> None:
    one, again = (sha256(render(patient_with("gallstones"), 48)[0].pixels.tobytes()).hexdigest() for _ in range(2))
    assert one == again


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="image size 8: expected 32 to 384"):
        render(draw_patient(11, 0), 8)


def test_target_sum_takes_two_an_organ() -> None:
    picture = render(patient_with("liver_metastases", index=4), SIZE)[0]
    longs = [item.value for item in picture.measurements if item.name == "liver_metastases_long_axis"]
    kept = sorted((length for length in longs if length >= 10), reverse=True)[:2]
    assert target_sum(picture.measurements) == pytest.approx(sum(kept), abs=0.01)


def test_module_follows_the_protocol_of_examinations() -> None:
    assert abdomen_ct.REGION == "abdomen"
    assert abdomen_ct.SIZE == 128


def look(volume: np.ndarray) -> dict[str, float]:
    """Modes of fat and soft tissue, share of fat, local contrast and slope of the spectrum of a native scan."""
    fat = np.histogram(volume, 50, (-150, -50))[0]
    soft = np.histogram(volume, 50, (0, 100))[0]
    middle = np.clip(volume[volume.shape[0] // 2 - 20 :][:40].astype(float), -150, 250)
    inside = volume[volume.shape[0] // 2 - 20 :][:40, :, 1:] > -300
    power = (np.abs(np.fft.fft2(middle - middle.mean((1, 2), keepdims=True))) ** 2).mean(axis=0)
    radius = np.hypot(np.fft.fftfreq(power.shape[0])[:, None], np.fft.fftfreq(power.shape[1])[None])
    band = (radius > 0.05) & (radius < 0.4)
    return {
        "fat": -149.0 + 2 * fat.argmax(), "soft": 1.0 + 2 * soft.argmax(),
        "share": fat.sum() / (fat.sum() + soft.sum()),
        "contrast": float(np.abs(np.diff(middle, axis=2))[inside].mean()),
        "slope": float(np.polyfit(np.log(radius[band]), np.log(power[band]), 1)[0]),
    }  # fmt: skip


@pytest.mark.real
def test_a_native_scan_looks_like_a_real_one(real_data: Path) -> None:
    """Against one real scan at 3 mm. Measured over six patients: fat -114 to -94 (real -106), soft tissue 38 to 56
    (real 24: muscle falls with age and fat), share of fat 0.44 to 0.54 (0.54), contrast 23 to 26 (33: real fat holds
    more small vessels), slope -2.46 to -2.28 (-2.13)."""
    nibabel = pytest.importorskip("nibabel")
    stored = nibabel.load(real_data / "volumes" / "ct-body" / "example_ct.nii.gz")
    real = look(np.flip(np.asarray(stored.dataobj), (0, 1)).transpose(2, 1, 0))
    anatomy = build_abdomen(draw_patient(5, 2))
    low, high = extent(anatomy)
    count = np.ceil((high - low) / 3).astype(int)
    grid = Grid((int(count[2]), int(count[1]) + 10, int(count[0])), (3.0, 3.0, 3.0), tuple(low + 1.5))
    made = look(ct.scan(anatomy, ct.Protocol(grid=grid, phase="native"), np.random.default_rng(0)).volume)
    assert made["fat"] == pytest.approx(real["fat"], abs=20)
    assert made["soft"] == pytest.approx(real["soft"], abs=36)
    assert made["share"] == pytest.approx(real["share"], abs=0.2)
    assert 0.6 < made["contrast"] / real["contrast"] < 1.2
    assert made["slope"] == pytest.approx(real["slope"], abs=0.45)
