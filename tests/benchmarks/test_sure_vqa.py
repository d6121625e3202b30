"""SURE-VQA: shifts, relative robustness, categories, judge, question-only baseline, corruptions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.benchmarks._sure_vqa_sets import SHIFTS, Asked, asked, ethnicity_of
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.sure_vqa import (
    BENCHMARK,
    LEVELS,
    corruptions,
    frequent_answers,
    multilabel_credit,
    over_seeds,
    relative_robustness,
)
from vesalius.data.messages import Media, text_of
from vesalius.data.releases.twins import write_json
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.results import Evaluation
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.models.media import shown

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_sure_vqa.json").read_text(encoding="utf-8"))


def item(truth: str, *, categories: tuple[str, ...] = (), kind: str = "closed", question: str = "Which?") -> Item:
    return Item(
        id="1", part="slake-content-iid", kind=kind, question=question, truth=truth, cluster="1",
        more={"categories": categories},
    )  # fmt: skip


def marked(one: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(one, [Reply(id="1", text=reply)], convention=convention)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sure")
    BENCHMARK.write_twin(root, patients=24, seed=0)
    return root


def rows(root: Path, shift: str, side: str, fold: str = "test") -> list[Asked]:
    return list(asked(root, SHIFTS[shift], side=side, fold=fold))


@pytest.mark.evidence(
    "sure-vqa", "L2", "RR(.8, .6) = .75, 1 where equal, undefined and reported where nothing is right i.i.d."
)
def test_relative_robustness_by_hand() -> None:
    assert relative_robustness(0.8, 0.6) == pytest.approx(0.75)
    assert relative_robustness(0.3, 0.3) == 1
    assert math.isnan(relative_robustness(0, 0.3))
    paired = over_seeds([0.8, 0.5, 0.0], [0.6, 0.5, 0.2])  # .75, 1 and nothing: mean .875, spread .25 / √2
    assert paired.mean == pytest.approx(0.875)
    assert paired.left_out == 1
    assert paired.spread == pytest.approx(0.25 / math.sqrt(2))
    assert math.isnan(over_seeds([0.5], [0.5]).spread)
    with pytest.raises(DataError, match="one of each a seed"):
        over_seeds([0.5], [0.5, 0.6])


@pytest.mark.evidence(
    "sure-vqa", "L2", "no held-out value in training, validation and i.i.d. test; o.o.d. patients are no others'"
)
@pytest.mark.parametrize("name", SHIFTS)
def test_sides_of_a_shift(release: Path, name: str) -> None:
    shift = SHIFTS[name]
    iid = {fold: rows(release, name, "iid", fold) for fold in ("train", "val", "test")}
    ood = rows(release, name, "ood")
    assert iid["test"]
    assert ood
    assert {shift.side(one.fields[shift.field]) for fold in iid.values() for one in fold} == {"iid"}
    assert {shift.side(one.fields[shift.field]) for one in ood} == {"ood"}
    assert not rows(release, name, "ood", "train")
    assert {one.fold for one in ood} == ({"test", "train"} if shift.pooled else {"test"})
    if shift.pooled or shift.of == "MIMIC-CXR-VQA":
        assert not {one.patient for one in ood} & {one.patient for one in iid["train"]}
    if shift.without:
        assert shift.without not in {one.fields["content_type"] for fold in iid.values() for one in fold}


def test_sides_of_ages_races_and_sexes() -> None:
    age, race = SHIFTS["mimic-age"].side, SHIFTS["mimic-ethnicity"].side
    assert [age(years) for years in ("39", "40", "59", "60", "")] == ["ood", "", "", "iid", ""]
    assert [race(group) for group in ("WHITE", "ASIAN", "UNKNOWN/OTHER", "")] == ["iid", "ood", "", ""]
    assert ethnicity_of(["PORTUGUESE", "UNKNOWN"]) == "WHITE"
    assert ethnicity_of(["WHITE", "ASIAN - CHINESE"]) == ethnicity_of([]) == "UNKNOWN/OTHER"


@pytest.mark.evidence(
    "sure-vqa", "L2", "a category as a whole word, one and no other; an item whose truth has not one is left out"
)
def test_categories_by_hand() -> None:
    side = item("left", categories=("left", "right"))
    assert [marked(side, reply, "as-released").values["accuracy"] for reply in ("Left lung.", "left and right")] == [
        1,
        0,
    ]
    assert marked(side, "leftward", "as-released").status == "unparsed"
    assert math.isnan(
        marked(item("both sides", categories=("left", "right")), "left", "as-released").values["accuracy"]
    )
    assert marked(side, "Left lung.").values["accuracy"] == 1
    assert marked(item("yes", categories=("yes", "no")), "There is no doubt: yes").values["accuracy"] == 1


@pytest.mark.evidence(
    "sure-vqa", "L2", "their exact match of open answers is a precision of words: left lung in left lung base is 2/3"
)
def test_open_answers_by_hand() -> None:
    one = item("left lung", kind="open")
    assert marked(one, "left lung base", "as-released").values["word_precision"] == pytest.approx(2 / 3)
    strict = marked(one, "left lung base").values
    assert strict["exact_match"] == 0
    assert strict["f1"] == pytest.approx(0.8)
    assert "exact_match" not in marked(one, "left lung", "as-released").values


@pytest.mark.evidence(
    "sure-vqa", "L2", "two options, both or none: same 1, opposites 0, all other mixes .5, the same both ways"
)
def test_table_of_several_labels() -> None:
    table = {(a, b): multilabel_credit(a, b) for a in ("a", "b", "both", "none") for b in ("a", "b", "both", "none")}
    assert all(table[a, b] == table[b, a] for a, b in table)
    assert [table[one, one] for one in ("a", "b", "both", "none")] == [1, 1, 1, 1]
    assert table["both", "none"] == table["a", "b"] == 0
    assert {table[one, other] for one in ("a", "b") for other in ("both", "none")} == {0.5}
    assert multilabel_credit("a", "") == 0
    four = item("pneumonia", categories=("pneumonia", "opacity", "none", "both"))
    assert [marked(four, said).values["partial_credit"] for said in ("Pneumonia", "both", "opacity", "?")] == [
        1,
        0.5,
        0,
        0,
    ]


@pytest.mark.evidence(
    "sure-vqa", "L2", "same texts get 5 stars, or 1, with no call; a verdict without a number is left out and counted"
)
def test_the_judge(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = item("left lung", kind="open"), item("yes", categories=("yes", "no"))
    assert BENCHMARK.judge(one, [Reply(id="1", text="left lung")]) is None
    assert BENCHMARK.judge(two, [Reply(id="1", text="Yes")]) is not None
    assert BENCHMARK.judged_by(one, marked(one, "left lung"), ()).values["stars"] == 5
    assert BENCHMARK.judged_by(two, marked(two, "yes"), ()).values["judged_accuracy"] == 1
    verdicts = {'{"score": 4}': 4, "{ score: 3}": 3, "four stars": math.nan}
    for said, stars in verdicts.items():
        judged = BENCHMARK.judged_by(one, marked(one, "left"), [Reply(id="1", text=said)])
        assert judged.values["stars"] == pytest.approx(stars, nan_ok=True)
        assert judged.status == ("unparsed" if math.isnan(stars) else "answered")
    monkeypatch.setattr("vesalius.evaluation.answering.job.open_predictor", lambda spec, *, device: Starring())
    done = answer_benchmark(
        "control:oracle", on=BENCHMARK, data=release, out=tmp_path, parts=("ovqa-organ-iid",), judge="starring",
        resamples=20, controls=False, report=False,
    )  # fmt: skip
    assert value(done, "ovqa-organ-iid", "judged_accuracy") == 1, "no call was needed"


class Starring(BasePredictor):
    """A judge that must not be asked."""

    name = "judge"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            raise AssertionError(request.id)
        yield from ()


def value(done: Evaluation, part: str, metric: str = "accuracy", *, control: str = "") -> float:
    score = done.score(f"sure_vqa.{part}", metric, "all", control=control)
    assert score is not None, (part, metric)
    return float(score["value"])


@pytest.mark.evidence(
    "sure-vqa", "L2", "prompts of questions and of the judge in its three variants are the authors' words"
)
def test_the_prompts_are_frozen() -> None:
    items = {
        "open": item("left lung", kind="open", question="Where is the effusion?"),
        "closed": item("Yes", categories=("yes", "no"), question="Is there an effusion?"),
        "multilabel": item("none", categories=("a", "b", "none", "both"), question="Which one, a or b?"),
    }
    found: dict[str, str] = {}
    for name, one in items.items():
        request, judge = (
            BENCHMARK.ask(one, (), arm="direct", shots=()),
            BENCHMARK.judge(one, [Reply(id="1", text="{b}")]),
        )
        assert request is not None
        assert judge is not None
        found |= {name: text_of(request.messages), f"{name} judge": text_of(judge.messages)}
    assert found == json.loads((GOLDEN / "prompts_sure_vqa.json").read_text(encoding="utf-8"))


@pytest.mark.evidence(
    "sure-vqa", "L2", "marks, verdicts, splits and pictures equal the release's functions, one difference explained"
)
def test_equal_to_the_official_scorer() -> None:
    assert SCORER["disagreements"] == 1
    for case in SCORER["cases"]:
        one = item(case["truth"], categories=tuple(case.get("categories", ())), kind=case["kind"])
        values = marked(one, case["reply"], "as-released").values
        if case["kind"] == "closed":
            expected = math.nan if case["value"] is None else case["value"]
            assert values["accuracy"] == pytest.approx(expected, nan_ok=True), case
        else:
            assert values["f1"] == pytest.approx(case["f1"], abs=1e-12), case
            assert values["word_precision"] == pytest.approx(case["word_precision"], abs=1e-12), case


@pytest.mark.real
@pytest.mark.evidence("sure-vqa", "L2", "the questions of SLAKE fall on the sides that the release's function gives")
def test_sides_of_real_questions(real_data: Path, tmp_path: Path) -> None:
    parts: dict[str, list[Any]] = {}
    for name in ("train", "validate"):
        lines = (real_data / "slake-qa-text" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        parts[name] = [json.loads(line) for line in lines]
    folder = tmp_path / "SLAKE"
    write_json(folder / "train.json", parts["train"])
    write_json(folder / "validate.json", parts["validate"][::2])
    write_json(folder / "test.json", parts["validate"][1::2])
    for words, count in SCORER["splits"].items():
        name, side, fold = words.split()
        assert len(rows(tmp_path, name, side, fold)) == count > 0, words
    closed = [
        one
        for one in rows(tmp_path, "slake-content", "iid", "train")
        if one.closed and one.answer not in ("Yes", "No")
    ]
    told = [one for one in closed if one.categories]
    assert len(told) > 0.9 * len(closed), "nearly every closed question that is not yes or no names its answers"
    for one in told:
        assert marked(item(one.answer, categories=one.categories), one.answer).values["accuracy"] == 1, one.question


COLOURS = {"red": (200, 20, 20), "blue": (20, 20, 200)}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Plant a prior in SLAKE's layout: 3 of 4 pictures are red in training and i.i.d. test, 1 of 4 on X-rays."""
    number, folder = 0, tmp_path / "planted" / "SLAKE"
    for file, total, modality in (
        ("train", 40, "CT"),
        ("test", 40, "CT"),
        ("test", 40, "X-Ray"),
        ("validate", 4, "CT"),
    ):
        found = []
        for place in range(total):
            red = (place % 4 != 0) == (modality == "CT")
            path = folder / "imgs" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (48, 48), COLOURS["red" if red else "blue"]).save(path)
            found.append({
                "img_id": number, "img_name": path.name, "qid": number, "q_lang": "en", "location": "Lung",
                "modality": modality, "question": "Is it red?", "answer": "Yes" if red else "No",
                "answer_type": "CLOSED", "base_type": "vqa", "content_type": "Color", "triple": [],
            })  # fmt: skip
            number += 1
        before = json.loads(path.read_text()) if (path := folder / f"{file}.json").exists() else []
        write_json(path, before + found)
    return tmp_path / "planted"


