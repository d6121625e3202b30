"""Lexical metrics on answers that real models gave, and on real Chinese answers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.metrics.lexical import LEXICAL, for_language, lexical_scores

pytestmark = pytest.mark.real


def test_answers_of_models(real_data: Path) -> None:
    """Open answers of models that were evaluated: every metric is finite and in its range."""
    files = sorted((real_data / "benchmark-scores" / "smmile").glob("result_*_open.csv"))
    assert len(files) >= 6
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["true_answer"].strip()]
        scores = lexical_scores(
            [row["generated_answer"] for row in rows], [row["true_answer"] for row in rows], names=list(LEXICAL)
        )
        assert len(rows) > 50
        for name, items in scores.items().items():
            assert np.isfinite(items).all(), (file.name, name)
            assert (items >= 0).all(), (file.name, name)
            assert (items <= (LEXICAL[name].top or np.inf) + 1e-9).all(), (file.name, name)


def test_chinese_answers(real_data: Path) -> None:
    """An answer against itself is matched whole, and against the next one hardly ever."""
    with (real_data / "slake-qa-text" / "train.jsonl").open(encoding="utf-8") as lines:
        answers = [row["answer"] for row in map(json.loads, lines) if row["q_lang"] == "zh" and row["answer"].strip()]
    answers = answers[:1000]
    names = [name for name in ("coco_rouge_l", "rouge_1", "token_f1", "chrf", "exact") if name in for_language("zh")]
    same = lexical_scores(answers, answers, names=names, language="zh").values()
    other = lexical_scores(answers, [*answers[1:], answers[0]], names=names, language="zh").values()
    for name in names:
        assert same[name] == pytest.approx(LEXICAL[name].top, abs=1e-9)
        assert other[name] < 0.5 * same[name]
