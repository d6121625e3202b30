"""Medical adaptation: grammar and reading of the release, weighed letters, splits, search of prompts, cases."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vesalius.benchmarks._adaptation import alternatives, letter_probabilities
from vesalius.benchmarks._grammar import DEFAULT, sampled_system, sampled_template
from vesalius.benchmarks._suite import write_suite
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.medical_adaptation_progress import BENCHMARK
from vesalius.data.messages import Media, text_of
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.answering.prompt_search import SearchTerms, search_prompts
from vesalius.evaluation.answering.replies import Exam
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import survey
from vesalius.evaluation.win_tie_loss import cases
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.answers import score_choice

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_medical_adaptation_progress.json").read_text(encoding="utf-8"))
PROMPTS: dict[str, Any] = json.loads(
    (GOLDEN / "prompts_medical_adaptation_progress.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adaptation")
    write_suite(root, ("slake", "vqa_rad", "medqa", "medmcqa", "mmmu_med"), patients=16, seed=0)
    return root


def item(**options: str) -> Item:
    return Item(id="one", part="medqa", kind="choice", question="What is seen?", truth="A", options=options,
                cluster="one")  # fmt: skip


def asked(question: Item, arm: str, *shots: Item) -> Request:
    request = BENCHMARK.ask(question, (), arm=arm, shots=shots)
    assert request is not None
    return request


def marked(question: Item, reply: Reply, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(question, [reply], convention=convention)


@pytest.mark.parametrize("seed", list(PROMPTS))
@pytest.mark.evidence("medical-adaptation-progress", "L2", "templates and system prompts by seed are the release's")
def test_templates_of_the_release(seed: str) -> None:
    template, expected, options = sampled_template(int(seed)), PROMPTS[seed], SCORER["options"]
    assert template.asked("What is seen?", options) == expected["asked"]
    assert template.opened("What is seen?", options) == expected["opened"]
    assert template.answered("B", options) == expected["answered"]
    assert sampled_system(int(seed)) == expected["system"]


@pytest.mark.evidence("medical-adaptation-progress", "L2", "letters are read as the release reads them")
def test_letters_of_the_release() -> None:
    for gold, reply, theirs in SCORER["cases"]:
        scored = score_choice(gold, reply, options=SCORER["options"], mode="compat:medical_adaptation")
        assert (scored.parsed.value, scored.correct) == (theirs, float(theirs == gold)), reply
    assert len(SCORER["cases"]) == 100


@pytest.mark.parametrize(
    ("reply", "theirs", "ours"),
    [("It shows pneumonia", 1, 1), ("pneumonia or normal", 0, 0), ("A patient with pneumonia", 0, 1), ("(B)", 1, 1)],
)
@pytest.mark.evidence("medical-adaptation-progress", "L2", "the card's worked replies in both readings")
def test_replies_of_the_card(reply: str, theirs: int, ours: int) -> None:
    question = replace(item(A="normal", B="pneumonia"), truth="B")
    assert marked(question, Reply(id="", text=reply), "as-released").values["accuracy"] == theirs
    assert marked(question, Reply(id="", text=reply)).values["accuracy"] == ours


@pytest.mark.evidence("medical-adaptation-progress", "L2", "weighed letters are renormalised among themselves")
def test_weighed_letters() -> None:
    """Logits 2 and 1, others 9: P(A) = e^2 / (e^2 + e^1) = .731, whatever the others have."""
    whole = math.log(math.exp(2) + math.exp(1) + math.exp(9))
    logs = {"A": 2 - whole, "B": 1 - whole}
    assert letter_probabilities(logs)["A"] == pytest.approx(0.731, abs=5e-4)
    mark = marked(item(A="one", B="two"), Reply(id="", text="B", log_probabilities=logs))
    assert (mark.values["accuracy"], mark.said, mark.rule) == (1, "A", "likeliest letter")
    assert mark.confidence == pytest.approx(0.731, abs=5e-4)
    assert letter_probabilities({"A": -math.inf, "B": -1})["A"] == 0


def test_arms_are_made_from_seeds() -> None:
    question = item(A="one", B="two", C="three")
    assert text_of(asked(question, "grammar").messages) == (
        "[system] The following is a multiple-choice question about medical knowledge. Answer the question by "
        "choosing one of the options from A to C.\n[user] Question: What is seen?\n(A) one\n(B) two\n(C) three"
    )
    drawn = asked(question, "grammar:17+2")
    assert drawn.messages[0].text == sampled_system(2).replace("{}", "C")
    assert drawn.messages[1].text == sampled_template(17).opened(question.question, question.options)
    weighed = asked(question, "constrained:17")
    assert (weighed.choices, weighed.by_likelihood) == (("A", "B", "C"), True)
    assert not asked(question, "grammar:17").choices
    shown = asked(question, "grammar", replace(question, truth="B", media=(Media(path="/x.png"),)))
    assert [message.role for message in shown.messages] == ["system", "user", "assistant", "user"]
    assert shown.messages[2].text == DEFAULT.answered("B", question.options) == "(B) two"
    for name in ("grammar:", "grammar:x", "written:3", "grammar:1+2+3", "constrained:-1"):
        assert BENCHMARK.arm(name) is None, name


@pytest.mark.parametrize(
    ("question", "answer", "options"),
    [
        ("Is there an effusion?", "Yes", ("yes", "no")),
        ("Is the abnormality hyperdense or hypodense?", "Hypodense", ("hyperdense", "hypodense")),
        ("Which is bigger in this image,left lung or left kidney?", "left lung", ("left lung", "left kidney")),
        ("Which is smallest in this image, colon, left lung or liver?", "liver", ("colon", "left lung", "liver")),
        ("Which organ is seen?", "liver", ()),
        ("Is it T1 or T2?", "CT", ()),
    ],
)
def test_options_that_a_question_names(question: str, answer: str, options: tuple[str, ...]) -> None:
    assert alternatives(question, answer) == options


def test_no_question_is_in_two_splits(release: Path) -> None:
    """Validation is cut from another part where a data set has none; demonstrations never come from it."""
    found = {
        split: {one.id for one in BENCHMARK.items(release, parts=BENCHMARK.parts_at(release), split=split)}
        for split in ("train", "val", "test")
    }
    assert not found["train"] & found["val"]
    assert not (found["train"] | found["val"]) & found["test"]
    every = {one.part for one in BENCHMARK.items(release, parts=BENCHMARK.parts_at(release), split="val")}
    assert {"medmcqa", "vqa_rad", "mmmu_pharmacy", "slake"} <= every


class Fond(BasePredictor):
    """Answers rightly where the prompt is one that it likes, else the wrong letter; some items it never knows."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str, truths: dict[str, str], *, likes: str, knows: float = 0.8) -> None:
        self.name, self.truths, self.likes, self.knows = name, truths, likes, knows
        self.asked: list[str] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            name = request.id.rpartition("/")[0]
            self.asked.append(name)
            luck = int(hashlib.sha256(f"{self.name}{name}".encode()).hexdigest()[:8], 16) / 16**8
            liked = self.likes in request.messages[-1].text and luck < self.knows
            right = self.truths[name]
            yield Reply(id=request.id, text=right if liked else "B" if right == "A" else "A")


