"""BLEU and ROUGE-L against numbers of the COCO caption code, and in resamples against texts repeated."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.text import bleu, bleu_draws, bleu_statistics, report_tokens, rouge_l


def words(text: str) -> list[str]:
    return text.split()


# Three segments as the Penn-Treebank tokeniser of that code cuts them, lower case, marks dropped.
REFERENCES = [
    words("the heart size is normal no pleural effusion or pneumothorax"),
    words("small left pleural effusion unchanged"),
    words("no acute cardiopulmonary process"),
]
WRITTEN = [
    words("heart size is normal there is no pneumothorax or pleural effusion"),
    words("there is a small left pleural effusion"),
    words("no acute cardiopulmonary process"),
]


def of(written: list[list[str]], references: list[list[str]]) -> np.ndarray:
    return bleu(bleu_statistics(written, references).sum(axis=0))


def test_bleu_of_three_segments() -> None:
    """pycocoevalcap, corpus."""
    expected = [0.772727272692, 0.637729225105, 0.534278833485, 0.433132181124]
    np.testing.assert_allclose(of(WRITTEN, REFERENCES), expected, atol=1e-9)
    first = [0.818181818107, 0.572077553493, 0.417412804443, 0.308781895364]
    np.testing.assert_allclose(of(WRITTEN[:1], REFERENCES[:1]), first, atol=1e-9)
    second = [0.571428571347, 0.534522483742, 0.485285500558, 0.411133616822]
    np.testing.assert_allclose(of(WRITTEN[1:2], REFERENCES[1:2]), second, atol=1e-9)


def test_bleu_by_hand() -> None:
    """3 of 3, 1 of 2, 0 of 1; penalty e^(-1/3)."""
    found = of([words("no acute disease")], [words("no acute cardiopulmonary disease")])
    np.testing.assert_allclose(found[:2], [exp(-1 / 3), exp(-1 / 3) * 0.5**0.5], atol=1e-8)
    assert found[3] == pytest.approx(3.388267e-06, rel=1e-4)


def test_rouge_l() -> None:
    np.testing.assert_allclose(rouge_l(WRITTEN, REFERENCES), [0.672440945, 0.687323944, 1], atol=1e-9)
    assert rouge_l([words("no acute disease")], [words("no acute cardiopulmonary disease")])[0] == pytest.approx(
        0.835616438
    )
    assert rouge_l([[]], [["a"]])[0] == 0


def test_empty_texts_are_worth_nothing() -> None:
    assert of([[]], [["a", "b"]])[0] < 1e-5
    assert of([["a"]], [[]])[0] < 1e-5


def test_resamples_are_those_of_repeated_texts() -> None:
    weights = patient_weights(["a", "a", "b"], resamples=20, seed=0)
    statistics = bleu_statistics(WRITTEN, REFERENCES)
    draws = bleu_draws(statistics, weights)
    counts = weights.items(0, 20)
    for place in range(20):
        repeated = np.repeat(statistics, counts[:, place].astype(int), axis=0)
        np.testing.assert_allclose(draws[place], bleu(repeated.sum(axis=0)))


def test_report_tokens() -> None:
    assert report_tokens("1. Low-lung volumes (ET tube: 3.5 cm).\n2. No effusion, ___ x-ray.") == (
        words("low-lung volumes et tube 35 cm . no effusion x-ray .")
    )
    assert report_tokens("Heart size is normal.  No focal consolidation; 50% PTX.. Stable.") == (
        words("heart size is normal . no focal consolidation 50 ptx . stable .")
    )
    assert report_tokens("") == []


def test_each_text_needs_a_reference() -> None:
    with pytest.raises(DataError, match="1 texts and 2 references"):
        bleu_statistics([["a"]], [["a"], ["b"]])
