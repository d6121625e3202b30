"""MedEvalKit: parts and layouts, prompts, the card's readings, the release's scorers, judge, reports, rubrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vesalius.benchmarks._reports import finding_values, sentence_values
from vesalius.benchmarks._rubrics import clipped_mean, rubric_score
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.medevalkit import BENCHMARK, released_accuracy
from vesalius.data.datasets.healthbench import Criterion
from vesalius.data.messages import Media, Message, text_of
from vesalius.errors import ConfigError
from vesalius.inference.requests import Reply

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_medevalkit.json").read_text(encoding="utf-8"))
PROMPTS: dict[str, str] = json.loads((GOLDEN / "prompts_medevalkit.json").read_text(encoding="utf-8"))
CARD = {"A": "Effusion", "B": "Pneumonia", "C": "Normal", "D": "Fracture"}


def hand_made(part: str, kind: str, truth: Any, *, language: str = "en", pictures: int = 1, **more: Any) -> Item:
    options = more.pop("options", CARD if kind == "choice" else {})
    media = tuple(Media(path=f"/{number}.png") for number in range(pictures))
    return Item(
        id="one", part=part, kind=kind, question=more.pop("question", "What is seen?"), truth=truth, cluster="one",
        options=options, language=language, media=media, **more,
    )  # fmt: skip


def marked(item: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(item, [Reply(id="one", text=reply)], convention=convention)


def right(item: Item, reply: str, convention: str = "strict") -> float:
    return marked(item, reply, convention).values["accuracy"]


ITEMS = {
    "vqa_rad yes": hand_made("vqa_rad", "closed", "Yes", question="Is there an effusion?"),
    "vqa_rad closed word": hand_made("vqa_rad", "closed", "left"),
    "path_vqa open": hand_made("path_vqa", "open", "blood vessels"),
    "slake_en closed": hand_made("slake_en", "closed", "No"),
    "slake_zh open": hand_made("slake_zh", "open", "左肺", language="zh", question="病变在哪里？"),
    "slake_zh closed": hand_made("slake_zh", "closed", "是", language="zh", question="肺正常吗？"),
    "mmmu_med choice": hand_made("mmmu_med", "choice", "B", question="<image 1> or <image 2>?", pictures=2),
    "mmmu_med open": hand_made("mmmu_med", "open", "['24', '24 %']"),
    "pmc_vqa": hand_made("pmc_vqa", "choice", "B"),
    "omnimedvqa": hand_made("omnimedvqa", "choice", "B", options={"A": "no", "B": "yes"}),
    "medxpertqa_mm": hand_made("medxpertqa_mm", "choice", "B"),
    "pubmedqa": hand_made(
        "pubmedqa", "choice", "C", options={"A": "yes", "B": "no", "C": "maybe"}, pictures=0,
        question="First part.\nSecond part.\nDoes it help?",
    ),
    "medqa": hand_made("medqa", "choice", "A", pictures=0),
    "mimic_cxr": hand_made("mimic_cxr", "report", "Findings: clear Impression: none.", pictures=2),
    "chexpert_plus": hand_made("chexpert_plus", "report", "Findings: clear Impression: none."),
}  # fmt: skip


@pytest.mark.parametrize("arm", ["direct", "reasoning"])
@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.evidence("medevalkit", "L2", "the prompts of fixed items are the release's, letter by letter")
def test_prompts_are_frozen(name: str, arm: str) -> None:
    request = BENCHMARK.ask(ITEMS[name], (), arm=arm, shots=())
    assert request is not None
    assert text_of(request.messages) == PROMPTS[f"{name}, {arm}"]


def test_demonstrations_are_turns_of_the_same_kind() -> None:
    shots = [ITEMS["path_vqa open"], ITEMS["medqa"]]
    request = BENCHMARK.ask(ITEMS["pmc_vqa"], (), arm="direct", shots=shots)
    assert request is not None
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].text == "A"


@pytest.mark.evidence("medevalkit", "L2", "scores of replies equal those of the release's classes")
def test_the_convention_of_the_release_equals_its_scorers() -> None:
    for part, kind, truth, reply, theirs in SCORER["cases"]:
        options = SCORER["pubmedqa"] if part == "pubmedqa" else SCORER["options"]
        item = hand_made(part, kind, truth, options=options if kind == "choice" else {})
        assert right(item, reply, "medevalkit") == theirs, (part, kind, truth, reply)
    assert len(SCORER["cases"]) > 100


@pytest.mark.evidence("medevalkit", "L2", "totals with a judge equal the release's, its two faults included")
def test_totals_of_the_release_with_its_judge() -> None:
    for part, closed, open_judged, closed_judged, theirs in SCORER["totals"]:
        found = released_accuracy(part, closed=closed, open_judged=open_judged, closed_judged=closed_judged)
        assert found == pytest.approx(theirs, abs=1e-12)
    # Two closed items right by rule and judge, two open ones right: 2 + 2 + 2 of 4.
    twice = {"closed": [1, 1], "open_judged": [1, 1]}
    assert released_accuracy("slake_en", **twice, closed_judged=[1, 1]) == 1.5
    assert released_accuracy("path_vqa", **twice) == 0.5
    assert released_accuracy("vqa_rad", **twice) == 1
    with pytest.raises(ConfigError, match="'medqa' has no judge"):
        released_accuracy("medqa", **twice)


@pytest.mark.evidence("medevalkit", "L2", "BLEU and ROUGE of reports equal the release's script")
def test_text_metrics_of_the_release() -> None:
    for said, gold, theirs in SCORER["texts"]:
        assert list(sentence_values(said, gold).values()) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("gold", "reply", "ours", "theirs"),
    [
        *(
            ("B", reply, 1, 1)
            for reply in ("B", "(B)", "The answer is (B).", r"\boxed{B}", "Pneumonia", "B: Pneumonia")
        ),
        ("B", "I choose option B", 1, 0),
        ("C", "not normal; B", 0, 1),
        ("A", "", 0, 1),
    ],
)
@pytest.mark.evidence("medevalkit", "L2", "the card's worked cases of choices, in both readings")
def test_choices_of_the_card(gold: str, reply: str, ours: int, theirs: int) -> None:
    item = hand_made("medqa", "choice", gold)
    assert right(item, reply) == ours
    assert right(item, reply, "medevalkit") == theirs


def test_an_empty_reply_is_wrong_and_counted() -> None:
    assert marked(hand_made("medqa", "choice", "A"), "").status == "empty"


@pytest.mark.parametrize(
    ("reply", "ours", "theirs"),
    [
        ("abnormal", "unparsed", 1),
        ("yes, abnormal", "answered", 0),
        ("No.", "answered", 1),
        ("yes and no", "ambiguous", 0),
    ],
)
def test_yes_and_no_of_the_card(reply: str, ours: str, theirs: int) -> None:
    """The release finds "no" in abnormal, and nothing in a reply that has both substrings."""
    item = hand_made("vqa_rad", "closed", "no")
    assert marked(item, reply).status == ours
    assert right(item, reply, "medevalkit") == theirs


def test_slake_asks_for_the_whole_reply_where_the_gold_is_capitalised() -> None:
    item = hand_made("slake_en", "closed", "Yes")
    assert right(item, "Yes, there is.") == 1
    assert right(item, "Yes, there is.", "medevalkit") == 0
    assert right(item, "Yes.", "medevalkit") == 1


def test_f1_is_printed_as_precision_and_recall_as_f1() -> None:
    """Said 3 words, 2 of the gold's 2: precision 2/3, recall 1, F1 .8."""
    item = hand_made("path_vqa", "open", "left lung")
    expected = {"precision": 2 / 3, "recall": 1, "f1": 0.8}
    assert {name: marked(item, "left lung base").values[name] for name in expected} == pytest.approx(expected)
    plain = marked(item, "left lung base", "medevalkit").values
    assert {name: plain[name] for name in expected} == pytest.approx(expected)
    printed = marked(item, "left lung base", "medevalkit-printed").values
    assert {name: printed[name] for name in expected} == pytest.approx({"precision": 0.8, "recall": 2 / 3, "f1": 1})


