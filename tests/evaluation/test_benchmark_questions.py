"""The harness of benchmarks of questions: asking, keeping, resuming, marking, controls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PIL import Image

from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Status
from vesalius.curation.leakage import Contamination
from vesalius.data.messages import Media, Message
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.evaluation.answering.controls import knowing, right_answers
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.safety import probes
from vesalius.evaluation.compare import compare
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.run import rescore
from vesalius.evaluation.why import why
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request


class Colours(Benchmark):
    """Is the picture red? Two questions a picture, ten pictures, half of them red."""

    name = "colours"
    parts = ("red", "blue")
    arms = (Arm(name="plain", words="the question"), Arm(name="polite", words="with please"))
    conventions = MappingProxyType({"strict": "the whole reply", "substring": "the word anywhere in the reply"})
    headlines = (Headline(metric="accuracy"), Headline(metric="accuracy", part="red", over="size"))
    turns = 2

    def __init__(self, folder: Path, count: int = 10) -> None:
        self.folder = folder
        self.count = count
        for number in range(count):
            path = folder / f"{number}.png"
            if not path.exists():
                Image.new("RGB", (32, 32), (250, 0, 0) if number % 2 else (0, 0, 250)).save(path)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        if split != "test":
            return
        for part in parts:
            for number in range(self.count):
                red = bool(number % 2)
                yield Item(
                    id=f"{part}-{number}", part=part, kind="closed", question=f"Is it {part}?",
                    truth="yes" if red == (part == "red") else "no", cluster=str(number),
                    media=(Media(path=str(self.folder / f"{number}.png")),),
                    fields={"size": "small" if number < 3 else "large"},
                )  # fmt: skip

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        if len(said) == 2:
            return None
        words = ("Please: " if arm == "polite" else "") + item.question if not said else "Are you sure?"
        parts: tuple[str | Media, ...] = (*item.media, words) if not said else (words,)
        return Request(id="", messages=(Message(role="user", parts=parts),))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return "yes" if said else str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        reply = said[0].text
        right = item.truth in reply if convention == "substring" else reply == item.truth
        status: Status = "answered" if reply in ("yes", "no") else "unparsed"
        return Mark(
            values={"accuracy": float(right), "sure": float(said[-1].text == "yes")}, status=status, said=reply
        )

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError


class Looking(BasePredictor):
    """Looks at the first pixel; may break, once or for good, and may be killed after some answers."""

    name = "looking"
    capabilities = frozenset({"generate"})

    def __init__(self, *, stop_after: int = 10**9, broken: str = "", words: str = "") -> None:
        self.stop_after = stop_after
        self.broken = broken
        self.words = words
        self.seen: list[str] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            if len(self.seen) == self.stop_after:
                raise KeyboardInterrupt
            self.seen.append(request.id)
            if request.id == self.broken:
                yield Reply(id=request.id, finish="error", error="connection dropped")
            else:
                yield Reply(id=request.id, text=self._say(request))

    def _say(self, request: Request) -> str:
        shown = request.messages[-1].media
        if not shown:
            return "yes"
        from vesalius.models.media import shown as pictures

        pixel = pictures(shown[0])[0][0, 0]
        red, blue = pixel[0] > 200, pixel[2] > 200
        asked = "red" if "red" in request.messages[-1].text else "blue"
        return ("yes" if (red if asked == "red" else blue) else "no") + self.words


@pytest.fixture
def colours(tmp_path: Path) -> Colours:
    folder = tmp_path / "release"
    folder.mkdir()
    return Colours(folder)


def evaluated(model: Any, colours: Colours, out: Path, **settings: Any) -> Evaluation:
    return answer_benchmark(
        model, on=colours, data=colours.folder, out=out, **({"resamples": 50, "safety_items": 0} | settings)
    )


def value(evaluation: Evaluation, metric: str = "accuracy", *, task: str = "colours.red", label: str = "all",
    control: str = "") -> float:  # fmt: skip
    score = evaluation.score(task, metric, label, control=control)
    assert score is not None
    return float(score["value"])


def test_a_model_that_looks_is_right_and_one_that_does_not_is_at_the_base_rate(
    colours: Colours, tmp_path: Path
) -> None:
    done = evaluated(Looking(), colours, tmp_path / "out")
    assert (
        value(done) == value(done, task="colours.blue") == value(done, task="colours", label="mean over parts") == 1
    )
    assert value(done, label="mean over size") == value(done, label="size=small") == 1
    for control in ("majority", "question-only", "blank"):
        assert value(done, control=control) == 0.5, control
    assert value(done, control="other") < 1
    assert value(done, "unparsed") == value(done, "failed") == 0
    majority = {row["control"] for row in done.controls}
    assert majority == {"majority", "random", "question-only", "blank", "other"}
    score = done.score("colours.red", "accuracy", "all")
    assert score is not None
    assert (score["n"], score["n_patients"]) == (10, 10)


def test_controls_are_models_too(colours: Colours, tmp_path: Path) -> None:
    assert value(evaluated("control:oracle", colours, tmp_path / "oracle")) == 1
    assert value(evaluated("control:majority", colours, tmp_path / "majority")) == 0.5
    with pytest.raises(ConfigError, match="control:blank:MODEL"):
        evaluated("control:blank", colours, tmp_path / "blank")


def test_the_majority_is_that_of_training_where_there_is_one_and_never_the_item_s_own(colours: Colours) -> None:
    asked = list(colours.items(colours.folder, parts=("red", "blue"), split="test"))
    pool = [item for item in asked if item.part == "red" and item.truth == "no"]
    control = knowing("majority", colours, lambda: asked, right_answers(colours, lambda: asked, lambda: pool), seed=0)
    requests = [Request(id=f"{item.id}/0", messages=(Message(role="user", parts=("?",)),)) for item in asked]
    said = {reply.id: reply.text for reply in control.generate(requests)}
    assert {text for name, text in said.items() if name.startswith("red")} == {"no"}
    assert len({text for name, text in said.items() if name.startswith("blue")}) == 1


def test_a_killed_run_goes_on_and_asks_nothing_twice(colours: Colours, tmp_path: Path) -> None:
    first = Looking(stop_after=7)
    with pytest.raises(KeyboardInterrupt):
        evaluated(first, colours, tmp_path / "out", controls=False)
    stored = tmp_path / "out" / "replies.jsonl"
    assert len(stored.read_text().splitlines()) == 7
    with stored.open("a") as file:
        file.write('{"key": "cut off')
    second = Looking()
    done = evaluated(second, colours, tmp_path / "out", controls=False)
    assert not set(first.seen) & set(second.seen)
    assert len(first.seen) + len(second.seen) == 40
    assert value(done) == 1
    again = Looking()
    evaluated(again, colours, tmp_path / "out", controls=False)
    assert not again.seen


def test_a_changed_prompt_is_asked_anew(colours: Colours, tmp_path: Path) -> None:
    evaluated(Looking(), colours, tmp_path / "out", controls=False)
    polite = Looking()
    evaluated(polite, colours, tmp_path / "out", controls=False, arm="polite")
    assert len(polite.seen) == 20, "second turns are asked in the same words"


def test_a_failed_item_is_wrong_counted_and_asked_again(colours: Colours, tmp_path: Path) -> None:
    done = evaluated(Looking(broken="red-3/0"), colours, tmp_path / "out", controls=False)
    assert value(done) == 0.9
    assert value(done, "failed") == 0.1
    assert "of 20 answers 1 failed (connection dropped): what is not" in done.document["warnings"][0]
    assert value(done, "accuracy_parsed") == 1
    mended = Looking()
    done = evaluated(mended, colours, tmp_path / "out", controls=False)
    assert mended.seen == ["red-3/0", "red-3/1"]
    assert value(done) == 1


def test_rules_are_laid_over_stored_replies(colours: Colours, tmp_path: Path) -> None:
    done = evaluated(Looking(words=", surely"), colours, tmp_path / "out", controls=False)
    assert value(done) == 0
    assert value(done, "unparsed") == 1
    assert "of 20 answers 20 could not be read" in done.document["warnings"][0]
    done = evaluated(
        Looking(stop_after=0), colours, tmp_path / "out", controls=False, rescore=True, conventions=("all",)
    )
    assert value(done, task="colours.red@substring") == 1
    assert value(done) == 0
    with pytest.raises(ConfigError, match="did you mean 'substring'"):
        evaluated(Looking(), colours, tmp_path / "out", conventions=("substrng",))
    with pytest.raises(DataError, match="no reply to mark"):
        evaluated(Looking(), colours, tmp_path / "new", rescore=True)


def test_scores_can_be_computed_again_and_compared_in_pairs(colours: Colours, tmp_path: Path) -> None:
    one = evaluated(Looking(), colours, tmp_path / "one")
    other = evaluated("control:majority", colours, tmp_path / "other")
    again = rescore(tmp_path / "one", resamples=50)
    assert again.scores == one.scores
    found = compare([one, other], resamples=200)
    row = next(row for row in found.primary() if row["task"] == "colours.red" and row["label"] == "all")
    assert row["difference"] == 0.5
    assert row["n"] == 10
    assert 0 < row["p_permutation"] < 0.2


def test_a_limit_is_a_nested_draw(colours: Colours, tmp_path: Path) -> None:
    asked = {}
    for limit in (4, 8):
        model = Looking()
        evaluated(model, colours, tmp_path / str(limit), limit=limit, controls=False)
        asked[limit] = {name for name in model.seen if name.endswith("/0")}
        assert len(asked[limit]) == limit
    assert asked[4] < asked[8]


def test_faults_are_named(colours: Colours, tmp_path: Path) -> None:
    (colours.folder / "4.png").unlink()
    done = evaluated(Looking(), colours, tmp_path / "out", controls=False)
    assert "2 items were left out" in done.document["warnings"][0]
    assert "4.png" in done.document["warnings"][0]
    assert done.document["corpus"]["items"]["n"] == 18
    with pytest.raises(ConfigError, match="no part 'green'"):
        evaluated(Looking(), colours, tmp_path / "out", parts=("green",))
    with pytest.raises(ConfigError, match="no arm 'rude'"):
        evaluated(Looking(), colours, tmp_path / "out", arm="rude")
    with pytest.raises(ConfigError, match="--data"):
        answer_benchmark(Looking(), on=colours, out=tmp_path / "out")
    with pytest.raises(DataError, match="demonstrations wanted"):
        evaluated(Looking(), colours, tmp_path / "out", shots=2)
    with pytest.raises(CapabilityError, match="cannot generate"):
        evaluated(BasePredictor(), colours, tmp_path / "out")
    colours.count = 0
    with pytest.raises(DataError, match="nothing to ask"):
        evaluated(Looking(), colours, tmp_path / "out")


def test_a_broken_store_is_named(colours: Colours, tmp_path: Path) -> None:
    evaluated(Looking(), colours, tmp_path / "out", controls=False)
    stored = tmp_path / "out" / "replies.jsonl"
    lines = stored.read_text().splitlines()
    stored.write_text("\n".join([lines[0], "no json", *lines[2:]]) + "\n")
    with pytest.raises(DataError, match=f"byte {len(lines[0].encode()) + 1}"):
        evaluated(Looking(), colours, tmp_path / "out", controls=False)


def test_two_items_of_one_name_are_refused(colours: Colours, tmp_path: Path) -> None:
    colours.parts = ("red", "red")
    with pytest.raises(DataError, match="two items are called 'red-0'"):
        evaluated(Looking(), colours, tmp_path / "out")


def test_passports_hold_what_was_asked(colours: Colours, tmp_path: Path) -> None:
    done = evaluated(Looking(), colours, tmp_path / "out", command="vesalius evaluate")
    stored = json.loads((tmp_path / "out" / "scores.json").read_text())
    passports = {one["control"]: one for one in stored["passports"].values()}
    assert set(passports) == {"", "majority", "random", "question-only", "blank", "other"}
    task = passports[""]["task"]
    assert task["arm"] == "plain"
    assert task["rules"] == ["strict"]
    assert "[user] <image>Is it red?" in task["prompts"]["texts"]
    assert "[user] Is it red?" in passports["question-only"]["task"]["prompts"]["texts"]
    assert done.document["requests"]["model"] == 40


def test_the_safety_sheet_changes_what_should_not_matter(colours: Colours, tmp_path: Path) -> None:
    done = evaluated(Looking(), colours, tmp_path / "out", safety_items=12, controls=False)
    sheet = done.document["safety"]
    rows = {row["probe"]: row for row in sheet["rows"]}
    assert set(rows) == {f"degraded-{word}" for word in ("mild", "moderate", "severe")} | {
        f"wording-{number}" for number in (1, 2, 3, 4)
    }
    assert {row["n"] for row in rows.values()} == {12}
    assert rows["wording-1"]["difference"] == rows["wording-1"]["flipped"] == sheet["wording"]["range"] == 0
    assert "Nobody looked" in sheet["contamination"]
    again = Looking()
    evaluated(again, colours, tmp_path / "out", safety_items=12, controls=False)
    assert not again.seen, "probes are kept, too"


def test_a_model_that_hears_the_wording_flips(colours: Colours, tmp_path: Path) -> None:
    class Polite(Looking):
        def _say(self, request: Request) -> str:
            said = super()._say(request)
            flip = {"yes": "no", "no": "yes"}
            return flip[said] if "colleague" in request.messages[-1].text else said

    sheet = evaluated(Polite(), colours, tmp_path / "out", safety_items=20, controls=False).document["safety"]
    rows = {row["probe"]: row for row in sheet["rows"]}
    assert rows["wording-4"]["flipped"] == 1
    assert rows["wording-4"]["difference"] == -1
    assert sheet["wording"]["range"] == 1


def test_rotated_options_keep_their_truth() -> None:
    item = Item(
        id="1", part="p", kind="choice", question="Which?", truth="B", cluster="1",
        options={"A": "red", "B": "blue", "C": "green"},
    )  # fmt: skip
    rotate = next(probe for probe in probes(seed=0) if probe.name == "options-rotated")
    turned = rotate.change(item)
    assert turned.options == {"A": "blue", "B": "green", "C": "red"}
    assert turned.options[turned.truth] == item.options[item.truth]


def test_seen_items_are_scored_apart(colours: Colours, tmp_path: Path) -> None:
    marks = Contamination(train="t", test="c", test_hash="0", kinds={"3": ("pixels",), "5_test": ("pixels",)})
    path = marks.write(tmp_path / "marks.json")
    done = evaluated(Looking(), colours, tmp_path / "out", controls=False, contamination=str(path))
    seen = done.score("colours.red", "accuracy", "seen=yes")
    assert seen is not None
    assert seen["n"] == 2


class Unsure(Looking):
    """Is wrong half of the time where answers are drawn, and says how sure it is where it is asked."""

    def _say(self, request: Request) -> str:
        said = super()._say(request)
        small = any(request.id.startswith(f"{part}-{number}/") for part in ("red", "blue") for number in range(3))
        return "no" if request.decoding.temperature and small and request.decoding.seed % 2 else said


def test_confidence_is_the_agreement_of_drawn_answers(colours: Colours, tmp_path: Path) -> None:
    done = evaluated(Unsure(), colours, tmp_path / "out", controls=False, confidence="agreement", samples=4)
    assert value(done) == 1, "the greedy answer is what is scored"
    table = done.predictions().to_pylist()
    sure = {row["item"]: row["probability"] for row in table if row["label"] == "accuracy" and "red" in row["task"]}
    assert sure["red-1"] == 0.5
    assert sure["red-2"] == sure["red-9"] == 1
    brier = done.score("colours.red", "brier", "all")
    assert brier is not None
    assert brier["value"] == pytest.approx(0.25 / 10)
    risk = done.score("colours.red", "aurc", "all")
    assert risk is not None and risk["value"] == 0, "no answer is wrong"  # noqa: PT018


def test_confidence_is_stated_where_it_is_asked_for(colours: Colours, tmp_path: Path) -> None:
    class Stating(Looking):
        def _say(self, request: Request) -> str:
            assert "Confidence: <0 to 100>%" in request.messages[-1].text
            return super()._say(request) + "\nConfidence: 80%"

    done = evaluated(
        Stating(), colours, tmp_path / "out", controls=False, confidence="stated", conventions=("substring",)
    )
    row = next(one for one in done.predictions().to_pylist() if one["label"] == "accuracy")
    assert row["probability"] == 0.8


def test_a_failed_request_is_wrong_under_every_rule(colours: Colours, tmp_path: Path) -> None:
    class Generous(Colours):
        def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
            return Mark(values={"accuracy": 1.0})

    lenient = Generous(colours.folder)
    done = evaluated(Looking(broken="red-3/0"), lenient, tmp_path / "out", controls=False, conventions=("all",))
    assert value(done) == value(done, task="colours.red@substring") == 0.9


def test_why_shows_what_a_rule_changes(colours: Colours, tmp_path: Path) -> None:
    evaluated(Looking(words="."), colours, tmp_path / "out", controls=False, conventions=("all",))
    told = why(
        f"{tmp_path / 'out'}#colours.red/accuracy/all", f"{tmp_path / 'out'}#colours.red@substring/accuracy/all"
    )
    ours, theirs = told.rules
    assert (ours.more, theirs.more) == (0, 10)
    assert theirs.words == "the word anywhere in the reply"
    assert theirs.examples[0] == ("red-0", "no.", "no.")
    assert "the difference is the rule and not the model" in told.text()
