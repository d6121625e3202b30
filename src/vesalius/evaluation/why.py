"""Why two scores differ: what their passports say differently, and what that can do to the number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.evaluation.results import Evaluation, open_evaluation

__all__ = [
    "Difference",
    "Explanation",
    "RuleChange",
    "ScoreName",
    "differences",
    "find_score",
    "read_score_name",
    "why",
]


class _Effect(NamedTuple):
    blocks: bool
    words: str


_EFFECTS: Mapping[str, _Effect] = {
    "dataset.revision": _Effect(True, "the corpora hold other records or files, so the numbers are about other data"),
    "dataset.split": _Effect(True, "other items were scored"),
    "dataset.items": _Effect(True, "other items were scored, so luck of the draw is part of the difference"),
    "dataset.learnt_from": _Effect(
        True, "probes, neighbours and thresholds learnt from other items; zero-shot ranks do not"
    ),
    "dataset.texts": _Effect(True, "another part of the report is the text: retrieval becomes easier or harder"),
    "dataset.images": _Effect(True, "another image stands for a study"),
    "dataset.virtual": _Effect(True, "virtual and real patients are not to be compared"),
    "dataset.name": _Effect(False, "the corpora have other names; what they hold is compared by revision"),
    "task.name": _Effect(True, "another question is asked"),
    "dataset.parts": _Effect(True, "other parts of the benchmark were asked"),
    "dataset.left_out": _Effect(True, "items were left out, for their files are missing"),
    "task.benchmark": _Effect(True, "another benchmark"),
    "task.arm": _Effect(True, "the questions were put in another way"),
    "task.arms": _Effect(True, "the questions of a part were put in another way"),
    "task.search": _Effect(False, "prompts were chosen on other validation items, or not chosen"),
    "task.shots": _Effect(True, "other demonstrations stood before the questions"),
    "task.rules": _Effect(False, "more or fewer rules were laid over the same replies; each score says its own"),
    "task.judge": _Effect(True, "another judge, or none, read the free answers"),
    "task.judge_order": _Effect(True, "the judge read the answers in one order, or in both"),
    "task.confidence": _Effect(
        False, "the confidence is another quantity: calibration and abstention are not comparable, answers are"
    ),
    "task.wordnet": _Effect(False, "METEOR with synonyms has other synonyms, or none was asked for"),
    "model.decoding": _Effect(False, "answers are drawn in another way, which belongs to the model as it is asked"),
    "task.settings": _Effect(True, "the question is put or answered under other settings"),
    "task.prompts": _Effect(
        True, "other sentences were shown to the model: wording alone moves zero-shot scores, often by points"
    ),
    "scoring.metrics": _Effect(True, "the metrics were computed by another version of their definition"),
    "scoring.resamples": _Effect(False, "the interval is simulated with more or fewer draws; the value stays"),
    "scoring": _Effect(True, "the interval is made in another way"),
    "resampling_seed": _Effect(False, "the interval moves by simulation noise; the value stays"),
    "seed": _Effect(False, "draws inside the task, the shuffle or random weights are others: small random moves"),
    "model.weights_sha256": _Effect(False, "the weights differ: this is what a comparison is about"),
    "model.temperature": _Effect(
        False, "probabilities change, and with them Brier and calibration; ranks and AUROC do not"
    ),
    "model.precision": _Effect(False, "rounding differs: moves in the last digits, rarely more"),
    "model.name": _Effect(False, "a name only"),
    "model": _Effect(False, "the model differs: this is what a comparison is about"),
    "preprocessing": _Effect(False, "other pixels or words reach the model from the same files"),
    "control": _Effect(False, "one of them is a control, or another control"),
    "code": _Effect(False, "another version of the program: see its change log"),
    "command": _Effect(False, "nothing by itself"),
}
"""Longest matching start of a field's dotted name decides; `blocks` means that a comparison is refused."""


