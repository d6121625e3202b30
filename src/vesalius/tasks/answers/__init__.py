"""The one parser of models' replies, strict or as a published rule reads them, and the scores of replies.

A package and no task: the folder of tasks takes files only.
"""

from __future__ import annotations

from vesalius.tasks.answers.judges import JUDGES, parse_judge
from vesalius.tasks.answers.parse import (
    COMPAT,
    modes,
    parse_boxes,
    parse_choice,
    parse_choices,
    parse_closed,
    parse_confidence,
    parse_json,
    parse_number,
    parse_numbers,
    parse_open,
    parse_order,
    parse_points,
)
from vesalius.tasks.answers.regions import parse_image_number
from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.words import score_soft
from vesalius.tasks.answers.score import (
    Answered,
    SpreadRow,
    score_choice,
    score_choices,
    score_closed,
    score_item,
    score_likelihood,
    score_open,
    spread,
)

__all__ = [
    "COMPAT",
    "JUDGES",
    "Answered",
    "Parsed",
    "ScoredAnswer",
    "SpreadRow",
    "modes",
    "parse_boxes",
    "parse_choice",
    "parse_choices",
    "parse_closed",
    "parse_confidence",
    "parse_image_number",
    "parse_json",
    "parse_judge",
    "parse_number",
    "parse_numbers",
    "parse_open",
    "parse_order",
    "parse_points",
    "score_choice",
    "score_choices",
    "score_closed",
    "score_item",
    "score_likelihood",
    "score_open",
    "score_soft",
    "spread",
]
