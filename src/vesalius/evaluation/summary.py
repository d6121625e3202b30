"""An evaluation in words: what the model does better than its controls, and what the program prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vesalius.evaluation.paired import LOWER_IS_BETTER
from vesalius.evaluation.results import REPORT_FILE, Evaluation
from vesalius.evaluation.together import together_words

__all__ = [
    "HEADLINES",
    "Headline",
    "Standing",
    "headline_names",
    "headline_words",
    "headlines",
    "several_text",
    "summary",
    "verdict",
]

Standing = Literal["above", "not above", "undecided", "no interval", "undefined"]

HEADLINES = (
    ("zero_shot", "auroc", "macro", "Zero-shot AUROC, mean over findings"),
    ("linear_probe_100", "auroc", "macro", "Linear probe AUROC, all labels"),
    ("knn_100", "auroc", "macro", "Nearest neighbours AUROC, all labels"),
    ("classification_1", "auroc", "macro", "Fine-tuned AUROC, 1 % of the labels"),
    ("classification_10", "auroc", "macro", "Fine-tuned AUROC, 10 % of the labels"),
    ("classification_100", "auroc", "macro", "Fine-tuned AUROC, all labels"),
    ("vqa_1", "accuracy", "all", "Accuracy of answers, 1 % of the questions"),
    ("vqa_10", "accuracy", "all", "Accuracy of answers, 10 % of the questions"),
    ("vqa_100", "accuracy", "all", "Accuracy of answers, all questions"),
    ("segmentation_1", "dice", "macro", "Dice of masks, 1 % of the labels"),
    ("segmentation_10", "dice", "macro", "Dice of masks, 10 % of the labels"),
    ("segmentation_100", "dice", "macro", "Dice of masks, all labels"),
    ("detection_100", "ap_50", "macro", "Boxes, AP at an overlap of a half, all labels"),
    ("report_100", "bleu_4", "macro", "Written reports, BLEU-4, all training reports"),
    ("report_100", "rouge_l", "macro", "Written reports, ROUGE-L, all training reports"),
    ("retrieval", "r_at_5", "image_to_text", "Right text among five, from the image"),
    ("retrieval", "r_at_5", "text_to_image", "Right image among five, from the text"),
    ("zero_shot_matching", "auroc", "macro", "Zero-shot AUROC by matching, mean over findings"),
    ("matching", "r_at_1", "image_to_text", "Right text among sixteen by matching"),
    ("matching", "r_at_1", "text_to_image", "Right image among sixteen by matching"),
    ("image_retrieval", "p_at_5", "macro", "Share of like images among the five nearest"),
)
"""Task, metric, label and words of the scores that stand at the top."""


_OPEN: Mapping[Standing, str] = {
    "undecided": "intervals overlap",
    "no interval": "there is no interval to tell",
    "undefined": "a control has no value",
}
"""Why a headline score is neither above its controls nor below one."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A score that stands at the top, beside the same score of the controls."""

    words: str
    score: Mapping[str, Any]
    controls: Mapping[str, Mapping[str, Any]]

    @property
    def lower(self) -> bool:
        """Say whether a smaller value is better."""
        return str(self.score["metric"]).startswith(LOWER_IS_BETTER)

    def standing(self, control: str) -> Standing:
        """Say whether the model is above a control: intervals apart, overlapping, or not there."""
        other = self.controls[control]
        near, far = ("low", "high") if not self.lower else ("high", "low")
        values = (self.score["value"], self.score[near], other["value"], other[far])
        if self.score["value"] is None or other["value"] is None:
            return "undefined"
        sign = -1 if self.lower else 1
        if any(value is None for value in values):
            return "no interval" if sign * self.score["value"] > sign * other["value"] else "not above"
        if sign * self.score[near] > sign * other[far]:
            return "above"
        return "undecided" if sign * self.score["value"] > sign * other["value"] else "not above"

    @property
    def overall(self) -> Standing:
        """The weakest standing against any control; undefined without controls."""
        found = {self.standing(control) for control in self.controls}
        order: tuple[Standing, ...] = ("not above", "undecided", "no interval", "undefined", "above")
        return next((standing for standing in order if standing in found), "undefined")


