"""ROUGE of rouge-score and of the package rouge against their numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.metrics.ngrams import TokenPairs
from vesalius.metrics.rouge import package_rouge, rouge_longest, rouge_n, rouge_summary
from vesalius.metrics.text import rouge_l_scores
from vesalius.metrics.tokens import rouge_words, stemmed_rouge_words

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
SAID = [
    "Heart size is normal. There is no pneumothorax or pleural effusion.",
    "There is a small left pleural effusion.",
    "No acute cardiopulmonary process.",
]
TRUTHS = [
    ["The heart size is normal. No pleural effusion or pneumothorax."],
    ["Small left pleural effusion, unchanged."],
    ["No acute cardiopulmonary process."],
]


def f_of(said: list[str], truths: list[list[str]], *, stem: bool = False) -> dict[str, list[float]]:
    cut = stemmed_rouge_words if stem else rouge_words
    pairs = TokenPairs([cut(text) for text in said], [[cut(truth) for truth in given] for given in truths])
    parts = {"1": rouge_n(pairs, order=1), "2": rouge_n(pairs, order=2), "l": rouge_longest(pairs)}
    return {name: part[:, 2].tolist() for name, part in parts.items()}


@pytest.mark.parametrize("stem", [False, True])
def test_three_segments(stem: bool) -> None:
    found = f_of(SAID, TRUTHS, stem=stem)
    np.testing.assert_allclose(found["1"], [0.857142857, 0.666666667, 1], atol=1e-9)
    np.testing.assert_allclose(found["2"], [0.421052632, 0.6, 1], atol=1e-9)
    np.testing.assert_allclose(found["l"], [0.666666667, 0.666666667, 1], atol=1e-9)


def test_against_the_package() -> None:
    for stem, ending in ((False, ""), (True, "_stem")):
        found = f_of(GOLDEN["said"], GOLDEN["truths"], stem=stem)
        for kind, scores in found.items():
            np.testing.assert_allclose(scores, GOLDEN[f"rouge_{kind}{ending}"], atol=1e-11)


def test_hand_case() -> None:
    """3 of 3 and 3 of 4: F = 6/7; bigrams 1 of 2 and 1 of 3: F = 0.4."""
    found = f_of(["no acute disease"], [["no acute cardiopulmonary disease"]])
    assert found["1"][0] == pytest.approx(6 / 7)
    assert found["2"][0] == pytest.approx(0.4)
    assert found["l"][0] == pytest.approx(6 / 7)


def test_lines_in_another_order() -> None:
    """Of the whole text half stands in order; each line alone is met."""
    said, truths = ["d e f\na b c"], [["a b c\nd e f"]]
    assert f_of(said, truths)["l"][0] == pytest.approx(0.5)
    assert rouge_summary(said, truths, tokeniser=rouge_words)[0, 2] == 1


def test_a_word_is_met_once() -> None:
    """Two lines of the reference share the one `a` said: 1 hit of 1 said and 2 there."""
    found = rouge_summary(["a"], [["a\na"]], tokeniser=rouge_words)[0]
    np.testing.assert_allclose(found, [1, 0.5, 2 / 3])


def test_two_references_of_coco() -> None:
    """Best precision 3/4 with the first, best recall 1 with the second: 2.44·.75 / (1 + 1.44·.75)."""
    pairs = TokenPairs([list("abcx")], [[list("abcde"), list("abx")]])
    assert rouge_l_scores(pairs)[0] == pytest.approx(0.879807692, abs=1e-9)


def test_the_package_rouge() -> None:
    expected = [(0.9, 0.421053, 0.7), (0.5, 0.4, 0.5), (1, 1, 1)]
    for text, given, scores in zip(SAID, TRUTHS, expected, strict=True):
        np.testing.assert_allclose(package_rouge(text.lower(), given[0].lower()), scores, atol=1e-6)
    assert package_rouge("", "left") == package_rouge("left", ".") == (0, 0, 0)


def test_nothing_said() -> None:
    found = f_of(["", "..."], [["left lung"], ["left lung"]])
    assert found == {"1": [0, 0], "2": [0, 0], "l": [0, 0]}
