"""What each rule makes of a reply: the tables of the scoring notes, sections 2 to 5, and worked cases of cards."""

from __future__ import annotations

import math

import pytest

from vesalius.metrics.answers import word_overlap
from vesalius.tasks.answers import parse_choice, score_choice, score_closed, score_open
from vesalius.tasks.answers.rules.llava_med import normalise

OPTIONS = {"A": "Effusion", "B": "Pneumonia", "C": "Normal", "D": "Fracture"}
CLOSED_RULES = ("llava_med", "llava_med_prefix2023", "medevalkit", "lmms_slake", "set_recall")
# gold, reply, a score of each rule ("-": dropped), ours
CLOSED = [
    ("yes", "Yes", "11111", "1 answered"),
    ("yes", "Yes, there is.", "11101", "1 answered"),
    ("no", "There is no effusion.", "11101", "1 answered"),
    ("no", "Nothing abnormal is seen", "11100", "0 unparsed"),
    ("no", "normal", "11100", "0 unparsed"),
    ("no", "Not seen", "11100", "0 unparsed"),
    ("yes", "The lung is abnormal", "0-000", "0 unparsed"),
    ("yes", "I cannot know", "0-000", "0 unparsed"),
    ("yes", "yes and no", "11001", "0 ambiguous"),
    ("no", "Not present; yes it is normal", "11000", "0 answered"),
    ("no", "The image shows an effusion", "00000", "0 unparsed"),
    ("yes", "", "00000", "0 empty"),
]
# gold, reply, LLaVA recall, F1, its "exact", BLEU-1, MedEvalKit equality, F1 of sets, lmms, set recall
OPEN = [
    ("left lung", "left lung", 1, 1, 1, 1, 1, 1, 1, 1),
    ("left lung", "Left lung.", 1, 1, 1, 1, 0, 0.5, 1, 1),
    ("left lung", "the left lung base", 1, 0.8, 0.666667, 0.666667, 0, 0.666667, 0, 1),
    ("left lung", "right lung", 0.5, 0.5, 0.5, 0.5, 0, 0.5, 0, 0.5),
    ("left lung", "lung", 0.5, 0.666667, 1, 0.367879, 0, 0.666667, 0, 0.5),
    ("left lung", "lung lung lung left", 1, 1, 0.5, 0.5, 0, 1, 0, 1),
    ("x-ray", "X ray", 1, 1, 1, 1, 0, 0, 1, 1),
    ("2", "two", 1, 1, 1, 1, 0, 0, 0, 0),
    ("pulmonary edema", "edema of the lungs", 0.5, 0.4, 0.333333, 0.333333, 0, 0.333333, 0, 0.5),
    ("right", "It is not on the right but the left", 1, 0.25, 0.142857, 0.142857, 0, 0.222222, 0, 1),
    ("cardiomegaly", "enlarged heart", 0, 0, 0, 0, 0, 0, 0, 0),
    ("chest x-ray", "xray chest", 0.333333, 0.4, 0.5, 0.303265, 0, 0.5, 0, 0.333333),
    ("pleural effusion, left", "left pleural effusion", 1, 1, 1, 1, 0, 0.666667, 0, 1),
    ("left lung", "", 0, 0, 0, 0, 0, 0, 0, 0),
]
# gold, reply, MedEvalKit, VLMEvalKit, ours
CHOICE = [
    *[("B", reply, 1, 1, "1 answered") for reply in ("B", "(B)", "B.", "The answer is B", "The answer is (B).")],
    *[
        ("B", reply, 1, 1, "1 answered")
        for reply in (r"\boxed{B}", "Pneumonia", "B: Pneumonia", "Answer: B. Pneumonia")
    ],
    ("B", "I choose option B", 0, 1, "1 answered"),
    ("C", "not normal; B", 1, 0, "0 answered"),
    ("A", "", 1, 0, "0 empty"),
    ("B", "A or B", 0, 0, "0 ambiguous"),
    ("B", "Based on the image, A is wrong, so B", 1, 0, "1 answered"),
    ("A", "A large opacity suggests pneumonia", 0, 0, "0 answered"),
    ("B", "I am not sure", 0, 0, "0 refused"),
]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The X-ray, (left) lung: 3. no.", "x ray left lung: 3 no"),
        ("don't; isnt 1,000 a/b", "don't isn't 1000 ab"),
        ("Two lesions - right.", "2 lesions right"),
        ("T2-weighted", "t2 weighted"),
        ("pleural effusion/edema", "pleural effusion edema"),
        (".5 cm 3. x", ".5 cm 3 x"),
        ("none", "0"),
    ],
)
def test_normal_form_of_llava_med(text: str, form: str) -> None:
    assert normalise(text) == form


