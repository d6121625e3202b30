"""A head finds squares by the command's own way, and boxes come back in the picture's pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from squares import saved_model

from vesalius.adaptation.protocols.detection import DetectionSettings
from vesalius.data.corpus import Corpus
from vesalius.data.transforms import ImageProcessor
from vesalius.data.views import ViewConfig
from vesalius.evaluation.finetune import finetune

QUICK = {
    "lr": 0.003, "steps": 150, "evaluate_every": 50, "warmup": 4, "precision": "fp32", "encoder_factor": 1.0,
    "head_width": 32, "batch": 8,
}  # fmt: skip


def test_squares_are_found(corpus: Corpus, tmp_path: Path) -> None:
    model = saved_model(tmp_path / "model", vision="resnet")
    done = finetune(
        model, on=corpus, out=tmp_path / "out", protocol="detection", fractions=(1.0,), draws=1, rates=(1.0,),
        resamples=30, controls=False, fit=QUICK,
    )  # fmt: skip
    score = done.score("detection_100", "ap_50", "macro")
    assert score is not None
    assert score["value"] > 0.5
    assert score["low"] <= score["value"] <= score["high"]
    mean = done.score("detection_100", "ap", "macro")
    assert mean is not None
    assert mean["value"] <= score["value"]


def test_boxes_go_to_the_plane_and_back() -> None:
    """A picture of 20 × 40 on a plane of 32 × 32: scaled by .8, eight rows of border above."""
    place = ImageProcessor(size=32).placement(20, 40)
    moved = place.boxes(np.array([[10, 5, 20, 15]]))
    np.testing.assert_allclose(moved, [[8, 12, 16, 20]])
    np.testing.assert_allclose(place.original_boxes(moved), [[10, 5, 20, 15]])


def test_views_that_move_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="boxes would stay behind"):
        DetectionSettings(view=ViewConfig(flip=0.5))
