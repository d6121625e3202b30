"""METEOR against numbers of the released program with the stages exact and stem."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.metrics.meteor import FUNCTION_WORDS, meteor, meteor_counts, meteor_words

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
SAID = [
    "heart size is normal there is no pneumothorax or pleural effusion",
    "there is a small left pleural effusion",
    "no acute cardiopulmonary process",
]
TRUTHS = [
    ["the heart size is normal no pleural effusion or pneumothorax"],
    ["small left pleural effusion unchanged"],
    ["no acute cardiopulmonary process"],
]
TABLE = [
    ("the heart is enlarged slightly", "the heart is enlarged", 0.516246182),
    ("a b d c", "a b c d", 0.433547493),
    ("bilateral effusion", "bilateral effusions", 0.8),
    ("left", "left lung", 0.216216216),
]
# Words that repeat, so that the beam is full and its ties decide; scores of the program.
REPEATED = [
    (
        "no effusion no mass no nodule no no the the lung is is normal the heart is is no the no is",
        "the no is no heart is the lung no the is no mass nodule the no effusions is no normal is no",
    ),
    ("a a b a b a a b a b b a the the a", "b a a b a b the a b a a b a the b"),
]  # fmt: skip


def score(said: str, truth: str) -> float:
    return float(meteor(meteor_counts([said], [[truth]]))[0])


def test_three_segments() -> None:
    counts = meteor_counts(SAID, TRUTHS)
    np.testing.assert_allclose(meteor(counts), [0.442323785315, 0.436228024038, 1], atol=1e-11)
    assert float(meteor(counts.sum(axis=0))) == pytest.approx(0.467680821622, abs=1e-11)


@pytest.mark.parametrize(("said", "truth", "expected"), TABLE)
def test_pairs(said: str, truth: str, expected: float) -> None:
    assert score(said, truth) == pytest.approx(expected, abs=1e-9)


def test_by_hand() -> None:
    """Seven words said, three of them function words; P = R = .8, one chunk of four words: .8 (1 − .6 · .25^.2)."""
    assert score(SAID[1], TRUTHS[1][0]) == pytest.approx(0.8 * (1 - 0.6 * 0.25**0.2), abs=1e-12)


def test_a_stem_alone_counts() -> None:
    """The program with synonyms gives 0 here, for then two matches vie for one word and count as none."""
    assert score("effusion noted x y", "effusions seen a b") > 0


def test_against_the_program() -> None:
    from vesalius.metrics.penn import penn_tokens

    truths = [[" ".join(penn_tokens(truth)) for truth in given] for given in GOLDEN["truths"]]
    counts = meteor_counts(GOLDEN["penn"], truths)
    np.testing.assert_allclose(meteor(counts), GOLDEN["meteor_es"], atol=1e-11)
    assert float(meteor(counts.sum(axis=0))) == pytest.approx(GOLDEN["meteor_es_corpus"], abs=1e-11)


@pytest.mark.parametrize(("pair", "expected"), [*zip(REPEATED, GOLDEN["meteor_es_repeated"], strict=True)])
def test_many_alike_words(pair: tuple[str, str], expected: float) -> None:
    assert score(*pair) == pytest.approx(expected, abs=1e-11)


def test_a_lost_no_costs_a_third_of_a_lost_noun() -> None:
    assert "no" in FUNCTION_WORDS
    counts = meteor_counts(["effusion today", "no today"], [["no effusion today"]] * 2)
    lost = counts[:, 3] - counts[:, 1]
    assert lost.tolist() == [0.25, 0.75]


def test_words() -> None:
    assert " ".join(meteor_words("the patient 's x-ray , 3.5 cm and 1,000 ml ; dr. smith")) == (
        "the patient ' s x ray , 3.5 cm and 1,000 ml ; dr. smith"
    )
    assert " ".join(meteor_words("at 5 p.m. is n't normal.")) == "at 5 pm is n 't normal ."
    assert meteor_words("vs. ...") == ["vs.", "..."]
    assert meteor_words("") == []


def test_items_do_not_touch_each_other() -> None:
    """More items than a block, in any order, give the same counts."""
    stream = np.random.default_rng(0)
    texts = [" ".join(stream.choice(list("abcdefg"), size=stream.integers(1, 25))) for _ in range(300)]
    truths = [[text] for text in stream.permutation(texts)]
    counts = meteor_counts(texts, truths)
    order = stream.permutation(300)
    again = meteor_counts([texts[place] for place in order], [truths[place] for place in order])
    np.testing.assert_allclose(again, counts[order])
    alone = np.concatenate([meteor_counts([text], [given]) for text, given in zip(texts[:20], truths, strict=False)])
    np.testing.assert_allclose(alone, counts[:20])


def test_nothing_said_and_endless_text() -> None:
    assert score("", "a b") == 0
    assert meteor(meteor_counts([], [])).shape == (0,)
    endless = score("no effusion " * 5_000, "no effusion")
    assert 0 < endless < 0.01, "words beyond the first thousand count as said"
