"""The card of the embedded assistant, written from its evaluation: what it is, what it is not, and every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import Headline, Standing

__all__ = ["CARD", "CONTROLS", "EVALUATION", "FACTS", "KEPT", "card_text", "kept_scores", "part_headlines"]

CONTROLS = ("majority", "question-only", "blank", "other")
"""Beside which every figure stands, see `vesalius.evaluation.answering.controls.NOTES`."""
KEPT = ("task", "metric", "label", "value", "low", "high", "n", "n_patients", "note")
"""Fields of a score that are stored with the model."""

_METRICS = ("fact_f1", "accuracy", "iou", "point_f1")
"""What a part is told by: the first of these that it has; boxes beside yes or no are told by both."""
_WORDS = {
    "accuracy": "right answers", "iou": "overlap of boxes (IoU)", "fact_f1": "F1 of stated facts",
    "point_f1": "F1 of points",
}  # fmt: skip
_STANDING: Mapping[Standing, str] = {
    "above": "yes", "undecided": "undecided", "not above": "**no**", "no interval": "undecided",
    "undefined": "undecided",
}  # fmt: skip

CARD, EVALUATION, FACTS = "card.md", "evaluation.json", "facts.json"
"""Files beside the weights: the card, its scores, and what it tells beside them."""
_TEXT = """# Embedded assistant

A vision-language model of {millions} million weights ({megabytes} MB) that answers questions about **virtual** chest
radiographs: whether, where, on which side, how large; it names findings, draws boxes and writes reports. Weights:
CC0-1.0, as the virtual patients are.

## What it is not

- Not for clinical use, teaching or any decision about a person. It has never seen a real image.
- It says nothing reliable of a real radiograph; it answers one all the same, and does not know the difference.
- English, one frontal chest radiograph, the words of virtual patients' questions and reports. Other images, languages
  and topics get an answer without meaning.
- Its measurements in mm are guesses from a picture that is shown without its scale.

## How it was made

`{command}`: {patients} virtual patients of seed {seed}, radiographs of {image_size} × {image_size} pixels; {trained}
conversations an epoch; steps: {steps}. Recipes `assistant/vision`, `assistant` and `assistant/choices`.

## What it can do

Asked about {asked} patients of the test part, by whom nothing was chosen. Share or score, with a 95 % interval over
patients. Controls: the most frequent answer, the same model without a picture, with a grey one, and with another
patient's. Questions of the corpus itself stand as `vqa:virtual/…`.
"""


def kept_scores(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an evaluation is stored with the model: the scores of the card and what made them."""
    wanted = {*_METRICS}

    def rows(of: Sequence[Mapping[str, Any]], *more: str) -> list[dict[str, Any]]:
        return [
            {name: row[name] for name in (*KEPT, *more)}
            for row in of
            if row["metric"] in wanted and row["label"] == "all"
        ]

    made = [row for row in rows(document["controls"], "control") if row["control"] in CONTROLS]
    facts = {name: document[name] for name in ("schema_version", "corpus", "settings", "code", "finished", "command")}
    facts["corpus"] = {name: value for name, value in facts["corpus"].items() if name != "root"}
    named = ("name", "architecture", "weights_sha256", "trained_on")
    model = {name: document["model"][name] for name in named if name in document["model"]}
    return {**facts, "model": model, "scores": rows(document["scores"]), "controls": made, "passports": {}}


def part_headlines(evaluation: Evaluation) -> list[tuple[str, Headline]]:
    """Return each part's scores beside those of the controls, in the order of the evaluation."""
    found = []
    for task in dict.fromkeys(row["task"] for row in evaluation.scores):
        here = [name for name in _METRICS if evaluation.score(task, name, "all") is not None]
        told = here if here[:2] == ["accuracy", "iou"] else [name for name in here if name != "accuracy"] or here
        for metric in told if told[:1] != ["fact_f1"] else [name for name in told if name != "point_f1"]:
            score = evaluation.score(task, metric, "all")
            beside = {name: evaluation.score(task, metric, "all", control=name) for name in CONTROLS}
            if score is not None and score["value"] is not None:
                controls = {name: row for name, row in beside.items() if row is not None}
                part = task.partition(".")[2]
                found.append((part, Headline(words=f"{part}, {_WORDS[metric]}", score=score, controls=controls)))
    return found


def card_text(document: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the card.

    Args:
        document: what `kept_scores` keeps.
        facts: ``parameters``, ``bytes``, ``patients``, ``seed``, ``image_size``, ``command`` and ``steps`` by stage.
    """
    shown = part_headlines(_evaluation(document))
    below = [line.words for _, line in shown if line.overall == "not above"]
    open_ones = [line.words for _, line in shown if line.overall not in ("above", "not above")]
    above = sum(line.overall == "above" for _, line in shown)
    verdict = [f"{above} of {len(shown)} figures are above every control, with intervals that do not overlap."]
    if below:
        verdict.append(f"No better than a control: {'; '.join(below)}.")
    if open_ones:
        verdict.append(f"Undecided, since intervals overlap: {'; '.join(open_ones)}.")
    return "\n".join([_about(document, facts), " ".join(verdict), "", *_table(shown), "", _notes(document)]) + "\n"


def _evaluation(document: Mapping[str, Any]) -> Evaluation:
    from pathlib import Path

    return Evaluation(Path(), document)


def _about(document: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    return _TEXT.format(
        millions=f"{facts['parameters'] / 1e6:.1f}",
        megabytes=f"{facts['bytes'] / 1e6:.1f}",
        steps=", ".join(f"{name} {count}" for name, count in facts["steps"].items()),
        trained=document["model"].get("trained_on", {}).get("num_pairs", 0),
        asked=document["corpus"]["items"]["n_patients"],
        **{name: facts[name] for name in ("command", "patients", "seed", "image_size")},
    )


def _table(shown: Sequence[tuple[str, Headline]]) -> list[str]:
    rows = [
        f"| asked | figure | n | assistant | {' | '.join(CONTROLS)} | above all |",
        f"|---|---|---|---|{'---|' * len(CONTROLS)}---|",
    ]
    for part, line in shown:
        beside = [_number(line.controls[name]["value"]) if name in line.controls else "–" for name in CONTROLS]
        rows.append(
            f"| {part} | {_WORDS[line.score['metric']]} | {line.score['n']} | {_told(line.score)} | "
            f"{' | '.join(beside)} | {_STANDING[line.overall]} |"
        )
    return rows


def _told(score: Mapping[str, Any]) -> str:
    if score["low"] is None:
        return _number(score["value"])
    return f"{_number(score['value'])} [{_number(score['low'])}, {_number(score['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _notes(document: Mapping[str, Any]) -> str:
    weights = str(document["model"].get("weights_sha256", ""))[:12]
    made = f"Vesalius {document['code']['vesalius']}, {document['finished']}; weights `{weights}`."
    return f"{made} `{EVALUATION}` beside this card holds every number."
