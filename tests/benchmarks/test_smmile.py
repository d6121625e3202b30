"""SMMILE: conversations, options, letters, exact match, judge, order of demonstrations, published files again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vesalius.benchmarks._smmile_release import problems, write
from vesalius.benchmarks.base import Item
from vesalius.benchmarks.smmile import BENCHMARK, choices_of, normal_form, through_csv
from vesalius.data.messages import Media, text_of
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import survey
from vesalius.evaluation.results import Evaluation
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_smmile.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("smmile")
    BENCHMARK.write_twin(root, patients=16, seed=0)
    return root


def hand_made(*answers: str, kind: str = "choice", truth: str = "") -> Item:
    """Build a problem whose demonstrations have these answers; options come in the order of the texts."""
    options = choices_of(sorted({*answers, truth})) if kind == "choice" else {}
    letters = {text: letter for letter, text in options.items()}
    return Item(
        id="one", part="plusplus-choice" if options else "plusplus-open", kind=kind, question="What colour is it?",
        truth=letters.get(truth, truth), options=options, cluster="family",
        media=tuple(Media(path=f"/{number}.png") for number in range(len(answers) + 1)),
        more={
            "demonstrations": tuple((f"Colour {number}?", answer) for number, answer in enumerate(answers)),
            "copied": tuple(letters.get(answer, answer) for answer in answers),
        },
    )  # fmt: skip


def asked(item: Item, arm: str) -> Request:
    request = BENCHMARK.ask(item, (), arm=arm, shots=())
    assert request is not None
    return request


def marked(item: Item, reply: str, convention: str = "strict") -> tuple[float, str, str]:
    mark = BENCHMARK.mark(item, [Reply(id="one", text=reply)], convention=convention)
    return mark.values["accuracy" if item.options else "exact_match"], mark.said, mark.status


@pytest.mark.evidence(
    "smmile", "L2", "each demonstration is a turn of the user and its answer; options at the query only"
)
def test_the_form_of_the_conversation() -> None:
    item = hand_made("Black.", "Red.", truth="Red.")
    request = asked(item, "icl")
    assert [message.role for message in request.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [message.media for message in request.messages] == [
        item.media[:1],
        (),
        item.media[1:2],
        (),
        item.media[2:],
    ]
    assert [message.text for message in request.messages[:4]] == ["Colour 0?", "Black.", "Colour 1?", "Red."]
    assert "A. Black.\nB. Red.\n" in request.messages[4].text
    assert isinstance(request.messages[4].parts[0], Media), "the picture stands before the question"
    assert [message.role for message in asked(item, "zero-shot").messages] == ["user"]
    assert asked(item, "zero-shot").messages[0] == request.messages[4]
    open_item = hand_made("Black.", kind="open", truth="Red.")
    assert asked(open_item, "zero-shot").messages[0].text == "What colour is it?"
    assert not [media for message in asked(replace(item, media=()), "icl").messages for media in message.media]


@pytest.mark.evidence(
    "smmile", "L2", "the prompts are those of inference_qwen.py and evaluate_LLMJudge.py, letter by letter"
)
def test_the_prompts_are_frozen() -> None:
    items = [
        hand_made("Black.", "Red.", "Black.", truth="Red."),
        hand_made("Yes, {left}.", kind="open", truth="None"),
    ]
    found: dict[str, str] = {}
    for number, item in enumerate(items):
        found |= {f"{number} {arm.name}": text_of(asked(item, arm.name).messages) for arm in BENCHMARK.arms}
    judge = BENCHMARK.judge(items[1], [Reply(id="one", text="No.")])
    assert judge is not None
    found["judge"] = text_of(judge.messages)
    assert BENCHMARK.judge(items[0], [Reply(id="one", text="A")]) is None
    assert found == json.loads((GOLDEN / "prompts_smmile.json").read_text(encoding="utf-8"))


@pytest.mark.evidence(
    "smmile", "L2", "options are the different answers of the problem; black, red, black asks for B"
)
def test_options_of_a_problem(release: Path) -> None:
    assert choices_of(["Black.", "Red.", "Black."]) == {"A": "Black.", "B": "Red."}
    item = hand_made("Black.", "Red.", "Black.", truth="Red.")
    assert (item.options, item.truth) == ({"A": "Black.", "B": "Red."}, "B")
    assert hand_made("Red.", "Black.", truth="Red.").options == item.options, "no order changes a letter"
    with pytest.raises(DataError, match="27 different answers"):
        choices_of(map(str, range(27)))
    families: dict[str, set[str]] = {}
    for one in BENCHMARK.items(release, parts=("plusplus-choice",), split="test"):
        families.setdefault(one.cluster, set()).add(json.dumps(one.options))
        assert one.options[str(one.truth)] == problem_answer(release, one)
    assert {len(found) for found in families.values()} == {1}


def problem_answer(release: Path, item: Item) -> str:
    name = "SMMILE-plusplus" if item.part.startswith("plusplus") else "SMMILE"
    return next(one.query.answer for one in problems(release, name) if item.id.endswith(one.id))


@pytest.mark.evidence(
    "smmile", "L2", "four replies that mean B: the strict rule reads B in all, the script's faults stay"
)
@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("<answer>B</answer>", "B"),
        ("The answer is B.", "B"),
        ("<answer>Correct letter: B.</answer>", "C"),  # first letter of the upper-cased tag: CORRECT
        ("I choose B", "I"),  # "choose B" wants a dot or a space behind; the first capital alone is the pronoun
        ("ASSISTANT: B is the answer USER: C", "B"),
        ("nothing of the kind", ""),
    ],
)
def test_letters(reply: str, letter: str) -> None:
    item = hand_made("Black.", "Red.", "White", truth="Red.")
    assert marked(item, reply, "as-released")[1] == letter
    if letter and "USER" not in reply:
        assert marked(item, reply) == (1, "B", "answered")


@pytest.mark.evidence(
    "smmile", "L2", "normal forms: Black. equals black, It is black does not; missing values as in the CSV"
)
def test_exact_match_by_hand() -> None:
    item = hand_made("Red.", kind="open", truth="Black.")
    assert [marked(item, reply)[0] for reply in ("black", "  BLACK!", "It is black", "")] == [1, 1, 0, 0]
    assert [marked(item, f"<think>red</think><answer>{reply}</answer>")[0] for reply in ("black", "red")] == [1, 0]
    assert marked(item, "<answer>black</answer>", "as-released")[0] == 0
    nothing = hand_made("Red.", kind="open", truth="None")
    assert marked(nothing, "") == (0, "", "empty")
    assert [marked(nothing, reply, "as-released")[0] for reply in ("", "N/A", "none")] == [1, 1, 0]
    assert (normal_form("A,  b.\n"), through_csv("n/a"), through_csv("none")) == ("a b", "nan", "none")


@pytest.mark.evidence("smmile", "L2", "a verdict is one digit; anything else is wrong and counted")
def test_the_judge() -> None:
    item = hand_made("Red.", kind="open", truth="Black.")
    mark = BENCHMARK.mark(item, [Reply(id="one", text="dark")], convention="strict")
    found = {said: BENCHMARK.judged(item, mark, Reply(id="one", text=said)) for said in ("1", "0", "1.", "", "yes")}
    assert [one.values["accuracy"] for one in found.values()] == [1, 0, 0, 0, 0]
    assert [one.status for one in found.values()] == ["answered", "answered", "unparsed", "unparsed", "unparsed"]
    assert found["1"].values["exact_match"] == 0


def test_copying_stands_beside_every_mark() -> None:
    """Demonstrations Black, Red, Black and the truth Red: most frequent wrong, last wrong, one of three right."""
    item = hand_made("Black.", "Red.", "Black.", truth="Red.")
    mark = BENCHMARK.mark(item, [Reply(id="one", text="B")], convention="strict")
    copies = {name: value for name, value in mark.values.items() if name.startswith("copy")}
    assert copies == {"copy_last": 0, "copy_most_frequent": 0, "copy_random": pytest.approx(1 / 3)}


class Copying(BasePredictor):
    """Says the answer of the last demonstration, or, blind to order, the first of all answers by the alphabet."""

    capabilities = frozenset({"generate"})

    def __init__(self, *, last: bool) -> None:
        self.name = "last" if last else "blind"
        self.last = last

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            answers = [message.text for message in request.messages if message.role == "assistant"]
            yield Reply(id=request.id, text=answers[-1] if self.last else min(answers))


def value(done: Evaluation, metric: str, part: str, label: str = "all") -> float:
    score = done.score(f"smmile.{part}", metric, label)
    assert score is not None, (metric, part, label)
    return float(score["value"])


@pytest.mark.evidence(
    "smmile", "L2", "copying the last answer: all right where it is the truth, none elsewhere; blind to order: 0"
)
def test_copying_and_order(release: Path, tmp_path: Path) -> None:
    parts = ("plusplus-open", "plusplus-choice")
    done = {
        last: answer_benchmark(
            Copying(last=last), on=BENCHMARK, data=release, out=tmp_path / str(last), parts=parts, resamples=20,
            controls=False, report=False,
        )
        for last in (True, False)
    }  # fmt: skip
    shown: dict[str, list[str]] = {}
    for problem in problems(release, "SMMILE-plusplus"):
        shown.setdefault(problem.family, []).append(problem.demonstrations[-1].answer)
    pairs = [[a != b for at, a in enumerate(one) for b in one[at + 1 :]] for one in shown.values()]
    most = sum(sum(one) / len(one) for one in pairs) / len(pairs)
    assert most > 0.3
    for part, metric in zip(parts, ("exact_match", "accuracy"), strict=True):
        assert value(done[True], metric, part, "last_is_right=yes") == 1
        assert value(done[True], metric, part, "last_is_right=no") == 0
        assert value(done[True], metric, part) == value(done[True], "copy_last", part)
        assert value(done[True], "order_sensitivity", part) == pytest.approx(most)
        assert value(done[False], "order_sensitivity", part) == value(done[False], "order_flips", part) == 0
    score = done[True].score("smmile.plusplus-open", "exact_match", "all")
    assert score is not None
    orders = sum(len(one) for one in shown.values())
    assert (score["n"], score["n_patients"]) == (orders, len(shown)), "permutations are one cluster"
    assert orders > 2 * len(shown)


@pytest.mark.parametrize(("said", "sensitivity", "flips"), [("AAA", 0, 0), ("AAB", 2 / 3, 1), ("AB?", 1, 1)])
def test_order_of_one_problem_by_hand(said: str, sensitivity: float, flips: int) -> None:
    """Of three pairs of orders none, two or all are answered differently; B is right."""
    item = hand_made("Black.", "Red.", truth="Red.")
    marks = [(item, BENCHMARK.mark(item, [Reply(id="one", text=one)], convention="strict")) for one in said]
    last = list(BENCHMARK.gather(marks, convention="strict"))[-1][1]
    assert last.values == {"order_sensitivity": pytest.approx(sensitivity), "order_flips": flips}


@pytest.mark.evidence(
    "smmile", "L2", "letters of 3012 replies by the four extractors and exact match of 676 pairs equal the release's"
)
def test_equal_to_the_official_scorer() -> None:
    assert SCORER["disagreements"] == 0
    options = SCORER["options"]
    item = replace(hand_made("a", truth="a"), options=options, truth="B")
    for case in SCORER["cases"]:
        for convention, letter in case["letters"].items():
            assert marked(item, case["reply"], convention)[1] == letter, (case["reply"], convention)
    for pair in SCORER["exact"]:
        one = hand_made("x", kind="open", truth=pair["truth"])
        assert marked(one, pair["reply"], "as-released")[0] == pair["equal"], pair


def test_faults_of_a_release_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Accept its terms on the hub"):
        list(BENCHMARK.items(tmp_path, parts=("open",), split="test"))
    write(tmp_path, patients=8, seed=1)
    path = tmp_path / "SMMILE" / "data" / "train-00000-of-00001.parquet"
    rows = pq.read_table(path).to_pylist()
    lost = rows[0]["problem_id"]
    rows[0]["image"] = None
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    asked_of = survey(BENCHMARK, tmp_path, parts=("open",))
    assert [name for name, _ in asked_of.left_out] == [f"open-{lost}"], "a lost picture takes its problem with it"
    assert not list(BENCHMARK.items(tmp_path, parts=("open",), split="train"))
    pq.write_table(pa.Table.from_pylist([rows[-1]], schema=pq.read_schema(path)), path)
    with pytest.raises(DataError, match="expected demonstrations and a query"):
        list(BENCHMARK.items(tmp_path, parts=("open",), split="test"))


@pytest.mark.real
@pytest.mark.evidence(
    "smmile", "L2", "published result files marked again give the stored exact matches and letters, row by row"
)
def test_published_files_give_the_stored_marks(real_data: Path) -> None:
    folder = real_data / "benchmark-scores" / "smmile"
    csv.field_size_limit(1 << 24)
    known = {one["file"].removeprefix("results/"): one for one in SCORER["files"]}
    checked = 0
    for path in sorted(folder.glob("result_*.csv")):
        stored = known.get(path.name)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if stored is None:
            assert "mcqa" in path.name, "of those with options, three baselines and Qwen's hold no replies"
            continue
        assert len(rows) == stored["items"]
        right = _letters(path.name, rows) if "mcqa" in path.name else _exact(path, rows)
        assert right == stored["correct"], path.name
        checked += 1
    assert checked == 20


def _exact(path: Path, rows: list[dict[str, str]]) -> int:
    stored = json.loads(path.with_name(f"{path.stem}_evaluation.json").read_text(encoding="utf-8"))
    right = 0
    for row in rows:
        item = replace(hand_made("x", kind="open", truth="x"), truth=row["true_answer"])
        mark = marked(item, row["generated_answer"], "as-released")[0]
        assert mark == stored["problem_accuracies"][row["problem_id"]] / 100, row["problem_id"]
        right += int(mark)
    assert right == stored["correct_examples"]
    return right


def _letters(name: str, rows: list[dict[str, str]]) -> int:
    convention = next(
        (rule for word, rule in (("gpt", "openai-script"), ("medgemma", "medgemma-script")) if word in name),
        "as-released",
    )
    right = 0
    for row in rows:
        own = row["full_response"].rpartition("assistant\n")[2] if "llava" in name else row["full_response"]
        item = replace(hand_made("x", truth="y"), truth=row["correct_option"], options={"A": "~~~", "B": "~~~~"})
        mark, letter, _ = marked(item, own, convention)
        assert letter == ("" if row["selected_option"] in ("ERROR", "EXTRACTION_FAILED") else row["selected_option"])
        right += int(mark)
    return right
