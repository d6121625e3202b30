"""What a method may add to training: arrays of a batch, kept fields, further views, and work around a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vesalius.data.collator import Reading
from vesalius.data.corpus import Corpus
from vesalius.methods.base import Progress
from vesalius.methods.mgca import MGCA, MGCAConfig
from vesalius.training.method_trainer import MethodTrainer
from vesalius.training.trainer import train

TINY = ["run.deterministic=true", "run.log_every=1", "optimisation.workers=0"]


def run(corpus: Corpus, out: Path, *more: str, resume: Any = None) -> dict[str, torch.Tensor]:
    """Train MGCA for six steps, two to an epoch; return its weights."""
    settings = [f"data={corpus.root}", *TINY, "optimisation.batch=16", "optimisation.steps=6", *more]
    done = train("mgca/tiny", out=out, overrides=settings, resume=resume)
    model = done.checkpoint("last")
    return load_file(model / "model.safetensors") | load_file(model / "method.safetensors")


def test_a_method_knows_how_far_it_is_and_works_around_each_step(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward: list[Progress] = []
    frozen: list[bool] = []
    steps: list[int] = []
    original = MGCA.after_backward

    def after_backward(self: MGCA) -> None:
        assert self.prototypes.grad is not None
        original(self)
        backward.append(self.progress)
        frozen.append(self.prototypes.grad is None)

    monkeypatch.setattr(MGCA, "after_backward", after_backward)
    monkeypatch.setattr(MGCA, "after_step", lambda self: steps.append(self.progress.step))
    run(corpus, tmp_path / "run")
    # 40 pairs are two batches of 16.
    assert [progress.step for progress in backward] == [0, 1, 2, 3, 4, 5]
    assert [progress.epoch for progress in backward] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert backward[3].share == 0.5
    assert frozen == [True, True, False, False, False, False]
    assert steps == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("chunk", [0, 5])
@pytest.mark.evidence("mgca", "L2", "resumed training is the straight one, with the gradient cache, too")
def test_resumed_training_is_the_straight_one(
    chunk: int, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [f"optimisation.cache_chunk={chunk}", "run.save_every=2", "optimisation.eval_every=3"]
    straight = run(corpus, tmp_path / "straight", *more)

    class Killed(BaseException):
        """Nothing of ours catches it."""

    original = MethodTrainer.training_step

    def training_step(self: MethodTrainer, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 3:
            raise Killed
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(MethodTrainer, "training_step", training_step)
        with pytest.raises(Killed):
            run(corpus, tmp_path / "killed", *more)
    resumed = run(corpus, tmp_path / "killed", *more, resume="latest")
    assert straight.keys() == resumed.keys()
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []


def test_kept_fields_and_further_views_reach_the_method(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[set[str]] = []
    shapes: list[tuple[int, ...]] = []
    encode, annotate = MGCA.encode, MGCA.annotate

    def noted(self: MGCA, reading: Reading) -> dict[str, Any]:
        studies = [sample.study for sample in reading.samples]
        kept.append({field for study in studies if study for field in ("texts", "images") if getattr(study, field)})
        words = np.array([len(study.texts) for study in studies if study])
        return {**annotate(self, reading), "num_texts": words}

    def seen(self: MGCA, batch: Any) -> Any:
        shapes.append(tuple(batch["other_pixel_values"].shape))
        assert (batch["num_texts"] > 0).all()
        if self.training:
            assert not torch.equal(batch["other_pixel_values"][:, 0], batch["other_pixel_values"][:, 1])
        else:  # one image, not augmented
            assert torch.equal(batch["other_pixel_values"][:, 0], batch["pixel_values"])
        return encode(self, batch)

    monkeypatch.setattr(MGCAConfig, "kept_fields", property(lambda self: frozenset({"texts"})))
    monkeypatch.setattr(MGCAConfig, "num_views", property(lambda self: 3))
    monkeypatch.setattr(MGCA, "annotate", noted)
    monkeypatch.setattr(MGCA, "encode", seen)
    run(corpus, tmp_path / "run", "method.view.crop=[0.5,0.9]")
    assert (16, 2, 1, 32, 32) in shapes
    assert all(fields == {"texts"} for fields in kept)