def headline_names(document: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return task, metric, label and words of what stands at the top: a benchmark's own, else `HEADLINES`."""
    own = document.get("headlines")
    return [(one["task"], one["metric"], one["label"], one["words"]) for one in own] if own else list(HEADLINES)


def headlines(evaluation: Evaluation) -> list[Headline]:
    """Return the scores that stand at the top, with those of the controls."""
    found = []
    for task, metric, label, words in headline_names(evaluation.document):
        score = evaluation.score(task, metric, label)
        if score is None:
            continue
        names = dict.fromkeys(row["control"] for row in evaluation.controls)
        beside = {name: evaluation.score(task, metric, label, control=name) for name in names}
        controls = {name: row for name, row in beside.items() if row is not None}
        found.append(Headline(words=words, score=score, controls=controls))
    return found


def headline_words(task: str, metric: str, label: str) -> str:
    """Return the words of a headline score, or its plain name."""
    words = (words for *name, words in HEADLINES if tuple(name) == (task, metric, label))
    return next(words, f"{task} / {metric} / {label}")


def verdict(shown: Sequence[Headline]) -> str:
    """Say in one or two sentences whether the model is above its controls."""
    judged = [one for one in shown if one.controls and one.score["value"] is not None]
    if not judged:
        return "There is no score that could be set beside a control, so nothing is said of the model."
    above = [one for one in judged if one.overall == "above"]
    below = [one for one in judged if one.overall == "not above"]
    if len(above) == len(judged):
        which = f"all {len(judged)} headline scores" if len(judged) > 1 else "the headline score"
        return f"The model is above every control on {which}, with intervals that do not overlap."
    share = f"{len(above) or 'none'} of {len(judged)}"
    parts = [f"The model is clearly above every control on {share} headline scores."]
    if below:
        parts.append(f"It is no better than a control on: {'; '.join(_lower(one.words) for one in below)}.")
    for standing, why in _OPEN.items():
        if open_ones := [one for one in judged if one.overall == standing]:
            parts.append(f"Undecided, since {why}: {'; '.join(_lower(one.words) for one in open_ones)}.")
    return " ".join(parts)


def summary(evaluation: Evaluation) -> str:
    """Return what the program prints after an evaluation."""
    document = evaluation.document
    shown = headlines(evaluation)
    items = document["corpus"]["items"]
    corpus = document["corpus"]
    size = f"{items['n']} {items.get('unit', 'studies')} of {items['n_patients']} patients"
    lines = [f"{document['model']['name']} on {corpus['name']}, split {corpus['split']}: {size}", ""]
    for one in shown:
        lines.append(f"{one.words:42} {_interval(one.score)}")
        lines += [f"    {name:38} {_interval(row)}" for name, row in one.controls.items()]
    lines += ["", verdict(shown)]
    if corpus["virtual"]:
        lines.append("These are virtual patients: no clinical evidence.")
    lines += [f"warning: {text}" for text in document["warnings"]]
    lines += [
        f"skipped {row.get('task', '')}{' ' if 'task' in row and 'control' in row else ''}"
        f"{row.get('control', '')}: {row['reason']}"
        for row in document["skipped"]
    ]
    report = evaluation.folder / REPORT_FILE
    lines.append(
        f"\n{len(evaluation.scores)} scores in {evaluation.folder}"
        + (f", report {report}" if report.is_file() else "")
    )
    return "\n".join(lines)


def several_text(evaluations: Sequence[Evaluation]) -> str:
    """Return the headline scores of one model on several benchmarks, a line each beside the best control."""
    lines = [f"{'benchmark':<30}{'score':<44}{'value':<24}best control"]
    for evaluation in evaluations:
        name = evaluation.document["corpus"]["name"]
        shown = [one for one in headlines(evaluation) if one.score["value"] is not None]
        for one in shown:
            lines.append(f"{name:<30}{one.words:<44}{_bare(one.score):<24}{_best_control(one)}")
        lines += [f"{name:<30}no headline score"] * (not shown)
        lines += [f"{'':<30}{text}" for text in evaluation.document["warnings"]]
    return "\n".join(lines)


def _best_control(shown: Headline) -> str:
    sign = -1 if shown.lower else 1
    known = {name: row for name, row in shown.controls.items() if row["value"] is not None}
    if not known:
        return "–"
    best = max(known, key=lambda name: sign * known[name]["value"])
    return f"{best} {_bare(known[best])}"


def _bare(row: Mapping[str, Any]) -> str:
    """Return value and interval without a note."""
    return _interval({**row, "note": ""})


def _interval(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return f"undefined: {row['note']}" if row.get("note") else "undefined"
    if row["low"] is None:
        return f"{row['value']:.3f} (no interval: {row['note']})" if row.get("note") else f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _lower(words: str) -> str:
    return words[0].lower() + words[1:] if not words[:2].isupper() else words


def comparison_text(document: Mapping[str, Any], *, folder: str) -> str:
    """Return what the program prints after a comparison."""
    lines = []
    for row in document["pairs"]:
        if row["primary"]:
            words = headline_words(row["task"], row["metric"], row["label"])
            change = f"{row['difference']:+.3f}"
            if row["low"] is not None:
                change += f" [{row['low']:+.3f}, {row['high']:+.3f}]"
            p = "" if row["p_holm"] is None else f", p {row['p_holm']:.4f} (Holm)"
            told = f" ({shown})" if (shown := detectable_words(row)) else ""
            lines.append(f"{row['first']} - {row['second']}  {words:42} {change}{p}: {row['verdict']}{told}")
    lines += ["", *comparison_words(document)]
    lines += [f"differs: {row['between']}: {row['field']}: {row['effect']}" for row in document["differences"]]
    return "\n".join(
        [*lines, f"\n{len(document['pairs'])} comparisons in {folder}/comparison.json and comparison.html"]
    )


def detectable_words(row: Mapping[str, Any]) -> str:
    """Say of an undecided comparison what difference it could have shown, and how many patients two points need."""
    if row["verdict"] != "undecided" or not row["detectable"]:
        return ""
    words = f"with {row['n_patients']} patients a difference of {row['detectable']:.3f} would show"
    needed = row.get("patients_needed")
    return words if needed is None else f"{words}, for one of 0.020 it takes {math.ceil(needed):,} patients"


def comparison_words(document: Mapping[str, Any]) -> list[str]:
    """Say for each pair how many headline scores are won, tied, lost or undecided."""
    words = []
    kinds = {"win": "wins", "tie": "ties", "loss": "losses", "undecided": "undecided"}
    for row in document["tally"]:
        counts = [f"{row[kind]} {kind if row[kind] == 1 else many}" for kind, many in kinds.items() if row[kind]]
        total = sum(row[kind] for kind in kinds)
        words.append(f"{row['first']} against {row['second']} on {total} headline scores: {', '.join(counts)}.")
    words += [together_words(row) for row in document.get("together", ())]
    return words or ["The models share no headline score; see all scores."]
