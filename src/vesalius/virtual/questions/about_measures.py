"""Questions about numbers: how large, above a value or not, abnormal or not, which is larger, what follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np

from vesalius.config import Config, read_yaml, validate
from vesalius.data.records import Measurement
from vesalius.virtual.questions.items import Item, View, measure_key, named

__all__ = ["above", "beyond_normal", "larger_side", "next_step", "value", "value_choice"]

_APART = 1.15
"""Least ratio between two options, so that a right measurement never fits two."""
_FEW = 12
"""A quantity that fewer studies have lends no options."""
_BINS = 6


@dataclass(frozen=True, kw_only=True)
class _Threshold(Config):
    """A line between normal and not, from the radiological tables that the measurement's definition names."""

    above: float
    says: str


@dataclass(frozen=True, kw_only=True)
class _Rule(Config):
    """What follows from a size."""

    measure: str
    limits: list[float]
    steps: list[str]


@dataclass(frozen=True, kw_only=True)
class _Rules(Config):
    thresholds: dict[str, _Threshold]
    next_steps: dict[str, _Rule]


@cache
def _rules() -> _Rules:
    file = Path(__file__).with_name("rules.yaml")
    return validate(_Rules, read_yaml(file), where=file.name)


def value(view: View) -> Iterator[Item]:
    """Ask for a measurement with its unit."""
    for measured in _single(view):
        yield Item(
            family="value", key=measure_key(measured), kind="", answer=_written(measured.value, measured.unit),
            answer_type="number", slots=_slots(measured), images=_images(measured), steps=3,
            rationale=f"{_called(measured)} measures {_written(measured.value, measured.unit)}",
        )  # fmt: skip


def value_choice(view: View) -> Iterator[Item]:
    """Ask for a measurement among those of three other people.

    The three are drawn once, and nothing is asked where any two of the four values are too near: a second draw would
    leave the common values to those who have them, and tell.
    """
    for measured in _single(view):
        others = view.pool.values[measure_key(measured)]
        if len(others) < _FEW or measured.value <= 0:
            continue
        drawn = [others[place] for place in view.rng.permutation(len(others))[:3]]
        options = [measured.value, *drawn]
        if all(_apart(first, second) for first, second in combinations(options, 2)):
            written = [_written(option, measured.unit) for option in options]
            yield Item(
                family="value_choice", key=measure_key(measured), kind="", answer=written[0], answer_type="choice",
                options=view.shuffled(written), slots=_slots(measured), images=_images(measured), steps=3,
                rationale=f"{_called(measured)} measures {written[0]}",
            )  # fmt: skip


def above(view: View) -> Iterator[Item]:
    """Ask whether a measurement is above another person's."""
    for measured in _single(view):
        others = view.pool.values[measure_key(measured)]
        if len(others) < 2 * _FEW or measured.value <= 0:
            continue
        limit = others[int(view.rng.integers(len(others)))]
        if not _apart(limit, measured.value):
            continue
        rank = int(np.searchsorted(np.sort(others), limit) * _BINS / (len(others) + 1))
        yes = measured.value > limit
        yield Item(
            family="above", key=f"{measure_key(measured)}/{rank}", kind="yes" if yes else "no", kinds=("yes", "no"),
            answer="yes" if yes else "no", answer_type="closed", images=_images(measured), steps=3,
            slots=(*_slots(measured), ("limit", _written(limit, measured.unit))),
            rationale=f"{_called(measured)} measures {_written(measured.value, measured.unit)}",
        )  # fmt: skip


def beyond_normal(view: View) -> Iterator[Item]:
    """Ask whether a measurement is beyond the line that guidelines draw; near the line nothing is asked."""
    for measured in _single(view):
        rule = _rules().thresholds.get(measured.name)
        if rule is None or abs(measured.value / rule.above - 1) < 0.05:
            continue
        yes = measured.value > rule.above
        yield Item(
            family="beyond_normal", key=measure_key(measured), kind="yes" if yes else "no", kinds=("yes", "no"),
            answer="yes" if yes else "no", answer_type="closed", images=_images(measured), steps=4,
            slots=(*_slots(measured), ("statement", rule.says)),
            rationale=f"{_called(measured)} is {_written(measured.value, measured.unit)}, the limit {rule.above:g}",
        )  # fmt: skip


def larger_side(view: View) -> Iterator[Item]:
    """Ask which side has the larger measurement."""
    sides: dict[tuple[str, str], dict[str, Measurement]] = defaultdict(dict)
    for measured in _single(view):
        if measured.laterality in ("left", "right"):
            part = measured.anatomy.removeprefix("left ").removeprefix("right ")
            sides[measured.name, part][measured.laterality] = measured
    for (name, part), pair in sides.items():
        if len(pair) == 2 and _apart(pair["left"].value, pair["right"].value):
            answer = "left" if pair["left"].value > pair["right"].value else "right"
            yield Item(
                family="larger_side", key=f"{name}/{part}", kind=answer, kinds=("left", "right"), answer=answer,
                answer_type="choice", options=view.shuffled(("left", "right")), steps=4,
                slots=(("measure", named(name)), ("part", part)), images=_images(pair["left"]),
                rationale="; ".join(f"{k}: {_written(v.value, v.unit)}" for k, v in sorted(pair.items())),
            )  # fmt: skip


def next_step(view: View) -> Iterator[Item]:
    """Ask what a guideline advises for the size of a finding that is there once."""
    for concept in view.concepts:
        rule = _rules().next_steps.get(concept)
        if rule is None:
            continue
        sizes = [part.value for part in view.study.measurements if part.name == rule.measure]
        if len(sizes) != 1 or any(abs(sizes[0] / limit - 1) < 0.05 for limit in rule.limits):
            continue
        answer = rule.steps[sum(sizes[0] >= limit for limit in rule.limits)]
        yield Item(
            family="next_step", key=concept, kind=answer, answer=answer, answer_type="choice",
            options=view.shuffled(rule.steps), slots=(("finding", named(concept)),), steps=5,
            evidence=view.evidence(concept), rationale=f"{named(concept)} of {sizes[0]:.0f} mm",
        )  # fmt: skip


def _single(view: View) -> list[Measurement]:
    """Measurements that are named once in the study, so that the question is clear."""
    counts: dict[str, int] = defaultdict(int)
    for measured in view.study.measurements:
        counts[measure_key(measured)] += 1
    return [
        measured
        for measured in view.study.measurements
        if counts[measure_key(measured)] == 1 and np.isfinite(measured.value)
    ]


def _apart(first: float, second: float) -> bool:
    if first <= 0 or second <= 0:
        return False
    return max(first, second) / min(first, second) >= _APART


def _called(measured: Measurement) -> str:
    side = "" if measured.laterality in ("", "midline", *measured.anatomy.split()) else measured.laterality
    where = f"{side} {measured.anatomy}".strip()
    name = named(measured.name)
    return f"the {name} of the {where}" if where and where not in name else f"the {name}"


def _slots(measured: Measurement) -> tuple[tuple[str, str], ...]:
    return (("measure", _called(measured)), ("unit", _unit(measured.unit)))


def _images(measured: Measurement) -> tuple[str, ...]:
    return (measured.image,) if measured.image else ()


def _unit(unit: str) -> str:
    return {"1": "", "[hnsf'U]": "HU", "deg": "degrees"}.get(unit, unit)


def _written(number: float, unit: str) -> str:
    """Write a value as all values of its unit are written: two decimals of a ratio, else three digits that count."""
    text = f"{number:.2f}" if unit == "1" else f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
    return f"{text} {_unit(unit)}".strip()
