"""Every lexical metric through its one form: goldens, properties, resamples, languages and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.lexical import LEXICAL, REPORT_METRICS, Texts, for_language, lexical_scores, reward

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
SAID = [
    "Heart size is normal. There is no pneumothorax or pleural effusion.",
    "There is a small left pleural effusion.",
    "No acute cardiopulmonary process.",
]
TRUTHS = [
    "The heart size is normal. No pleural effusion or pneumothorax.",
    "Small left pleural effusion, unchanged.",
    "No acute cardiopulmonary process.",
]
EVERY = list(LEXICAL)
EXPECTED = {
    "coco_bleu_1": 0.772727272692, "coco_bleu_4": 0.433132181124, "coco_rouge_l": 0.786588296,
    "meteor_es": 0.467680821622, "cider_d": 6.072208391, "cider": 6.271703561, "sacrebleu": 35.529674378,
    "sacrebleu_lower": 47.186754514, "chrf": 78.712497668, "chrf_pp": 74.105497485,
    "rouge_1": (0.857142857 + 0.666666667 + 1) / 3, "rouge_2_stem": (0.421052632 + 0.6 + 1) / 3,
    "medevalkit_rouge_l": (0.7 + 0.5 + 1) / 3, "exact": 1 / 3, "radcliq_bleu_2": (0.593771 + 0.377964 + 1) / 3,
    "medevalkit_bleu_4": (0.372391 + 0 + 1) / 3,
    "token_f1": (0.9 + 8 / 11 + 1) / 3,
}  # fmt: skip
"""Three segments; the last is by hand: 9 of 10 and 10 words, then 4 of 6 and 5 after `a` is left out."""


def test_three_segments() -> None:
    values = lexical_scores(SAID, TRUTHS, names=list(EXPECTED)).values()
    assert values == pytest.approx(EXPECTED, abs=1e-6)


def test_items_against_the_packages() -> None:
    items = lexical_scores(GOLDEN["said"], GOLDEN["truths"], names=EVERY).items()
    for name in (
        "cider_d",
        "meteor_es",
        "coco_rouge_l",
        "rouge_1",
        "rouge_2",
        "rouge_l",
        "rouge_1_stem",
        "rouge_l_stem",
    ):
        np.testing.assert_allclose(items[name], GOLDEN[name], atol=1e-11, err_msg=name)


def test_order_of_items_does_not_matter() -> None:
    forth = lexical_scores(SAID, TRUTHS, names=EVERY).values()
    back = lexical_scores(SAID[::-1], TRUTHS[::-1], names=EVERY).values()
    assert forth == pytest.approx(back)


def test_the_same_text_has_the_best_value() -> None:
    texts = [*TRUTHS, "Moderate cardiomegaly with mild edema at both bases."]
    values = lexical_scores(texts, texts, names=EVERY).values()
    for name, value in values.items():
        # The added constants of that code and of the package rouge are of this size.
        assert value == pytest.approx(LEXICAL[name].top or 1, abs=1e-7), name


def test_one_more_item_changes_only_metrics_of_rarities() -> None:
    few = lexical_scores(SAID, TRUTHS, names=EVERY).items()
    more = lexical_scores([*SAID, "Left lung."], [*TRUTHS, "No heart."], names=EVERY).items()
    changed = {name for name in EVERY if not np.allclose(few[name], more[name][:3])}
    assert changed == {name for name in EVERY if not LEXICAL[name].alone} == {"cider", "cider_d"}


def test_a_lost_negation_is_one_word() -> None:
    """Why overlap of words is no measure of a report: 2 of 2 words said, one of 3 lost: e^(1 − 3/2)."""
    found = lexical_scores(["pleural effusion"], ["no pleural effusion"], names=["coco_bleu_1"]).values()
    assert found["coco_bleu_1"] == pytest.approx(np.exp(-0.5), abs=1e-6)


def test_resamples_are_those_of_repeated_texts() -> None:
    """Also two systems on the same patients see the same resamples."""
    names = [name for name in EVERY if LEXICAL[name].alone]
    patients = ["a", "a", "b"]
    weights = patient_weights(patients, resamples=12, seed=3)
    draws = lexical_scores(SAID, TRUTHS, names=names).draws(weights)
    counts = weights.items(0, 12).astype(int)
    for place in range(12):
        rows = np.repeat(np.arange(3), counts[:, place])
        again = lexical_scores([SAID[row] for row in rows], [TRUTHS[row] for row in rows], names=names).values()
        assert {name: draws[name][place] for name in names} == pytest.approx(again), place


def test_rarities_stay_in_resamples() -> None:
    scores = lexical_scores(SAID, TRUTHS, names=["cider_d"])
    weights = patient_weights(["a", "b", "c"], resamples=5, seed=0)
    items = scores.items()["cider_d"]
    expected = [(items * weights.items(0, 5)[:, draw]).sum() / 3 for draw in range(5)]
    np.testing.assert_allclose(scores.draws(weights)["cider_d"], expected)


def test_nothing_said_scores_nothing_and_is_counted() -> None:
    scores = lexical_scores(["", " \n", "No acute cardiopulmonary process."], TRUTHS, names=EVERY)
    assert scores.num_empty == 2
    for name, items in scores.items().items():
        np.testing.assert_allclose(items[:2], 0, atol=1e-4, err_msg=name)
        assert np.isfinite(items).all()
    assert scores.values()["rouge_1"] == pytest.approx(1 / 3), "they stay in the denominator"


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>No effusion</body></html>",
        '{"findings": "no effusion"}',
        "。。。",
        "\x00\x01",
        "🫁" * 50,
        "-" * 5000,
    ],
)
def test_strange_text_has_a_finite_score(text: str) -> None:
    values = lexical_scores([text, "left"], ["No effusion.", "left lung"], names=EVERY).values()
    assert all(np.isfinite(value) and 0 <= value <= (LEXICAL[name].top or value) for name, value in values.items())


def test_bad_input() -> None:
    with pytest.raises(DataError, match="1 texts and 2 references"):
        lexical_scores(["a"], ["b", "c"])
    with pytest.raises(DataError, match="item 1 has an empty reference"):
        lexical_scores(["a", "b"], ["a", " "])
    with pytest.raises(DataError, match="item 0 has no reference"):
        lexical_scores(["a"], [[]])
    with pytest.raises(DataError, match="item 1: a text was expected and NoneType was given"):
        lexical_scores(["a", None], ["a", "b"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="lexical metric 'blue' is unknown"):
        lexical_scores(["a"], ["b"], names=["blue"])
    with pytest.raises(ConfigError, match="no tokeniser 'words'"):
        Texts(["a"], ["b"]).pairs("words")
    assert all(np.isnan(value) for value in lexical_scores([], []).values().values())


def test_chinese_is_cut_by_the_character() -> None:
    """`左肺正常` and `右肺正常`: three of four characters, two of three pairs."""
    scores = lexical_scores(["左肺正常"], ["右肺正常"], language="zh").values()
    assert scores["coco_bleu_1"] == pytest.approx(0.75)
    assert scores["coco_bleu_2"] == pytest.approx((0.75 * 2 / 3) ** 0.5)
    assert scores["rouge_1"] == pytest.approx(0.75)
    assert "meteor_es" not in scores
    assert "characters" in for_language("zh")["rouge_l"].label
    with pytest.raises(ConfigError, match="is not defined in this language"):
        lexical_scores(["左"], ["右"], names=["meteor_es"], language="zh")


def test_other_languages_keep_their_letters() -> None:
    scores = lexical_scores(["Kein Pleuraerguss rechts"], ["Kein Pleuraerguss, links"], language="de").values()
    assert scores["rouge_1"] == pytest.approx(2 / 3)


def test_labels_say_how_words_are_cut() -> None:
    assert set(REPORT_METRICS) <= set(LEXICAL)
    assert len({metric.label for metric in LEXICAL.values()}) == len(LEXICAL)
    for metric in LEXICAL.values():
        assert metric.tokeniser in metric.label


def test_rewards() -> None:
    assert reward("meteor_es")(TRUTHS[1], [TRUTHS[1]]) == pytest.approx(1)
    assert reward("chrf")(TRUTHS[1], ["Nothing.", TRUTHS[1]]) == pytest.approx(1)
    assert reward("rouge_l")(SAID[0], TRUTHS[0]) == pytest.approx(2 / 3)  # type: ignore[arg-type]
    assert reward("exact")("", ["yes"]) == 0
    with pytest.raises(ConfigError, match="rarities"):
        reward("cider_d")
    with pytest.raises(ConfigError, match="more of it is not better"):
        reward("length_ratio")
