"""What is told beside the scores: a control that could not be asked is no control with zeros."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request


class Comparing(BasePredictor):
    """Compares options with the picture, as a dual encoder does: without a picture it has no answer."""

    name = "comparing"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            if any(message.media for message in request.messages):
                yield Reply(id=request.id, text="A")
            else:
                yield Reply(id=request.id, finish="error", error="no picture to compare with")


def test_a_control_that_was_never_answered_is_skipped_by_name(tmp_path: Path) -> None:
    done = answer_benchmark(
        Comparing(), on="mediconfusion", data=tmp_path / "twin", out=tmp_path / "out", twin=True, patients=16,
        resamples=50, safety_items=4,
    )  # fmt: skip
    assert done.document["skipped"] == [
        {"control": "question-only", "reason": "not one request was answered: no picture to compare with"}
    ]
    assert {row["control"] for row in done.controls} == {"majority", "random", "blank", "other"}
    assert "question-only" not in done.document["control_notes"]
    assert "no picture to compare with" in (done.folder / "report.html").read_text(encoding="utf-8")
