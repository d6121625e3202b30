"""MediConfusion: letters, pairs, likelihoods, judge, categories, mining of pairs, identities of constant models."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.mediconfusion import BENCHMARK, CATEGORIES, choice_of_scores, confusing_pairs
from vesalius.data.messages import text_of
from vesalius.data.releases.twins import write_json
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.requests import Reply

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_mediconfusion.json").read_text(encoding="utf-8"))
RELEASED = "as-released"


def row(number: int, *, order: str = "AB", pictures: tuple[int, int] = (1, 2), **changed: Any) -> dict[str, Any]:
    """Write a pair as the release does."""
    return {
        "im_1": f"train/{pictures[0]}.jpg", "im_2": f"train/{pictures[1]}.jpg",
        "im_1_local": pictures[0], "im_2_local": pictures[1],
        "category_1": ["Cardiac"], "category_2": ["Cardiac", "Vascular"],
        "question": f"What is true of number {number}?", "option_A": "It is large", "option_B": "It is small",
        "im_1_correct": order[0], "im_2_correct": order[1],
    } | changed  # fmt: skip


def written(root: Path, rows: Mapping[str, Any]) -> Path:
    write_json(root / "data" / "dataset.json", rows)
    return root


def pair_of(root: Path, **changed: Any) -> list[Item]:
    return list(BENCHMARK.items(written(root, {"1": row(1, **changed)}), parts=("pairs",), split="test"))


def worth(items: list[Item], *replies: str, convention: str = "strict") -> list[tuple[Item, Mark]]:
    marks = [
        (item, BENCHMARK.mark(item, [Reply(id=item.id, text=reply)], convention=convention))
        for item, reply in zip(items, replies, strict=True)
    ]
    return list(BENCHMARK.gather(marks, convention=convention))


@pytest.mark.evidence("mediconfusion", "L2", "scores of closeness choose an option that leads by three points")
def test_option_by_closeness() -> None:
    assert [choice_of_scores(*scores) for scores in ((7, 5), (8, 5), (5, 8), (10, 0), (0, 0))] == [
        "",
        "A",
        "B",
        "A",
        "",
    ]


@pytest.mark.evidence(
    "mediconfusion", "L2", "letters between blanks in the authors' spellings; both or none is invalid"
)
@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("The answer is A.", "A"),
        ("A or B", ""),
        ("a", ""),
        ("(A)", ""),
        ("Answer:B", ""),
        ('("B").', "B"),
        ("so\nB:\nyes", "B"),
    ],
)
def test_letters_of_the_release(tmp_path: Path, reply: str, letter: str) -> None:
    item = pair_of(tmp_path)[0]
    assert BENCHMARK.mark(item, [Reply(id="1", text=reply)], convention=RELEASED).said == letter
    if reply not in ("A or B", "a"):
        strict = BENCHMARK.mark(item, [Reply(id="1", text=reply)], convention="strict")
        assert strict.said == ("B" if "B" in reply else "A"), "the one parser reads what the list leaves out"


@pytest.mark.evidence(
    "mediconfusion", "L2", "worked pairs: both right, confused, and one invalid, left out of the confusion"
)
def test_pairs_by_hand(tmp_path: Path) -> None:
    """Truth (A, B). The second of (A, A) is wrong; of (A, –) it is invalid, and so is the pair."""
    items = pair_of(tmp_path)
    right, same, half = (worth(items, "A", second)[-1][1].values for second in ("B", "A", "no idea"))
    assert right == {"set_accuracy": 1, "confusion": 0, "precision": 1}
    assert (same["set_accuracy"], same["confusion"], math.isnan(same["precision"])) == (0, 1, True)
    assert (half["set_accuracy"], math.isnan(half["confusion"]), math.isnan(half["precision"])) == (0, True, True)
    marks = worth(items, "A", "no idea")
    assert [mark.values["accuracy"] for _, mark in marks[:2]] == [1, 0]
    assert [mark.status for _, mark in marks[:2]] == ["answered", "unparsed"]
    assert marks[2][1].ids == (items[0].id, items[1].id)


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold 176 pairs, half of them with the first picture's truth A, each with pictures of its own."""
    rows = {str(n): row(n, order=("AB", "BA")[n % 2], pictures=(2 * n, 2 * n + 1)) for n in range(176)}
    return written(tmp_path_factory.mktemp("balanced"), rows)


