"""TemMed-Bench: templates, first letters and closing phrases, report metrics, time in and out, faults of lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.benchmarks._temmed_release import TABLE, Release, Visits, nearest_pairs, normalised
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.temmed_bench import BENCHMARK, report_values
from vesalius.data.messages import Media, text_of
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.metrics.multiclass import confusion_matrix, f1
from vesalius.metrics.treebank import nltk_meteor, treebank_words
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.preset import load_preset
from vesalius.virtual.visits import visits_of

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_temmed_bench.json").read_text(encoding="utf-8"))
PATIENTS = 8


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("temmed")
    BENCHMARK.write_twin(root, patients=PATIENTS, seed=0)
    return root


def hand_made(part: str, truth: str, *, question: str = "Has the {edema} worsened?") -> Item:
    reference = Visits(last=Path("/r0.png"), current=Path("/r1.png"), report="Edema, {improved}.")
    return Item(
        id="one", part=part, kind={"vqa": "closed", "selection": "choice"}.get(part, "report"), question=question,
        truth=truth, cluster="patient1", options={one: f"pair {one}" for one in "ABC"} if part == "selection" else {},
        media=tuple(Media(path=f"/{place}.png") for place in range(6 if part == "selection" else 2)),
        more={"reference": reference},
    )  # fmt: skip


def asked(item: Item, arm: str) -> Request:
    request = BENCHMARK.ask(item, (), arm=arm, shots=())
    assert request is not None
    return request


def marked(part: str, truth: str, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(hand_made(part, truth), [Reply(id="one", text=reply)], convention=convention)


@pytest.mark.evidence(
    "temmed-bench", "L2", "69 requests of the eight templates, words and pictures, are those of the release"
)
def test_the_prompts_are_frozen() -> None:
    found = {
        f"{part} {arm.name}": text_of(asked(hand_made(part, "yes"), arm.name).messages)
        for part in BENCHMARK.parts
        for arm in BENCHMARK.arms
    }
    assert found == json.loads((GOLDEN / "prompts_temmed_bench.json").read_text(encoding="utf-8"))


@pytest.mark.evidence("temmed-bench", "L2", "a retrieved pair stands first, the last visit before the current one")
def test_order_of_the_pictures() -> None:
    paths = {arm.name: [media.path for media in asked(hand_made("vqa", "yes"), arm.name).messages[0].media]
             for arm in BENCHMARK.arms}  # fmt: skip
    assert paths == {
        "alone": ["/0.png", "/1.png"], "text": ["/0.png", "/1.png"], "swapped": ["/1.png", "/0.png"],
        "pair": ["/r0.png", "/r1.png", "/0.png", "/1.png"], "current-only": ["/1.png", "/1.png"],
    }  # fmt: skip
    item = hand_made("selection", "A")
    assert [media.path for media in asked(item, "alone").messages[0].media] == [f"/{place}.png" for place in range(6)]
    turned = replace(item, options={"A": "pair B", "B": "pair C", "C": "pair A"})
    shown = [media.path for media in asked(turned, "alone").messages[0].media]
    assert shown == ["/2.png", "/3.png", "/4.png", "/5.png", "/0.png", "/1.png"], "pairs go with their option"
    for part in BENCHMARK.parts:
        parts = asked(hand_made(part, "yes"), "pair").messages[0].parts
        for place, piece in enumerate(parts):
            if isinstance(piece, Media):
                before = parts[place - 1]
                assert isinstance(before, str)
                assert before.endswith(("Last visit image: ", "Current visit image: "))
    alone = replace(hand_made("vqa", "yes"), more={"reference": None})
    assert asked(alone, "pair") == asked(alone, "alone"), "a pair for which nothing was retrieved is asked alone"


def macro_f1(rows: Iterable[tuple[Item, Mark]]) -> float:
    groups: dict[str, list[float]] = {}
    for item, mark in rows:
        if "f1" in mark.values:
            groups.setdefault(item.fields["class"], []).append(mark.values["f1"])
    return float(np.mean([np.mean(values) for values in groups.values()]))


@pytest.mark.evidence(
    "temmed-bench", "L2", "answers Yes, no., Yes to Yes, Yes, No: accuracy 1/3, macro F1 (0.5 + 0) / 2 = 0.25"
)
def test_worked_example() -> None:
    """Yes: one right of two said and two wanted, 2 / 4; no: none right, 0."""
    pairs = [
        (replace(hand_made("vqa", truth), id=str(place)), marked("vqa", truth, reply, "as-released"))
        for place, (reply, truth) in enumerate([("Yes", "yes"), ("no.", "yes"), ("Yes", "no")])
    ]
    assert np.mean([mark.values["accuracy"] for _, mark in pairs]) == pytest.approx(1 / 3)
    rows = list(BENCHMARK.gather(pairs, convention="as-released"))
    assert macro_f1(rows) == pytest.approx(0.25)
    assert len({(item.id, name) for item, mark in rows for name in mark.values}) == 3 + 6, "no row stands twice"


@pytest.mark.parametrize(
    ("reply", "strict", "released"),
    [("Normal", "", "no"), ("Yesterday", "", "yes"), ("Not sure", "", "no"), ("It is so", "", ""), ("yES", "yes", ""),
     ("The answer is yes.", "yes", "")],
)  # fmt: skip
def test_first_letters(reply: str, strict: str, released: str) -> None:
    assert marked("vqa", "no", reply).said == strict
    mark = marked("vqa", "no", reply, "as-released")
    assert (mark.said, mark.status) == (released, "answered" if released else "unparsed")
    assert mark.values["accuracy"] == float(released == "no")


@pytest.mark.evidence(
    "temmed-bench", "L2", "1,908 prompts, reports, answers, letters and report scores equal the release's notebooks"
)
def test_equal_to_the_notebooks() -> None:
    assert SCORER["disagreements"] == 0
    for case in SCORER["cases"]:
        assert marked("vqa", "yes", case["reply"], "as-released").said == case["read"], case
    for case in SCORER["selection"]:
        assert marked("selection", case["gold"], case["reply"], "as-released").said == case["read"], case
    for case in SCORER["reports"]:
        values = report_values(case["reply"], case["truth"])
        for name in ("bleu_1", "rouge_l", "meteor"):
            assert values[name] == pytest.approx(case[name], abs=1e-12), case
    for text, wanted in SCORER["normalised"]:
        assert normalised(text) == wanted
    pairs = [(replace(hand_made("vqa", gold.strip(".").lower()), id=str(place)),
              marked("vqa", gold.strip(".").lower(), reply, "as-released"))
             for place, (reply, gold, _) in enumerate(SCORER["vqa_all"])]  # fmt: skip
    totals = SCORER["vqa_totals"]
    assert np.mean([mark.values["accuracy"] for _, mark in pairs]) == pytest.approx(totals["accuracy"], abs=1e-12)
    assert macro_f1(BENCHMARK.gather(pairs, convention="as-released")) == pytest.approx(totals["macro_f1"], abs=1e-12)
    table = confusion_matrix(
        [item.truth for item, _ in pairs], [mark.said for _, mark in pairs], labels=["no", "yes"]
    )
    assert f1(table) == pytest.approx(totals["macro_f1"], abs=1e-12)


def test_words_and_meteor_by_hand() -> None:
    """Two of two words match in two chunks: P 1, R 1, less 0.5 · (2 / 2)³; in one chunk 0.5 · (1 / 2)³."""
    assert treebank_words("1. no change. 2. 3.5 cm mass, it's bigger.") == [
        "1.", "no", "change", ".", "2", ".", "3.5", "cm", "mass", ",", "it", "'s", "bigger", ".",
    ]  # fmt: skip
    assert nltk_meteor(["worse", "edema"], ["edema", "worse"]) == pytest.approx(0.5)
    assert nltk_meteor(["edema", "worse"], ["edema", "worse"]) == pytest.approx(1 - 0.5 / 8)
    assert nltk_meteor(["effusions"], ["effusion"]) == pytest.approx(0.5), "equal stems"
    assert nltk_meteor([], ["edema"]) == nltk_meteor(["lung"], ["edema"]) == 0


def test_reports_tell_a_change() -> None:
    truth = "The effusion has increased."
    right, turned = (marked("report", truth, text) for text in (truth, "The effusion has decreased."))
    assert right.values["bleu_1"] == pytest.approx(1) == right.values["temporal_f1"]
    assert turned.values["temporal_f1"] < 1e-9 < 0.7 < turned.values["bleu_1"]
    assert marked("report", truth, "<think>no change</think> The effusion has increased.").values["bleu_1"] == 1
    assert marked("report", truth, "I'm sorry, but I cannot help.").status == "refused"
    assert marked("report", truth, " ").values["text_mean"] == 0


def disc(path: Path, radius: int) -> None:
    rows, columns = np.ogrid[:32, :32]
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray((((rows - 16) ** 2 + (columns - 16) ** 2 <= radius**2) * 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of discs that grow, shrink or stay, each asked whether it has grown or shrunk."""
    root = tmp_path_factory.mktemp("discs")
    rows, chosen = [], []
    for place in range(24):
        last, change = 5 + place % 4, (-3, 0, 3)[place % 3]
        names = [f"train/patient{place:05d}/study{visit}/view1_frontal" for visit in (1, 2)]
        for name, radius in zip(names, (last, last + change), strict=True):
            disc(root / "PNG" / f"{name}.png", radius)
        grown = place % 2
        answer = "Yes" if change == (3 if grown else -3) else "No"
        question = f"Has the disc {'grown' if grown else 'shrunk'}?"
        rows.append({
            "image_path": f"{names[1]}.jpg", "historical_image_path": f"{names[0]}.jpg", "reference_images": [],
            "hist_reference_images": [], "condition_changes_report": "A disc.",
            "VQA_Final": [{"VQA_question": question, "VQA_answer": answer}],
        })  # fmt: skip
        chosen.append({"img_id": place, "question_id": 0})
    folder = root / "Get_Data"
    folder.mkdir()
    for name, value in (("VQA_ReportGeneration_Final", rows), ("SelectedVQA_2000", chosen)):
        (folder / f"TestSet_{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return root


class Comparing(BasePredictor):
    """Compares the bright areas of the two pictures that it is shown."""

    name = "comparing"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            last, current = (int((np.asarray(Picture.open(media.path)) > 0).sum())
                             for media in request.messages[0].media)  # fmt: skip
            grown = "grown" in request.messages[0].text
            yield Reply(id=request.id, text="Yes" if (current > last if grown else current < last) else "No")


@pytest.mark.evidence(
    "temmed-bench",
    "L2",
    "discs: both pictures are needed; exchanged every change is told wrong; one alone: the prior",
)
def test_time_is_what_is_asked_for(discs: Path, tmp_path: Path) -> None:
    values = {}
    for arm in ("alone", "swapped", "current-only"):
        done = answer_benchmark(
            Comparing(), on=BENCHMARK, data=discs, out=tmp_path / arm, arm=arm, parts=("vqa",), resamples=20,
            controls=False, report=False, safety_items=0,
        )  # fmt: skip
        values[arm] = {label: score["value"] for label in ("all", "answer=yes", "answer=no")
                       if (score := done.score("temmed_bench.vqa", "accuracy", label))}  # fmt: skip
    prior = 16 / 24  # each third stays, and of those that change half are asked for what happened
    assert values["alone"]["all"] == 1
    assert values["swapped"]["answer=yes"] == 0
    assert values["current-only"] == {"all": pytest.approx(prior), "answer=yes": 0, "answer=no": 1}


def test_pairs_are_better_neighbours_than_pictures() -> None:
    """Discs of any size that change: the current picture alone says nothing of how they came to be so."""
    draw = np.random.default_rng(0)
    radius = draw.integers(6, 12, size=(2, 60))
    change = draw.integers(-1, 2, size=(2, 60))
    pictures = np.stack([_flat(radius - 4 * change), _flat(radius)], axis=2)  # (2, 60, 2, D)
    agreement = {}
    for name, part in (("pair", slice(0, 2)), ("current", slice(1, 2))):
        found = nearest_pairs(pictures[0][:, part], pictures[1][:, part])[:, 0]
        agreement[name] = float(np.mean(change[0] == change[1][found]))
    assert agreement["pair"] > 0.95 > 0.6 > agreement["current"]
    with pytest.raises(DataError, match="at least 61 pairs"):
        nearest_pairs(pictures[0], pictures[1], count=61)


def _flat(radius: NDArray[np.int64]) -> NDArray[np.float64]:
    rows, columns = np.ogrid[:40, :40]
    discs = (rows - 20) ** 2 + (columns - 20) ** 2 <= radius[..., None, None] ** 2
    flat = discs.reshape(*radius.shape, -1).astype(np.float64)
    unit: NDArray[np.float64] = flat / np.linalg.norm(flat, axis=-1, keepdims=True)
    return unit


@pytest.mark.evidence("temmed-bench", "L1", "changes of the twin are those of the bodies, also where reports hedge")
def test_truths_of_the_twin(release: Path) -> None:
    preset = load_preset("chest", ("follow_up.share=1", "follow_up.visits=2", "follow_up.interval_days=20",
                                   "follow_up.arising=0.4", "normal=0"))  # fmt: skip
    visits = {}
    patients = sorted((draw_patient(0, index, preset=preset) for index in range(PATIENTS)), key=lambda one: one.id)
    for number, patient in enumerate(patients, start=1):
        visits[f"patient{90000 + number}"] = visits_of(patient, preset)
    items = list(BENCHMARK.items(release, parts=("vqa", "selection"), split="test"))
    stated = [item for item in items if item.truth != "no"]
    for item in stated:
        words = item.question.strip(".?").split()
        kind = next(word for word in ("new", "resolved", "worsened", "improved", "unchanged") if word in words)
        left = [
            word
            for word in words
            if word not in {kind, "There", "Is", "Has", "there", "is", "has", "a", "The", "the"}
        ]
        before, now = ([one for one in visit.diseases if one.concept == "_".join(left)]
                       for visit in visits[item.cluster])  # fmt: skip
        assert (len(before), len(now)) == {"new": (0, 1), "resolved": (1, 0)}.get(kind, (1, 1)), item.question
        if kind in ("worsened", "improved"):
            growth = now[0].visibility / before[0].visibility
            sizes = [max(one[0].sizes_mm.values(), default=one[0].visibility) for one in (now, before)]
            assert (growth > 1 or sizes[0] > sizes[1]) == (kind == "worsened"), item.question
    assert len(stated) > len(items) / 2
    assert {item.truth for item in items} == {"yes", "no", "A", "B", "C"}
    found = Release(release)
    for item in items:
        reference = item.more["reference"]
        assert reference.current.is_file()
        assert reference.patient not in {found.visits(row).patient for row in found.tests}


def test_lists_with_reports_come_first(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Get_Data"
    folder.mkdir()
    (tmp_path / "PNG").symlink_to(release / "PNG")
    rows = json.loads((release / "Get_Data" / "TestSet_VQA_ReportGeneration.json").read_text(encoding="utf-8"))
    final = [row | {"condition_changes_report": "Stable.", "reference_condition_changes_reports": ["Old."]}
             for row in rows]  # fmt: skip
    (folder / "TestSet_VQA_ReportGeneration_Final.json").write_text(json.dumps(final), encoding="utf-8")
    items = list(BENCHMARK.items(tmp_path, parts=("report",), split="test"))
    assert {item.truth for item in items} == {"Stable."}
    assert {item.more["reference"].report for item in items} == {"Old."}
    assert all(Path(media.path).is_file() for item in items for media in item.media)
    assert not list(BENCHMARK.items(tmp_path, parts=("report",), split="train"))


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("TestSet_SelectedVQA_2000", {"img_id": 900}, "pair 900 of"),
        ("TestSet_SelectedVQA_2000", {"question_id": 99}, "question 99 of"),
        ("TestSet_VQA_ReportGeneration", {"VQA_Final": [{"VQA_question": "q", "VQA_answer": "Maybe"}] * 9}, "Maybe"),
        ("TestSet_VQA_ReportGeneration", {"image_path": "../secret.jpg"}, "expected train/patient00001"),
        ("TestSet_VQA_ReportGeneration", {"image_path": "train/patient1/study1/view9.jpg"}, "no impression of train"),
        ("TestSet_ImagePairSelection", {"right_option": "D"}, "right_option is 'D'"),
        ("TestSet_ImagePairSelection", {"option": {"A": 0, "B": 1}}, "no 'C'"),
    ],
)  # fmt: skip
def test_faults_of_a_release_are_named(
    release: Path, tmp_path: Path, name: str, change: dict[str, Any], told: str
) -> None:
    for linked in ("PNG", TABLE):
        (tmp_path / linked).symlink_to(release / linked)
    (tmp_path / "Get_Data").mkdir()
    for path in (release / "Get_Data").glob("*.json"):
        rows = json.loads(path.read_text(encoding="utf-8"))
        if path.stem == name:
            rows = [row | change for row in rows]
        (tmp_path / "Get_Data" / path.name).write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(DataError, match=told):
        list(BENCHMARK.items(tmp_path, parts=BENCHMARK.parts, split="test"))


def test_an_empty_folder_says_how_to_get_the_release(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="uclanlp/TemMed-Bench"):
        list(BENCHMARK.items(tmp_path, parts=("vqa",), split="test"))
