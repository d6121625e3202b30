"""Runs from settings to checkpoints: resume, stops, faults."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shapes_corpus import TINY, make_corpus
from vesalius.data.corpus import Corpus
from vesalius.models.dual import DualEncoder
from vesalius.errors import CheckpointError, ConfigError, TrainingError
from vesalius.training.checkpoint import load_model
from vesalius.training.method_trainer import MethodTrainer
from vesalius.training.run import Run
from vesalius.training.trainer import train


def settings(corpus: Corpus, *more: str) -> list[str]:
    return [f"data={corpus.root}", *TINY, *more]


def weights(run: Run, which: Any = "last") -> dict[str, torch.Tensor]:
    return load_model(run.checkpoint(which)).method.state_dict()


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


class _Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """End the next run without a word in the middle of the step after `step`."""

    def raise_killed(self: MethodTrainer) -> None:
        raise _Killed

    at_step(monkeypatch, step, raise_killed)


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, happen: Callable[[MethodTrainer], None]) -> None:
    """Let something happen after the gradient of the step after `step`, before the weights change."""
    original = MethodTrainer.training_step

    def training_step(self: MethodTrainer, *args: Any, **kwargs: Any) -> Any:
        loss = original(self, *args, **kwargs)
        if self.state.global_step == step:
            happen(self)
        return loss

    monkeypatch.setattr(MethodTrainer, "training_step", training_step)


@pytest.fixture(autouse=True)
def _dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout behind both heads, which the compact encoders do not have by themselves."""
    build = DualEncoder.build

    def with_dropout(settings: Any) -> DualEncoder:
        model = build(settings)
        for head in (model.vision_head, model.text_head):
            head.register_forward_hook(lambda module, given, out: F.dropout(out, 0.2, module.training))
        return model

    monkeypatch.setattr(DualEncoder, "build", with_dropout)


@pytest.mark.parametrize(
    ("more", "killed"),
    [
        # 5 batches an epoch: step 8 is in the middle of one, step 10 at its end.
        pytest.param(("optimisation.ema=0.9",), 9, id="middle of an epoch, moving average"),
        pytest.param(("optimisation.accumulate=2", "optimisation.eval_every=4"), 5, id="accumulation"),
        pytest.param(("optimisation.workers=2",), 11, id="loader processes"),
        pytest.param(("optimisation.cache_chunk=3",), 9, id="gradient cache"),
    ],
)
def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], killed: int
) -> None:
    # What has to come back: order of the rows, views of the images, drawn sentences, dropout, moments, schedule.
    chosen = settings(corpus, "optimisation.steps=12", "run.save_every=4", *more)
    straight = train("convirt", overrides=chosen, out=tmp_path / "straight")
    with monkeypatch.context() as patch:
        kill_at(patch, killed)
        with pytest.raises(_Killed):
            train("convirt", overrides=chosen, out=tmp_path / "killed")
    assert not (tmp_path / "killed" / "checkpoint-12").exists()
    resumed = train(resume="latest", out=tmp_path / "killed")
    assert_equal(weights(straight), weights(resumed))
    steps = [line["step"] for line in resumed.metrics() if "loss" in line]
    assert steps == sorted(set(steps))