_EXAMPLES = 8
"""Items that are shown of those on which two rules do not agree."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field in which two passports differ."""

    field: str
    first: Any
    second: Any
    effect: str
    """What it can do to the number."""
    blocks: bool
    """The two numbers are not about the same question on the same items."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class ScoreName:
    """Which score of which evaluation; an empty part takes the first score that fits."""

    path: str
    task: str = ""
    metric: str = ""
    label: str = ""
    control: str = ""


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """One of two rules that marked the same replies."""

    side: str
    name: str
    words: str
    more: int
    """Items to which this rule gives more than the other."""
    examples: tuple[tuple[str, str, str], ...]
    """Item and what each rule read, of a few of them."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Two scores and everything in which their passports differ."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    differences: tuple[Difference, ...]
    rules: tuple[RuleChange, ...] = ()
    """What the two rules of marking say, and the items on which they do not agree, where the replies are the same."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [difference.to_dict() for difference in self.differences]
        return {
            "first": dict(self.first),
            "second": dict(self.second),
            "differences": rows,
            "rules": [vars(rule) for rule in self.rules],
            "verdict": self.verdict,
        }

    @property
    def verdict(self) -> str:
        """One sentence on whether the two numbers may be set side by side."""
        if self.rules:
            return "The same replies under two rules: the difference is the rule and not the model."
        blocking = [difference.field for difference in self.differences if difference.blocks]
        named = [self.first[key] == self.second[key] for key in ("task", "metric", "label")]
        if not all(named):
            return "They are different scores: task, metric and label must be the same to compare them."
        if blocking:
            return f"Not comparable as they stand: {', '.join(blocking)} differ."
        if not self.differences:
            return "The passports are the same: so must the numbers be."
        return "Same question on the same items: the difference is that of the models, within its interval."

    def text(self) -> str:
        """Return the explanation for people, one difference a paragraph."""
        lines = [_score_line("A", self.first), _score_line("B", self.second), "", self.verdict]
        for difference in self.differences:
            mark = "!" if difference.blocks else "-"
            lines += ["", f"{mark} {difference.field}: {difference.effect}"]
            lines += [f"    A  {_short(difference.first)}", f"    B  {_short(difference.second)}"]
        for rule in self.rules:
            lines += ["", f"  {rule.side}  {rule.name}: {rule.words}", f"     more by this rule: {rule.more} items"]
            lines += [f"       {item}: A read {first!r}, B read {second!r}" for item, first, second in rule.examples]
        return "\n".join(lines)


def why(first: str, second: str) -> Explanation:
    """Explain the difference of two scores.

    Args:
        first: PATH or PATH#task/metric/label, where PATH is an evaluation, its scores.json or a run with one
            evaluation; a control is named by PATH#control:task/metric/label.
        second: the same for the other score; without ``#`` it takes task, metric and label of the first.

    Raises:
        ConfigError: a name cannot be read.
        DataError: no such evaluation or score; offers the nearest.
    """
    one, other = read_score_name(first), read_score_name(second)
    score_a, passport_a = find_score(open_evaluation(one.path), one)
    if not other.task:
        other = ScoreName(
            path=other.path,
            task=score_a["task"],
            metric=score_a["metric"],
            label=score_a["label"],
            control=one.control,
        )
    score_b, passport_b = find_score(open_evaluation(other.path), other)
    found = differences(passport_a, passport_b)
    rules = () if found else _rules(open_evaluation(one.path), (score_a, score_b), control=one.control)
    return Explanation(first=score_a, second=score_b, differences=tuple(found), rules=rules)


def _rules(
    evaluation: Evaluation, scores: tuple[Mapping[str, Any], Mapping[str, Any]], *, control: str
) -> tuple[RuleChange, ...]:
    """Compare two rules on the same replies, item by item; nothing where the scores are of one rule."""
    names = [str(score["task"]).partition("@") for score in scores]
    conventions = evaluation.document.get("conventions", {})
    if names[0][0] != names[1][0] or names[0][2] == names[1][2] or scores[0]["metric"] != scores[1]["metric"]:
        return ()
    marks: list[dict[str, tuple[float, str]]] = [{}, {}]
    for row in evaluation.predictions(control=control).to_pylist():
        for side, score in enumerate(scores):
            if (row["task"], row["label"]) == (score["task"], score["metric"]):
                marks[side][row["item"]] = (row["score"], json.loads(row["detail"])["said"])
    shared = sorted(marks[0].keys() & marks[1].keys())
    made = []
    for side, other in ((0, 1), (1, 0)):
        more = [item for item in shared if marks[side][item][0] > marks[other][item][0]]
        name = names[side][2] or next(iter(conventions), "")
        examples = tuple((item, marks[0][item][1], marks[1][item][1]) for item in more[:_EXAMPLES])
        made.append(
            RuleChange(side="AB"[side], name=name, words=conventions.get(name, ""), more=len(more), examples=examples)
        )
    return tuple(made)


def read_score_name(text: str) -> ScoreName:
    """Read PATH, PATH#task, PATH#task/metric or PATH#task/metric/label, with ``control:`` before the task."""
    path, _, rest = text.partition("#")
    control, mark, name = rest.partition(":")
    if not mark:
        control, name = "", rest
    parts = name.split("/") if name else []
    if not path or len(parts) > 3:
        raise ConfigError(
            f"cannot read the score {text!r}; expected PATH#task/metric/label, such as "
            "runs/a/evaluations/chest-test#zero_shot/auroc/macro"
        )
    task, metric, label = (*parts, *[""] * (3 - len(parts)))
    return ScoreName(path=path, task=task, metric=metric, label=label, control=control)


