"""PET-CT: two volumes on one grid; a tumour glows, its uptake is measured."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_patients import patient_with, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.exams import pet_ct


def test_two_volumes_on_one_grid() -> None:
    scan, glow = pet_ct.render(reference_patient(), 48)
    assert (scan.modality, glow.modality, glow.units) == ("CT", "PT", "SUV")
    assert scan.spacing_mm == glow.spacing_mm
    assert scan.origin_mm == glow.origin_mm
    found = {m.name: m.value for m in glow.measurements}
    # Liver 2.2 ± 0.4 and blood 1.6 ± 0.3 between people, cut at two deviations; blurred with what lies beside.
    assert 1.2 < found["liver_suv_mean"] < 3.2
    assert 0.8 < found["blood_pool_suv_mean"] < 2.4


@pytest.mark.parametrize("number", range(3))
def test_a_tumour_glows(number: int) -> None:
    patient = patient_with("lung_mass", number)
    glow = pet_ct.render(patient, 64)[1]
    mask = next(mark.mask for mark in glow.marks if mark.concept == "lung_mass")
    lungs = next(mark.mask for mark in glow.marks if mark.anatomy == "lungs")
    assert glow.pixels[mask].mean() > 1.4 * glow.pixels[lungs & ~mask].mean()
    found = {m.name: m.value for m in glow.measurements}
    assert found["lung_mass_suv_max"] == pytest.approx(glow.pixels[mask].max(), abs=1e-3)
    assert found["lung_mass_suv_mean"] <= found["lung_mass_suv_peak"] <= found["lung_mass_suv_max"] * 1.01
    assert 0 < found["lung_mass_metabolic_volume"] <= mask.sum() * np.prod(glow.spacing_mm) / 1000 + 1e-3


def test_same_bytes_again() -> None:
    one, two = (pet_ct.render(patient_with("lung_mass", 1), 32)[1].pixels for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_impossible_sizes() -> None:
    with pytest.raises(ConfigError, match="image size 600"):
        pet_ct.render(reference_patient(), 600)
