"""Marking again asks nothing and opens nothing: the model may be gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from choosing import Pairs, Sure

from vesalius.errors import VesaliusError
from vesalius.evaluation.answering import job
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.stored import name_of


def refuse(spec: object, device: str) -> object:
    raise AssertionError(f"{spec} was opened")


@pytest.mark.parametrize("spec", ["no/such-model", "openai:http://127.0.0.1:9/v1#gone", "runs/gone"])
def test_replies_are_marked_again_without_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model = Sure(name_of(spec))
    root = tmp_path / "release"
    bench = Pairs(root)
    common = {"resamples": 20, "safety_items": 4}
    monkeypatch.setattr(job, "open_predictor", lambda spec, device: model)
    first = answer_benchmark(spec, on=bench, data=root, **common)
    asked = model.asked
    monkeypatch.setattr(job, "open_predictor", refuse)
    again = answer_benchmark(spec, on=bench, data=root, rescore=True, conventions=("all",), **common)
    assert model.asked == asked
    assert again.folder == first.folder
    assert again.document["model"] == first.document["model"]
    assert [row["control"] for row in again.controls[:1]] == [row["control"] for row in first.controls[:1]]
    score = again.score("pairs.near@kind", "accuracy", "all")
    assert score is not None
    assert score["value"] == 1
    named = answer_benchmark(spec, on=bench, data=root, out=first.folder, rescore=True, **common)
    assert named.scores == first.scores


def test_a_control_with_a_model_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "release"
    monkeypatch.setattr(job, "open_predictor", lambda spec, device: Sure("org/model"))
    common = {"on": Pairs(root), "data": root, "resamples": 20, "report": False}
    plain = answer_benchmark("org/model", controls=False, safety_items=0, **common)
    blank = answer_benchmark("control:blank:org/model", **common)
    assert (plain.folder.name, blank.folder.name) == ("org-model-pairs", "control-blank-org-model-pairs")


def test_where_no_evaluation_tells_of_the_model_it_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "release"
    with pytest.raises(VesaliusError, match="no known kind"):
        answer_benchmark("./gone", on=Pairs(root), data=root, out=tmp_path / "out", rescore=True)