def score(root: Path, reply: Callable[[Item], str], part: str = "pairs") -> dict[str, float]:
    items = list(BENCHMARK.items(root, parts=(part,), split="test"))
    found: dict[str, list[float]] = {}
    for _, mark in worth(items, *map(reply, items)):
        for name, value in mark.values.items():
            found.setdefault(name, []).append(value)
    return {name: float(np.nanmean(values)) for name, values in found.items() if not np.isnan(values).all()}


@pytest.mark.evidence(
    "mediconfusion", "L2", "always A: 50 %, 0, confusion 100 %; the oracle 100, 100, 0; random 25 and 50"
)
def test_identities(balanced: Path) -> None:
    always = score(balanced, lambda item: "A")
    assert (always["accuracy"], always["set_accuracy"], always["confusion"]) == (0.5, 0, 1)
    assert "precision" not in always, "no pair is valid and told apart"
    oracle = score(balanced, lambda item: str(item.truth))
    assert (oracle["accuracy"], oracle["set_accuracy"], oracle["confusion"], oracle["precision"]) == (1, 1, 0, 1)
    draw = np.random.default_rng(0)
    drawn = [score(balanced, lambda item: "AB"[draw.integers(2)]) for _ in range(20)]
    # 1.96 √(.25 · .75 / 176) = .064 for one run of 176 pairs: 19 of 20 runs, or 16; √20 times less for the mean
    assert sum(abs(one["set_accuracy"] - 0.25) < 0.064 for one in drawn) >= 16
    assert abs(np.mean([one["set_accuracy"] for one in drawn]) - 0.25) < 2 * 0.064 / math.sqrt(20)
    assert abs(np.mean([one["confusion"] for one in drawn]) - 0.5) < 2 * 0.074 / math.sqrt(20)


@pytest.mark.evidence(
    "mediconfusion", "L2", "with the options changed over, a liking of a letter and one of a text come apart"
)
def test_the_swapped_part_tells_letters_from_texts(balanced: Path) -> None:
    letter = {part: score(balanced, lambda item: "A", part)["chose_a"] for part in BENCHMARK.parts}
    text = {part: score(balanced, lambda item: "It is large", part)["chose_a"] for part in BENCHMARK.parts}
    assert letter == {"pairs": 1, "swapped": 1}
    assert text == {"pairs": 1, "swapped": 0}
    assert score(balanced, lambda item: str(item.truth), "swapped")["set_accuracy"] == 1
    one, other = (next(BENCHMARK.items(balanced, parts=(part,), split="test")) for part in BENCHMARK.parts)
    assert one.options[str(one.truth)] == other.options[str(other.truth)]
    assert one.media == other.media


