"""Evaluate end to end on a model in numpy: scores, controls, passports, resuming, rescoring, bad input."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from vesalius.curation.leakage import Contamination
from vesalius.data.corpus import Corpus, from_studies
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.evaluation.results import SCORES_FILE, open_evaluation, read_predictions
from vesalius.evaluation.run import evaluate, rescore
from vesalius.tasks.base import task_names

QUICK = {"resamples": 100, "report": False}
FAST = ("zero_shot", "retrieval", "knn", "image_retrieval")
"""All but the linear probe, whose many fits take seconds."""
KEYS = {"task", "metric", "label", "value", "low", "high", "n", "n_patients", "passport"}


@pytest.fixture(scope="module")
def done(corpus: Corpus, band_model: type, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return evaluate(band_model(noise=0.5), on=corpus, out=tmp_path_factory.mktemp("done"), tasks=FAST, **QUICK)


def test_the_document_has_the_form_that_scripts_rely_on(done: Any) -> None:
    document = json.loads((done.folder / SCORES_FILE).read_text(encoding="utf-8"))
    assert {row["task"] for row in document["scores"]} >= {"zero_shot", "retrieval", "image_retrieval", "knn_100"}
    assert all(row.keys() >= KEYS for row in document["scores"])
    assert all(row.keys() >= KEYS | {"control"} for row in document["controls"])
    assert {row["control"] for row in document["controls"]} == {"untrained", "majority", "shuffled"}
    assert {row["passport"] for row in document["scores"] + document["controls"]} == set(document["passports"])
    every = {(row["task"], row["metric"], row["label"]) for row in document["scores"]}
    assert len(every) == len(document["scores"])


def test_a_model_that_sees_is_above_its_controls(done: Any) -> None:
    model = done.score("zero_shot", "auroc", "macro")
    assert model["value"] > 0.8
    assert model["n"] == 34
    assert model["n_patients"] == 24
    for control in ("majority", "shuffled"):
        assert done.score("zero_shot", "auroc", "macro", control=control)["high"] < model["low"]
    blind = done.score("zero_shot", "auroc", "macro", control="majority")
    assert (blind["value"], blind["low"], blind["high"]) == (0.5, 0.5, 0.5)  # equal scores are all ties


def test_the_blind_control_states_the_frequencies_of_training(corpus: Corpus, done: Any) -> None:
    rows = [row for row in done.predictions(control="majority").to_pylist() if row["family"] == "zero_shot"]
    labels = corpus.split("train").labels(("cardiomegaly",))
    stated = [row["probability"] for row in rows if row["label"] == "cardiomegaly"]
    assert len(stated) >= 34
    np.testing.assert_allclose(stated, np.nanmean(labels), rtol=1e-6)  # labels are float32


def test_passports_say_what_made_a_score(corpus: Corpus, done: Any) -> None:
    row = done.score("zero_shot", "auroc", "macro")
    passport = done.document["passports"][row["passport"]]
    assert passport["dataset"]["revision"] == corpus.content_hash
    assert passport["dataset"]["items"]["n"] == 34
    assert passport["task"]["prompts"]["count"] == len(passport["task"]["prompts"]["texts"]) > 6
    assert all(isinstance(text, str) for text in passport["task"]["prompts"]["texts"])
    assert passport["scoring"]["resamples"] == 100
    assert passport["model"]["weights_sha256"]
    untrained = done.score("zero_shot", "auroc", "macro", control="untrained")
    twin = done.document["passports"][untrained["passport"]]
    assert twin["control"] == "untrained"
    assert twin["model"]["weights_sha256"] != passport["model"]["weights_sha256"]


def test_the_same_evaluation_gives_the_same_numbers_and_passports(
    corpus: Corpus, band_model: type, done: Any, tmp_path: Path
) -> None:
    again = evaluate(band_model(noise=0.5), on=corpus, out=tmp_path, tasks=FAST, **QUICK)
    assert again.scores == done.scores
    assert again.controls == done.controls


def test_rescoring_needs_no_model_and_gives_the_same(done: Any) -> None:
    before = json.loads((done.folder / SCORES_FILE).read_text(encoding="utf-8"))
    again = rescore(done.folder)
    assert again.document["scores"] == before["scores"]
    assert again.document["passports"].keys() == before["passports"].keys()
    wider = rescore(done.folder, resamples=50)
    assert wider.score("zero_shot", "auroc", "macro")["value"] == done.score("zero_shot", "auroc", "macro")["value"]
    assert wider.document["passports"].keys().isdisjoint(before["passports"])
    rescore(done.folder, resamples=100)


def test_nothing_is_encoded_twice(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    first, second = band_model(noise=0.5), band_model(noise=0.5)
    evaluate(first, on=corpus, out=tmp_path, tasks=["zero_shot", "knn"], **QUICK)
    evaluate(second, on=corpus, out=tmp_path, tasks=["zero_shot", "knn"], **QUICK)
    assert sum(first.calls) == 2 * 80  # train, val and test by the model and by its untrained twin
    assert second.calls == []
    other = band_model(noise=0.1)
    evaluate(other, on=corpus, out=tmp_path, tasks=["zero_shot", "knn"], **QUICK)
    assert sum(other.calls) == 80  # other weights; the untrained twin is the same
    afresh = band_model(noise=0.5)
    evaluate(afresh, on=corpus, out=tmp_path, resume=False, tasks=["zero_shot", "knn"], **QUICK)
    assert sum(afresh.calls) == 2 * 80


def test_tasks_can_be_chosen(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    model = band_model()
    chosen = evaluate(model, on=corpus, out=tmp_path, tasks=["retrieval"], controls=False, **QUICK)
    assert {row["task"] for row in chosen.scores} == {"retrieval"}
    assert chosen.controls == []
    assert sum(model.calls) == 34 + 13  # test and val; training is not needed


def test_unknown_names_are_answered_with_the_nearest(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'tset'; did you mean 'test'"):
        evaluate(band_model(), on=corpus, split="tset", out=tmp_path)
    with pytest.raises(ConfigError, match="zero_shot"):
        evaluate(band_model(), on=corpus, tasks=["zeroshot"], out=tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'resamples'"):
        evaluate(band_model(), on=corpus, out=tmp_path, resample=10)
    with pytest.raises(ConfigError, match="resamples is -1"):
        evaluate(band_model(), on=corpus, out=tmp_path, resamples=-1)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_without_a_split_says_how_to_make_one(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    studies = [study for study, _ in zip(corpus, range(6), strict=False)]
    media = {image.path: corpus.path(image.path) for study in studies for image in study.images}
    plain = from_studies(studies, tmp_path / "plain", name="plain", media=media)
    with pytest.raises(DataError, match=r"make_split\(\)"):
        evaluate(band_model(), on=plain, out=tmp_path / "e")
    whole = evaluate(band_model(), on=plain, split="all", out=tmp_path / "e", **QUICK)
    assert whole.document["corpus"]["items"]["n"] == 6
    reasons = {row["task"]: row["reason"] for row in whole.document["skipped"] if "control" not in row}
    assert "no train split" in reasons["linear_probe"]


def test_an_empty_split_is_an_error(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    train_only = corpus.filter(ids=corpus.split("train").ids)
    with pytest.raises(DataError, match="split 'test' holds no study"):
        evaluate(band_model(), on=train_only, out=tmp_path)


def test_without_texts_retrieval_is_left_out_with_its_reason(
    make_bands: Callable[..., Corpus], band_model: type, tmp_path: Path
) -> None:
    silent = make_bands(tmp_path / "c", patients=30, texts=False)
    quiet = evaluate(band_model(), on=silent, out=tmp_path / "e", **QUICK)
    assert "retrieval" not in {row["task"] for row in quiet.scores}
    reasons = {row["task"]: row["reason"] for row in quiet.document["skipped"]}
    assert "studies with a text" in reasons["retrieval"]
    with pytest.raises(DataError, match="studies with a text"):
        evaluate(band_model(), on=silent, out=tmp_path / "f", tasks=["retrieval"], **QUICK)


def test_one_class_is_undefined_and_never_a_half(
    make_bands: Callable[..., Corpus], band_model: type, tmp_path: Path
) -> None:
    healthy = make_bands(tmp_path / "c", patients=30, prevalence=0.0)
    found = evaluate(band_model(), on=healthy, out=tmp_path / "e", tasks=["zero_shot"], controls=False, **QUICK)
    rows = [row for row in found.scores if row["metric"] == "auroc"]
    assert rows
    assert all(row["value"] is None and "one class only" in row["note"] for row in rows)


def test_a_model_without_words_does_what_it_can(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    mute = band_model(capabilities=frozenset({"embed_image"}))
    test_only = corpus.filter(ids=corpus.split("test").ids)
    seen = evaluate(mute, on=test_only, out=tmp_path, **QUICK)
    reasons = {row["task"]: row["reason"] for row in seen.document["skipped"]}
    assert "cannot embed_text" in reasons["zero_shot"]
    assert {row["task"] for row in seen.scores} == {"image_retrieval"}
    with pytest.raises(CapabilityError, match="cannot embed_text"):
        evaluate(mute, on=corpus, out=tmp_path, tasks=["zero_shot"], **QUICK)
    with pytest.raises(CapabilityError, match="answers questions in words"):
        evaluate("openai:http://localhost:9/v1#m", on=corpus, out=tmp_path, **QUICK)


def test_an_image_that_cannot_be_read_stops_and_is_named(
    make_bands: Callable[..., Corpus], band_model: type, tmp_path: Path
) -> None:
    damaged = make_bands(tmp_path / "c", patients=12)
    victim = damaged.split("test")[0]
    damaged.path(victim.images[0].path).write_bytes(b"")
    with pytest.raises(DataError, match=f"study '{victim.id}', image 'cxr'"):
        evaluate(band_model(), on=damaged, out=tmp_path / "e", **QUICK)


def test_having_seen_the_patients_is_said(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    model = band_model()
    trained = {"content_hash": corpus.content_hash, "split": "train"}
    told = dict(model.identity) | {"trained_on": trained}
    seen = type("Seen", (band_model,), {"identity": property(lambda self: told)})()
    on_test = evaluate(seen, on=corpus, out=tmp_path / "a", tasks=["zero_shot"], controls=False, **QUICK)
    on_train = evaluate(
        seen, on=corpus, split="train", out=tmp_path / "b", tasks=["zero_shot"], controls=False, **QUICK
    )
    assert on_test.document["warnings"] == []
    assert "has seen these patients" in on_train.document["warnings"][0]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "predictions.parquet").write_bytes(b"PAR1 cut"), "corrupt"),
        (lambda folder: (folder / "predictions.parquet").unlink(), "does not exist"),
        (
            lambda folder: pq.write_table(
                read_predictions(folder).drop_columns("rank"), folder / "predictions.parquet"
            ),
            "column 'rank' is missing",
        ),
        (lambda folder: (folder / SCORES_FILE).write_text("{", encoding="utf-8"), "not readable JSON"),
        (lambda folder: (folder / SCORES_FILE).write_text('{"scores": []}', encoding="utf-8"), "is missing"),
    ],
)
def test_damaged_results_are_named(
    corpus: Corpus, band_model: type, tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    evaluate(band_model(), on=corpus, out=tmp_path, tasks=["retrieval"], controls=False, **QUICK)
    damage(tmp_path)
    with pytest.raises(DataError, match=words):
        rescore(tmp_path)


def test_results_of_a_newer_program_are_refused(done: Any, tmp_path: Path) -> None:
    (tmp_path / SCORES_FILE).write_text(json.dumps(dict(done.document) | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(DataError, match="schema version 99"):
        open_evaluation(tmp_path)


@pytest.mark.slow
def test_every_task_is_asked_where_none_is_named(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    found = evaluate(band_model(noise=0.5), on=corpus, out=tmp_path, **QUICK)
    asked = {row["task"].rstrip("0123456789").rstrip("_") for row in found.scores}
    assert asked == set(task_names())
    assert len(asked) == 7


_NAMED = """
import sys
from vesalius.evaluation.run import evaluate
settings = {"tasks": ["zero_shot", "knn"], "resamples": 5, "report": False}
done = evaluate("control:random", on=sys.argv[1], out=sys.argv[2], **settings)
print(*sorted(done.document["passports"]))
"""


def test_passports_have_the_same_names_in_every_process(corpus: Corpus, tmp_path: Path) -> None:
    names = [
        subprocess.run(
            [sys.executable, "-c", _NAMED, str(corpus.root), str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert names[0] == names[1]
    assert names[0].strip()


def test_a_full_disk_says_what_is_kept(
    corpus: Corpus, band_model: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    written = []

    def fill(path: Path, data: bytes) -> int:
        if path.suffix == ".part":
            written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(DataError, match=r"disk full while writing .*what was encoded before is kept"):
        evaluate(band_model(), on=corpus, out=tmp_path, tasks=["retrieval"], controls=False, **QUICK)
    monkeypatch.setattr(Path, "write_bytes", write)
    model = band_model()
    evaluate(model, on=corpus, out=tmp_path, tasks=["retrieval"], controls=False, **QUICK)
    assert sum(model.calls) == 13  # test was kept, val not


_SLOW_EVALUATION = """
import sys, time
from pathlib import Path
from vesalius.inference.backends.control import open_model
from vesalius.inference.controls import RandomPredictor
from vesalius.evaluation.run import evaluate

