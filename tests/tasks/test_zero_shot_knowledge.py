"""Zero-shot by explanations: what is asked, and the best F1 of any threshold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import CapabilityError
from vesalius.knowledge.vocabulary import explanation
from vesalius.tasks.zero_shot_knowledge import ZeroShotKnowledge


def test_explanations_of_known_and_unknown_concepts():
    said = explanation("pleural_effusion")
    assert said.startswith("pleural effusion. ")
    assert said.count(".") > 2
    assert explanation("ring_sign") == "ring sign."


def test_the_model_is_asked_the_explanation_and_its_logit_is_the_score(data):
    asked = set()

    def match(split, rows, texts):
        asked.update(texts)
        column = data.test.concepts.index("cardiomegaly")
        truth = getattr(data, split).labels[:, column]
        hits = np.array([text.startswith("cardiomegaly.") for text in texts])
        return np.where(hits, np.nan_to_num(truth[list(rows)]) - 0.5, 0.0)

    task = ZeroShotKnowledge()
    table = task.predict(replace(data, match=match))
    assert asked == {explanation(concept) for concept in data.test.concepts}
    scores = {(score.label, score.metric): score for score in task.score(table, resamples=50, seed=0)}
    for metric in ("auroc", "max_f1_test", "accuracy_max_f1_test"):
        assert scores["cardiomegaly", metric].value == 1
    assert {json.loads(text)["prompts"] for text in table.column("detail").to_pylist()} == {"knowledge"}
    macro = scores["macro", "max_f1_test"]
    each = [score.value for (label, metric), score in scores.items() if metric == "max_f1_test" and label != "macro"]
    assert macro.value == pytest.approx(np.mean(each))
    assert macro.low <= macro.value <= macro.high


def test_all_scores_level_are_called_present(data):
    """Best F1 of one level is that of calling all present, 2 p / (1 + p), which stands beside it as chance."""
    task = ZeroShotKnowledge()
    table = task.predict(replace(data, match=lambda split, rows, texts: np.zeros(len(rows))))
    for score in task.score(table, resamples=20, seed=0):
        if score.metric == "max_f1_test" and score.label != "macro":
            assert score.value == pytest.approx(score.extra["chance"])


def test_without_a_model_that_matches_it_says_so(data):
    with pytest.raises(CapabilityError, match="reads image and text together"):
        ZeroShotKnowledge().predict(replace(data, match=None))
