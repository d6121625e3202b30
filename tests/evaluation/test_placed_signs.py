"""Planted things whose places are known lie where their boxes say, and are asked about by families."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.corpus import Corpus
from vesalius.evaluation.placed_signs import DISC, FINDINGS
from vesalius.evaluation.plants import plant
from vesalius.tasks.instructions.families import families
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("placed") / "patients", patients=12, preset="chest", image_size=48)


def test_two_signs_lie_in_their_boxes(patients: Corpus, tmp_path: Path) -> None:
    planted = plant(patients, tmp_path, name="placed_signs")
    for study in planted:
        present = {finding.concept for finding in study.findings if finding.status == "present"}
        assert {region.concept for region in study.regions} == present
        assert len(present) == 2
        assert len(study.findings) == 8
        shown = planted.read(study.images[0]).display()
        for region in study.regions:
            assert region.box is not None
            left, top, right, bottom = (int(value) for value in region.box)
            assert set(np.unique(shown[top:bottom, left:right])) == {0.0, 1.0}


def test_as_many_discs_lie_in_the_picture_as_the_report_tells(patients: Corpus, tmp_path: Path) -> None:
    planted = plant(patients, tmp_path, name="discs")
    numbers = Counter(len(study.regions) for study in planted)
    assert set(numbers) <= set(range(6))
    assert len(numbers) > 2
    for study in planted:
        assert study.text().split()[2] == str(len(study.regions))
        assert study.status(DISC) == ("present" if study.regions else "absent")
        shown = planted.read(study.images[0]).display()
        for region in study.regions:
            assert region.box is not None
            assert shown[int(region.box.y_min) + 4, int(region.box.x_min) + 4] == 1.0  # of 8 pixels: near the middle


def test_families_ask_about_them(patients: Corpus, tmp_path: Path) -> None:
    planted = plant(patients, tmp_path, name="discs")
    found = CorpusSource(planted, families(["counting", "pointing", "count_and_box"])).counts()
    assert min(found.values()) > 0


def test_a_sign_is_told_as_a_finding_and_in_training_every_other_time(patients: Corpus, tmp_path: Path) -> None:
    words = dict(FINDINGS.values())
    for name in ("finding_signs", "half_told"):
        planted = plant(patients, tmp_path / name, name=name)
        told: Counter[tuple[bool, bool]] = Counter()
        for part in ("train", "val", "test"):
            for study in planted.split(part):
                (concept,) = (one.concept for one in study.findings if one.status == "present")
                named = study.text() == f"There is {words[concept]}."
                told[part == "train", named] += 1
                assert named or study.text() == "There is a picture."
                assert [region.concept for region in study.regions] == [concept]
        assert told[False, False] == 0
        assert (told[True, False] > 0) == (name == "half_told")
        assert told[True, True] > 0
