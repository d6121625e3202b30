"""MedQ-Bench: the release's letters and judge, the closing judgement by rule, degradations of known severity."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vesalius.benchmarks import _medq_bench_twin as twin
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.medq_bench import AXES, BENCHMARK, agreement_table, quality_by_rule
from vesalius.data.messages import Media, text_of
from vesalius.data.releases.picture_tables import write_picture_table
from vesalius.errors import DataError
from vesalius.inference.requests import Reply
from vesalius.metrics.multiclass import kappa
from vesalius.tasks.answers import parse_judge
from vesalius.virtual.degradation import degrade
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import pictures_of

GOLDEN = Path(__file__).parents[1] / "golden"
GOOD = "Sharp, without noise. Overall, the quality of this image is good."


def choice(options: list[str], truth: str) -> Item:
    return Item(
        id="1", part="perception", kind="choice", question="Is it blurred?", truth=truth, cluster="c",
        options=dict(zip("ABCD", options, strict=False)), media=(Media(path="/a.png"),),
    )  # fmt: skip


def described(truth: str, part: str = "reasoning") -> Item:
    return Item(id="1", part=part, kind="caption", question="Describe.", truth=truth, cluster="c")


def mark(item: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(item, [Reply(id="1", text=reply)], convention=convention)


def judged(item: Item, reply: str, verdicts: list[str]) -> Mark:
    return BENCHMARK.judged_by(item, mark(item, reply), [Reply(id="1", text=text) for text in verdicts])


@pytest.mark.evidence("medq-bench", "L2", "1600 replies and verdicts: letters, hits and marks as the released scorer")
def test_the_released_scorer() -> None:
    golden = json.loads((GOLDEN / "scorer_medq_bench.json").read_text(encoding="utf-8"))
    assert golden["disagreements"] == len(golden["explained"]) == 0
    assert (len(golden["cases"]), len(golden["judged"])) == (56, 60)
    for case in golden["cases"]:
        item = choice(case["options"], case["gold"])
        assert mark(item, case["reply"], "as-released").values["accuracy"] == case["hit"], case
        assert mark(item, case["reply"]).values["accuracy"] == case["strict"], case
    for case in golden["judged"]:
        assert parse_judge(case["reply"], judge="medq_bench").value == case["mark"], case


@pytest.mark.evidence(
    "medq-bench", "L2", "an article at the start is a letter to the release, never to the strict rule"
)
def test_letters_of_the_card() -> None:
    item = choice(["None", "Mild", "Moderate", "Severe"], "C")
    sentence = "A slightly blurred image, so C"
    assert mark(item, sentence, "as-released").said == "A"
    assert mark(item, sentence).said in ("C", "")
    assert mark(choice(["None", "Moderate"], "B"), "B. Moderate", "as-released").values["accuracy"] == 1


@pytest.mark.evidence("medq-bench", "L2", "the closing judgement by rule: 2, 1, 0 by grades; 2 or 0 by winners")
def test_quality_by_rule() -> None:
    assert quality_by_rule("reasoning", GOOD, "Overall, the quality of this image is usable.") == 1
    assert quality_by_rule("reasoning", GOOD, "Noisy. Overall, the quality of this image is reject.") == 0
    assert quality_by_rule("reasoning", GOOD, GOOD) == 2
    assert quality_by_rule("reasoning", GOOD, "") == 0
    assert math.isnan(quality_by_rule("reasoning", "A reference without a grade.", GOOD))
    better = "Image A is sharp. Image A has higher quality."
    assert quality_by_rule("pairs", better, "Image B is worse than image A.") == 2
    assert quality_by_rule("pairs", better, "The second image is better.") == 0
    lost = mark(described(GOOD), "I see a liver.")
    assert (lost.values["quality_rule"], lost.status) == (0, "unparsed")


@pytest.mark.evidence(
    "medq-bench", "L2", "overall is the sum of the four axes, published ones too; lost ones counted"
)
def test_the_four_axes() -> None:
    found = judged(described(GOOD), GOOD, ["Score: 2", '{"score": 1}', "1", "Score: 25"])
    assert [found.values[axis] for axis in AXES] == [2, 1, 1, 2]
    assert (found.values["overall"], found.values["judge_unread"], found.values["quality_agreement"]) == (6, 0, 1)
    lost = judged(described(GOOD), GOOD, ["Score: 2", "score: 2", "very good", ""])
    assert math.isnan(lost.values["overall"])
    assert (lost.values["judge_unread"], lost.status, lost.rule) == (0.75, "unparsed", "judge: 3 of 4 unread")
    table = {(one.part, one.model, one.metric): one.value for one in BENCHMARK.published}
    for part, model in {(part, model) for part, model, metric in table if metric == "overall"}:
        assert sum(table[part, model, axis] for axis in AXES) == pytest.approx(
            table[part, model, "overall"], abs=2e-3
        ), "each of the four is rounded to 0.0005"


@pytest.mark.evidence("medq-bench", "L2", "agreement of rule and judge: quadratic kappa of a table worked by hand")
def test_agreement_with_the_judge() -> None:
    """Rule 0 0 1 2 2 2 and judge 0 1 1 2 2 1: disagreements cost 1 + 1 = 2.

    Rows hold 2, 1, 3 and columns 1, 3, 2; by chance (2·3 + 2·2·4 + 1·1 + 1·2 + 3·1·4 + 3·3) / 6 = 46/6, so that
    kappa is 1 - 2 / (46/6) = 1 - 12/46.
    """
    marks = [
        Mark(values={"quality_rule": rule, "quality_accuracy": judge})
        for rule, judge in ((0, 0), (0, 1), (1, 1), (2, 2), (2, 2), (2, 1), (2, math.nan), (1, 1.5))
    ]
    table = agreement_table(marks)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 2]]
    assert kappa(table, weights="quadratic") == pytest.approx(1 - 12 / 46)


@pytest.mark.evidence("medq-bench", "L2", "prompts and the judge's rubrics are the kit's")
def test_prompts() -> None:
    golden = json.loads((GOLDEN / "prompts_medq_bench.json").read_text(encoding="utf-8"))
    request = BENCHMARK.ask(choice(["Yes", "No"], "A"), (), arm="direct", shots=())
    assert request is not None
    assert text_of(request.messages) == golden["perception"]
    for part in ("reasoning", "pairs"):
        item = described("It is blurred. Overall bad.", part)
        asked = BENCHMARK.judges(item, [Reply(id="1", text="It is sharp. Overall good.")])
        assert [text_of(one.messages) for one in asked] == [golden[f"{part}_{axis}"] for axis in AXES]
    closed = choice(["Yes", "No"], "A")
    assert BENCHMARK.judges(closed, [Reply(id="1", text="A")]) == ()
    assert BENCHMARK.judged_by(closed, mark(closed, "A"), []) == mark(closed, "A")


def test_words_of_a_description_cannot_stand_for_a_place() -> None:
    asked = BENCHMARK.judges(described("THE REFERENCE"), [Reply(id="1", text="better than GOLDEN DESC")])
    assert all(text_of(one.messages).count("THE REFERENCE") == 1 for one in asked[:3:2])
    assert all("better than GOLDEN DESC" in text_of(one.messages) for one in asked)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("medq")
    BENCHMARK.write_twin(folder, patients=7, seed=0)
    return folder


def test_the_twin_is_read_as_the_release(root: Path) -> None:
    golden = json.loads((GOLDEN / "prompts_medq_bench.json").read_text(encoding="utf-8"))
    items = list(BENCHMARK.items(root, parts=BENCHMARK.parts, split="test"))
    assert Counter(item.part for item in items) == {"perception": 18, "reasoning": 6, "pairs": 6}
    assert len(list(BENCHMARK.items(root, parts=BENCHMARK.parts, split="val"))) == 5
    assert {item.fields["question_type"] for item in items[:18]} == {"yes-or-no", "what", "how"}
    for item in items:
        assert len(item.media) == (2 if item.part == "pairs" else 1)
        if item.kind == "caption":
            assert item.question == golden[item.part].rpartition("<image>")[2]
            assert mark(item, item.truth).values["quality_rule"] == 2
        else:
            assert mark(item, BENCHMARK.right(item, ())).values["accuracy"] == 1
    assert BENCHMARK.parts_at(root) == BENCHMARK.parts
    assert BENCHMARK.parts_at(root / "unpacked") == ()
    with pytest.raises(DataError, match=r"no medqbench_QA_test\.tsv"):
        list(BENCHMARK.items(root / "unpacked", parts=("perception",), split="test"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"answer": "E"}, "answer is 'E', expected a letter"),
        ({"answer": "3"}, "answer is '3', expected a letter"),
        ({"question": None}, "question or description is empty"),
        ({"image": None, "image_path": "[1"}, "image_path is '\\[1'"),
    ],
)
def test_odd_rows_are_named(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    row = {"index": 0, "question": "Blurred?", "A": "Yes", "B": "No", "answer": "A", "image": None, "image_path": "a"}
    write_picture_table(tmp_path / "medqbench_QA_test.tsv", [row | changed])
    with pytest.raises(DataError, match=rf"medqbench_QA_test\.tsv, line 2: {told}"):
        list(BENCHMARK.items(tmp_path, parts=("perception",), split="test"))


def test_pictures_by_path_and_missing_ones(tmp_path: Path) -> None:
    row = {"index": 0, "description": GOOD, "image_path": "['x/a.png', 'x/b.png']"}
    write_picture_table(tmp_path / "medqbench_paired_description_test.tsv", [row, row | {"image_path": None}])
    both, none = BENCHMARK.items(tmp_path, parts=("pairs",), split="test")
    assert [media.path for media in both.media] == [str(tmp_path / "x" / name) for name in ("a.png", "b.png")]
    assert [media.path for media in none.media] == ["/missing picture of row 0"] * 2


@pytest.mark.evidence("medq-bench", "L2", "severities of the simulator fall in PSNR, each fault of each modality")
@pytest.mark.parametrize("preset", ["Fundus", "Histopathology", "MRI"])
def test_severities_are_monotone(preset: str) -> None:
    patient = draw_patient(
        0, 1, preset={"Fundus": "fundus", "Histopathology": "pathology", "MRI": "brain-mr"}[preset]
    )
    plain = twin.plain_picture(pictures_of(patient, 72)[0])
    for fault in twin.FAULTS[preset]:
        losses = [
            degrade(plain, fault, rng=np.random.default_rng(0), severity=severity).psnr
            for severity in ("none", "mild", "moderate", "severe")
        ]
        assert losses == sorted(losses, reverse=True), fault
        assert len(set(losses)) == 4, fault


@pytest.mark.evidence("medq-bench", "L2", "a small model of pictures beats the prior, and mild is hardest")
def test_a_small_model_sees_severity() -> None:
    """Nearest mean of two numbers of a picture among other patients: noise and blur, none, mild and severe."""
    rows = []
    for number in range(24):
        plain = twin.plain_picture(pictures_of(draw_patient(1, number, preset="pathology"), 64)[0])
        fault = ("gaussian_noise", "defocus")[number % 2]
        for severity in twin.LEVELS:
            made = degrade(plain, fault, rng=np.random.default_rng(number), severity=severity).picture
            rows.append((number, severity, _sharpness(made.pixels)))
    right: Counter[str] = Counter()
    for number, severity, seen in rows:
        others = [(label, other) for case, label, other in rows if case != number]
        nearest = sorted(others, key=lambda one: float(np.abs(one[1] - seen).sum()))[:3]
        right[severity] += Counter(label for label, _ in nearest).most_common(1)[0][0] == severity
    assert sum(right.values()) / len(rows) > 0.5 > 1 / 3
    assert right["mild"] == min(right.values())


def _sharpness(pixels: np.ndarray) -> np.ndarray:
    """Logarithms of the mean step between neighbours, and of that between pixels four apart, of a grey picture."""
    grey = pixels.astype(float).mean(axis=-1)
    return np.log([np.abs(np.diff(grey)).mean(), np.abs(grey[:, 4:] - grey[:, :-4]).mean()])
