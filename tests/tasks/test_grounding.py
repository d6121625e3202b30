"""A map that lies on the mask scores high, one beside it low, and a split without marks is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import CapabilityError, DataError
from vesalius.tasks.base import make_task
from vesalius.tasks.grounding import Grounding


class Maps:
    """Every third study marks cardiomegaly in the upper left quarter of 8 × 8."""

    def __init__(self, *, right: bool = True, marks: bool = True) -> None:
        self.right, self.marks, self.asked = right, marks, []

    def __call__(self, row: int, phrase: str) -> np.ndarray:
        self.asked.append(phrase)
        found = np.random.default_rng(row).normal(0.1, 0.02, (8, 8)).astype(np.float32)
        found[(slice(0, 4), slice(0, 4)) if self.right else (slice(4, 8), slice(4, 8))] += 0.5
        return found

    def marked(self, row: int) -> Mapping[str, np.ndarray]:
        mask = np.zeros((8, 8), dtype=bool)
        mask[:4, :4] = True
        return {"cardiomegaly": mask} if self.marks and row % 3 == 0 else {}


def scored(data, maps):
    task = make_task("grounding")
    table = task.predict(replace(data, ground=maps))
    return table, {(one.metric, one.label): one for one in task.score(table, resamples=100, seed=0)}


def test_right_and_wrong_maps(data):
    maps = Maps()
    table, right = scored(data, maps)
    _, wrong = scored(data, Maps(right=False))
    assert len(table) == len(range(0, len(data.test), 3))
    assert right["cnr", "macro"].value > 10
    # outside lie 16 of 48 places at .6: (.1 - .267) / .236
    assert wrong["cnr", "macro"].value == pytest.approx(-0.707, abs=0.03)
    assert (right["pointing", "cardiomegaly"].value, wrong["pointing", "cardiomegaly"].value) == (1, 0)
    assert right["miou", "macro"].value > 0.8
    assert right["pointing", "macro"].extra["chance"] == 0.25
    assert right["cnr", "macro"].low <= right["cnr", "macro"].value <= right["cnr", "macro"].high
    assert len(set(maps.asked)) == 1
    assert "cardiomegaly" in maps.asked[0].lower() or "heart" in maps.asked[0].lower()


def test_a_flat_map_has_no_contrast(data):
    class Flat(Maps):
        def __call__(self, row: int, phrase: str) -> np.ndarray:
            return np.zeros((8, 8), dtype=np.float32)

    _, found = scored(data, Flat())
    assert ("cnr", "macro") not in found, "no contrast is defined where nothing varies"
    assert found["miou", "macro"].value == 0


def test_what_is_missing_is_named(data):
    with pytest.raises(DataError, match="marks no finding"):
        Grounding().predict(replace(data, ground=Maps(marks=False)))
    with pytest.raises(CapabilityError, match="no similarity map"):
        Grounding().predict(data)


def test_a_rare_finding_leaves_the_mean_its_interval(data):
    """A finding of one patient is missing from a third of the resamples: these have the mean of the others."""

    class Rare(Maps):
        def marked(self, row: int) -> Mapping[str, np.ndarray]:
            found = dict(super().marked(row))
            return {**found, "edema": found["cardiomegaly"]} if row == 0 else found

    _, found = scored(data, Rare())
    assert np.isfinite([found["cnr", "macro"].low, found["cnr", "macro"].high]).all()
    assert found["cnr", "macro"].extra["left_out_in_resamples"] > 0
    assert np.isnan(found["cnr", "edema"].low)
