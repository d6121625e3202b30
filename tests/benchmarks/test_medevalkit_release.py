"""MedEvalKit: its twin, the layouts that are read, parts that are missing, broken rows, a judge in the harness."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vesalius.benchmarks.base import Item
from vesalius.benchmarks.medevalkit import BENCHMARK
from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.evaluation.answering.marking import Record, judge_requests, marks_of
from vesalius.evaluation.answering.replies import Exam, Replies, collect
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import survey
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.virtual.twin import write_twin


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("medevalkit")
    BENCHMARK.write_twin(root, patients=16, seed=0)
    return root


def items(root: Path, *parts: str, split: str = "test") -> list[Item]:
    return list(BENCHMARK.items(root, parts=parts or BENCHMARK.parts, split=split))


class Saying(BasePredictor):
    """Says the same to everybody."""

    capabilities = frozenset({"generate"})

    def __init__(self, words: str) -> None:
        self.name, self.words = "saying", words
        self.asked: list[Request] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.asked.append(request)
            yield Reply(id=request.id, text=self.words)


def test_every_part_is_written_and_read(release: Path) -> None:
    found = Counter(item.part for item in items(release))
    assert set(found) == set(BENCHMARK.parts)
    kinds = {item.part: item.kind for item in items(release)}
    assert kinds["iu_xray"] == kinds["mimic_cxr"] == "report"
    assert kinds["healthbench"] == "rubric"
    assert {item.language for item in items(release, "slake_zh")} == {"zh"}
    assert not items(release, "healthbench", "omnimedvqa", split="train")
    assert items(release, "medqa", split="train")


def test_languages_of_a_picture_are_one_cluster(release: Path) -> None:
    pictures = [{item.cluster for item in items(release, part)} for part in ("slake_en", "slake_zh")]
    assert pictures[0] | pictures[1]
    assert all(cluster.startswith("slake-xmlab") for cluster in pictures[0] | pictures[1])


def test_fields_make_subgroups(release: Path) -> None:
    omni = items(release, "omnimedvqa")[0]
    assert set(omni.fields) == {"source", "question_type", "answer_type", "modality"}
    assert "Virtual C" not in {item.fields["source"] for item in items(release, "omnimedvqa")}, "restricted access"


def test_parts_that_are_missing_are_left_out_and_named(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release / "medqa", tmp_path / "release" / "medqa")
    done = answer_benchmark(
        "control:oracle", on=BENCHMARK, data=tmp_path / "release", out=tmp_path / "out", resamples=9
    )
    assert done.document["corpus"]["parts"].keys() == {"medqa"}
    (warning,) = done.document["warnings"]
    assert "16 parts were left out" in warning
    assert "slake_zh" in warning
    with pytest.raises(DataError, match="SLAKE"):
        survey(BENCHMARK, tmp_path / "release", parts=("slake_en",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds none of its parts"):
        survey(BENCHMARK, tmp_path / "empty")


def test_reports_are_read_from_the_releases_themselves(tmp_path: Path) -> None:
    for name in ("iu_xray", "chexpert_plus"):
        write_twin(name, tmp_path / name, patients=8)
    iu = items(tmp_path, "iu_xray")
    assert iu
    assert all(item.truth.startswith("Findings: ") and item.truth.endswith("Impression: .") for item in iu)
    assert {len(item.media) for item in iu} == {2}
    assert items(tmp_path, "chexpert_plus"), "its validation part stands for a test part"
    assert not items(tmp_path, "chexpert_plus", split="val")


def write_list(root: Path, *rows: dict[str, Any]) -> Path:
    folder = root / "mimic_cxr"
    folder.mkdir(exist_ok=True)
    (folder / "test.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def test_lists_of_reports(tmp_path: Path) -> None:
    """A study without a word is left out, patients come from paths, missing pictures are the harness's to name."""
    path = "p10/p10000032/s50414267/a.jpg"
    row = {"id": "a/b", "image": [path, "other.jpg"], "findings": "Clear.", "impression": ""}
    (item,) = items(write_list(tmp_path, row, {**row, "id": "c", "findings": " "}), "mimic_cxr")
    assert (item.id, item.cluster) == ("mimic_cxr-a_b", "mimic_cxr-p10000032")
    assert item.truth == "Findings: Clear. Impression: ."
    assert item.media[0] == Media(path=str(tmp_path.absolute() / "mimic_cxr" / "images" / path))
    with pytest.raises(DataError, match="1 items lack their pictures"):
        survey(BENCHMARK, tmp_path, parts=("mimic_cxr",))
    for broken in ([], ["../../etc/passwd"], [3]):
        with pytest.raises(DataError, match="image names no picture"):
            items(write_list(tmp_path, {**row, "image": broken}), "mimic_cxr")


def test_a_missing_picture_is_left_out_and_counted(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release / "vqa_rad", tmp_path / "vqa_rad")
    asked = items(tmp_path, "vqa_rad")
    Path(asked[0].media[0].path).unlink()
    found = survey(BENCHMARK, tmp_path, parts=("vqa_rad",))
    assert found.left_out
    assert len(found.ids) + len(found.left_out) == len(asked)


def test_a_judge_reads_free_answers_and_rubrics(release: Path, tmp_path: Path) -> None:
    """The judge finds all open answers right, and answers no line of a rubric: those stay at 0 and are counted."""
    asked = survey(BENCHMARK, release, parts=("path_vqa", "healthbench"), limit=30)
    exam = Exam(benchmark=BENCHMARK, items=asked.items, count=len(asked.ids), arm="direct")
    replies, verdicts = Replies(tmp_path / "replies.jsonl"), Replies(tmp_path / "verdicts.jsonl")
    collect(exam, Saying("no"), replies, title="", progress=None)
    waiting = {request.id: request for request in judge_requests(exam, replies)}
    for verdict in Saying("<judge>0</judge>").generate(waiting.values()):
        verdicts.add(waiting[verdict.id], verdict)
    marks = list(marks_of(Record(exam=exam, replies=replies, verdicts=verdicts), convention="strict"))
    for item, mark in marks:
        if item.kind == "rubric":
            assert (mark.values["score"], mark.status) == (0, "unparsed")
        else:
            assert mark.values["accuracy"] == float(item.kind == "open" or item.truth == "no")
    rubrics = [item for item, _ in marks if item.kind == "rubric"]
    opened = [item for item, _ in marks if item.kind == "open"]
    assert rubrics
    assert len(waiting) == len(opened) + sum(len(item.truth) for item in rubrics)


@pytest.mark.real
def test_real_answers_of_slake_are_right_by_themselves(real_data: Path) -> None:
    """A reply that is the answer is right, in both languages; a closed one is read as yes or no where it says so."""
    rows = [json.loads(line) for line in (real_data / "slake-qa-text" / "validate.jsonl").open(encoding="utf-8")]
    wrong: Counter[str] = Counter()
    for row in rows:
        item = Item(
            id=str(row["qid"]), part=f"slake_{row['q_lang']}", kind=row["answer_type"].strip().lower(), cluster="",
            question=row["question"], truth=row["answer"], language=row["q_lang"],
        )  # fmt: skip
        mark = BENCHMARK.mark(item, [Reply(id="", text=row["answer"])], convention="strict")
        wrong[row["q_lang"]] += mark.values["accuracy"] != 1
    assert len(rows) > 1000
    assert wrong["en"] == wrong["zh"] == 0
