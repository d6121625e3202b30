"""Stems against lists that NLTK's Porter stemmer and the stemmer of METEOR 1.5 made."""

from __future__ import annotations

import pytest

from vesalius.metrics.stems import porter, snowball

PORTER = {
    "effusions": "effus", "pneumothoraces": "pneumothorac", "enlarged": "enlarg", "normally": "normal",
    "dies": "die", "flies": "fli", "happy": "happi", "enjoy": "enjoy", "relational": "relat", "biopsies": "biopsi",
    "hopping": "hop", "falling": "fall", "agreed": "agre", "feed": "feed", "oxygenation": "oxygen", "skies": "sky",
    "radiology": "radiolog", "vertically": "vertic", "controlled": "control", "spied": "spi", "tied": "tie",
    "is": "is", "yyyy": "yyyi", "hopefully": "hope",
}  # fmt: skip
SNOWBALL = {
    "effusions": "effus", "generally": "general", "communism": "communism", "arsenic": "arsenic", "skies": "sky",
    "only": "onli", "gas": "gas", "kiwis": "kiwi", "ties": "tie", "cries": "cri", "hopping": "hop", "hoping": "hope",
    "agreed": "agre", "feed": "feed", "exceeding": "exceed", "outing": "outing", "'s": "'s", "patient's": "patient",
    "radiology": "radiolog", "yellowish": "yellowish", "saying": "say", "illustrative": "illustr", "mass": "mass",
    "bias": "bias", "biases": "bias", "no": "no",
}  # fmt: skip


@pytest.mark.parametrize(("word", "stem"), PORTER.items())
def test_porter_with_the_changes_of_nltk(word: str, stem: str) -> None:
    assert porter(word) == stem


@pytest.mark.parametrize(("word", "stem"), SNOWBALL.items())
def test_snowball_of_2015(word: str, stem: str) -> None:
    assert snowball(word) == stem
