"""CIDEr against pycocoevalcap's numbers and against the sums written out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.metrics import ngrams
from vesalius.metrics.cider import cider
from vesalius.metrics.ngrams import TokenPairs, one_reference
from vesalius.metrics.penn import penn_tokens

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
SAID = [
    "heart size is normal there is no pneumothorax or pleural effusion",
    "there is a small left pleural effusion",
    "no acute cardiopulmonary process",
]
TRUTHS = [
    "the heart size is normal no pleural effusion or pneumothorax",
    "small left pleural effusion unchanged",
    "no acute cardiopulmonary process",
]


def words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_three_segments() -> None:
    pairs = one_reference(words(SAID), words(TRUTHS))
    np.testing.assert_allclose(cider(pairs), [3.606763252, 4.609861922, 10], atol=1e-9)
    assert cider(pairs).mean() == pytest.approx(6.072208391, abs=1e-9)
    plain = cider(pairs, clipped=False)
    np.testing.assert_allclose(plain, [3.941897745, 4.873212937, 10], atol=1e-9)
    assert plain.mean() == pytest.approx(6.271703561, abs=1e-9)


@pytest.mark.parametrize("most_keys", [2**62, 1])
def test_several_references_against_the_package(monkeypatch: pytest.MonkeyPatch, most_keys: int) -> None:
    monkeypatch.setattr(ngrams, "_MOST_KEYS", most_keys)
    truths = [[penn_tokens(truth) for truth in given] for given in GOLDEN["truths"]]
    np.testing.assert_allclose(cider(TokenPairs(words(GOLDEN["penn"]), truths)), GOLDEN["cider_d"], atol=1e-11)


def test_three_words_alike_are_worth_three_orders() -> None:
    """A fourth order has no n-gram, so 7.5 of 10; `a` stands in both references and is worth nothing."""
    found = cider(one_reference(words(["x y z", "a"]), words(["x y z", "a b"])))
    assert found[0] == pytest.approx(7.5)


def test_other_texts_matter_here_and_nowhere_else() -> None:
    few = cider(one_reference(words(SAID), words(TRUTHS)))
    more = cider(one_reference(words([*SAID, "x"]), words([*TRUTHS, "no heart"])))
    assert not np.allclose(few[:2], more[:2])


def test_one_item_and_nothing_said() -> None:
    assert cider(one_reference([["a"]], [["a"]])).tolist() == [0], "ln 1 = 0"
    assert cider(one_reference([[], ["x", "y"]], [["a", "b"], ["x", "y"]]))[0] == 0
    assert cider(one_reference([], [])).shape == (0,)
