"""What is told beside the scores: a control that could not be asked is no control with zeros."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from choosing import Pairs
from PIL import Image

from vesalius.benchmarks.base import Item
from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.models.media import shown


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


class Seeing(BasePredictor):
    """Reads the picture of each request before it answers, and has no words for one."""

    name = "seeing"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            try:
                shown(request.messages[-1].media[0])
            except DataError as error:
                yield Reply(id=request.id, finish="error", error=str(error))
                continue
            dropped = request.id.startswith("near-4/")
            yield Reply(id=request.id, finish="error" if dropped else "stop", error="dropped", text="A")


def test_a_picture_that_cannot_be_read_is_told_apart_from_a_wrong_answer(tmp_path: Path) -> None:
    """Of six items of the near part one shows a broken file and one request is dropped: both wrong, each counted."""

    class Broken(Pairs):
        def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
            for item in super().items(root, parts=parts, split=split):
                path = str(root / ("broken.png" if item.id == "near-2" else "one.png"))
                yield replace(item, media=(Media(path=path),))

    root = tmp_path / "release"
    bench = Broken(root, pairs=3)
    (root / "broken.png").write_bytes(b"no picture")
    done = answer_benchmark(
        Seeing(), on=bench, data=root, out=tmp_path / "out", parts=("near",), resamples=20, safety_items=0,
        controls=False, control_names=(),
    )  # fmt: skip
    values = {metric: done.score("pairs.near", metric, "all") for metric in ("accuracy", "failed", "unreadable")}
    # The right answers are A, B, A, B, A, B; A is said, so that without the two faults half would be right.
    assert {name: round(score["value"] * 6) for name, score in values.items() if score} == {
        "accuracy": 1, "failed": 1, "unreadable": 1,
    }  # fmt: skip
    told = done.document["warnings"][0]
    assert "1 failed" in told
    assert "1 failed on a picture that cannot be read" in told
    index = (tmp_path / "out" / "items" / "index.js").read_text(encoding="utf-8")
    assert '"unreadable"' in index


def test_parts_that_a_model_cannot_answer_are_named_with_the_reason(tmp_path: Path) -> None:
    """A model that compares has no answer without a picture: the bare part is lost, and told."""

    class Bare(Pairs):
        def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
            for item in super().items(root, parts=parts, split=split):
                yield replace(item, media=() if item.part == "far" else item.media)

    def warned(*parts: str) -> list[str]:
        done = answer_benchmark(
            Comparing(), on=Bare(tmp_path, pairs=3), data=tmp_path, out=tmp_path / "-".join(parts), parts=parts,
            resamples=20, safety_items=0, controls=False, report=False,
        )  # fmt: skip
        return list(done.document["warnings"])

    assert "not one request of the parts far was answered: no picture to compare with" in warned("near", "far")
    assert "not one request of any part was answered: no picture to compare with" in warned("far")
    assert warned("near") == []
    assert any("6 failed (no picture to compare with)" in one for one in warned("far"))


def test_a_release_whose_pictures_changed_is_told(tmp_path: Path) -> None:
    """The same items with another picture of the same name: another hash, named as long as old replies stay."""
    bench = Pairs(tmp_path / "release", pairs=3)

    def warned() -> list[str]:
        done = answer_benchmark(
            Comparing(), on=bench, data=tmp_path / "release", out=tmp_path / "out", parts=("near",), resamples=20,
            safety_items=0, controls=False, report=False,
        )  # fmt: skip
        return list(done.document["warnings"])

    assert warned() == warned() == []
    Image.new("RGB", (90, 70), (0, 0, 200)).save(tmp_path / "release" / "one.png")
    (told,) = warned()
    assert "has changed since the replies in" in told
    assert "another hash" in told
    assert warned() == [told]
    (tmp_path / "out" / "replies.jsonl").unlink()
    assert warned() == []
