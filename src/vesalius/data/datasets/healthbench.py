"""HealthBench: 5,000 conversations with rubrics that a judge goes through; for tests only.

A score is the sum of the points of what is met over the sum of all positive points; negative points may make one
conversation negative, and the mean is cut to 0..1. `Dialogue.rationale` holds the rubric, `rubric` reads it. The
release carries a canary: keep it out of training data. The twin's rubrics can be decided by rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Provenance
from vesalius.data.releases.exams import examined, text_questions
from vesalius.data.releases.questions import conversation
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.twins import QUESTION_FAMILIES, digest, write_json_lines
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "Criterion", "read", "rubric", "write"]

ABOUT = About(
    title="HealthBench", slug="healthbench", licence="MIT",
    access="It is open: download the file of conversations by the link of its repository",
    home="https://github.com/openai/simple-evals",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64, questions=3.0, families=QUESTION_FAMILIES)

_PATTERNS = ("*oss_eval.jsonl", "consensus_*.jsonl", "hard_*.jsonl")
"""All conversations, or one of the two selections from them."""
_MOST_POINTS = 10


class Criterion(NamedTuple):
    """A line of a rubric: what an answer does, and the points for it, from -10 to 10."""

    text: str
    points: float
    tags: tuple[str, ...]


def read(root: Path) -> Iterator[Sample]:
    """Yield one study without pictures for each conversation, all in "test"; of the whole file, or of a selection.

    `Dialogue.source` is ``healthbench/<themes>``; the answer is the ideal completion where there is one.
    """
    found = [path for pattern in _PATTERNS for path in sorted(root.glob(pattern))]
    if not found:
        require_files(root, ["2025-05-07-06-14-12_oss_eval.jsonl"], ABOUT)
    yield from _samples(json_lines(found[0]), provenance(root, ABOUT))


def rubric(dialogue: Dialogue) -> tuple[Criterion, ...]:
    """Return the rubric of a conversation.

    Raises:
        DataError: the dialogue holds none.
    """
    try:
        return tuple(
            Criterion(text, points, tuple(tags)) for text, points, tags in json.loads(dialogue.rationale or "null")
        )
    except (ValueError, TypeError):
        raise DataError(f"dialogue {dialogue.id!r} holds no rubric; expected one read from HealthBench") from None


def _samples(rows: Iterable[Row], origin: Provenance) -> Iterator[Sample]:
    for row in rows:
        name = row.text("prompt_id")
        turns = [(turn.text("role"), turn.text("content")) for turn in row.parts("prompt")]
        ideal = row.cells.get("ideal_completions_data")
        answer = row.inside("ideal_completions_data", ideal).optional("ideal_completion") if ideal else ""
        themes = "+".join(str(tag).removeprefix("theme:") for tag in row.items("example_tags"))
        dialogue = conversation(name, turns, images=(), source=f"healthbench/{themes}")
        lines = json.dumps([_criterion(part) for part in row.parts("rubrics")], ensure_ascii=False)
        yield examined(name, replace(dialogue, answer=answer, rationale=lines), "test", origin)


def _criterion(row: Row) -> Criterion:
    points = row.cells.get("points")
    if not isinstance(points, int | float) or not -_MOST_POINTS <= points <= _MOST_POINTS:
        raise row.fault(f"points are {points!r}, expected a number from -{_MOST_POINTS} to {_MOST_POINTS}")
    return Criterion(row.text("criterion"), points, tuple(str(tag) for tag in row.items("tags")))


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write conversations with positive and negative points; one in two has an ideal completion."""
    rows: list[dict[str, Any]] = []
    for place, (_, text, question) in enumerate(text_questions(corpus)):
        turns = [{"role": "user", "content": text}]
        if place % 3 == 2:
            turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "What is it?"}, *turns]
        rows.append({
            "prompt": turns, "prompt_id": f"virtual-{place}-{digest(text)}", "canary": "virtual canary",
            "rubrics": [
                {"criterion": f"Says: {question.answer}.", "points": 7,
                 "tags": ["level:example", "axis:accuracy"]},
                {"criterion": "Names a disease that the description does not name.", "points": -5,
                 "tags": ["level:example", "axis:completeness"]},
            ],
            "example_tags": ["theme:hedging" if place % 2 else "theme:context_seeking"],
            "ideal_completions_data": {"ideal_completion": question.answer} if place % 2 else None,
        })  # fmt: skip
    write_json_lines(root / "2025-05-07-06-14-12_oss_eval.jsonl", rows)
    return list(_samples((Row(row, "row") for row in rows), virtual_origin(ABOUT)))