def find_score(evaluation: Evaluation, name: ScoreName) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return a score and its passport.

    Raises:
        DataError: no score fits; offers the nearest.
    """
    rows = evaluation.controls if name.control else evaluation.scores
    rows = [row for row in rows if row.get("control", "") == name.control]
    if name.control and not rows:
        known = sorted({row["control"] for row in evaluation.controls})
        raise DataError(f"{evaluation.folder}: no control {name.control!r}{did_you_mean(name.control, known)}")
    for key in ("task", "metric", "label"):
        wanted = getattr(name, key)
        fitting = [row for row in rows if not wanted or row[key] == wanted]
        if not fitting:
            known = sorted({str(row[key]) for row in rows})
            raise DataError(f"{evaluation.folder}: no score with {key} {wanted!r}{did_you_mean(wanted, known)}")
        rows = fitting
    return rows[0], evaluation.document["passports"][rows[0]["passport"]]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Return every field in which two passports differ, those that block a comparison first."""
    one, other = _flat(first), _flat(second)
    fields = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    named_by_text = {name.rsplit(".", 1)[0] for name in fields if name.endswith(".prompts.texts")}
    rows = []
    for name in fields:
        if name.rsplit(".", 1)[0] in named_by_text and not name.endswith(".texts"):
            continue
        a, b = one.get(name), other.get(name)
        if isinstance(a, list) and isinstance(b, list) and name.endswith(".texts"):
            a, b = [text for text in a if text not in b], [text for text in b if text not in a]
        effect = _effect(name)
        rows.append(Difference(field=name, first=a, second=b, effect=effect.words, blocks=effect.blocks))
    return sorted(rows, key=lambda row: (not row.blocks, row.field))


def _flat(values: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{start}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _effect(field: str) -> _Effect:
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        known = _EFFECTS.get(".".join(parts[:length]))
        if known:
            return known
    return _Effect(True, "a field that this version does not know")


def _score_line(side: str, row: Mapping[str, Any]) -> str:
    control = f"{row['control']}: " if row.get("control") else ""
    name = f"{control}{row['task']}/{row['metric']}/{row['label']}"
    value = f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]"
    size = f"n = {row['n']}, {row['n_patients']} patients"
    return f"{side}  {name} = {value}, {size}, passport {row['passport']}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _short(value: Any, *, most: int = 160) -> str:
    if value is None or value == "":
        return "(not stated)"
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = f"{len(value)} of its own: " + "; ".join(str(item) for item in value) if value else "none of its own"
    else:
        text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
