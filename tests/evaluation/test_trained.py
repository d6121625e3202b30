"""A run that was trained for a few steps goes through evaluation, comparison and prediction by its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.evaluation.compare import compare
from vesalius.evaluation.run import evaluate
from vesalius.evaluation.why import why
from vesalius.inference.predict import predict
from vesalius.inference.predictor import open_predictor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(make_bands: Callable[..., Corpus], tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path]:
    from vesalius.training.trainer import train

    root = tmp_path_factory.mktemp("trained")
    corpus = make_bands(root / "corpus", patients=90)
    run = train(
        "convirt/tiny",
        overrides=[f"data={corpus.root}", "optimisation.steps=12", "optimisation.epochs=0"],
        out=root / "run",
    )
    return corpus, run.folder


def test_a_run_is_evaluated_by_its_folder(trained: tuple[Corpus, Path]) -> None:
    corpus, run = trained
    done = evaluate(run, on=corpus, resamples=50, tasks=["zero_shot", "retrieval", "image_retrieval"])
    assert done.folder == run / "evaluations" / "bands-test"
    assert {row["control"] for row in done.controls} == {"untrained", "majority", "shuffled"}
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert 'id="training"' in page
    assert 'id="maps"' in page
    assert len(page.encode()) < 3_000_000
    card = json.loads((run / "best" / "vesalius.json").read_text(encoding="utf-8"))
    assert done.document["model"]["trained_on"] == card["trained_on"]
    assert done.document["warnings"] == []
    last = evaluate(run / "last", on=corpus, resamples=50, tasks=["zero_shot"], controls=False, out=run / "other")
    assert compare([run, last.folder], allow_different=True).pairs
    assert why(f"{run}#zero_shot/auroc/macro", f"{run}#untrained:zero_shot/auroc/macro").differences


def test_training_patients_are_known(trained: tuple[Corpus, Path], tmp_path: Path) -> None:
    corpus, run = trained
    seen = evaluate(run, on=corpus, split="train", out=tmp_path, tasks=["retrieval"], controls=False, resamples=10)
    assert "has seen these patients" in seen.document["warnings"][0]


def test_the_untrained_twin_differs_in_weights_alone(trained: tuple[Corpus, Path]) -> None:
    model = open_predictor(trained[1])
    twin = open_predictor(f"control:untrained:{trained[1]}#1")
    first, second = dict(model.identity), dict(twin.identity)
    assert first["preprocessing"] == second["preprocessing"]
    assert first["weights_sha256"] != second["weights_sha256"]
    assert second["weights_from"] == "random, seed 1"


def test_prediction_on_files_and_on_a_corpus(trained: tuple[Corpus, Path], tmp_path: Path) -> None:
    corpus, run = trained
    image = corpus.path(corpus[0].images[0].path)
    found = predict(run, [image], labels=["cardiomegaly"], texts=["clear"], out=tmp_path / "files")
    assert [answer.kind for answer in found.answers] == ["label", "text"]
    assert all(Path(answer.map).is_file() for answer in found.answers)
    whole = predict(run, [corpus.root], labels=["cardiomegaly"], out=tmp_path / "corpus")
    assert len(whole.answers) == len(corpus)
    single = [answer for answer in whole.answers if answer.image == corpus[0].id]
    np.testing.assert_allclose(single[0].score, found.answers[0].score, atol=1e-5)  # float32, another batch
    assert Path(whole.files[0]).name == "predictions.parquet"
