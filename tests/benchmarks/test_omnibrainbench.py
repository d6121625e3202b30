"""OmniBrainBench: the release's letters, BLEU and ROUGE, several pictures with their numbers, and odd rows."""

from __future__ import annotations

import json
from collections import Counter
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.benchmarks import _omnibrainbench_twin as twin
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.omnibrainbench import BENCHMARK, released_bleu, text_scores
from vesalius.data.messages import Media, text_of
from vesalius.data.releases.twins import write_json
from vesalius.errors import DataError
from vesalius.evaluation.answering.survey import survey
from vesalius.inference.requests import Reply, Request

GOLDEN = Path(__file__).parents[1] / "golden"


def row(answer: str, *, options: list[str] | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": 1, "question": "Where?", "answer": answer, "image_path": "a.png"}
    made |= {"options": options or list("vwxyz"), "task_label": "Site", "clinical_phase": "Lesion"}
    return made | more


def items_of(root: Path, rows: list[dict[str, Any]], *, part: str = "closed") -> list[Item]:
    write_json(root / f"{twin.FOLDERS[part]}.json", rows)
    return list(BENCHMARK.items(root, parts=(part,), split="test"))


def mark(item: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(item, [Reply(id="1", text=reply)], convention=convention)


def asked(item: Item, arm: str = "direct") -> Request:
    request = BENCHMARK.ask(item, (), arm=arm, shots=())
    assert request is not None
    return request


@pytest.mark.evidence("omnibrainbench", "L2", "2100 replies: letters, BLEU, ROUGE and exact match as the release")
def test_the_released_scorer(tmp_path: Path) -> None:
    golden = json.loads((GOLDEN / "scorer_omnibrainbench.json").read_text(encoding="utf-8"))
    assert golden["disagreements"] == len(golden["explained"]) == 0
    assert (len(golden["cases"]), len(golden["open"])) == (49, 40)
    for case in golden["cases"]:
        (item,) = items_of(tmp_path, [row(case["gold"], options=case["options"])])
        assert item.truth == case["truth"]
        assert mark(item, case["reply"], "as-released").values["accuracy"] == case["right"], case
        assert mark(item, case["reply"]).values["accuracy"] == case["strict"], case
    for case in golden["open"]:
        (item,) = items_of(tmp_path, [row(case["gold"])], part="open")
        found = mark(item, case["reply"], "as-released").values
        assert {name: found[name] for name in case["right"]} == pytest.approx(case["right"], abs=1e-9)


@pytest.mark.evidence(
    "omnibrainbench", "L2", "a right answer as letter or as text counts; the release's slips by name"
)
def test_letters_of_the_card(tmp_path: Path) -> None:
    """Options a to e; the letter is read first, so texts must be longer than a letter."""
    texts = ["aa", "bb", "cc", "dd", "ee"]
    by_letter, by_text, first = items_of(
        tmp_path, [row("C", options=texts), row("cc", options=texts), row("A", options=texts)]
    )
    assert by_letter.truth == by_text.truth == "C"
    for convention in BENCHMARK.conventions:
        assert mark(by_letter, "C. cc", convention).values["accuracy"] == 1
        assert mark(by_text, "cc", convention).values["accuracy"] == 1
    assert mark(by_text, "C. cc").values["accuracy"] == 1
    assert mark(by_text, "C", "as-released").values["accuracy"] == 0, "a letter never meets a text there"
    assert mark(first, "", "as-released").values["accuracy"] == 1, "nothing is likest to the first option"
    assert (mark(first, "").values["accuracy"], mark(first, "").status) == (0, "empty")


@pytest.mark.evidence("omnibrainbench", "L2", "one n-gram order up to two words, two up to four, else four")
def test_bleu_switches_its_order() -> None:
    """One of three words: precision 1, brevity exp(1 - 3/1) = 0.135."""
    assert released_bleu("left", "left frontal lobe") == pytest.approx(exp(-2))
    assert released_bleu("left frontal lobe", "left frontal lobe") == pytest.approx(1)
    # three words: two orders; "left lobe frontal": 3 of 3 words, 0 of 2 pairs: method 4 puts 1/(2·5/ln 3) there, of 2
    assert released_bleu("left lobe frontal", "left frontal lobe") == pytest.approx((np.log(3) / 20) ** 0.5)
    assert released_bleu("", "left") == released_bleu("left", " ") == 0
    same = text_scores("Left lobe", "left lobe")
    assert same["exact_match"] == 1
    assert same["text_mean"] == pytest.approx((same["rouge_1"] + same["rouge_l"] + same["bleu"]) / 3)


@pytest.mark.evidence(
    "omnibrainbench", "L2", "a text and a list of pictures give the same record; none is left silent"
)
def test_pictures_of_a_row(tmp_path: Path) -> None:
    one, same, many, none = items_of(
        tmp_path,
        [row("A", image_path="a.png"), row("A", image_path=["a.png"]), row("A", image_path=["a.png", None, "b.png"]),
         row("A", image_path=[])],
    )  # fmt: skip
    assert one == same
    assert one.media == (Media(path=str(tmp_path / twin.FOLDERS["closed"] / "a.png")),)
    assert (len(many.media), many.fields["pictures"], none.fields["pictures"]) == (2, "several", "none")


@pytest.mark.evidence(
    "omnibrainbench", "L2", "pictures and numbers moved together change nothing for the order-blind"
)
def test_numbers_go_with_their_pictures(tmp_path: Path) -> None:
    folder = tmp_path / twin.FOLDERS["closed"]
    folder.mkdir()
    for grey in range(8):
        Image.fromarray(np.full((4, 4), 200 if grey == 4 else 10 * grey, np.uint8)).save(folder / f"{grey}.png")
    names = [f"{grey}.png" for grey in range(8)]
    (item,) = items_of(tmp_path, [row("E", options=["1", "2", "3", "4", "5"], image_path=names)])
    assert item.fields["beyond_limit"] == "yes"
    assert [len(asked(item, arm).messages[0].media) for arm in ("direct", "first-six", "reversed")] == [8, 6, 8]
    assert _brightest(asked(item)) == _brightest(asked(item, "reversed")) == "5"
    assert asked(item).messages[0].parts[:2] == ("<image_1>: ", item.media[0])
    assert asked(item, "reversed").messages[0].parts[:2] == ("<image_8>: ", item.media[7])


@pytest.mark.evidence(
    "omnibrainbench", "L2", "an item whose pictures are missing is left out by name, not asked blind"
)
def test_missing_pictures_are_named(tmp_path: Path) -> None:
    folder = tmp_path / twin.FOLDERS["closed"]
    folder.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "a.png")
    items_of(tmp_path, [row("A"), row("B", id=2, image_path=["a.png", "gone.png"])])
    found = survey(BENCHMARK, tmp_path, parts=("closed",))
    assert found.ids == {"closed-1"}
    assert found.left_out == (("closed-2", str(folder / "gone.png")),)


def _brightest(request: Request) -> str:
    """Answer with the number before the brightest picture."""
    parts = request.messages[0].parts
    found = {}
    for tag, media in zip(parts[:-1:2], parts[1::2], strict=True):
        assert isinstance(tag, str)
        assert isinstance(media, Media)
        found[tag.strip("<>: ").rpartition("_")[2]] = float(np.asarray(Image.open(media.path)).mean())
    return max(found, key=lambda number: found[number])


@pytest.mark.evidence("omnibrainbench", "L2", "prompts are the release's, direct and with reasoning")
def test_prompts(tmp_path: Path) -> None:
    golden = json.loads((GOLDEN / "prompts_omnibrainbench.json").read_text(encoding="utf-8"))
    (closed,) = items_of(tmp_path, [row("A", image_path=["a.png", "b.png"])])
    (free,) = items_of(tmp_path, [row("left frontal lobe")], part="open")
    for arm in ("direct", "reasoning"):
        assert text_of(asked(closed, arm).messages) == golden[f"choice_{arm}"]
        assert text_of(asked(free, arm).messages) == golden[f"open_{arm}"]
    judged = BENCHMARK.judge(free, [Reply(id="1", text="<answer>left {truth} lobe</answer>")])
    assert judged is not None
    assert text_of(judged.messages) == golden["judge"]


def test_a_judge_of_free_answers(tmp_path: Path) -> None:
    (free,) = items_of(tmp_path, [row("left frontal lobe")], part="open")
    (closed,) = items_of(tmp_path, [row("A")])
    assert BENCHMARK.judge(closed, [Reply(id="1", text="A")]) is None
    plain = mark(free, "frontal lobe of the left side")
    assert "accuracy" not in plain.values
    for verdict, right, status in (
        ("<think>same</think>\n<judge>0</judge>", 1.0, "answered"),
        ("<judge>1</judge>", 0.0, "answered"),
        ("It is correct.", 0.0, "unparsed"),
        ("", 0.0, "unparsed"),
    ):
        judged = BENCHMARK.judged(free, plain, Reply(id="1", text=verdict))
        assert (judged.values["accuracy"], judged.status) == (right, status)
        assert judged.values["exact_match"] == 0, "the judge does not change what the words are worth"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"options": ["v", "w"]}, "options has 2 entries, expected 5"),
        ({"answer": "left"}, "answer is 'left', expected a letter of A to E"),
        ({"answer": " "}, "expected a letter"),
        ({"image_path": {"a": 1}}, "image_path is .* expected text"),
        ({"task_label": None}, "no 'task_label'"),
    ],
)
def test_odd_rows_are_named(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=rf"closed-ended-qa_6823\.json, item 1.*{told}"):
        items_of(tmp_path, [row("A") | changed])


def test_a_missing_list_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"open-ended-qa_2704\.json.*FrankPN"):
        list(BENCHMARK.items(tmp_path, parts=("open",), split="test"))


@pytest.mark.evidence("omnibrainbench", "L2", "fifteen tasks in five phases add up to all questions")
def test_the_twin(tmp_path: Path) -> None:
    BENCHMARK.write_twin(tmp_path, patients=12, seed=0)
    items = list(BENCHMARK.items(tmp_path, parts=BENCHMARK.parts, split="test"))
    assert not list(BENCHMARK.items(tmp_path, parts=BENCHMARK.parts, split="train"))
    closed = [item for item in items if item.part == "closed"]
    tasks = Counter(item.fields["task"] for item in closed)
    assert set(tasks) == {task for names in twin.PHASES.values() for task in names}
    assert len(tasks) == 15
    for phase, names in twin.PHASES.items():
        assert sum(tasks[name] for name in names) == sum(item.fields["phase"] == phase for item in closed)
    assert all(len(item.options) == len(set(item.options.values())) == 5 for item in closed)
    assert all(Path(media.path).exists() for item in items for media in item.media)
    for item in items:
        assert mark(item, BENCHMARK.right(item, ())).values.get("accuracy", 1) == 1