class Learnt(BasePredictor):
    """Says what it learnt most often for a question, or looks where it is shown a picture."""

    name = "learnt"
    capabilities = frozenset({"generate"})

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            media = request.messages[-1].media
            question = request.messages[-1].text.split("?")[0] + "?"
            red = bool(media) and int(shown(media[0])[0][0, 0, 0]) > 150
            yield Reply(id=request.id, text=("Yes" if red else "No") if media else self.answers[question])


@pytest.mark.evidence(
    "sure-vqa",
    "L2",
    "without the picture the planted prior is reached, with it it is beaten; gap and RR under the shift",
)
def test_question_only_reaches_the_prior_and_the_picture_beats_it(planted: Path, tmp_path: Path) -> None:
    parts = ("slake-modality-iid", "slake-modality-ood")
    fitted = list(BENCHMARK.items(planted, parts=parts[:1], split="train"))
    answers = frequent_answers(fitted)
    assert answers == {"Is it red?": "Yes"}
    done = answer_benchmark(
        Learnt(answers), on=BENCHMARK, data=planted, out=tmp_path / "out", parts=parts, resamples=200, report=False,
        control_names=("question-only",),
    )  # fmt: skip
    assert [value(done, part) for part in parts] == [1, 1]
    assert [value(done, part, control="question-only") for part in parts] == [0.75, 0.25]
    assert [value(done, part, control="majority") for part in parts] == [0.75, 0.25]
    model, blind = (
        done.score("sure_vqa.slake-modality", "accuracy_ratio", "all", control=control)
        for control in ("", "question-only")
    )
    assert model is not None
    assert (model["value"], model["low"], model["high"]) == (1, 1, 1)
    assert blind is not None
    assert blind["value"] == pytest.approx(1 / 3)
    assert (blind["extra"]["over"], blind["extra"]["under"]) == (0.25, 0.75)
    assert blind["low"] < 1 / 3 < blind["high"] < 1