def test_closed_items_of_pathvqa_are_lost_by_name_only() -> None:
    item = hand_made("path_vqa", "closed", "yes")
    assert [right(item, "yes", name) for name in ("strict", "medevalkit", "medevalkit-lost")] == [1, 1, 0]
    assert right(hand_made("vqa_rad", "closed", "yes"), "yes", "medevalkit-lost") == 1


def test_chinese_yes_and_words() -> None:
    assert right(ITEMS["slake_zh closed"], "是的，正常。") == 1
    assert right(ITEMS["slake_zh closed"], "不是") == 0
    assert right(ITEMS["slake_zh open"], "左肺") == 1
    assert right(ITEMS["slake_zh open"], "右肺") == 0


def test_mmmu_never_guesses_and_takes_any_of_its_answers() -> None:
    choice = ITEMS["mmmu_med choice"]
    assert right(choice, "(A) is wrong, so (B)", "medevalkit") == 1
    assert marked(choice, "no idea", "medevalkit").status == "unparsed"
    assert right(ITEMS["mmmu_med open"], "24 %") == right(ITEMS["mmmu_med open"], "24") == 1
    assert right(ITEMS["mmmu_med open"], "24", "medevalkit") == 0


def test_the_judge_says_0_for_right() -> None:
    item = ITEMS["path_vqa open"]
    mark = marked(item, "vessels")
    for told, accuracy, status in (
        ("0", 1, "answered"),
        ("1", 0, "answered"),
        ("well", 0, "unparsed"),
        ("", 0, "unparsed"),
    ):
        found = BENCHMARK.judged_by(item, mark, [Reply(id="", text=f"<think>0</think><judge>{told}</judge>")])
        assert (found.values["accuracy"], found.status) == (accuracy, status), told
    asked = BENCHMARK.judges(item, [Reply(id="", text="{truth} and vessels")])
    assert "The user's answer: {truth} and vessels\n" in text_of(asked[0].messages)
    assert not BENCHMARK.judges(ITEMS["slake_en closed"], [Reply(id="", text="No")])
    assert BENCHMARK.judges(ITEMS["vqa_rad closed word"], [Reply(id="", text="right")])