class Slow(RandomPredictor):
    def encode_image(self, images):
        with Path(sys.argv[3]).open("a") as log:
            log.write(f"{len(images)}\\n")
        time.sleep(float(sys.argv[4]))
        return super().encode_image(images)

settings = {"resamples": 10, "report": False, "controls": False, "tasks": ["image_retrieval"]}
evaluate(Slow(), on=sys.argv[1], out=sys.argv[2], **settings)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_evaluation_goes_on(make_bands: Callable[..., Corpus], tmp_path: Path, how: signal.Signals) -> None:
    # 200 patients: 267 studies, of which test 107 and val 54: three blocks of at most 64 studies.
    corpus = make_bands(tmp_path / "c", patients=200)
    log, out = tmp_path / "log", tmp_path / "e"

    def start(seconds: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _SLOW_EVALUATION, str(corpus.root), str(out), str(log), seconds]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})

    def lines() -> list[int]:
        return [int(line) for line in log.read_text(encoding="utf-8").split()] if log.exists() else []

    process = start("2")
    deadline = time.monotonic() + 40
    while len(lines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait(timeout=20) != 0
    assert not (out / SCORES_FILE).exists()
    assert start("0").wait(timeout=60) == 0
    items = len(corpus.split("test")) + len(corpus.split("val"))
    assert sum(lines()) == items + lines()[1]  # only the block that was under way is encoded again
    assert open_evaluation(out).scores
    log.unlink()
    assert start("0").wait(timeout=60) == 0
    assert not log.exists()


def test_marks_of_an_audit_are_shown(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    tested = list(corpus.split("test").ids)
    marks = Contamination(
        train="bands:train", test=corpus.name, test_hash=corpus.content_hash,
        kinds={tested[0]: ("patient", "report"), tested[1]: ("report",), "elsewhere": ("file",)},
    )  # fmt: skip
    path = marks.write(tmp_path / "marks.json")
    settings = {**QUICK, "controls": False, "tasks": ["retrieval"], "contamination": str(path)}
    found = evaluate(band_model(), on=corpus, out=tmp_path / "out", **settings)
    assert found.document["warnings"][-1] == (
        "2 of the 34 studies were found in bands:train (report 2, patient 1): the scores are too high."
    )
    other = Contamination(train="a", test="b", test_hash="c").write(tmp_path / "other.json")
    with pytest.raises(DataError, match="marks of the corpus 'b', not of 'bands'"):
        evaluate(band_model(), on=corpus, out=tmp_path / "out", **{**settings, "contamination": str(other)})
