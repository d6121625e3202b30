"""The command that fits heads on shares of the labels, from the model's folder to scores, page and saved head."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from squares import saved_model, squares
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation import finetune as command
from vesalius.evaluation.finetune import finetune
from vesalius.evaluation.results import Evaluation, open_evaluation
from vesalius.evaluation.run import rescore
from vesalius.tasks.segmentation import overlap

QUICK = {
    "optimiser": "adamw", "lr": 0.01, "steps": 40, "evaluate_every": 10, "warmup": 4, "precision": "fp32",
    "encoder_factor": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(model: Path, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("finetuned") / "out"
    return finetune(
        model, on=corpus, out=folder, fractions=(0.3, 1.0), draws=2, rates=(0.1, 1.0), resamples=50, fit=QUICK
    )


def test_scores_by_share_with_intervals_and_a_control(done: Evaluation) -> None:
    whole = done.score("classification_100", "auroc", "macro")
    assert whole is not None
    assert whole["value"] > 0.9
    assert whole["low"] <= whole["value"] <= whole["high"]
    assert whole["n_patients"] == 20
    assert done.score("classification_30", "auroc", "nodule") is not None
    assert done.score("classification_100", "auroc", "macro", control="untrained") is not None


def test_every_fit_is_told_with_the_rates_that_were_tried(done: Evaluation) -> None:
    fits = done.document["fits"]
    assert [(one["control"], one["fraction"], one["draw"]) for one in fits] == [
        (control, fraction, draw)
        for control in ("", "untrained")
        for fraction, draw in ((0.3, 0), (1.0, 0), (0.3, 1), (1.0, 1))
    ]
    first = [one for one in fits if one["draw"] == 0]
    assert all(set(one["tried"]) == {"0.1", "1.0"} for one in first)
    assert all(max(one["tried"].values()) == one["best"] for one in first)
    assert {one["studies"] for one in fits if one["fraction"] == 1} == {30}
    later = {(one["control"], one["fraction"]): one["rate"] for one in first}
    assert all(one["rate"] == later[one["control"], one["fraction"]] for one in fits)


def test_what_is_done_is_not_done_again(
    done: Evaluation, model: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vesalius.adaptation.fit._Job.run", lambda *arguments: pytest.fail("trained again"))
    again = finetune(
        model, on=corpus, out=done.folder, fractions=(0.3, 1.0), draws=2, rates=(0.1, 1.0), resamples=50, fit=QUICK
    )
    assert again.scores == done.scores


def test_the_page_and_the_saved_head_are_there(done: Evaluation) -> None:
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert "Fine-tuned AUROC, all labels" in page
    assert "untrained" in page
    assert json.loads((done.folder / "model" / "head.json").read_text())["protocol"] == "classification"
    assert not list((done.folder / "pictures").glob("*.pixels"))


def test_scores_are_computed_again_from_the_predictions(done: Evaluation) -> None:
    before = {(row["task"], row["metric"], row["label"]): row["value"] for row in open_evaluation(done.folder).scores}
    after = {(row["task"], row["metric"], row["label"]): row["value"] for row in rescore(done.folder).scores}
    assert after == before


def test_segmentation_by_the_command(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    arguments = ["finetune", str(model), "--on", str(corpus.root), "--protocol", "segmentation", "--labels", "100"]
    arguments += ["--draws", "1", "--no-controls", "--out", str(tmp_path / "out"), "--json", "decoder=unet"]
    arguments += [f"{name}={value}" for name, value in QUICK.items()]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    scores = {(row["metric"], row["label"]): row["value"] for row in document["scores"]}
    assert scores["dice", "macro"] > 0.5
    assert scores["iou", "nodule"] <= scores["dice", "nodule"]


def test_dice_by_hand() -> None:
    """3 pixels in both, 4 said, 5 true: Dice 6/9, IoU 3/6; nothing true and nothing said; nothing true, 2 said."""
    found = overlap([[3, 4, 5], [0, 0, 0], [0, 2, 0]])  # type: ignore[arg-type]
    assert found["dice"][0] == pytest.approx(6 / 9)
    assert found["iou"][0] == pytest.approx(0.5)
    assert found["dice_all"].tolist() == pytest.approx([6 / 9, 1, 0])
    assert list(found["dice"][1:] == found["dice"][1:]) == [False, False], "NaN where nothing is true"


def test_wrong_wishes_are_named(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'nodul' cannot be learnt.*nodule"):
        finetune(model, on=corpus, out=tmp_path, concepts=("nodul",))
    with pytest.raises(ConfigError, match="setps"):
        finetune(model, on=corpus, out=tmp_path, fit={"setps": 3})
    with pytest.raises(ConfigError, match="shares above 0"):
        finetune(model, on=corpus, out=tmp_path, fractions=(10.0,))
    assert command.FinetuneSettings().draws == 3


def test_a_validation_split_of_one_class_is_no_crash(model: Path, tmp_path: Path) -> None:
    """Where nothing can be chosen by, the last weights are kept, the page says so by a dash, and scores are there."""
    corpus = squares(tmp_path / "corpus")
    absent = {study.id for study in corpus if study.status("nodule") == "absent"}
    corpus.set_split({name: part for name, part in corpus.parts().items() if part != "val" or name in absent})
    done = finetune(
        model, on=Corpus.open(tmp_path / "corpus"), out=tmp_path / "out", fractions=(1.0,), draws=1, rates=(0.1, 1.0),
        concepts=("nodule",), resamples=20, controls=False, fit={**QUICK, "steps": 10},
    )  # fmt: skip
    (one,) = done.document["fits"]
    assert one["best"] is None
    assert one["best_step"] == 10
    score = done.score("classification_100", "auroc", "macro")
    assert score is not None
    assert score["value"] is not None


def test_a_model_that_has_seen_the_test_patients_is_told_of(corpus: Corpus, tmp_path: Path) -> None:
    seen = {"corpus": corpus.name, "content_hash": corpus.content_hash, "split": "test"}
    model = saved_model(tmp_path / "model", trained_on=seen)
    done = finetune(
        model, on=corpus, out=tmp_path / "out", fractions=(1.0,), draws=1, rates=(1.0,), resamples=20, controls=False,
        fit={**QUICK, "steps": 4, "evaluate_every": 2},
    )  # fmt: skip
    assert "it has seen these patients" in done.document["warnings"][0]