@pytest.mark.evidence(
    "sure-vqa", "L2", "corruptions are the same for the same seed, one at least, and grow from low to high"
)
def test_corruptions(release: Path) -> None:
    items = list(
        BENCHMARK.items(release, parts=("slake-content-iid", "mimic-age-iid", "mimic-age-ood"), split="test")
    )
    change: dict[str, list[float]] = {level: [] for level in LEVELS}
    for one in {one.media[0].path: one for one in items}.values():
        plain = shown(one.media[0])[0].astype(float)
        for level in LEVELS:
            asked_of = [BENCHMARK.ask(one, (), arm=level, shots=()) for _ in range(2)]
            assert asked_of[0] == asked_of[1]
            assert asked_of[0] is not None
            worse = shown(asked_of[0].messages[0].media[0])[0]
            change[level].append(float(np.abs(worse - plain).mean()))
    assert len(change["low"]) > 5
    edits = {media.edits for one in items for media in _media(one)}
    assert len(edits) > 3, "pictures of one file name are drawn for apart"
    assert all(low < medium < high for low, medium, high in zip(*change.values(), strict=True))
    kinds = {
        level: [[edit.split(":")[0] for edit in corruptions(str(n), level)] for n in range(200)] for level in LEVELS
    }
    assert kinds["low"] == kinds["high"]
    assert all(kinds["low"])
    share = np.mean(["brightness" in one for one in kinds["low"]])
    assert abs(share - (0.5 + 0.125 / 3)) < 0.1  # by chance, or as the one that is taken where none came
    assert corruptions("1", "low", seed=1) != corruptions("1", "low", seed=2)


def _media(one: Item) -> tuple[Media, ...]:
    request = BENCHMARK.ask(one, (), arm="low", shots=())
    assert request is not None
    return request.messages[0].media


def test_faults_of_a_release_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no SLAKE release"):
        list(BENCHMARK.items(tmp_path, parts=("slake-content-iid",), split="test"))
    for name in ("train", "valid", "test"):
        write_json(tmp_path / "MIMIC-CXR-VQA" / "dataset" / f"{name}.json", [])
    with pytest.raises(DataError, match=r"no hosp/patients\.csv"):
        list(BENCHMARK.items(tmp_path, parts=("mimic-age-iid",), split="test"))
