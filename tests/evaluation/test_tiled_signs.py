"""Grains are lost where a picture is halved, and stay in its tiles; a bright quarter is where the answer says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.evaluation.plants import plant
from vesalius.evaluation.tiled_signs import GRAINS, grainy
from vesalius.models.vlm.view_settings import PictureViews, ViewSettings
from vesalius.models.vlm.views import picture_views

SETTINGS = ViewSettings(size=16, channels=1, mean=0.0, std=1.0, picture=PictureViews(policy="tiles"))


@pytest.mark.parametrize("grain", GRAINS[1:])
def test_a_grain_is_in_the_tiles_and_not_in_the_view_of_the_whole(grain: str) -> None:
    views = picture_views(grainy(np.full((32, 32), 0.4, np.float32), grain), SETTINGS)
    whole, tiles = views.arrays[0], views.arrays[1:]
    assert len(tiles) == 4
    # A fifth of 0.4 and four of a pattern of 0 and 1: 0.08 and 0.88 in the middle, whose mean is 0.48. What halving
    # leaves is the third difference of the fading, below a step of eight bits.
    np.testing.assert_allclose(whole, 0.48, rtol=0, atol=1 / 255)
    np.testing.assert_allclose([tiles.min(), tiles.max()], [0.08, 0.88], rtol=0, atol=0.01)


def test_the_grain_is_named_by_caption_and_answer(corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(corpus, tmp_path, name="grains")
    seen = set()
    for study in planted:
        (dialogue,) = study.dialogues
        assert study.texts[0].text == f"A picture with {dialogue.answer} grain."
        seen.add(dialogue.answer)
    assert seen <= set(GRAINS)
    assert len(seen) > 1


def test_the_bright_quarter_is_where_the_answer_says(corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(corpus, tmp_path, name="bright_quarter")
    for study in planted:
        shown, plain = (
            one.read(one.study(study.id).images[0]).display().astype(np.float64) for one in (planted, corpus)
        )
        added = shown - (1 - 0.35) * plain
        quarters = {
            f"{down} {across}": added[rows, columns].mean()
            for down, rows in (("upper", slice(None, 6)), ("lower", slice(6, None)))
            for across, columns in (("left", slice(None, 6)), ("right", slice(6, None)))
        }
        assert max(quarters, key=quarters.__getitem__) == study.dialogues[0].answer
        # The mean over the four quarters, which is what a mean of tiles is, is the same wherever the bright one is.
        assert np.mean(list(quarters.values())) == pytest.approx(0.35 / 4, abs=0.005)
