"""A run of stages that was stopped goes on to the very weights that it would have had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError
from vesalius.training.conversing.stages import stage_folders
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

STAGES = ["shallow", "deep", "instruction"]
SETTINGS = [
    "run.report_to=[]", "run.save_every=2", "run.keep=4", "stages.instruction.optimisation.steps=4",
    "optimisation.precision=fp32",
]  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("asked")
    return write_questions(make(folder / "patients", patients=24, preset="chest", image_size=48), folder / "corpus")


@pytest.fixture(scope="module")
def whole(asked: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train("gmai_vl/tiny", overrides=[f"data={asked.root}", *SETTINGS], out=out)
    return out


def stopped(whole: Path, out: Path, *, stage: str, step: int) -> Path:
    """Return a copy of the run as it was when the stage had come to a step."""
    shutil.copytree(whole, out)
    for which in ("best", "last"):
        shutil.rmtree(out / which, ignore_errors=True)
    folders = stage_folders(out, STAGES)
    for name in STAGES[STAGES.index(stage) + 1 :]:
        shutil.rmtree(folders[name])
    (folders[stage] / "stage.json").unlink()
    for later in folders[stage].glob("checkpoint-*"):
        if int(later.name.split("-")[1]) > step:
            shutil.rmtree(later)
    return out


@pytest.mark.parametrize(("stage", "step"), [("instruction", 2), ("deep", 2)])
def test_a_stopped_run_ends_with_the_same_bits(stage: str, step: int, whole: Path, tmp_path: Path) -> None:
    again = stopped(whole, tmp_path / "again", stage=stage, step=step)
    train(None, resume="latest", out=again)
    one, other = (load_file(run / "last" / "model.safetensors") for run in (whole, again))
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_recipe_does_not_go_on_with_a_run(whole: Path, asked: Corpus, tmp_path: Path) -> None:
    again = stopped(whole, tmp_path / "again", stage="instruction", step=2)
    text = (again / "recipe.yaml").read_text()
    (again / "recipe.yaml").write_text(text.replace("weight_decay: 0.0", "weight_decay: 0.1"))
    with pytest.raises(ConfigError, match=r"not empty|another recipe"):
        train("gmai_vl/tiny", overrides=[f"data={asked.root}", *SETTINGS], out=again)
