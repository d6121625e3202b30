"""evaluate, compare, predict and why from the command line: one JSON document, exit codes, plain text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.main import app, run
from vesalius.data.corpus import Corpus

RUNNER = CliRunner()


def call(*arguments: str) -> str:
    """Standard output of a verb that must succeed."""
    done = RUNNER.invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def evaluated(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verbs")
    for seed in (1, 2):
        call(
            "evaluate",
            f"control:random#{seed}",
            "--on",
            str(corpus.root),
            "--tasks",
            "zero_shot,retrieval",
            "--resamples",
            "50",
            "--no-report",
            "--out",
            str(root / f"r{seed}"),
        )
    return root


def test_evaluate_prints_one_json_document(corpus: Corpus, tmp_path: Path) -> None:
    told = call(
        *("evaluate", "control:majority", "--on", str(corpus.root), "--tasks", "zero_shot", "--resamples", "20"),
        *("--no-report", "--json", "--out", str(tmp_path)),
    )
    document = json.loads(told)
    keys = {"task", "metric", "label", "value", "low", "high", "n", "n_patients", "passport"}
    assert all(keys <= row.keys() for row in document["scores"])
    assert all(keys | {"control"} <= row.keys() for row in document["controls"])
    assert {row["passport"] for row in document["scores"]} <= set(document["passports"])
    macro = [row for row in document["scores"] if (row["metric"], row["label"]) == ("auroc", "macro")]
    assert macro[0]["value"] == 0.5  # the same score for every image
    reasons = {row["control"]: row["reason"] for row in document["skipped"] if "control" in row}
    assert "no architecture here" in reasons["untrained"]


def test_evaluate_tells_people_the_verdict(evaluated: Path, corpus: Corpus) -> None:
    told = call(
        *("evaluate", "control:random#1", "--on", str(corpus.root), "--tasks", "zero_shot,retrieval"),
        *("--resamples", "50", "--no-report", "--out", str(evaluated / "r1")),
    )
    assert "control:random on bands, split test: 34 studies of 24 patients" in told
    assert "Zero-shot AUROC" in told
    assert "no clinical evidence" in told


def test_compare_and_why(evaluated: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "cmp")
    document = json.loads(call("compare", str(evaluated / "r1"), str(evaluated / "r2"), "--out", out, "--json"))
    assert {row["verdict"] for row in document["pairs"]} <= {"win", "tie", "loss", "undecided"}
    assert [system["name"] for system in document["systems"]] == ["r1", "r2"]
    assert "headline scores" in call("compare", str(evaluated / "r1"), str(evaluated / "r2"), "--out", out)
    name = f"{evaluated / 'r1'}#zero_shot/auroc/macro"
    told = json.loads(call("why", name, str(evaluated / "r2"), "--json"))
    assert {row["field"] for row in told["differences"]} >= {"model.seed"}
    assert "model.seed" in call("why", name, str(evaluated / "r2"))


def test_predict(corpus: Corpus, tmp_path: Path) -> None:
    image = str(corpus.path(corpus[0].images[0].path))
    document = json.loads(
        call(
            *("predict", "control:random", image, "--text", "clear lungs", "--text", "pneumothorax"),
            *("--labels", "cardiomegaly", "--out", str(tmp_path), "--json"),
        )
    )
    rows = {row["label"]: row for row in document["predictions"]}
    assert rows["clear lungs"]["probability"] + rows["pneumothorax"]["probability"] == pytest.approx(1)
    assert 0 < rows["cardiomegaly"]["probability"] < 1
    assert Path(document["files"][0]).is_file()
    assert "cardiomegaly" in call("predict", "control:random", image, "--labels", "cardiomegaly")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("evaluate", "nothing of this name", "--on", "CORPUS"), 2, "of no known kind"),
        (("evaluate", "control:random", "--on", "CORPUS", "--split", "tset"), 3, "did you mean 'test'"),
        (("evaluate", "control:random", "--on", "nowhere"), 3, "nowhere"),
        (("evaluate", "openai:http://localhost:9/v1#m", "--on", "CORPUS"), 5, "answers questions in words"),
        (("compare", "nowhere", "nowhere"), 3, "run vesalius evaluate first"),
        (("why", "#", "x"), 2, "PATH#task/metric/label"),
        (("predict", "control:random", "x.png"), 2, "nothing to predict"),
        (("predict", "control:random", "x.png", "--labels", "edema"), 3, "x.png"),
    ],
)
def test_errors_have_their_exit_codes(
    arguments: tuple[str, ...],
    code: int,
    words: str,
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["vesalius", *(str(corpus.root) if word == "CORPUS" else word for word in arguments)]
    )
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