def truths(root: Path) -> dict[str, str]:
    return {
        one.id: one.truth
        for split in ("train", "val", "test")
        for one in BENCHMARK.items(root, parts=("medqa", "slake", "vqa_rad"), split=split)
    }


@pytest.mark.evidence(
    "medical-adaptation-progress", "L2", "4 × 11 prompts are tried on validation only, and the best is taken again"
)
def test_a_prompt_is_chosen_on_validation_alone(release: Path, tmp_path: Path) -> None:
    right = truths(release)
    held = survey(BENCHMARK, release, parts=("medqa", "slake"))
    exam = Exam(benchmark=BENCHMARK, items=held.items, count=len(held.ids), arm="grammar")
    model = Fond("fond", right, likes="[B] ")
    found = search_prompts(exam, model, held, SearchTerms(count=10), folder=tmp_path / "a")
    assert len([trial for trial in found.trials if trial.part == "medqa"]) == 44
    assert len([trial for trial in found.trials if trial.part == "slake"]) == 11, "visual parts keep their own prompt"
    assert not set(model.asked) & held.ids, "no test item is asked"
    assert {name.partition("-")[0] for name in model.asked} == {"medqa", "slake"}
    best = found.chosen["slake"]
    assert sampled_template(int(best.arm.partition(":")[2])).wrapper == "[{}]"
    assert best.accuracy == max(trial.accuracy for trial in found.trials if trial.part == "slake") > 0
    again = search_prompts(
        exam, Fond("fond", right, likes="[B] "), held, SearchTerms(count=10), folder=tmp_path / "b"
    )
    assert again == found
    stored = search_prompts(exam, model, held, SearchTerms(count=10), folder=tmp_path / "a", ask=False)
    assert stored == found
    assert SearchTerms(count=10, shots=3).draws == tuple(range(10))


