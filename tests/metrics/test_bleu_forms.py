"""BLEU of sacreBLEU and NLTK against numbers those packages gave, and worked out by hand."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.metrics.bleu import brevity_penalty, nltk_bleu, nltk_counts, order_precisions, sacre_bleu
from vesalius.metrics.ngrams import TokenPairs, one_reference
from vesalius.metrics.text import bleu, bleu_counts
from vesalius.metrics.tokens import mteval

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
E3 = (
    [
        "Heart size is normal. There is no pneumothorax or pleural effusion.",
        "There is a small left pleural effusion.",
        "No acute cardiopulmonary process.",
    ],
    [
        "The heart size is normal. No pleural effusion or pneumothorax.",
        "Small left pleural effusion, unchanged.",
        "No acute cardiopulmonary process.",
    ],
)
E3_PENN = (
    [
        "heart size is normal there is no pneumothorax or pleural effusion",
        "there is a small left pleural effusion",
        "no acute cardiopulmonary process",
    ],
    [
        "the heart size is normal no pleural effusion or pneumothorax",
        "small left pleural effusion unchanged",
        "no acute cardiopulmonary process",
    ],
)


def words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def pair(said: str, *truths: str) -> TokenPairs:
    return TokenPairs([said.split()], [[truth.split() for truth in truths]])


def test_nltk_on_three_segments() -> None:
    counts = nltk_counts(one_reference(words(E3_PENN[0]), words(E3_PENN[1])))
    assert float(nltk_bleu(counts.sum(axis=0))) == pytest.approx(0.433132181150, abs=1e-11)
    first = {smoothing: float(nltk_bleu(counts[0], smoothing=smoothing)) for smoothing in (0, 1, 2, 3, 4, 5, 7)}
    for smoothing in (0, 1, 3, 4):
        assert first[smoothing] == pytest.approx(0.308781895, abs=1e-9)
    assert first[2] == pytest.approx(0.396811245, abs=1e-9)
    assert first[5] == first[7] == pytest.approx(0.389770327, abs=1e-9)
    assert float(nltk_bleu(counts[2], smoothing=5)) == pytest.approx(1.010629663, abs=1e-9), "may exceed 1"


def test_nltk_on_raw_text_as_medevalkit_has_it() -> None:
    cut = [[text.lower().replace(".", " .").split() for text in side] for side in E3]
    counts = nltk_counts(one_reference(cut[0], cut[1]))
    first = [float(nltk_bleu(counts[0], order=order)) for order in range(1, 5)]
    np.testing.assert_allclose(first, [0.846154, 0.593771, 0.458130, 0.372391], atol=1e-6)
    second = [float(nltk_bleu(counts[1], order=order)) for order in range(1, 5)]
    np.testing.assert_allclose(second, [0.5, 0.377964, 0.287685, 0], atol=1e-6)


def test_nltk_against_the_package() -> None:
    truths = [[_penn(truth) for truth in given] for given in GOLDEN["truths"]]
    pairs = TokenPairs(words(GOLDEN["penn"]), truths)
    counts = nltk_counts(pairs)
    for smoothing, scores in GOLDEN["nltk"].items():
        np.testing.assert_allclose(nltk_bleu(counts[:4], smoothing=int(smoothing)), scores, atol=1e-11)
    assert float(nltk_bleu(counts.sum(axis=0))) == pytest.approx(GOLDEN["nltk_corpus"], abs=1e-11)


def _penn(text: str) -> list[str]:
    from vesalius.metrics.penn import penn_tokens

    return penn_tokens(text)


def test_hand_case() -> None:
    """3 of 3, 1 of 2, 0 of 1, none of 0; penalty e^(-1/3) = 0.716531311."""
    case = pair("no acute disease", "no acute cardiopulmonary disease")
    counts, four = nltk_counts(case), bleu_counts(case)
    assert float(bleu(four)[0, 3]) == pytest.approx(3.388267e-06, rel=1e-4)
    assert 8.9e-155 < float(nltk_bleu(counts)[0]) < 9.1e-155
    expected = {1: 0.190536276, 2: 0.457822740, 3: 0.358265655, 4: 0.167935457}
    for smoothing, score in expected.items():
        assert float(nltk_bleu(counts, smoothing=smoothing)[0]) == pytest.approx(score, abs=1e-9)
    assert float(sacre_bleu(four)[0]) == 0
    assert float(sacre_bleu(four, effective_order=True)[0]) == pytest.approx(45.138644055, abs=1e-8)
    assert float(sacre_bleu(four, smoothing="add-k")[0]) == pytest.approx(54.444605966, abs=1e-8)
    np.testing.assert_allclose(order_precisions(counts)[0, :2], np.array([1, 0.5]) * exp(-1 / 3), atol=1e-12)


def test_short_answers() -> None:
    left = pair("left", "left lung")
    assert float(bleu(bleu_counts(left))[0, 0]) == pytest.approx(exp(-1), abs=1e-8)
    assert float(bleu(bleu_counts(left))[0, 1]) == pytest.approx(0.000367879, abs=1e-9)
    assert float(nltk_bleu(nltk_counts(left), order=2, smoothing=1)[0]) == pytest.approx(0.116333694, abs=1e-9)
    same = pair("yes", "yes")
    assert float(bleu(bleu_counts(same))[0, 3]) == pytest.approx(3.16e-05, rel=1e-2)
    assert float(nltk_bleu(nltk_counts(same), smoothing=1)[0]) == pytest.approx(0.177827941, abs=1e-9)


def test_two_references() -> None:
    """Nearest length 3, so no penalty; 4 of 4, 2 of 3, 1 of 2."""
    found = bleu(bleu_counts(pair("a b c x", "a b c d e", "a b x")))[0, :3]
    np.testing.assert_allclose(found, [1, 0.816496581, 0.693361274], atol=1e-9)


def test_sacrebleu_on_raw_text() -> None:
    counts = bleu_counts(one_reference([mteval(text) for text in E3[0]], [mteval(text) for text in E3[1]]))
    assert float(sacre_bleu(counts.sum(axis=0))) == pytest.approx(35.529674378, abs=1e-8)
    added = sacre_bleu(counts.sum(axis=0), smoothing="add-k")
    assert float(added) == pytest.approx(39.154953092, abs=1e-8)
    lower = [[mteval(text.lower()) for text in side] for side in E3]
    lower_counts = bleu_counts(one_reference(lower[0], lower[1]))
    assert float(sacre_bleu(lower_counts.sum(axis=0))) == pytest.approx(47.186754514, abs=1e-8)
    whole = bleu_counts(one_reference(words(E3[0]), words(E3[1])))
    assert float(sacre_bleu(whole.sum(axis=0))) == pytest.approx(21.845218521, abs=1e-8)
    second = {"exp": 22.089591134, "floor": 14.772199912, "add-k": 30.739407648, "none": 0}
    for smoothing, score in second.items():
        found = float(sacre_bleu(counts[1], smoothing=smoothing, effective_order=True))  # type: ignore[arg-type]
        assert found == pytest.approx(score, abs=1e-8)


def test_sacrebleu_against_the_package() -> None:
    pairs = TokenPairs(
        [mteval(text) for text in GOLDEN["said"]], [[mteval(truth) for truth in given] for given in GOLDEN["truths"]]
    )
    counts = bleu_counts(pairs)
    assert float(sacre_bleu(counts.sum(axis=0))) == pytest.approx(GOLDEN["sacrebleu"], abs=1e-10)
    np.testing.assert_allclose(sacre_bleu(counts, effective_order=True), GOLDEN["sacrebleu_sentences"], atol=1e-10)


def test_nothing_said() -> None:
    nothing = pair("", "left lung")
    assert float(sacre_bleu(bleu_counts(nothing))[0]) == 0
    assert float(nltk_bleu(nltk_counts(nothing), smoothing=1)[0]) == 0
    assert float(brevity_penalty(0, 2)) == 0


def test_unknown_forms() -> None:
    counts = bleu_counts(pair("a", "a"))
    with pytest.raises(ConfigError, match="smoothing 'most'"):
        sacre_bleu(counts, smoothing="most")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="method 6"):
        nltk_bleu(counts, smoothing=6)  # type: ignore[arg-type]
