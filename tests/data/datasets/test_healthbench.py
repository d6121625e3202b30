"""HealthBench: conversations and rubrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from question_files import put_lines

from vesalius.data.datasets.healthbench import Criterion, read, rubric
from vesalius.errors import DataError

NAME = "2025-05-07-06-14-12_oss_eval.jsonl"


def row(points: object) -> dict[str, Any]:
    said = [("user", "Hello."), ("assistant", "What is it?"), ("user", "A cough.")]
    return {
        "prompt": [{"role": role, "content": text} for role, text in said], "prompt_id": "p",
        "rubrics": [{"criterion": "Asks how long.", "points": points, "tags": ["level:example", "axis:accuracy"]}],
        "example_tags": ["theme:hedging", "physician_agreed_category:x"], "ideal_completions_data": None,
    }  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    ideal = row(-5) | {"prompt_id": "q", "ideal_completions_data": {"ideal_completion": "Rest."}}
    put_lines(tmp_path / NAME, row(7), ideal)
    put_lines(tmp_path / "hard_2025-05-08-21-00-10.jsonl", row(7))
    first, second = (sample.study.dialogues[0] for sample in read(tmp_path))
    assert [turn.role for turn in first.turns] == ["user", "assistant", "user"]
    assert rubric(first) == (Criterion("Asks how long.", 7, ("level:example", "axis:accuracy")),)
    assert rubric(second)[0].points == -5
    assert (first.answer, second.answer) == ("", "Rest.")
    assert first.source == "healthbench/hedging+physician_agreed_category:x"
    with pytest.raises(DataError, match="holds no rubric"):
        rubric(replace(first, rationale=""))


def test_points_out_of_range(tmp_path: Path) -> None:
    put_lines(tmp_path / NAME, row(11))
    with pytest.raises(DataError, match=r"line 1, rubrics 1: points are 11"):
        list(read(tmp_path))