@pytest.mark.evidence(
    "mediconfusion", "L2", "GD takes the likelier letter; PS the geometric mean over the tokens of a text"
)
def test_likelihoods(tmp_path: Path) -> None:
    """PS of "It is large": .5 · .2 over two tokens, √.1 = .316; a third token of probability .316 changes nothing."""
    item = pair_of(tmp_path)[0]

    def chosen(convention: str = "strict", **values: tuple[float, int]) -> str:
        names = item.options if set(values) <= {"large", "small"} and values else {}
        texts = {"large": names.get("A", ""), "small": names.get("B", "")}
        reply = Reply(
            id="1",
            log_probabilities={texts.get(name, name): math.log(value) for name, (value, _) in values.items()},
            tokens={texts.get(name, name): count for name, (_, count) in values.items()},
        )
        return BENCHMARK.mark(item, [reply], convention=convention).said

    assert (chosen(A=(0.6, 1), B=(0.4, 1)), chosen(A=(0.4, 1), B=(0.6, 1))) == ("A", "B")
    mean = math.sqrt(0.5 * 0.2)
    assert chosen(large=(0.1, 2), small=(0.3, 1)) == "A", "√.1 is above .3"
    assert chosen(large=(0.1, 2), small=(0.32, 1)) == "B"
    for other in (0.3, 0.32):
        assert chosen(large=(0.1 * mean, 3), small=(other, 1)) == chosen(large=(0.1, 2), small=(other, 1))
    assert chosen(A=(0.5, 1), B=(0.5, 1)) == "", "a tie is no answer"
    assert chosen(RELEASED, A=(0.5, 1), B=(0.5, 1)) == "A"
    assert chosen(RELEASED, large=(0.25, 2), small=(0.25, 2)) == "B"


def test_the_judge(tmp_path: Path) -> None:
    items = pair_of(tmp_path)
    mark = BENCHMARK.mark(items[0], [Reply(id="1", text="it is huge")], convention="strict")
    verdicts = {
        "A: 8\nB: 5\nYour explanation: near": ("A", "answered", 1),
        "A: 7\n\nB: 5\n\nYour explanation: near": ("", "ambiguous", 0),
        "Both are fine.": ("", "unparsed", 0),
    }
    for said, (letter, status, right) in verdicts.items():
        judged = BENCHMARK.judged(items[0], mark, Reply(id="1", text=said))
        assert (judged.said, judged.status, judged.values["accuracy"]) == (letter, status, right), said


@pytest.mark.evidence(
    "mediconfusion", "L2", "rows of categories: a pair counts for each of its pictures, as in the release's table"
)
def test_rows_of_categories(tmp_path: Path) -> None:
    """Two pairs, the first right. Vascular has the second picture of each, Pulmonary one of the first pair only."""
    rows = {"1": row(1, category_1=["Pulmonary"]), "2": row(2, pictures=(3, 4))}
    items = list(BENCHMARK.items(written(tmp_path, rows), parts=("pairs",), split="test"))

    def values(convention: str, category: str) -> list[float]:
        marks = worth(items, "A", "B", "A", "A", convention=convention)
        found = [(item, mark.values.get("set_accuracy")) for item, mark in marks]
        return [value for item, value in found if value is not None and item.fields[category] == "yes"]

    assert set(items[0].fields) == set(CATEGORIES)
    assert values("strict", "Cardiac") == [1, 0], "a pair counts once where either picture has the category"
    assert values(RELEASED, "Cardiac") == [1, 0, 0]
    assert values(RELEASED, "Vascular") == [1, 0]
    assert values(RELEASED, "Pulmonary") == [1]


@pytest.mark.evidence(
    "mediconfusion", "L2", "letters of 2112 replies, the printed table and the judge equal the release's code"
)
def test_equal_to_the_official_scorer(tmp_path: Path) -> None:
    assert SCORER["disagreements"] == 0
    item = pair_of(tmp_path)[0]
    for case in SCORER["cases"]:
        found = BENCHMARK.mark(item, [Reply(id="1", text=case["reply"])], convention=RELEASED).said
        assert found == case["letter"], case["reply"]


@pytest.mark.evidence("mediconfusion", "L2", "the words of every arm and of the judge are those of answering.json")
def test_the_prompts_are_frozen(tmp_path: Path) -> None:
    items = pair_of(tmp_path)
    found: dict[str, str] = {}
    for arm in BENCHMARK.arms:
        asked = BENCHMARK.ask(items[0], (), arm=arm.name, shots=())
        assert asked is not None
        found[arm.name] = text_of(asked.messages)
    judge = BENCHMARK.judge(items[0], [Reply(id="1", text="huge")])
    assert judge is not None
    found["judge"] = text_of(judge.messages)
    assert found == json.loads((GOLDEN / "prompts_mediconfusion.json").read_text(encoding="utf-8"))


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / length


