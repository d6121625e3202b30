"""Heads learn what the labels say, the same by the same seed, and go on after a stop."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from vesalius.adaptation import fit as fitting
from vesalius.adaptation.examples import Examples
from vesalius.adaptation.fit import answer, fit
from vesalius.adaptation.protocols import base as protocols
from vesalius.adaptation.protocols.base import Protocol
from vesalius.adaptation.protocols.classification import ClassificationSettings
from vesalius.adaptation.protocols.segmentation import SegmentationSettings
from vesalius.adaptation.saved import open_adapted, save_adapted
from vesalius.adaptation.trunk import open_trunk
from vesalius.data.corpus import Corpus
from vesalius.data.masks import concept_masks, masked_concepts
from vesalius.data.views import ViewConfig
from vesalius.errors import CheckpointError, ConfigError, DataError, TrainingError

CONCEPTS = ("cyst", "nodule")
QUICK = {"optimiser": "adamw", "lr": 0.01, "steps": 40, "evaluate_every": 10, "warmup": 4, "precision": "fp32"}


def built(model: Path, name: str, *, seed: int = 0, **settings: object) -> Protocol:
    module = protocols.load(name)
    torch.manual_seed(seed)
    return module.PROTOCOL(module.SETTINGS(**{**QUICK, **settings}), open_trunk(model), CONCEPTS)


def examples(protocol: Protocol, corpus: Corpus, part: str, folder: Path) -> Examples:
    view = corpus.split(part)
    chosen = protocol.choose(view, CONCEPTS)
    return Examples(
        view, chosen, protocol.trunk.processor, target=partial(protocol.target, corpus=view), folder=folder
    )


def fitted(model: Path, corpus: Corpus, folder: Path, name: str, **settings: object) -> tuple[Protocol, fitting.Fit]:
    protocol = built(model, name, **settings)
    train, validation = (examples(protocol, corpus, part, folder / "pictures") for part in ("train", "val"))
    return protocol, fit(protocol, train.part(range(len(train))), validation, folder=folder / "fit", seed=0)


@pytest.mark.parametrize(("name", "reached"), [("classification", 0.95), ("segmentation", 0.6)])
def test_a_head_learns_what_can_be_seen(
    model: Path, corpus: Corpus, tmp_path: Path, name: str, reached: float
) -> None:
    """Squares of their own brightness are easy: AUROC, and Dice, of pictures that were not learnt from."""
    protocol, _ = fitted(model, corpus, tmp_path, name, encoder_factor=1.0)
    test = examples(protocol, corpus, "test", tmp_path / "pictures")
    assert protocol.validation(test, answer(protocol, test)) > reached


def test_a_frozen_encoder_stays_and_a_tuned_one_moves(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in open_trunk(model).state_dict().items()}
    for encoder, moves in (("frozen", False), ("tuned", True)):
        protocol, _ = fitted(model, corpus, tmp_path / encoder, "classification", encoder=encoder, steps=10)
        after = protocol.trunk.state_dict()
        changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
        assert bool(changed) is moves
        assert all(".vision." in name for name in changed), "text encoder and heads of the joint space never move"


def test_the_same_seed_gives_the_same_weights(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    runs = [fitted(model, corpus, tmp_path / name, "classification", steps=10)[0] for name in ("a", "b")]
    for one, other in zip(runs[0].parameters(), runs[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_stopped_fit_goes_on_to_the_same_end(
    model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, at_once = fitted(model, corpus, tmp_path / "whole", "classification")
    steps = 0

    def stop(self: fitting._Job, *arguments: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise KeyboardInterrupt
        run(self, *arguments)  # type: ignore[arg-type]

    run = fitting._Job.run
    monkeypatch.setattr(fitting._Job, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        fitted(model, corpus, tmp_path / "parts", "classification")
    monkeypatch.undo()
    resumed, in_parts = fitted(model, corpus, tmp_path / "parts", "classification")
    assert in_parts.step == at_once.step
    assert in_parts.scores == at_once.scores
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_fit_is_read_and_not_done_again(
    model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, done = fitted(model, corpus, tmp_path, "classification", steps=10)
    monkeypatch.setattr(fitting._Job, "run", lambda *arguments: pytest.fail("trained again"))
    again, read = fitted(model, corpus, tmp_path, "classification", steps=10)
    assert read.best == done.best
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_best_step_is_kept_not_the_last(
    model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.9, 0.7, 0.6])
    kept: list[torch.Tensor] = []

    def validation(self: Protocol, *arguments: object) -> float:
        kept.append(self.head[0].weight.detach().clone())  # type: ignore[index, union-attr]
        return next(scores)

    monkeypatch.setattr(protocols.load("classification").PROTOCOL, "validation", validation)
    protocol, done = fitted(model, corpus, tmp_path, "classification")
    assert (done.best_step, done.best) == (20, 0.9)
    assert torch.equal(protocol.head[0].weight, kept[1])  # type: ignore[index, union-attr]


def test_patience_ends_a_fit(model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols.load("classification").PROTOCOL, "validation", lambda *arguments: 0.5)
    _, done = fitted(model, corpus, tmp_path, "classification", patience=2)
    assert (done.step, done.best_step) == (30, 10)


def test_a_loss_that_is_not_finite_names_studies(
    model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        protocols.load("classification").PROTOCOL,
        "loss",
        lambda self, batch: self.head[0].weight.sum() * float("nan"),
    )
    with pytest.raises(TrainingError, match=r"step 1: the loss is nan; studies such as s0"):
        fitted(model, corpus, tmp_path, "classification")


def test_a_head_is_saved_with_its_encoders(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    protocol, _ = fitted(model, corpus, tmp_path, "segmentation", steps=10)
    save_adapted(tmp_path / "adapted", protocol, name="segmentation")
    again = open_adapted(tmp_path / "adapted")
    image = {"pixel_values": torch.rand(2, 1, 24, 32)}
    with torch.no_grad():
        assert torch.equal(again.outputs(image)["masks"], protocol.eval().outputs(image)["masks"])
    assert again.concepts == CONCEPTS
    damaged = tmp_path / "adapted" / "head.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"head\.safetensors has"):
        open_adapted(tmp_path / "adapted")
    with pytest.raises(CheckpointError, match="no folder that vesalius finetune wrote"):
        open_adapted(model)


def test_labels_that_are_not_known_teach_nothing(model: Path) -> None:
    protocol = built(model, "classification")
    images = torch.rand(2, 1, 24, 32)
    nan = float("nan")
    known = protocol.loss({"pixel_values": images, "labels": torch.tensor([[1.0, nan], [nan, nan]])})
    alone = protocol.loss({"pixel_values": images[:1], "labels": torch.tensor([[1.0, nan]])})
    assert known.item() == pytest.approx(alone.item(), rel=1e-5)
    nothing = protocol.loss({"pixel_values": images, "labels": torch.full((2, 2), nan)})
    assert nothing.item() == 0


def test_views_move_masks_with_their_picture(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    """The bright square of a moved picture lies where its moved mask says."""
    settings = SegmentationSettings(**{**QUICK, "view": ViewConfig(crop=(0.5, 0.6), flip=1.0, brightness=(0.5, 0.5))})
    torch.manual_seed(0)
    protocol = protocols.load("segmentation").PROTOCOL(settings, open_trunk(model), CONCEPTS)
    train = examples(protocol, corpus, "train", tmp_path)
    number = next(place for place in range(len(train)) if train.target(place)["masks"][1].any())
    picture, target = protocol.augmented(train.picture(number), train.target(number), np.random.default_rng(3))
    mask = target["masks"][1]
    assert mask.any()
    bright = picture[0] > 0.75 * 235 / 255 * 0.5
    assert (bright & mask).sum() / (bright | mask).sum() > 0.7


def test_masks_are_those_of_the_corpus(corpus: Corpus) -> None:
    study = next(study for study in corpus if len(study.regions) == 4)
    masks = concept_masks(study, study.images[0], corpus, CONCEPTS)
    assert masks.shape == (2, 24, 32)
    assert masks[1].sum() == 72
    assert masks[0][:, :16].sum() == 0
    assert masked_concepts(corpus) == CONCEPTS
    assert masked_concepts(corpus, at_least=1000) == ()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="classification"):
        protocols.load("clasification")
    with pytest.raises(ValueError, match="steps must be above 0"):
        ClassificationSettings(steps=0)
    assert {"classification", "segmentation"} <= set(protocols.names())


def test_no_examples_is_an_error(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    protocol = built(model, "classification")
    with pytest.raises(DataError, match="no study has what"):
        Examples(corpus, [], protocol.trunk.processor, target=lambda example: {}, folder=tmp_path)


def test_state_is_plain(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    fitted(model, corpus, tmp_path, "classification", steps=10)
    files = sorted(path.name for path in (tmp_path / "fit").iterdir())
    assert files == ["best.safetensors", "fit.json"], "what a stopped fit goes on from is of no use to a finished one"
    assert json.loads((tmp_path / "fit" / "fit.json").read_text())["step"] == 10


def test_a_validation_that_cannot_be_scored_is_never_the_best(
    model: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing, .4, nothing, .3: the second is the best; and where nothing is scored, the last weights are kept."""
    nan = float("nan")
    for name, values, expected in (("some", [nan, 0.4, nan, 0.3], (0.4, 20)), ("none", [nan] * 4, (None, 40))):
        scores = iter(values)
        kind = protocols.load("classification").PROTOCOL
        monkeypatch.setattr(kind, "validation", lambda *arguments, scores=scores: next(scores))
        protocol, done = fitted(model, corpus, tmp_path / name, "classification")
        assert (done.best, done.best_step) == expected
        assert json.loads((tmp_path / name / "fit" / "fit.json").read_text())["best"] == expected[0]
        again, _ = fitted(model, corpus, tmp_path / name, "classification")
        for one, other in zip(protocol.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)
