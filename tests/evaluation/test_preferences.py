"""What preference tuning did: planted length exploitation, over-optimisation and alignment tax, and their page."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.evaluation.preferences import (
    Checkpoint,
    Progress,
    alignment_tax,
    controlled_gain,
    preference_report,
)
from vesalius.evaluation.report.preferences import preference_page, write_preference_page
from vesalius.metrics.bootstrap import patient_weights

ITEMS = 120
PATIENTS = [f"p{number // 2}" for number in range(ITEMS)]
RNG = np.random.default_rng(0)
LENGTH = RNG.integers(20, 60, ITEMS).astype(float)
QUALITY = RNG.uniform(0.2, 0.6, ITEMS)


def checkpoint(
    name: str, step: int, *, gain: float = 0.0, longer: float = 1.0, per_log: float = 0.0, other: float = 0.0,
) -> Checkpoint:  # fmt: skip
    """A model with a true gain, texts that are longer, and a judge that likes length by so much a log-ratio."""
    rng = np.random.default_rng(step + len(name))
    length = np.round(LENGTH * longer * rng.uniform(0.75, 1.35, ITEMS))
    ratio = np.log((length + 1) / (LENGTH + 1))
    judge = QUALITY + gain + per_log * ratio + rng.normal(0, 0.02, ITEMS)
    return Checkpoint(
        algorithm=name, step=step, judge=judge, length=length,
        held_out={"entities": QUALITY + other + rng.normal(0, 0.02, ITEMS)},
    )  # fmt: skip


START = Checkpoint(algorithm="sft", step=0, judge=QUALITY, held_out={"entities": QUALITY}, length=LENGTH)


def last(*tuned: Checkpoint) -> Progress:
    return preference_report(START, tuned, PATIENTS, judge="facts", resamples=300).progress[-1]


def test_a_judge_that_likes_length_is_found_out() -> None:
    # No true gain; .3 a log-ratio, and texts 1.05 times as long in the median but up to 1.35: see that 0 is found.
    found = last(checkpoint("dpo", 100, longer=1.4, per_log=0.3, other=0.002))
    assert found.judge_gain.low > 0
    assert found.controlled.low < 0 < found.controlled.high
    assert found.controlled.value == pytest.approx(0.0, abs=0.02)
    assert found.length_ratio.value == pytest.approx(1.4 * 1.05, rel=0.03)
    assert found.verdict == "judge rises with the length, and not beyond it"


def test_a_true_gain_stays_when_length_is_controlled_for() -> None:
    found = last(checkpoint("r-dpo", 100, gain=0.1, longer=1.2, per_log=0.2, other=0.05))
    assert found.controlled.value == pytest.approx(0.1, abs=0.015)
    assert found.controlled.low > 0
    assert found.verdict == "judge and held-out metrics rise"
    assert not found.is_extrapolated


def test_over_optimisation() -> None:
    found = last(checkpoint("dpo", 100, gain=0.1, other=-0.05))
    assert found.held_out_gain["entities"].high < 0
    assert found.verdict == "judge rises, a held-out metric falls: over-optimised"
    assert last(checkpoint("dpo", 100)).verdict == "judge does not rise"


def test_texts_that_are_all_much_longer_are_an_extrapolation() -> None:
    found = last(checkpoint("dpo", 100, gain=0.1, longer=3.2))
    assert found.alike < 0.1
    assert found.is_extrapolated


def test_the_intercept_by_hand() -> None:
    # Gains .3, .1, .5 at log-ratios 1, 0, 2: on the line .1 + .2 x.
    weights = patient_weights(["a", "b", "c"], resamples=50)
    assert controlled_gain([0.3, 0.1, 0.5], [1.0, 0.0, 2.0], weights).value == pytest.approx(0.1)
    # No length changed: the mean. All by the same ratio: not defined.
    assert controlled_gain([0.3, 0.1, 0.5], [0.0, 0.0, 0.0], weights).value == pytest.approx(0.3)
    assert np.isnan(controlled_gain([0.3, 0.1, 0.5], [0.7, 0.7, 0.7], weights).value)


def test_the_intercept_is_that_of_numpy() -> None:
    rng = np.random.default_rng(1)
    x, d = rng.normal(size=40), rng.normal(size=40)
    found = controlled_gain(d, x, patient_weights([str(i) for i in range(40)], resamples=200))
    assert found.value == pytest.approx(np.polynomial.Polynomial.fit(x, d, 1).convert().coef[0], abs=1e-12)
    assert found.low < found.value < found.high


def test_order_of_checkpoints_does_not_matter() -> None:
    tuned = [checkpoint("b", 20, gain=0.1), checkpoint("a", 20), checkpoint("b", 10, gain=0.05)]
    one, other = (
        preference_report(START, order, PATIENTS, judge="facts", resamples=50) for order in (tuned, tuned[::-1])
    )
    assert one == other
    assert [(part.algorithm, part.step) for part in one.progress] == [("a", 20), ("b", 10), ("b", 20)]


def test_alignment_tax() -> None:
    rng = np.random.default_rng(2)
    right = (rng.random(ITEMS) < 0.7).astype(float)
    worse = np.where(rng.random(ITEMS) < 0.3, 0.0, right)
    start = {"view": right, "side": right}
    tuned = {"dpo": {"view": worse, "side": right}}
    view, side = alignment_tax(start, tuned, {"view": PATIENTS, "side": PATIENTS}, resamples=500)
    assert (view.case.adapted, view.case.part, view.case.n, view.case.n_clusters) == ("dpo", "view", ITEMS, 60)
    assert view.case.difference == pytest.approx(worse.mean() - right.mean())
    assert view.case.high < 0
    assert view.p_holm == pytest.approx(2 * view.p)
    assert (side.case.difference, side.p_holm) == (0.0, 1.0)


def test_what_is_refused() -> None:
    def refused(told: str, **changes: object) -> None:
        wrong = dataclasses.replace(checkpoint("dpo", 5), **changes)
        with pytest.raises(DataError, match=f"dpo at step 5: {told}"):
            preference_report(START, [wrong], PATIENTS, judge="facts", resamples=20)

    refused(r"held-out metrics are \['facts'\]; expected some that are not facts", held_out={"facts": QUALITY})
    refused(r"held-out metrics are \[\]", held_out={})
    refused(r"held-out metrics \['bleu'\], the start's are \['entities'\]", held_out={"bleu": QUALITY})
    refused(r"judge has shape \(3,\); expected a finite number for 120", judge=np.zeros(3))
    refused("judge has shape", judge=np.full(ITEMS, np.nan))
    refused("a length is negative", length=-LENGTH)
    with pytest.raises(DataError, match="dpo: task 'side' is not measured of all"):
        alignment_tax({"view": [1.0], "side": [1.0]}, {"dpo": {"view": [1.0]}}, {"view": ["p"], "side": ["p"]})


def test_the_page(tmp_path: Path) -> None:
    tuned = [
        checkpoint(name, step, gain=step / 1000, longer=1 + step / 100, per_log=0.1)
        for name in ("dpo", "r-dpo <b>") for step in (50, 100)
    ]  # fmt: skip
    tax = alignment_tax({"view": QUALITY}, {"dpo": {"view": QUALITY - 0.1}}, {"view": PATIENTS}, resamples=50)
    report = preference_report(START, tuned, PATIENTS, judge="facts", tax=tax, resamples=50)
    text = preference_page(report, virtual=True)
    assert "<b>" not in text
    assert "r-dpo &lt;b&gt;" in text
    assert text.count("<svg") == 5
    for told in ("Judge and length", "entities, never a judge", "Alignment tax", "-0.100", "not clinical evidence"):
        assert told in text
    assert "nan" not in text.lower().replace("finance", "")
    assert write_preference_page(report, tmp_path).read_text(encoding="utf-8") == preference_page(report)
    bare = preference_page(preference_report(START, tuned[:1], PATIENTS, judge="facts", resamples=50))
    assert "Alignment tax" not in bare
