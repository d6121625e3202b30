"""Pairs: one body, one difference, one question, two answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.errors import ConfigError
from vesalius.virtual.preset import load_preset
from vesalius.virtual.questions.pairs import confusing_pair, counterfactual_pair, write_pairs

CHEST = load_preset("chest")


def test_counterfactuals_differ_in_one_finding_and_its_place_only() -> None:
    for index in range(6):
        sick, well = counterfactual_pair(CHEST, seed=2, index=index, size=64)
        before, after = (
            {f.concept for f in made.study.findings if f.status == "present"} - {"no_finding"}
            for made in (sick, well)
        )
        assert len(before - after) == 1
        assert after <= before
        questions = [made.study.dialogues[0].turns[0].text for made in (sick, well)]
        assert questions[0] == questions[1]
        assert [made.study.dialogues[0].answer for made in (sick, well)] == ["yes", "no"]
        assert sick.study.patient == well.study.patient
        assert sick.study.id != well.study.id


def test_the_pictures_are_the_same_away_from_the_difference(tmp_path: Path) -> None:
    corpus = write_pairs(tmp_path / "c", preset="chest", pairs=6, size=96, seed=4)
    assert len(corpus) == 12
    shares = []
    for patient in sorted(set(corpus.patients)):
        pair = [study for study in corpus if study.patient == patient]
        pixels = [np.asarray(Image.open(corpus.path(study.images[0].path)), int) for study in pair]
        shares.append(float((np.abs(pixels[0] - pixels[1]) > 12).mean()))
    assert all(share > 0 for share in shares)
    assert np.median(shares) < 0.35


def test_confusing_pairs_offer_both_and_have_each() -> None:
    for index in range(6):
        first, second = confusing_pair(CHEST, seed=3, index=index, size=48)
        options = first.study.dialogues[0].options
        assert options == second.study.dialogues[0].options
        assert {first.study.dialogues[0].answer, second.study.dialogues[0].answer} == set(options)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known: counterfactual, confusing"):
        write_pairs(tmp_path / "x", preset="chest", pairs=1, kind="other")