def test_findings_of_reports() -> None:
    """Said one of the two observations, and one that is none: precision 1/2, recall 1/2."""
    reference = "Findings: There is a pneumothorax. There is pulmonary edema. Impression: ."
    written = "Findings: There is a pneumothorax and a rib fracture. No edema. Impression: ."
    assert finding_values(written, reference) == pytest.approx({"f1_14": 0.5, "f1_5": 0})
    assert finding_values(reference, reference) == {"f1_14": 1, "f1_5": 1}


def test_a_rubric_gives_points() -> None:
    """7 of 12 positive points met, and the negative line too: (7 - 5) / 12."""
    criteria = (Criterion("says so", 7, ()), Criterion("says more", 5, ()), Criterion("is wrong", -5, ()))
    assert rubric_score(criteria, [True, False, True]) == pytest.approx(1 / 6)
    assert clipped_mean([-0.5, 0.2]) == 0
    assert clipped_mean([0.5, 1]) == 0.75
    item = hand_made("healthbench", "rubric", criteria, pictures=0,
                     more={"turns": (Message(role="user", parts=("Help me.",)),)})  # fmt: skip
    said = [Reply(id="", text="Do this.")]
    asked = BENCHMARK.judges(item, said)
    assert len(asked) == 3
    assert "# Conversation\nuser: Help me.\n\nassistant: Do this.\n\n# Rubric item\n[7] says so\n" in text_of(
        asked[0].messages
    )
    met = [Reply(id="", text=f'```json\n{{"criteria_met": {one}}}\n```') for one in ("true", "false")]
    mark = BENCHMARK.judged_by(item, marked(item, "Do this."), [*met, met[1]])
    assert mark.values["score"] == pytest.approx(7 / 12)
    assert mark.status == "answered"
    mark = BENCHMARK.judged_by(item, marked(item, "Do this."), [*met, Reply(id="", text="maybe")])
    assert mark.values["score"] == pytest.approx(7 / 12)
    assert mark.status == "unparsed"