@pytest.mark.parametrize(("gold", "reply", "rules", "ours"), CLOSED, ids=[row[1] or "empty" for row in CLOSED])
def test_yes_and_no(gold: str, reply: str, rules: str, ours: str) -> None:
    found = [score_closed(gold, reply, mode=f"compat:{name}").correct for name in CLOSED_RULES]
    assert "".join("-" if math.isnan(one) else str(int(one)) for one in found) == rules
    strict = score_closed(gold, reply)
    assert f"{strict.correct:.0f} {strict.parsed.status}" == ours


def test_sums_of_yes_and_no() -> None:
    """8 of 12, 8 of 10, 6, 1, 4 and 3: the same replies."""
    sums = [
        sum(score for row in CLOSED if not math.isnan(score := score_closed(row[0], row[1], mode=mode).correct))
        for mode in (*(f"compat:{name}" for name in CLOSED_RULES), "strict")
    ]
    assert sums == [8, 8, 6, 1, 4, 3]
    assert sum(math.isnan(score_closed(*row[:2], mode="compat:llava_med_prefix2023").correct) for row in CLOSED) == 2


@pytest.mark.parametrize("row", OPEN, ids=[row[1] or "empty" for row in OPEN])
def test_open_items(row: tuple[str, str, float]) -> None:
    gold, reply, *truth = row
    llava = score_open(gold, reply, mode="compat:llava_med").values
    kit = score_open(gold, reply, mode="compat:medevalkit").values
    found = [llava[name] for name in ("recall", "f1", "exact_match", "bleu_1")] + [kit["em"], kit["set_f1"]]
    found.append(score_open(gold, reply, mode="compat:lmms_slake").correct)
    found.append(score_open(gold, reply, mode="compat:set_recall").values["recall"])
    assert found == pytest.approx(truth, abs=5e-7)  # the table has six digits


@pytest.mark.parametrize(("gold", "reply", "kit", "vlm", "ours"), CHOICE, ids=[row[1] or "empty" for row in CHOICE])
def test_multiple_choice(gold: str, reply: str, kit: int, vlm: int, ours: str) -> None:
    assert score_choice(gold, reply, options=OPTIONS, mode="compat:medevalkit").correct == kit
    assert score_choice(gold, reply, options=OPTIONS, mode="compat:vlmevalkit").correct == vlm
    strict = score_choice(gold, reply, options=OPTIONS)
    assert f"{strict.correct:.0f} {strict.parsed.status}" == ours


def test_our_f1_counts_words_as_often_as_both_have_them() -> None:
    values = score_open("left lung", "lung lung lung left").values
    assert values["precision"] == 0.5  # left and one lung of four words
    assert values["recall"] == 1
    assert values["f1"] == pytest.approx(2 / 3)
    assert word_overlap(["a"], []) == (0, 0, 0, 0)


def test_printed_names_of_medevalkit_are_shifted() -> None:
    """Card of MedEvalKit, 5: P 2/3, R 1, F1 .8; the release prints F1 as precision and recall as F1."""
    values = score_open("left lung", "left lung base", mode="compat:medevalkit").values
    assert values["set_precision"] == pytest.approx(2 / 3)
    assert values["printed_precision"] == pytest.approx(0.8)
    assert values["printed_recall"] == pytest.approx(2 / 3)
    assert values["printed_f1"] == 1


