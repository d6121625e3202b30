"""Scores of lesions worked by hand, and asymmetry from masks against geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.virtual.findings.base import Case
from vesalius.virtual.findings.melanocytic_naevus import MelanocyticNaevus
from vesalius.virtual.findings.melanoma import Melanoma
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.skin.lesion import Outline, SkinDisease, Structures
from vesalius.virtual.skin.scores import abcd, asymmetry_of, longest_diameter, seven_points, shape_asymmetry

ROUND = Outline(diameter_mm=6.0, flat=1.0, turn=0.0, lopsided=0.0, wavy=0.0, phase=0.0)


def drawn(concept: str, count: int) -> list[SkinDisease]:
    body = draw_patient(31, 0).body
    found = [finding(concept).draw(stream(9, concept, number), Case(body, ()))[0] for number in range(count)]
    return [lesion for lesion in found if isinstance(lesion, SkinDisease)]


def test_scores_worked_by_hand() -> None:
    lesion = MelanocyticNaevus(
        outline=ROUND, soft=0.4, abrupt=3, colours=("dark brown", "light brown"), depth=0.8, uneven=0.0,
        structures=Structures(network="regular", globules=12), dysplastic=False,
    )  # fmt: skip
    # A 0, B 3, C 2, D network and globules 2: 0.3 + 1.0 + 1.0.
    assert abcd(lesion).total == pytest.approx(2.3)
    assert seven_points(lesion) == 0
    bad = Melanoma(
        outline=replace(ROUND, lopsided=1.0, phase=0.4), soft=0.2, abrupt=8, depth=0.9, uneven=1.0, breslow_mm=1.0,
        colours=("dark brown", "black", "red", "blue-grey", "white"),
        structures=Structures(network="atypical", streaks=9, veil=0.4, regression=0.3, peppering=30, blotches=2),
    )  # fmt: skip
    # A 2, B 8, C 5, D network, structureless, streaks, dots 4: 2.6 + 0.8 + 2.5 + 2.0.
    assert abcd(bad).total == pytest.approx(7.9)
    # Network 2, veil 2; streaks, blotches, regression 1 each.
    assert seven_points(bad) == 7


def test_a_circle_is_symmetric_and_as_wide_as_it_says() -> None:
    assert max(shape_asymmetry(ROUND)) < 0.02
    assert longest_diameter(ROUND) == pytest.approx(6.0, abs=0.01)
    assert longest_diameter(replace(ROUND, flat=0.7, turn=0.7)) == pytest.approx(6.0, abs=0.01)


def test_asymmetry_of_masks() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    assert asymmetry_of(mask) == (0.0, 0.0)
    # A right-angled triangle: its mirror image about its centre of area covers part of it.
    triangle = np.tril(np.ones((30, 30), bool))
    assert min(asymmetry_of(np.pad(triangle, 10))) > 0.3


def test_lopsided_shapes_are_asymmetric() -> None:
    values = [np.mean(shape_asymmetry(replace(ROUND, lopsided=share, phase=0.9))) for share in (0.0, 0.5, 1.0)]
    assert values == sorted(values)
    assert values[2] > 0.08


def test_melanomas_score_higher_than_naevi_and_overlap() -> None:
    naevi, melanomas = (
        [abcd(lesion).total for lesion in drawn(name, 120)] for name in ("melanocytic_naevus", "melanoma")
    )
    assert np.mean(naevi) < 4.75 < 5.45 < np.mean(melanomas)
    assert max(naevi) > min(melanomas)
    # Colours of the table: 1.8 in naevi and 3.6 in melanomas on average; three standard errors of 1.0 / sqrt(120).
    counts = [
        np.mean([len(lesion.colours) for lesion in drawn(name, 120)]) for name in ("melanocytic_naevus", "melanoma")
    ]
    assert counts[0] == pytest.approx(1.8, abs=0.3)
    assert counts[1] == pytest.approx(3.6, abs=0.3)