def test_a_part_without_validation_items_is_named(release: Path, tmp_path: Path) -> None:
    tests = list(BENCHMARK.items(release, parts=("medqa",), split="test"))
    held = survey(BENCHMARK, release, parts=("medqa",))
    empty = tmp_path / "release" / "medqa" / "questions" / "US"
    shutil.copytree(release / "medqa" / "questions" / "US", empty)
    (empty / "dev.jsonl").write_text("")
    exam = Exam(benchmark=BENCHMARK, items=lambda: tests, count=len(tests), arm="grammar")
    lacking = replace(held, root=tmp_path / "release")
    with pytest.raises(DataError, match=r"nothing to ask in .* split 'val'"):
        search_prompts(exam, Fond("fond", {}, likes=""), lacking, SearchTerms(count=1), folder=tmp_path / "c")


@pytest.mark.evidence(
    "medical-adaptation-progress", "L2", "base and adapted model end to end: own prompts, passports, cases, budget"
)
def test_base_and_adapted_model_are_asked_in_their_own_prompts(release: Path, tmp_path: Path) -> None:
    """Two models of equal knowledge that like different marks: a win by one prompt for both, a tie by own ones."""
    right = truths(release)
    shared: dict[str, Any] = {
        "on": BENCHMARK, "data": release, "parts": ("slake", "vqa_rad"), "controls": False, "report": False,
        "resamples": 50, "safety_items": 0,
    }  # fmt: skip
    models = {"medical": Fond("twin", right, likes="(B) "), "general": Fond("twin", right, likes="[B] ")}
    one_prompt = {name: answer_benchmark(model, out=tmp_path / name, **shared) for name, model in models.items()}
    own = {
        name: answer_benchmark(model, out=tmp_path / f"{name}-own", prompt_search=10, **shared)
        for name, model in models.items()
    }
    assert {case.verdict for case in cases(one_prompt["medical"], one_prompt["general"], resamples=500)} == {"win"}
    found = cases(own["medical"], own["general"], resamples=500)
    assert {(case.part, case.verdict, case.difference) for case in found} == {
        ("slake", "tie", 0),
        ("vqa_rad", "tie", 0),
    }
    task = next(iter(own["general"].document["passports"].values()))["task"]
    assert task["arms"] == {part: trial["arm"] for part, trial in task["search"]["chosen"].items()}
    assert task["search"]["trials_a_part"] == 11
    assert all(len(digest) == 64 for digest in task["search"]["validation"].values())
    with pytest.raises(DataError, match="searched differently"):
        cases(own["medical"], one_prompt["general"])
    with pytest.raises(ConfigError, match="no arm 'gramar'"):
        answer_benchmark(models["medical"], out=tmp_path / "x", arm="gramar", **shared)