@pytest.mark.parametrize("mode", ["medevalkit", "medevalkit_slake"])
def test_gold_in_capitals_asks_for_the_whole_reply_on_slake(mode: str) -> None:
    said = score_closed("No", "There is no effusion.", mode=f"compat:{mode}").correct
    assert said == (mode == "medevalkit")
    assert score_closed("No", "No.", mode=f"compat:{mode}").correct == 1


@pytest.mark.parametrize(
    ("reply", "smmile", "strict"),
    [
        ("<answer>B</answer>", "B", "B"),
        ("The answer is B.", "B", "B"),
        ("<answer>Correct letter: B.</answer>", "C", "B"),
        ("I choose B", "I", "B"),
    ],
)
def test_smmile(reply: str, smmile: str, strict: str) -> None:
    assert parse_choice(reply, OPTIONS, mode="compat:smmile").value == smmile
    assert parse_choice(reply, OPTIONS).value == strict


@pytest.mark.parametrize(
    ("reply", "found"), [("The answer is A.", "A"), ("A or B", None), ("a", None), ("(A)", None), ("Answer:B", None)]
)
def test_mediconfusion(reply: str, found: str | None) -> None:
    assert parse_choice(reply, {"A": "left", "B": "right"}, mode="compat:mediconfusion").value == found


@pytest.mark.parametrize(
    ("reply", "vlm", "strict"),
    [
        ("(B)", "B", "B"),
        ("It is the heart", "B", "B"),
        ("A or B", None, None),
        ("I think B is right because of the clear shape here", None, "B"),
        ("In this picture that I was given I can clearly recognise only the heart", None, "B"),
        ("Cannot determine the answer", None, None),
    ],
)
def test_gmai_mmbench(reply: str, vlm: str | None, strict: str | None) -> None:
    options = {"A": "lung", "B": "heart", "C": "liver", "D": "spleen"}
    assert parse_choice(reply, options, mode="compat:vlmevalkit").value == vlm
    assert parse_choice(reply, options).value == strict


def test_medq_bench_takes_an_article_for_a_letter_and_ours_does_not() -> None:
    reply = "A slightly blurred image, so C"
    assert parse_choice(reply, OPTIONS, mode="compat:medq_bench").value == "A"
    assert parse_choice(reply, OPTIONS).value == "C"
    assert parse_choice("Because of it", OPTIONS, mode="compat:deeptumorvqa").value == "B"
    assert parse_choice("Because of it", OPTIONS).status == "unparsed"


@pytest.mark.parametrize(("reply", "correct"), [("left and right", 0), ("Left lung.", 1), ("the lung", 0)])
def test_sure_vqa_categories(reply: str, correct: float) -> None:
    found = score_closed("left", reply, mode="compat:sure_vqa", candidates=("left", "right"))
    assert found.correct == correct
    assert math.isnan(score_closed("both", reply, mode="compat:sure_vqa", candidates=("left", "right")).correct)
    assert score_closed("left", reply, candidates=("left", "right")).correct == correct


@pytest.mark.parametrize(
    ("reply", "read"), [("Normal", "no"), ("None", "no"), ("Yesterday", "yes"), ("It is so", None), ("yES", None)]
)
def test_temmed_reads_first_letters(reply: str, read: str | None) -> None:
    assert score_closed("Yes.", reply, mode="compat:temmed").parsed.value == read


@pytest.mark.parametrize(
    ("reply", "letter"),
    [("So my answer is B.", "B"), ("My answer is **c.**", "C"), ("My answer is as follows: B", "A"),
     ("My answer is [B]", None), ("B", None), ("My answer is C, my answer is B", "B"), ("my answer is d", "D")],
)  # fmt: skip
def test_temmed_reads_the_closing_phrase(reply: str, letter: str | None) -> None:
    parsed = parse_choice(reply, {"A": "first", "B": "second", "C": "third"}, mode="compat:temmed")
    assert (parsed.value, parsed.status) == (letter, "answered" if letter else "unparsed")