@pytest.mark.evidence(
    "mediconfusion", "L2", "pairs alike for one encoder only are found; a model on that encoder is below chance"
)
def test_mining_on_planted_aliases() -> None:
    """Twenty pictures and their aliases, which differ in a texture that the first encoder hardly sees."""
    draw = np.random.default_rng(1)
    shape, texture = draw.normal(size=(20, 16)), draw.normal(size=(40, 16))
    first = unit(np.concatenate([shape, shape + 0.05 * texture[20:]]))
    second = unit(texture)
    found = confusing_pairs(first, second)
    planted = {(number, number + 20) for number in range(20)}
    assert {tuple(pair) for pair in found.tolist()} == planted
    with pytest.raises(DataError, match="must see the same"):
        confusing_pairs(first, second[:3])
    truth = np.array([(0, 1)] * 20)

    def set_accuracy(features: NDArray[np.float64], axis: NDArray[np.float64]) -> float:
        said = (features @ axis > np.median(features @ axis)).astype(int)
        return float(np.mean([(said[list(pair)] == right).all() for pair, right in zip(found, truth, strict=True)]))

    blind = [set_accuracy(first, draw.normal(size=16)) for _ in range(50)]
    assert np.mean(blind) < 0.1 < 0.25, "below chance: the same option for both pictures"
    target = np.repeat([-1.0, 1.0], 20)
    both = np.concatenate([first, second], axis=1)
    fitted = np.linalg.lstsq(both, target, rcond=None)[0]
    assert set_accuracy(both, fitted) > 0.5


def test_pairs_that_share_pictures_are_one_cluster(tmp_path: Path) -> None:
    rows = {
        "1": row(1), "2": row(2, pictures=(3, 4)), "3": row(3, pictures=(5, 6)), "4": row(4, pictures=(2, 3)),
        "5": row(5, pictures=(7, 8)),
    }  # fmt: skip
    items = list(BENCHMARK.items(written(tmp_path, rows), parts=("pairs",), split="test"))
    groups: dict[str, set[str]] = {}
    for item in items:
        groups.setdefault(item.cluster, set()).add(str(item.more["pair"]))
    assert sorted(map(sorted, groups.values())) == [["1", "2", "4"], ["3"], ["5"]]


def test_faults_of_a_release_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scripts/download\.py"):
        list(BENCHMARK.items(tmp_path, parts=("pairs",), split="test"))
    for rows, told in (
        ({"7": {"question": "?"}}, "dataset.json, 7: no 'im_1_local'"),
        ({"7": row(1, im_2_correct="C")}, "im_2_correct is 'C', expected A or B"),
        ({"7": [1]}, "expected an object"),
        ([1], "expected an object of pairs"),
    ):
        write_json(tmp_path / "data" / "dataset.json", rows)
        with pytest.raises(DataError, match=told):
            list(BENCHMARK.items(tmp_path, parts=("pairs",), split="test"))


def test_the_twin_is_marked_end_to_end(tmp_path: Path) -> None:
    BENCHMARK.write_twin(tmp_path / "twin", patients=16, seed=0)
    done = answer_benchmark(
        "control:oracle", on=BENCHMARK, data=tmp_path / "twin", out=tmp_path / "out", resamples=20, report=False,
        conventions=("all",),
    )  # fmt: skip
    for task in ("mediconfusion.pairs", "mediconfusion.swapped", "mediconfusion.pairs@as-released"):
        found = done.score(task, "set_accuracy", "all")
        assert found is not None
        assert found["value"] == 1
    items = list(BENCHMARK.items(tmp_path / "twin", parts=("pairs",), split="test"))
    assert len({item.cluster for item in items}) == len(items) / 2
    assert not BENCHMARK.ask(items[0], [Reply(id="1")], arm="mc", shots=())
