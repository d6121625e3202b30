"""Retrieval by matching: small galleries, no false wrong answers, and the nearest put in another order."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import CapabilityError, DataError
from vesalius.metrics.retrieval import rank_among
from vesalius.tasks.matching import Matching
from vesalius.tasks.retrieval import Retrieval
from vesalius.tasks.zero_shot_matching import ZeroShotMatching


def scored(data, **settings):
    task = Matching(**settings)
    return {(score.label, score.metric): score for score in task.score(task.predict(data), resamples=50, seed=0)}


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ([3.0, 2.0, 1.0], [True, False, False], 1.0),
        ([1.0, 2.0, 3.0], [True, False, False], 3.0),
        ([2.0, 2.0, 1.0], [True, False, False], 1.5),  # one level: half a place
        ([2.0, 5.0, 4.0], [True, False, True], 2.0),  # the better of two right ones counts
        ([2.0, np.nan, 1.0], [True, False, False], 1.0),  # a gallery of two
        ([2.0, 1.0, 1.0], [False, False, False], np.nan),
    ],
)
def test_rank_among_candidates(scores, right, expected):
    np.testing.assert_equal(rank_among([scores], [right])[0], expected)


def test_a_gallery_holds_one_right_and_k_wrong_ones(data):
    found = scored(data, wrong=3)
    assert {label for label, _ in found} == {"image_to_text", "text_to_image"}
    score = found["image_to_text", "r_at_1"]
    assert score.extra["gallery"] == 4
    assert score.extra["chance"] == pytest.approx(1 / 4)
    assert score.n == 80
    assert score.n_patients == 40
    assert score.value > 0.6
    assert found["image_to_text", "mrr"].value >= score.value


def test_a_study_with_the_same_text_is_no_wrong_answer(data):
    """With all others drawn, a study of 'Normal chest.' (16 of 80) has 64 wrong ones, another one 79."""
    asked = []

    def match(split, rows, texts):
        asked.extend(zip(rows, texts, strict=True))
        return np.zeros(len(texts))

    Matching(wrong=200, reranked=0).predict(replace(data, match=match))
    texts = data.test.texts
    of_normal = [text for row, text in asked[: 16 * 65 + 64 * 80] if texts[row] == "Normal chest."]
    assert len(of_normal) == 16 * 65
    assert of_normal.count("Normal chest.") == 16  # the own one of each


def test_what_knows_nothing_is_at_chance(data):
    noise = replace(data, match=lambda split, rows, texts: np.random.default_rng(0).normal(size=len(rows)))
    score = scored(noise, reranked=0)["image_to_text", "r_at_1"]
    assert score.low <= 1 / 16 <= score.high


def test_reranking_by_the_cosine_itself_changes_no_rank(data):
    ours = scored(data, reranked=80, ks=(1, 5))
    cosine = Retrieval(ks=(1, 5))
    theirs = {(one.label, one.metric): one for one in cosine.score(cosine.predict(data), resamples=50, seed=0)}
    for direction in ("image_to_text", "text_to_image"):
        for metric in ("r_at_1", "r_at_5", "mrr"):
            assert ours[direction, f"{metric}_reranked"].value == pytest.approx(theirs[direction, metric].value)


def test_reranking_moves_only_what_is_among_the_nearest(data):
    """A match that always prefers the right one puts it first where cosine has it among the ten nearest."""
    own = {text: row for row, text in enumerate(data.test.texts)}
    sure = replace(
        data,
        match=lambda split, rows, texts: np.array(
            [float(data.test.texts[row] == data.test.texts[own[text]]) for row, text in zip(rows, texts, strict=True)]
        ),
    )
    found = scored(sure)
    cosine = Retrieval(ks=(10,))
    within = {
        one.label: one for one in cosine.score(cosine.predict(data), resamples=5, seed=0) if one.metric == "r_at_10"
    }
    for direction in ("image_to_text", "text_to_image"):
        assert found[direction, "r_at_1"].value == 1
        assert found[direction, "r_at_1_reranked"].value == within[direction].value


def test_without_text_embeddings_nothing_is_reranked(data):
    assert not [name for _, name in scored(replace(data, embed_text=None)) if name.endswith("reranked")]


def test_studies_without_a_text_are_left_out_and_counted(data):
    texts = ("", " . ", *data.test.texts[2:])
    table = Matching().predict(replace(data, test=replace(data.test, texts=texts)))
    assert table.num_rows == 4 * 78
    assert json.loads(table.column("detail")[0].as_py())["without_text"] == 2
    one = replace(data.test, texts=("Only this.",) * 80)
    with pytest.raises(DataError, match="at least two studies with different texts; 80 of 80 have a text"):
        Matching().predict(replace(data, test=one))


@pytest.mark.parametrize("task", [Matching(), ZeroShotMatching()])
def test_a_model_that_cannot_match_is_refused(task, data):
    with pytest.raises(CapabilityError, match="reads image and text together"):
        task.predict(replace(data, match=None))


def test_zero_shot_by_matching_finds_what_the_sentences_state(data):
    task = ZeroShotMatching()
    found = {(one.label, one.metric): one for one in task.score(task.predict(data), resamples=20, seed=0)}
    assert found["macro", "auroc"].value > 0.8
    assert found["edema", "auroc_template_mean"].extra["templates"] >= 5


def test_zero_shot_score_is_the_mean_logit_for_less_that_against(data):
    """Sentences without a "no" get 3 and the others 1: 3 − 1 = 2, and its probability 1 / (1 + e⁻²) = 0.8808."""

    def match(split, rows, texts):
        return np.array([1.0 if text.lower().startswith("no ") else 3.0 for text in texts])

    table = ZeroShotMatching(prompts="chexzero").predict(replace(data, match=match, val=None))
    first = table.to_pylist()[0]
    assert first["score"] == pytest.approx(2.0)
    assert first["probability"] == pytest.approx(0.880797, abs=1e-6)
    assert first["threshold"] == 0
